//! Where reads go.

use crate::named::named;

named! {
    /// Which server answers reads outside of transactions.
    pub enum Reads: "place to read" {
        /// The one that takes the writes: it has them all.
        Primary = "primary",
        /// A replica of it, which may be behind.
        Replica = "replica",
    }
}
