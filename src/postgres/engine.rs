//! What all sessions share, behind one lock.
//!
//! A critical section does one statement, or as much of it as can be done
//! without waiting; no guard lives across an await. What a future holds while
//! it waits, it gives back when it is dropped.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

use super::backends::Backends;
use super::catalog::system_name;
use super::error::{Error, Result, SqlState};
use super::locks::{LockTag, Locks, Pid, WaitId};
use super::observer::{Observer, Wait};
use super::options::{Bug, Options};
use super::postmaster::Postmaster;
use super::replication::Replication;
use super::sql::Plan;
use super::ssi::Ssi;
use super::storage::catalog::{Catalog, Presence};
use super::storage::clog::{Clog, Csn, Xid};
use super::storage::heap::RowId;
use super::storage::sequence::{SequenceId, Sequences};
use super::storage::table::{Table, TableId};
use super::wal::{Image, Log, Lsn, Recovered, WalWriter};
use crate::rt;

/// A server's state and surroundings.
pub(super) struct Shared {
    engine: Mutex<Engine>,
    pub(super) sequences: Mutex<Sequences>,
    pub(super) log: Log,
    pub(super) wal_writer: WalWriter,
    pub(super) postmaster: Postmaster,
    pub(super) replication: Replication,
    pub(super) options: Options,
    pub(super) observer: Arc<dyn Observer>,
}

/// Everything behind the lock.
#[derive(Debug)]
pub(super) struct Engine {
    pub(super) catalog: Catalog,
    pub(super) clog: Clog,
    pub(super) locks: Locks,
    pub(super) ssi: Ssi,
    pub(super) backends: Backends,
    /// Who runs which transaction.
    pub(super) owners: BTreeMap<Xid, Pid>,
    /// Rows with versions that die once no snapshot is older than this.
    dead: VecDeque<(Csn, TableId, RowId)>,
    /// Plans by text, for the catalog as it is.
    plans: BTreeMap<Box<str>, Arc<Plan>>,
    plans_version: u64,
}

/// Plans beyond this many are not kept.
const PLANS_MAX: usize = 1_024;

