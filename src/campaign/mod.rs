//! Many seeds of many scenarios, and what they come to.
//!
//! Seeds are handed out in one fixed order, seed by seed over all scenarios,
//! to `jobs` workers; what they saw is put back into that order before it is
//! counted. So a campaign says the same with one worker or with many: `first`
//! is the lowest seed, and `max_fail` cuts at the same seed. No history is
//! kept: memory is flat over seeds.
//!
//! It checks its own ground. One seed in [`Options::repeat_every`] is run
//! twice, and the lowest seed of each broken invariant, and of those that
//! crashed, again by [`Options::reproduce`], which the command line does in a fresh process;
//! where digests differ, the first difference is named. A seed that could not
//! be compared is said to be one, and is not taken for one that differs.
//!
//! A seed that panics or does not end is a result like any other, told with
//! its seed; the campaign goes on.

mod expect;
mod figures;
mod queue;
mod reproduce;
mod runner;
mod tally;

use std::collections::BTreeMap;
use std::num::{NonZeroU64, NonZeroUsize};
use std::ops::Range;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64_with_seed;

pub use expect::{Judgement, Shortfall, judge, surprises};
pub use figures::{AtMost, grouped};
pub use reproduce::{Mismatch, NotRepeated, Place, Reproduce, Trace, difference};
pub use runner::{Run, Runner};
pub use tally::{Broke, Tally};

use crate::rt;
use crate::scenario::Scenario;
use queue::{Job, Queue};
use runner::Seen;

/// One seed of so many is run twice, if nothing else is said.
pub const REPEAT_EVERY: NonZeroU64 = NonZeroU64::new(64).expect("not zero");

/// How long a seed may take in real time, if nothing else is said.
pub const SEED_TIMEOUT: Duration = Duration::from_secs(60);

/// How a campaign is run.
pub struct Options<'a> {
    /// Which seeds of each scenario, the end left out.
    pub seeds: Range<u64>,
    /// How many at once.
    pub jobs: NonZeroUsize,
    /// After this much real time no seed is begun; those that run are waited
    /// for.
    pub max_total_time: Option<Duration>,
    /// It ends with this many seeds that break what should hold, or crash.
    pub max_fail: Option<u64>,
    /// One seed of so many is run twice and compared.
    pub repeat_every: NonZeroU64,
    /// After this much real time a seed is given up and counts as unknown.
    pub seed_timeout: Duration,
    /// Runs a seed.
    pub run: Run,
    /// Runs a seed where nothing of this campaign can be seen.
    pub reproduce: Option<&'a dyn Reproduce>,
    /// Is told of each seed that ended.
    pub progress: &'a dyn Fn(),
}

/// What a campaign came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// By scenario, in the order given.
    pub tallies: Vec<Tally>,
    /// Seeds that were not the same when they were run again.
    pub mismatches: Vec<Mismatch>,
    /// Seeds that should have been run again elsewhere, and could not be: a
    /// warning, that changes nothing of what the campaign says.
    pub not_repeated: Vec<NotRepeated>,
    /// How long it took.
    pub took: Duration,
    /// Why it ended before all seeds had run.
    pub cut: Option<Cut>,
}

impl Report {
    /// One number for everything that was run: whoever runs the same seeds of
    /// the same scenarios has it too. What promises to differ is left out.
    pub fn digest(&self) -> String {
        let sound = self.tallies.iter().filter(|tally| !tally.expect.differs);
        let all = sound.fold(0, |sum, tally| {
            xxh3_64_with_seed(&tally.digest.to_le_bytes(), sum)
        });
        format!("{all:016x}")
    }
}

/// Why a campaign ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// [`Options::max_total_time`] was over.
    Time,
    /// [`Options::max_fail`] was reached.
    Failures,
}

/// How many seeds a campaign of these scenarios would run.
pub fn planned(scenarios: &[Scenario], seeds: &Range<u64>) -> u64 {
    scenarios
        .iter()
        .map(|scenario| queue::share(scenario, seeds))
        .fold(0, u64::saturating_add)
}

