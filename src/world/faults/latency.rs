//! `latency`: what two sides send each other takes longer, both ways.

use std::time::Duration;

use super::{Sides, Strike};
use crate::scenario::units::format_ns;

pub(super) async fn strike(strike: &Strike<'_>, between: &[String], and: &[String], by_ns: u64) {
    let sides = Sides::new(strike.machines, between, and);
    strike.began(format!(
        "between {sides} everything takes {} longer",
        format_ns(by_ns)
    ));
    let pairs = sides.pairs(strike.machines);
    let by = Duration::from_nanos(by_ns);
    let _slow = strike.network.add_delay(pairs, by);
    strike.lasts().await;
    strike.ended();
}
