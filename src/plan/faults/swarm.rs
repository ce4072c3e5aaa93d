//! Drawn faults: each plan leaves out a random half of the kinds and likes
//! some of the others far more than the rest, so that over many seeds every
//! mixture comes, and so does every kind alone.

use super::{Effect, Fault, Trigger};
use crate::draw::Draw;
use crate::net::Death;
use crate::scenario::{Down, FaultKind, Scenario, Swarm};
use crate::shop::ANSWER_LABELS;

pub(super) fn faults(scenario: &Scenario, swarm: &Swarm, seed: u64, first: u32) -> Vec<Fault> {
    let count = swarm.faults.draw(&mut Draw::new(seed, "swarm"));
    let kinds = Kinds::draw(scenario, swarm, seed);
    (0..u32::try_from(count).unwrap_or(u32::MAX))
        .map(|index| {
            let mut draw = Draw::new(seed, &format!("swarm/{index}"));
            let kind = kinds.pick(&mut draw);
            fault(first + index, kind, scenario, swarm, &mut draw)
        })
        .collect()
}

/// The kinds of one plan, each with how much it is liked.
struct Kinds(Vec<(FaultKind, u64)>);

/// The most liked kind comes up to 2 to the power of this times as often as
/// the least liked.
const LIKING_MAX: u64 = 6;

impl Kinds {
    /// Each kind by its own name: a kind more leaves the others as they were.
    fn draw(scenario: &Scenario, swarm: &Swarm, seed: u64) -> Kinds {
        let all = match swarm.kinds.as_slice() {
            [] => FaultKind::ALL,
            kinds => kinds,
        };
        let can_be =
            |kind: &&FaultKind| **kind != FaultKind::Failover || !replicated(scenario).is_empty();
        let drawn = all.iter().filter(can_be).map(|&kind| {
            let mut draw = Draw::new(seed, &format!("swarm/kind/{kind}"));
            (draw.percent(50), kind, 1 << draw.within(0..LIKING_MAX + 1))
        });
        let drawn: Vec<(bool, FaultKind, u64)> = drawn.collect();
        let none = drawn.iter().all(|(chosen, ..)| !chosen);
        let chosen = drawn.iter().filter(|(chosen, ..)| none || *chosen);
        Kinds(chosen.map(|&(_, kind, liked)| (kind, liked)).collect())
    }

    fn pick(&self, draw: &mut Draw) -> FaultKind {
        let total = self.0.iter().map(|(_, liked)| liked).sum();
        let mut at = draw.within(0..total);
        for (kind, liked) in &self.0 {
            match at.checked_sub(*liked) {
                Some(rest) => at = rest,
                None => return *kind,
            }
        }
        unreachable!("a number below the sum of the likings")
    }
}

/// The primaries for which a failover has another server.
fn replicated(scenario: &Scenario) -> Vec<&'static str> {
    let by_itself = scenario.redis.sentinel.is_some();
    let postgres = scenario.postgres.replica.is_some().then_some("postgres");
    let redis = scenario.redis.replica.is_some() && !by_itself;
    postgres
        .into_iter()
        .chain(redis.then_some("redis"))
        .collect()
}

/// Answers whose loss leaves somebody not knowing.
const ANSWERS: [(&str, &str); 3] = [
    ("answer to COMMIT", "postgres"),
    ("reply to EVAL", "redis"),
    ("reply to SET", "redis"),
];

