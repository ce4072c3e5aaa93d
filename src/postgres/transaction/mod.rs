//! A transaction: what it has done, so that it can be made durable, told, or
//! undone.
//!
//! The transaction belongs to its session; the engine knows of it only by its
//! xid, which it gets with its first write or row lock. Subtransactions are
//! positions in its list of changes, each with an xid of its own.

mod definition;
mod modes;
mod notify;
mod savepoint;
mod timing;

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use smallvec::SmallVec;

use self::definition::log_whole;
use self::notify::Message;
use self::savepoint::Level;
use super::cost::Touched;
use super::engine::{Engine, Shared};
use super::error::{Error, Result, SqlState};
use super::executor::Event;
use super::locks::{LockMode, LockTag, Pid};
use super::observer::{Abort, Change, Commit};
use super::options::SynchronousCommit;
use super::replication::wait_for_standby;
use super::sql::current_timestamp;
use super::ssi::{Safety, SxactId};
use super::storage::clog::{Csn, Snapshot, Xid};
use super::storage::heap::{RowId, Tid};
use super::storage::table::TableId;
use super::types::Row;
use super::wal::{CommitRecord, Entry, Lsn, Record, RowEntry, flush_later};

pub(super) use definition::Definition;
pub(super) use modes::{Isolation, Modes};
pub(super) use savepoint::no_savepoint;
pub(super) use timing::Timing;

/// A change of one row.
#[derive(Debug)]
pub(super) struct RowChange {
    pub(super) table: TableId,
    pub(super) row: RowId,
    pub(super) old: Option<(Tid, Row)>,
    pub(super) new: Option<(Tid, Row)>,
}

#[derive(Debug)]
enum Step {
    Row(RowChange),
    Definition(Definition),
}

/// A running transaction.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) pid: Pid,
    pub(super) isolation: Isolation,
    pub(super) read_only: bool,
    /// SERIALIZABLE READ ONLY waits for a snapshot that is safe.
    pub(super) deferrable: bool,
    /// When it began, in PostgreSQL's microseconds.
    pub(super) start: i64,
    pub(super) xid: Xid,
    /// The subtransactions that became part of it.
    subxids: Vec<Xid>,
    /// The savepoints, outermost first.
    levels: Vec<Level>,
    /// Counts its statements: each sees what those before it did.
    pub(super) command: u32,
    /// True once it has taken a snapshot: its modes are settled.
    queried: bool,
    /// The snapshot that a REPEATABLE READ transaction keeps.
    pub(super) snapshot: Option<Csn>,
    /// What it is to serializable snapshot isolation.
    pub(super) ssi: Option<SxactId>,
    /// The snapshot of the statement that runs.
    statement_snapshot: Option<Csn>,
    /// Those that portals keep.
    portal_snapshots: SmallVec<[Csn; 2]>,
    steps: SmallVec<[Step; 1]>,
    /// What its statements have touched, until they pay for it.
    pub(super) touched: Touched,
    /// The foreign keys that are looked after at its end.
    pub(super) deferred: Vec<Event>,
    /// When it looks after them.
    pub(super) timing: Timing,
    /// LISTEN, UNLISTEN and NOTIFY, done when it commits.
    messages: Vec<Message>,
    /// Locks held until the end.
    locks: SmallVec<[(LockTag, LockMode); 2]>,
    /// True once it holds locks on tables that their indexes have no part in.
    pub(super) bare_locks: bool,
    /// The place in a row's line, held while its row is worked on.
    pub(super) tuple_lock: Option<(LockTag, LockMode)>,
}

