//! What survives a crash: the log, and the checkpoint it is replayed on.
//!
//! A restart forgets what was not written, and after a loss of power what was
//! not flushed; and it ignores what the server before it still tries to
//! write. Which of the lost commits had become visible, and which of the kept
//! ones had not, is noted, so that the truth can be told of both.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use super::image::Image;
use super::record::{Lsn, Record};
use crate::postgres::locks::Pid;
use crate::postgres::observer::Change;
use crate::postgres::options::Bug;
use crate::postgres::storage::clog::Xid;

/// A record in the log.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct Logged {
    /// Where it ends.
    pub(in crate::postgres) end: Lsn,
    pub(in crate::postgres) record: Arc<Record>,
    /// What it commits has become visible.
    visible: bool,
}

#[derive(Debug)]
struct State {
    /// The state at `redo`.
    checkpoint: Image,
    redo: Lsn,
    /// What was logged since then.
    log: VecDeque<Logged>,
    inserted: Lsn,
    written: Lsn,
    flushed: Lsn,
    /// Counts restarts: a server of an earlier one writes nothing.
    incarnation: u64,
    /// A server runs on it, or has crashed.
    in_production: bool,
}

impl Default for State {
    fn default() -> State {
        State {
            checkpoint: Image::default(),
            redo: Lsn::FIRST,
            log: VecDeque::new(),
            inserted: Lsn::FIRST,
            written: Lsn::FIRST,
            flushed: Lsn::FIRST,
            incarnation: 0,
            in_production: false,
        }
    }
}

/// A disk. Clones are the same disk; it lives on when the server on it dies.
#[derive(Debug, Clone, Default)]
pub struct Disk(Arc<Mutex<State>>);

/// A disk as one run of a server uses it.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct Log {
    disk: Disk,
    incarnation: u64,
}

/// What a restart finds.
pub(in crate::postgres) struct Recovered {
    pub(in crate::postgres) log: Log,
    pub(in crate::postgres) image: Image,
    /// How many records were replayed since the checkpoint; None after a
    /// clean shutdown.
    pub(in crate::postgres) to_replay: Option<u64>,
    /// Commits that are there now, and had not become visible before.
    pub(in crate::postgres) appeared: Vec<(Xid, Pid, Vec<Change>)>,
    /// Commits that had become visible, and are gone.
    pub(in crate::postgres) lost: Vec<(Xid, Pid)>,
}

/// The flushed log is folded into the checkpoint at this length.
const CHECKPOINT_RECORDS: usize = 1_024;

impl Disk {
    /// An empty disk.
    pub fn new() -> Disk {
        Disk::default()
    }

    /// The host has lost its power: what was written and not flushed is gone.
    pub fn lose_power(&self) {
        let mut state = self.0.lock();
        state.written = state.flushed;
    }

    /// Starts a server: forgets what was not written and hands out the rest.
    pub(in crate::postgres) fn recover(&self, planted: Option<Bug>) -> Recovered {
        let mut state = self.0.lock();
        state.incarnation += 1;
        let lost = state.forget_unwritten();
        if planted == Some(Bug::LoseSyncedCommit) {
            state.lose_newest_commit();
        }
        let crashed = std::mem::replace(&mut state.in_production, true);
        let to_replay = crashed.then_some(state.log.len() as u64);
        let appeared = state.fold();
        Recovered {
            log: Log {
                disk: self.clone(),
                incarnation: state.incarnation,
            },
            image: state.checkpoint.clone(),
            to_replay,
            appeared,
            lost,
        }
    }
}

impl Log {
    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> Option<T> {
        let mut state = self.disk.0.lock();
        (state.incarnation == self.incarnation).then(|| work(&mut state))
    }

    /// Adds records, and says where the last of them ends.
    pub(in crate::postgres) fn insert(&self, records: impl IntoIterator<Item = Record>) -> Lsn {
        let inserted = self.with(|state| {
            for record in records {
                let end = Lsn(state.inserted.0 + record.bytes());
                state.log.push_back(Logged {
                    end,
                    record: Arc::new(record),
                    visible: false,
                });
                state.inserted = end;
            }
            state.inserted
        });
        inserted.unwrap_or(Lsn::FIRST)
    }

    /// Hands the log, up to `lsn` at least, to the operating system; None if
    /// the server has crashed. Says how far it is written.
    pub(in crate::postgres) fn write(&self, lsn: Lsn) -> Option<Lsn> {
        self.with(|state| {
            state.written = state.written.max(lsn.min(state.inserted));
            state.written
        })
    }

    /// The log up to `lsn` is on the disk; None if the server has crashed.
    pub(in crate::postgres) fn flushed(&self, lsn: Lsn) -> Option<()> {
        self.with(|state| {
            state.flushed = state.flushed.max(lsn.min(state.written));
            if state.flushed == state.inserted && state.log.len() >= CHECKPOINT_RECORDS {
                state.fold();
            }
        })
    }

    /// The server has shut down cleanly: all is in the checkpoint.
    pub(in crate::postgres) fn close(&self) {
        self.with(|state| {
            state.written = state.inserted;
            state.flushed = state.inserted;
            state.fold();
            state.in_production = false;
        });
    }

    /// What ends at `lsn` has become visible.
    pub(in crate::postgres) fn became_visible(&self, lsn: Lsn) {
        self.with(|state| {
            let at = state.log.binary_search_by_key(&lsn, |logged| logged.end);
            if let Ok(at) = at {
                state.log[at].visible = true;
            }
        });
    }

    /// How far the log goes, and how far it is on the disk.
    pub(in crate::postgres) fn inserted_and_flushed(&self) -> (Lsn, Lsn) {
        let positions = self.with(|state| (state.inserted, state.flushed));
        positions.unwrap_or((Lsn::FIRST, Lsn::FIRST))
    }
}

impl State {
    /// Cuts the log where it was written to: what of it had been visible?
    fn forget_unwritten(&mut self) -> Vec<(Xid, Pid)> {
        let kept = self
            .log
            .partition_point(|logged| logged.end <= self.written);
        let lost = self.log.split_off(kept).into_iter();
        self.inserted = self.written;
        self.flushed = self.written;
        lost.filter(|logged| logged.visible)
            .filter_map(|logged| match &*logged.record {
                Record::Commit(commit) => Some((commit.xid, commit.pid)),
                Record::Sequence(..) => None,
            })
            .collect()
    }

    /// Replays the log onto the checkpoint, and gives what appears with it.
    fn fold(&mut self) -> Vec<(Xid, Pid, Vec<Change>)> {
        let mut appeared = Vec::new();
        for logged in self.log.drain(..) {
            match &*logged.record {
                Record::Commit(commit) if !logged.visible => {
                    let mut changes = Vec::new();
                    self.checkpoint.replay(&logged.record, Some(&mut changes));
                    appeared.push((commit.xid, commit.pid, changes));
                }
                record => self.checkpoint.replay(record, None),
            }
        }
        self.redo = self.inserted;
        appeared
    }

    /// The planted bug: the last commit that was promised is gone.
    fn lose_newest_commit(&mut self) {
        let is_commit = |logged: &Logged| matches!(&*logged.record, Record::Commit(_));
        if let Some(newest) = self.log.iter().rposition(is_commit) {
            self.log.remove(newest);
        }
    }
}
