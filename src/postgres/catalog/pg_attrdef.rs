//! pg_attrdef: the defaults of columns, and what generated ones are.

use super::ruleutils::Node;
use super::{SystemTable, count, int, text};
use crate::postgres::storage::table::TableDef;
use crate::postgres::types::Row;
use crate::postgres::types::Type::{Int2, Oid, PgNodeTree};

pub(super) static TABLE: SystemTable = SystemTable {
    name: "pg_attrdef",
    oid: 2604,
    columns: &[
        ("oid", Oid),
        ("adrelid", Oid),
        ("adnum", Int2),
        ("adbin", PgNodeTree),
    ],
    with: &[
        (2656, "pg_attrdef_adrelid_adnum_index"),
        (2657, "pg_attrdef_oid_index"),
    ],
    rows: |sight| sight.tables().flat_map(|def| of_table(&def)).collect(),
};

/// PostgreSQL gives a default a number of its own; here it has its table's,
/// with that of its column above it.
fn of_table(def: &TableDef) -> Vec<Row> {
    let columns = def.columns.iter().zip(1..);
    let columns = columns.filter(|(column, _)| column.has_default());
    columns
        .map(|(_, number)| {
            let node = Node::Default(def.id.0, number);
            Row::from([
                int(number_of(def.id.0, number)),
                int(def.id.0),
                count(number),
                text(&node.text()),
            ])
        })
        .collect()
}

/// The number of a column's default.
pub(super) fn number_of(table: u32, column: usize) -> u32 {
    let column = u32::try_from(column).unwrap_or(0);
    (column << 20).wrapping_add(table)
}
