//! A table: its definition, its rows, its indexes, kept in step.

use std::sync::Arc;

use super::clog::{Clog, Csn, Xid};
use super::heap::{Heap, RowId, Tid};
use super::index::{Index, key_of};
use super::row_lock::RowLockMode;
use super::sequence::SequenceId;
use crate::postgres::sql::Expr;
use crate::postgres::types::{Row, Type, Value};

/// A table's number in the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::postgres) struct TableId(pub(in crate::postgres) u32);

/// A column of a table.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct Column {
    pub(in crate::postgres) name: Arc<str>,
    pub(in crate::postgres) ty: Type,
    /// varchar(n), numeric(p,s): PostgreSQL's encoding, -1 for none.
    pub(in crate::postgres) modifier: i32,
    pub(in crate::postgres) not_null: bool,
    pub(in crate::postgres) default: Option<Expr>,
    /// GENERATED ALWAYS AS IDENTITY: takes no value from an INSERT.
    pub(in crate::postgres) generated_always: bool,
    /// The sequence that a serial or identity column owns.
    pub(in crate::postgres) sequence: Option<SequenceId>,
}

/// A CHECK constraint.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct Check {
    pub(in crate::postgres) name: Arc<str>,
    pub(in crate::postgres) condition: Expr,
}

/// What an index is over.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct IndexDef {
    pub(in crate::postgres) id: u32,
    pub(in crate::postgres) name: Arc<str>,
    pub(in crate::postgres) columns: Vec<usize>,
    pub(in crate::postgres) unique: bool,
}

/// What a table is. Replaced as a whole when it changes.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct TableDef {
    pub(in crate::postgres) id: TableId,
    pub(in crate::postgres) name: Arc<str>,
    pub(in crate::postgres) columns: Vec<Column>,
    pub(in crate::postgres) checks: Vec<Check>,
    pub(in crate::postgres) indexes: Vec<IndexDef>,
}

impl TableDef {
    pub(in crate::postgres) fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| &*column.name == name)
    }

    /// True if a foreign key could refer to the column: an update of it
    /// takes the strongest row lock.
    pub(in crate::postgres) fn is_key(&self, column: usize) -> bool {
        self.indexes
            .iter()
            .any(|index| index.unique && index.columns.contains(&column))
    }

    /// `(a, b)=(1, 2)`, as details name a key.
    pub(in crate::postgres) fn show_key(&self, index: &IndexDef, key: &[Value]) -> String {
        let join = |parts: Vec<String>| parts.join(", ");
        let names = index.columns.iter();
        let names = names.map(|column| self.columns[*column].name.to_string());
        let values = key.iter().map(ToString::to_string);
        format!("({})=({})", join(names.collect()), join(values.collect()))
    }
}

/// A table with its contents.
#[derive(Debug)]
pub(in crate::postgres) struct Table {
    pub(in crate::postgres) def: Arc<TableDef>,
    pub(in crate::postgres) heap: Heap,
    pub(in crate::postgres) indexes: Vec<Index>,
    /// Who created it: nobody else sees it before that commits.
    pub(in crate::postgres) created_by: Xid,
    /// Who is dropping it.
    pub(in crate::postgres) dropped_by: Xid,
}

/// A table's contents, set aside by TRUNCATE.
#[derive(Debug)]
pub(in crate::postgres) struct Contents {
    heap: Heap,
    indexes: Vec<Index>,
}

impl Table {
    pub(in crate::postgres) fn new(def: Arc<TableDef>, created_by: Xid) -> Table {
        let indexes = def.indexes.iter().map(|_| Index::default()).collect();
        Table {
            def,
            heap: Heap::default(),
            indexes,
            created_by,
            dropped_by: Xid::NONE,
        }
    }

    /// Adds a row to the heap; its index entries follow one by one, each
    /// after its own check.
    pub(in crate::postgres) fn insert(&mut self, xid: Xid, command: u32, row: Row) -> (RowId, Tid) {
        self.heap.insert(xid, command, row)
    }

    /// Puts a row back that a restart found, with all its entries.
    pub(in crate::postgres) fn restore(&mut self, tid: Tid, row: Row) {
        let id = self.heap.restore(tid, row.clone());
        for (def, index) in self.def.indexes.iter().zip(&mut self.indexes) {
            index.insert(key_of(&def.columns, &row), id);
        }
    }

    pub(in crate::postgres) fn add_entry(&mut self, index: usize, row: &[Value], id: RowId) {
        let key = key_of(&self.def.indexes[index].columns, row);
        self.indexes[index].insert(key, id);
    }

    /// Supersedes the newest version. Entries for changed keys follow.
    pub(in crate::postgres) fn update(
        &mut self,
        id: RowId,
        xid: Xid,
        command: u32,
        mode: RowLockMode,
        row: Row,
    ) -> Tid {
        self.heap.expire(id, xid, command, mode);
        self.heap.append(id, xid, command, row)
    }

    /// Undoes an insert or the new half of an update.
    pub(in crate::postgres) fn retract(&mut self, id: RowId, tid: Tid) {
        if let Some(row) = self.heap.retract(id, tid) {
            self.forget(&row, id);
        }
    }

    /// Drops what nobody can see.
    pub(in crate::postgres) fn prune(&mut self, id: RowId, clog: &Clog, horizon: Csn) {
        for row in self.heap.prune(id, clog, horizon) {
            self.forget(&row, id);
        }
    }

    fn forget(&mut self, row: &[Value], id: RowId) {
        let chain = self.heap.chain(id);
        for (def, index) in self.def.indexes.iter().zip(&mut self.indexes) {
            index.forget(&def.columns, row, id, chain);
        }
    }

    /// Takes over a definition with one more index and fills it.
    pub(in crate::postgres) fn add_index(&mut self, def: Arc<TableDef>) {
        self.def = def;
        if let Some(added) = self.def.indexes.last() {
            let mut index = Index::default();
            for (id, chain) in self.heap.rows() {
                for version in chain.versions() {
                    index.insert(key_of(&added.columns, &version.row), id);
                }
            }
            self.indexes.push(index);
        }
    }

    /// Takes back an index.
    pub(in crate::postgres) fn remove_index(&mut self, index_id: u32) {
        if let Some(at) = self.def.indexes.iter().position(|i| i.id == index_id) {
            let mut def = (*self.def).clone();
            def.indexes.remove(at);
            self.def = Arc::new(def);
            self.indexes.remove(at);
        }
    }

    /// Empties the table, and returns what was in it.
    pub(in crate::postgres) fn truncate(&mut self) -> Contents {
        let empty = self.def.indexes.iter().map(|_| Index::default()).collect();
        Contents {
            heap: std::mem::take(&mut self.heap),
            indexes: std::mem::replace(&mut self.indexes, empty),
        }
    }

    pub(in crate::postgres) fn refill(&mut self, contents: Contents) {
        self.heap = contents.heap;
        self.indexes = contents.indexes;
    }
}
