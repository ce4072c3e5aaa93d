//! pg_attribute: the columns of tables.

use super::{SystemTable, count, int, text};
use crate::postgres::storage::table::{Generated, TableDef};
use crate::postgres::types::Type::{Bool, Char, Int2, Int4, Name, Oid};
use crate::postgres::types::{Row, Value};

pub(super) static TABLE: SystemTable = SystemTable {
    name: "pg_attribute",
    oid: 1249,
    columns: &[
        ("attrelid", Oid),
        ("attname", Name),
        ("atttypid", Oid),
        ("attnum", Int2),
        ("atttypmod", Int4),
        ("attnotnull", Bool),
        ("atthasdef", Bool),
        ("attisdropped", Bool),
        ("attidentity", Char),
    ],
    with: &[
        (2658, "pg_attribute_relid_attnam_index"),
        (2659, "pg_attribute_relid_attnum_index"),
    ],
    rows: |sight| sight.tables().flat_map(|def| of_table(&def)).collect(),
};

fn of_table(def: &TableDef) -> Vec<Row> {
    let columns = def.columns.iter().enumerate();
    columns
        .map(|(index, column)| {
            let identity = match column.generated {
                Some(Generated::Identity) => "a",
                _ if column.identity => "d",
                _ => "",
            };
            Row::from([
                int(def.id.0),
                text(&column.name),
                int(column.ty.oid()),
                count(index + 1),
                int(column.modifier),
                Value::Bool(column.not_null),
                Value::Bool(column.default.is_some()),
                Value::Bool(false),
                text(identity),
            ])
        })
        .collect()
}
