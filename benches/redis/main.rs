//! `cargo bench --bench redis`: what does a command cost?
//!
//! Three measurements: the engine alone; the engine behind redis-rs in a
//! simulation, next to the same driver and network in front of a handler that
//! answers a constant; and `serve redis` beside the real Redis under
//! redis-benchmark. What is compared is interleaved in one run: differences
//! and ratios are the figures to quote.

#[path = "../constant/accept.rs"]
mod accept;
#[path = "../../src/allocator.rs"]
mod allocator;
mod beside;
#[path = "../constant/redis.rs"]
mod constant;
mod driver;
#[path = "../../tests/served/mod.rs"]
mod served;
#[path = "../timed/mod.rs"]
mod timed;

use std::time::Duration;

use driver::Work;
use timed::timed;

const ROUNDS: u32 = 9;

fn main() {
    allocator::keep_what_is_freed();
    engine_alone();
    behind_the_driver();
    beside::redis_benchmark();
}

/// Requests as bytes, parsed, run and answered.
fn engine_alone() {
    const TIMES: u32 = 200_000;
    println!("the engine alone, from bytes to bytes:");
    for work in Work::ALL {
        let best = (0..ROUNDS).map(|_| driver::alone(work, TIMES)).min();
        let per_s = f64::from(TIMES) / best.expect("some rounds").as_secs_f64();
        println!("  {:<26} {per_s:>9.0} commands/s", work.name());
    }
}

fn behind_the_driver() {
    const TIMES: u32 = 5_000;
    println!("behind redis-rs in a simulation:");
    for work in Work::ALL {
        let [mut engine, mut constant] = [Duration::MAX; 2];
        for _ in 0..ROUNDS {
            engine = engine.min(each(TIMES, |times| driver::engine(work, times)));
            constant = constant.min(each(TIMES, |times| driver::constant(work, times)));
        }
        let us = |took: Duration| took.as_secs_f64() * 1e6;
        println!(
            "  {:<26} {:>5.1} us, a constant {:>5.1} us: {:.2} us more",
            work.name(),
            us(engine),
            us(constant),
            us(engine) - us(constant)
        );
    }
}

/// The time of one repetition: that of a long run less that of a short one.
fn each(times: u32, run: impl Fn(u32)) -> Duration {
    let short = timed(|| run(1));
    timed(|| run(times)).saturating_sub(short) / (times - 1)
}
