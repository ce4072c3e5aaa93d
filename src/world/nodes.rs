//! What runs on each node of a world: one PostgreSQL, one Redis, the
//! service's instances, and the buyers, who share a node.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use super::cache;
use super::database::{self, Database};
use super::lens::Lens;
use super::machine::Machines;
use super::redis_servers::{self, RedisServers};
use super::sentinels;
use crate::buyers::Market;
use crate::history::Recorder;
use crate::net::Network;
use crate::plan::{Effect, Fault, Plan};
use crate::planted::{Planted, WorldBug};
use crate::scenario::Scenario;
use crate::{rt, shop};

pub(super) const POSTGRES: &str = "postgres:5432";
const SHOP_PORT: u16 = 8080;

/// The host of somebody who uses the same database, where a fault needs one.
pub(super) const NEIGHBOUR: &str = "neighbour";

/// A world's nodes, and what is to be known of them.
pub(super) struct Built {
    pub(super) machines: Machines,
    pub(super) database: Database,
    pub(super) redis: RedisServers,
    pub(super) lens: Arc<Lens>,
}

/// Builds and boots every node of the scenario.
pub(super) fn build(
    scenario: &Scenario,
    plan: &Plan,
    network: &Network,
    recorder: &Recorder,
) -> Built {
    let mut machines = Machines::new(network);
    let lens = Arc::new(Lens::new(network, recorder));
    let database = Database::build(&mut machines, scenario, &lens);
    let redis = RedisServers::build(&mut machines, scenario, &lens);
    sentinels::add(&mut machines, scenario);
    let cached_in = redis_servers::address(&scenario.redis.primaries()[0]);
    cache::add(&mut machines, scenario.redis.page_every.0, cached_in);
    for name in scenario.instances() {
        let options = shop_options(scenario, &name);
        machines.add(&name, move |machine, network| {
            let options = options.clone();
            machine.spawn(network, async move {
                if let Err(error) = shop::serve(options).await {
                    panic!("an instance did not start: {error}");
                }
            });
        });
    }
    machines.add("buyers", |_, _| {});
    let hoards = |fault: &Fault| matches!(fault.effect, Effect::ExhaustConnections { .. });
    if plan.faults.iter().any(hoards) {
        machines.add(NEIGHBOUR, |_, _| {});
    }
    for clock in &plan.clocks {
        machines.set_clock(clock);
    }
    set_links(scenario, network, &machines);
    plant(scenario, network, &machines);
    Built {
        machines,
        database,
        redis,
        lens,
    }
}

/// Bugs of the world itself.
fn plant(scenario: &Scenario, network: &Network, machines: &Machines) {
    for planted in &scenario.planted {
        match planted {
            Planted::World(WorldBug::BusyTask) => {
                machines.get("postgres").spawn(network, async {
                    loop {
                        tokio::task::yield_now().await;
                    }
                });
            }
            Planted::World(WorldBug::RealRandomness) => {
                machines.get("buyers").spawn(network, async {
                    rt::sleep(Duration::from_nanos(real_randomness())).await;
                    // Whoever waited, whatever is sent shows when.
                    drop(rt::connect(POSTGRES).await);
                });
            }
            _ => {}
        }
    }
}

/// What no simulation controls: the kernel's randomness, read past the libc
/// functions that the executor replaces.
fn real_randomness() -> u64 {
    let mut bytes = [0; 2];
    std::fs::File::open("/dev/urandom")
        .and_then(|mut urandom| urandom.read_exact(&mut bytes))
        .expect("a Linux machine");
    u64::from(u16::from_le_bytes(bytes))
}

pub(super) fn shop_options(scenario: &Scenario, name: &str) -> shop::Options {
    let shop = &scenario.shop;
    shop::Options {
        listen: format!("{name}:{SHOP_PORT}"),
        postgres: database::hosts(scenario),
        replica: match shop.reads {
            shop::Reads::Primary => None,
            shop::Reads::Replica => Some(database::replica_hosts()),
        },
        redis: redis_servers::hosts(scenario),
        sentinels: sentinels::hosts(scenario),
        stock: shop.stock,
        idempotency: shop.idempotency,
        pool_size: shop.pool_size,
        deadline: shop.deadline.0,
        idle_timeout: shop.idle_timeout.0,
        lock_ttl: shop.lock_ttl.0,
        lock_wait: shop.lock_wait.0,
        lock_replicas: shop.lock_replicas.into(),
        lock_retry: shop.lock_retry.0,
        redlock_timeout: shop.redlock_timeout.0,
        redlock_validity: shop.redlock_validity,
        fence: shop.fence,
        work: shop.work.durations(),
        retries: shop.optimistic_retries,
        index_skus: scenario.catalog.indexed,
        planted: scenario.planted_in(),
        ..shop::Options::default()
    }
}

fn set_links(scenario: &Scenario, network: &Network, machines: &Machines) {
    for (from, source) in machines.hosts() {
        for (to, target) in machines.hosts() {
            let (start, later) = scenario.network.link(from, to);
            network.set_link(source, target, start);
            for (at_ns, link) in later {
                network.set_link_at(at_ns, source, target, link);
            }
        }
    }
}

/// Lets the plan's buyers in.
pub(super) fn open_market(
    scenario: &Scenario,
    plan: &Plan,
    machines: &Machines,
    network: &Network,
    recorder: &Recorder,
) -> Arc<Market> {
    let addresses = scenario
        .instances()
        .map(|name| format!("{name}:{SHOP_PORT}"))
        .collect();
    let clock = network.clone();
    let market = Market::new(addresses, recorder.clone(), move || clock.now_ns());
    let (opened, visits) = (market.clone(), plan.visits.clone());
    machines
        .get("buyers")
        .spawn(network, async move { opened.open(&visits) });
    market
}
