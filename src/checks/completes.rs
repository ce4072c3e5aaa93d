//! `completes`: once the world has healed, everyone gets an answer.
//!
//! A buyer without a definite answer asks again after healing, with the same
//! key, until the drain's time is up. A world that has not come to rest by
//! then does not converge, and this is its verdict.

use super::{Breach, Check};
use crate::history::{Event, History};

pub(super) struct Completes;

impl Check for Completes {
    fn check(&self, history: &History) -> Vec<Breach> {
        let ended = history.entries.iter().find_map(|entry| match entry.event {
            Event::Drained { complete } => Some((entry.at_ns, complete)),
            _ => None,
        });
        let (at_ns, message) = match ended {
            Some((_, true)) => return Vec::new(),
            Some((at_ns, false)) => (
                Some(at_ns),
                "the world did not come to rest after healing before the time to drain was up"
                    .to_owned(),
            ),
            None => (None, "the run ended before it could drain".to_owned()),
        };
        let told = history.told();
        let waiting: Vec<u32> = told
            .iter()
            .filter(|(_, told)| !told.is_definite())
            .map(|(visit, _)| *visit)
            .collect();
        let message = match waiting.first() {
            Some(first) => format!(
                "{message}: {} visits have no answer, visit {first} among them",
                waiting.len()
            ),
            None => message,
        };
        vec![Breach { at_ns, message }]
    }
}
