//! What each node takes the time to be.

use serde::{Deserialize, Serialize};

use super::nanos;
use crate::draw::Draw;
use crate::scenario::Scenario;

/// The clock of a node, where it is not the world's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeClock {
    /// Whose.
    pub node: String,
    /// How far the wall clock is ahead at the start, behind if less than 0.
    #[serde(rename = "offset", with = "nanos::signed")]
    pub offset_ns: i64,
    /// How much too fast both clocks run, in parts per million.
    pub drift_ppm: i64,
}

pub(super) fn draw(scenario: &Scenario, seed: u64) -> Vec<NodeClock> {
    let clocks = scenario.nodes().into_iter().map(|node| {
        let mut draw = Draw::new(seed, &format!("clock/{node}"));
        let (offset, drift) = scenario.clocks.of(&node);
        NodeClock {
            node,
            offset_ns: offset.draw(&mut draw),
            drift_ppm: drift.draw(&mut draw),
        }
    });
    clocks
        .filter(|clock| (clock.offset_ns, clock.drift_ppm) != (0, 0))
        .collect()
}
