//! Faults: what goes wrong, where, when and for how long.

use serde::{Deserialize, Serialize};

use crate::draw::Draw;
use crate::net::Death;
use crate::scenario::{Down, FaultKind, FaultSpec, Scenario, Swarm};

/// One fault of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// Its number in the plan.
    pub id: u32,
    /// When it begins.
    pub trigger: Trigger,
    /// What it does.
    pub effect: Effect,
    /// For how long.
    pub lasts_ns: u64,
}

/// When a fault begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// At this virtual time.
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
#[serde(rename_all = "kebab-case", tag = "kind")]
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
        #[serde(with = "death")]
        death: Death,
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
    /// The message that triggers it is lost, and its connection reset.
    LoseAnswer,
    /// What these and those send each other takes longer.
    Latency {
        /// One side.
        between: Vec<String>,
        /// The other side; every other node if empty.
        and: Vec<String>,
        /// How much longer.
        by_ns: u64,
    },
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

fn death_of(down: Down) -> Death {
    match down {
        Down::Process => Death::Process,
        Down::Host => Death::Host,
    }
}

pub(super) fn draw(scenario: &Scenario, seed: u64) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (id, spec) in (0..).zip(&scenario.faults) {
        let mut draw = Draw::new(seed, &format!("fault/{id}"));
        let chance = spec.chance.map_or(100, |percent| percent.0);
        if draw.percent(chance) {
            faults.push(from_spec(id, spec, &mut draw));
        }
    }
    if let Some(swarm) = &scenario.swarm {
        let first = u32::try_from(scenario.faults.len()).unwrap_or(u32::MAX);
        faults.extend(from_swarm(scenario, swarm, seed, first));
    }
    faults
}

fn from_spec(id: u32, spec: &FaultSpec, draw: &mut Draw) -> Fault {
    let names = |set: &Option<toml::Spanned<Vec<toml::Spanned<String>>>>| -> Vec<String> {
        let nodes = set.iter().flat_map(|set| set.get_ref());
        nodes.map(|node| node.get_ref().clone()).collect()
    };
    let node = || spec.node.as_ref().map(|node| node.get_ref().clone());
    let name = |name: &Option<toml::Spanned<String>>| name.as_ref().map(|n| n.get_ref().clone());
    let effect = match spec.kind.get_ref() {
        FaultKind::Pause => Effect::Pause {
            node: node().expect("a pause names its node: checked when read"),
        },
        FaultKind::Kill => Effect::Kill {
            node: node().expect("a kill names its node: checked when read"),
            death: death_of(
                spec.down
                    .as_ref()
                    .map_or(Down::Process, |down| *down.get_ref()),
            ),
        },
        FaultKind::Partition => Effect::Partition {
            between: names(&spec.between),
            and: names(&spec.and),
            one_way: spec.one_way.as_ref().is_some_and(|one| *one.get_ref()),
        },
        FaultKind::LoseAnswer => Effect::LoseAnswer,
        FaultKind::Latency => Effect::Latency {
            between: names(&spec.between),
            and: names(&spec.and),
            by_ns: spec.by.as_ref().map_or(0, |by| by.get_ref().draw(draw)),
        },
    };
    let trigger = match (&spec.at, &spec.on) {
        (Some(at), _) => Trigger::At(at.get_ref().draw(draw)),
        (None, on) => Trigger::On {
            label: name(on).unwrap_or_default(),
            from: name(&spec.from),
            to: name(&spec.to),
            nth: spec.nth.as_ref().map_or(1, |nth| nth.get_ref().draw(draw)),
        },
    };
    let lasts_ns = spec.lasts.as_ref().map_or(0, |s| s.get_ref().draw(draw));
    Fault {
        id,
        trigger,
        effect,
        lasts_ns,
    }
}

/// Half of the kinds, drawn once a plan; then each fault by its own number.
fn from_swarm(scenario: &Scenario, swarm: &Swarm, seed: u64, first: u32) -> Vec<Fault> {
    let mut draw = Draw::new(seed, "swarm");
    let count = swarm.faults.draw(&mut draw);
    let all = match swarm.kinds.as_slice() {
        [] => FaultKind::ALL,
        kinds => kinds,
    };
    let mut kinds: Vec<FaultKind> = all.iter().copied().filter(|_| draw.percent(50)).collect();
    if kinds.is_empty() {
        kinds = all.to_vec();
    }
    (0..u32::try_from(count).unwrap_or(u32::MAX))
        .map(|index| {
            let mut draw = Draw::new(seed, &format!("swarm/{index}"));
            drawn(first + index, scenario, swarm, &kinds, &mut draw)
        })
        .collect()
}

/// Answers whose loss leaves somebody not knowing.
const ANSWERS: [(&str, &str); 3] = [
    ("answer to COMMIT", "postgres"),
    ("reply to EVAL", "redis"),
    ("reply to SET", "redis"),
];

fn drawn(
    id: u32,
    scenario: &Scenario,
    swarm: &Swarm,
    kinds: &[FaultKind],
    draw: &mut Draw,
) -> Fault {
    let mut pick = |from: &[String]| from[draw.within(0..from.len() as u64) as usize].clone();
    let shops: Vec<String> = scenario.instances().collect();
    let servers: Vec<String> = scenario
        .nodes()
        .into_iter()
        .filter(|n| n != "buyers")
        .collect();
    let (shop, server) = (pick(&shops), pick(&servers));
    let others = ["buyers", "postgres", "redis"].map(str::to_owned);
    let other = pick(&others);
    let kind = kinds[draw.within(0..kinds.len() as u64) as usize];
    let mut trigger = Trigger::At(swarm.at.draw(draw));
    let effect = match kind {
        FaultKind::Pause => Effect::Pause { node: shop },
        FaultKind::Kill => Effect::Kill {
            node: server,
            death: match draw.percent(50) {
                true => Death::Process,
                false => Death::Host,
            },
        },
        FaultKind::Partition => Effect::Partition {
            between: vec![shop],
            and: vec![other],
            one_way: draw.percent(50),
        },
        FaultKind::LoseAnswer => {
            let (label, from) = ANSWERS[draw.within(0..ANSWERS.len() as u64) as usize];
            trigger = Trigger::On {
                label: label.to_owned(),
                from: Some(from.to_owned()),
                to: None,
                nth: draw.within(1..10),
            };
            Effect::LoseAnswer
        }
        FaultKind::Latency => Effect::Latency {
            between: vec![shop],
            and: vec![other],
            by_ns: draw.within(1_000_000..500_000_000),
        },
    };
    Fault {
        id,
        trigger,
        effect,
        lasts_ns: swarm.lasts.draw(draw),
    }
}
