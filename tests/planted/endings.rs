//! A world that does not come to rest has a verdict of its own.

use std::path::Path;

use doublebuy::scenario::Scenario;
use doublebuy::world::{Keep, Outcome, Verdict, run_seed};

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