fn fault(id: u32, kind: FaultKind, scenario: &Scenario, swarm: &Swarm, draw: &mut Draw) -> Fault {
    let nodes = scenario.nodes();
    let servers: Vec<&str> = nodes
        .iter()
        .map(String::as_str)
        .filter(|n| *n != "buyers")
        .collect();
    let shops: Vec<&str> = servers
        .iter()
        .copied()
        .filter(|n| n.starts_with("shop-"))
        .collect();
    let shop = draw.pick(&shops).to_owned();
    let server = draw.pick(&servers).to_owned();
    let other = draw.pick(&["buyers", "postgres", "redis"]);
    let other = one_of(other, &nodes, draw);
    let mut trigger = Trigger::At(swarm.at.draw(draw));
    let effect = match kind {
        FaultKind::Pause => Effect::Pause { node: shop },
        FaultKind::Kill => Effect::Kill {
            node: server,
            death: draw.pick(&[Death::Process, Death::Host]),
        },
        FaultKind::RestartLoop => Effect::RestartLoop {
            node: server,
            death: draw.pick(&[Death::Process, Death::Host]),
            times: draw.number(2..6),
            up_ns: draw.within(1_000_000..500_000_000),
        },
        FaultKind::Slow => Effect::Slow {
            node: server,
            times: 1 << draw.number(1..15),
        },
        FaultKind::ClockJump => Effect::ClockJump {
            node: server,
            by_ns: signed(draw, 1_000_000..60_000_000_000),
        },
        FaultKind::ClockDrift => Effect::ClockDrift {
            node: server,
            rate_ppm: signed(draw, 100..500_000),
        },
        FaultKind::Partition => Effect::Partition {
            between: vec![shop],
            and: vec![other],
            one_way: draw.percent(50),
        },
        FaultKind::Swizzle => swizzle(&nodes, draw),
        FaultKind::LoseAnswer => {
            let (label, from) = draw.pick(&ANSWERS);
            let from = one_of(from, &nodes, draw);
            trigger = on(label, Some(from), draw);
            Effect::LoseAnswer
        }
        FaultKind::Resend => {
            trigger = on(ANSWER_LABELS[0], None, draw);
            Effect::Resend
        }
        FaultKind::Latency => Effect::Latency {
            between: vec![shop],
            and: vec![other],
            by_ns: draw.within(1_000_000..500_000_000),
        },
        FaultKind::Failover => Effect::Failover {
            node: draw.pick(&replicated(scenario)).to_owned(),
            down: Some(draw.pick(&[Down::Process, Down::Host])),
            after_ns: draw.within(1_000_000..500_000_000),
            rejoins: true,
        },
        FaultKind::ExhaustConnections => Effect::ExhaustConnections {
            sessions: u32::try_from(scenario.postgres.max_connections).unwrap_or(u32::MAX),
        },
    };
    Fault {
        id,
        trigger,
        lasts_ns: match kind.takes_time() {
            true => swarm.lasts.draw(draw),
            false => 0,
        },
        effect,
    }
}

/// The node of this name, or one of those that share it: `redis-3`.
fn one_of(name: &str, nodes: &[String], draw: &mut Draw) -> String {
    let of_name = |node: &&String| {
        let rest = node
            .strip_prefix(name)
            .and_then(|rest| rest.strip_prefix('-'));
        rest.is_some_and(|number| number.parse::<u16>().is_ok())
    };
    let numbered: Vec<&String> = nodes.iter().filter(of_name).collect();
    match numbered.is_empty() {
        true => name.to_owned(),
        false => draw.pick(&numbered).clone(),
    }
}

/// At least two nodes, so that there is an order.
fn swizzle(nodes: &[String], draw: &mut Draw) -> Effect {
    let mut cut = draw.shuffled(nodes);
    cut.truncate(draw.within(2..nodes.len() as u64 + 1) as usize);
    Effect::Swizzle {
        back: draw.shuffled(&cut),
        cut,
        every_ns: draw.within(1_000_000..200_000_000),
    }
}

fn on(label: &str, from: Option<String>, draw: &mut Draw) -> Trigger {
    Trigger::On {
        label: label.to_owned(),
        from,
        to: None,
        nth: draw.within(1..10),
    }
}

/// A size from `range`, in either direction.
fn signed(draw: &mut Draw, range: std::ops::Range<u64>) -> i64 {
    let size = i64::try_from(draw.within(range)).unwrap_or(i64::MAX);
    match draw.percent(50) {
        true => size,
        false => -size,
    }
}
