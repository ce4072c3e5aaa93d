//! `cargo bench --bench seeds`: how fast are seeds, and what is the floor?
//!
//! Three measurements on one thread, interleaved in one run: seeds of the
//! reference scenario; as many round trips of the same drivers over the same
//! network against handlers that answer a constant; as many bare echoes. Times are
//! CPU time. The ratios are the figures to quote: times depend on the machine.

#[path = "../constant/accept.rs"]
mod accept;
#[path = "../../src/allocator.rs"]
mod allocator;
#[path = "../constant/postgres.rs"]
mod constant_postgres;
#[path = "../constant/redis.rs"]
mod constant_redis;
mod floor;
mod handlers;
#[path = "../timed/mod.rs"]
mod timed;

use std::path::Path;
use std::time::Duration;

use doublebuy::history::Message;
use doublebuy::scenario::Scenario;
use doublebuy::world::{Keep, run_seed};
use timed::timed;

const SEEDS: u64 = 200;
const ROUNDS: u32 = 5;

/// Round trips that one seed of the scenario makes, on average.
#[derive(Debug, Clone, Copy, Default)]
struct RoundTrips {
    http: u64,
    postgres: u64,
    redis: u64,
}

fn main() {
    allocator::keep_what_is_freed();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("sims/reference.toml");
    let scenario = Scenario::read(&path, &[]).expect("the reference scenario");
    let trips = round_trips(&scenario);
    let total = trips.http + trips.postgres + trips.redis;
    println!(
        "reference scenario: {} HTTP, {} PostgreSQL and {} Redis round trips a seed",
        trips.http, trips.postgres, trips.redis
    );
    let [mut seeds, mut constants, mut echoes] = [Duration::MAX; 3];
    for _ in 0..ROUNDS {
        seeds = seeds.min(of_all(|seed| {
            drop(run_seed(&scenario, seed, Keep::default()))
        }));
        constants = constants.min(of_all(|seed| floor::constants(seed, trips)));
        echoes = echoes.min(of_all(|seed| floor::echoes(seed, total)));
    }
    let row = |name: &str, took: Duration| {
        println!(
            "{name:<44} {:>7.0} seeds/s  {:>5.2} x",
            SEEDS as f64 / took.as_secs_f64(),
            seeds.as_secs_f64() / took.as_secs_f64()
        );
    };
    println!("best of {ROUNDS} rounds of {SEEDS} seeds on one thread:");
    row("the scenario", seeds);
    row("its round trips, answered with constants", constants);
    row("as many bare echoes", echoes);
}

fn of_all(work: impl Fn(u64)) -> Duration {
    timed(|| (0..SEEDS).for_each(work))
}

fn round_trips(scenario: &Scenario) -> RoundTrips {
    let mut sum = RoundTrips::default();
    for seed in 0..SEEDS {
        let outcome = run_seed(
            scenario,
            seed,
            Keep {
                messages: true,
                ..Keep::default()
            },
        );
        let messages = outcome.history.map(|history| history.messages);
        for Message { from, label, .. } in messages.unwrap_or_default() {
            let is_answer = label.starts_with("answer to") || label.starts_with("reply to");
            match from.as_str() {
                "postgres" if is_answer => sum.postgres += 1,
                "redis" if is_answer => sum.redis += 1,
                _ if is_answer => sum.http += 1,
                _ => {}
            }
        }
    }
    RoundTrips {
        http: sum.http / SEEDS,
        postgres: sum.postgres / SEEDS,
        redis: sum.redis / SEEDS,
    }
}
