//! doublebuy: a deterministic simulation testbed for the bug that sells the
//! last item twice.
//!
//! A real order service runs against a simulated PostgreSQL and a simulated
//! Redis that speak the real protocols, over a simulated network, and
//! everything that happens follows from one 64-bit seed. Faults are injected,
//! invariants are checked, and a failing seed replays exactly.
//!
//! # A guided tour
//!
//! ```
//! use std::path::Path;
//! use doublebuy::scenario::Scenario;
//! use doublebuy::world::{Keep, Verdict, run_seed};
//!
//! let scenario = Scenario::read(Path::new("sims/lost-update.toml"), &[])?;
//! let broken = (0..100).map(|seed| run_seed(&scenario, seed, Keep::default()));
//! let broken = broken.filter(|outcome| outcome.verdict == Verdict::Violated);
//! assert!(broken.count() > 0, "two buyers got the last item");
//! # Ok::<(), doublebuy::scenario::ReadError>(())
//! ```
//!
//! A [`scenario`] is a file that says which world to build, what goes wrong
//! in it and what is expected. Together with a seed it gives a [`plan`]:
//! plain data that says who buys when and which fault strikes where. The
//! [`world`] builds the nodes, runs the plan to its end, heals, and waits for
//! rest. What happened is a [`history`]; [`checks`] judge it, and [`probes`]
//! say which states it reached. A [`campaign`] does this for many seeds.
//!
//! What is under test is the [`shop`], with axum, tokio-postgres and redis-rs
//! as they are published. It takes tasks, time, randomness and sockets from
//! [`rt`], as do the [`buyers`] and the servers, [`postgres`] and [`redis`].
//! Inside a simulation `rt` is our own [`net`], which runs the tasks too, on
//! madsim's clock and randomness; outside it is tokio. Which it is follows
//! from where the code runs, so one binary serves both.
//!
//! # Which way the imports run
//!
//! ```text
//! cli -> report, campaign -> world -> checks, probes -> history
//!                              |  \-> plan -> scenario
//!                              |-> buyers, shop, postgres, redis -> rt -> net
//! ```
//!
//! The servers know nobody above `rt`: each defines an observer that is told
//! what really happened, and labels what it writes. The world's lens turns
//! rows into orders and keys into locks, so checks know no table and no key.
//!
//! # The determinism contract
//!
//! Same source, Cargo.lock, toolchain, scenario and seed: the same history,
//! event for event, with one job or many, first or last in a process, in
//! debug or release, on any x86-64 Linux machine. Each seed has a fresh
//! thread on which the runtime is the first thing made; every draw has a key
//! ([`draw`]); no floats of libm, no order of a hash map, no clock of the
//! machine can show. The [digest](history::Digest) of a run stands for every
//! event and every segment that was delivered.

#[cfg(not(madsim))]
compile_error!(
    "doublebuy needs `--cfg madsim`. A checkout sets it in .cargo/config.toml; an RUSTFLAGS in \
     the environment replaces that file, so unset it or add `--cfg madsim` to it. As a \
     dependency or with `cargo install --git`, set RUSTFLAGS=\"--cfg madsim\"."
);

pub mod buyers;
pub mod campaign;
pub mod checks;
pub mod cli;
pub mod draw;
pub mod history;
mod named;
pub mod net;
pub mod plan;
pub mod planted;
pub mod postgres;
pub mod probes;
pub mod redis;
pub mod report;
pub mod rt;
pub mod scenario;
pub mod shop;
pub mod world;
