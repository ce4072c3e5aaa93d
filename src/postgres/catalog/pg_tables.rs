//! pg_tables: tables by name.

use super::{SystemTable, text};
use crate::postgres::types::Type::Name;

pub(super) static TABLE: SystemTable = SystemTable {
    name: "pg_tables",
    oid: 12_033,
    columns: &[
        ("schemaname", Name),
        ("tablename", Name),
        ("tableowner", Name),
    ],
    with: &[],
    rows: |sight| {
        let tables = sight.tables();
        tables
            .map(|def| [text("public"), text(&def.name), text("postgres")].into())
            .collect()
    },
};
