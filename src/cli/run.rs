//! `run`: one seed, told as a story.
//!
//! It judges what one seed can show: nothing broke but what the scenario
//! promises or allows. That nothing broke at all is then fine too.

use std::io::Read;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use clap::Args;

use super::args::{Overrides, real_time, seed};
use super::{Exit, Stop, gallery, output};
use crate::campaign::{Runner, surprises};
use crate::plan::Plan;
use crate::report::{Story, StoryOptions, json};
use crate::scenario::Scenario;
use crate::world::{self, Keep, Outcome, Verdict};

/// Run one seed of a scenario and tell it as a story.
#[derive(Debug, Args)]
pub(super) struct Run {
    /// A scenario file, or a name in the gallery.
    scenario: String,
    /// The seed.
    #[arg(long, value_name = "N", default_value = "0", value_parser = seed)]
    seed: u64,
    #[command(flatten)]
    telling: Telling,
}

/// How a seed is run and told.
#[derive(Debug, Args)]
pub(super) struct Telling {
    #[command(flatten)]
    overrides: Overrides,
    /// Print JSON instead of the story.
    #[arg(long)]
    json: bool,
    /// Leave nothing out of a long story.
    #[arg(long)]
    all: bool,
    /// Tell the messages between nodes as well.
    #[arg(long)]
    messages: bool,
    /// Give up a seed that is not over after so much real time.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = real_time)]
    seed_timeout: Duration,
    /// Add what another process needs to compare the run with its own.
    #[arg(long, hide = true, requires = "json")]
    trace: bool,
    /// Read the scenario from stdin, and take its path for a name only.
    #[arg(long, hide = true)]
    stdin: bool,
}

impl Run {
    pub(super) fn run(self) -> Result<Exit, Stop> {
        let (_, exit) = self.telling.tell(&self.scenario, self.seed)?;
        Ok(exit)
    }
}

impl Telling {
    /// Runs the seed, prints it, and judges it.
    pub(super) fn tell(&self, name: &str, seed: u64) -> Result<(Outcome, Exit), Stop> {
        let mut scenario = self.scenario(name)?;
        self.overrides
            .lay_over(std::slice::from_mut(&mut scenario))?;
        let scenario = Arc::new(scenario);
        let (plan, outcome) = self.outcome(&scenario, seed);
        output::say(&match self.json {
            true => json::written(&json::Seed::new(&scenario, &outcome, self.trace)),
            false => self.story(&scenario, plan.get(), &outcome),
        })?;
        let exit = judge(&scenario, &outcome);
        Ok((outcome, exit))
    }

    fn scenario(&self, name: &str) -> Result<Scenario, Stop> {
        let settings = &self.overrides.settings;
        if !self.stdin {
            return gallery::read_one(name, settings);
        }
        let mut text = String::new();
        let read = std::io::stdin().read_to_string(&mut text);
        read.map_err(|error| Stop::Usage(format!("cannot read stdin: {error}")))?;
        Scenario::parse(name, &text, settings)
            .map_err(|why| Stop::Scenarios(vec![(name.to_owned(), why)]))
    }

    /// What came of the seed, and its plan, if it got as far as to have one.
    fn outcome(&self, scenario: &Arc<Scenario>, seed: u64) -> (Arc<OnceLock<Plan>>, Outcome) {
        let keep = Keep {
            messages: self.messages,
        };
        let drawn = Arc::new(OnceLock::new());
        let plan = drawn.clone();
        let run = move |scenario: &Scenario, seed| match world::draw(scenario, seed) {
            Ok(drawn) => world::run(scenario, plan.get_or_init(|| drawn), keep),
            Err(verdict) => Outcome::lost(seed, verdict),
        };
        let outcome = Runner::new(Arc::new(run), self.seed_timeout).run(scenario, seed);
        (drawn, outcome)
    }

    fn story(&self, scenario: &Scenario, plan: Option<&Plan>, outcome: &Outcome) -> String {
        let digest = outcome.digest();
        let rerun = self.overrides.rerun();
        let story = Story {
            scenario,
            plan,
            outcome,
            options: StoryOptions { all: self.all },
            again: rerun.command(&scenario.path, outcome.seed, digest.as_deref()),
        };
        story.tell()
    }
}

fn judge(scenario: &Scenario, outcome: &Outcome) -> Exit {
    let broken = outcome.violations.iter().map(|broken| broken.invariant);
    match &outcome.verdict {
        Verdict::Crashed { .. } => Exit::Internal,
        Verdict::Unknown { .. } => Exit::Inconclusive,
        _ if surprises(&scenario.expect, broken).is_empty() => Exit::Met,
        _ => Exit::NotMet,
    }
}
