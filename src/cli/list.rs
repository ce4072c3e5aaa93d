//! `list`: which scenarios there are, and what they promise.

use clap::Args;

use super::{Exit, Stop, gallery, output};
use crate::report::{self, json};

/// List scenarios: the whole gallery, or those of the files and folders that
/// are named.
#[derive(Debug, Args)]
pub(super) struct List {
    /// Scenario files, folders of them, or names in the gallery.
    #[arg(value_name = "SCENARIO|DIR")]
    scenarios: Vec<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) fn run(self) -> Result<Exit, Stop> {
        let found = gallery::read_all(&self.scenarios, &[])?;
        let scenarios: Vec<_> = found.into_iter().map(|found| found.scenario).collect();
        output::say(&match self.json {
            true => json::written(&json::List::new(&scenarios)),
            false => report::list(&scenarios),
        })?;
        Ok(Exit::Met)
    }
}
