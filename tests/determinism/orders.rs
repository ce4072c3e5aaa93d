//! Two hundred seeds, in every order and place in which a campaign, a shard
//! or a replay may run them: the digests are the same.

use std::process::Command;

use doublebuy::world::{Keep, run_seed};

use crate::{gallery, path};

/// How many, unless DOUBLEBUY_SEEDS says it.
const SEEDS: u64 = 200;

/// A world in which lengths decide when things arrive, so that a name which
/// is longer in one process than in another would show.
const SETTINGS: [&str; 5] = [
    "network.bandwidth=2Mbit/s",
    "network.queue=16KiB",
    "network.loss=0.5%",
    "network.partial=20%",
    "network.send_buffer=2KiB",
];

const NAME: &str = "reference";

fn digests(seeds: impl Iterator<Item = u64>) -> Vec<(u64, String)> {
    let scenario = gallery(NAME, &SETTINGS);
    let digest = |seed| run_seed(&scenario, seed, Keep::default()).digest();
    seeds
        .map(|seed| (seed, digest(seed).expect("a run to its end")))
        .collect()
}

/// Each seed in a process of its own.
fn alone(seeds: impl Iterator<Item = u64>, tunables: Option<&str>) -> Vec<(u64, String)> {
    let digest = |seed: u64| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_doublebuy"));
        command.arg("run").arg(path(NAME));
        command.args(["--json", "--seed", &seed.to_string()]);
        for setting in SETTINGS {
            command.args(["--set", setting]);
        }
        command.envs(tunables.map(|tunables| ("GLIBC_TUNABLES", tunables)));
        let output = command.output().expect("the program runs");
        let json: serde_json::Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {output:?}"));
        json["digest"].as_str().expect("a digest").to_owned()
    };
    seeds.map(|seed| (seed, digest(seed))).collect()
}

#[test]
fn seeds_are_the_same_in_every_order_and_place() {
    let wanted = std::env::var("DOUBLEBUY_SEEDS").ok();
    let seeds = wanted.map_or(SEEDS, |seeds| seeds.parse().expect("a number"));
    let batch = digests(0..seeds);

    let mut reverse = digests((0..seeds).rev());
    reverse.reverse();
    assert_eq!(batch, reverse, "in reverse order");

    let mut halves = std::thread::scope(|scope| {
        let even = scope.spawn(|| digests((0..seeds).step_by(2)));
        let odd = scope.spawn(|| digests((1..seeds).step_by(2)));
        let even = even.join().expect("one thread's seeds");
        [even, odd.join().expect("the other's")].concat()
    });
    halves.sort();
    assert_eq!(batch, halves, "on two threads");

    assert_eq!(batch, alone(0..seeds, None), "each in a process of its own");
    let plain = "glibc.cpu.hwcaps=-FMA,-AVX2";
    assert_eq!(batch, alone(0..seeds, Some(plain)), "with {plain}");
}
