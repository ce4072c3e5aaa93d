//! A `[[fault]]`: which keys its kind takes, and what they can be.

use std::ops::Range;

use toml::Spanned;

use super::{Located, check_node, check_once, check_sides, located};
use crate::scenario::{FaultKind, FaultSpec, Scenario, labels, limits};

/// The keys that a fault of a kind takes, beside `chance` and those that say
/// when it begins.
struct Keys {
    needed: &'static [&'static str],
    optional: &'static [&'static str],
}

/// It begins with this message. `at` a time is the other way to begin.
const ON: [&str; 4] = ["on", "from", "to", "nth"];

fn keys_of(kind: FaultKind) -> Keys {
    let (needed, optional): (&'static [_], &'static [_]) = match kind {
        FaultKind::Pause => (&["node", "lasts"], &[]),
        FaultKind::Kill => (&["node", "lasts"], &["down"]),
        FaultKind::RestartLoop => (&["node", "times", "every", "lasts"], &["down"]),
        FaultKind::Slow => (&["node", "times", "lasts"], &[]),
        FaultKind::ClockJump => (&["node", "by"], &[]),
        FaultKind::ClockDrift => (&["node", "rate", "lasts"], &[]),
        FaultKind::Partition => (&["between", "lasts"], &["and", "one_way"]),
        FaultKind::Swizzle => (&["nodes", "every", "lasts"], &[]),
        FaultKind::LoseAnswer | FaultKind::Resend => (&[], &[]),
        FaultKind::Latency => (&["between", "by", "lasts"], &["and"]),
        FaultKind::ExhaustConnections => (&["sessions", "lasts"], &[]),
        FaultKind::Failover => (&["node", "lasts"], &["down", "after", "rejoins"]),
    };
    Keys { needed, optional }
}

impl Keys {
    fn all(&self, kind: FaultKind) -> Vec<&'static str> {
        let at: &[&str] = if kind.loses_a_message() { &[] } else { &["at"] };
        [self.needed, self.optional, at, &ON].concat()
    }
}

/// Checks one fault by itself.
pub(super) fn check_fault(
    fault: &FaultSpec,
    scenario: &Scenario,
    nodes: &[String],
) -> Result<(), Located> {
    let kind = *fault.kind.get_ref();
    let keys = keys_of(kind);
    let all = keys.all(kind);
    let given = given_keys(fault);
    for (key, span) in &given {
        if !all.contains(key) {
            let all = all.join(", ");
            let message = format!("a {kind} fault takes no `{key}`; it takes {all}, chance");
            return Err((message, Some(span.clone())));
        }
    }
    let has = |key: &str| given.iter().any(|(name, _)| *name == key);
    let at_fault = |message: String| (message, Some(fault.kind.span()));
    if let Some(missing) = keys.needed.iter().find(|key| !has(key)) {
        return Err(at_fault(format!("a {kind} fault needs `{missing}`")));
    }
    if kind.loses_a_message() && !has("on") {
        return Err(at_fault(format!("a {kind} fault needs `on`")));
    }
    if has("at") == has("on") {
        let message = format!("a {kind} fault begins `at` a time or `on` a message: give one");
        return Err(at_fault(message));
    }
    if let Some(key) = ON[1..].iter().find(|key| has(key) && !has("on")) {
        return Err(at_fault(format!(
            "`{key}` says which message: it needs `on`"
        )));
    }
    check_nodes(fault, nodes)?;
    check_failover(fault, scenario)?;
    check_values(fault)?;
    check_label(fault)
}

fn given_keys(fault: &FaultSpec) -> Vec<(&'static str, Range<usize>)> {
    fn span<T>(value: &Option<Spanned<T>>) -> Option<Range<usize>> {
        value.as_ref().map(Spanned::span)
    }
    let keys = [
        ("node", span(&fault.node)),
        ("nodes", span(&fault.nodes)),
        ("between", span(&fault.between)),
        ("and", span(&fault.and)),
        ("one_way", span(&fault.one_way)),
        ("down", span(&fault.down)),
        ("by", span(&fault.by)),
        ("rate", span(&fault.rate)),
        ("times", span(&fault.times)),
        ("every", span(&fault.every)),
        ("sessions", span(&fault.sessions)),
        ("after", span(&fault.after)),
        ("rejoins", span(&fault.rejoins)),
        ("at", span(&fault.at)),
        ("on", span(&fault.on)),
        ("from", span(&fault.from)),
        ("to", span(&fault.to)),
        ("nth", span(&fault.nth)),
        ("lasts", span(&fault.lasts)),
    ];
    keys.into_iter()
        .filter_map(|(key, span)| Some((key, span?)))
        .collect()
}

