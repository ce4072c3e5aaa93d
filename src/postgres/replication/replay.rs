//! Replay: a standby does what its log says, record by record.
//!
//! It runs in the engine like a session of its own. What would change a table
//! under a reader waits for the reader, and cancels it when that takes too
//! long. When promotion is asked for it finishes what has been received, and
//! the server is a primary.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};

use crate::postgres::backends::Interrupt;
use crate::postgres::engine::{Engine, Shared};
use crate::postgres::locks::{LockMode, LockTag, Pid, Request, WaitLimits, wait};
use crate::postgres::observer::{Change, Commit};
use crate::postgres::options::Bug;
use crate::postgres::sql::current_timestamp;
use crate::postgres::storage::RowLockMode;
use crate::postgres::storage::catalog::Presence;
use crate::postgres::storage::heap::{RowId, Tid};
use crate::postgres::storage::sequence::{SequenceDef, SequenceId};
use crate::postgres::storage::table::{Table, TableDef, TableId};
use crate::postgres::types::Row;
use crate::postgres::wal::{CommitRecord, Entry, Logged, Record, RowEntry};
use crate::rt;

/// Under which the startup process holds its locks.
const STARTUP: Pid = 1;
/// How often it looks whether who stands in its way has gone.
const LOOK: Duration = Duration::from_millis(10);

/// Replays whatever is received until the server is promoted.
pub(in crate::postgres) async fn replay(shared: Arc<Shared>) {
    let mut replayer = Replayer::new(&shared.lock());
    let (_, mut at) = shared.replication.progress();
    loop {
        let moved = shared.replication.moved.notified();
        if shared.replication.is_closed() {
            return;
        }
        match shared.log.next(at) {
            Some(logged) => {
                at = logged.end;
                // The planted bug: the one after it goes first.
                let next = shared.log.next(at);
                if let Some(next) = next.filter(|_| shared.planted(Bug::ReorderReplay)) {
                    at = next.end;
                    replay_one(&shared, &mut replayer, &next).await;
                }
                replay_one(&shared, &mut replayer, &logged).await;
            }
            None if shared.replication.promotion_asked() => break,
            None => moved.await,
        }
    }
    shared.log.promote();
    shared.replication.promoted();
    shared.observer.promoted(at);
}

async fn replay_one(shared: &Shared, replayer: &mut Replayer, logged: &Logged) {
    wait_for_delay(shared, &logged.record).await;
    rt::work(Duration::from_nanos(shared.options.replay_ns)).await;
    let held = clear_the_way(shared, &logged.record).await;
    let skipped = shared.planted(Bug::SkipReplay) && logged.end.0.is_multiple_of(3);
    let mut engine = shared.lock();
    if !skipped {
        let changes = replayer.apply(shared, &mut engine, &logged.record);
        if let Some(commit) = logged.record.commit() {
            shared.observer.replayed(&Commit {
                xid: commit.xid,
                pid: commit.pid,
                lsn: logged.end,
                changes: &changes,
            });
        }
    }
    for tag in held {
        engine
            .locks
            .release(tag, LockMode::AccessExclusive, STARTUP);
    }
    drop(engine);
    shared.log.became_visible(logged.end);
    let committed_at = logged.record.commit().map(|commit| commit.at);
    shared.replication.replayed(logged.end, committed_at);
}

/// recovery_min_apply_delay: a commit is replayed so long after it was made,
/// by both servers' clocks; at once when the server is to be promoted.
async fn wait_for_delay(shared: &Shared, record: &Record) {
    let delay = shared.options.replication.recovery_min_apply_delay_ns / 1_000;
    let Some(commit) = record.commit().filter(|_| delay > 0) else {
        return;
    };
    loop {
        let moved = std::pin::pin!(shared.replication.moved.notified());
        let age = u64::try_from(current_timestamp() - commit.at).unwrap_or(0);
        if age >= delay || shared.replication.promotion_asked() {
            return;
        }
        let due = std::pin::pin!(rt::sleep(Duration::from_micros(delay - age)));
        match select(moved, due).await {
            Either::Left(_) | Either::Right(_) => {}
        }
    }
}

/// Takes the locks that the record's changes of definitions need, from
/// readers too.
async fn clear_the_way(shared: &Shared, record: &Record) -> Vec<LockTag> {
    let mut held = Vec::new();
    for entry in record.commit().iter().flat_map(|commit| &commit.entries) {
        let id = match entry {
            Entry::Drop(id) | Entry::Truncate(id) => *id,
            Entry::Define(def) => def.id,
            _ => continue,
        };
        lock(shared, id, &mut held).await;
    }
    held
}

async fn lock(shared: &Shared, table: TableId, held: &mut Vec<LockTag>) {
    let tag = LockTag::Relation(table);
    if held.contains(&tag) {
        return;
    }
    let began = rt::now();
    let patience = shared.options.replication.max_standby_streaming_delay_ns;
    loop {
        let request = shared
            .lock()
            .locks
            .acquire(tag, LockMode::AccessExclusive, STARTUP);
        let Request::Queued(id) = request else { break };
        let limits = WaitLimits {
            lock_timeout: LOOK,
            deadlock_timeout: Duration::MAX,
        };
        let holders = shared.lock().locks.holders(id);
        if wait(shared, STARTUP, id, limits).await.is_ok() {
            break;
        }
        if began.elapsed() >= Duration::from_nanos(patience) {
            let mut engine = shared.lock();
            for pid in holders {
                engine.backends.interrupt(pid, Interrupt::Conflict);
            }
        }
    }
    held.push(tag);
}

