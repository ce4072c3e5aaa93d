//! What survives a crash: the write-ahead log, and the checkpoint it is
//! replayed on.
//!
//! Records are logical: one for each committed transaction, with its DDL and
//! its rows, and one for each reservation of sequence numbers. A record is
//! safe once the log is synced past it. A restart forgets the rest, and what
//! the server before it still tries to write.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::options::Bug;
use super::storage::catalog::View;
use super::storage::clog::Xid;
use super::storage::heap::Tid;
use super::storage::sequence::{SequenceDef, SequenceId};
use super::storage::table::{TableDef, TableId};
use super::types::Row;

/// One entry of the log.
#[derive(Debug)]
pub(super) enum Record {
    Commit {
        xid: Xid,
        entries: Vec<Entry>,
    },
    /// A sequence will not hand out these numbers again.
    Sequence(SequenceId, i64),
}

/// One step of a committed transaction.
#[derive(Debug)]
pub(super) enum Entry {
    /// A table was created, or has a new definition.
    Define(Arc<TableDef>),
    Drop(TableId),
    Truncate(TableId),
    Put(TableId, Tid, Row),
    Remove(TableId, Tid),
    DefineSequence(Arc<SequenceDef>),
    DropSequence(SequenceId),
    DefineView(u32, View),
    DropView(u32),
}

/// A position in the log: everything before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Lsn(u64);

/// The committed state at a point of the log.
#[derive(Debug, Clone, Default)]
pub(super) struct Image {
    pub(super) tables: BTreeMap<TableId, TableImage>,
    pub(super) sequences: BTreeMap<SequenceId, i64>,
    pub(super) sequence_defs: BTreeMap<SequenceId, Arc<SequenceDef>>,
    pub(super) views: BTreeMap<u32, View>,
    pub(super) last_xid: Xid,
    /// The last number of the catalog in use.
    pub(super) last_id: u32,
}

#[derive(Debug, Clone)]
pub(super) struct TableImage {
    pub(super) def: Arc<TableDef>,
    pub(super) rows: BTreeMap<Tid, Row>,
}

#[derive(Debug, Default)]
struct State {
    checkpoint: Image,
    /// What was logged since the checkpoint, and from where.
    log: Vec<Record>,
    log_start: u64,
    synced: Lsn,
    /// Counts restarts: a server of an earlier one writes nothing.
    incarnation: u64,
}

/// A disk. Clones are the same disk; it lives on when the server on it dies.
#[derive(Debug, Clone, Default)]
pub struct Disk(Arc<Mutex<State>>);

/// A disk as one run of a server uses it.
#[derive(Debug, Clone)]
pub(super) struct Log {
    disk: Disk,
    incarnation: u64,
}

/// The synced log is folded into the checkpoint at this length.
const CHECKPOINT_RECORDS: usize = 1_024;

impl Disk {
    /// An empty disk.
    pub fn new() -> Disk {
        Disk::default()
    }

    /// Starts a server: forgets what was not synced and hands out the rest.
    pub(super) fn recover(&self, planted: Option<Bug>) -> (Log, Image) {
        let mut state = self.0.lock();
        state.incarnation += 1;
        let synced = usize::try_from(state.synced.0 - state.log_start).unwrap_or(usize::MAX);
        state.log.truncate(synced);
        if planted == Some(Bug::LoseSyncedCommit) {
            state.lose_newest_commit();
        }
        state.fold();
        let log = Log {
            disk: self.clone(),
            incarnation: state.incarnation,
        };
        (log, state.checkpoint.clone())
    }
}

impl Log {
    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> Option<T> {
        let mut state = self.disk.0.lock();
        (state.incarnation == self.incarnation).then(|| work(&mut state))
    }

    /// Adds records, not yet safe.
    pub(super) fn append(&self, records: impl IntoIterator<Item = Record>) -> Lsn {
        self.with(|state| {
            state.log.extend(records);
            Lsn(state.log_start + state.log.len() as u64)
        })
        .unwrap_or_default()
    }

    /// Makes the log safe up to `lsn`.
    pub(super) fn synced(&self, lsn: Lsn) {
        self.with(|state| {
            state.synced = state.synced.max(lsn);
            let safe = state.synced.0 - state.log_start;
            if safe == state.log.len() as u64 && state.log.len() >= CHECKPOINT_RECORDS {
                state.fold();
            }
        });
    }
}

impl State {
    /// Replays the log onto the checkpoint.
    fn fold(&mut self) {
        let records = std::mem::take(&mut self.log);
        self.log_start += records.len() as u64;
        self.synced = Lsn(self.log_start);
        for record in records {
            self.checkpoint.replay(record);
        }
    }

    /// The planted bug: the last commit that was promised is gone.
    fn lose_newest_commit(&mut self) {
        let newest = self
            .log
            .iter()
            .rposition(|record| matches!(record, Record::Commit { .. }));
        if let Some(newest) = newest {
            self.log.remove(newest);
            self.log_start += 1;
        }
    }
}

impl Image {
    fn replay(&mut self, record: Record) {
        match record {
            Record::Sequence(id, reserved) => {
                self.sequences.insert(id, reserved);
            }
            Record::Commit { xid, entries } => {
                self.last_xid = self.last_xid.max(xid);
                for entry in entries {
                    self.replay_entry(entry);
                }
            }
        }
    }

    fn replay_entry(&mut self, entry: Entry) {
        match entry {
            Entry::Define(def) => {
                let last = def.indexes.iter().map(|index| index.id).max();
                self.last_id = self.last_id.max(def.id.0).max(last.unwrap_or(0));
                match self.tables.get_mut(&def.id) {
                    Some(table) => table.def = def,
                    None => {
                        let rows = BTreeMap::new();
                        self.tables.insert(def.id, TableImage { def, rows });
                    }
                }
            }
            Entry::Drop(id) => {
                self.tables.remove(&id);
            }
            Entry::Truncate(id) => {
                if let Some(table) = self.tables.get_mut(&id) {
                    table.rows.clear();
                }
            }
            Entry::Put(id, tid, row) => {
                if let Some(table) = self.tables.get_mut(&id) {
                    table.rows.insert(tid, row);
                }
            }
            Entry::DefineSequence(def) => {
                self.last_id = self.last_id.max(def.id.0);
                self.sequence_defs.insert(def.id, def);
            }
            Entry::DropSequence(id) => {
                self.sequence_defs.remove(&id);
                self.sequences.remove(&id);
            }
            Entry::DefineView(id, view) => {
                self.last_id = self.last_id.max(id);
                self.views.insert(id, view);
            }
            Entry::DropView(id) => {
                self.views.remove(&id);
            }
            Entry::Remove(id, tid) => {
                if let Some(table) = self.tables.get_mut(&id) {
                    table.rows.remove(&tid);
                }
            }
        }
    }
}
