//! `run`: one seed, told as a story.
//!
//! It judges what one seed can show: nothing broke but what the scenario
//! promises or allows. That nothing broke at all is then fine too.

use std::sync::Arc;
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
        let mut scenario = gallery::read_one(name, &self.overrides.settings)?;
        self.overrides
            .lay_over(std::slice::from_mut(&mut scenario))?;
        let scenario = Arc::new(scenario);
        let outcome = self.outcome(&scenario, seed);
        output::say(&match self.json {
            true => json::written(&json::Seed::new(&scenario, &outcome, self.trace)),
            false => self.story(&scenario, &outcome),
        })?;
        let exit = judge(&scenario, &outcome);
        Ok((outcome, exit))
    }

    fn outcome(&self, scenario: &Arc<Scenario>, seed: u64) -> Outcome {
        let messages = self.messages;
        let run =
            move |scenario: &Scenario, seed| world::run_seed(scenario, seed, Keep { messages });
        Runner::new(Arc::new(run), self.seed_timeout).run(scenario, seed)
    }

    fn story(&self, scenario: &Scenario, outcome: &Outcome) -> String {
        let story = Story {
            scenario,
            plan: &Plan::new(scenario, outcome.seed),
            outcome,
            options: StoryOptions { all: self.all },
            again: self.overrides.rerun().command(&scenario.path, outcome.seed),
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
