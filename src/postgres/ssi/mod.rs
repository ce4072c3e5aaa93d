//! Serializable snapshot isolation, as PostgreSQL does it.
//!
//! A SERIALIZABLE transaction runs on its snapshot and leaves SIREAD locks on
//! what it read; they block nobody. When another such transaction that runs
//! at the same time writes what was read, or reads what was overwritten, there
//! is a rw-conflict from the reader to the writer. A transaction with one in
//! and one out is a pivot, and if the one out has committed first, somebody
//! has to give way. Locks and conflicts outlive their transaction for as long
//! as one runs that overlapped it.
//!
//! Until 15.20 PostgreSQL did not count the row that INSERT ... ON CONFLICT
//! meets as read, so such transactions could be out of order; see
//! [`Options::on_conflict_reads`](super::Options::on_conflict_reads).

mod conflict;
mod reads;
mod safe;
mod target;

use std::collections::{BTreeMap, BTreeSet};
use std::task::Waker;

use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;

use super::error::{Error, Result, SqlState};
use super::locks::Pid;
use super::storage::clog::{Clog, Csn, Status, Xid};

pub(super) use reads::{Read, Reads};
pub(super) use safe::Safety;
pub(super) use target::Target;
use target::Targets;

/// A serializable transaction's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SxactId(u64);

type Conflicts = IndexSet<SxactId, FxBuildHasher>;

/// The order of commits, and of the decisions to commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Seq(u64);

/// A serializable transaction.
#[derive(Debug)]
struct Sxact {
    pid: Pid,
    /// Its id, once it has one by which it can be found, and then those of its
    /// subtransactions.
    xids: Vec<Xid>,
    snapshot: Csn,
    /// The newest commit that its snapshot sees.
    last_commit_before: Seq,
    /// It will not be made to fail any more.
    prepared: Option<Seq>,
    committed: Option<Seq>,
    /// It is to fail, or has.
    doomed: bool,
    /// Declared so, or committed without a write.
    read_only: bool,
    declared_read_only: bool,
    wrote: bool,
    /// The first commit among those that it has a conflict out to.
    earliest_out: Option<Seq>,
    /// Who overwrote what it read, and who read what it overwrote, in the order
    /// in which that came out: the first of several pivots is the one to fail.
    out_conflicts: Conflicts,
    in_conflicts: Conflicts,
    /// For a reader: the writers that may yet make its snapshot unsafe. For a
    /// writer: those readers.
    possibly_unsafe: BTreeSet<SxactId>,
    safety: Safety,
    /// Set while a DEFERRABLE transaction waits for a safe snapshot.
    waits: bool,
    waker: Option<Waker>,
    targets: Targets,
}

/// Every serializable transaction that still matters.
#[derive(Debug, Default)]
pub(super) struct Ssi {
    sxacts: BTreeMap<SxactId, Sxact>,
    by_xid: BTreeMap<Xid, SxactId>,
    locks: BTreeMap<Target, BTreeSet<SxactId>>,
    last_id: u64,
    last_commit: Seq,
    /// Those that run and may write.
    writers: BTreeSet<SxactId>,
    running: BTreeSet<SxactId>,
    /// What transactions that committed up to here have read cannot matter
    /// any more.
    partially_cleared: Seq,
    /// How far the last clean-up went: running transactions see that much.
    cleaned: (Option<Seq>, Seq),
}

const HINT: &str = "The transaction might succeed if retried.";

/// The error that keeps transactions serializable, with PostgreSQL's reason.
fn failure(reason: &str) -> Error {
    Error::new(
        SqlState::SERIALIZATION_FAILURE,
        "could not serialize access due to read/write dependencies among transactions",
    )
    .detail(format!("Reason code: Canceled on {reason}."))
    .hint(HINT)
}

impl Ssi {
    /// What transactions have read and still matters, with the session of each.
    pub(super) fn listed(&self) -> impl Iterator<Item = (Pid, Target)> {
        self.sxacts.values().flat_map(|sxact| {
            let held = sxact.targets.held();
            held.map(|target| (sxact.pid, target))
        })
    }

    /// True if a session waits for a safe snapshot.
    pub(super) fn waits_for_safety(&self, pid: Pid) -> bool {
        let mut sxacts = self.sxacts.values();
        sxacts.any(|sxact| sxact.pid == pid && sxact.waits)
    }

