//! pg_indexes: indexes by name.

use super::{SystemTable, text};
use crate::postgres::storage::table::TableDef;
use crate::postgres::types::Row;
use crate::postgres::types::Type::Name;

pub(super) static TABLE: SystemTable = SystemTable {
    name: "pg_indexes",
    oid: 12_043,
    columns: &[
        ("schemaname", Name),
        ("tablename", Name),
        ("indexname", Name),
    ],
    with: &[],
    rows: |sight| sight.tables().flat_map(|def| of_table(&def)).collect(),
};

fn of_table(def: &TableDef) -> Vec<Row> {
    let indexes = def.indexes.iter();
    indexes
        .map(|index| Row::from([text("public"), text(&def.name), text(&index.name)]))
        .collect()
}
