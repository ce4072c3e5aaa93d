//! `run`: one seed, told as a story.
//!
//! It judges what one seed can show: nothing broke but what the scenario
//! promises or allows. That nothing broke at all is then fine too.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use clap::Args;

use super::args::{Overrides, real_time, seed};
use super::{Exit, Stop, gallery, output};
use crate::campaign::{Runner, surprises};
use crate::plan::Plan;
use crate::report::{Story, StoryOptions, json};
use crate::scenario::{Scenario, read_text};
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
    /// Run this plan, as --save-plan wrote it or as it was edited since,
    /// instead of what a seed draws.
    #[arg(long, value_name = "FILE", conflicts_with = "seed")]
    plan: Option<PathBuf>,
    /// Write the plan that is run into a file.
    #[arg(long, value_name = "FILE")]
    save_plan: Option<PathBuf>,
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
        let scenario = self.telling.scenario(&self.scenario)?;
        let source = self.telling.source(&scenario, self.seed)?;
        Ok(self.telling.tell(scenario, &source)?.exit)
    }
}

/// Where a plan comes from.
pub(super) enum Source {
    /// It is drawn.
    Seed(u64),
    /// It was read from this file.
    File(PathBuf, Arc<Plan>),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Seed(seed) => write!(f, "seed {seed}"),
            Source::File(path, _) => write!(f, "the plan {}", path.display()),
        }
    }
}

/// What was told.
pub(super) struct Told {
    pub(super) outcome: Outcome,
    pub(super) exit: Exit,
}

fn read_plan(path: &Path, scenario: &Scenario) -> Result<Plan, Stop> {
    let name = path.display().to_string();
    let refused = |why| Stop::Scenarios(vec![(name.clone(), why)]);
    let text = read_text(path).map_err(refused)?;
    Plan::parse(&name, &text, scenario).map_err(refused)
}

impl Telling {
    /// The plan that is named, or else that of the seed.
    pub(super) fn source(&self, scenario: &Scenario, seed: u64) -> Result<Source, Stop> {
        match &self.plan {
            Some(path) => Ok(Source::File(
                path.clone(),
                Arc::new(read_plan(path, scenario)?),
            )),
            None => Ok(Source::Seed(seed)),
        }
    }

    /// Runs the seed or the plan, prints it, saves its plan if that is asked
    /// for, and judges it.
    pub(super) fn tell(&self, mut scenario: Scenario, source: &Source) -> Result<Told, Stop> {
        self.overrides
            .lay_over(std::slice::from_mut(&mut scenario))?;
        let scenario = Arc::new(scenario);
        let (plan, outcome) = self.outcome(&scenario, source);
        output::say(&match self.json {
            true => json::written(&json::Seed::new(
                &scenario,
                plan.get(),
                &outcome,
                self.trace,
            )),
            false => self.story(&scenario, source, plan.get(), &outcome),
        })?;
        if let (Some(path), Some(plan)) = (&self.save_plan, plan.get()) {
            std::fs::write(path, plan.to_toml()).map_err(|error| {
                Stop::Usage(format!("cannot write {}: {error}", path.display()))
            })?;
        }
        let exit = judge(&scenario, &outcome);
        Ok(Told { outcome, exit })
    }

    /// Reads the scenario, with the overrides laid over it.
    pub(super) fn scenario(&self, name: &str) -> Result<Scenario, Stop> {
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
    fn outcome(&self, scenario: &Arc<Scenario>, source: &Source) -> (Arc<OnceLock<Plan>>, Outcome) {
        let keep = Keep {
            messages: self.messages,
            ..Keep::default()
        };
        let drawn = Arc::new(OnceLock::new());
        let plan = drawn.clone();
        let (seed, given) = match source {
            Source::Seed(seed) => (*seed, None),
            Source::File(_, plan) => (plan.seed, Some(plan.clone())),
        };
        let plan_of = move |scenario: &Scenario, seed| match &given {
            Some(plan) => Ok(Plan::clone(plan)),
            None => world::draw(scenario, seed),
        };
        let run = move |scenario: &Scenario, seed| match plan_of(scenario, seed) {
            Ok(drawn) => world::run(scenario, plan.get_or_init(|| drawn), keep),
            Err(verdict) => Outcome::lost(seed, verdict),
        };
        let outcome = Runner::new(Arc::new(run), self.seed_timeout).run(scenario, seed);
        (drawn, outcome)
    }

    fn story(
        &self,
        scenario: &Scenario,
        source: &Source,
        plan: Option<&Plan>,
        outcome: &Outcome,
    ) -> String {
        let digest = outcome.digest();
        let rerun = self.overrides.rerun();
        let story = Story {
            scenario,
            plan,
            outcome,
            options: StoryOptions { all: self.all },
            again: match source {
                Source::Seed(seed) => rerun.command(&scenario.path, *seed, digest.as_deref()),
                Source::File(path, _) => {
                    let plan = path.display().to_string();
                    rerun.plan_command(&scenario.path, &plan, digest.as_deref())
                }
            },
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