impl Transaction {
    pub(super) fn new(pid: Pid, start: i64) -> Transaction {
        Transaction {
            pid,
            isolation: Isolation::ReadCommitted,
            read_only: false,
            deferrable: false,
            start,
            xid: Xid::NONE,
            subxids: Vec::new(),
            levels: Vec::new(),
            command: 0,
            queried: false,
            snapshot: None,
            ssi: None,
            statement_snapshot: None,
            portal_snapshots: SmallVec::new(),
            steps: SmallVec::new(),
            touched: Touched::default(),
            deferred: Vec::new(),
            timing: Timing::default(),
            messages: Vec::new(),
            locks: SmallVec::new(),
            bare_locks: false,
            tuple_lock: None,
        }
    }

    /// The id under which it writes, that of the innermost subtransaction;
    /// taken now if it has none.
    pub(super) fn xid(&mut self, engine: &mut Engine) -> Xid {
        if !self.xid.is_some() {
            self.xid = engine.clog.begin(None);
            engine.owners.insert(self.xid, self.pid);
            if let Some(id) = self.ssi {
                engine.ssi.register(id, self.xid);
            }
        }
        if self.levels.is_empty() {
            return self.xid;
        }
        self.subxid(engine)
    }

    /// Takes the snapshot that the next statement sees.
    pub(super) fn take_snapshot(&mut self, engine: &mut Engine) -> Snapshot {
        self.release_snapshot(engine);
        self.queried = true;
        let csn = match self.snapshot {
            Some(csn) => csn,
            None => {
                let csn = engine.clog.hold();
                let running = engine.owners.keys().next().copied();
                let xmin = running.unwrap_or_else(|| engine.clog.next());
                if self.portal_snapshots.is_empty() {
                    engine.backends.set_xmin(self.pid, Some(xmin));
                }
                if self.isolation.keeps_snapshot() {
                    self.snapshot = Some(csn);
                    if self.isolation == Isolation::Serializable {
                        self.ssi = engine.ssi.begin(self.pid, csn, self.read_only);
                    }
                } else {
                    self.statement_snapshot = Some(csn);
                }
                csn
            }
        };
        Snapshot {
            csn,
            top: self.xid,
            command: self.command,
        }
    }

    /// Takes a snapshot that is to be kept, if there is none: before the first
    /// statement waits for its tables. A SERIALIZABLE READ ONLY DEFERRABLE
    /// transaction waits for one with which nothing can go wrong.
    pub(super) async fn begin_snapshot(&mut self, shared: &Shared) {
        self.queried = true;
        if !self.isolation.keeps_snapshot() || self.snapshot.is_some() {
            return;
        }
        let defers = self.isolation == Isolation::Serializable && self.read_only && self.deferrable;
        if !defers {
            self.take_snapshot(&mut shared.lock());
            return;
        }
        loop {
            self.take_snapshot(&mut shared.lock());
            let Some(id) = self.ssi else {
                return;
            };
            let safety = poll_fn(|cx| match shared.lock().ssi.poll_safety(id, cx.waker()) {
                Safety::Open => Poll::Pending,
                known => Poll::Ready(known),
            })
            .await;
            let mut engine = shared.lock();
            self.ssi = None;
            engine.ssi.abort(id);
            if safety == Safety::Safe {
                return;
            }
            if let Some(csn) = self.snapshot.take() {
                engine.clog.release(csn);
            }
        }
    }

    /// Takes the snapshot that a portal sees whenever it is run.
    pub(super) fn take_portal_snapshot(&mut self, engine: &mut Engine) -> Snapshot {
        let snapshot = self.take_snapshot(engine);
        self.hand_over_snapshot();
        snapshot
    }

    /// Leaves the statement's snapshot to the portal that it was run by.
    pub(super) fn hand_over_snapshot(&mut self) -> Option<Csn> {
        let csn = self.statement_snapshot.take();
        self.portal_snapshots.extend(csn);
        csn
    }

    /// Gives back the snapshots of portals that are not among these.
    pub(super) fn keep_portal_snapshots(&mut self, engine: &mut Engine, mut needed: Vec<Csn>) {
        self.portal_snapshots.retain(|csn| {
            let at = needed.iter().position(|other| other == csn);
            match at {
                Some(at) => drop(needed.swap_remove(at)),
                None => engine.clog.release(*csn),
            }
            at.is_some()
        });
        if self.statement_snapshot.is_none() {
            self.forget_xmin(engine);
        }
    }

