//! Failovers: drawn by a swarm, saved with a plan, and one after the other.

use doublebuy::checks::Invariant;
use doublebuy::history::Event;
use doublebuy::plan::{Effect, Plan};
use doublebuy::scenario::Scenario;
use doublebuy::world::{Keep, Outcome, Verdict, run, run_seed};

fn scenario(text: &str) -> Scenario {
    let text = format!("title = \"failovers\"\nabout = \"failovers\"\n{text}\n[expect]\n");
    Scenario::parse("failovers.toml", &text, &[]).unwrap_or_else(|error| panic!("{error}"))
}

const SWARM: &str = r#"
[shop]
stock = "atomic-sql"
[catalog]
units = 20
[buyers]
count = 8
arrival = { burst = "1s" }
[postgres.replica]
synchronous = true
[swarm]
faults = "1..4"
kinds = ["failover", "kill", "pause", "partition", "latency"]
at = "0s..1s"
lasts = "20ms..1s"
[run]
drain = "90s"
"#;

fn fails_over(plan: &Plan) -> bool {
    let mut effects = plan.faults.iter().map(|fault| &fault.effect);
    effects.any(|effect| matches!(effect, Effect::Failover { .. }))
}

/// The servers that became primaries, in order.
fn promoted(outcome: &Outcome) -> Vec<&str> {
    let entries = outcome.history.iter().flat_map(|history| &history.entries);
    let promoted = entries.filter_map(|entry| match &entry.event {
        Event::Promoted { node } => Some(node.as_str()),
        _ => None,
    });
    promoted.collect()
}

#[test]
fn a_swarm_draws_failovers_and_a_plan_keeps_them() {
    let scenario = scenario(SWARM);
    let plans: Vec<Plan> = (0..100).map(|seed| Plan::new(&scenario, seed)).collect();
    let drawn: Vec<&Plan> = plans.iter().filter(|plan| fails_over(plan)).collect();
    assert!((15..85).contains(&drawn.len()), "{} of 100", drawn.len());
    for plan in &drawn {
        let read = Plan::parse("x", &plan.to_toml(), &scenario);
        assert_eq!(read.as_ref(), Ok(*plan));
    }
    for plan in drawn.into_iter().take(3) {
        let read = Plan::parse("x", &plan.to_toml(), &scenario).expect("it was saved");
        let digest = |plan: &Plan| run(&scenario, plan, Keep::default()).digest();
        assert_eq!(digest(&read), digest(plan));
    }
}

#[test]
fn no_swarm_takes_an_order_from_a_synchronous_replica() {
    let scenario = scenario(SWARM);
    let mut failed_over = 0;
    for seed in 0..60 {
        let outcome = run_seed(&scenario, seed, Keep::default());
        let broken = &outcome.violations;
        assert_eq!(outcome.verdict, Verdict::Holds, "seed {seed}: {broken:?}");
        failed_over += usize::from(!promoted(&outcome).is_empty());
    }
    assert!(failed_over >= 10, "{failed_over} of 60");
}

/// The primary dies, its replica takes over, it comes back as a replica, and
/// then it is the other's turn.
fn there_and_back(down: &str, planted: &str) -> Scenario {
    let text = format!(
        r#"
planted = [{planted}]
[shop]
stock = "atomic-sql"
[catalog]
units = 40
[buyers]
count = 20
arrival = {{ burst = "2s" }}
[postgres.replica]
synchronous = true
[[network.link]]
between = ["postgres"]
and = ["postgres-replica"]
latency = "30ms..60ms"
[[fault]]
kind = "failover"
node = "postgres"
{down}
at = "100ms..500ms"
after = "5ms..20ms"
lasts = "100ms..300ms"
[[fault]]
kind = "failover"
node = "postgres"
{down}
at = "1s..1500ms"
after = "5ms..20ms"
lasts = "100ms..300ms"
"#
    );
    scenario(&text)
}

#[test]
fn a_second_failover_goes_back_to_the_first_primary() {
    for down in ["down = \"host\"", "down = \"process\"", ""] {
        let scenario = there_and_back(down, "");
        for seed in 0..20 {
            let outcome = run_seed(&scenario, seed, Keep::default());
            let broken = &outcome.violations;
            assert_eq!(outcome.verdict, Verdict::Holds, "{down} {seed}: {broken:?}");
            let order = ["postgres-replica", "postgres"];
            assert_eq!(promoted(&outcome), order, "{down} {seed}");
        }
    }
}

#[test]
fn the_story_names_the_primary_that_fails() {
    let outcome = run_seed(&there_and_back("down = \"host\"", ""), 1, Keep::default());
    let entries = outcome.history.iter().flat_map(|history| &history.entries);
    let told = entries.filter_map(|entry| match &entry.event {
        Event::FaultBegan { what, .. } => what.split(',').next(),
        _ => None,
    });
    let told: Vec<&str> = told.collect();
    let expected = ["postgres loses power", "postgres-replica loses power"];
    assert_eq!(told, expected);
}

#[test]
fn a_second_failover_finds_a_primary_that_kept_its_tail() {
    let scenario = there_and_back("down = \"host\"", "\"postgres.keep-tail\"");
    let lost = (0..20).filter(|seed| {
        let outcome = run_seed(&scenario, *seed, Keep::default());
        let mut broken = outcome.violations.iter();
        broken.any(|one| one.invariant == Invariant::AckedOrdersDurable)
    });
    assert!(lost.count() > 0);
}
