//! pg_class: whatever has a name: tables, their indexes, views, sequences,
//! and the catalog's own.

use super::pg_am::{BTREE, HEAP};
use super::pg_roles::SUPERUSER;
use super::{INFORMATION_SCHEMA, PG_CATALOG, PUBLIC, Sight, SystemTable, all, count, int, text};
use crate::postgres::storage::table::{Count, IndexDef, TableDef};
use crate::postgres::types::Type::{Aclitem, Array, Bool, Char, Float4, Int2, Int4, Name, Oid};
use crate::postgres::types::Type::{PgNodeTree, Text, Xid};
use crate::postgres::types::{Row, Value};

pub(super) static TABLE: SystemTable = SystemTable {
    name: "pg_class",
    oid: 1259,
    columns: &[
        ("oid", Oid),
        ("relname", Name),
        ("relnamespace", Oid),
        ("reltype", Oid),
        ("reloftype", Oid),
        ("relowner", Oid),
        ("relam", Oid),
        ("relfilenode", Oid),
        ("reltablespace", Oid),
        ("relpages", Int4),
        ("reltuples", Float4),
        ("relallvisible", Int4),
        ("reltoastrelid", Oid),
        ("relhasindex", Bool),
        ("relisshared", Bool),
        ("relpersistence", Char),
        ("relkind", Char),
        ("relnatts", Int2),
        ("relchecks", Int2),
        ("relhasrules", Bool),
        ("relhastriggers", Bool),
        ("relhassubclass", Bool),
        ("relrowsecurity", Bool),
        ("relforcerowsecurity", Bool),
        ("relispopulated", Bool),
        ("relreplident", Char),
        ("relispartition", Bool),
        ("relrewrite", Oid),
        ("relfrozenxid", Xid),
        ("relminmxid", Xid),
        ("relacl", Array(&Aclitem)),
        ("reloptions", Array(&Text)),
        ("relpartbound", PgNodeTree),
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
    schema: i64,
    kind: &'static str,
    columns: usize,
    checks: usize,
    indexed: bool,
    /// A foreign key is kept by triggers, at either end.
    triggers: bool,
    count: Option<Count>,
}

impl<'a> Relation<'a> {
    fn new(oid: u32, name: &'a str, kind: &'static str, columns: usize) -> Relation<'a> {
        Relation {
            oid,
            name,
            schema: PUBLIC,
            kind,
            columns,
            checks: 0,
            indexed: false,
            triggers: false,
            count: None,
        }
    }

    fn of_table(sight: &Sight<'_>, def: &'a TableDef) -> Relation<'a> {
        let (engine, top) = (sight.engine, sight.top);
        let references = engine.catalog.references(def.id, &engine.clog, top);
        let table = engine.catalog.table(def.id);
        Relation {
            checks: def.checks.len(),
            indexed: !def.indexes.is_empty(),
            triggers: !def.foreign_keys.is_empty() || !references.is_empty(),
            count: table.and_then(|table| table.counts.get(&def.id.0).copied()),
            ..Relation::new(def.id.0, &def.name, "r", def.columns.len())
        }
    }

    fn of_index(sight: &Sight<'_>, def: &TableDef, index: &'a IndexDef) -> Relation<'a> {
        let columns = index.keys.len() + index.include.len();
        let table = sight.engine.catalog.table(def.id);
        Relation {
            count: table.and_then(|table| table.counts.get(&index.id).copied()),
            ..Relation::new(index.id, &index.name, "i", columns)
        }
    }

    fn of_system(table: &'static SystemTable) -> Relation<'static> {
        let (schema, name) = match table.name.split_once('.') {
            Some((_, name)) => (INFORMATION_SCHEMA, name),
            None => (PG_CATALOG, table.name),
        };
        let kind = if table.is_view() { "v" } else { "r" };
        Relation {
            schema,
            indexed: kind == "r" && !table.with.is_empty(),
            ..Relation::new(table.oid, name, kind, table.columns.len())
        }
    }

    fn row(&self) -> Row {
        let method = match self.kind {
            "r" => HEAP,
            "i" => BTREE,
            _ => 0,
        };
        // Rows are -1 until they are counted; what is made with a relation is
        // counted at once.
        let (pages, tuples) = match (self.count, self.kind) {
            (Some(count), _) => (count.pages, count.tuples),
            (None, "S") => (1, 1),
            (None, "i") if self.schema == PUBLIC => (1, 0),
            (None, "i") => (0, 0),
            (None, _) => (0, -1),
        };
        let stored = self.kind != "v";
        let identity = match self.kind {
            "r" if self.schema == PUBLIC => "d",
            _ => "n",
        };
        [
            int(self.oid),
            text(self.name),
            int(self.schema),
            int(0),
            int(0),
            int(SUPERUSER),
            int(method),
            int(if stored { self.oid } else { 0 }),
            int(0),
            int(pages),
            Value::Real(tuples as f32),
            int(0),
            int(0),
            Value::Bool(self.indexed),
            Value::Bool(false),
            text("p"),
            text(self.kind),
            count(self.columns),
            count(self.checks),
            Value::Bool(self.kind == "v"),
            Value::Bool(self.triggers),
            Value::Bool(false),
            Value::Bool(false),
            Value::Bool(false),
            Value::Bool(true),
            text(identity),
            Value::Bool(false),
            int(0),
            int(0),
            int(0),
            Value::Null,
            Value::Null,
            Value::Null,
        ]
        .into()
    }
}

fn relations(sight: &Sight<'_>) -> Vec<Row> {
    let mut rows: Vec<Row> = all()
        .map(|table| Relation::of_system(table).row())
        .collect();
    for def in sight.tables() {
        rows.push(Relation::of_table(sight, &def).row());
        let indexes = def.indexes.iter();
        rows.extend(indexes.map(|index| Relation::of_index(sight, &def, index).row()));
    }
    let (engine, top) = (sight.engine, sight.top);
    for (id, view) in engine.catalog.views(&engine.clog, top) {
        rows.push(Relation::new(id, &view.name, "v", view.columns.len()).row());
    }
    for sequence in engine.catalog.sequences(&engine.clog, top) {
        rows.push(Relation::new(sequence.id.0, &sequence.name, "S", 3).row());
    }
    rows
}
