//! Plans as files: what was drawn, to be read, edited and run again.
//!
//! Reading trusts nothing. What a plan says is held against its scenario, and
//! a plan that cannot be is refused with the line and the reason, before
//! anything runs. That a resume has a pause and a boot a kill needs no check:
//! each is the end of its fault, and stands in `lasts`.

use std::collections::BTreeSet;
use std::ops::Range;

use axum::http::HeaderValue;
use serde::Deserialize;
use toml::Spanned;

use super::contradictions::with_earlier;
use super::{Effect, Fault, Plan, Trigger, Visit};
use crate::net::DRIFT_PPM;
use crate::scenario::{ReadError, Scenario, is_label, limits, span_of};

/// The entries of a plan, each with its place in the text.
#[derive(Deserialize)]
struct Places {
    #[serde(default)]
    clocks: Vec<Spanned<toml::Value>>,
    #[serde(default)]
    calms: Vec<Spanned<toml::Value>>,
    visits: Vec<Spanned<toml::Value>>,
    faults: Vec<Spanned<toml::Value>>,
}

type Refused = (String, Option<Range<usize>>);

impl Plan {
    /// The plan as a file has it.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a plan is plain data")
    }

    /// Reads a plan of `scenario` from text; `path` names it in errors.
    pub fn parse(path: &str, source: &str, scenario: &Scenario) -> Result<Plan, ReadError> {
        checked(source, scenario).map_err(|(message, span)| ReadError::Invalid {
            path: path.to_owned(),
            source_text: source.to_owned(),
            message,
            span,
        })
    }
}

fn checked(source: &str, scenario: &Scenario) -> Result<Plan, Refused> {
    let unread = |error: toml::de::Error| (error.message().to_owned(), error.span());
    let plan: Plan = toml::from_str(source).map_err(unread)?;
    let places: Places = toml::from_str(source).map_err(unread)?;
    check_world(&plan).map_err(|(message, place)| (message, span_of(source, place)))?;
    let nodes = scenario.nodes();
    let mut ids = BTreeSet::new();
    for (index, visit) in plan.visits.iter().enumerate() {
        let refused = at(&places.visits, index);
        check_visit(visit, scenario).map_err(&refused)?;
        if !ids.insert(visit.id) {
            return Err(refused(format!("visit {} is there twice", visit.id)));
        }
    }
    ids.clear();
    for (index, fault) in plan.faults.iter().enumerate() {
        let refused = at(&places.faults, index);
        check_fault(fault, &nodes).map_err(&refused)?;
        if !ids.insert(fault.id) {
            return Err(refused(format!("fault {} is there twice", fault.id)));
        }
        if let Some(why) = with_earlier(&plan.faults[..index], fault) {
            return Err(refused(why));
        }
    }
    for (index, clock) in plan.clocks.iter().enumerate() {
        let refused = at(&places.clocks, index);
        known(&clock.node, &nodes).map_err(&refused)?;
        drift(clock.drift_ppm).map_err(&refused)?;
    }
    for (index, calm) in plan.calms.iter().enumerate() {
        if calm.lasts_ns == 0 {
            let message = "a calm lasts 1ns at least".to_owned();
            return Err(at(&places.calms, index)(message));
        }
    }
    Ok(plan)
}

/// The last second of the year 9999: what SQL and RFC 3339 can write.
const EPOCH_MS_MAX: u64 = 253_402_300_799_999;

/// What holds for the whole world; an error comes with its key.
fn check_world(plan: &Plan) -> Result<(), (String, &'static str)> {
    let points = u64::from(plan.search.change_points);
    for (key, value, range) in [
        ("epoch_ms", plan.epoch_ms, 0..=EPOCH_MS_MAX),
        ("search.change_points", points, limits::CHANGE_POINTS),
        (
            "search.deliveries",
            plan.search.deliveries,
            limits::DELIVERIES,
        ),
    ] {
        limits::within(key, value, &range).map_err(|message| (message, key))?;
    }
    Ok(())
}

