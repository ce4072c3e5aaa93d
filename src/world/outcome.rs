//! What a run came to.

use std::collections::BTreeSet;
use std::fmt;

use super::thread::Broken;
use crate::checks::{Violation, violations};
use crate::history::History;
use crate::probes::{self, Probe};

/// The end of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The seed of its plan.
    pub seed: u64,
    /// What the run says of its invariants.
    pub verdict: Verdict,
    /// What was broken, and where.
    pub violations: Vec<Violation>,
    /// The states that it reached.
    pub probes: BTreeSet<Probe>,
    /// What happened; None if the run did not get to its end.
    pub history: Option<History>,
}

/// What a run says of its invariants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// All of them hold.
    Holds,
    /// At least one is broken.
    Violated,
    /// The run got nowhere, so nobody can say.
    Unknown {
        /// Why.
        reason: String,
    },
    /// The testbed, a driver or the service panicked.
    Crashed {
        /// The panic's message.
        message: String,
        /// Where it was raised.
        location: String,
    },
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Holds => f.write_str("holds"),
            Verdict::Violated => f.write_str("violated"),
            Verdict::Unknown { reason } => write!(f, "unknown: {reason}"),
            Verdict::Crashed { message, location } => {
                write!(f, "internal error: {message} ({location})")
            }
        }
    }
}

impl Verdict {
    /// The verdict in one word.
    pub fn word(&self) -> &'static str {
        match self {
            Verdict::Holds => "holds",
            Verdict::Violated => "violated",
            Verdict::Unknown { .. } => "unknown",
            Verdict::Crashed { .. } => "internal-error",
        }
    }

    /// Why a run has no history; None if it has one.
    pub fn reason(&self) -> Option<String> {
        match self {
            Verdict::Holds | Verdict::Violated => None,
            Verdict::Unknown { reason } => Some(reason.clone()),
            Verdict::Crashed { .. } => Some(self.to_string()),
        }
    }
}

impl From<Broken> for Verdict {
    fn from(broken: Broken) -> Verdict {
        match broken {
            Broken::Panicked { message, location } => Verdict::Crashed { message, location },
            Broken::Stuck => Verdict::Unknown {
                reason: "the world makes no progress: a task is always ready \
                         (run.polls_max reached)"
                    .to_owned(),
            },
        }
    }
}

impl Outcome {
    /// A run that did not get to its end.
    pub fn lost(seed: u64, verdict: Verdict) -> Outcome {
        Outcome {
            seed,
            verdict,
            violations: Vec::new(),
            probes: BTreeSet::new(),
            history: None,
        }
    }

    pub(super) fn judge(seed: u64, history: History) -> Outcome {
        let violations = violations(&history);
        Outcome {
            seed,
            verdict: match violations.is_empty() {
                true => Verdict::Holds,
                false => Verdict::Violated,
            },
            violations,
            probes: probes::reached(&history),
            history: Some(history),
        }
    }

    /// The run's digest, as it is printed; None if it did not get to its end.
    pub fn digest(&self) -> Option<String> {
        self.history
            .as_ref()
            .map(|history| history.digest.to_string())
    }
}
