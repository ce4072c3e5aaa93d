//! One seed at a time, within a limit of real time.
//!
//! A loop inside one poll cannot be stopped from outside: a seed that does
//! not end is left behind with its thread, and the runner goes on with
//! another.

use std::collections::BTreeSet;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use super::reproduce::difference;
use crate::checks::Invariant;
use crate::probes::Probe;
use crate::rt;
use crate::scenario::Scenario;
use crate::world::{Outcome, Verdict};

/// How a seed of a scenario is run.
pub type Run = Arc<dyn Fn(&Scenario, u64) -> Outcome + Send + Sync>;

/// Runs seeds on a thread that it replaces when a seed does not end.
pub struct Runner {
    run: Run,
    timeout: Duration,
    thread: Option<Thread>,
}

struct Thread {
    seeds: mpsc::Sender<(Arc<Scenario>, u64)>,
    outcomes: mpsc::Receiver<Outcome>,
}

/// What is kept of a seed.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) verdict: Verdict,
    pub(super) digest: Option<String>,
    pub(super) broken: Vec<Invariant>,
    pub(super) probes: BTreeSet<Probe>,
    pub(super) took: Duration,
    /// What was not the same when it was run again.
    pub(super) difference: Option<String>,
    pub(super) repeated: bool,
}

impl Runner {
    /// A runner that gives a seed so much real time.
    pub fn new(run: Run, timeout: Duration) -> Runner {
        Runner {
            run,
            timeout,
            thread: None,
        }
    }

    /// Runs a seed; one that does not end has an unknown verdict.
    pub fn run(&mut self, scenario: &Arc<Scenario>, seed: u64) -> Outcome {
        let asked = self.thread().and_then(|thread| {
            let asked = thread.seeds.send((scenario.clone(), seed));
            asked.map_err(|_| "its thread is gone".to_owned())
        });
        let (Some(thread), Ok(())) = (&self.thread, &asked) else {
            return Outcome::lost(seed, crashed(asked.err().unwrap_or_default()));
        };
        let verdict = match thread.outcomes.recv_timeout(self.timeout) {
            Ok(outcome) => return outcome,
            Err(mpsc::RecvTimeoutError::Timeout) => Verdict::Unknown {
                reason: format!("not over after {:?} of real time", self.timeout),
            },
            Err(mpsc::RecvTimeoutError::Disconnected) => crashed("its thread died".to_owned()),
        };
        self.thread = None;
        Outcome::lost(seed, verdict)
    }

    /// Runs a seed, twice if it is to be compared, and keeps what counts.
    pub(super) fn see(&mut self, scenario: &Arc<Scenario>, seed: u64, repeat: bool) -> Seen {
        let started = rt::now();
        let outcome = self.run(scenario, seed);
        let took = started.elapsed();
        let again = (repeat && outcome.history.is_some()).then(|| self.run(scenario, seed));
        // What did not get to an end in time cannot be compared.
        let again = again.filter(|again| !matches!(again.verdict, Verdict::Unknown { .. }));
        let difference = again.as_ref().and_then(|again| difference(&outcome, again));
        Seen {
            digest: outcome.digest(),
            broken: outcome.violations.iter().map(|v| v.invariant).collect(),
            probes: outcome.probes,
            verdict: outcome.verdict,
            took,
            difference,
            repeated: again.is_some(),
        }
    }

    fn thread(&mut self) -> Result<&Thread, String> {
        let thread = match self.thread.take() {
            Some(thread) => thread,
            None => Thread::start(self.run.clone())?,
        };
        Ok(self.thread.insert(thread))
    }
}

impl Thread {
    fn start(run: Run) -> Result<Thread, String> {
        let (seeds, to_run) = mpsc::channel::<(Arc<Scenario>, u64)>();
        let (ended, outcomes) = mpsc::channel();
        std::thread::Builder::new()
            .name("runner".to_owned())
            .spawn(move || {
                for (scenario, seed) in to_run {
                    if ended.send(run(&scenario, seed)).is_err() {
                        return;
                    }
                }
            })
            .map_err(|error| format!("no thread to run it: {error}"))?;
        Ok(Thread { seeds, outcomes })
    }
}

fn crashed(message: String) -> Verdict {
    Verdict::Crashed {
        message,
        location: "src/campaign/runner.rs".to_owned(),
    }
}
