//! A primary that is watched, with its replicas and the other sentinels.

use std::collections::BTreeMap;

use redis_protocol::resp2::types::OwnedFrame;

use super::failover::{Failover, State};
use super::info::News;
use super::instance::{Instance, Kind, Reconf};
use super::link::Asked;
use super::{Address, Monitor, Own, Periods, vote};
use crate::redis::{Bug, wall_clock_ms};

/// A primary and what is around it.
#[derive(Debug)]
pub(in crate::redis) struct Primary {
    /// The primary itself.
    pub(in crate::redis) this: Instance,
    /// By their addresses.
    pub(in crate::redis) replicas: BTreeMap<String, Instance>,
    /// The other sentinels, by their IDs.
    pub(in crate::redis) sentinels: BTreeMap<String, Instance>,
    pub(in crate::redis) quorum: usize,
    pub(in crate::redis) parallel_syncs: usize,
    /// The epoch in which the primary was elected.
    pub(in crate::redis) config_epoch: u64,
    /// Whom this sentinel voted for last, and in which epoch.
    pub(super) leader: Option<String>,
    pub(super) leader_epoch: u64,
    /// Objectively down.
    pub(in crate::redis) is_down_for_all: bool,
    /// Since when it is, or last was; 0 for never.
    pub(in crate::redis) down_for_all_at: i64,
    pub(in crate::redis) failover: Failover,
}

impl Primary {
    pub(super) fn new(monitor: &Monitor, own: &mut Own) -> Primary {
        let (name, address) = (monitor.name.clone(), monitor.address.clone());
        let this = Instance::new(Kind::Primary, name, address, monitor.down_after_ms);
        let mut primary = Primary {
            this,
            replicas: BTreeMap::new(),
            sentinels: BTreeMap::new(),
            quorum: monitor.quorum,
            parallel_syncs: monitor.parallel_syncs,
            config_epoch: monitor.config_epoch,
            leader: None,
            leader_epoch: monitor.leader_epoch,
            is_down_for_all: false,
            down_for_all_at: 0,
            failover: Failover::new(monitor.failover_timeout_ms),
        };
        let what = format!("{} quorum {}", primary.this.describe(), primary.quorum);
        own.event("+monitor", what);
        for address in &monitor.replicas {
            primary.add_replica(address.clone());
        }
        for (id, address) in &monitor.sentinels {
            primary.add_sentinel(id, address.clone());
        }
        primary
    }

    /// As the configuration file has it.
    pub(super) fn monitor(&self) -> Monitor {
        let sentinels = self.sentinels.iter();
        Monitor {
            name: self.this.name.clone(),
            address: self.this.address.clone(),
            quorum: self.quorum,
            down_after_ms: self.this.down_after,
            failover_timeout_ms: self.failover.timeout,
            parallel_syncs: self.parallel_syncs,
            config_epoch: self.config_epoch,
            leader_epoch: self.leader_epoch,
            replicas: self.replicas.values().map(|r| r.address.clone()).collect(),
            sentinels: sentinels
                .map(|(id, s)| (id.clone(), s.address.clone()))
                .collect(),
        }
    }

    /// An instance of this primary, as events name it.
    pub(super) fn beside(&self, instance: &str) -> String {
        let Address { host, port } = &self.this.address;
        format!("{instance} @ {} {host} {port}", self.this.name)
    }

    /// Takes up a replica, and says how events name it; None if it was known.
    pub(super) fn add_replica(&mut self, address: Address) -> Option<String> {
        let name = address.to_string();
        if self.replicas.contains_key(&name) {
            return None;
        }
        let replica = Instance::replica(address, self.this.down_after);
        let what = self.beside(&replica.describe());
        self.replicas.insert(name, replica);
        Some(what)
    }

    /// Takes up another sentinel, and says how events name it.
    pub(super) fn add_sentinel(&mut self, id: &str, address: Address) -> String {
        let down_after = self.this.down_after;
        let mut peer = Instance::new(Kind::Sentinel, id.to_owned(), address, down_after);
        peer.run_id = Some(id.to_owned());
        let what = self.beside(&peer.describe());
        self.sentinels.insert(id.to_owned(), peer);
        what
    }

    /// How long each instance may be silent.
    pub(in crate::redis) fn set_down_after(&mut self, down_after: i64) {
        for instance in self.instances() {
            instance.down_after = down_after;
        }
    }

