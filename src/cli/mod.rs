//! The command line: one file a verb.
//!
//! Exit codes: 0 every expectation met; 1 one is not met; 2 a usage or a
//! scenario error; 3 inconclusive; 4 nothing was run; 5 a seed was not the
//! same when run again; 70 an internal error. Where several apply, the first
//! of 70, 5, 1, 3, 4, 0 is given; an error of usage ends it before any seed
//! runs.

mod args;
mod fresh;
mod fuzz;
mod gallery;
mod list;
mod logs;
mod output;
mod replay;
mod run;
mod serve;

use std::process::ExitCode;

use annotate_snippets::Renderer;
use clap::{Parser, Subcommand};

use crate::report::{BAD, UNSURE};
use crate::scenario::ReadError;

/// A deterministic simulation testbed for the bug that sells the last item
/// twice.
#[derive(Debug, Parser)]
#[command(name = "doublebuy", version, about, max_term_width = 100)]
struct Cli {
    /// Print logs on stderr, stamped with virtual time and node; -vv prints
    /// more. RUST_LOG chooses by module.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List scenarios: the whole gallery, or those of the files and folders
    /// that are named.
    List(list::List),
    /// Run one seed of a scenario and tell it as a story.
    Run(run::Run),
    /// Run many seeds and judge what each scenario promises.
    Fuzz(fuzz::Fuzz),
    /// Run a seed again that a campaign named, or a plan that was saved.
    Replay(replay::Replay),
    /// Serve a simulated server on a real socket, for psql, redis-cli and other
    /// clients.
    Serve(serve::Serve),
}

/// How the program ends. A later one goes before an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Exit {
    Met,
    NothingRun,
    Inconclusive,
    NotMet,
    Usage,
    NotDeterministic,
    Internal,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Met => 0,
            Exit::NotMet => 1,
            Exit::Usage => 2,
            Exit::Inconclusive => 3,
            Exit::NothingRun => 4,
            Exit::NotDeterministic => 5,
            Exit::Internal => 70,
        })
    }
}

/// Why a verb ended without a result.
#[derive(Debug, thiserror::Error)]
enum Stop {
    #[error("{0}")]
    Usage(String),
    #[error("{} scenarios were refused", .0.len())]
    Scenarios(Vec<(String, ReadError)>),
    #[error("{0}")]
    NothingToRun(String),
    #[error("{0}")]
    Internal(String),
}

impl Stop {
    fn exit(&self) -> Exit {
        match self {
            Stop::Usage(_) | Stop::Scenarios(_) => Exit::Usage,
            Stop::NothingToRun(_) => Exit::NothingRun,
            Stop::Internal(_) => Exit::Internal,
        }
    }

    /// What is wrong, where, and what is allowed, in colours.
    fn rendered(&self) -> String {
        let error = |text: &dyn std::fmt::Display| format!("{BAD}error{BAD:#}: {text}\n");
        match self {
            Stop::Usage(text) | Stop::Internal(text) => error(text),
            Stop::NothingToRun(text) => format!("{UNSURE}nothing run{UNSURE:#}: {text}\n"),
            Stop::Scenarios(refused) => refused
                .iter()
                .map(|(path, why)| match why {
                    ReadError::Invalid { .. } => why.rendered(&Renderer::styled()) + "\n",
                    ReadError::Setting { .. } => error(&format_args!("{path}: {why}")),
                    ReadError::Unreadable { .. } => error(why),
                })
                .collect(),
        }
    }
}

/// The whole program: arguments in, exit code out.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // A reader that has gone away has read enough.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let ended = logs::init(cli.verbose).and_then(|logging| match cli.verb {
        Verb::List(list) => list.run(),
        Verb::Run(run) => run.run(),
        Verb::Fuzz(fuzz) => fuzz.run(logging),
        Verb::Replay(replay) => replay.run(),
        Verb::Serve(serve) => serve.run(),
    });
    ended
        .unwrap_or_else(|stop| {
            output::complain(&stop.rendered());
            stop.exit()
        })
        .into()
}