    /// The statement is done with its snapshot.
    pub(super) fn release_snapshot(&mut self, engine: &mut Engine) {
        if let Some(csn) = self.statement_snapshot.take() {
            engine.clog.release(csn);
            self.forget_xmin(engine);
        }
    }

    /// Has others see no snapshot any more, if there is none.
    fn forget_xmin(&self, engine: &mut Engine) {
        if self.portal_snapshots.is_empty() && self.snapshot.is_none() {
            engine.backends.set_xmin(self.pid, None);
        }
    }

    pub(super) fn holds(&self, tag: LockTag, mode: LockMode) -> bool {
        self.locks.contains(&(tag, mode))
    }

    /// Notes a lock that is held until the end.
    pub(super) fn keep_lock(&mut self, tag: LockTag, mode: LockMode) {
        self.locks.push((tag, mode));
    }

    /// Gives back a lock before the end.
    pub(super) fn release_lock(&mut self, engine: &mut Engine, tag: LockTag, mode: LockMode) {
        self.locks.retain(|held| *held != (tag, mode));
        engine.locks.release(tag, mode, self.pid);
    }

    pub(super) fn changed(&mut self, change: RowChange) {
        self.steps.push(Step::Row(change));
    }

    pub(super) fn defined(&mut self, engine: &mut Engine, definition: Definition) {
        engine.catalog.changed();
        self.steps.push(Step::Definition(definition));
    }

    /// True if there is something to make durable.
    pub(super) fn has_written(&self) -> bool {
        !self.steps.is_empty()
    }

    /// Makes the transaction durable and then visible, or undoes it if that
    /// may not be. It gives a warning if no standby has confirmed it. The caller lets nobody interrupt this: once the log is
    /// written there is no way back.
    pub(super) async fn commit(
        mut self: Box<Self>,
        shared: &Arc<Shared>,
        synchronous: SynchronousCommit,
    ) -> Result<Option<Error>> {
        if let Err(error) = self.prepare(shared) {
            self.abort(shared, Some(error.code()));
            return Err(error);
        }
        let lsn = self.has_written().then(|| {
            let feedback = synchronous == SynchronousCommit::RemoteApply;
            let records = self.records(shared, &shared.lock(), feedback);
            shared.log.insert(records)
        });
        let mut warning = None;
        if let Some(lsn) = lsn {
            if synchronous == SynchronousCommit::Off && !self.frees_files() {
                flush_later(shared, lsn);
            } else {
                shared.flush(lsn).await?;
                warning = wait_for_standby(shared, self.pid, lsn, synchronous).await;
            }
        }
        let mut engine = shared.lock();
        self.finish_commit(shared, &mut engine, lsn);
        match warning {
            Some(last_word) if last_word.fields().fatal => Err(last_word),
            warning => Ok(warning),
        }
    }

    /// True if it gives up a table's files: such a commit always waits, or a
    /// crash could find the table and not its files.
    fn frees_files(&self) -> bool {
        let mut steps = self.steps.iter();
        steps.any(|step| {
            matches!(
                step,
                Step::Definition(
                    Definition::Dropped(_)
                        | Definition::Truncated(..)
                        | Definition::Altered { heap: Some(_), .. }
                )
            )
        })
    }

    /// Commits without waiting for anything: set-up scripts.
    pub(super) fn commit_now(mut self: Box<Self>, shared: &Shared) -> Result<()> {
        if let Err(error) = self.prepare(shared) {
            self.abort(shared, Some(error.code()));
            return Err(error);
        }
        let mut engine = shared.lock();
        let lsn = self.has_written().then(|| {
            let lsn = shared.log.insert(self.records(shared, &engine, false));
            shared.log.write(lsn);
            shared.log.flushed(lsn);
            lsn
        });
        self.finish_commit(shared, &mut engine, lsn);
        Ok(())
    }

