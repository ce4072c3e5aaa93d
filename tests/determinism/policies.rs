//! Each search policy tries orders of its own, and tries them again.

use doublebuy::scenario::Scenario;
use doublebuy::world::{Keep, run_seed};

fn digests(scenario: &str, policy: &str) -> Vec<String> {
    let setting = format!("search.policy={policy}")
        .parse()
        .expect("a setting");
    let path = format!("{}/sims/{scenario}.toml", env!("CARGO_MANIFEST_DIR"));
    let scenario = Scenario::read(path.as_ref(), &[setting]).expect("a scenario");
    let digest = |seed| run_seed(&scenario, seed, Keep::default()).digest();
    (0..20)
        .map(|seed| digest(seed).expect("a run to its end"))
        .collect()
}

#[test]
fn policies_differ_from_each_other_and_not_from_themselves() {
    for scenario in ["lost-update", "reference"] {
        let all = ["uniform", "swarm", "pct"].map(|policy| {
            let digests_once = digests(scenario, policy);
            assert_eq!(digests_once, digests(scenario, policy), "{policy}");
            digests_once
        });
        for (one, other) in [(0, 1), (0, 2), (1, 2)] {
            let same = all[one].iter().zip(&all[other]).filter(|(a, b)| a == b);
            assert!(same.count() < 10, "{scenario}: {one} and {other}");
        }
    }
}
