//! A simulated PostgreSQL 15, behind its own wire protocol.
//!
//! Any driver connects to it over [`rt::Stream`](crate::rt::Stream), on the
//! simulated network or on a real socket. It keeps PostgreSQL's semantics of
//! concurrency (row versions and snapshots, row locks and their queues, the
//! re-check after a wait, unique indexes that wait, deadlocks) and its words
//! in errors; it has no planner worth the name and no files. What it does not
//! support it refuses with 0A000 and says what.
//!
//! From the outside in: `wire` speaks the protocol, a `session` runs
//! statements in transactions, `sql` turns text into plans, `executor` runs
//! them on `storage` under `locks`, all behind one lock in `engine`. `disk`
//! is what survives a crash; an `observer` is told the truth.

mod backends;
mod catalog;
mod cost;
mod engine;
mod error;
mod executor;
mod interrupted;
mod locks;
mod notify_queue;
mod observer;
mod options;
mod postmaster;
mod replication;
mod session;
mod settings;
mod sql;
mod ssi;
mod storage;
mod transaction;
mod types;
mod utility;
mod wal;
mod wire;

use std::io;
use std::pin::pin;
use std::sync::Arc;

use futures_util::FutureExt;
use parking_lot::Mutex;

use self::backends::Interrupt;
use self::engine::Shared;
use self::postmaster::Postmaster;
use self::session::Session;
use self::settings::Settings;
use self::sql::Source;
use self::storage::clog::Snapshot;
use crate::rt;

pub use self::cost::Cost;
pub use self::error::{Error, Fields, Result, SqlState};
pub use self::locks::Pid;
pub use self::observer::{Abort, Change, Commit, NamedRow, Observer, Wait};
pub use self::options::{Bug, Options, Replication, SynchronousCommit};
pub use self::storage::{RowLockMode, Xid};
pub use self::types::{Interval, Numeric, Row, Type, Value};
pub use self::wal::{Disk, Lsn};

/// A running server. Clones are the same server.
#[derive(Clone)]
pub struct Server(Arc<Host>);

/// What outlives a crash of the server's processes, as long as its host runs.
struct Host {
    disk: Disk,
    options: Options,
    observer: Arc<dyn Observer>,
    running: Mutex<Arc<Shared>>,
}

impl Host {
    /// Starts on what the disk holds.
    fn start(&self, after_crash: bool) -> Arc<Shared> {
        start(&self.disk, &self.options, &self.observer, after_crash)
    }
}

fn start(
    disk: &Disk,
    options: &Options,
    observer: &Arc<dyn Observer>,
    after_crash: bool,
) -> Arc<Shared> {
    let recovered = disk.recover(options.planted);
    for (xid, pid) in recovered.lost.iter().filter(|_| !recovered.standby) {
        observer.lost(*xid, *pid);
    }
    for appeared in &recovered.appeared {
        let commit = Commit {
            xid: appeared.xid,
            pid: appeared.pid,
            lsn: appeared.lsn,
            changes: &appeared.changes,
        };
        match recovered.standby {
            true => observer.replayed(&commit),
            false => observer.committed(&commit),
        }
    }
    let postmaster = Postmaster::new(options, recovered.to_replay, after_crash);
    let (options, observer) = (options.clone(), observer.clone());
    Arc::new(Shared::new(recovered, postmaster, options, observer))
}

impl Server {
    /// Starts on what a disk holds: whatever was committed and is safe there.
    pub fn start(disk: &Disk, options: Options, observer: Arc<dyn Observer>) -> Server {
        let running = Mutex::new(start(disk, &options, &observer, false));
        Server(Arc::new(Host {
            disk: disk.clone(),
            options,
            observer,
            running,
        }))
    }

    fn shared(&self) -> Arc<Shared> {
        self.0.running.lock().clone()
    }

    /// Accepts connections for ever, each served by a task of its own. Until
    /// the log is replayed, and from a shutdown on, clients are sent away.
    pub async fn serve(&self, listener: rt::Listener) -> io::Result<()> {
        listener.tap_clients(wire::new_tap);
        let shared = self.shared();
        if !shared.postmaster.is_ready() || shared.replication.in_recovery() {
            drop(rt::spawn(bring_up(shared)));
        }
        loop {
            let stream = listener.accept().await?;
            drop(rt::spawn(wire::serve(self.shared(), stream)));
        }
    }

