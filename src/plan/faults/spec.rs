//! From a `[[fault]]` of a scenario to a fault of a plan.

use toml::Spanned;

use super::{Effect, Fault, Trigger, death_of};
use crate::draw::Draw;
use crate::scenario::units::Count;
use crate::scenario::{Down, FaultKind, FaultSpec};

pub(super) fn fault(id: u32, spec: &FaultSpec, draw: &mut Draw) -> Fault {
    let effect = effect(spec, draw);
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

fn effect(spec: &FaultSpec, draw: &mut Draw) -> Effect {
    let node = || name(&spec.node).expect("it names its node: checked when read");
    let death = || death_of(spec.down.as_ref().map_or(Down::Process, |d| *d.get_ref()));
    match spec.kind.get_ref() {
        FaultKind::Pause => Effect::Pause { node: node() },
        FaultKind::Kill => Effect::Kill {
            node: node(),
            death: death(),
        },
        FaultKind::RestartLoop => Effect::RestartLoop {
            node: node(),
            death: death(),
            times: count(&spec.times, draw),
            up_ns: spec.every.as_ref().map_or(0, |up| up.get_ref().draw(draw)),
        },
        FaultKind::Slow => Effect::Slow {
            node: node(),
            times: count(&spec.times, draw),
        },
        FaultKind::ClockJump => Effect::ClockJump {
            node: node(),
            by_ns: spec.by.as_ref().map_or(0, |by| by.get_ref().draw(draw)),
        },
        FaultKind::ClockDrift => Effect::ClockDrift {
            node: node(),
            rate_ppm: spec.rate.as_ref().map_or(0, |r| r.get_ref().draw(draw)),
        },
        FaultKind::Partition => Effect::Partition {
            between: names(&spec.between),
            and: names(&spec.and),
            one_way: spec.one_way.as_ref().is_some_and(|one| *one.get_ref()),
        },
        FaultKind::Swizzle => Effect::Swizzle {
            cut: draw.shuffled(&names(&spec.nodes)),
            back: draw.shuffled(&names(&spec.nodes)),
            every_ns: spec.every.as_ref().map_or(0, |s| s.get_ref().draw(draw)),
        },
        FaultKind::LoseAnswer => Effect::LoseAnswer,
        FaultKind::Resend => Effect::Resend,
        FaultKind::Latency => Effect::Latency {
            between: names(&spec.between),
            and: names(&spec.and),
            by_ns: spec
                .by
                .as_ref()
                .map_or(0, |by| by.get_ref().draw(draw).unsigned_abs()),
        },
        FaultKind::ExhaustConnections => Effect::ExhaustConnections {
            sessions: count(&spec.sessions, draw),
        },
        FaultKind::Failover => Effect::Failover {
            node: node(),
            down: spec.down.as_ref().map(|down| *down.get_ref()),
            after_ns: spec.after.as_ref().map_or(0, |s| s.get_ref().draw(draw)),
            rejoins: spec.rejoins.as_ref().is_none_or(|one| *one.get_ref()),
        },
    }
}

fn name(name: &Option<Spanned<String>>) -> Option<String> {
    name.as_ref().map(|name| name.get_ref().clone())
}

fn names(set: &Option<Spanned<Vec<Spanned<String>>>>) -> Vec<String> {
    let nodes = set.iter().flat_map(|set| set.get_ref());
    nodes.map(|node| node.get_ref().clone()).collect()
}

fn count(count: &Option<Spanned<Count>>, draw: &mut Draw) -> u32 {
    let drawn = count.as_ref().map_or(1, |count| count.get_ref().draw(draw));
    u32::try_from(drawn).unwrap_or(u32::MAX)
}
