//! How a server is set up, and the bugs that can be planted in it.

use std::fmt;
use std::str::FromStr;

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

macro_rules! bugs {
    ($($(#[$doc:meta])* $bug:ident = $name:literal,)*) => {
        /// A mistake that a database could have.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Bug {
            $($(#[$doc])* $bug,)*
        }

        impl Bug {
            /// Every bug.
            pub const ALL: &'static [Bug] = &[$(Bug::$bug,)*];

            /// Its name in scenarios.
            pub fn name(self) -> &'static str {
                match self {
                    $(Bug::$bug => $name,)*
                }
            }
        }
    };
}

bugs! {
    /// After waiting for a row, its newest version is changed without asking
    /// again whether it still matches.
    SkipRecheck = "skip-recheck",
    /// An insert does not wait for one in progress with the same key.
    ForgetUniqueWait = "forget-unique-wait",
    /// Row locks are given back before the transaction ends.
    ReleaseLocksEarly = "release-locks-early",
    /// A crash loses the newest commit that was already synced.
    LoseSyncedCommit = "lose-synced-commit",
    /// The next UPDATE panics while it holds the engine's lock.
    PanicHoldingLock = "panic-holding-lock",
}

impl fmt::Display for Bug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// There is no bug of that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no bug is called '{0}'")]
pub struct UnknownBug(String);

impl FromStr for Bug {
    type Err = UnknownBug;

    fn from_str(name: &str) -> Result<Bug, UnknownBug> {
        Bug::ALL
            .iter()
            .copied()
            .find(|bug| bug.name() == name)
            .ok_or_else(|| UnknownBug(name.to_owned()))
    }
}