/// Puts the place of an entry to what is wrong with it.
fn at(places: &[Spanned<toml::Value>], index: usize) -> impl Fn(String) -> Refused {
    let span = places.get(index).map(Spanned::span);
    move |message| (message, span.clone())
}

fn check_visit(visit: &Visit, scenario: &Scenario) -> Result<(), String> {
    if visit.instance >= scenario.shop.instances {
        let (instance, last) = (visit.instance, scenario.shop.instances - 1);
        return Err(format!(
            "no instance {instance}; the last one is shop-{last}"
        ));
    }
    if HeaderValue::from_str(&visit.key).is_err() {
        let key = &visit.key;
        return Err(format!("no HTTP header can carry the key {key:?}"));
    }
    match (visit.quantity, visit.patience_ns) {
        (0, _) => Err("an order of 0 units is none".to_owned()),
        (_, 0) => Err("a visit without patience asks for nothing".to_owned()),
        _ => Ok(()),
    }
}

fn check_fault(fault: &Fault, nodes: &[String]) -> Result<(), String> {
    let kind = fault.effect.kind();
    match &fault.trigger {
        Trigger::At(_) if kind.loses_a_message() => {
            return Err(format!("a {kind} fault begins with a message: give `on`"));
        }
        Trigger::At(_) => {}
        Trigger::On {
            label,
            from,
            to,
            nth,
        } => {
            limits::within("nth", *nth, &(1..=u64::MAX))?;
            for node in [from, to].into_iter().flatten() {
                known(node, nodes)?;
            }
            if !is_label(label) {
                return Err(format!("no message is labelled `{label}`"));
            }
        }
    }
    let named = fault.effect.nodes();
    named.iter().try_for_each(|node| known(node, nodes))?;
    check_effect(&fault.effect)
}

fn check_effect(effect: &Effect) -> Result<(), String> {
    let kind = effect.kind();
    match effect {
        effect if effect.takes_down() == Some("buyers") => Err(format!(
            "{kind} of buyers: nobody would ask again; pause them"
        )),
        Effect::RestartLoop { times, .. } => {
            limits::within("times", u64::from(*times), &limits::DEATHS)
        }
        Effect::Slow { times, .. } => limits::within("times", u64::from(*times), &limits::SLOWNESS),
        Effect::ExhaustConnections { sessions } => {
            limits::within("sessions", u64::from(*sessions), &limits::SESSIONS)
        }
        Effect::ClockDrift { rate_ppm, .. } => drift(*rate_ppm),
        Effect::Swizzle { cut, back, .. } => match set("cut", cut)? == set("back", back)? {
            true => Ok(()),
            false => Err("`cut` and `back` are not the same nodes".to_owned()),
        },
        Effect::Partition { between, and, .. } | Effect::Latency { between, and, .. } => {
            let others = set("and", and)?;
            match set("between", between)?.intersection(&others).next() {
                Some(node) => Err(format!("`{node}` is on both sides")),
                None if between.is_empty() => Err("`between` is empty".to_owned()),
                None => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// The nodes under this key, none of them twice.
fn set<'a>(key: &str, nodes: &'a [String]) -> Result<BTreeSet<&'a String>, String> {
    let mut seen = BTreeSet::new();
    match nodes.iter().find(|node| !seen.insert(*node)) {
        Some(node) => Err(format!("`{node}` is in `{key}` twice")),
        None => Ok(seen),
    }
}

fn known(node: &String, nodes: &[String]) -> Result<(), String> {
    match nodes.contains(node) {
        true => Ok(()),
        false => Err(format!("no node `{node}`; there are: {}", nodes.join(", "))),
    }
}

fn drift(ppm: i64) -> Result<(), String> {
    match DRIFT_PPM.contains(&ppm) {
        true => Ok(()),
        false => {
            let (slowest, fastest) = (DRIFT_PPM.start(), DRIFT_PPM.end());
            Err(format!(
                "a drift of {ppm} parts per million; it can be {slowest} to {fastest}"
            ))
        }
    }
}
