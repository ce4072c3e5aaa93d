//! pg_settings: every setting that SHOW ALL lists.

use super::{SystemTable, text};
use crate::postgres::types::Type::Text;
use crate::postgres::types::Value;

pub(super) static TABLE: SystemTable = SystemTable {
    name: "pg_settings",
    oid: 12_104,
    columns: &[("name", Text), ("setting", Text), ("unit", Text)],
    with: &[],
    rows: |sight| {
        let all = sight.settings.raw();
        all.map(|(name, value, unit)| {
            let unit = unit.map_or(Value::Null, text);
            [text(name), text(&value), unit].into()
        })
        .collect()
    },
};
