//! The Redis of a world: one server, a primary and its replicas, or several
//! primaries that know nothing of each other.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::faults::Replicated;
use super::lens::Lens;
use super::machine::Machines;
use super::redis_witness::{Group, Witness};
use crate::net::{Death, Network};
use crate::scenario::Scenario;
use crate::shop::StockStrategy;
use crate::{redis, rt};

/// The first primary, where there is one.
pub(super) const PRIMARY: &str = "redis";
pub(super) const PORT: u16 = 6379;

pub(super) fn address(node: &str) -> String {
    format!("{node}:{PORT}")
}

/// Where Redis is, or may be: under Redlock every primary, or else those of
/// which one leads.
pub(super) fn hosts(scenario: &Scenario) -> String {
    let mut nodes = scenario.redis.primaries();
    if scenario.shop.stock != StockStrategy::Redlock {
        nodes.truncate(1);
        nodes.extend(scenario.redis.replicas());
    }
    let hosts: Vec<String> = nodes.iter().map(|node| address(node)).collect();
    hosts.join(",")
}

/// A server: its disk, which outlives its processes, and the process that
/// runs now.
struct Member {
    disk: redis::Disk,
    running: Mutex<Option<redis::Server>>,
    witness: Arc<Witness>,
}

/// Every server of Redis. Clones are the same.
#[derive(Clone)]
pub(super) struct RedisServers {
    members: Arc<BTreeMap<String, Arc<Member>>>,
    primary: Arc<Mutex<String>>,
}

impl RedisServers {
    /// Adds their machines.
    pub(super) fn build(
        machines: &mut Machines,
        scenario: &Scenario,
        lens: &Arc<Lens>,
    ) -> RedisServers {
        let member = |node: String, follows: Option<(String, u16)>, group: &Arc<_>| {
            let disk = redis::Disk::new();
            disk.configure(follows);
            let member = Member {
                disk,
                running: Mutex::default(),
                witness: Arc::new(Witness::new(lens, &node, group)),
            };
            (node, Arc::new(member))
        };
        let group = Arc::<Mutex<Group>>::default();
        let replicas = scenario.redis.replicas().map(|node| {
            let primary = (PRIMARY.to_owned(), PORT);
            member(node, Some(primary), &group)
        });
        let primaries = scenario.redis.primaries().into_iter().map(|node| {
            // Of several each is a group by itself.
            let own = match node == PRIMARY {
                true => group.clone(),
                false => Arc::default(),
            };
            member(node, None, &own)
        });
        let servers = RedisServers {
            members: Arc::new(primaries.chain(replicas).collect()),
            primary: Arc::new(Mutex::new(PRIMARY.to_owned())),
        };
        for (node, member) in &*servers.members {
            add(machines, scenario, node, member.clone());
        }
        servers
    }

    fn server(&self, node: &str) -> Option<redis::Server> {
        self.members[node].running.lock().clone()
    }
}

impl Replicated for RedisServers {
    fn primary_and_replica(&self) -> (String, Option<String>) {
        let primary = self.primary.lock().clone();
        let follows = |node: &&String| {
            let server = self.server(node);
            **node != primary && server.is_some_and(|server| server.is_replica())
        };
        let replica = self.members.keys().find(follows).cloned();
        (primary, replica)
    }

    /// Has a replica lead, and the others follow it.
    fn promote(&self, machines: &Machines, network: &Network, node: &str) {
        let old = std::mem::replace(&mut *self.primary.lock(), node.to_owned());
        for other in self.members.keys().filter(|other| **other != old) {
            let Some(server) = self.server(other) else {
                continue;
            };
            let primary = (other != node).then(|| (node.to_owned(), PORT));
            let task = async move { server.replicate(primary) };
            machines.get(other).spawn(network, task);
        }
    }

    fn rejoins(&self, node: &str) {
        let primary = self.primary.lock().clone();
        self.members[node].disk.configure(Some((primary, PORT)));
    }
}

fn add(machines: &mut Machines, scenario: &Scenario, node: &str, member: Arc<Member>) {
    let options = options(scenario);
    let address = address(node);
    machines.add(node, move |machine, network| {
        let (options, member, address) = (options.clone(), member.clone(), address.clone());
        if machine.last_death() == Some(Death::Host) {
            member.disk.lose_power();
        }
        machine.spawn(network, async move {
            let listener = rt::Listener::bind(&address).await.expect("a free port");
            let witness = member.witness.clone();
            let server = redis::Server::start_on(&member.disk, options, witness);
            *member.running.lock() = Some(server.clone());
            let served = server.serve(listener).await;
            served.expect("a listener fails only with its node");
        });
    });
}

fn options(scenario: &Scenario) -> redis::Options {
    let settings = &scenario.redis;
    redis::Options {
        planted: scenario.planted_in(),
        turn_ns: settings.turn.ns(),
        persistence: settings.persistence,
        maxmemory: settings.maxmemory,
        maxmemory_policy: settings.policy,
        parameters: parameters(scenario),
        ..redis::Options::default()
    }
}

fn parameters(scenario: &Scenario) -> Vec<(&'static str, String)> {
    let Some(replica) = &scenario.redis.replica else {
        return Vec::new();
    };
    let (least, lag) = (replica.min_replicas_to_write, replica.min_replicas_max_lag);
    vec![
        // A replica need not wait for others to come.
        ("repl-diskless-sync-delay", "0".to_owned()),
        ("min-replicas-to-write", least.to_string()),
        ("min-replicas-max-lag", lag.to_string()),
    ]
}
