//! What survives a crash: the log, and the checkpoint it is replayed on.
//!
//! A restart forgets what was not written, and after a loss of power what was
//! not flushed; and it ignores what the server before it still tries to
//! write. Which of the lost commits had become visible, and which of the kept
//! ones had not, is noted, so that the truth can be told of both.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use super::cluster::Cluster;
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

impl Logged {
    /// Somebody waits for a standby to have replayed it.
    pub(in crate::postgres) fn wants_feedback(&self) -> bool {
        self.record.commit().is_some_and(|commit| commit.feedback)
    }
}

#[derive(Debug)]
struct State {
    checkpoint: Image,
    /// What was logged; the first `folded` records are in the checkpoint.
    log: VecDeque<Logged>,
    folded: usize,
    /// Records in the checkpoint stay, for standbys that may ask for them.
    kept: bool,
    inserted: Lsn,
    written: Lsn,
    flushed: Lsn,
    /// Counts restarts: a server of an earlier one writes nothing.
    incarnation: u64,
    /// A server runs on it, or has crashed.
    in_production: bool,
    /// Whoever starts on it follows a primary.
    standby: bool,
    timeline: u32,
    cluster: Arc<Cluster>,
}

impl Default for State {
    fn default() -> State {
        State {
            checkpoint: Image::default(),
            log: VecDeque::new(),
            folded: 0,
            kept: false,
            inserted: Lsn::FIRST,
            written: Lsn::FIRST,
            flushed: Lsn::FIRST,
            incarnation: 0,
            in_production: false,
            standby: false,
            timeline: 1,
            cluster: Arc::default(),
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

/// A commit that recovery found.
pub(in crate::postgres) struct Appeared {
    pub(in crate::postgres) lsn: Lsn,
    pub(in crate::postgres) xid: Xid,
    pub(in crate::postgres) pid: Pid,
    pub(in crate::postgres) changes: Vec<Change>,
}

/// What a restart finds.
pub(in crate::postgres) struct Recovered {
    pub(in crate::postgres) log: Log,
    pub(in crate::postgres) image: Image,
    /// How many records were replayed since the checkpoint; None after a
    /// clean shutdown.
    pub(in crate::postgres) to_replay: Option<u64>,
    /// Commits that are there now, and had not become visible before.
    pub(in crate::postgres) appeared: Vec<Appeared>,
    /// Commits that had become visible, and are gone.
    pub(in crate::postgres) lost: Vec<(Xid, Pid)>,
    /// The server is to follow a primary.
    pub(in crate::postgres) standby: bool,
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

    /// Folds the log into the checkpoint and closes it, as a clean shutdown
    /// does: nothing may run on the disk.
    pub fn checkpoint(&self) {
        self.0.lock().close();
    }

    /// Copies what is safe here, as `pg_basebackup` does: a server that starts
    /// on the copy is a standby.
    pub fn base_backup(&self) -> Disk {
        let mut state = self.0.lock();
        state.kept = true;
        Disk(Arc::new(Mutex::new(state.backup())))
    }

    /// Throws away what is here and takes over what is safe on another disk
    /// of the same cluster, as `pg_rewind` does: a server that starts on it is
    /// a standby.
    pub fn rewind(&self, source: &Disk, planted: Option<Bug>) {
        let backup = {
            let mut source = source.0.lock();
            source.kept = true;
            source.backup()
        };
        let mut state = self.0.lock();
        if planted == Some(Bug::KeepTail) {
            state.standby = true;
            state.timeline = backup.timeline;
            return;
        }
        let incarnation = state.incarnation + 1;
        *state = State {
            incarnation,
            ..backup
        };
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
        let to_replay = crashed.then_some((state.log.len() - state.folded) as u64);
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
            standby: state.standby,
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
            if state.flushed == state.inserted
                && state.log.len() - state.folded >= CHECKPOINT_RECORDS
            {
                state.fold();
            }
        })
    }

    /// The server has shut down cleanly: all is in the checkpoint.
    pub(in crate::postgres) fn close(&self) {
        self.with(State::close);
    }

    /// What ends at `lsn` has become visible.
    pub(in crate::postgres) fn became_visible(&self, lsn: Lsn) {
        self.with(|state| {
            // Mostly the last: few commit at once.
            let mut newest_first = state.log.iter_mut().rev();
            let at = newest_first.find(|logged| logged.end <= lsn);
            if let Some(logged) = at.filter(|logged| logged.end == lsn) {
                logged.visible = true;
            }
        });
    }

    /// The first record after `lsn`, once it is on the disk.
    pub(in crate::postgres) fn next(&self, lsn: Lsn) -> Option<Logged> {
        self.with(|state| {
            let at = state.log.partition_point(|logged| logged.end <= lsn);
            let next = state.log.get(at)?;
            (next.end <= state.flushed).then(|| next.clone())
        })?
    }

    /// Adds a record that a standby received.
    pub(in crate::postgres) fn receive(&self, end: Lsn, record: Arc<Record>) {
        self.with(|state| {
            let visible = false;
            state.log.push_back(Logged {
                end,
                record,
                visible,
            });
            state.inserted = end;
            state.written = end;
        });
    }

    /// The timeline that is written to.
    pub(in crate::postgres) fn timeline(&self) -> u32 {
        self.with(|state| state.timeline).unwrap_or(0)
    }

    /// A standby follows its primary to this timeline.
    pub(in crate::postgres) fn follow(&self, timeline: u32) {
        self.with(|state| state.timeline = timeline);
    }

    /// The standby that wrote this log is a primary from here on, on a
    /// timeline of its own.
    pub(in crate::postgres) fn promote(&self) {
        self.with(|state| {
            let at = state.inserted;
            state.timeline = state.cluster.branch(state.timeline, at);
            state.standby = false;
        });
    }

    /// What it shares with the other servers of its cluster.
    pub(in crate::postgres) fn cluster(&self) -> Arc<Cluster> {
        self.disk.0.lock().cluster.clone()
    }

    /// How far the log goes, and how far it is on the disk.
    pub(in crate::postgres) fn inserted_and_flushed(&self) -> (Lsn, Lsn) {
        let positions = self.with(|state| (state.inserted, state.flushed));
        positions.unwrap_or((Lsn::FIRST, Lsn::FIRST))
    }
}

impl State {
    /// Puts all into the checkpoint: a server that shuts down cleanly.
    fn close(&mut self) {
        self.written = self.inserted;
        self.flushed = self.inserted;
        self.fold();
        self.in_production = false;
    }