    /// Forgets replicas, sentinels and whatever was under way.
    pub(super) fn reset(&mut self, own: &mut Own) {
        self.sentinels.clear();
        self.begin_anew(self.this.address.clone());
        own.event("+reset-master", self.this.describe());
    }

    /// Knows of a primary where it is, and of no replicas.
    fn begin_anew(&mut self, address: Address) {
        let (name, down_after) = (self.this.name.clone(), self.this.down_after);
        self.this = Instance::new(Kind::Primary, name, address, down_after);
        self.replicas.clear();
        (self.is_down_for_all, self.down_for_all_at) = (false, 0);
        self.leader = None;
        self.failover = Failover::new(self.failover.timeout);
    }

    pub(super) fn instances(&mut self) -> impl Iterator<Item = &mut Instance> {
        let around = self
            .replicas
            .values_mut()
            .chain(self.sentinels.values_mut());
        std::iter::once(&mut self.this).chain(around)
    }

    /// Whose connection it is.
    pub(super) fn instance_of_line(&mut self, line: u64) -> Option<&mut Instance> {
        let mut instances = self.instances();
        instances.find(|instance| instance.link.has(line))
    }

    pub(super) fn has_line(&self, line: u64) -> bool {
        let around = self.replicas.values().chain(self.sentinels.values());
        let mut instances = std::iter::once(&self.this).chain(around);
        instances.any(|instance| instance.link.has(line))
    }

    /// What clients and other sentinels are told.
    pub(in crate::redis) fn address(&self) -> &Address {
        let promoted = self.failover.promoted.as_ref();
        let promoted = promoted.filter(|_| self.failover.state >= State::ReconfReplicas);
        let replica = promoted.and_then(|name| self.replicas.get(name));
        replica.map_or(&self.this.address, |replica| &replica.address)
    }

    /// What is done ten to twenty times a second.
    pub(super) fn tick(&mut self, own: &mut Own) {
        self.keep_in_touch(own);
        if own.tilt_since.is_some() {
            return;
        }
        self.look(own);
        if self.is_down_for_all && self.failover.may_start() {
            self.start_failover(own);
            self.ask_others(own, true);
        }
        self.go_on_with_failover(own);
        self.ask_others(own, false);
        if self.failover.state == State::UpdateConfig {
            self.switch_to_promoted(own);
        }
    }

    /// Connects, and asks what is to be asked.
    fn keep_in_touch(&mut self, own: &mut Own) {
        let (name, address) = (self.this.name.clone(), self.address().clone());
        let epoch = self.config_epoch;
        let hello = || format!("{name},{},{},{epoch}", address.host, address.port);
        let hurry = self.is_down_for_all || self.failover.is_under_way();
        for instance in self.instances() {
            instance.link.connect(own, instance.kind, &instance.address);
            ask(instance, &own.periods, hurry);
            Primary::say_hello(instance, own, hello);
        }
    }

    /// Who is down, in whose eyes.
    fn look(&mut self, own: &mut Own) {
        let mut events = Vec::new();
        for instance in self.instances() {
            if let Some(event) = instance.look(&own.periods) {
                events.push((event, instance.kind, instance.describe()));
            }
        }
        for (event, kind, what) in events {
            own.event(
                event,
                match kind {
                    Kind::Primary => what,
                    _ => self.beside(&what),
                },
            );
        }
        let others = self.sentinels.values().filter(|s| s.peer.says_down);
        let finds_down = 1 + others.count();
        let needed = match own.has(Bug::SentinelActsAlone) {
            true => 1,
            false => self.quorum,
        };
        let is_down = self.this.is_down && finds_down >= needed;
        if is_down && !self.is_down_for_all {
            let (this, quorum) = (self.this.describe(), self.quorum);
            own.event("+odown", format!("{this} #quorum {finds_down}/{quorum}"));
            self.down_for_all_at = wall_clock_ms();
        } else if !is_down && self.is_down_for_all {
            own.event("-odown", self.this.describe());
        }
        self.is_down_for_all = is_down;
    }

    /// It says that it leads, and has said so recently.
    fn looks_sane(&self, periods: &Periods) -> bool {
        self.this.reported.role == Kind::Primary
            && !self.this.is_down
            && !self.is_down_for_all
            && wall_clock_ms() - self.this.reported.at < periods.info * 2
    }

