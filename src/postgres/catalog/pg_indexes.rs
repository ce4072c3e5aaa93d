//! pg_indexes: indexes by name.

use super::ruleutils::{Shown, show};
use super::{Sight, SystemTable, text};
use crate::postgres::storage::table::{IndexDef, TableDef};
use crate::postgres::types::Type::{Name, Text};
use crate::postgres::types::{Row, Value};

pub(super) static TABLE: SystemTable = SystemTable {
    name: "pg_indexes",
    oid: 12_043,
    columns: &[
        ("schemaname", Name),
        ("tablename", Name),
        ("indexname", Name),
        ("tablespace", Name),
        ("indexdef", Text),
    ],
    with: &[],
    rows: |sight| {
        let tables = sight.tables();
        tables.flat_map(|def| of_table(sight, &def)).collect()
    },
};

fn of_table(sight: &Sight<'_>, def: &TableDef) -> Vec<Row> {
    let row = |index: &IndexDef| {
        let shown = show(sight.engine, sight.top, Shown::Index(index.id, 0), false);
        Row::from([
            text("public"),
            text(&def.name),
            text(&index.name),
            Value::Null,
            shown.map_or(Value::Null, |shown| text(&shown)),
        ])
    };
    def.indexes.iter().map(row).collect()
}
