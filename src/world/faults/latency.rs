//! `latency`: what two sides send each other takes longer, both ways.

use std::time::Duration;

use super::Strike;
use super::sides::Sides;

pub(super) async fn strike(strike: &Strike<'_>, between: &[String], and: &[String], by_ns: u64) {
    let stage = strike.stage;
    let sides = Sides::new(stage.machines, between, and);
    strike.began();
    let pairs = sides.pairs(stage.machines);
    let by = Duration::from_nanos(by_ns);
    let _slow = stage.network.add_delay(pairs, by);
    strike.lasts().await;
    strike.ended();
}