impl Shared {
    pub(super) fn new(
        recovered: Recovered,
        postmaster: Postmaster,
        options: Options,
        observer: Arc<dyn Observer>,
    ) -> Shared {
        let mut sequences = Sequences::default();
        let engine = Engine::recover(recovered.image, &mut sequences, options.last_pid);
        let (at, _) = recovered.log.inserted_and_flushed();
        Shared {
            engine: Mutex::new(engine),
            sequences: Mutex::new(sequences),
            log: recovered.log,
            wal_writer: WalWriter::default(),
            postmaster,
            replication: Replication::new(recovered.standby, at),
            options,
            observer,
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Engine> {
        self.engine.lock()
    }

    pub(super) fn planted(&self, bug: Bug) -> bool {
        self.options.planted == Some(bug)
    }

    /// Makes the log safe up to `lsn`, and with it whatever else is in it. An
    /// error says that the server has crashed meanwhile.
    pub(super) async fn flush(&self, lsn: Lsn) -> Result<()> {
        let written = self.log.write(lsn).ok_or_else(crashed)?;
        rt::work(Duration::from_nanos(self.options.sync_ns)).await;
        self.log.flushed(written).ok_or_else(crashed)?;
        self.replication.moved.notify_waiters();
        Ok(())
    }

    /// Begins to wait for the end of a transaction, if it still runs.
    pub(super) fn await_end(
        &self,
        engine: &mut Engine,
        pid: Pid,
        holder: Xid,
        relation: &str,
    ) -> Option<WaitId> {
        let top = engine.clog.running(holder)?;
        let owner = engine.owners.get(&top).copied()?;
        let id = engine
            .locks
            .await_end(LockTag::Transaction(holder), owner, pid);
        self.note_wait(engine, pid, id, relation);
        Some(id)
    }

    /// Tells the observer that a session begins to wait.
    pub(super) fn note_wait(&self, engine: &Engine, pid: Pid, id: WaitId, relation: &str) {
        let holders = engine.locks.holders(id);
        self.observer.waited(&Wait {
            waiter: pid,
            holders: &holders,
            relation,
        });
    }
}

impl Engine {
    fn recover(image: Image, sequences: &mut Sequences, last_pid: Pid) -> Engine {
        let next = image.last_xid.is_some().then(|| Xid(image.last_xid.0 + 1));
        let mut catalog = Catalog::default();
        catalog.reserve(image.last_id);
        let presence = Presence::since(Xid::FROZEN);
        for def in image.sequence_defs.into_values() {
            let reserved = image.sequences.get(&def.id).copied();
            sequences.restore(def.clone(), reserved);
            catalog.add_sequence(def, presence);
        }
        for (id, view) in image.views {
            catalog.add_view(id, view, presence);
        }
        for table in image.tables.into_values() {
            let mut restored = Table::new(table.def.clone(), Xid::FROZEN);
            for (tid, row) in table.into_rows() {
                restored.restore(tid, row);
            }
            catalog.add(restored);
        }
        Engine {
            catalog,
            clog: Clog::new(next),
            locks: Locks::default(),
            ssi: Ssi::default(),
            backends: Backends::new(last_pid),
            owners: BTreeMap::new(),
            dead: VecDeque::new(),
            plans: BTreeMap::new(),
            plans_version: 0,
        }
    }

    /// A table that a plan names.
    pub(super) fn table(&self, id: TableId) -> Result<&Table> {
        self.catalog.table(id).ok_or_else(|| vanished(id))
    }

    pub(super) fn table_mut(&mut self, id: TableId) -> Result<&mut Table> {
        self.catalog.table_mut(id).ok_or_else(|| vanished(id))
    }

    /// The name of a relation that is locked.
    pub(super) fn relation_name(&self, id: TableId) -> Result<Arc<str>> {
        if let Some(name) = system_name(id.0) {
            return Ok(name.into());
        }
        match self.catalog.view_by_id(id.0) {
            Some(view) => Ok(view.name.clone()),
            None => match self.catalog.sequence(SequenceId(id.0)) {
                Some(sequence) => Ok(sequence.name.clone()),
                None => Ok(self.table(id)?.def.name.clone()),
            },
        }
    }

    /// Notes rows whose old versions a commit has left behind.
    pub(super) fn retire(&mut self, csn: Csn, rows: impl Iterator<Item = (TableId, RowId)>) {
        self.dead.extend(rows.map(|(table, row)| (csn, table, row)));
    }

    /// Drops the versions that nobody can see any more.
    pub(super) fn vacuum(&mut self) {
        let horizon = self.clog.horizon();
        while let Some((csn, table, row)) = self.dead.front().copied() {
            if csn > horizon {
                break;
            }
            self.dead.pop_front();
            if let Some(table) = self.catalog.table_mut(table) {
                table.prune(row, &self.clog, horizon);
            }
        }
    }

    /// The plan of a text, if it was planned for the catalog as it is.
    pub(super) fn cached_plan(&self, sql: &str) -> Option<Arc<Plan>> {
        if self.plans_version != self.catalog.version() || !self.catalog.is_settled() {
            return None;
        }
        self.plans.get(sql).cloned()
    }

    pub(super) fn cache_plan(&mut self, sql: &str, plan: &Arc<Plan>) {
        if !self.catalog.is_settled() {
            return;
        }
        if self.plans_version != self.catalog.version() {
            self.plans.clear();
            self.plans_version = self.catalog.version();
        }
        if self.plans.len() < PLANS_MAX {
            self.plans.insert(sql.into(), plan.clone());
        }
    }
}

/// What a session is told when another server process has crashed: as a
/// warning, and its last word.
pub(super) fn crashed() -> Error {
    Error::new(
        SqlState::CRASH_SHUTDOWN,
        "terminating connection because of crash of another server process",
    )
    .detail(
        "The postmaster has commanded this server process to roll back the current \
         transaction and exit, because another server process exited abnormally and possibly \
         corrupted shared memory.",
    )
    .hint("In a moment you should be able to reconnect to the database and repeat your command.")
    .fatal()
}

fn vanished(id: TableId) -> Error {
    Error::new(
        SqlState::UNDEFINED_TABLE,
        format!("could not open relation with OID {}", id.0),
    )
}
