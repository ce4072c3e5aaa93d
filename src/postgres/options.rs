//! How a server is set up, and the bugs that can be planted in it.

use crate::named::named;

/// How a simulated server behaves.
#[derive(Debug, Clone)]
pub struct Options {
    /// Connections beyond this many are refused.
    pub max_connections: usize,
    /// What it takes to make the log safe; nothing if zero.
    pub sync_ns: u64,
    /// What a statement costs in virtual time; nothing if zero.
    pub statement_ns: u64,
    /// A bug to have, to see that it is found.
    pub planted: Option<Bug>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            max_connections: 100,
            sync_ns: 0,
            statement_ns: 0,
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
            _ => return Err("there is no such option; there is max_connections".to_owned()),
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
        /// SERIALIZABLE transactions leave no SIREAD locks.
        DropSireadLocks = "drop-siread-locks",
        /// The next UPDATE panics while it holds the engine's lock.
        PanicHoldingLock = "panic-holding-lock",
    }
}
