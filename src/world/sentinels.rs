//! The sentinels of a world, who have known each other for a while.

use super::machine::Machines;
use super::redis_servers;
use crate::redis::sentinel::{Address, Monitor, Options};
use crate::scenario::{Scenario, Sentinel};
use crate::shop::PRIMARY_NAME;
use crate::{redis, rt};

const PORT: u16 = 26_379;

/// Where the sentinels are.
pub(super) fn hosts(scenario: &Scenario) -> Vec<String> {
    let nodes = scenario.redis.sentinels();
    nodes.map(|node| format!("{node}:{PORT}")).collect()
}

/// Adds their machines.
pub(super) fn add(machines: &mut Machines, scenario: &Scenario) {
    let Some(settings) = &scenario.redis.sentinel else {
        return;
    };
    for node in scenario.redis.sentinels() {
        let disk = redis::Disk::new();
        let options = redis::Options {
            planted: scenario.planted_in(),
            sentinel: Some(options(scenario, settings, &node)),
            ..redis::Options::default()
        };
        let address = format!("{node}:{PORT}");
        machines.add(&node, move |machine, network| {
            let (disk, options, address) = (disk.clone(), options.clone(), address.clone());
            machine.spawn(network, async move {
                let listener = rt::Listener::bind(&address).await.expect("a free port");
                let server = redis::Server::start_on(&disk, options, std::sync::Arc::new(()));
                let served = server.serve(listener).await;
                served.expect("a listener fails only with its node");
            });
        });
    }
}

fn options(scenario: &Scenario, settings: &Sentinel, node: &str) -> Options {
    let all = (1_u32..).zip(scenario.redis.sentinels());
    let all: Vec<(String, String)> = all
        .map(|(number, node)| (format!("{number:040x}"), node))
        .collect();
    let of_node = all.iter().find(|(_, one)| one == node);
    let id = of_node.map(|(id, _)| id.clone()).unwrap_or_default();
    let address = |host: &str, port| Address {
        host: host.to_owned(),
        port,
    };
    let redis = |host: &str| address(host, redis_servers::PORT);
    let primary = redis(redis_servers::PRIMARY);
    let replicas = scenario.redis.replicas();
    let peers = all.iter().filter(|(_, one)| one != node);
    Options {
        id,
        epoch: 0,
        primaries: vec![Monitor {
            down_after_ms: ms(settings.down_after.ns()),
            failover_timeout_ms: ms(settings.failover_timeout.ns()),
            replicas: replicas.map(|node| redis(&node)).collect(),
            sentinels: peers
                .map(|(id, node)| (id.clone(), address(node, PORT)))
                .collect(),
            ..Monitor::new(PRIMARY_NAME, primary, settings.quorum.into())
        }],
    }
}

fn ms(ns: u64) -> i64 {
    i64::try_from(ns / 1_000_000).unwrap_or(i64::MAX)
}
