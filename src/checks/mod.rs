//! Invariants: what must be true of every history, whatever went wrong.
//!
//! A check reads a history and nothing else; it knows no table and no fault.
//! Each has a broken twin in the gallery or a planted bug that it must catch.

mod acked_orders_durable;
mod completes;
mod conservation;
mod idempotency;
mod no_oversell;

use crate::history::History;
use crate::named::named;

named! {
    /// A promise of the shop.
    pub enum Invariant: "invariant" => dyn Check {
        /// Units in committed orders never exceed the stock.
        NoOversell = "no-oversell" => no_oversell::NoOversell,
        /// What is left and what was sold add up to what there was.
        Conservation = "conservation" => conservation::Conservation,
        /// At most one order a key, and equal answers for a key.
        Idempotency = "idempotency" => idempotency::Idempotency,
        /// An order that was acknowledged is in the storage at the end.
        AckedOrdersDurable = "acked-orders-durable" => acked_orders_durable::AckedOrdersDurable,
        /// Once the world has healed, everyone gets an answer.
        Completes = "completes" => completes::Completes,
    }
}

/// How an invariant is judged.
pub(crate) trait Check {
    /// Where the history breaks the invariant; empty if it holds.
    fn check(&self, history: &History) -> Vec<Breach>;
}

/// One place where a history breaks an invariant.
#[derive(Debug, Clone, PartialEq)]
pub struct Breach {
    /// When it was done, in virtual nanoseconds; None for what only the end
    /// shows.
    pub at_ns: Option<u64>,
    /// What is wrong, with the names and numbers of this run.
    pub message: String,
}

/// A broken invariant and where it broke.
#[derive(Debug, Clone, PartialEq)]
pub struct Violation {
    /// Which.
    pub invariant: Invariant,
    /// Where; at least one, the first in time first.
    pub breaches: Vec<Breach>,
}

/// Judges a history by every invariant.
pub fn violations(history: &History) -> Vec<Violation> {
    Invariant::ALL
        .iter()
        .map(|&invariant| Violation {
            invariant,
            breaches: invariant.implementation().check(history),
        })
        .filter(|violation| !violation.breaches.is_empty())
        .collect()
}
