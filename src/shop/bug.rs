//! Bugs to plant on purpose, to show that a check can fail.

use crate::named::named;

named! {
    /// A bug to plant. One that does not concern the strategy or the variant
    /// in use changes nothing.
    pub enum Bug: "bug" {
        /// One `POST /orders` in four panics, holding the lock on the
        /// instance's Redis connection.
        PanicInHandler = "panic-in-handler",
        /// `redis-lock` and `triple-layered` release with a plain `DEL`, and
        /// so a lock that has become somebody else's.
        ReleasesAnyLock = "releases-any-lock",
        /// 201 is answered when `COMMIT` is sent, whatever becomes of it.
        AnswersBeforeCommit = "answers-before-commit",
        /// `unique-key` reads the key first and writes it after the order has
        /// committed, in a transaction of its own.
        KeyAfterOrder = "key-after-order",
        /// `unique-key` replays whatever the key stands for, without looking
        /// whether the payload is the same.
        ReplaysWithoutCheck = "replays-without-check",
        /// `unique-key` replays under an order id that it makes up.
        FreshIdOnReplay = "fresh-id-on-replay",
    }
}