    /// Takes a reply off a connection.
    pub(super) fn answered(&mut self, own: &mut Own, line: u64, frame: &OwnedFrame) {
        let Some(instance) = self.instance_of_line(line) else {
            return;
        };
        let asked = instance.link.line(line).and_then(|l| l.asked.pop_front());
        let now = wall_clock_ms();
        match (asked, frame) {
            (Some(Asked::Ping), frame) => pong(instance, frame),
            (Some(Asked::Info), OwnedFrame::BulkString(text)) => {
                let (name, kind) = (instance.name.clone(), instance.kind);
                let news = instance.reported.take(text, &mut instance.run_id);
                match kind {
                    Kind::Primary => self.hear_primary(own, news),
                    _ => self.hear_replica(own, &name, &news),
                }
            }
            (Some(Asked::Hello), OwnedFrame::Integer(_)) => instance.published_at = now,
            (Some(Asked::Opinion), OwnedFrame::Array(parts)) => {
                if let [
                    OwnedFrame::Integer(down),
                    OwnedFrame::BulkString(leader),
                    OwnedFrame::Integer(epoch),
                ] = parts.as_slice()
                {
                    let leader = String::from_utf8_lossy(leader);
                    let epoch = u64::try_from(*epoch).unwrap_or(0);
                    vote::take_opinion(instance, *down == 1, &leader, epoch);
                }
            }
            _ => {}
        }
    }

    /// The primary said something of itself.
    fn hear_primary(&mut self, own: &mut Own, news: News) {
        let this = self.this.describe();
        if news.rebooted {
            own.event("+reboot", this.clone());
        }
        for address in news.replicas {
            if let Some(what) = self.add_replica(address) {
                own.event("+slave", what);
            }
        }
        if news.role_changed {
            role_changed(own, this, &self.this);
        }
    }

    /// A replica said something of itself.
    fn hear_replica(&mut self, own: &mut Own, name: &str, news: &News) {
        let Some(replica) = self.replicas.get(name) else {
            return;
        };
        let what = self.beside(&replica.describe());
        if news.rebooted {
            own.event("+reboot", what.clone());
        }
        if news.role_changed {
            role_changed(own, what.clone(), replica);
        }
        if own.tilt_since.is_some() {
            return;
        }
        let role = replica.reported.role;
        match role {
            Kind::Primary if self.is_promoted(name) => self.promotion_seen(own, what),
            Kind::Primary => self.demote(own, name, what),
            _ => {
                self.mend(own, name, what.clone());
                self.follow_reconf(own, name, what);
            }
        }
    }

    /// A replica leads of its own: after a while, in which news may come, it
    /// is told to follow.
    fn demote(&mut self, own: &mut Own, name: &str, what: String) {
        let wait = own.periods.publish * 4;
        let sane = self.looks_sane(&own.periods);
        let primary = self.this.address.clone();
        let Some(replica) = self.replicas.get_mut(name) else {
            return;
        };
        let long_enough = wall_clock_ms() - replica.reported.role_at > wait;
        if sane && long_enough && replica.was_up_for(wait) {
            order(replica, Some(&primary));
            own.event("+convert-to-slave", what);
        }
    }

    /// A replica follows somebody else.
    fn mend(&mut self, own: &mut Own, name: &str, what: String) {
        let wait = self.failover.timeout;
        let sane = self.looks_sane(&own.periods);
        let primary = self.this.address.clone();
        let Some(replica) = self.replicas.get_mut(name) else {
            return;
        };
        let astray = replica.reported.follows.as_ref() != Some(&primary);
        let long_enough = wall_clock_ms() - replica.reported.follows_at > wait;
        if astray && sane && long_enough && replica.was_up_for(wait) {
            order(replica, Some(&primary));
            own.event("+fix-slave-config", what);
        }
    }

