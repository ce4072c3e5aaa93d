//! `clock-drift`: both clocks of a node run too fast or too slow for a time,
//! and with them its sleeps and time-outs. What they lost or won stays.

use super::Strike;
use crate::world::machine::Strain;

pub(super) async fn strike(strike: &Strike<'_>, node: &str, rate_ppm: i64) {
    let machines = strike.stage.machines;
    machines.strain(node, Strain::Drift(rate_ppm));
    strike.began();
    strike.lasts().await;
    machines.relieve(node, Strain::Drift(rate_ppm));
    strike.ended();
}
