//! A panic anywhere in a run is a result: reported with its message, and the
//! next seed runs as if nothing had been.

use doublebuy::world::{Keep, Verdict, run_seed};

use crate::scenario;

const BUYERS: &str = "[shop]\nstock = \"triple-layered\"\n[buyers]\ncount = 10\n";

/// The verdicts of some seeds with the bug.
fn verdicts(bug: &str) -> Vec<Verdict> {
    let scenario = scenario(Some(bug), BUYERS);
    let run = |seed| run_seed(&scenario, seed, Keep::default()).verdict;
    (0..20).map(run).collect()
}

/// The bug's panic is caught in at least one seed, and right after it a seed
/// without the bug gives the digest that it always gives.
fn is_caught(bug: &str, message: &str) {
    let quiet = scenario(None, BUYERS);
    let before = run_seed(&quiet, 1, Keep::default());
    let verdicts = verdicts(bug);
    let panicked = verdicts.iter().any(|verdict| match verdict {
        Verdict::Crashed {
            message: said,
            location,
        } => said.contains(message) && location.contains(".rs:"),
        _ => false,
    });
    assert!(panicked, "{bug}: {verdicts:?}");
    let after = run_seed(&quiet, 1, Keep::default());
    assert_eq!(before, after, "{bug} leaves a trace in the next seed");
}

#[test]
fn in_the_database_holding_its_lock() {
    is_caught("postgres.panic-holding-lock", "planted");
}

#[test]
fn in_redis_holding_its_lock() {
    is_caught("redis.panic-holding-lock", "planted");
}

#[test]
fn in_a_handler_of_the_service_holding_its_lock() {
    is_caught("shop.panic-in-handler", "planted");
}

#[test]
fn in_the_network_holding_its_lock() {
    is_caught("network.panic-holding-lock", "planted");
}

#[test]
fn a_task_that_is_always_ready_ends_with_a_verdict() {
    let text = format!("{BUYERS}\n[run]\npolls_max = 200000\n");
    let scenario = scenario(Some("world.busy-task"), &text);
    let outcome = run_seed(&scenario, 0, Keep::default());
    let Verdict::Unknown { reason } = outcome.verdict else {
        panic!("{}", outcome.verdict);
    };
    assert!(reason.contains("no progress"), "{reason}");
}
