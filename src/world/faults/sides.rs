//! Two sets of nodes with something between them.

use super::Machines;
use crate::net::{NodeId, Segment};

pub(super) struct Sides {
    these: Vec<String>,
    those: Vec<String>,
}

/// Which way a segment goes between two sides.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    There,
    Back,
    Elsewhere,
}

impl Sides {
    /// The sides as a plan names them; an empty `and` is every other node.
    pub(super) fn new(machines: &Machines, between: &[String], and: &[String]) -> Sides {
        let others = || machines.names().filter(|name| !between.contains(name));
        Sides {
            these: between.to_vec(),
            those: match and.is_empty() {
                true => others().cloned().collect(),
                false => and.to_vec(),
            },
        }
    }

    /// Every link between them, both ways.
    pub(super) fn pairs(&self, machines: &Machines) -> Vec<(NodeId, NodeId)> {
        let mut pairs = Vec::new();
        for one in self.these.iter().map(|name| machines.get(name).host) {
            for other in self.those.iter().map(|name| machines.get(name).host) {
                pairs.extend([(one, other), (other, one)]);
            }
        }
        pairs
    }

    pub(super) fn way(&self, segment: &Segment<'_>) -> Way {
        let is_in = |side: &[String], name: &str| side.iter().any(|one| one == name);
        if is_in(&self.these, segment.from) && is_in(&self.those, segment.to) {
            Way::There
        } else if is_in(&self.those, segment.from) && is_in(&self.these, segment.to) {
            Way::Back
        } else {
            Way::Elsewhere
        }
    }
}
