//! Whether the seeds of a scenario show what it promises.
//!
//! It is met when every invariant it says is violated broke in at least one
//! seed, nothing else but what `may` broke in any, every probe was reached in
//! at least one, and no seed crashed. Where all that is missing is something
//! not seen yet, and the campaign was cut short or seeds did not end, nobody
//! can say: that is inconclusive, not a failure.

use std::fmt;

use super::figures::{AtMost, grouped};
use super::tally::{Broke, Tally};
use crate::checks::Invariant;
use crate::probes::Probe;
use crate::scenario::Expect;

/// What a scenario's seeds say of its promise.
#[derive(Debug, Clone, PartialEq)]
pub enum Judgement {
    /// It is kept.
    Met,
    /// It is not, for these reasons.
    NotMet(Vec<Shortfall>),
    /// Nobody can say, for these reasons.
    Inconclusive(Vec<Shortfall>),
    /// There were no seeds to run.
    NothingRun,
}

/// One thing that keeps a promise from being met.
#[derive(Debug, Clone, PartialEq)]
pub enum Shortfall {
    /// Seeds crashed.
    Crashed {
        /// How many.
        crashed: u64,
        /// Of how many.
        seeds: u64,
    },
    /// An invariant broke that should hold.
    Broken {
        /// Which.
        invariant: Invariant,
        /// Where.
        broke: Broke,
        /// Of how many seeds.
        seeds: u64,
    },
    /// An invariant that should break did not.
    Gone {
        /// Which.
        invariant: Invariant,
        /// In how many seeds.
        seeds: u64,
    },
    /// A state was never reached.
    NotReached {
        /// Which.
        probe: Probe,
        /// In how many seeds.
        seeds: u64,
    },
    /// Seeds that should not be the same when they are run again were.
    NeverDiffered {
        /// How many were run twice.
        repeated: u64,
    },
    /// Seeds did not get to an end.
    Unknown {
        /// How many.
        unknown: u64,
        /// Of how many.
        seeds: u64,
    },
    /// The campaign ended before all seeds had run.
    CutShort {
        /// Seeds that ran.
        seeds: u64,
        /// Seeds that should have.
        wanted: u64,
    },
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shortfall::Crashed { crashed, seeds } => {
                write!(
                    f,
                    "internal error in {} of {} seeds",
                    grouped(*crashed),
                    grouped(*seeds)
                )
            }
            Shortfall::Broken {
                invariant,
                broke,
                seeds,
            } => write!(
                f,
                "{invariant} broke in {} of {} seeds, and should hold",
                grouped(broke.seeds),
                grouped(*seeds)
            ),
            Shortfall::Gone { invariant, seeds } => write!(
                f,
                "{invariant}: the promised violation is gone: 0 of {} seeds ({}); \
                 if that is the fix, pass --expect holds",
                grouped(*seeds),
                AtMost { tries: *seeds }
            ),
            Shortfall::NotReached { probe, seeds } => write!(
                f,
                "{probe} was never reached: 0 of {} seeds ({}); \
                 what the scenario is about did not happen",
                grouped(*seeds),
                AtMost { tries: *seeds }
            ),
            Shortfall::NeverDiffered { repeated } => write!(
                f,
                "no seed differed when it was run again, of {}: the leak was not caught",
                grouped(*repeated)
            ),
            Shortfall::Unknown { unknown, seeds } => write!(
                f,
                "{} of {} seeds did not get to an end",
                grouped(*unknown),
                grouped(*seeds)
            ),
            Shortfall::CutShort { seeds, wanted } => write!(
                f,
                "the campaign was cut short after {} of {} seeds",
                grouped(*seeds),
                grouped(*wanted)
            ),
        }
    }
}

/// Nothing that was expected says that this may break.
pub(super) fn is_surprise(expect: &Expect, invariant: Invariant) -> bool {
    !expect.violates.contains(&invariant) && !expect.may.contains(&invariant)
}

/// Those of the broken invariants that should hold.
pub fn surprises(expect: &Expect, broken: impl Iterator<Item = Invariant>) -> Vec<Invariant> {
    broken
        .filter(|invariant| is_surprise(expect, *invariant))
        .collect()
}

/// Judges the seeds of a scenario.
pub fn judge(tally: &Tally) -> Judgement {
    let planned = tally.capped.unwrap_or(tally.wanted);
    if planned == 0 {
        return Judgement::NothingRun;
    }
    let wrong = wrong(tally);
    let missing = missing(tally);
    let doubts = doubts(tally, planned);
    if !wrong.is_empty() {
        return Judgement::NotMet([wrong, missing, doubts].concat());
    }
    let cut_short = tally.seeds < planned;
    let nothing_said = tally.seeds == tally.unknown;
    match (missing.is_empty(), doubts.is_empty()) {
        (true, true) => Judgement::Met,
        (false, true) => Judgement::NotMet(missing),
        // All that ran did as promised: a budget of time is no failure.
        (true, false) if cut_short && tally.unknown == 0 && !nothing_said => Judgement::Met,
        (_, false) => Judgement::Inconclusive([missing, doubts].concat()),
    }
}

/// What was seen and should not have been.
fn wrong(tally: &Tally) -> Vec<Shortfall> {
    let seeds = tally.seeds;
    let crashed = (tally.crashed > 0).then_some(Shortfall::Crashed {
        crashed: tally.crashed,
        seeds,
    });
    let broken = tally
        .broken
        .iter()
        .filter(|(invariant, _)| is_surprise(&tally.expect, **invariant))
        .map(|(&invariant, broke)| Shortfall::Broken {
            invariant,
            broke: broke.clone(),
            seeds,
        });
    crashed.into_iter().chain(broken).collect()
}

/// What should have been seen and was not.
fn missing(tally: &Tally) -> Vec<Shortfall> {
    let seeds = tally.seeds;
    if seeds == 0 {
        return Vec::new();
    }
    let gone = tally
        .expect
        .violates
        .iter()
        .filter(|invariant| !tally.broken.contains_key(invariant))
        .map(|&invariant| Shortfall::Gone { invariant, seeds });
    let not_reached = tally
        .expect
        .reaches
        .iter()
        .filter(|probe| !tally.probes.contains_key(probe))
        .map(|&probe| Shortfall::NotReached { probe, seeds });
    let repeated = tally.repeated;
    let never_differed = (tally.expect.differs && tally.differed == 0)
        .then_some(Shortfall::NeverDiffered { repeated });
    gone.chain(not_reached).chain(never_differed).collect()
}

/// Why less may be known than was asked for.
fn doubts(tally: &Tally, planned: u64) -> Vec<Shortfall> {
    let (unknown, seeds) = (tally.unknown, tally.seeds);
    let unknown = (unknown > 0).then_some(Shortfall::Unknown { unknown, seeds });
    let cut = (seeds < planned).then_some(Shortfall::CutShort {
        seeds,
        wanted: planned,
    });
    unknown.into_iter().chain(cut).collect()
}
