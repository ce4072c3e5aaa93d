//! pg_class: whatever has a name: tables, their indexes, views, sequences.

use super::pg_am::{BTREE, HEAP};
use super::pg_roles::SUPERUSER;
use super::{PUBLIC, Sight, SystemTable, count, int, text};
use crate::postgres::types::Type::{Bool, Char, Float4, Int2, Name, Oid};
use crate::postgres::types::{Row, Value};

pub(super) static TABLE: SystemTable = SystemTable {
    name: "pg_class",
    oid: 1259,
    columns: &[
        ("oid", Oid),
        ("relname", Name),
        ("relnamespace", Oid),
        ("relkind", Char),
        ("relpersistence", Char),
        ("relnatts", Int2),
        ("reltuples", Float4),
        ("relowner", Oid),
        ("relam", Oid),
        ("relhasindex", Bool),
    ],
    with: &[
        (2662, "pg_class_oid_index"),
        (2663, "pg_class_relname_nsp_index"),
        (3455, "pg_class_tblspc_relfilenode_index"),
    ],
    rows: relations,
};

/// What is said of a relation.
struct Relation<'a> {
    oid: u32,
    name: &'a str,
    kind: &'static str,
    columns: usize,
    indexed: bool,
}

impl Relation<'_> {
    fn row(&self) -> Row {
        let method = match self.kind {
            "r" => HEAP,
            "i" => BTREE,
            _ => 0,
        };
        [
            int(self.oid),
            text(self.name),
            int(PUBLIC),
            text(self.kind),
            text("p"),
            count(self.columns),
            Value::Real(-1.0),
            int(SUPERUSER),
            int(method),
            Value::Bool(self.indexed),
        ]
        .into()
    }
}

fn relations(sight: &Sight<'_>) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut add = |oid, name: &str, kind, columns, indexed| {
        let relation = Relation {
            oid,
            name,
            kind,
            columns,
            indexed,
        };
        rows.push(relation.row());
    };
    for def in sight.tables() {
        let indexed = !def.indexes.is_empty();
        add(def.id.0, &def.name, "r", def.columns.len(), indexed);
        for index in &def.indexes {
            let columns = index.keys.len() + index.include.len();
            add(index.id, &index.name, "i", columns, false);
        }
    }
    let (engine, top) = (sight.engine, sight.top);
    for (id, view) in engine.catalog.views(&engine.clog, top) {
        add(id, &view.name, "v", view.columns.len(), false);
    }
    for sequence in engine.catalog.sequences(&engine.clog, top) {
        add(sequence.id.0, &sequence.name, "S", 3, false);
    }
    rows
}
