//! Whether a seed is the same when it is run again, and if not, where it
//! first differs.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::runner::Runner;
use super::{Options, Report, Tally};
use crate::history::Entry;
use crate::scenario::Scenario;
use crate::world::Outcome;

/// Runs seeds where nothing of this process can be seen.
pub trait Reproduce: Sync {
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
    /// Why there is no digest.
    pub reason: Option<String>,
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

/// A seed that could not be run again, or not to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotRepeated {
    /// The scenario's name.
    pub scenario: String,
    /// Its file.
    pub path: String,
    /// The seed.
    pub seed: u64,
    /// Why.
    pub reason: String,
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
            reason: outcome.verdict.reason(),
            events: entries.iter().map(line).collect(),
            checkpoints: checkpoints
                .iter()
                .map(|at| (at.records, format!("{:016x}", at.value)))
                .collect(),
        }
    }

    /// What is not the same in `other`, the first of it; None if all is.
    pub fn difference(&self, other: &Trace) -> Option<String> {
        let seen = |trace: &Trace| {
            (
                trace.digest.clone(),
                trace.verdict.clone(),
                trace.reason.clone(),
            )
        };
        if seen(self) == seen(other) {
            return None;
        }
        if self.digest.is_none() || other.digest.is_none() {
            return Some(format!("{}, then {}", self.said(), other.said()));
        }
        let what = first_event(&self.events, &other.events)
            .unwrap_or_else(|| first_delivery(&self.checkpoints, &other.checkpoints));
        Some(format!("{}, then {}: {what}", self.said(), other.said()))
    }

    /// It did not get to an end, by time or by polls: nothing to compare.
    fn is_unknown(&self) -> bool {
        self.digest.is_none() && self.verdict == "unknown"
    }

    fn said(&self) -> String {
        match (&self.digest, &self.reason) {
            (Some(digest), _) => format!("digest {digest}"),
            (None, Some(reason)) => reason.clone(),
            (None, None) => self.verdict.clone(),
        }
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

/// A seed that the campaign names, and what it came to there.
enum Named<'a> {
    Broke { seed: u64, digest: &'a str },
    Crashed { seed: u64, message: &'a str },
}

impl Named<'_> {
    /// The lowest seed of each broken invariant, and the lowest that crashed.
    fn of(tally: &Tally) -> Vec<Named<'_>> {
        let mut broken: Vec<_> = tally.broken.values().collect();
        broken.sort_by_key(|broke| broke.first);
        broken.dedup_by_key(|broke| broke.first);
        let broken = broken.into_iter().map(|broke| Named::Broke {
            seed: broke.first,
            digest: &broke.digest,
        });
        let crashed = tally.crashes.first();
        let crashed = crashed.map(|(seed, message)| Named::Crashed {
            seed: *seed,
            message,
        });
        broken.chain(crashed).collect()
    }

    fn seed(&self) -> u64 {
        match self {
            Named::Broke { seed, .. } | Named::Crashed { seed, .. } => *seed,
        }
    }

    fn is_the_same(&self, trace: &Trace) -> bool {
        match self {
            Named::Broke { digest, .. } => trace.digest.as_deref() == Some(digest),
            Named::Crashed { message, .. } => trace.reason.as_deref() == Some(message),
        }
    }

    fn said(&self) -> String {
        match self {
            Named::Broke { digest, .. } => format!("digest {digest}"),
            Named::Crashed { message, .. } => (*message).to_owned(),
        }
    }
}

/// Runs those seeds again that a campaign names first, and adds what came of
/// it to the report.
pub(super) fn firsts(
    scenarios: &[Arc<Scenario>],
    report: &mut Report,
    options: &Options<'_>,
    reproduce: &dyn Reproduce,
) {
    let pairs = scenarios.iter().zip(&report.tallies);
    let named: Vec<_> = pairs
        .flat_map(|(scenario, tally)| Named::of(tally).into_iter().map(move |one| (scenario, one)))
        .collect();
    let next = AtomicUsize::new(0);
    let compared = Mutex::new(BTreeMap::new());
    let (run, timeout) = (&options.run, options.seed_timeout);
    let work = || {
        let mut runner = Runner::new(run.clone(), timeout);
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some((scenario, one)) = named.get(index) else {
                return;
            };
            let said = compare(scenario, one, &mut runner, reproduce);
            compared.lock().insert(index, said);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..options.jobs.get().min(named.len()) {
            // Where there is no thread for it, this one does all.
            let _fewer = std::thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    let compared = compared.into_inner().into_values();
    for ((scenario, one), said) in named.iter().zip(compared) {
        let (scenario, path) = (scenario.name.clone(), scenario.path.clone());
        let seed = one.seed();
        match said {
            Ok(None) => {}
            Ok(Some(difference)) => report.mismatches.push(Mismatch {
                scenario,
                path,
                seed,
                difference,
                place: Place::FreshProcess,
            }),
            Err(reason) => report.not_repeated.push(NotRepeated {
                scenario,
                path,
                seed,
                reason,
            }),
        }
    }
}

/// What is not the same elsewhere, or why that cannot be told.
fn compare(
    scenario: &Arc<Scenario>,
    named: &Named<'_>,
    runner: &mut Runner,
    reproduce: &dyn Reproduce,
) -> Result<Option<String>, String> {
    let there = reproduce.reproduce(scenario, named.seed())?;
    if named.is_the_same(&there) {
        return Ok(None);
    }
    let here = Trace::of(&runner.run(scenario, named.seed()));
    if let Some(lost) = [&there, &here].into_iter().find(|trace| trace.is_unknown()) {
        return Err(lost.said());
    }
    let difference = here.difference(&there);
    Ok(Some(difference.unwrap_or_else(|| {
        let (was, is) = (named.said(), there.said());
        format!("{was} in the campaign, then {is} both here and there")
    })))
}