/// Runs a campaign to its end.
pub fn run(scenarios: &[Scenario], options: &Options<'_>) -> std::io::Result<Report> {
    let started = rt::now();
    let deadline = options.max_total_time.map(|limit| started + limit);
    let queue = Queue::new(scenarios, options, deadline);
    let shared: Vec<Arc<Scenario>> = scenarios.iter().cloned().map(Arc::new).collect();
    let mut gathered = Gathered::new(scenarios, options);
    std::thread::scope(|scope| -> std::io::Result<()> {
        let (sender, receiver) = mpsc::channel();
        let jobs = planned(scenarios, &options.seeds).min(options.jobs.get() as u64);
        for index in 0..jobs {
            let (sender, shared, queue) = (sender.clone(), &shared, &queue);
            let runner = Runner::new(options.run.clone(), options.seed_timeout);
            std::thread::Builder::new()
                .name(format!("worker-{index}"))
                .spawn_scoped(scope, move || work(shared, queue, runner, &sender))
                .inspect_err(|_| queue.close())?;
        }
        drop(sender);
        for (job, seen) in receiver {
            (options.progress)();
            if gathered.take(job, seen).is_break() {
                queue.close();
            }
        }
        Ok(())
    })?;
    let mut report = gathered.report(queue.is_out_of_time());
    if let Some(reproduce) = options.reproduce {
        reproduce::firsts(&shared, &mut report, options, reproduce);
    }
    report.took = started.elapsed();
    Ok(report)
}

/// A worker: takes seeds until there are none, and tells what it saw.
fn work(
    scenarios: &[Arc<Scenario>],
    queue: &Queue,
    mut runner: Runner,
    to: &mpsc::Sender<(Job, Seen)>,
) {
    while let Some(job) = queue.next() {
        let seen = runner.see(&scenarios[job.scenario], job.seed, job.is_repeated);
        if to.send((job, seen)).is_err() {
            return;
        }
    }
}

/// Puts what the workers saw back into order and counts it.
struct Gathered {
    tallies: Vec<Tally>,
    mismatches: Vec<Mismatch>,
    /// Seen too early to be counted.
    early: BTreeMap<u64, (Job, Seen)>,
    next: u64,
    failures_left: Option<u64>,
    cut: bool,
}

impl Gathered {
    fn new(scenarios: &[Scenario], options: &Options<'_>) -> Gathered {
        Gathered {
            tallies: scenarios
                .iter()
                .map(|scenario| Tally::new(scenario, &options.seeds))
                .collect(),
            mismatches: Vec::new(),
            early: BTreeMap::new(),
            next: 0,
            failures_left: options.max_fail,
            cut: false,
        }
    }

    /// Breaks when there were failures enough.
    fn take(&mut self, job: Job, seen: Seen) -> std::ops::ControlFlow<()> {
        self.early.insert(job.number, (job, seen));
        while let Some((job, seen)) = self.early.remove(&self.next) {
            if self.cut {
                break;
            }
            self.next += 1;
            self.count(&job, seen);
        }
        match self.cut {
            true => std::ops::ControlFlow::Break(()),
            false => std::ops::ControlFlow::Continue(()),
        }
    }

    fn count(&mut self, job: &Job, seen: Seen) {
        let tally = &mut self.tallies[job.scenario];
        if let Some(difference) = &seen.difference
            && !tally.expect.differs
        {
            self.mismatches.push(Mismatch {
                scenario: tally.name.clone(),
                path: tally.path.clone(),
                seed: job.seed,
                difference: difference.clone(),
                place: Place::SameProcess,
            });
        }
        if tally.count(job.seed, seen)
            && let Some(left) = &mut self.failures_left
        {
            *left = left.saturating_sub(1);
            self.cut = *left == 0;
        }
    }

    fn report(self, out_of_time: bool) -> Report {
        Report {
            cut: match (self.cut, out_of_time) {
                (true, _) => Some(Cut::Failures),
                (false, true) => Some(Cut::Time),
                (false, false) => None,
            },
            tallies: self.tallies,
            mismatches: self.mismatches,
            not_repeated: Vec::new(),
            took: Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests;
