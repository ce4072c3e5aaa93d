//! `partition`: nothing that one side sends reaches the other; one way only,
//! if the plan says so. TCP keeps trying, so a short one is a delay.

use super::{Sides, Strike, Way};
use crate::net::{Action, Segment};

pub(super) async fn strike(strike: &Strike<'_>, between: &[String], and: &[String], one_way: bool) {
    let sides = Sides::new(strike.machines, between, and);
    strike.began(match one_way {
        true => format!(
            "partition: {} can no longer send to {}",
            sides.these.join(", "),
            sides.those.join(", ")
        ),
        false => format!("partition between {sides}"),
    });
    let _cut = strike
        .network
        .add_rule(move |segment: &Segment<'_>| match sides.way(segment) {
            Way::There => Action::Drop,
            Way::Back if !one_way => Action::Drop,
            Way::Back | Way::Elsewhere => Action::Pass,
        });
    strike.lasts().await;
    strike.ended();
}
