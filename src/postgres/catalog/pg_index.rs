//! pg_index: what an index is over.

use super::{SystemTable, count, int};
use crate::postgres::storage::table::{IndexDef, TableDef};
use crate::postgres::types::Type::{Bool, Int2, Oid};
use crate::postgres::types::{Row, Value};

pub(super) static TABLE: SystemTable = SystemTable {
    name: "pg_index",
    oid: 2610,
    columns: &[
        ("indexrelid", Oid),
        ("indrelid", Oid),
        ("indnatts", Int2),
        ("indnkeyatts", Int2),
        ("indisunique", Bool),
        ("indisprimary", Bool),
        ("indisvalid", Bool),
        ("indisready", Bool),
    ],
    with: &[
        (2678, "pg_index_indrelid_index"),
        (2679, "pg_index_indexrelid_index"),
    ],
    rows: |sight| sight.tables().flat_map(|def| of_table(&def)).collect(),
};

fn of_table(def: &TableDef) -> Vec<Row> {
    let row = |index: &IndexDef| {
        Row::from([
            int(index.id),
            int(def.id.0),
            count(index.keys.len() + index.include.len()),
            count(index.keys.len()),
            Value::Bool(index.unique),
            Value::Bool(index.is_primary()),
            Value::Bool(true),
            Value::Bool(true),
        ])
    };
    def.indexes.iter().map(row).collect()
}
