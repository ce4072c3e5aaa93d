//! `completes`: once the world has healed, everyone gets an answer.
//!
//! A buyer without a definite answer asks again after healing, with the same
//! key, until the drain's time is up.

use std::collections::BTreeMap;

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
            Some((at_ns, false)) => (Some(at_ns), "the time to drain was up".to_owned()),
            None => (None, "the run ended before it could drain".to_owned()),
        };
        let waiting = unanswered(history);
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

/// Visits that were begun and never got a definite answer.
fn unanswered(history: &History) -> Vec<u32> {
    let mut answered = BTreeMap::new();
    for entry in &history.entries {
        match &entry.event {
            Event::Invoke { visit, .. } => {
                answered.entry(*visit).or_insert(false);
            }
            Event::Ok { visit, .. } | Event::Fail { visit, .. } => {
                answered.insert(*visit, true);
            }
            _ => {}
        }
    }
    answered
        .into_iter()
        .filter_map(|(visit, answered)| (!answered).then_some(visit))
        .collect()
}
