//! How a server is set up, and the bugs that can be planted in it.

use super::cost::Cost;
use super::locks::Pid;
use crate::named::named;

named! {
    /// When a commit is answered: `synchronous_commit`, from the weakest to
    /// the strongest. What a standby is asked for counts only if there is a
    /// synchronous one.
    #[derive(Default)]
    pub enum SynchronousCommit: "value of synchronous_commit" {
        /// At once; a crash may lose it.
        Off = "off",
        /// Once it is on this server's disk.
        Local = "local",
        /// Once a standby has written it too.
        RemoteWrite = "remote_write",
        /// Once it is on a standby's disk too.
        #[default]
        On = "on",
        /// Once it can be seen on a standby.
        RemoteApply = "remote_apply",
    }
}

/// How a server takes part in replication. Times are in nanoseconds.
#[derive(Debug, Clone)]
pub struct Replication {
    /// Where a standby looks for its primary: each is tried in turn.
    pub primary_conninfo: Vec<String>,
    /// By which name a standby is known to its primary.
    pub cluster_name: String,
    /// The standbys, of which one has to confirm a commit; `*` is any. If
    /// there are none, no commit waits for a standby.
    pub synchronous_standby_names: Vec<String>,
    /// How old a commit is at least before a standby replays it.
    pub recovery_min_apply_delay_ns: u64,
    /// How long replay waits for queries that stand in its way.
    pub max_standby_streaming_delay_ns: u64,
    /// How often a standby says how far it is, if nothing moves.
    pub wal_receiver_status_interval_ns: u64,
    /// A standby that hears nothing for so long connects again.
    pub wal_receiver_timeout_ns: u64,
    /// A primary that hears nothing for so long ends the connection.
    pub wal_sender_timeout_ns: u64,
    /// The pause before a standby tries to connect again.
    pub wal_retrieve_retry_interval_ns: u64,
}

const SECOND_NS: u64 = 1_000_000_000;

impl Default for Replication {
    fn default() -> Replication {
        Replication {
            primary_conninfo: Vec::new(),
            cluster_name: "walreceiver".to_owned(),
            synchronous_standby_names: Vec::new(),
            recovery_min_apply_delay_ns: 0,
            max_standby_streaming_delay_ns: 30 * SECOND_NS,
            wal_receiver_status_interval_ns: 10 * SECOND_NS,
            wal_receiver_timeout_ns: 60 * SECOND_NS,
            wal_sender_timeout_ns: 60 * SECOND_NS,
            wal_retrieve_retry_interval_ns: 5 * SECOND_NS,
        }
    }
}

/// How a simulated server behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Connections beyond this many are refused.
    pub max_connections: usize,
    /// What it takes to make the log safe; nothing if zero.
    pub sync_ns: u64,
    /// The default of `synchronous_commit`.
    pub synchronous_commit: SynchronousCommit,
    /// How often the WAL writer looks for what is not safe yet.
    pub wal_writer_delay_ns: u64,
    /// What a restart after a crash takes, beside replaying the log.
    pub recovery_ns: u64,
    /// What replaying a record of the log takes.
    pub replay_ns: u64,
    /// What the work of a statement takes; nothing by default.
    pub cost: Cost,
    /// True to count the row that INSERT ... ON CONFLICT meets as read by a
    /// SERIALIZABLE transaction, as PostgreSQL does since 15.20: such
    /// transactions could be out of order. False as in 15.18.
    pub on_conflict_reads: bool,
    /// How it takes part in replication.
    pub replication: Replication,
    /// The process id before that of the first session.
    pub last_pid: Pid,
    /// A bug to have, to see that it is found.
    pub planted: Option<Bug>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            max_connections: 100,
            sync_ns: 0,
            synchronous_commit: SynchronousCommit::On,
            wal_writer_delay_ns: 200_000_000,
            recovery_ns: 0,
            replay_ns: 0,
            cost: Cost::default(),
            on_conflict_reads: false,
            replication: Replication::default(),
            last_pid: 1_000,
            planted: None,
        }
    }
}

impl Options {
    /// Sets an option by its name. An error says what is allowed.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "max_connections" => {
                let most = value.parse().ok().filter(|most| *most >= 1);
                self.max_connections = most.ok_or("write a number from 1 up")?;
            }
            "on_conflict_reads" => {
                self.on_conflict_reads = value.parse().map_err(|_| "write true or false")?;
            }
            _ => {
                let known = "there is no such option; there are max_connections, on_conflict_reads";
                return Err(known.to_owned());
            }
        }
        Ok(())
    }
}

named! {
    /// A mistake that a database could have.
    pub enum Bug: "bug of the simulated PostgreSQL" {
        /// After waiting for a row, its newest version is changed without asking
        /// again whether it still matches.
        SkipRecheck = "skip-recheck",
        /// An insert does not wait for one in progress with the same key.
        ForgetUniqueWait = "forget-unique-wait",
        /// Row locks are given back before the transaction ends.
        ReleaseLocksEarly = "release-locks-early",
        /// A crash loses the newest commit that was already synced.
        LoseSyncedCommit = "lose-synced-commit",
        /// A standby leaves out some of the records that it replays.
        SkipReplay = "skip-replay",
        /// A standby replays every second record before the one before it, if
        /// both are there.
        ReorderReplay = "reorder-replay",
        /// An old primary keeps its own commits when it becomes a standby.
        KeepTail = "keep-tail",
        /// SERIALIZABLE transactions leave no SIREAD locks.
        DropSireadLocks = "drop-siread-locks",
        /// What a statement touches takes no time, however much it is.
        FreeWork = "free-work",
        /// The next UPDATE panics while it holds the engine's lock.
        PanicHoldingLock = "panic-holding-lock",
        /// A message is believed about the lengths of its parts.
        TrustLengths = "trust-lengths",
    }
}
