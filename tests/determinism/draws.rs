//! One entry of a plan less, or one more, leaves every other entry as it was,
//! and every segment that both runs send travels as long as it did, or is
//! lost as it was.

use std::collections::{BTreeMap, BTreeSet};

use doublebuy::net::Drawn;
use doublebuy::plan::{Effect, Fault, Plan, Trigger, Visit};
use doublebuy::scenario::Scenario;
use doublebuy::world::{Keep, run};

use crate::gallery;

/// Links with losses, copies and a heavy tail, so that everything is drawn.
const UNKIND: [&str; 3] = [
    "network.latency=same-zone",
    "network.loss=2%",
    "network.duplicates=2%",
];

/// A segment: its connection, its side, its number, the attempt.
type Name = (u64, bool, u64, u64);

/// What was drawn for each segment of a run.
fn drawn(scenario: &Scenario, plan: &Plan) -> BTreeMap<Name, Option<u64>> {
    let keep = Keep {
        drawn: true,
        ..Keep::default()
    };
    let outcome = run(scenario, plan, keep);
    let history = outcome.history.expect("a run to its end");
    let mut all = BTreeMap::new();
    for segment in history.drawn {
        let Drawn {
            connection,
            from_client,
            number,
            attempt,
            latency_ns,
        } = segment;
        let name = (connection, from_client, number, attempt);
        let twice = all.insert(name, latency_ns);
        assert_eq!(twice, None, "two segments have the name {name:?}");
    }
    all
}

/// The plan with one fault or visit less, and with one more, each as it is
/// when it was saved and read again.
fn variants(scenario: &Scenario, plan: &Plan) -> Vec<Plan> {
    let mut variants = Vec::new();
    let mut with = |change: &dyn Fn(&mut Plan)| {
        let mut changed = plan.clone();
        change(&mut changed);
        let read = Plan::parse("saved.toml", &changed.to_toml(), scenario);
        variants.push(read.unwrap_or_else(|error| panic!("{error}")));
    };
    let some = |length: usize| plan.seed as usize % length.max(1);
    with(&|plan| drop(plan.visits.remove(some(plan.visits.len()))));
    if !plan.faults.is_empty() {
        with(&|plan| drop(plan.faults.remove(some(plan.faults.len()))));
    }
    with(&|plan| {
        plan.visits.push(Visit {
            id: 1_000,
            buyer: 1_000,
            key: "one-more".to_owned(),
            ..plan.visits[0].clone()
        });
    });
    with(&|plan| {
        plan.faults.push(Fault {
            id: 1_000,
            lasts_ns: 50_000_000,
            trigger: Trigger::At(20_000_000),
            effect: Effect::Latency {
                between: vec!["shop-0".to_owned()],
                and: Vec::new(),
                by_ns: 3_000_000,
            },
        });
    });
    variants
}

/// For each seed and variant, how many segments both runs send, and the names
/// of those whose draws differ.
fn compared(settings: &[&str]) -> Vec<(usize, BTreeSet<Name>)> {
    let scenario = gallery("reference", &[&UNKIND, settings].concat());
    let mut compared = Vec::new();
    for seed in 0..12 {
        let plan = Plan::new(&scenario, seed);
        let before = drawn(&scenario, &plan);
        for variant in variants(&scenario, &plan) {
            let after = drawn(&scenario, &variant);
            let both = before.keys().filter(|name| after.contains_key(name));
            let both: Vec<_> = both.copied().collect();
            let connections: BTreeSet<u64> = both.iter().map(|name| name.0).collect();
            let visits = plan.visits.len().min(variant.visits.len());
            assert!(connections.len() >= visits, "seed {seed}: who came, came");
            let differ = both.iter().filter(|name| before[name] != after[name]);
            compared.push((both.len(), differ.copied().collect()));
        }
    }
    compared
}

#[test]
fn an_entry_less_or_more_leaves_the_draws_of_every_segment_of_both_runs() {
    let compared = compared(&[]);
    for (index, (_, differ)) in compared.iter().enumerate() {
        assert!(differ.is_empty(), "pair {index}: {differ:?}");
    }
    let both: usize = compared.iter().map(|(both, _)| both).sum();
    assert!(both > 100 * compared.len(), "{both} segments are compared");
}

#[test]
fn latencies_from_one_stream_for_all_are_noticed() {
    let compared = compared(&["planted=[\"network.shared-stream\"]"]);
    let noticed = compared.iter().filter(|(_, differ)| !differ.is_empty());
    assert!(noticed.count() > compared.len() / 2);
}

#[test]
fn losses_copies_and_tails_are_among_what_is_compared() {
    let scenario = gallery("reference", &UNKIND);
    let drawn = drawn(&scenario, &Plan::new(&scenario, 0));
    let lost = drawn.values().filter(|latency| latency.is_none()).count();
    let latencies: BTreeSet<u64> = drawn.values().flatten().copied().collect();
    assert!(lost > 0 && latencies.len() > drawn.len() / 2, "{lost} lost");
}
