//! Planted bugs: each makes the server wrong in one way that a test, and a
//! run of the simulation, must notice.

use crate::named::named;

named! {
    /// One way to be wrong.
    pub enum Bug: "bug of the simulated Redis" {
        /// A key is gone at its deadline, one millisecond early.
        ExpireAtInclusive = "expire-at-inclusive",
        /// Lookups in a script read the moving clock, so that a key can expire
        /// between two lines of one script.
        ExpiryNotFrozenInScript = "expiry-not-frozen-in-script",
        /// A plain SET leaves the old deadline on the new value.
        SetKeepsTtl = "set-keeps-ttl",
        /// SET NX refuses because of a key whose deadline has passed.
        NxIgnoresExpiry = "nx-ignores-expiry",
        /// SET NX sets a key that is there, one time in four.
        GrantsTwice = "grants-twice",
        /// A replica removes keys at their deadline without waiting for its
        /// primary.
        ReplicaExpires = "replica-expires",
        /// WAIT answers before the replicas have acknowledged.
        WaitReturnsEarly = "wait-returns-early",
        /// SCRIPT KILL ends a script that has written.
        KillsAfterWrite = "kills-after-write",
        /// A sentinel fails over when it alone finds the primary down, without
        /// quorum or votes.
        SentinelActsAlone = "sentinel-acts-alone",
        /// A primary that becomes a replica keeps what its new primary does not
        /// have.
        RejoinKeepsWrites = "rejoin-keeps-writes",
        /// The first script panics while the keyspace is locked.
        PanicHoldingLock = "panic-holding-lock",
    }
}