    /// Registers a transaction with its snapshot. None if nothing it could
    /// do matters: it only reads, and nobody who writes is running.
    ///
    /// An id that it has by then is not looked up, as in PostgreSQL: who reads
    /// what it overwrites has no conflict with it.
    pub(super) fn begin(&mut self, pid: Pid, snapshot: Csn, read_only: bool) -> Option<SxactId> {
        let mut possibly_unsafe = BTreeSet::new();
        if read_only {
            let sxacts = &self.sxacts;
            let writers = self.writers.iter().copied();
            possibly_unsafe.extend(writers.filter(|id| sxacts.get(id).is_some_and(|s| !s.doomed)));
            if possibly_unsafe.is_empty() {
                return None;
            }
        }
        self.last_id += 1;
        let id = SxactId(self.last_id);
        for writer in &possibly_unsafe {
            if let Some(writer) = self.sxacts.get_mut(writer) {
                writer.possibly_unsafe.insert(id);
            }
        }
        self.sxacts.insert(
            id,
            Sxact {
                pid,
                xids: Vec::new(),
                snapshot,
                last_commit_before: self.last_commit,
                prepared: None,
                committed: None,
                doomed: false,
                read_only,
                declared_read_only: read_only,
                wrote: false,
                earliest_out: None,
                out_conflicts: Conflicts::default(),
                in_conflicts: Conflicts::default(),
                possibly_unsafe,
                safety: Safety::Open,
                waits: false,
                waker: None,
                targets: Targets::default(),
            },
        );
        self.running.insert(id);
        if !read_only {
            self.writers.insert(id);
        }
        Some(id)
    }

    /// The transaction has got an id.
    pub(super) fn register(&mut self, id: SxactId, xid: Xid) {
        if let Some(sxact) = self.sxacts.get_mut(&id) {
            sxact.xids.push(xid);
            self.by_xid.insert(xid, id);
        }
    }

    fn get(&self, id: SxactId) -> Result<&Sxact> {
        self.sxacts
            .get(&id)
            .ok_or_else(|| failure("a transaction that is not known"))
    }

    fn next_seq(&mut self) -> Seq {
        self.last_commit = Seq(self.last_commit.0 + 1);
        self.last_commit
    }

    /// Decides whether a transaction may commit. If so, it will not be made
    /// to fail by others any more.
    pub(super) fn prepare(&mut self, id: SxactId) -> Result<()> {
        let me = self.get(id)?;
        if me.doomed {
            return Err(failure("identification as a pivot, during commit attempt"));
        }
        for near_id in me.in_conflicts.clone() {
            let near = self.get(near_id)?;
            if near.committed.is_some() || near.doomed {
                continue;
            }
            let dangerous = near.in_conflicts.iter().any(|far_id| {
                *far_id == id
                    || self
                        .sxacts
                        .get(far_id)
                        .is_some_and(|far| far.committed.is_none() && !far.read_only && !far.doomed)
            });
            if dangerous {
                if near.prepared.is_some() {
                    return Err(failure(
                        "commit attempt with conflict in from prepared pivot",
                    ));
                }
                self.doom(near_id);
            }
        }
        let seq = self.next_seq();
        if let Some(me) = self.sxacts.get_mut(&id) {
            me.prepared = Some(seq);
        }
        Ok(())
    }

    fn doom(&mut self, id: SxactId) {
        if let Some(sxact) = self.sxacts.get_mut(&id) {
            sxact.doomed = true;
        }
    }

    /// The transaction, with its subtransactions, has committed.
    pub(super) fn commit(&mut self, id: SxactId, subxids: &[Xid]) {
        let seq = self.next_seq();
        let sxact = self.sxacts.get(&id);
        if sxact.is_some_and(|sxact| !sxact.xids.is_empty()) {
            for xid in subxids {
                self.register(id, *xid);
            }
        }
        if let Some(me) = self.sxacts.get_mut(&id) {
            me.committed = Some(seq);
            me.read_only |= !me.wrote;
        }
        self.keep_conflicts(id);
        self.finish(id);
    }

    /// Conflicts that can still matter stay, the others are summed up.
    fn keep_conflicts(&mut self, id: SxactId) {
        let Some(me) = self.sxacts.get(&id) else {
            return;
        };
        let (read_only, out, in_) = (
            me.read_only,
            me.out_conflicts.clone(),
            me.in_conflicts.clone(),
        );
        let mut earliest = me.earliest_out;
        for other_id in out {
            let Some(other) = self.sxacts.get(&other_id) else {
                continue;
            };
            let committed = other.committed.is_some();
            let concurrent = other.last_commit_before < self.last_commit;
            if committed && !read_only {
                earliest = match earliest {
                    Some(earliest) => Some(other.prepared.map_or(earliest, |p| p.min(earliest))),
                    None => other.prepared,
                };
            }
            if committed || !concurrent {
                self.drop_conflict(id, other_id);
            }
        }
        for other_id in in_ {
            let other = self.sxacts.get(&other_id);
            if other.is_some_and(|other| other.committed.is_some() || other.read_only) {
                self.drop_conflict(other_id, id);
            }
        }
        if let Some(me) = self.sxacts.get_mut(&id) {
            me.earliest_out = earliest;
        }
    }

