//! Where a server stands in replication, and how far everybody is.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::locks::Pid;
use crate::postgres::options::SynchronousCommit;
use crate::postgres::wal::Lsn;

/// What a standby says of itself.
#[derive(Debug, Clone, Copy)]
pub(in crate::postgres) struct Standby {
    pub(in crate::postgres) write: Lsn,
    pub(in crate::postgres) flush: Lsn,
    pub(in crate::postgres) apply: Lsn,
}

/// A walsender, as pg_stat_replication shows it.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct Sender {
    pub(in crate::postgres) name: String,
    pub(in crate::postgres) sent: Lsn,
    pub(in crate::postgres) standby: Standby,
    /// It counts among `synchronous_standby_names`.
    pub(in crate::postgres) synchronous: bool,
}

#[derive(Debug)]
struct State {
    senders: BTreeMap<Pid, Sender>,
    /// On a standby: how far it has got.
    received: Lsn,
    replayed: Lsn,
    replayed_at: Option<i64>,
    promotion_asked: bool,
}

/// A server's part in replication.
#[derive(Debug)]
pub(in crate::postgres) struct Replication {
    in_recovery: AtomicBool,
    /// The server has crashed or shuts down: nothing more is sent.
    closed: AtomicBool,
    state: Mutex<State>,
    /// Told whenever anything of this, or the log, has moved.
    pub(in crate::postgres) moved: Notify,
}

impl Replication {
    /// For a server whose log reaches to `at`.
    pub(in crate::postgres) fn new(standby: bool, at: Lsn) -> Replication {
        Replication {
            in_recovery: AtomicBool::new(standby),
            closed: AtomicBool::new(false),
            state: Mutex::new(State {
                senders: BTreeMap::new(),
                received: at,
                replayed: at,
                replayed_at: None,
                promotion_asked: false,
            }),
            moved: Notify::new(),
        }
    }

    /// True on a standby.
    pub(in crate::postgres) fn in_recovery(&self) -> bool {
        self.in_recovery.load(Ordering::Relaxed)
    }

    /// Refuses a command on a standby.
    pub(in crate::postgres) fn prevent(&self, command: &str) -> Result<()> {
        match self.in_recovery() {
            false => Ok(()),
            true => Err(Error::new(
                SqlState::READ_ONLY_SQL_TRANSACTION,
                format!("cannot execute {command} during recovery"),
            )),
        }
    }

    /// Ends every walsender.
    pub(in crate::postgres) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.moved.notify_waiters();
    }

    pub(in crate::postgres) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// A standby has connected, or says how far it is.
    pub(in crate::postgres) fn set_sender(&self, pid: Pid, sender: Sender) {
        self.state.lock().senders.insert(pid, sender);
        self.moved.notify_waiters();
    }

    pub(in crate::postgres) fn remove_sender(&self, pid: Pid) {
        self.state.lock().senders.remove(&pid);
        self.moved.notify_waiters();
    }

    /// The walsenders, by process id.
    pub(in crate::postgres) fn senders(&self) -> Vec<(Pid, Sender)> {
        let state = self.state.lock();
        let senders = state.senders.iter();
        senders.map(|(pid, one)| (*pid, one.clone())).collect()
    }

    /// True if every standby has what was sent up to `lsn`.
    pub(in crate::postgres) fn all_have(&self, lsn: Lsn) -> bool {
        let state = self.state.lock();
        state.senders.values().all(|one| one.standby.flush >= lsn)
    }

    /// True if a synchronous standby is as far as a commit waits for.
    pub(in crate::postgres) fn confirms(&self, lsn: Lsn, level: SynchronousCommit) -> bool {
        let state = self.state.lock();
        let mut synchronous = state.senders.values().filter(|one| one.synchronous);
        synchronous.any(|one| {
            let Standby {
                write,
                flush,
                apply,
            } = one.standby;
            lsn <= match level {
                SynchronousCommit::RemoteWrite => write,
                SynchronousCommit::RemoteApply => apply,
                _ => flush,
            }
        })
    }

    /// The log is received up to here, and safe.
    pub(in crate::postgres) fn received(&self, lsn: Lsn) {
        self.state.lock().received = lsn;
        self.moved.notify_waiters();
    }

    /// The log is replayed up to here, with a commit of that time.
    pub(in crate::postgres) fn replayed(&self, lsn: Lsn, committed_at: Option<i64>) {
        let mut state = self.state.lock();
        state.replayed = lsn;
        state.replayed_at = committed_at.or(state.replayed_at);
        drop(state);
        self.moved.notify_waiters();
    }

    /// How far the log is received and replayed.
    pub(in crate::postgres) fn progress(&self) -> (Lsn, Lsn) {
        let state = self.state.lock();
        (state.received, state.replayed)
    }

    /// When the newest transaction that was replayed had committed.
    pub(in crate::postgres) fn last_replayed_at(&self) -> Option<i64> {
        self.state.lock().replayed_at
    }

    /// Asks a standby to become a primary.
    pub(in crate::postgres) fn ask_promotion(&self) -> Result<()> {
        if !self.in_recovery() {
            return Err(Error::new(
                SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
                "recovery is not in progress",
            )
            .hint("Recovery control functions can only be executed during recovery."));
        }
        self.state.lock().promotion_asked = true;
        self.moved.notify_waiters();
        Ok(())
    }

    pub(in crate::postgres) fn promotion_asked(&self) -> bool {
        self.state.lock().promotion_asked
    }

    /// The standby is a primary now.
    pub(in crate::postgres) fn promoted(&self) {
        self.in_recovery.store(false, Ordering::Relaxed);
        self.moved.notify_waiters();
    }

    /// Waits until the server is no standby any more.
    pub(in crate::postgres) async fn until_promoted(&self) {
        self.until(|| !self.in_recovery()).await;
    }

    /// Waits until something is so that is looked at whenever anything moves.
    pub(in crate::postgres) async fn until(&self, is_so: impl Fn() -> bool) {
        loop {
            let moved = self.moved.notified();
            if is_so() {
                return;
            }
            moved.await;
        }
    }
}