    /// One of the server's processes crashes. The others cannot trust what
    /// they share: they end their sessions, and the server recovers from its
    /// log. Returns when it is ready again.
    pub async fn crash(&self) {
        let crashed = self.shared();
        let restarted = self.0.start(true);
        *self.0.running.lock() = restarted.clone();
        crashed.lock().backends.interrupt_all(Interrupt::Crash);
        crashed.replication.close();
        bring_up(restarted).await;
    }

    /// Makes a standby the primary, once it has replayed what it has received,
    /// as `pg_ctl promote` does. An error says that it is none.
    pub async fn promote(&self) -> Result<()> {
        let shared = self.shared();
        shared.replication.ask_promotion()?;
        shared.replication.until_promoted().await;
        Ok(())
    }

    /// True on a standby.
    pub fn is_in_recovery(&self) -> bool {
        self.shared().replication.in_recovery()
    }

    /// Shuts down as `pg_ctl stop` does: lets nobody in any more, ends every
    /// session, and leaves a log that needs no recovery.
    pub async fn shut_down(&self) {
        let shared = self.shared();
        shared.postmaster.shuts_down();
        shared.lock().backends.interrupt_all(Interrupt::Terminate);
        loop {
            let ended = shared.postmaster.session_ended.notified();
            if shared.lock().backends.is_empty() {
                break;
            }
            ended.await;
        }
        let (inserted, _) = shared.log.inserted_and_flushed();
        if shared.flush(inserted).await.is_ok() {
            // As walsenders do, until the standbys have all of it.
            let replication = &shared.replication;
            replication.until(|| replication.all_have(inserted)).await;
        }
        shared.replication.close();
        shared.log.close();
    }

    /// Runs statements, separated by `;`, each in a transaction of its own
    /// unless the script begins one. Nothing in them may have to wait.
    pub fn run_script(&self, sql: &str) -> Result<()> {
        let shared = self.shared();
        let mut session = Session::new(&shared, 0, Settings::new("postgres", "postgres"))?;
        session.cost = Cost::default();
        let parsed = sql::parse(sql)?;
        for source in Source::all(&parsed) {
            let prepared = session.prepare(Some(source), None, &[])?;
            // It is too large to be moved about.
            let run = pin!(session.run(&prepared, &[])).now_or_never();
            run.unwrap_or_else(|| Err(would_wait()))?;
            if session.block == session::Block::None
                && let Some(transaction) = session.transaction.take()
            {
                transaction.commit_now(&shared)?;
            }
        }
        Ok(())
    }

    /// The committed rows of a table, in physical order; none if there is no
    /// such table.
    pub fn committed_rows(&self, table: &str) -> Vec<NamedRow> {
        let shared = self.shared();
        let engine = shared.lock();
        let snapshot = Snapshot {
            csn: engine.clog.latest(),
            top: Xid::NONE,
            command: 0,
        };
        let Some(table) = engine.catalog.find(table, &engine.clog, Xid::NONE) else {
            return Vec::new();
        };
        let visible = table.heap.rows();
        let mut versions: Vec<_> = visible
            .filter_map(|(_, chain)| chain.visible(&engine.clog, &snapshot))
            .collect();
        versions.sort_by_key(|version| version.tid);
        versions
            .into_iter()
            .map(|version| NamedRow {
                def: table.def.clone(),
                row: version.row.clone(),
            })
            .collect()
    }

    /// How many SIREAD locks are kept, and for how many transactions.
    pub fn siread_locks(&self) -> (usize, usize) {
        self.shared().lock().ssi.size()
    }

    /// How many versions of rows a table keeps, those that nobody sees any
    /// more among them.
    pub fn versions(&self, table: &str) -> usize {
        let shared = self.shared();
        let engine = shared.lock();
        let table = engine.catalog.find(table, &engine.clog, Xid::NONE);
        table.map_or(0, |table| {
            let rows = table.heap.rows();
            rows.map(|(_, chain)| chain.versions().len()).sum()
        })
    }
}

/// Recovers, and then follows the primary if there is one to follow.
async fn bring_up(shared: Arc<Shared>) {
    if !shared.postmaster.is_ready() {
        shared.postmaster.recover().await;
    }
    if shared.replication.in_recovery() {
        drop(rt::spawn(replication::receive(shared.clone())));
        drop(rt::spawn(replication::replay(shared)));
    }
}

/// The labels that requests and answers carry.
pub fn labels() -> Vec<rt::Label> {
    sql::Keyword::ALL
        .into_iter()
        .flat_map(|keyword| [keyword.request(), keyword.answer()])
        .chain([wire::WAL_LABEL, replication::STATUS_LABEL])
        .collect()
}

fn would_wait() -> Error {
    Error::new(
        SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
        "a script statement would have to wait",
    )
}
