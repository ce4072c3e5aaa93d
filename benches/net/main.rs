//! `cargo bench --bench net`: how fast is the network, and next to what?
//!
//! The same echo over our network and over madsim's own TCP, interleaved in
//! one run, with few connections and with many; then what a world costs in
//! which nothing happens. Times are CPU time. The ratios are the figures to
//! quote: times depend on the machine.

#[path = "../../src/allocator.rs"]
mod allocator;
mod madsim_tcp;
mod ours;
#[path = "../timed/mod.rs"]
mod timed;

use std::time::Duration;

use timed::timed;

/// What is measured: so many connections with so many exchanges each.
#[derive(Debug, Clone, Copy)]
struct Load {
    connections: u64,
    exchanges: u64,
}

const LOADS: [Load; 3] = [
    Load {
        connections: 1,
        exchanges: 20_000,
    },
    Load {
        connections: 100,
        exchanges: 200,
    },
    Load {
        connections: 2_000,
        exchanges: 10,
    },
];

const ROUNDS: u64 = 7;
const WORLDS: u64 = 500;

fn main() {
    allocator::keep_what_is_freed();
    for load in LOADS {
        let Load {
            connections,
            exchanges,
        } = load;
        println!("{connections} connections, {exchanges} echoes of 8 bytes each:");
        let [mut own, mut other] = [Duration::MAX; 2];
        let mut events = 0;
        for round in 0..ROUNDS {
            own = own.min(timed(|| events = ours::echo(round, load)));
            other = other.min(timed(|| madsim_tcp::echo(round, load)));
        }
        let trips = (connections * exchanges) as f64;
        let per_s = |count: f64, took: Duration| count / took.as_secs_f64();
        println!(
            "  ours          {:>9.0} round trips/s  {:>9.0} deliveries/s",
            per_s(trips, own),
            per_s(events as f64, own)
        );
        println!(
            "  madsim's TCP  {:>9.0} round trips/s  ours is {:.1} times as fast",
            per_s(trips, other),
            other.as_secs_f64() / own.as_secs_f64()
        );
    }
    let [mut own, mut bare] = [Duration::MAX; 2];
    for round in 0..ROUNDS {
        let seeds = || round * WORLDS..(round + 1) * WORLDS;
        own = own.min(timed(|| seeds().for_each(ours::nothing)));
        bare = bare.min(timed(|| seeds().for_each(madsim_tcp::nothing)));
    }
    let each = |took: Duration| took.as_secs_f64() * 1e6 / WORLDS as f64;
    println!("an empty world, on a fresh thread:");
    println!("  ours          {:>9.0} us", each(own));
    println!("  madsim alone  {:>9.0} us", each(bare));
}

/// Runs a seed as the world does: on a thread of its own.
fn alone<T: Send + 'static>(seed: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::Builder::new()
        .stack_size(doublebuy::world::STACK_BYTES)
        .spawn(seed)
        .expect("a thread")
        .join()
        .expect("a benchmark does not panic")
}
