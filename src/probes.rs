//! States that a scenario promises to reach: a campaign that is green because
//! nothing ever happened is not green.

use std::collections::BTreeSet;

use crate::history::{Event, History, Lapse, Tenure, two_holders};
use crate::named::named;

named! {
    /// A state worth reaching.
    pub enum Probe: "probe" {
        /// A lock ran out and its holder came to release it later.
        LockExpiredWhileHeld = "lock-expired-while-held",
        /// Two holders were between taking and releasing one lock at once.
        TwoInCriticalSection = "two-in-critical-section",
        /// A buyer asked again.
        RetrySent = "retry-sent",
        /// A lock that was held was dropped to make room.
        LockEvicted = "lock-evicted",
        /// A server restarted without a lock that it had granted.
        LockLostInCrash = "lock-lost-in-crash",
        /// A server leads without a lock that another had granted.
        LockLostInFailover = "lock-lost-in-failover",
        /// A transaction waited for another.
        TransactionWaited = "transaction-waited",
        /// A buyer could not know whether the order was placed.
        OutcomeUnknown = "outcome-unknown",
        /// Something broke on purpose.
        FaultBegan = "fault-began",
        /// A wall clock was set to another time.
        ClockJumped = "clock-jumped",
        /// A node died more than once by one fault.
        NodeDiedAgain = "node-died-again",
        /// A gateway sent a request again.
        RequestResent = "request-resent",
        /// The database sent a client away.
        TooManyClients = "too-many-clients",
        /// A crash lost a transaction that had become visible.
        CommitLostInCrash = "commit-lost-in-crash",
        /// A failover lost a transaction that had become visible.
        CommitLostInFailover = "commit-lost-in-failover",
        /// A replica became a primary.
        FailedOver = "failed-over",
        /// A replica answered from a state that was out of date.
        ReplicaLagged = "replica-lagged",
        /// A buyer was told that nothing is left.
        SoldOut = "sold-out",
    }
}

/// The probes that a history reached.
pub fn reached(history: &History) -> BTreeSet<Probe> {
    let mut reached = BTreeSet::new();
    for entry in &history.entries {
        match &entry.event {
            Event::Invoke { attempt: 2.., .. } => {
                reached.insert(Probe::RetrySent);
            }
            Event::Info { .. } => {
                reached.insert(Probe::OutcomeUnknown);
            }
            Event::Fail { reason, .. } if reason == "sold-out" => {
                reached.insert(Probe::SoldOut);
            }
            Event::TransactionWaited { .. } => {
                reached.insert(Probe::TransactionWaited);
            }
            Event::FaultBegan { kind, .. } => {
                reached.insert(Probe::FaultBegan);
                if kind == "clock-jump" {
                    reached.insert(Probe::ClockJumped);
                }
            }
            Event::DiedAgain { .. } => {
                reached.insert(Probe::NodeDiedAgain);
            }
            Event::Resent { .. } => {
                reached.insert(Probe::RequestResent);
            }
            Event::CommitLost { cause, .. } if cause == "crash" => {
                reached.insert(Probe::CommitLostInCrash);
            }
            Event::CommitLost { .. } => {
                reached.insert(Probe::CommitLostInFailover);
            }
            Event::Promoted { .. } => {
                reached.insert(Probe::FailedOver);
            }
            Event::StaleRead { .. } => {
                reached.insert(Probe::ReplicaLagged);
            }
            Event::LockEvicted { .. } => {
                reached.insert(Probe::LockEvicted);
            }
            Event::TooManyClients {} => {
                reached.insert(Probe::TooManyClients);
            }
            Event::LockLost { cause, .. } => {
                reached.insert(match cause.as_str() {
                    "crash" => Probe::LockLostInCrash,
                    _ => Probe::LockLostInFailover,
                });
            }
            _ => {}
        }
    }
    let came_late =
        |tenure: &Tenure<'_>| tenure.released && matches!(tenure.lapsed, Some((_, Lapse::Expired)));
    let tenures = history.tenures();
    if tenures.iter().any(came_late) {
        reached.insert(Probe::LockExpiredWhileHeld);
    }
    if !two_holders(&tenures).is_empty() {
        reached.insert(Probe::TwoInCriticalSection);
    }
    reached
}