/// Does what records say to a running engine.
pub(in crate::postgres) struct Replayer {
    /// Where the newest version of each row is kept.
    rows: BTreeMap<(TableId, Tid), RowId>,
    /// Reservations for sequences that are about to be defined.
    reserved: BTreeMap<SequenceId, i64>,
}

impl Replayer {
    /// For an engine as it is.
    pub(in crate::postgres) fn new(engine: &Engine) -> Replayer {
        let mut rows = BTreeMap::new();
        for table in engine.catalog.tables() {
            for (id, chain) in table.heap.rows() {
                if let Some(version) = chain.newest() {
                    rows.insert((table.def.id, version.tid), id);
                }
            }
        }
        Replayer {
            rows,
            reserved: BTreeMap::new(),
        }
    }

    /// Does what a record says, as one; gives the rows that it changes.
    fn apply(&mut self, shared: &Shared, engine: &mut Engine, record: &Record) -> Vec<Change> {
        match record {
            Record::Sequence(id, reserved) => {
                if !shared.sequences.lock().reserve(*id, *reserved) {
                    self.reserved.insert(*id, *reserved);
                }
                Vec::new()
            }
            Record::Commit(commit) => self.apply_commit(shared, engine, commit),
        }
    }

    fn apply_commit(
        &mut self,
        shared: &Shared,
        engine: &mut Engine,
        commit: &CommitRecord,
    ) -> Vec<Change> {
        engine.clog.reach(commit.xid);
        let (mut changes, mut retired, mut defined) = (Vec::new(), Vec::new(), 0);
        for entry in &commit.entries {
            if let Entry::Row(row) = entry {
                changes.extend(self.apply_row(engine, commit, row, &mut retired));
            } else {
                engine.catalog.changed();
                defined += 1;
                self.apply_definition(shared, engine, commit, entry);
            }
        }
        let csn = engine.clog.commit([commit.xid]);
        engine.retire(csn, retired.into_iter());
        engine.catalog.settled(defined);
        engine.vacuum();
        changes
    }

    fn apply_row(
        &mut self,
        engine: &mut Engine,
        commit: &CommitRecord,
        entry: &RowEntry,
        retired: &mut Vec<(TableId, RowId)>,
    ) -> Option<Change> {
        let RowEntry {
            table: id,
            old,
            new,
        } = entry;
        let table = engine.catalog.table_mut(*id)?;
        let at = old.and_then(|tid| self.rows.remove(&(*id, tid)));
        let before: Option<Row> = at.and_then(|row| {
            let newest = table.heap.chain(row).newest()?;
            Some(newest.row.clone())
        });
        if let Some(at) = at {
            table.heap.expire(at, commit.xid, 0, RowLockMode::Update);
            retired.push((*id, at));
        }
        if let Some((tid, row)) = new {
            let row_id = table.replay(at, *tid, commit.xid, row.clone());
            self.rows.insert((*id, *tid), row_id);
        }
        let after = new.as_ref().map(|(_, row)| row.clone());
        Some(Change::of(&table.def, before, after))
    }

    fn apply_definition(
        &mut self,
        shared: &Shared,
        engine: &mut Engine,
        commit: &CommitRecord,
        entry: &Entry,
    ) {
        let presence = Presence::since(commit.xid);
        match entry {
            Entry::Row(_) => {}
            Entry::Define(def) => define(engine, def, commit),
            Entry::Drop(id) => {
                engine.catalog.remove(*id);
            }
            Entry::Truncate(id) => {
                if let Some(table) = engine.catalog.table_mut(*id) {
                    table.truncate();
                }
            }
            Entry::DefineSequence(def) => self.define_sequence(shared, engine, def, presence),
            Entry::DropSequence(id) => {
                engine.catalog.remove_sequence(*id);
                shared.sequences.lock().remove(*id);
            }
            Entry::DefineView(id, view) => {
                engine.catalog.reserve(*id);
                engine.catalog.add_view(*id, view.clone(), presence);
            }
            Entry::DropView(id) => engine.catalog.remove_view(*id),
        }
        if let Entry::Drop(id) | Entry::Truncate(id) = entry {
            self.rows.retain(|(table, _), _| table != id);
        }
    }

    fn define_sequence(
        &mut self,
        shared: &Shared,
        engine: &mut Engine,
        def: &Arc<SequenceDef>,
        presence: Presence,
    ) {
        if shared.sequences.lock().redefine(def) {
            engine.catalog.replace_sequence(def.clone());
            return;
        }
        engine.catalog.reserve(def.id.0);
        engine.catalog.add_sequence(def.clone(), presence);
        let reserved = self.reserved.remove(&def.id);
        shared.sequences.lock().restore(def.clone(), reserved);
    }
}

fn define(engine: &mut Engine, def: &Arc<TableDef>, commit: &CommitRecord) {
    engine.catalog.reserve(def.last_id());
    let Some(table) = engine.catalog.table_mut(def.id) else {
        engine.catalog.add(Table::new(def.clone(), commit.xid));
        return;
    };
    let name = table.def.name.clone();
    table.redefine(def.clone(), None);
    if name != def.name {
        engine.catalog.renamed(def.id, &name);
    }
}
