//! `fuzz`: many seeds of many scenarios, judged by what each promises.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::args::{Overrides, Seeds, real_time};
use super::fresh::FreshProcess;
use super::gallery::Found;
use super::logs::Logging;
use super::{Exit, Stop, gallery, output};
use crate::campaign::{self, Judgement, Report, judge};
use crate::report::{self, json};
use crate::scenario::Scenario;
use crate::world::{self, Keep};

/// Run many seeds and judge what each scenario promises.
#[derive(Debug, Args)]
pub(super) struct Fuzz {
    /// Scenario files, folders of them, or names in the gallery; the whole
    /// gallery if none is named.
    #[arg(value_name = "SCENARIO|DIR")]
    scenarios: Vec<String>,
    /// The seeds of each scenario; the end is left out.
    #[arg(long, value_name = "A..B", default_value = "0..100")]
    seeds: Seeds,
    /// How many seeds to run at once; as many as there are cores if not said.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
    /// Begin no seed after so much real time, such as 90s or 10m.
    #[arg(long, value_name = "TIME", value_parser = real_time)]
    max_total_time: Option<Duration>,
    /// End after so many seeds that break what should hold, or crash.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    max_fail: Option<u64>,
    /// Run one seed of so many twice, and compare; 1 is every seed.
    #[arg(long, value_name = "N", default_value_t = campaign::REPEAT_EVERY)]
    repeat_every: NonZeroU64,
    /// Give up a seed that is not over after so much real time.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = real_time)]
    seed_timeout: Duration,
    #[command(flatten)]
    overrides: Overrides,
    /// Write the results as JSON to this file, or to stdout if it is `-`.
    #[arg(long, value_name = "FILE")]
    json: Option<String>,
}

impl Fuzz {
    pub(super) fn run(self, logging: Logging) -> Result<Exit, Stop> {
        let found = gallery::read_all(&self.scenarios, &self.overrides.settings)?;
        let texts = found.iter().map(|found| {
            let Found { scenario, text } = found;
            (scenario.path.clone(), text.clone())
        });
        let texts = texts.collect();
        let mut scenarios: Vec<_> = found.into_iter().map(|found| found.scenario).collect();
        self.overrides.lay_over(&mut scenarios)?;
        let seeds = &self.seeds.0;
        if seeds.is_empty() {
            let (start, end) = (seeds.start, seeds.end);
            return Err(Stop::NothingToRun(format!(
                "--seeds {start}..{end} has no seed in it: B is left out of A..B"
            )));
        }
        let mut sink = self.json.as_deref().map(Sink::open).transpose()?;
        let report = self.campaign(&scenarios, &texts, logging)?;
        let judged: Vec<_> = report.tallies.iter().map(judge).collect();
        let summary = report::summary(&report, &judged, &self.overrides.rerun());
        match &mut sink {
            // One stream for one reader: people read the other.
            Some(Sink::Stdout) => output::complain(&summary),
            _ => output::say(&summary)?,
        }
        if let Some(sink) = &mut sink {
            sink.write(&json::written(&json::Campaign::new(&report, &judged)))?;
        }
        Ok(exit(&report, &judged))
    }

    fn campaign(
        &self,
        scenarios: &[Scenario],
        texts: &BTreeMap<String, String>,
        logging: Logging,
    ) -> Result<Report, Stop> {
        let bar = bar(campaign::planned(scenarios, &self.seeds.0), logging);
        let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let jobs = self.jobs.and_then(|jobs| NonZeroUsize::new(jobs.into()));
        let fresh = FreshProcess {
            settings: &self.overrides.settings,
            seed_timeout: self.seed_timeout,
            texts,
        };
        let options = campaign::Options {
            seeds: self.seeds.0.clone(),
            jobs: jobs.unwrap_or(cores),
            max_total_time: self.max_total_time,
            max_fail: self.max_fail,
            repeat_every: self.repeat_every,
            seed_timeout: self.seed_timeout,
            run: Arc::new(|scenario, seed| world::run_seed(scenario, seed, Keep::default())),
            reproduce: Some(&fresh),
            progress: &|| bar.inc(1),
        };
        let report = campaign::run(scenarios, &options);
        bar.finish_and_clear();
        report.map_err(|error| Stop::Internal(format!("no thread for a worker: {error}")))
    }
}

/// A bar on a terminal; nothing elsewhere, or where logs are printed.
fn bar(seeds: u64, logging: Logging) -> ProgressBar {
    let target = match logging {
        Logging::On => ProgressDrawTarget::hidden(),
        Logging::Off => ProgressDrawTarget::stderr(),
    };
    let style =
        ProgressStyle::with_template("{bar:40} {pos} of {len} seeds, {per_sec}, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(seeds), target).with_style(style)
}

/// The weightiest of everything that can be said.
fn exit(report: &Report, judged: &[Judgement]) -> Exit {
    let crashed = report.tallies.iter().any(|tally| tally.crashed > 0);
    let by_scenario = judged.iter().map(|judgement| match judgement {
        Judgement::Met => Exit::Met,
        Judgement::NotMet(_) => Exit::NotMet,
        Judgement::Inconclusive(_) => Exit::Inconclusive,
        Judgement::NothingRun => Exit::NothingRun,
    });
    let crashed = crashed.then_some(Exit::Internal);
    let mismatch = (!report.mismatches.is_empty()).then_some(Exit::NotDeterministic);
    by_scenario
        .chain(crashed)
        .chain(mismatch)
        .max()
        .unwrap_or(Exit::NothingRun)
}

/// Where the JSON goes. A file is opened before anything runs, so that what
/// cannot be written is known at once, and emptied only when there is
/// something to put into it.
enum Sink {
    Stdout,
    File(String, File),
}

impl Sink {
    fn open(path: &str) -> Result<Sink, Stop> {
        if path == "-" {
            return Ok(Sink::Stdout);
        }
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).open(path);
        file.map(|file| Sink::File(path.to_owned(), file))
            .map_err(|error| {
                Stop::Usage(format!(
                    "--json {path}: cannot write it: {error}; name a file in a folder that \
                     exists, or - for stdout"
                ))
            })
    }

    fn write(&mut self, text: &str) -> Result<(), Stop> {
        let (path, file) = match self {
            Sink::Stdout => return output::say(text),
            Sink::File(path, file) => (path, file),
        };
        // Pipes and terminals have no length to cut.
        let is_regular = file.metadata().is_ok_and(|metadata| metadata.is_file());
        let emptied = match is_regular {
            true => file.set_len(0),
            false => Ok(()),
        };
        emptied
            .and_then(|()| file.write_all(text.as_bytes()))
            .map_err(|error| Stop::Internal(format!("--json {path}: cannot write it: {error}")))
    }
}
