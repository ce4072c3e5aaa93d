//! `slow`: whatever a node does takes so many times as long, as on a machine
//! whose processor is throttled or shared with a greedy neighbour. What it
//! has begun keeps its pace. It outlives the node's restarts.

use super::Strike;
use crate::world::machine::Strain;

pub(super) async fn strike(strike: &Strike<'_>, node: &str, times: u32) {
    let machines = strike.stage.machines;
    machines.strain(node, Strain::Slow(times));
    strike.began();
    strike.lasts().await;
    machines.relieve(node, Strain::Slow(times));
    strike.ended();
}
