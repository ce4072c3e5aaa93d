//! Each bug breaks the invariant that is there for it.

use std::collections::BTreeMap;

use doublebuy::checks::Invariant;
use doublebuy::history::{Lapse, two_holders};
use doublebuy::scenario::Scenario;
use doublebuy::world::{Keep, Verdict, run_seed};

use crate::scenario;

const SEEDS: u64 = 60;

/// In how many seeds each invariant broke.
fn broken(scenario: &Scenario) -> BTreeMap<Invariant, u64> {
    let mut broken = BTreeMap::new();
    for seed in 0..SEEDS {
        let outcome = run_seed(scenario, seed, Keep::default());
        let told = matches!(outcome.verdict, Verdict::Holds | Verdict::Violated);
        assert!(told, "seed {seed}: {}", outcome.verdict);
        for violation in outcome.violations {
            *broken.entry(violation.invariant).or_default() += 1;
        }
    }
    broken
}

/// The bug breaks the invariant in some seed; without it nothing breaks.
fn catches(bug: &str, invariant: Invariant, rest: &str) {
    let quiet = broken(&scenario(None, rest));
    assert!(quiet.is_empty(), "without {bug}: {quiet:?}");
    let loud = broken(&scenario(Some(bug), rest));
    assert!(loud.contains_key(&invariant), "{bug}: {loud:?}");
}

const CROWD: &str = r#"
[shop]
stock = "atomic-sql"
[buyers]
count = 10
arrival = { burst = "3ms" }
"#;

const CLICKS: &str = r#"
[shop]
stock = "atomic-sql"
[catalog]
units = 20
[buyers]
count = 6
arrival = { burst = "20ms" }
double_click = "100%"
"#;

const POWER_CUT: &str = r#"
[shop]
stock = "atomic-sql"
[catalog]
units = 20
[buyers]
count = 10
arrival = { burst = "100ms" }
[[fault]]
kind = "kill"
node = "postgres"
down = "host"
at = "20ms..120ms"
lasts = "50ms..1s"
"#;

const LOST_COMMITS: &str = r#"
[shop]
stock = "atomic-sql"
[catalog]
units = 20
[buyers]
count = 4
arrival = { burst = "50ms" }
[[fault]]
kind = "lose-answer"
on = "answer to COMMIT"
nth = "1..3"
[[fault]]
kind = "lose-answer"
on = "answer to POST /orders"
nth = "1..3"
"#;

const LOCKED: &str = r#"
[shop]
stock = "redis-lock"
lock_ttl = "100ms"
lock_wait = "2s"
work = "10ms..20ms"
[catalog]
units = 10
[buyers]
count = 6
arrival = { burst = "20ms" }
"#;

#[test]
fn skipping_the_recheck_oversells() {
    catches("postgres.skip-recheck", Invariant::NoOversell, CROWD);
}

#[test]
fn releasing_row_locks_early_oversells() {
    let queue = CROWD.replace("atomic-sql", "pessimistic");
    catches(
        "postgres.release-locks-early",
        Invariant::NoOversell,
        &queue,
    );
}

#[test]
fn forgetting_to_wait_on_a_unique_key_orders_twice() {
    catches(
        "postgres.forget-unique-wait",
        Invariant::Idempotency,
        CLICKS,
    );
}

#[test]
fn losing_a_synced_commit_loses_an_acknowledged_order() {
    catches(
        "postgres.lose-synced-commit",
        Invariant::AckedOrdersDurable,
        POWER_CUT,
    );
}

#[test]
fn answering_before_the_commit_loses_an_acknowledged_order() {
    catches(
        "shop.answers-before-commit",
        Invariant::AckedOrdersDurable,
        POWER_CUT,
    );
}

#[test]
fn writing_the_key_after_the_order_orders_twice() {
    catches("shop.key-after-order", Invariant::Idempotency, LOST_COMMITS);
}

#[test]
fn making_up_an_id_on_replay_answers_a_key_twice() {
    catches("shop.fresh-id-on-replay", Invariant::Idempotency, CLICKS);
}

/// Releasing whoever's lock needs a lock that ran out first: with it, both
/// the right and the wrong shop oversell, the wrong one more often.
#[test]
fn releasing_anybodys_lock_oversells_more() {
    let slow = LOCKED.replace("10ms..20ms", "40ms..110ms");
    let right = broken(&scenario(None, &slow));
    let wrong = broken(&scenario(Some("shop.releases-any-lock"), &slow));
    let conserved = |broken: &BTreeMap<_, _>| *broken.get(&Invariant::Conservation).unwrap_or(&0);
    assert!(
        conserved(&wrong) > conserved(&right),
        "right {right:?}, wrong {wrong:?}"
    );
}

#[test]
fn a_lock_that_is_long_enough_holds() {
    let broken = broken(&scenario(None, LOCKED));
    assert!(broken.is_empty(), "{broken:?}");
}

const OUTVOTED: &str = r#"
[shop]
stock = "redis-lock"
deadline = "500ms"
lock_ttl = "10s"
lock_wait = "4s"
lock_retry = "50ms"
work = "500ms..1500ms"
idle_timeout = "20s"
[buyers]
count = 6
arrival = { burst = "5s" }
patience = "10s"
retries = 4
[redis.replica]
[redis.sentinel]
[[fault]]
kind = "partition"
between = ["sentinel-1"]
and = ["redis"]
at = "50ms..100ms"
lasts = "8s"
[run]
faults = "15s"
"#;

#[test]
fn a_sentinel_that_asks_nobody_sells_twice() {
    catches("redis.sentinel-acts-alone", Invariant::NoOversell, OUTVOTED);
}

/// In how many seeds a lock had two holders.
fn with_two_holders(scenario: &Scenario) -> usize {
    let seeds = (0..SEEDS).filter(|seed| {
        let outcome = run_seed(scenario, *seed, Keep::default());
        let history = outcome.history.expect("it ends");
        !two_holders(&history.tenures()).is_empty()
    });
    seeds.count()
}

/// In how many seeds somebody held a lock that another had deleted under a
/// holder.
fn taken_away(scenario: &Scenario) -> usize {
    let seeds = (0..SEEDS).filter(|seed| {
        let outcome = run_seed(scenario, *seed, Keep::default());
        let history = outcome.history.expect("it ends");
        let mut tenures = history.tenures().into_iter();
        tenures.any(|tenure| matches!(tenure.lapsed, Some((_, Lapse::TakenAway))))
    });
    seeds.count()
}

#[test]
fn a_lock_that_anybody_releases_is_taken_away() {
    let slow = LOCKED.replace("10ms..20ms", "40ms..110ms");
    assert_eq!(taken_away(&scenario(None, &slow)), 0);
    assert!(taken_away(&scenario(Some("shop.releases-any-lock"), &slow)) > 0);
}

#[test]
fn a_lock_that_is_granted_twice_has_two_holders() {
    assert_eq!(with_two_holders(&scenario(None, LOCKED)), 0);
    assert!(with_two_holders(&scenario(Some("redis.grants-twice"), LOCKED)) > 0);
}
