//! `cargo bench --bench postgres`: what does a statement cost?
//!
//! Four measurements: the engine alone; the engine behind tokio-postgres in a
//! simulation, next to the same driver and network in front of a handler that
//! answers a constant; queries of a row that was updated often; and `serve
//! postgres` beside the real PostgreSQL under one pgbench script. What is
//! compared is interleaved in one run, in CPU time except beside the real
//! server: differences and ratios are the figures to quote.

#![expect(
    clippy::disallowed_methods,
    reason = "beside the real server it is real time that counts"
)]

#[path = "../constant/accept.rs"]
mod accept;
#[path = "../../src/allocator.rs"]
mod allocator;
mod beside;
#[path = "../constant/postgres.rs"]
mod constant;
mod driver;
#[path = "../../tests/served/mod.rs"]
mod served;
#[path = "../timed/mod.rs"]
mod timed;

use std::sync::Arc;
use std::time::Duration;

use doublebuy::postgres::{Disk, Options, Server};
use driver::Work;
use timed::timed;

const ROUNDS: u32 = 7;

fn main() {
    allocator::keep_what_is_freed();
    engine_alone();
    behind_the_driver();
    hot_row();
    beside::pgbench();
}

/// Statements as text, parsed and run: each a transaction of its own.
fn engine_alone() {
    const STATEMENTS: usize = 20_000;
    println!("the engine alone, from text:");
    for (name, sql) in [
        ("primary-key SELECT", "SELECT n FROM items WHERE id = 7;"),
        (
            "primary-key UPDATE",
            "UPDATE items SET n = n + 1 WHERE id = 7;",
        ),
    ] {
        let script = sql.repeat(100);
        let mut best = Duration::MAX;
        for _ in 0..ROUNDS {
            let server = Server::start(&Disk::new(), Options::default(), Arc::new(()));
            server.run_script(driver::SCHEMA).expect("a schema");
            best = best.min(timed(|| {
                for _ in 0..STATEMENTS / 100 {
                    server.run_script(&script).expect("it runs");
                }
            }));
        }
        let per_s = STATEMENTS as f64 / best.as_secs_f64();
        println!("  {name:<28} {per_s:>9.0} statements/s");
    }
}

fn behind_the_driver() {
    const TIMES: u32 = 5_000;
    println!("behind tokio-postgres in a simulation, statements prepared:");
    for work in [Work::Select, Work::Update, Work::Transaction] {
        let [mut engine, mut constant] = [Duration::MAX; 2];
        for _ in 0..ROUNDS {
            engine = engine.min(each(TIMES, |times| driver::engine(work, times)));
            constant = constant.min(each(TIMES, |times| driver::constant(work, times)));
        }
        let us = |took: Duration| took.as_secs_f64() * 1e6;
        let per_statement = (us(engine) - us(constant)) / f64::from(work.statements());
        println!(
            "  {:<28} {:>6.1} us, a constant {:>6.1} us: {per_statement:.1} us more a statement",
            work.name(),
            us(engine),
            us(constant),
        );
    }
}

/// Queries of one row by its primary key, after few updates and after many.
fn hot_row() {
    const QUERIES: usize = 20_000;
    let script = "SELECT n FROM items WHERE id = 7;".repeat(100);
    let mut took = [Duration::MAX; 2];
    for _ in 0..ROUNDS {
        for (updates, took) in [10, 100_000].into_iter().zip(&mut took) {
            let server = Server::start(&Disk::new(), Options::default(), Arc::new(()));
            server.run_script(driver::SCHEMA).expect("a schema");
            let update = "UPDATE items SET n = n + 1 WHERE id = 7;".repeat(10);
            for _ in 0..updates / 10 {
                server.run_script(&update).expect("it runs");
            }
            *took = (*took).min(timed(|| {
                for _ in 0..QUERIES / 100 {
                    server.run_script(&script).expect("it runs");
                }
            }));
        }
    }
    let ratio = took[1].as_secs_f64() / took[0].as_secs_f64();
    println!("a row updated 100,000 times: a query takes {ratio:.2} times as long as after 10");
}

/// The time of one repetition: that of a long run less that of a short one.
fn each(times: u32, run: impl Fn(u32)) -> Duration {
    let short = timed(|| run(1));
    timed(|| run(times)).saturating_sub(short) / (times - 1)
}
