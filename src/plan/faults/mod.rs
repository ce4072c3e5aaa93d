//! Faults: what goes wrong, where, when and for how long.

mod spec;
mod swarm;
mod words;

use serde::{Deserialize, Serialize};

use crate::draw::Draw;
use crate::net::Death;
use crate::plan::nanos;
use crate::scenario::{Down, FaultKind, Scenario};

/// One fault of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Its number in the plan.
    pub id: u32,
    /// For how long. What happens at once takes no time.
    #[serde(rename = "lasts", with = "nanos")]
    pub lasts_ns: u64,
    /// When it begins.
    pub trigger: Trigger,
    /// What it does.
    pub effect: Effect,
}

/// When a fault begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Trigger {
    /// At this virtual time.
    #[serde(with = "nanos")]
    At(u64),
    /// With the `nth` message of this label, as it is sent.
    On {
        /// What the message means.
        label: String,
        /// Who sends it; anyone if None.
        from: Option<String>,
        /// Who is to receive it; anyone if None.
        to: Option<String>,
        /// Which of them, from 1.
        nth: u64,
    },
}

/// What a fault does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind", deny_unknown_fields)]
pub enum Effect {
    /// The node's process stops, then goes on.
    Pause {
        /// Which.
        node: String,
    },
    /// The node goes down, then comes back.
    Kill {
        /// Which.
        node: String,
        /// How it goes down.
        #[serde(rename = "down", with = "death")]
        death: Death,
    },
    /// The node goes down and comes back again and again; it is down for as
    /// long as the fault lasts, each time.
    RestartLoop {
        /// Which.
        node: String,
        /// How it goes down.
        #[serde(rename = "down", with = "death")]
        death: Death,
        /// How often.
        times: u32,
        /// How long it is up between two deaths.
        #[serde(rename = "every", with = "nanos")]
        up_ns: u64,
    },
    /// Whatever the node does takes so many times as long.
    Slow {
        /// Which.
        node: String,
        /// How many times.
        times: u32,
    },
    /// The node's wall clock is set to another time.
    ClockJump {
        /// Which.
        node: String,
        /// By how much; back if less than 0.
        #[serde(rename = "by", with = "nanos::signed")]
        by_ns: i64,
    },
    /// The node's clocks run too fast, or too slow.
    ClockDrift {
        /// Which.
        node: String,
        /// By so many parts per million, on top of what the clock drifts
        /// anyway; slow if less than 0.
        rate_ppm: i64,
    },
    /// These cannot reach those.
    Partition {
        /// One side.
        between: Vec<String>,
        /// The other side; every other node if empty.
        and: Vec<String>,
        /// Those still reach these.
        one_way: bool,
    },
    /// Nodes are cut off from everyone, one after the other, and let back in
    /// in another order.
    Swizzle {
        /// In which order they are cut off.
        cut: Vec<String>,
        /// In which order they come back.
        back: Vec<String>,
        /// The time from one to the next.
        #[serde(rename = "every", with = "nanos")]
        every_ns: u64,
    },
    /// The message that triggers it is lost, and its connection reset.
    LoseAnswer,
    /// The message that triggers it is lost, its connection reset, and the
    /// request behind it sent again by a gateway, unknown to the buyer.
    Resend,
    /// What these and those send each other takes longer.
    Latency {
        /// One side.
        between: Vec<String>,
        /// The other side; every other node if empty.
        and: Vec<String>,
        /// How much longer.
        #[serde(rename = "by", with = "nanos")]
        by_ns: u64,
    },
    /// Somebody else takes the database's sessions and does nothing with
    /// them.
    ExhaustConnections {
        /// How many.
        sessions: u32,
    },
    /// The replica of a server takes its place.
    Failover {
        /// Whose replica.
        node: String,
        /// How the old primary goes down; None if it lives on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        down: Option<Down>,
        /// How long it takes until the replica takes over.
        #[serde(rename = "after", with = "nanos")]
        after_ns: u64,
        /// The old primary comes back as a replica of the new one.
        rejoins: bool,
    },
}

