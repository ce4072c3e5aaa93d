//! Whether a seed is the same when it is run again, and if not, where it
//! first differs.

use std::fmt;
use std::sync::Arc;

use super::runner::Runner;
use super::{Options, Tally};
use crate::history::Entry;
use crate::scenario::Scenario;
use crate::world::Outcome;

/// Runs seeds where nothing of this process can be seen.
pub trait Reproduce {
    /// What a seed does there, or why that cannot be told.
    fn reproduce(&self, scenario: &Scenario, seed: u64) -> Result<Trace, String>;
}

/// A run, written down far enough to be compared with another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The digest; None if the run did not get to its end.
    pub digest: Option<String>,
    /// The verdict in one word.
    pub verdict: String,
    /// Every event, in order.
    pub events: Vec<String>,
    /// The digest after so many records.
    pub checkpoints: Vec<(u64, String)>,
}

/// A seed that was not the same when it was run again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// The scenario's name.
    pub scenario: String,
    /// Its file.
    pub path: String,
    /// The seed.
    pub seed: u64,
    /// What differs first.
    pub difference: String,
    /// Where it was run again.
    pub place: Place,
}

/// Where a seed was run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// By the same worker, at once.
    SameProcess,
    /// In a process of its own.
    FreshProcess,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Place::SameProcess => "in the same process",
            Place::FreshProcess => "in a fresh process",
        })
    }
}

impl Trace {
    /// Writes a run down.
    pub fn of(outcome: &Outcome) -> Trace {
        let history = outcome.history.as_ref();
        let entries = history.map_or(&[][..], |history| &history.entries);
        let checkpoints = history.map_or(&[][..], |history| history.digest.checkpoints());
        Trace {
            digest: outcome.digest(),
            verdict: outcome.verdict.word().to_owned(),
            events: entries.iter().map(line).collect(),
            checkpoints: checkpoints
                .iter()
                .map(|at| (at.records, format!("{:016x}", at.value)))
                .collect(),
        }
    }

    /// What is not the same in `other`, the first of it; None if all is.
    pub fn difference(&self, other: &Trace) -> Option<String> {
        if self.digest == other.digest && self.verdict == other.verdict {
            return None;
        }
        let digest = |trace: &Trace| match &trace.digest {
            Some(digest) => format!("digest {digest}"),
            None => format!("no digest, {}", trace.verdict),
        };
        let what = first_event(&self.events, &other.events)
            .unwrap_or_else(|| first_delivery(&self.checkpoints, &other.checkpoints));
        Some(format!("{}, then {}: {what}", digest(self), digest(other)))
    }
}

fn line(entry: &Entry) -> String {
    format!("{} ns {:?}", entry.at_ns, entry.event)
}

fn first_event(these: &[String], those: &[String]) -> Option<String> {
    let longest = these.len().max(those.len());
    (0..longest)
        .find(|&index| these.get(index) != those.get(index))
        .map(|index| {
            let event = |events: &[String]| match events.get(index) {
                Some(event) => event.clone(),
                None => "the end".to_owned(),
            };
            format!(
                "event {} differs: {}, then {}",
                index + 1,
                event(these),
                event(those)
            )
        })
}

/// The events are the same, so it is something that the network carried.
fn first_delivery(these: &[(u64, String)], those: &[(u64, String)]) -> String {
    let same = these.iter().zip(those).take_while(|(a, b)| a == b).count();
    let from = match same {
        0 => 0,
        _ => these[same - 1].0,
    };
    match these.get(same).or(those.get(same)) {
        Some((to, _)) => format!("a delivery between record {from} and record {to} differs"),
        None => format!("a delivery after record {from} differs"),
    }
}

/// What is not the same in two runs of a seed, the first of it.
pub fn difference(one: &Outcome, other: &Outcome) -> Option<String> {
    let same = one.digest() == other.digest() && one.verdict == other.verdict;
    (!same)
        .then(|| Trace::of(one).difference(&Trace::of(other)))
        .flatten()
}

/// Runs the lowest seed of each broken invariant again.
pub(super) fn firsts(
    scenarios: &[Arc<Scenario>],
    tallies: &[Tally],
    options: &Options<'_>,
    reproduce: &dyn Reproduce,
) -> Vec<Mismatch> {
    let mut runner = Runner::new(options.run.clone(), options.seed_timeout);
    let mut mismatches = Vec::new();
    for (scenario, tally) in scenarios.iter().zip(tallies) {
        let mut firsts: Vec<_> = tally.broken.values().collect();
        firsts.sort_by_key(|broke| broke.first);
        firsts.dedup_by_key(|broke| broke.first);
        for broke in firsts {
            let difference = match reproduce.reproduce(scenario, broke.first) {
                Ok(trace) if trace.digest.as_deref() == Some(&broke.digest) => continue,
                Ok(trace) => {
                    let here = Trace::of(&runner.run(scenario, broke.first));
                    here.difference(&trace).unwrap_or_else(|| {
                        format!(
                            "digest {} in the campaign, then {} both here and there",
                            broke.digest,
                            trace.digest.unwrap_or_default()
                        )
                    })
                }
                Err(reason) => reason,
            };
            mismatches.push(Mismatch {
                scenario: tally.name.clone(),
                path: tally.path.clone(),
                seed: broke.first,
                difference,
                place: Place::FreshProcess,
            });
        }
    }
    mismatches
}
