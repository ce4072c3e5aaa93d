//! `swarm`: some clients are slow for a whole run.
//!
//! Each run draws how many of its connections are slow and by which factor at
//! most; each direction of a slow connection draws its own factor below that.
//! It is swarm testing applied to latencies: runs differ from each other more
//! than the segments of one run do, so a client that is overtaken again and
//! again is as likely as one that never is.

use super::Lane;
use crate::draw::{self, Draw};

/// Slowness adds no more than this to one segment.
const SLOWER_MAX_NS: u64 = 100_000_000;

/// How many of 100 directions are slow, in a run.
const SHARES: [u64; 3] = [10, 30, 60];

/// What their latency is multiplied with, at most.
const FACTORS: [u64; 4] = [3, 10, 30, 100];

/// The run's draw.
pub(in crate::net) struct Swarm {
    seed: u64,
    slow_percent: u64,
    factor_max: u64,
}

impl Swarm {
    pub(super) fn new(seed: u64) -> Swarm {
        let mut draw = Draw::new(seed, "search/swarm");
        Swarm {
            seed: draw.u64(),
            slow_percent: draw.pick(&SHARES),
            factor_max: draw.pick(&FACTORS),
        }
    }

    pub(super) fn slower_ns(&self, (connection, side): Lane, latency_ns: u64) -> u64 {
        let word = draw::hash(self.seed, [connection, side as u64, 0, 0]);
        if draw::scale(word, 0..100) >= self.slow_percent {
            return 0;
        }
        let word = draw::hash(self.seed, [connection, side as u64, 1, 0]);
        let times = draw::scale(word, 1..self.factor_max);
        latency_ns.saturating_mul(times).min(SLOWER_MAX_NS)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Side;
    use super::*;

    #[test]
    fn a_slow_connection_is_slow_throughout_and_most_are_not() {
        let slow_of = |seed| {
            let swarm = Swarm::new(seed);
            let slower = |connection| swarm.slower_ns((connection, Side::Client), 1_000);
            let again: Vec<_> = (0..1_000).map(slower).collect();
            assert_eq!(again, (0..1_000).map(slower).collect::<Vec<_>>());
            again.iter().filter(|slower| **slower > 0).count()
        };
        let mut shares: Vec<_> = (0..40).map(|seed| slow_of(seed) / 100).collect();
        shares.sort_unstable();
        shares.dedup();
        assert!(shares.len() >= 3, "runs differ: {shares:?}");
    }

    #[test]
    fn slowness_has_a_limit() {
        let slowest = (0..100)
            .map(|seed| Swarm::new(seed).slower_ns((seed, Side::Server), u64::MAX))
            .max();
        assert_eq!(slowest, Some(SLOWER_MAX_NS));
    }
}
