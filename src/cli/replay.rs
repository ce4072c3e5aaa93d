//! `replay`: a seed again, as a campaign found it, or a plan, as it was saved.

use clap::Args;

use super::args::{digest, seed};
use super::run::Telling;
use super::{Exit, Stop, output};
use crate::report::{BAD, GOOD};

/// Run a seed again that a campaign named, or a plan that was saved.
#[derive(Debug, Args)]
pub(super) struct Replay {
    /// A scenario file, or a name in the gallery.
    scenario: String,
    /// The seed.
    #[arg(long, value_name = "N", required_unless_present = "plan", value_parser = seed)]
    seed: Option<u64>,
    /// The digest it had; another one is exit code 5.
    #[arg(long, value_name = "HEX", value_parser = digest)]
    digest: Option<String>,
    #[command(flatten)]
    telling: Telling,
}

impl Replay {
    pub(super) fn run(self) -> Result<Exit, Stop> {
        let scenario = self.telling.scenario(&self.scenario)?;
        // Without a seed there is a plan.
        let source = self
            .telling
            .source(&scenario, self.seed.unwrap_or_default())?;
        let told = self.telling.tell(scenario, &source)?;
        let (outcome, exit) = (told.outcome, told.exit);
        let Some(expected) = self.digest else {
            return Ok(exit);
        };
        let digest = outcome.digest();
        if digest.as_ref() == Some(&expected) {
            let said =
                format!("{GOOD}reproduced{GOOD:#}: {source} has the digest {expected} again\n");
            output::complain(&said);
            return Ok(exit);
        }
        let now = digest.map_or_else(
            || "it has none".to_owned(),
            |digest| format!("it is {digest}"),
        );
        output::complain(&format!(
            "{BAD}error{BAD:#}: {source} did not reproduce: its digest was {expected}, now {now}; \
             was it another version of the program, another scenario, or other settings?\n"
        ));
        Ok(exit.max(Exit::NotDeterministic))
    }
}
