//! A world: every node of a scenario, run through a plan to its end.
//!
//! A run has two phases. First the plan's faults strike while buyers buy.
//! Then everything is healed, every node is up, and the world must come to
//! rest: everyone has an answer, within the scenario's time to drain. What is
//! in the storage then is read from the storage itself, and the history is
//! judged.
//!
//! Each run has an operating system thread of its own, on which the runtime
//! is the first thing made; nothing of one seed is seen by the next. Plans are
//! drawn and histories judged on the thread that asked. Wherever a seed
//! panics, on either thread, that is its verdict.

mod cache;
mod database;
mod faults;
mod lens;
mod machine;
mod nodes;
mod outcome;
mod redis_servers;
mod redis_witness;
mod sentinels;
mod thread;
mod witness;

use std::time::Duration;

use futures_util::future::{Either, select};

use crate::history::{Event, History, Recorder};
use crate::net;
use crate::plan::Plan;
use crate::planted::{Planted, WorldBug};
use crate::rt;
use crate::scenario::Scenario;
pub use outcome::{Outcome, Verdict};
pub use thread::STACK_BYTES;

/// What a run keeps beyond its history. None of it changes the digest.
#[derive(Debug, Clone, Copy, Default)]
pub struct Keep {
    /// Labelled messages, for telling the story.
    pub messages: bool,
    /// What the network drew for each segment.
    pub drawn: bool,
}

/// Runs a plan to its end and judges what happened.
pub fn run(scenario: &Scenario, plan: &Plan, keep: Keep) -> Outcome {
    let ended = thread::alone({
        let (scenario, plan) = (scenario.clone(), plan.clone());
        move || simulate(scenario, plan, keep)
    });
    ended
        .and_then(|history| thread::caught(|| Outcome::judge(plan.seed, history)))
        .unwrap_or_else(|broken| Outcome::lost(plan.seed, broken.into()))
}

/// Runs the plan of a seed.
pub fn run_seed(scenario: &Scenario, seed: u64, keep: Keep) -> Outcome {
    match draw(scenario, seed) {
        Ok(plan) => run(scenario, &plan, keep),
        Err(verdict) => Outcome::lost(seed, verdict),
    }
}

/// Draws the plan of a seed; a panic there is a verdict like any other.
pub fn draw(scenario: &Scenario, seed: u64) -> Result<Plan, Verdict> {
    thread::caught(|| Plan::new(scenario, seed)).map_err(Verdict::from)
}

/// The body of a seed's thread.
fn simulate(scenario: Scenario, plan: Plan, keep: Keep) -> History {
    let options = net::Options {
        seed: plan.run_seed,
        search: plan.search,
        epoch: Duration::from_millis(plan.epoch_ms),
        polls_max: scenario.run.polls_max,
        send_buffer: scenario.network.send_buffer.bytes(),
        receive_buffer: scenario.network.receive_buffer.bytes(),
        partial: scenario.network.partial.0,
        planted: scenario.planted_in(),
        ..net::Options::default()
    };
    net::simulate(options, |network| live(scenario, plan, keep, network))
}

async fn live(scenario: Scenario, plan: Plan, keep: Keep, network: net::Network) -> History {
    let (scenario, plan, network) = (&scenario, &plan, &network);
    if scenario
        .planted
        .contains(&Planted::World(WorldBug::Standstill))
    {
        return std::future::pending().await;
    }
    if keep.drawn {
        network.keep_drawn();
    }
    let recorder = Recorder::new(keep.messages);
    network.observe(recorder.clone());
    let nodes::Built {
        machines,
        database,
        redis,
        lens,
    } = nodes::build(scenario, plan, network, &recorder);
    let record = |event| recorder.record(network.now_ns(), event);

    let market = nodes::open_market(scenario, plan, &machines, network, &recorder);
    let stage = faults::Stage {
        plan,
        machines: &machines,
        database: &database,
        redis: &redis,
        network,
        recorder: &recorder,
        gateway: market.gateway(),
    };
    let faults = Box::pin(faults::strike_all(&stage));
    // Faults end with the phase, by being dropped, if they have not before.
    let quiet = rt::timeout(scenario.run.faults.0, async {
        match select(faults, Box::pin(market.all_answered())).await {
            Either::Left((_, answered)) => answered.await,
            Either::Right(((), _faults)) => {}
        }
    });
    let answered_early = quiet.await.is_ok();
    machines.heal();
    market.heal();
    record(Event::Healed {});

    // The last to come has as much time as everyone.
    let last_ns = plan.visits.iter().map(|visit| visit.at_ns).max();
    let to_come_ns = last_ns.unwrap_or(0).saturating_sub(network.now_ns());
    let limit = scenario.run.drain.0 + Duration::from_nanos(to_come_ns);
    let drained = answered_early || rt::timeout(limit, market.all_answered()).await.is_ok();
    record(Event::Drained { complete: drained });
    // Who has no answer by now leaves. Requests that nobody waits for any more
    // end within their deadlines.
    machines.kill("buyers", net::Death::Process);
    rt::sleep(settling_time(scenario)).await;
    database.read(&lens, &scenario.catalog.sku);
    History {
        lock_quorum: scenario.lock_quorum(),
        drawn: network.drawn(),
        ..recorder.finish(i64::from(scenario.catalog.units))
    }
}

/// After this, whatever a service instance was still doing is done.
fn settling_time(scenario: &Scenario) -> Duration {
    let shop = &scenario.shop;
    (shop.deadline.0 + shop.lock_wait.0) * 4
}
