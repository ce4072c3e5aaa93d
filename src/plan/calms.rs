//! Times without faults.

use serde::{Deserialize, Serialize};

use super::nanos;
use crate::draw::Draw;
use crate::scenario::Scenario;
use crate::scenario::units::Span;

/// No fault is at work from the one instant to the other: what lasts ends
/// when it begins, and what would begin in it begins when it is over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calm {
    /// When it begins.
    #[serde(rename = "at", with = "nanos")]
    pub at_ns: u64,
    /// For how long.
    #[serde(rename = "lasts", with = "nanos")]
    pub lasts_ns: u64,
}

impl Calm {
    /// When it is over.
    pub fn end_ns(&self) -> u64 {
        self.at_ns.saturating_add(self.lasts_ns)
    }

    /// The instant is in it.
    pub fn has(&self, at_ns: u64) -> bool {
        (self.at_ns..self.end_ns()).contains(&at_ns)
    }
}

/// The first instant from this one on that is in no calm.
pub(super) fn end_ns(calms: &[Calm], mut at_ns: u64) -> u64 {
    while let Some(calm) = calms.iter().find(|calm| calm.has(at_ns)) {
        at_ns = calm.end_ns();
    }
    at_ns
}

/// How long a drawn calm lasts.
const LASTS: Span = Span {
    min_ns: 20_000_000,
    max_ns: 200_000_000,
};

pub(super) fn draw(scenario: &Scenario, seed: u64) -> Vec<Calm> {
    let fixed = (0..).zip(&scenario.calms).map(|(index, spec)| {
        let mut draw = Draw::new(seed, &format!("calm/{index}"));
        calm(spec.at, *spec.lasts.get_ref(), &mut draw)
    });
    let drawn = scenario.swarm.iter().flat_map(|swarm| {
        let count = swarm.calms.draw(&mut Draw::new(seed, "swarm/calms"));
        (0..count).map(move |index| {
            let mut draw = Draw::new(seed, &format!("swarm/calm/{index}"));
            calm(swarm.at, LASTS, &mut draw)
        })
    });
    fixed.chain(drawn).collect()
}

fn calm(at: Span, lasts: Span, draw: &mut Draw) -> Calm {
    Calm {
        at_ns: at.draw(draw),
        lasts_ns: lasts.draw(draw),
    }
}
