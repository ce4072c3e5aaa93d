//! Planted bugs: each makes the network wrong in one way that a test must
//! notice.

use crate::named::named;

named! {
    /// One way to be wrong.
    pub enum Bug: "bug of the simulated network" {
        /// The first segment panics while the network is locked.
        PanicHoldingLock = "panic-holding-lock",
        /// Latencies and losses come from one stream for all connections, so
        /// that they depend on who else sends.
        SharedStream = "shared-stream",
    }
}