    /// The last chance to refuse a commit.
    fn prepare(&self, shared: &Shared) -> Result<()> {
        match self.ssi {
            Some(id) => shared.lock().ssi.prepare(id),
            None => Ok(()),
        }
    }

    fn records(
        &self,
        shared: &Shared,
        engine: &Engine,
        feedback: bool,
    ) -> impl Iterator<Item = Record> + use<> {
        let reserved = shared.sequences.lock().take_unlogged().into_iter();
        let reserved = reserved.map(|(id, number)| Record::Sequence(id, number));
        let mut entries = Vec::with_capacity(self.steps.len());
        let mut rewritten = self.rewritten();
        for step in &self.steps {
            match step {
                Step::Row(change) if rewritten.contains_key(&change.table) => {}
                Step::Row(change) => entries.push(Entry::Row(RowEntry {
                    table: change.table,
                    old: change.old.as_ref().map(|(tid, _)| *tid),
                    new: change.new.clone(),
                })),
                Step::Definition(definition) => {
                    let table = definition.shapes();
                    let whole = table.and_then(|id| Some((id, rewritten.get_mut(&id)?)));
                    match whole {
                        None => definition.log(engine, self.xid, &mut entries),
                        Some((_, true)) => {}
                        Some((id, logged)) => {
                            *logged = true;
                            log_whole(engine, self.xid, id, &mut entries);
                        }
                    }
                }
            }
        }
        let commit = Record::Commit(CommitRecord {
            xid: self.xid,
            pid: self.pid,
            at: current_timestamp(),
            feedback,
            entries,
        });
        reserved.chain([commit])
    }

    /// The tables that have other rows than they had, all of them: they are
    /// logged as they are in the end, once.
    fn rewritten(&self) -> BTreeMap<TableId, bool> {
        let mut rewritten = BTreeMap::new();
        for step in &self.steps {
            if let Step::Definition(Definition::Altered {
                table,
                heap: Some(_),
                ..
            }) = step
            {
                rewritten.insert(*table, false);
            }
        }
        rewritten
    }

    fn finish_commit(&mut self, shared: &Shared, engine: &mut Engine, lsn: Option<Lsn>) {
        if let Some(lsn) = lsn {
            shared.log.became_visible(lsn);
        }
        self.release_all();
        if self.xid.is_some() {
            let xids = std::iter::once(self.xid).chain(self.subxids.iter().copied());
            let csn = engine.clog.commit(xids);
            let changes = self.observed(engine);
            if !changes.is_empty() {
                shared.observer.committed(&Commit {
                    xid: self.xid,
                    pid: self.pid,
                    lsn: lsn.unwrap_or(Lsn::FIRST),
                    changes: &changes,
                });
            }
            let retired = self.steps.iter().filter_map(|step| match step {
                Step::Row(change) if change.old.is_some() => Some((change.table, change.row)),
                _ => None,
            });
            engine.retire(csn, retired);
            self.settle_definitions(shared, engine);
        }
        if let Some(id) = self.ssi.take() {
            engine.ssi.commit(id, &self.subxids);
        }
        self.send_messages(engine);
        self.end(shared, engine);
    }

    /// The changes as an observer sees them.
    fn observed(&self, engine: &Engine) -> SmallVec<[Change; 1]> {
        let row = |side: &Option<(Tid, Row)>| side.as_ref().map(|(_, row)| row.clone());
        let mut changes = SmallVec::new();
        for step in &self.steps {
            if let Step::Row(change) = step
                && let Some(table) = engine.catalog.table(change.table)
            {
                changes.push(Change::of(&table.def, row(&change.old), row(&change.new)));
            }
        }
        changes
    }