    fn drop_conflict(&mut self, reader: SxactId, writer: SxactId) {
        if let Some(reader) = self.sxacts.get_mut(&reader) {
            reader.out_conflicts.shift_remove(&writer);
        }
        if let Some(writer) = self.sxacts.get_mut(&writer) {
            writer.in_conflicts.shift_remove(&reader);
        }
    }

    /// The transaction has been undone, or need not be watched any longer.
    pub(super) fn abort(&mut self, id: SxactId) {
        if let Some(me) = self.sxacts.get_mut(&id) {
            me.doomed = true;
            me.prepared = None;
        }
        self.finish(id);
        self.remove(id);
    }

    /// What the end of a transaction means to others.
    fn finish(&mut self, id: SxactId) {
        self.running.remove(&id);
        self.settle_readers(id);
        if self.writers.remove(&id) && self.writers.is_empty() {
            self.partially_cleared = self.last_commit;
        }
        self.clean_up();
    }

    /// Forgets what no running transaction overlaps, and the reads that no
    /// writer does.
    fn clean_up(&mut self) {
        let horizon = self
            .running
            .iter()
            .filter_map(|id| self.sxacts.get(id))
            .map(|sxact| sxact.last_commit_before)
            .min();
        let reach = (horizon, self.partially_cleared);
        if horizon.is_some() && self.cleaned == reach {
            return;
        }
        self.cleaned = reach;
        let mut gone = Vec::new();
        let mut read = Vec::new();
        for (id, sxact) in &self.sxacts {
            let Some(committed) = sxact.committed else {
                continue;
            };
            let overlapped = horizon.is_some_and(|horizon| horizon < committed);
            let unread = committed <= self.partially_cleared;
            if !overlapped || unread && sxact.read_only {
                gone.push(*id);
            } else if unread && !(sxact.targets.is_empty() && sxact.in_conflicts.is_empty()) {
                read.push(*id);
            }
        }
        for id in gone {
            self.remove(id);
        }
        for id in read {
            self.forget_reads(id);
            let readers = self.sxacts.get(&id).map(|sxact| sxact.in_conflicts.clone());
            for reader in readers.unwrap_or_default() {
                self.drop_conflict(reader, id);
            }
        }
    }

    fn forget_reads(&mut self, id: SxactId) {
        let Some(sxact) = self.sxacts.get_mut(&id) else {
            return;
        };
        for target in std::mem::take(&mut sxact.targets).into_held() {
            self.unlock(id, target);
        }
    }

    fn unlock(&mut self, id: SxactId, target: Target) {
        if let Some(holders) = self.locks.get_mut(&target) {
            holders.remove(&id);
            if holders.is_empty() {
                self.locks.remove(&target);
            }
        }
    }

    fn remove(&mut self, id: SxactId) {
        self.forget_reads(id);
        let Some(sxact) = self.sxacts.remove(&id) else {
            return;
        };
        for writer in &sxact.out_conflicts {
            if let Some(writer) = self.sxacts.get_mut(writer) {
                writer.in_conflicts.shift_remove(&id);
            }
        }
        for reader in &sxact.in_conflicts {
            if let Some(reader) = self.sxacts.get_mut(reader) {
                reader.out_conflicts.shift_remove(&id);
            }
        }
        for xid in &sxact.xids {
            self.by_xid.remove(xid);
        }
    }

    /// How many SIREAD locks are kept, and for how many transactions.
    pub(super) fn size(&self) -> (usize, usize) {
        let locks = self.locks.values().map(BTreeSet::len).sum();
        (locks, self.sxacts.len())
    }
}

/// True if `sxact`'s snapshot does not see what `xid` did.
fn is_concurrent(clog: &Clog, sxact: &Sxact, xid: Xid) -> bool {
    match clog.status(xid) {
        Status::InProgress(_) => true,
        Status::Committed(csn) => csn > sxact.snapshot,
        Status::Aborted => false,
    }
}