impl Effect {
    /// Its kind, as scenarios name it.
    pub fn kind(&self) -> FaultKind {
        match self {
            Effect::Pause { .. } => FaultKind::Pause,
            Effect::Kill { .. } => FaultKind::Kill,
            Effect::RestartLoop { .. } => FaultKind::RestartLoop,
            Effect::Slow { .. } => FaultKind::Slow,
            Effect::ClockJump { .. } => FaultKind::ClockJump,
            Effect::ClockDrift { .. } => FaultKind::ClockDrift,
            Effect::Partition { .. } => FaultKind::Partition,
            Effect::Swizzle { .. } => FaultKind::Swizzle,
            Effect::LoseAnswer => FaultKind::LoseAnswer,
            Effect::Resend => FaultKind::Resend,
            Effect::Latency { .. } => FaultKind::Latency,
            Effect::ExhaustConnections { .. } => FaultKind::ExhaustConnections,
            Effect::Failover { .. } => FaultKind::Failover,
        }
    }

    /// The one node that it is about, if it is about one.
    pub fn node(&self) -> Option<&str> {
        match self {
            Effect::Pause { node }
            | Effect::Kill { node, .. }
            | Effect::RestartLoop { node, .. }
            | Effect::Slow { node, .. }
            | Effect::ClockJump { node, .. }
            | Effect::ClockDrift { node, .. }
            | Effect::Failover { node, .. } => Some(node),
            _ => None,
        }
    }

    /// Every node that it names.
    pub fn nodes(&self) -> Vec<&String> {
        match self {
            Effect::Pause { node }
            | Effect::Kill { node, .. }
            | Effect::RestartLoop { node, .. }
            | Effect::Slow { node, .. }
            | Effect::ClockJump { node, .. }
            | Effect::ClockDrift { node, .. }
            | Effect::Failover { node, .. } => vec![node],
            Effect::Partition { between, and, .. } | Effect::Latency { between, and, .. } => {
                between.iter().chain(and).collect()
            }
            Effect::Swizzle { cut, back, .. } => cut.iter().chain(back).collect(),
            Effect::LoseAnswer | Effect::Resend | Effect::ExhaustConnections { .. } => Vec::new(),
        }
    }

    /// The node that it takes down, if it does.
    pub fn takes_down(&self) -> Option<&str> {
        match self {
            Effect::Kill { node, .. }
            | Effect::RestartLoop { node, .. }
            | Effect::Failover {
                node,
                down: Some(_),
                ..
            } => Some(node),
            _ => None,
        }
    }
}

mod death {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::{Death, Down};

    pub(super) fn serialize<S: Serializer>(
        death: &Death,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(match death {
            Death::Process => Down::Process.name(),
            Death::Host => Down::Host.name(),
        })
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Death, D::Error> {
        Down::deserialize(from).map(super::death_of)
    }
}

pub(crate) fn death_of(down: Down) -> Death {
    match down {
        Down::Process => Death::Process,
        Down::Host => Death::Host,
    }
}

/// The faults of a plan. One that would contradict an earlier one, such as
/// the kill of a node that is dead by then, is left out.
pub(super) fn draw(scenario: &Scenario, seed: u64) -> Vec<Fault> {
    let mut drawn = Vec::new();
    for (id, spec) in (0..).zip(&scenario.faults) {
        let mut draw = Draw::new(seed, &format!("fault/{id}"));
        let chance = spec.chance.map_or(100, |percent| percent.0);
        if draw.percent(chance) {
            drawn.push(spec::fault(id, spec, &mut draw));
        }
    }
    if let Some(swarm) = &scenario.swarm {
        let first = u32::try_from(scenario.faults.len()).unwrap_or(u32::MAX);
        drawn.extend(swarm::faults(scenario, swarm, seed, first));
    }
    let mut faults: Vec<Fault> = Vec::with_capacity(drawn.len());
    for fault in drawn {
        if super::contradictions::with_earlier(&faults, &fault).is_none() {
            faults.push(fault);
        }
    }
    faults
}
