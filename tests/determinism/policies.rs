//! Each search policy tries orders of its own, and tries them again.

use doublebuy::world::{Keep, run_seed};

use crate::gallery;

fn digests(scenario: &str, policy: &str) -> Vec<String> {
    let scenario = gallery(scenario, &[&format!("search.policy={policy}")]);
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
