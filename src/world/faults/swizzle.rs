//! `swizzle`: nodes are cut off from everyone one after the other, stay so for
//! the fault's time, and are let back in in another order. In between, every
//! mixture of who reaches whom has been there (FoundationDB's swizzle-clogging).

use super::Strike;
use crate::net::{Action, Network, RuleGuard, Segment};

pub(super) async fn strike(strike: &Strike<'_>, cut: &[String], back: &[String], every_ns: u64) {
    strike.began();
    let mut outside: Vec<(&String, RuleGuard)> = Vec::new();
    let mut goes_on = true;
    for node in cut {
        outside.push((node, isolate(strike.stage.network, node)));
        goes_on = strike.stays(every_ns).await;
        if !goes_on {
            break;
        }
    }
    goes_on = goes_on && strike.lasts().await;
    for node in back.iter().take_while(|_| goes_on) {
        outside.retain(|(name, _)| *name != node);
        if !outside.is_empty() && !strike.stays(every_ns).await {
            break;
        }
    }
    drop(outside);
    strike.ended();
}

/// Cuts a node off from everyone.
fn isolate(network: &Network, node: &str) -> RuleGuard {
    let node = node.to_owned();
    network.add_rule(move |segment: &Segment<'_>| {
        match segment.from == node || segment.to == node {
            true => Action::Drop,
            false => Action::Pass,
        }
    })
}
