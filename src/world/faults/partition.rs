//! `partition`: nothing that one side sends reaches the other; one way only,
//! if the plan says so. TCP keeps trying, so a short one is a delay.

use super::Strike;
use super::sides::{Sides, Way};
use crate::net::{Action, Segment};

pub(super) async fn strike(strike: &Strike<'_>, between: &[String], and: &[String], one_way: bool) {
    let sides = Sides::new(strike.stage.machines, between, and);
    strike.began();
    let network = strike.stage.network;
    let _cut = network.add_rule(move |segment: &Segment<'_>| match sides.way(segment) {
        Way::There => Action::Drop,
        Way::Back if !one_way => Action::Drop,
        Way::Back | Way::Elsewhere => Action::Pass,
    });
    strike.lasts().await;
    strike.ended();
}