fn check_nodes(fault: &FaultSpec, nodes: &[String]) -> Result<(), Located> {
    let set = fault.nodes.iter().flat_map(|set| set.get_ref());
    let single = [&fault.node, &fault.from, &fault.to];
    for node in single.into_iter().flatten().chain(set) {
        check_node(node, nodes).map_err(located)?;
    }
    check_sides(fault.between.as_ref(), fault.and.as_ref(), nodes).map_err(located)?;
    if let Some(node) = &fault.node
        && node.get_ref() == "buyers"
    {
        let why = match fault.kind.get_ref() {
            FaultKind::Kill | FaultKind::RestartLoop => {
                "buyers cannot be killed: nobody would ask again; pause them"
            }
            FaultKind::Slow => "buyers cannot be slow: they have no work that takes time",
            _ => return Ok(()),
        };
        return Err((why.to_owned(), Some(node.span())));
    }
    if let Some(set) = &fault.nodes
        && set.get_ref().len() < 2
    {
        let message = "`nodes` needs two at least, or there is no order".to_owned();
        return Err((message, Some(set.span())));
    }
    check_once("nodes", fault.nodes.as_ref()).map_err(located)
}

/// A failover needs a replica, and nobody else who sees to it.
fn check_failover(fault: &FaultSpec, scenario: &Scenario) -> Result<(), Located> {
    let (FaultKind::Failover, Some(node)) = (fault.kind.get_ref(), &fault.node) else {
        return Ok(());
    };
    let name = node.get_ref();
    let refuse = |message: String| Err((message, Some(node.span())));
    if !scenario.nodes().contains(&format!("{name}-replica")) {
        return refuse(format!(
            "`{name}` has no replica to fail over to; give it one: [{name}.replica]"
        ));
    }
    if name == "redis" && scenario.redis.sentinel.is_some() {
        return refuse(
            "sentinels fail over by themselves: kill the primary, pause it or cut it off"
                .to_owned(),
        );
    }
    Ok(())
}

fn check_values(fault: &FaultSpec) -> Result<(), Located> {
    let times = match fault.kind.get_ref() {
        FaultKind::RestartLoop => limits::DEATHS,
        _ => limits::SLOWNESS,
    };
    let counts = [
        ("nth", &fault.nth, 1..=u64::MAX),
        ("times", &fault.times, times),
        ("sessions", &fault.sessions, limits::SESSIONS),
    ];
    for (key, count, range) in counts {
        let Some(count) = count else { continue };
        for end in [count.get_ref().min, count.get_ref().max] {
            limits::within(key, end, &range).map_err(|why| (why, Some(count.span())))?;
        }
    }
    if *fault.kind.get_ref() == FaultKind::Latency
        && let Some(by) = &fault.by
        && by.get_ref().min_ns < 0
    {
        let message = format!(
            "'{}' is negative: nothing arrives before it is sent",
            by.get_ref()
        );
        return Err((message, Some(by.span())));
    }
    Ok(())
}

fn check_label(fault: &FaultSpec) -> Result<(), Located> {
    let Some(on) = &fault.on else {
        return Ok(());
    };
    let (label, kind) = (on.get_ref(), *fault.kind.get_ref());
    let allowed = match kind {
        FaultKind::Resend => labels::of_orders(),
        _ => labels::all(),
    };
    if allowed.contains(&label.as_str()) {
        return Ok(());
    }
    let allowed = allowed.join(", ");
    let message = match labels::is_known(label) {
        true => format!("a gateway sends requests for orders again, not `{label}`: {allowed}"),
        false => format!("no message is labelled `{label}`; there are: {allowed}"),
    };
    Err((message, Some(on.span())))
}

/// Refuses what cannot be, whatever is drawn: a fault that strikes a node
/// which another has certainly taken down by then.
pub(super) fn check_together(faults: &[FaultSpec]) -> Result<(), Located> {
    for (index, fault) in faults.iter().enumerate() {
        let others = faults.iter().enumerate();
        for (_, other) in others.filter(|(other, _)| *other != index) {
            if certainly_down(other, fault) {
                let (kind, node) = (fault.kind.get_ref(), name(&fault.node));
                let message = format!(
                    "this {kind} comes while another fault certainly has {node} down: \
                     a dead node can be neither killed nor paused"
                );
                return Err((message, Some(fault.kind.span())));
            }
        }
    }
    Ok(())
}

fn name(node: &Option<Spanned<String>>) -> &str {
    node.as_ref().map_or("", |node| node.get_ref())
}

/// Has `killer` the node of `fault` down whenever `fault` begins?
fn certainly_down(killer: &FaultSpec, fault: &FaultSpec) -> bool {
    let kills = |kind| matches!(kind, FaultKind::Kill | FaultKind::RestartLoop);
    let (killer_kind, kind) = (*killer.kind.get_ref(), *fault.kind.get_ref());
    let needs_life = kills(kind) || kind == FaultKind::Pause;
    let (Some(down), Some(lasts), Some(at)) = (&killer.at, &killer.lasts, &fault.at) else {
        return false;
    };
    let (down, lasts, at) = (down.get_ref(), lasts.get_ref(), at.get_ref());
    kills(killer_kind)
        && needs_life
        && name(&killer.node) == name(&fault.node)
        && at.min_ns >= down.max_ns
        && at.max_ns < down.min_ns.saturating_add(lasts.min_ns)
}
