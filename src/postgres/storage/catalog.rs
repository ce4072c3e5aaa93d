//! Which tables there are.
//!
//! A table that its transaction has not committed is seen by that
//! transaction alone; so is its absence after DROP TABLE. Every change gets
//! the catalog a new version, by which plans know that they are out of date.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::clog::{Clog, Status, Xid};
use super::table::{Table, TableId};

/// The tables of the database.
#[derive(Debug, Default)]
pub(in crate::postgres) struct Catalog {
    tables: BTreeMap<TableId, Table>,
    names: BTreeMap<Arc<str>, Vec<TableId>>,
    last_id: u32,
    version: u64,
    /// Changes of transactions that still run.
    uncommitted: usize,
}

/// PostgreSQL gives numbers below this to its own objects.
const FIRST_ID: u32 = 16_384;

impl Catalog {
    /// A number for a new table, index or sequence.
    pub(in crate::postgres) fn new_id(&mut self) -> u32 {
        self.last_id = self.last_id.max(FIRST_ID - 1) + 1;
        self.last_id
    }

    /// Never hands out numbers up to `id` again.
    pub(in crate::postgres) fn reserve(&mut self, id: u32) {
        self.last_id = self.last_id.max(id);
    }

    /// Changes with every change of the catalog.
    pub(in crate::postgres) fn version(&self) -> u64 {
        self.version
    }

    /// True if everybody sees the same catalog.
    pub(in crate::postgres) fn is_settled(&self) -> bool {
        self.uncommitted == 0
    }

    /// A running transaction changed the catalog.
    pub(in crate::postgres) fn changed(&mut self) {
        self.version += 1;
        self.uncommitted += 1;
    }

    /// `changes` of a transaction were committed or undone.
    pub(in crate::postgres) fn settled(&mut self, changes: usize) {
        if changes > 0 {
            self.version += 1;
            self.uncommitted -= changes;
        }
    }

    pub(in crate::postgres) fn add(&mut self, table: Table) {
        let id = table.def.id;
        self.names
            .entry(table.def.name.clone())
            .or_default()
            .push(id);
        self.tables.insert(id, table);
    }

    pub(in crate::postgres) fn remove(&mut self, id: TableId) -> Option<Table> {
        let table = self.tables.remove(&id)?;
        if let Some(ids) = self.names.get_mut(&table.def.name) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.names.remove(&table.def.name);
            }
        }
        Some(table)
    }

    pub(in crate::postgres) fn table(&self, id: TableId) -> Option<&Table> {
        self.tables.get(&id)
    }

    pub(in crate::postgres) fn table_mut(&mut self, id: TableId) -> Option<&mut Table> {
        self.tables.get_mut(&id)
    }

    pub(in crate::postgres) fn tables(&self) -> impl Iterator<Item = &Table> {
        self.tables.values()
    }

    /// The table of this name that the transaction `top` sees.
    pub(in crate::postgres) fn find(&self, name: &str, clog: &Clog, top: Xid) -> Option<&Table> {
        let happened = |xid: Xid| match clog.status(xid) {
            Status::Committed(_) => true,
            Status::InProgress(running) => running == top,
            Status::Aborted => false,
        };
        self.names
            .get(name)?
            .iter()
            .filter_map(|id| self.tables.get(id))
            .find(|table| {
                happened(table.created_by)
                    && !(table.dropped_by.is_some() && happened(table.dropped_by))
            })
    }
}
