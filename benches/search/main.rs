//! `cargo bench --bench search`: which search policy finds a bug first?
//!
//! For each scenario of the gallery that promises a violation, and each
//! policy, thirty independent campaigns run seed after seed until the first
//! that breaks what is promised. The median number of seeds, and the time
//! that one thread spent until then, are printed side by side; the least of
//! each row is marked.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]

#[path = "../../src/allocator.rs"]
mod allocator;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use doublebuy::net::Policy;
use doublebuy::scenario::Scenario;
use doublebuy::world::{Keep, run_seed};

const STARTS: u64 = 30;
/// Seeds of one campaign; more are not tried.
const SEEDS_MAX: u64 = 1_000;

/// How one campaign ended.
struct Hunt {
    seeds: u64,
    took: Duration,
}

fn main() {
    allocator::keep_what_is_freed();
    println!("median of {STARTS} campaigns until the first violation: seeds, time on one thread");
    print!("{:<36}", "scenario");
    Policy::ALL
        .iter()
        .for_each(|policy| print!("{:>22}", policy.name()));
    println!();
    for path in gallery() {
        let read = |policy: Policy| {
            let setting = format!("search.policy={policy}")
                .parse()
                .expect("a setting");
            Scenario::read(&path, &[setting]).expect("a scenario of the gallery")
        };
        let scenarios: Vec<_> = Policy::ALL.iter().map(|policy| read(*policy)).collect();
        if scenarios[0].expect.violates.is_empty() {
            continue;
        }
        let medians: Vec<_> = scenarios.iter().map(median).collect();
        let best = medians.iter().map(|median| median.took).min();
        print!("{:<36}", scenarios[0].name);
        for Hunt { seeds, took } in medians {
            let mark = if Some(took) == best { '*' } else { ' ' };
            let more = if seeds > SEEDS_MAX { ">" } else { "" };
            let seeds = format!("{more}{}", seeds.min(SEEDS_MAX));
            print!("{seeds:>9} {:>10.2} ms{mark}", took.as_secs_f64() * 1e3);
        }
        println!();
    }
}

fn gallery() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sims");
    let files = std::fs::read_dir(folder).expect("the gallery");
    let mut paths: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    paths.sort();
    paths
}

fn median(scenario: &Scenario) -> Hunt {
    let mut hunts: Vec<_> = (0..STARTS).map(|start| hunt(scenario, start)).collect();
    hunts.sort_by_key(|hunt| (hunt.seeds, hunt.took));
    hunts.swap_remove(hunts.len() / 2)
}

/// Runs seeds that no other campaign runs, until one breaks the promise.
fn hunt(scenario: &Scenario, start: u64) -> Hunt {
    let begun = Instant::now();
    let first = start * 1_000_000;
    let tried = (first..first + SEEDS_MAX).find(|seed| {
        let outcome = run_seed(scenario, *seed, Keep::default());
        let mut broken = outcome.violations.iter();
        broken.any(|violation| scenario.expect.violates.contains(&violation.invariant))
    });
    Hunt {
        seeds: tried.map_or(SEEDS_MAX + 1, |seed| seed - first + 1),
        took: begun.elapsed(),
    }
}
