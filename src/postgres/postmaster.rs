//! Whether the server takes connections: it is starting up, running, or
//! shutting down.
//!
//! After a crash a server first replays its log. That takes its time, by the
//! length of the log since the last checkpoint, and whoever comes meanwhile
//! is sent away.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::error::{Error, Result, SqlState};
use super::options::Options;
use crate::rt;

/// Where a server stands between its start and its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    StartingUp,
    /// One of its processes has crashed; the others start again.
    InRecovery,
    Running,
    ShuttingDown,
}

/// Decides who is let in.
#[derive(Debug)]
pub(super) struct Postmaster {
    phase: Mutex<Phase>,
    /// What replaying the log takes.
    recovery: Duration,
    /// A session has ended.
    pub(super) session_ended: Notify,
}

impl Postmaster {
    /// For a server that has so many records to replay; None after a clean
    /// shutdown. If `after_crash`, it goes on without having been started.
    pub(super) fn new(options: &Options, to_replay: Option<u64>, after_crash: bool) -> Postmaster {
        let recovery = to_replay.map_or(Duration::ZERO, |records| {
            let replay_ns = options.replay_ns.saturating_mul(records);
            Duration::from_nanos(options.recovery_ns.saturating_add(replay_ns))
        });
        let phase = match (recovery.is_zero(), after_crash) {
            (true, _) => Phase::Running,
            (false, true) => Phase::InRecovery,
            (false, false) => Phase::StartingUp,
        };
        Postmaster {
            phase: Mutex::new(phase),
            recovery,
            session_ended: Notify::new(),
        }
    }

    /// True unless its log is to be replayed, or it shuts down.
    pub(super) fn is_ready(&self) -> bool {
        *self.phase.lock() == Phase::Running
    }

    /// Takes the time that recovery takes.
    pub(super) async fn recover(&self) {
        rt::work(self.recovery).await;
        let mut phase = self.phase.lock();
        if *phase != Phase::ShuttingDown {
            *phase = Phase::Running;
        }
    }

    /// From here on nobody is let in.
    pub(super) fn shuts_down(&self) {
        *self.phase.lock() = Phase::ShuttingDown;
    }

    /// Lets a client in, or says why not.
    pub(super) fn admit(&self) -> Result<()> {
        let why = match *self.phase.lock() {
            Phase::Running => return Ok(()),
            Phase::StartingUp => "the database system is starting up",
            Phase::InRecovery => "the database system is in recovery mode",
            Phase::ShuttingDown => "the database system is shutting down",
        };
        Err(Error::new(SqlState::CANNOT_CONNECT_NOW, why).fatal())
    }
}
