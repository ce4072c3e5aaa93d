//! `replay`: a seed again, as a campaign found it.

use clap::Args;

use super::args::{digest, seed};
use super::run::{Source, Telling};
use super::{Exit, Stop, output};
use crate::report::{BAD, GOOD};

/// Run a seed again that a campaign named.
#[derive(Debug, Args)]
pub(super) struct Replay {
    /// A scenario file, or a name in the gallery.
    scenario: String,
    /// The seed.
    #[arg(long, value_name = "N", value_parser = seed)]
    seed: u64,
    /// The digest it had; another one is exit code 5.
    #[arg(long, value_name = "HEX", value_parser = digest)]
    digest: Option<String>,
    #[command(flatten)]
    telling: Telling,
}

impl Replay {
    pub(super) fn run(self) -> Result<Exit, Stop> {
        let scenario = self.telling.scenario(&self.scenario)?;
        let told = self.telling.tell(scenario, &Source::Seed(self.seed))?;
        let (outcome, exit) = (told.outcome, told.exit);
        let Some(expected) = self.digest else {
            return Ok(exit);
        };
        let (seed, digest) = (self.seed, outcome.digest());
        if digest.as_ref() == Some(&expected) {
            let said =
                format!("{GOOD}reproduced{GOOD:#}: seed {seed} has the digest {expected} again\n");
            output::complain(&said);
            return Ok(exit);
        }
        let now = digest.map_or_else(
            || "it has none".to_owned(),
            |digest| format!("it is {digest}"),
        );
        output::complain(&format!(
            "{BAD}error{BAD:#}: seed {seed} did not reproduce: its digest was {expected}, now {now}; \
             was it another version of the program, another scenario, or other settings?\n"
        ));
        Ok(exit.max(Exit::NotDeterministic))
    }
}
