//! Digests of a few seeds, committed. One that differs means that the same
//! seed no longer tells the same story: find out why before changing it here.

use doublebuy::world::{Keep, run_seed};

use crate::gallery;

const GOLDEN: &str = include_str!("golden.txt");

#[test]
fn golden_seeds_keep_their_digests() {
    let mut lines = Vec::new();
    for line in GOLDEN.lines() {
        let [name, seed, _digest] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("'{line}' is not: scenario seed digest");
        };
        let seed = seed.parse().expect("a seed");
        let outcome = run_seed(&gallery(name, &[]), seed, Keep::default());
        let digest = outcome.digest().expect("the run gets to its end");
        lines.push(format!("{name} {seed} {digest}"));
    }
    assert!(lines.len() >= 8, "too few golden seeds: {}", lines.len());
    let found = lines.join("\n") + "\n";
    assert_eq!(found, GOLDEN, "found:\n{found}");
}
