//! However a world ends, its seed has a verdict, and the campaign goes on.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::Path;
use std::sync::Arc;

use doublebuy::campaign::{self, Options};
use doublebuy::history::Event;
use doublebuy::scenario::Scenario;
use doublebuy::world::{self, Keep, Outcome, Verdict, run_seed};

use crate::scenario;

#[test]
fn a_world_that_does_not_converge_after_healing_is_told() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("sims/lock-never-released.toml");
    let scenario = Scenario::read(&path, &[]).expect("a scenario of the gallery");
    let broken: Vec<Outcome> = (0..10)
        .map(|seed| run_seed(&scenario, seed, Keep::default()))
        .filter(|outcome| outcome.verdict == Verdict::Violated)
        .collect();
    assert!(!broken.is_empty(), "ten seeds, and all come to rest");
    for outcome in broken {
        let said: Vec<String> = outcome
            .violations
            .iter()
            .map(|v| format!("{v:?}"))
            .collect();
        let told = said
            .iter()
            .any(|said| said.contains("the world did not come to rest after healing"));
        assert!(told, "seed {}: {said:?}", outcome.seed);
    }
}

/// A node is paused, killed while it is, and paused again once it is back:
/// the end of the first pause is not that of the second.
fn killed_while_paused(node: &str, down: &str) -> Scenario {
    scenario(
        None,
        &format!(
            r#"
[shop]
stock = "atomic-sql"
[catalog]
units = 20
[buyers]
count = 6
arrival = {{ burst = "1s" }}
[[fault]]
kind = "pause"
node = "{node}"
at = "5ms"
lasts = "1s"
[[fault]]
kind = "kill"
node = "{node}"
down = "{down}"
at = "20ms"
lasts = "100ms"
[[fault]]
kind = "pause"
node = "{node}"
at = "400ms"
lasts = "2s"
"#
        ),
    )
}

#[test]
fn a_node_killed_while_paused_comes_back_and_ends_with_a_verdict() {
    for node in ["postgres", "redis", "shop-0"] {
        for down in ["process", "host"] {
            let scenario = killed_while_paused(node, down);
            for seed in 0..10 {
                let outcome = run_seed(&scenario, seed, Keep::default());
                let at = format!("{node}, {down}, seed {seed}");
                assert_eq!(outcome.verdict, Verdict::Holds, "{at}");
                assert_eq!(outcome, run_seed(&scenario, seed, Keep::default()), "{at}");
            }
        }
    }
}

#[test]
fn a_pause_ends_with_the_process_that_was_paused() {
    const MS: u64 = 1_000_000;
    let mut between = 0;
    for seed in 0..20 {
        let outcome = run_seed(
            &killed_while_paused("postgres", "host"),
            seed,
            Keep::default(),
        );
        let history = outcome.history.expect("a run to its end");
        let commits = history.entries.iter().filter_map(|entry| {
            let commit = matches!(entry.event, Event::OrderCommitted { .. });
            commit.then_some(entry.at_ns)
        });
        for at_ns in commits {
            let paused = (400 * MS..2_400 * MS).contains(&at_ns);
            assert!(!paused, "seed {seed}: an order at {at_ns} ns, in a pause");
            between += u32::from((120 * MS..400 * MS).contains(&at_ns));
        }
    }
    assert!(
        between > 0,
        "nothing is done between the boot and the pause"
    );
}

#[test]
fn a_world_without_a_timer_ends_with_a_verdict() {
    let still = scenario(Some("world.standstill"), "");
    let outcome = run_seed(&still, 0, Keep::default());
    // Only a bug of the testbed can do this: a world has timers of its own.
    let Verdict::Crashed { message, .. } = outcome.verdict else {
        panic!("{}", outcome.verdict);
    };
    assert!(message.contains("the world stands still"), "{message}");
}

/// Bad endings first, and in the same process a scenario that holds: every
/// seed of each is run and counted.
#[test]
fn a_campaign_outlives_every_ending() {
    let bugs = [
        Some("world.busy-task"),
        Some("world.standstill"),
        Some("network.panic-holding-lock"),
        Some("postgres.panic-holding-lock"),
        Some("redis.panic-holding-lock"),
        None,
    ];
    let world = "[shop]\nstock = \"triple-layered\"\n[run]\npolls_max = 200000\n";
    let mut scenarios = bugs.map(|bug| scenario(bug, world)).to_vec();
    scenarios.push(killed_while_paused("postgres", "host"));
    let report = campaign::run(
        &scenarios,
        &Options {
            seeds: 0..5,
            jobs: NonZeroUsize::new(2).expect("two"),
            max_total_time: None,
            max_fail: None,
            repeat_every: NonZeroU64::MIN,
            seed_timeout: campaign::SEED_TIMEOUT,
            run: Arc::new(|scenario, seed| world::run_seed(scenario, seed, Keep::default())),
            reproduce: None,
            progress: &|| {},
        },
    );
    let report = report.expect("threads for workers");
    let seeds: Vec<u64> = report.tallies.iter().map(|tally| tally.seeds).collect();
    assert_eq!(seeds, [5; 7]);
    assert_eq!(report.mismatches, []);
}
