//! pg_description: what COMMENT has said.

use super::pg_class;
use super::{Sight, SystemTable, count, int, text};
use crate::postgres::storage::table::Commented;
use crate::postgres::types::Row;
use crate::postgres::types::Type::{Int4, Oid, Text};
use crate::postgres::types::Value;

pub(super) static TABLE: SystemTable = SystemTable {
    name: "pg_description",
    oid: 2609,
    columns: &[
        ("objoid", Oid),
        ("classoid", Oid),
        ("objsubid", Int4),
        ("description", Text),
    ],
    with: &[(2675, "pg_description_o_c_o_index")],
    rows,
};

fn rows(sight: &Sight<'_>) -> Vec<Row> {
    let row = |oid: u32, column: Value, comment: &str| {
        Row::from([int(oid), int(pg_class::TABLE.oid), column, text(comment)])
    };
    let mut rows = Vec::new();
    for def in sight.tables() {
        for (on, comment) in &def.comments {
            match on {
                Commented::Table => rows.push(row(def.id.0, int(0), comment)),
                Commented::Index(index) => {
                    let there = def.indexes.iter().any(|other| other.id == *index);
                    rows.extend(there.then(|| row(*index, int(0), comment)));
                }
                Commented::Column(name) => {
                    let number = def.column(name).map_or(0, |index| index + 1);
                    rows.push(row(def.id.0, count(number), comment));
                }
            }
        }
    }
    let (engine, top) = (sight.engine, sight.top);
    for (id, view) in engine.catalog.views(&engine.clog, top) {
        rows.extend(view.comment.iter().map(|comment| row(id, int(0), comment)));
    }
    for def in engine.catalog.sequences(&engine.clog, top) {
        let comment = def.comment.iter();
        rows.extend(comment.map(|comment| row(def.id.0, int(0), comment)));
    }
    rows
}
