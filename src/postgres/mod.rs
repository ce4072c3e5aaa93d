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
mod disk;
mod engine;
mod error;
mod executor;
mod locks;
mod observer;
mod options;
mod session;
mod settings;
mod sql;
mod ssi;
mod storage;
mod transaction;
mod types;
mod utility;
mod wire;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use self::engine::Shared;
use self::session::Session;
use self::settings::Settings;
use self::sql::Source;
use self::storage::clog::Snapshot;
use crate::rt;

pub use self::disk::Disk;
pub use self::error::{Error, Fields, Result, SqlState};
pub use self::locks::Pid;
pub use self::observer::{Abort, Change, Commit, NamedRow, Observer, Wait};
pub use self::options::{Bug, Options};
pub use self::storage::{RowLockMode, Xid};
pub use self::types::{Interval, Numeric, Row, Type, Value};

/// A running server. Clones are the same server.
#[derive(Clone)]
pub struct Server(Arc<Shared>);

impl Server {
    /// Starts on what a disk holds: whatever was committed and synced there.
    pub fn start(disk: &Disk, options: Options, observer: Arc<dyn Observer>) -> Server {
        let (log, image) = disk.recover(options.planted);
        Server(Arc::new(Shared::new(log, image, options, observer)))
    }

    /// Accepts connections for ever, each served by a task of its own.
    pub async fn serve(&self, listener: rt::Listener) -> io::Result<()> {
        listener.tap_clients(wire::new_tap);
        loop {
            let stream = listener.accept().await?;
            drop(rt::spawn(wire::serve(self.0.clone(), stream)));
        }
    }

    /// Runs statements, separated by `;`, each in a transaction of its own
    /// unless the script begins one. Nothing in them may have to wait.
    pub fn run_script(&self, sql: &str) -> Result<()> {
        let mut session = Session::new(&self.0, 0, Settings::new("postgres", "postgres"))?;
        session.statement_cost = Duration::ZERO;
        let parsed = sql::parse(sql)?;
        for source in Source::all(&parsed) {
            let prepared = session.prepare(Some(source), None, &[])?;
            let run = session.run(&prepared, &[]).now_or_never();
            run.unwrap_or_else(|| Err(would_wait()))?;
            if session.block == session::Block::None
                && let Some(transaction) = session.transaction.take()
            {
                transaction.commit_now(&self.0)?;
            }
        }
        Ok(())
    }

    /// The committed rows of a table, in physical order; none if there is no
    /// such table.
    pub fn committed_rows(&self, table: &str) -> Vec<NamedRow> {
        let engine = self.0.lock();
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
        self.0.lock().ssi.size()
    }

    /// How many versions of rows a table keeps, those that nobody sees any
    /// more among them.
    pub fn versions(&self, table: &str) -> usize {
        let engine = self.0.lock();
        let table = engine.catalog.find(table, &engine.clog, Xid::NONE);
        table.map_or(0, |table| {
            let rows = table.heap.rows();
            rows.map(|(_, chain)| chain.versions().len()).sum()
        })
    }
}

/// The labels that requests and answers carry.
pub fn labels() -> Vec<rt::Label> {
    sql::Keyword::ALL
        .into_iter()
        .flat_map(|keyword| [keyword.request(), keyword.answer()])
        .collect()
}

fn would_wait() -> Error {
    Error::new(
        SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
        "a script statement would have to wait",
    )
}
