//! The committed state at a point of the log: what a checkpoint writes, and
//! recovery replays the rest of the log on.

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::record::{Entry, Record, RowEntry};
use crate::postgres::observer::Change;
use crate::postgres::storage::catalog::View;
use crate::postgres::storage::clog::Xid;
use crate::postgres::storage::heap::Tid;
use crate::postgres::storage::sequence::{SequenceDef, SequenceId};
use crate::postgres::storage::table::{TableDef, TableId};
use crate::postgres::types::Row;

/// The committed state at a point of the log.
#[derive(Debug, Clone, Default)]
pub(in crate::postgres) struct Image {
    pub(in crate::postgres) tables: BTreeMap<TableId, TableImage>,
    pub(in crate::postgres) sequences: BTreeMap<SequenceId, i64>,
    pub(in crate::postgres) sequence_defs: BTreeMap<SequenceId, Arc<SequenceDef>>,
    pub(in crate::postgres) views: BTreeMap<u32, View>,
    pub(in crate::postgres) last_xid: Xid,
    /// The last number of the catalog in use.
    pub(in crate::postgres) last_id: u32,
}

#[derive(Debug, Clone)]
pub(in crate::postgres) struct TableImage {
    pub(in crate::postgres) def: Arc<TableDef>,
    /// In no order: every commit takes rows away and puts others in.
    rows: IndexMap<Tid, Row, FxBuildHasher>,
}

impl TableImage {
    /// The rows in the order of their places.
    pub(in crate::postgres) fn into_rows(mut self) -> impl Iterator<Item = (Tid, Row)> {
        self.rows.sort_unstable_keys();
        self.rows.into_iter()
    }
}

impl Image {
    /// Does what a record says. The changes of rows go to `changes`, for
    /// whoever wants to know them.
    pub(in crate::postgres) fn replay(
        &mut self,
        record: &Record,
        mut changes: Option<&mut Vec<Change>>,
    ) {
        match record {
            Record::Sequence(id, reserved) => {
                self.sequences.insert(*id, *reserved);
            }
            Record::Commit(commit) => {
                self.last_xid = self.last_xid.max(commit.xid);
                for entry in &commit.entries {
                    self.replay_entry(entry, changes.as_deref_mut());
                }
            }
        }
    }

    fn replay_entry(&mut self, entry: &Entry, changes: Option<&mut Vec<Change>>) {
        match entry {
            Entry::Row(row) => self.replay_row(row, changes),
            Entry::Define(def) => self.define(def),
            Entry::Drop(id) => {
                self.tables.remove(id);
            }
            Entry::Truncate(id) => {
                if let Some(table) = self.tables.get_mut(id) {
                    table.rows.clear();
                }
            }
            Entry::DefineSequence(def) => {
                self.last_id = self.last_id.max(def.id.0);
                self.sequence_defs.insert(def.id, def.clone());
            }
            Entry::DropSequence(id) => {
                self.sequence_defs.remove(id);
                self.sequences.remove(id);
            }
            Entry::DefineView(id, view) => {
                self.last_id = self.last_id.max(*id);
                self.views.insert(*id, view.clone());
            }
            Entry::DropView(id) => {
                self.views.remove(id);
            }
        }
    }

    fn replay_row(&mut self, entry: &RowEntry, changes: Option<&mut Vec<Change>>) {
        let Some(table) = self.tables.get_mut(&entry.table) else {
            return;
        };
        let old = entry.old.and_then(|tid| table.rows.swap_remove(&tid));
        if let Some((tid, row)) = &entry.new {
            table.rows.insert(*tid, row.clone());
        }
        if let Some(changes) = changes {
            let new = entry.new.as_ref().map(|(_, row)| row.clone());
            changes.push(Change::of(&table.def, old, new));
        }
    }

    fn define(&mut self, def: &Arc<TableDef>) {
        self.last_id = self.last_id.max(def.last_id());
        match self.tables.get_mut(&def.id) {
            Some(table) => table.def = def.clone(),
            None => {
                let (def, rows) = (def.clone(), IndexMap::default());
                self.tables.insert(def.id, TableImage { def, rows });
            }
        }
    }
}
