//! In which order messages arrive: the search policies.
//!
//! A seed fixes one order of deliveries out of very many. A policy says which
//! orders are tried: it is asked about each segment when it is sent, and may
//! slow it down, and again when it is due, and may hold it back while others
//! go first. A connection's segments stay in order whatever it says.
//!
//! What a policy draws, it draws by seed and connection, so a buyer who is
//! taken out leaves the draws of all others as they were.

mod pct;
mod swarm;

use serde::{Deserialize, Serialize};

use self::pct::Pct;
use self::swarm::Swarm;
use super::slot::Side;
use crate::named::named;

named! {
    /// How the order of deliveries is searched.
    pub enum Policy: "search policy" {
        /// Every segment takes what its link draws for it.
        Uniform = "uniform",
        /// Some connections are slow throughout a run, by very different
        /// factors, so that some clients race ahead of others.
        Swarm = "swarm",
        /// Connections have random priorities, which change at a few points:
        /// the highest that has something on its way goes first.
        Pct = "pct",
    }
}

/// The policy of a run and what it is set to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// Which.
    pub policy: Policy,
    /// `pct`: at how many deliveries a priority changes.
    pub change_points: u32,
    /// `pct`: within how many deliveries from the start they lie.
    pub deliveries: u64,
}

impl Default for Search {
    fn default() -> Search {
        Search {
            policy: Policy::Uniform,
            change_points: 3,
            deliveries: 500,
        }
    }
}

/// One direction of one connection, by its stable key.
pub(super) type Lane = (u64, Side);

/// A policy at work in one run.
pub(super) enum Searcher {
    Uniform,
    Swarm(Swarm),
    Pct(Pct),
}

impl Searcher {
    pub(super) fn new(search: Search, seed: u64) -> Searcher {
        match search.policy {
            Policy::Uniform => Searcher::Uniform,
            Policy::Swarm => Searcher::Swarm(Swarm::new(seed)),
            Policy::Pct => Searcher::Pct(Pct::new(search, seed)),
        }
    }

    /// How much longer a segment takes than the `latency_ns` that its link
    /// drew.
    pub(super) fn slower_ns(&self, lane: Lane, latency_ns: u64) -> u64 {
        match self {
            Searcher::Uniform | Searcher::Pct(_) => 0,
            Searcher::Swarm(swarm) => swarm.slower_ns(lane, latency_ns),
        }
    }

    /// A segment is on its way and will be due at `at`.
    pub(super) fn sent(&mut self, lane: Lane, at: u64) {
        if let Searcher::Pct(pct) = self {
            pct.sent(lane, at);
        }
    }

    /// A segment is due: the later instant until which it is held back, or
    /// None if it arrives now.
    pub(super) fn due(&mut self, lane: Lane, now: u64) -> Option<u64> {
        match self {
            Searcher::Uniform | Searcher::Swarm(_) => None,
            Searcher::Pct(pct) => pct.due(lane, now),
        }
    }
}
