//! Faults: each waits for its trigger, strikes, lasts, and ends. One file a
//! kind.
//!
//! A fault that is dropped ends at once and leaves nothing behind: its rules
//! go with their guards, and healing boots and resumes every node. That is
//! how the fault phase is closed.

mod kill;
mod latency;
mod lose_answer;
mod partition;
mod pause;
mod trigger;

use std::fmt;
use std::time::Duration;

use super::machine::Machines;
use crate::history::{Event, Recorder};
use crate::net::{Network, NodeId, Segment};
use crate::plan::{Effect, Fault};
use crate::rt;

/// What a fault needs to strike.
struct Strike<'a> {
    fault: &'a Fault,
    machines: &'a Machines,
    network: &'a Network,
    recorder: &'a Recorder,
}

impl Strike<'_> {
    fn began(&self, what: String) {
        let fault = self.fault.id;
        self.record(Event::FaultBegan { fault, what });
    }

    fn ended(&self) {
        let fault = self.fault.id;
        self.record(Event::FaultEnded { fault });
    }

    fn record(&self, event: Event) {
        self.recorder.record(self.network.now_ns(), event);
    }

    async fn lasts(&self) {
        rt::sleep(Duration::from_nanos(self.fault.lasts_ns)).await;
    }
}

/// Lives through one fault of a plan.
pub(super) async fn strike(
    fault: &Fault,
    machines: &Machines,
    network: &Network,
    recorder: &Recorder,
) {
    let strike = Strike {
        fault,
        machines,
        network,
        recorder,
    };
    // What loses a message has to be there before the message is.
    if fault.effect != Effect::LoseAnswer {
        trigger::wait(&fault.trigger, network).await;
    }
    match &fault.effect {
        Effect::Pause { node } => pause::strike(&strike, node).await,
        Effect::Kill { node, death } => kill::strike(&strike, node, *death).await,
        Effect::Partition {
            between,
            and,
            one_way,
        } => partition::strike(&strike, between, and, *one_way).await,
        Effect::Latency {
            between,
            and,
            by_ns,
        } => latency::strike(&strike, between, and, *by_ns).await,
        Effect::LoseAnswer => lose_answer::strike(&strike).await,
    }
}

/// Two sets of nodes with something between them.
struct Sides {
    these: Vec<String>,
    those: Vec<String>,
}

/// Which way a segment goes between two sides.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    There,
    Back,
    Elsewhere,
}

impl Sides {
    /// The sides as a plan names them; an empty `and` is every other node.
    fn new(machines: &Machines, between: &[String], and: &[String]) -> Sides {
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
    fn pairs(&self, machines: &Machines) -> Vec<(NodeId, NodeId)> {
        let mut pairs = Vec::new();
        for one in self.these.iter().map(|name| machines.get(name).host) {
            for other in self.those.iter().map(|name| machines.get(name).host) {
                pairs.extend([(one, other), (other, one)]);
            }
        }
        pairs
    }

    fn way(&self, segment: &Segment<'_>) -> Way {
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

impl fmt::Display for Sides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} and {}", self.these.join(", "), self.those.join(", "))
    }
}
