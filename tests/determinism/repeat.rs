//! One seed, many ways to get to it.

use std::path::Path;
use std::process::Command;

use doublebuy::history::History;
use doublebuy::world::{Keep, run_seed};

use crate::gallery;

const SCENARIOS: [&str; 4] = [
    "lost-update",
    "lock-outlived",
    "reference",
    "database-crash",
];

fn history(name: &str, seed: u64, keep: Keep) -> History {
    let outcome = run_seed(&gallery(name, &[]), seed, keep);
    outcome.history.expect("the run gets to its end")
}

#[test]
fn the_first_seed_of_a_process_is_the_same_as_a_later_one() {
    for name in SCENARIOS {
        let first = (0..20).map(|seed| history(name, seed, Keep::default()));
        let first: Vec<_> = first.collect();
        let again = (0..20)
            .rev()
            .map(|seed| history(name, seed, Keep::default()));
        let again: Vec<_> = again.collect();
        for (first, again) in first.iter().zip(again.iter().rev()) {
            assert_eq!(first, again, "{name}");
        }
    }
}

#[test]
fn a_thousand_seeds_later_a_seed_is_still_the_same() {
    let name = "lost-update";
    let before = history(name, 6, Keep::default());
    for seed in 0..1_000 {
        run_seed(&gallery(name, &[]), seed, Keep::default());
    }
    assert_eq!(before, history(name, 6, Keep::default()));
}

#[test]
fn keeping_messages_changes_nothing() {
    for name in SCENARIOS {
        for seed in 0..5 {
            let without = history(name, seed, Keep::default());
            let with = history(
                name,
                seed,
                Keep {
                    messages: true,
                    ..Keep::default()
                },
            );
            assert!(!with.messages.is_empty(), "{name} has messages");
            assert_eq!(without.entries, with.entries, "{name} {seed}");
            assert_eq!(without.digest, with.digest, "{name} {seed}");
        }
    }
}

#[test]
fn other_seeds_tell_other_stories() {
    for name in SCENARIOS {
        let mut digests: Vec<_> = (0..20)
            .map(|seed| history(name, seed, Keep::default()).digest.to_string())
            .collect();
        digests.sort();
        digests.dedup();
        assert_eq!(digests.len(), 20, "{name}");
    }
}

/// The digest that the program prints for a seed.
fn printed(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_doublebuy"))
        .args(arguments)
        .arg("--json")
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .output()
        .expect("the program runs");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {output:?}"));
    json["digest"].as_str().expect("a digest").to_owned()
}

#[test]
fn a_fresh_process_prints_the_digest_of_this_one() {
    for name in SCENARIOS {
        let here = history(name, 7, Keep::default()).digest.to_string();
        let path = format!("sims/{name}.toml");
        assert_eq!(printed(&["run", &path, "--seed", "7"]), here, "{name}");
        assert_eq!(
            printed(&["run", &path, "--seed", "7", "-v"]),
            here,
            "{name}"
        );
        assert_eq!(printed(&["replay", &path, "--seed", "7"]), here, "{name}");
    }
}