    /// What was dropped goes; what was set aside too.
    fn settle_definitions(&mut self, shared: &Shared, engine: &mut Engine) {
        let mut settled = 0;
        for step in &self.steps {
            let Step::Definition(definition) = step else {
                continue;
            };
            settled += 1;
            match definition {
                Definition::Dropped(id) => {
                    engine.catalog.remove(*id);
                }
                Definition::SequenceDropped(id) => {
                    engine.catalog.remove_sequence(*id);
                    shared.sequences.lock().remove(*id);
                }
                Definition::ViewDropped(id) => engine.catalog.remove_view(*id),
                Definition::IndexDropped { table, name, .. } => {
                    if let Some(table) = engine.catalog.table_mut(*table) {
                        table.forget_drop(name);
                    }
                }
                _ => {}
            }
        }
        engine.catalog.settled(settled);
    }

    /// Undoes everything.
    pub(super) fn abort(mut self: Box<Self>, shared: &Shared, reason: Option<SqlState>) {
        let mut engine = shared.lock();
        self.release_all();
        self.undo_steps(shared, &mut engine, 0);
        if self.xid.is_some() {
            for xid in std::iter::once(self.xid).chain(self.subxids.iter().copied()) {
                engine.clog.abort(xid);
            }
        }
        shared.observer.aborted(&Abort {
            pid: self.pid,
            reason,
        });
        self.end(shared, &mut engine);
    }

    /// How far it has got.
    pub(super) fn place(&self) -> usize {
        self.steps.len()
    }

    /// Takes back what a statement did that is to be begun again.
    pub(super) fn undo_to(&mut self, shared: &Shared, place: usize) {
        let mut engine = shared.lock();
        self.undo_steps(shared, &mut engine, place);
        if let Some((tag, mode)) = self.tuple_lock.take() {
            engine.locks.release(tag, mode, self.pid);
        }
    }

    /// Takes back what was done from this step on.
    fn undo_steps(&mut self, shared: &Shared, engine: &mut Engine, from: usize) {
        let mut settled = 0;
        for step in self.steps.drain(from..).rev() {
            match step {
                Step::Row(change) => undo_row(engine, &change),
                Step::Definition(definition) => {
                    settled += 1;
                    definition.undo(shared, engine);
                }
            }
        }
        engine.catalog.settled(settled);
    }

    /// Gives back every lock and the snapshot.
    fn end(&mut self, shared: &Shared, engine: &mut Engine) {
        let sequences = shared.sequences.lock().end_transaction(self.pid);
        self.release_snapshot(engine);
        for csn in self.portal_snapshots.drain(..).chain(self.snapshot.take()) {
            engine.clog.release(csn);
            engine.backends.set_xmin(self.pid, None);
        }
        let held = engine.backends.transaction(self.pid);
        if let Some(activity) = engine.backends.activity(self.pid) {
            activity.end_transaction();
        }
        if let Some(id) = self.ssi.take() {
            engine.ssi.abort(id);
        }
        if self.xid.is_some() {
            engine.owners.remove(&self.xid);
            let xids = std::iter::once(self.xid).chain(self.subxids.iter().copied());
            for xid in xids {
                engine.locks.transaction_ended(LockTag::Transaction(xid));
            }
        }
        if let Some(tag) = held {
            engine.locks.transaction_ended(tag);
        }
        let tuple_lock = self.tuple_lock.take();
        let sequences = sequences
            .into_iter()
            .map(|id| (LockTag::sequence(id), LockMode::RowExclusive));
        for (tag, mode) in self.locks.drain(..).chain(tuple_lock).chain(sequences) {
            engine.locks.release(tag, mode, self.pid);
        }
        engine.vacuum();
    }
}

fn undo_row(engine: &mut Engine, change: &RowChange) {
    let Some(table) = engine.catalog.table_mut(change.table) else {
        return;
    };
    if let Some((tid, _)) = &change.new {
        table.retract(change.row, *tid);
    }
    if let Some((tid, _)) = &change.old {
        table.heap.revive(change.row, *tid);
    }
}
