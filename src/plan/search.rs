//! Which search policy a run has: the scenario's, or one that its swarm draws.

use crate::draw::Draw;
use crate::net::{Policy, Search};
use crate::scenario::Scenario;

pub(super) fn draw(scenario: &Scenario, seed: u64) -> Search {
    let drawn = || match &scenario.swarm {
        Some(_) => Draw::new(seed, "search").pick(Policy::ALL),
        None => Policy::Uniform,
    };
    Search {
        policy: scenario.search.policy.unwrap_or_else(drawn),
        change_points: scenario.search.change_points,
        deliveries: scenario.search.deliveries,
    }
}
