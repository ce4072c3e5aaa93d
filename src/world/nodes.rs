//! What runs on each node of a world: one PostgreSQL, one Redis, the
//! service's instances, and the buyers, who share a node.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use super::cache;
use super::database::{self, Database};
use super::lens::Lens;
use super::machine::Machines;
use crate::buyers::Market;
use crate::history::Recorder;
use crate::net::{Death, Network};
use crate::plan::{Effect, Fault, Plan};
use crate::planted::{Planted, WorldBug};
use crate::scenario::Scenario;
use crate::{redis, rt, shop};

pub(super) const POSTGRES: &str = "postgres:5432";
const REDIS: &str = "redis:6379";
const SHOP_PORT: u16 = 8080;

/// The host of somebody who uses the same database, where a fault needs one.
pub(super) const NEIGHBOUR: &str = "neighbour";

/// Builds and boots every node of the scenario.
pub(super) fn build(
    scenario: &Scenario,
    plan: &Plan,
    network: &Network,
    recorder: &Recorder,
) -> (Machines, Database, Arc<Lens>) {
    let mut machines = Machines::new(network);
    let lens = Arc::new(Lens::new(network, recorder));
    let database = Database::build(&mut machines, scenario, &lens);
    add_redis(&mut machines, scenario, lens.clone());
    cache::add(&mut machines, scenario.redis.page_every.0, REDIS);
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
    (machines, database, lens)
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

fn add_redis(machines: &mut Machines, scenario: &Scenario, lens: Arc<Lens>) {
    let options = redis::Options {
        planted: scenario.planted.iter().find_map(|planted| match planted {
            Planted::Redis(bug) => Some(*bug),
            _ => None,
        }),
        turn_ns: scenario.redis.turn.ns(),
        persistence: scenario.redis.persistence,
        maxmemory: scenario.redis.maxmemory,
        maxmemory_policy: scenario.redis.policy,
        ..redis::Options::default()
    };
    let disk = redis::Disk::new();
    machines.add("redis", move |machine, network| {
        let (disk, options, lens) = (disk.clone(), options.clone(), lens.clone());
        if machine.last_death() == Some(Death::Host) {
            disk.lose_power();
        }
        machine.spawn(network, async move {
            let listener = rt::Listener::bind(REDIS).await.expect("a free port");
            let server = redis::Server::start_on(&disk, options, lens);
            let served = server.serve(listener).await;
            served.expect("a listener fails only with its node");
        });
    });
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
        redis: REDIS.to_owned(),
        stock: shop.stock,
        idempotency: shop.idempotency,
        pool_size: shop.pool_size,
        deadline: shop.deadline.0,
        idle_timeout: shop.idle_timeout.0,
        lock_ttl: shop.lock_ttl.0,
        lock_wait: shop.lock_wait.0,
        lock_retry: shop.lock_retry.0,
        work: shop.work.durations(),
        retries: shop.optimistic_retries,
        planted: scenario.planted.iter().find_map(|planted| match planted {
            Planted::Shop(bug) => Some(*bug),
            _ => None,
        }),
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
