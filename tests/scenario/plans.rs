//! Plans: a pure function of scenario and seed, and each entry its own draw.

use doublebuy::net::Policy;
use doublebuy::plan::{Effect, Plan, Trigger};
use doublebuy::scenario::Scenario;

const CROWD: &str = r#"
title = "A crowd"
about = "Ten buyers and some faults."

[buyers]
count = 10
arrival = { poisson = "10ms" }
double_click = "50%"

[[fault]]
kind = "pause"
node = "shop-0"
at = "10ms..50ms"
lasts = "1s..2s"
chance = "50%"

[swarm]
faults = "2..4"

[expect]
"#;

fn plan(seed: u64, settings: &[&str]) -> Plan {
    let settings: Vec<_> = settings
        .iter()
        .map(|setting| setting.parse().expect("key=value"))
        .collect();
    let scenario = Scenario::parse("crowd.toml", CROWD, &settings).expect("a scenario");
    Plan::new(&scenario, seed)
}

#[test]
fn the_same_seed_gives_the_same_plan_and_another_seed_another() {
    assert_eq!(plan(7, &[]), plan(7, &[]));
    assert_ne!(plan(7, &[]), plan(8, &[]));
}

#[test]
fn one_more_buyer_leaves_every_other_visit_and_every_fault() {
    for seed in 0..50 {
        let (ten, eleven) = (plan(seed, &[]), plan(seed, &["buyers.count=11"]));
        assert_eq!(ten.faults, eleven.faults);
        let first_clicks = |plan: &Plan| plan.visits.iter().take(10).cloned().collect::<Vec<_>>();
        assert_eq!(first_clicks(&ten), first_clicks(&eleven), "seed {seed}");
    }
}

#[test]
fn other_faults_leave_every_visit() {
    for seed in 0..50 {
        let (some, more) = (plan(seed, &[]), plan(seed, &["swarm.faults=9"]));
        assert_eq!(some.visits, more.visits);
        let common = some.faults.len();
        assert_eq!(some.faults[..], more.faults[..common], "seed {seed}");
    }
}

#[test]
fn draws_stay_in_their_ranges_and_use_them() {
    let mut chosen = 0;
    for seed in 0..200 {
        let plan = plan(seed, &[]);
        let arrivals: Vec<_> = plan
            .visits
            .iter()
            .take(10)
            .map(|visit| visit.at_ns)
            .collect();
        assert!(arrivals.is_sorted(), "a Poisson process comes in order");
        let Some(pause) = plan.faults.iter().find(|fault| fault.id == 0) else {
            continue;
        };
        chosen += 1;
        assert!(matches!(&pause.effect, Effect::Pause { node } if node == "shop-0"));
        assert!(matches!(
            pause.trigger,
            Trigger::At(10_000_000..=50_000_000)
        ));
        assert!((1_000_000_000..=2_000_000_000).contains(&pause.lasts_ns));
        // Fewer where one would contradict another.
        assert!(plan.faults.iter().all(|fault| fault.id <= 4));
    }
    assert!((70..130).contains(&chosen), "{chosen} of 200 at 50%");
}

#[test]
fn half_of_the_buyers_click_twice_with_the_same_key() {
    let twice = (0..200).map(|seed| {
        let plan = plan(seed, &[]);
        let (first, second) = plan.visits.split_at(10);
        for click in second {
            let of = &first[click.buyer as usize];
            assert_eq!((&of.key, of.buyer), (&click.key, click.buyer));
            assert!(click.at_ns >= of.at_ns);
        }
        second.len()
    });
    let twice: usize = twice.sum();
    assert!((900..1_100).contains(&twice), "{twice} of 2,000");
}

#[test]
fn a_swarm_draws_the_search_policy_unless_the_scenario_names_one() {
    let policies = |settings: &[&str]| {
        let drawn = (0..60).map(|seed| plan(seed, settings).search.policy);
        let mut drawn: Vec<_> = drawn.collect();
        drawn.sort();
        drawn.dedup();
        drawn
    };
    assert_eq!(policies(&[]), Policy::ALL);
    assert_eq!(policies(&["search.policy=pct"]), [Policy::Pct]);
    let calm = CROWD.replace("[swarm]\nfaults = \"2..4\"\n", "");
    let calm = Scenario::parse("calm.toml", &calm, &[]).expect("a scenario");
    assert!((0..60).all(|seed| Plan::new(&calm, seed).search.policy == Policy::Uniform));
}