    /// How far a replica is that was told to follow the new primary.
    fn follow_reconf(&mut self, own: &mut Own, name: &str, what: String) {
        let promoted = self.failover.promoted.as_ref();
        let promoted = promoted.and_then(|name| self.replicas.get(name));
        let promoted = promoted.map(|promoted| promoted.address.clone());
        let Some(replica) = self.replicas.get_mut(name) else {
            return;
        };
        let follows = promoted.is_some() && replica.reported.follows == promoted;
        if matches!(replica.reconf, Reconf::Sent(_)) && follows {
            replica.reconf = Reconf::InProgress;
            own.event("+slave-reconf-inprog", what.clone());
        }
        if replica.reconf == Reconf::InProgress && replica.reported.link_is_up {
            replica.reconf = Reconf::Done;
            own.event("+slave-reconf-done", what);
        }
    }

    /// Another server leads: all that was known of the old one is forgotten,
    /// which is a replica from now on.
    pub(super) fn switch_to(&mut self, own: &mut Own, address: Address) {
        let (name, old) = (self.this.name.clone(), self.this.address.clone());
        let (from, to) = (format!("{} {}", old.host, old.port), &address);
        let what = format!("{name} {from} {} {}", to.host, to.port);
        own.event("+switch-master", what);
        let replicas = self
            .replicas
            .values()
            .map(|replica| replica.address.clone());
        let replicas = replicas.chain([old]).filter(|one| *one != address);
        let replicas: Vec<Address> = replicas.collect();
        self.begin_anew(address);
        for replica in replicas {
            if let Some(what) = self.add_replica(replica) {
                own.event("+slave", what);
            }
        }
    }
}

fn role_changed(own: &mut Own, what: String, instance: &Instance) {
    let role = instance.reported.role;
    let event = if role == instance.kind {
        "+role-change"
    } else {
        "-role-change"
    };
    let role = role.name();
    own.event(event, format!("{what} new reported role is {role}"));
}

/// Asks an instance what it is time to ask.
fn ask(instance: &mut Instance, periods: &Periods, hurry: bool) {
    /// Who does not answer is not asked more and more.
    const PENDING_MAX: usize = 100;
    let now = wall_clock_ms();
    let (kind, link) = (instance.kind, &mut instance.link);
    if !link.is_connected(kind) || link.pending() >= PENDING_MAX {
        return;
    }
    let reported = &instance.reported;
    let often = kind == Kind::Replica && (hurry || reported.link_down_for != 0);
    let period = if often { 1000 } else { periods.info };
    if kind != Kind::Sentinel && (reported.at == 0 || now - reported.at > period) {
        link.send(Asked::Info, &[b"INFO"]);
    }
    let period = periods.ping.min(instance.down_after);
    if now - link.answered_at > period && now - link.pinged_at > period / 2 {
        link.ping();
    }
}

/// Takes the answer to a ping.
fn pong(instance: &mut Instance, frame: &OwnedFrame) {
    let now = wall_clock_ms();
    let link = &mut instance.link;
    let text = match frame {
        OwnedFrame::SimpleString(text) => &text[..],
        OwnedFrame::Error(text) => text.as_bytes(),
        _ => b"",
    };
    let fine = [&b"PONG"[..], b"LOADING", b"MASTERDOWN"];
    if fine.iter().any(|start| text.starts_with(start)) {
        link.available_at = now;
        link.waits_since = 0;
    } else if text.starts_with(b"BUSY") && instance.is_down {
        link.send(Asked::Order, &[b"SCRIPT", b"KILL"]);
    }
    link.answered_at = now;
}

/// Has a server follow that one, or lead, keep it in its configuration, and
/// send its clients away, who then ask a sentinel again. False if there is no
/// connection to it.
pub(super) fn order(instance: &mut Instance, primary: Option<&Address>) -> bool {
    let port = primary.map(|primary| primary.port.to_string());
    let (host, port): (&[u8], &[u8]) = match (primary, &port) {
        (Some(primary), Some(port)) => (primary.host.as_bytes(), port.as_bytes()),
        _ => (b"NO", b"ONE"),
    };
    let orders: [&[&[u8]]; 6] = [
        &[b"MULTI"],
        &[b"SLAVEOF", host, port],
        &[b"CONFIG", b"REWRITE"],
        &[b"CLIENT", b"KILL", b"TYPE", b"normal"],
        &[b"CLIENT", b"KILL", b"TYPE", b"pubsub"],
        &[b"EXEC"],
    ];
    let kind = instance.kind;
    let link = &mut instance.link;
    link.is_connected(kind) && orders.iter().all(|order| link.send(Asked::Order, order))
}
