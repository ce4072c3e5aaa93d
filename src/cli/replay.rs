//! `replay`: a seed again, as a campaign found it.

use clap::Args;

use super::args::seed;
use super::run::Telling;
use super::{Exit, Stop, output};
use crate::report::BAD;

/// Run a seed again that a campaign named.
#[derive(Debug, Args)]
pub(super) struct Replay {
    /// A scenario file, or a name in the gallery.
    scenario: String,
    /// The seed.
    #[arg(long, value_name = "N", value_parser = seed)]
    seed: u64,
    /// The digest it had; another one is exit code 5.
    #[arg(long, value_name = "HEX")]
    digest: Option<String>,
    #[command(flatten)]
    telling: Telling,
}

impl Replay {
    pub(super) fn run(self) -> Result<Exit, Stop> {
        let (outcome, exit) = self.telling.tell(&self.scenario, self.seed)?;
        let digest = outcome.digest().unwrap_or_else(|| "none".to_owned());
        match self.digest {
            Some(expected) if expected != digest => {
                output::complain(&format!(
                    "{BAD}error{BAD:#}: seed {} did not reproduce: its digest was {expected}, \
                     now it is {digest}\n",
                    self.seed
                ));
                Ok(exit.max(Exit::NotDeterministic))
            }
            _ => Ok(exit),
        }
    }
}
