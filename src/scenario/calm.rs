//! `[[calm]]`: a time without faults, however many are in the plan.

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::check::Refused;
use super::units::Span;

/// One `[[calm]]`: a fault that lasts ends when it begins, and one that would
/// begin in it begins when it is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalmSpec {
    /// When it begins.
    pub at: Span,
    /// How long it lasts.
    pub lasts: Spanned<Span>,
}

impl CalmSpec {
    pub(super) fn check(&self) -> Result<(), Refused> {
        match self.lasts.get_ref().min_ns {
            0 => Err(("a calm lasts 1ns at least".to_owned(), self.lasts.span())),
            _ => Ok(()),
        }
    }
}