    /// Cuts the log where it was written to: what of it had been visible?
    fn forget_unwritten(&mut self) -> Vec<(Xid, Pid)> {
        let kept = self
            .log
            .partition_point(|logged| logged.end <= self.written);
        let lost = self.log.split_off(kept).into_iter();
        self.inserted = self.written;
        self.flushed = self.written;
        lost.filter(|logged| logged.visible)
            .filter_map(|logged| {
                let commit = logged.record.commit()?;
                Some((commit.xid, commit.pid))
            })
            .collect()
    }

    /// Replays the log onto the checkpoint, and gives what appears with it.
    fn fold(&mut self) -> Vec<Appeared> {
        let mut appeared = Vec::new();
        for logged in self.log.range(self.folded..) {
            match &*logged.record {
                Record::Commit(commit) if !logged.visible => {
                    let mut changes = Vec::new();
                    self.checkpoint.replay(&logged.record, Some(&mut changes));
                    appeared.push(Appeared {
                        lsn: logged.end,
                        xid: commit.xid,
                        pid: commit.pid,
                        changes,
                    });
                }
                record => self.checkpoint.replay(record, None),
            }
        }
        if !self.kept {
            self.log.clear();
        }
        self.folded = self.log.len();
        appeared
    }

    /// A copy of what is safe, to start a standby on.
    fn backup(&self) -> State {
        let safe = self
            .log
            .partition_point(|logged| logged.end <= self.flushed);
        State {
            checkpoint: self.checkpoint.clone(),
            log: self.log.range(..safe).cloned().collect(),
            folded: self.folded,
            kept: true,
            inserted: self.flushed,
            written: self.flushed,
            flushed: self.flushed,
            incarnation: 0,
            in_production: true,
            standby: true,
            timeline: self.timeline,
            cluster: self.cluster.clone(),
        }
    }

    /// The planted bug: the last commit that was promised is gone.
    fn lose_newest_commit(&mut self) {
        let is_commit = |logged: &Logged| logged.record.commit().is_some();
        let newest = self.log.iter().rposition(is_commit);
        if let Some(newest) = newest.filter(|newest| *newest >= self.folded) {
            self.log.remove(newest);
        }
    }
}
