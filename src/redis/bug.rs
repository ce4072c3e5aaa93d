//! Planted bugs: each makes the server wrong in one way that a test, and a
//! run of the simulation, must notice.

use std::fmt;
use std::str::FromStr;

/// One way to be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// A key is gone at its deadline, one millisecond early.
    ExpireAtInclusive,
    /// Lookups in a script read the moving clock, so that a key can expire
    /// between two lines of one script.
    ExpiryNotFrozenInScript,
    /// A plain SET leaves the old deadline on the new value.
    SetKeepsTtl,
    /// SET NX refuses because of a key whose deadline has passed.
    NxIgnoresExpiry,
    /// The first script panics while the keyspace is locked.
    PanicHoldingLock,
}

impl Bug {
    /// Every planted bug.
    pub const ALL: [Bug; 5] = [
        Bug::ExpireAtInclusive,
        Bug::ExpiryNotFrozenInScript,
        Bug::SetKeepsTtl,
        Bug::NxIgnoresExpiry,
        Bug::PanicHoldingLock,
    ];

    /// Its name in a scenario.
    pub fn name(self) -> &'static str {
        match self {
            Bug::ExpireAtInclusive => "expire-at-inclusive",
            Bug::ExpiryNotFrozenInScript => "expiry-not-frozen-in-script",
            Bug::SetKeepsTtl => "set-keeps-ttl",
            Bug::NxIgnoresExpiry => "nx-ignores-expiry",
            Bug::PanicHoldingLock => "panic-holding-lock",
        }
    }
}

impl fmt::Display for Bug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No planted bug has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no bug of the simulated Redis is named '{0}'")]
pub struct UnknownBug(String);

impl FromStr for Bug {
    type Err = UnknownBug;

    fn from_str(name: &str) -> Result<Bug, UnknownBug> {
        Bug::ALL
            .into_iter()
            .find(|bug| bug.name() == name)
            .ok_or_else(|| UnknownBug(name.into()))
    }
}
