//! What the seeds of one scenario came to, in numbers that do not grow with
//! them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::expect::is_surprise;
use super::runner::Seen;
use crate::checks::Invariant;
use crate::probes::Probe;
use crate::scenario::{Expect, Scenario};
use crate::world::Verdict;

/// Crashed and unknown seeds of which the message is kept, each.
const KEPT: usize = 10;

/// The seeds of one scenario, counted.
#[derive(Debug, Clone, PartialEq)]
pub struct Tally {
    /// The scenario's name.
    pub name: String,
    /// Its file.
    pub path: String,
    /// What is expected of it.
    pub expect: Expect,
    /// Seeds that were asked for, before the scenario's own limit.
    pub wanted: u64,
    /// The scenario's own limit, if it applied.
    pub capped: Option<u64>,
    /// Seeds that ran.
    pub seeds: u64,
    /// Seeds that were run twice and compared.
    pub repeated: u64,
    /// Seeds that were not the same the second time.
    pub differed: u64,
    /// One number for the digests of all seeds, in their order.
    pub digest: u64,
    /// In how many seeds each invariant broke, and first in which.
    pub broken: BTreeMap<Invariant, Broke>,
    /// In how many seeds each probe was reached.
    pub probes: BTreeMap<Probe, u64>,
    /// How many seeds crashed.
    pub crashed: u64,
    /// The first of them: seed, and what happened.
    pub crashes: Vec<(u64, String)>,
    /// How many seeds did not get to an end.
    pub unknown: u64,
    /// The first of them: seed, and why.
    pub unknowns: Vec<(u64, String)>,
    /// The time that its seeds took, summed over workers.
    pub took: Duration,
}

/// The seeds in which an invariant broke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broke {
    /// How many.
    pub seeds: u64,
    /// The lowest.
    pub first: u64,
    /// Its digest.
    pub digest: String,
}

impl Tally {
    pub(super) fn new(scenario: &Scenario, seeds: &Range<u64>) -> Tally {
        let wanted = seeds.end.saturating_sub(seeds.start);
        Tally {
            name: scenario.name.clone(),
            path: scenario.path.clone(),
            expect: scenario.expect.clone(),
            wanted,
            capped: scenario.max_seeds.filter(|max| *max < wanted),
            seeds: 0,
            repeated: 0,
            differed: 0,
            digest: 0,
            broken: BTreeMap::new(),
            probes: BTreeMap::new(),
            crashed: 0,
            crashes: Vec::new(),
            unknown: 0,
            unknowns: Vec::new(),
            took: Duration::ZERO,
        }
    }

    /// Counts a seed, after all lower ones; true if it broke what should
    /// hold, or crashed.
    pub(super) fn count(&mut self, seed: u64, seen: Seen) -> bool {
        self.seeds += 1;
        self.repeated += u64::from(seen.repeated);
        self.differed += u64::from(seen.difference.is_some());
        self.took += seen.took;
        for probe in seen.probes {
            *self.probes.entry(probe).or_default() += 1;
        }
        let digest = seen.digest.unwrap_or_default();
        self.digest = xxh3_64_with_seed(digest.as_bytes(), self.digest);
        for &invariant in &seen.broken {
            let broke = self.broken.entry(invariant).or_insert_with(|| Broke {
                seeds: 0,
                first: seed,
                digest: digest.clone(),
            });
            broke.seeds += 1;
        }
        let broke_what_should_hold = seen
            .broken
            .iter()
            .any(|&invariant| is_surprise(&self.expect, invariant));
        match &seen.verdict {
            Verdict::Crashed { .. } => {
                self.crashed += 1;
                keep(&mut self.crashes, seed, seen.verdict.to_string());
                true
            }
            Verdict::Unknown { reason } => {
                self.unknown += 1;
                keep(&mut self.unknowns, seed, reason.clone());
                false
            }
            Verdict::Holds | Verdict::Violated => broke_what_should_hold,
        }
    }

    /// The lowest seed that broke anything, and what it broke.
    pub fn first(&self) -> Option<(Invariant, &Broke)> {
        self.broken
            .iter()
            .map(|(&invariant, broke)| (invariant, broke))
            .min_by_key(|(invariant, broke)| (broke.first, *invariant))
    }
}

fn keep(list: &mut Vec<(u64, String)>, seed: u64, what: String) {
    if list.len() < KEPT {
        list.push((seed, what));
    }
}
