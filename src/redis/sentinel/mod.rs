//! A sentinel, as Redis Sentinel 7.0 is one: it watches primaries and their
//! replicas, agrees with its peers that a primary is down, and has a replica
//! lead.
//!
//! Every instance is asked with PING. One that has been silent for
//! `down_after` is down as far as this sentinel can see (subjectively). It
//! then asks its peers; when `quorum` of them find the primary down, it is so
//! objectively, and the sentinel stands for election in a new epoch, in which
//! each votes once. With the votes of a majority of all sentinels that it ever
//! knew, and of `quorum`, it has the best replica lead, by priority, then
//! offset, then run ID, tells the others to follow, and publishes the new
//! address under the epoch of its election. The higher epoch is believed. An
//! old primary that comes back is told to follow after a while, and discards
//! what it alone had.
//!
//! Sentinels find replicas in INFO, and each other by saying hello on a
//! channel of the servers that they watch. A sentinel whose clock jumps, or
//! whose timer is late, stands back for 30 seconds (TILT).
//!
//! A sentinel is a server like any other, with other commands: connections,
//! RESP, SUBSCRIBE and CLIENT are those of the server. Everything here is
//! state, changed by a timer ten to twenty times a second, by replies and by
//! commands; [`watch`] has the tasks and the sockets. Times are in
//! milliseconds of the wall clock, as in the original.
//!
//! Not modelled: notification scripts, passwords, renamed commands, SENTINEL
//! CONFIG and SIMULATE-FAILURE.

mod failover;
mod hello;
mod info;
mod instance;
mod link;
mod primary;
mod report;
mod vote;
mod watch;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use redis_protocol::resp2::types::OwnedFrame;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::replication::HistoryId;
use super::{Bug, glob, wall_clock_ms};
use crate::rt;
pub(super) use instance::Instance;
pub(super) use primary::Primary;
pub(super) use report::describe;
pub(super) use watch::tend;

/// The channel on which sentinels tell each other.
pub(super) const HELLO: &[u8] = b"__sentinel__:hello";

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// A name or an IP address.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// What a sentinel knows when it starts: its configuration file, which it
/// writes anew whenever it learns something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Names it among its peers: 40 hexadecimal digits.
    pub id: String,
    /// The highest epoch that it has heard of; 0 at first.
    pub epoch: u64,
    /// What it watches.
    pub primaries: Vec<Monitor>,
}

impl Options {
    /// A sentinel with a new ID that watches these.
    pub fn new(primaries: Vec<Monitor>) -> Options {
        Options {
            id: HistoryId::new().to_string(),
            epoch: 0,
            primaries,
        }
    }
}

/// One primary to watch, with what is known around it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Monitor {
    /// The name under which clients ask for it.
    pub name: String,
    /// Where it is.
    pub address: Address,
    /// How many sentinels have to find it down.
    pub quorum: usize,
    /// How many milliseconds an instance may be silent.
    pub down_after_ms: i64,
    /// How many milliseconds a failover may take; twice as many pass between
    /// two.
    pub failover_timeout_ms: i64,
    /// How many replicas are told of a new primary at once.
    pub parallel_syncs: usize,
    /// The epoch in which the primary was elected; 0 at first.
    pub config_epoch: u64,
    /// The epoch of the last vote; 0 at first.
    pub leader_epoch: u64,
    /// The replicas that it knows.
    pub replicas: Vec<Address>,
    /// The IDs and addresses of the other sentinels that it knows.
    pub sentinels: Vec<(String, Address)>,
}

impl Monitor {
    /// A primary of which nothing else is known, with Redis's defaults.
    pub fn new(name: &str, address: Address, quorum: usize) -> Monitor {
        Monitor {
            name: name.to_owned(),
            address,
            quorum,
            down_after_ms: 30_000,
            failover_timeout_ms: 180_000,
            parallel_syncs: 1,
            config_epoch: 0,
            leader_epoch: 0,
            replicas: Vec::new(),
            sentinels: Vec::new(),
        }
    }
}

/// How often things are done, and how long they may take, in milliseconds.
#[derive(Debug)]
pub(super) struct Periods {
    info: i64,
    ping: i64,
    ask: i64,
    publish: i64,
    tilt_trigger: i64,
    tilt: i64,
    replica_reconf: i64,
    reconnect: i64,
    election: i64,
}

impl Default for Periods {
    fn default() -> Periods {
        Periods {
            info: 10_000,
            ping: 1_000,
            ask: 1_000,
            publish: 2_000,
            tilt_trigger: 2_000,
            tilt: 30_000,
            replica_reconf: 10_000,
            reconnect: 15_000,
            election: 10_000,
        }
    }
}

impl Periods {
    /// Each with its name.
    pub(super) fn all(&mut self) -> [(&'static str, &mut i64); 9] {
        [
            ("INFO-PERIOD", &mut self.info),
            ("PING-PERIOD", &mut self.ping),
            ("ASK-PERIOD", &mut self.ask),
            ("PUBLISH-PERIOD", &mut self.publish),
            ("TILT-TRIGGER", &mut self.tilt_trigger),
            ("TILT-PERIOD", &mut self.tilt),
            ("SLAVE-RECONF-TIMEOUT", &mut self.replica_reconf),
            ("MIN-LINK-RECONNECT-PERIOD", &mut self.reconnect),
            ("ELECTION-TIMEOUT", &mut self.election),
        ]
    }
}

/// A sentinel that runs.
#[derive(Debug)]
pub(super) struct Sentinel {
    pub(super) own: Own,
    pub(super) primaries: BTreeMap<String, Primary>,
    ticked_at: i64,
    saved: Options,
}

/// What does not belong to any one primary.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) id: String,
    epoch: u64,
    /// Where it listens.
    pub(super) port: u16,
    /// Since when it stands back.
    pub(super) tilt_since: Option<i64>,
    pub(super) periods: Periods,
    planted: Option<Bug>,
    /// Counts connections.
    lines: u64,
    to_open: Vec<Opening>,
    /// What happened and is to be published: a channel and a message each.
    pub(super) events: Vec<(&'static str, String)>,
}

/// A connection to be opened.
#[derive(Debug)]
struct Opening {
    number: u64,
    address: String,
    wake: Arc<Notify>,
    open: CancellationToken,
}

impl Own {
    fn event(&mut self, name: &'static str, what: String) {
        self.events.push((name, what));
    }

    fn has(&self, bug: Bug) -> bool {
        self.planted == Some(bug)
    }

    /// Hears of an epoch.
    fn learn_epoch(&mut self, epoch: u64) {
        if epoch > self.epoch {
            self.epoch = epoch;
            self.event("+new-epoch", epoch.to_string());
        }
    }

    /// Up to a second, so that not all begin at once.
    fn desync() -> i64 {
        i64::try_from(rt::random_u64() % 1000).unwrap_or(0)
    }
}

impl Sentinel {
    pub(super) fn new(options: &Options, planted: Option<Bug>) -> Sentinel {
        let mut own = Own {
            id: options.id.clone(),
            epoch: options.epoch,
            port: 0,
            tilt_since: None,
            periods: Periods::default(),
            planted,
            lines: 0,
            to_open: Vec::new(),
            events: Vec::new(),
        };
        let watched = options.primaries.iter().map(|monitor| {
            let primary = Primary::new(monitor, &mut own);
            (monitor.name.clone(), primary)
        });
        let primaries = watched.collect();
        Sentinel {
            own,
            primaries,
            ticked_at: wall_clock_ms(),
            saved: options.clone(),
        }
    }

    /// Watches another primary; false if it watches one of that name.
    pub(super) fn watch(&mut self, monitor: &Monitor) -> bool {
        let is_new = !self.primaries.contains_key(&monitor.name);
        if is_new {
            let primary = Primary::new(monitor, &mut self.own);
            self.primaries.insert(monitor.name.clone(), primary);
        }
        is_new
    }

    /// Watches a primary no more.
    pub(super) fn forget(&mut self, name: &str) {
        if let Some(primary) = self.primaries.remove(name) {
            self.own.event("-monitor", primary.this.describe());
        }
    }

    /// Forgets what is around the primaries of such names, and says how many
    /// they were.
    pub(super) fn reset(&mut self, pattern: &[u8]) -> usize {
        let primaries = self.primaries.values_mut();
        let fit = primaries.filter(|p| glob::matches(pattern, p.this.name.as_bytes()));
        fit.map(|primary| primary.reset(&mut self.own)).count()
    }

    /// Begins a failover that nobody has to vote for; an error says why not.
    pub(super) fn fail_over(&mut self, name: &str) -> Result<(), &'static str> {
        let Some(primary) = self.primaries.get_mut(name) else {
            return Ok(());
        };
        if primary.failover.is_under_way() {
            return Err("INPROG Failover already in progress");
        }
        if primary.best_replica(&self.own.periods).is_none() {
            return Err("NOGOODSLAVE No suitable replica to promote");
        }
        primary.start_failover(&mut self.own);
        primary.failover.forced = true;
        Ok(())
    }

    /// What is to be written to the configuration file, if that is news.
    pub(super) fn take_unsaved(&mut self) -> Option<Options> {
        let options = Options {
            id: self.own.id.clone(),
            epoch: self.own.epoch,
            primaries: self.primaries.values().map(Primary::monitor).collect(),
        };
        (options != self.saved).then(|| {
            self.saved = options.clone();
            options
        })
    }

    /// What a sentinel does all the time.
    fn tick(&mut self) {
        let now = wall_clock_ms();
        let late = now - self.ticked_at;
        self.ticked_at = now;
        if late < 0 || late > self.own.periods.tilt_trigger {
            self.own.tilt_since = Some(now);
            self.own.event("+tilt", "#tilt mode entered".to_owned());
        } else if let Some(since) = self.own.tilt_since
            && now - since >= self.own.periods.tilt
        {
            self.own.tilt_since = None;
            self.own.event("-tilt", "#tilt mode exited".to_owned());
        }
        for primary in self.primaries.values_mut() {
            primary.tick(&mut self.own);
        }
    }

    /// The primary to which a connection belongs.
    fn of_line(&mut self, line: u64) -> Option<&mut Primary> {
        let mut primaries = self.primaries.values_mut();
        primaries.find(|primary| primary.has_line(line))
    }

    /// Takes a reply off a connection, or a message.
    fn received(&mut self, line: u64, frame: OwnedFrame) {
        let hello = hello::text(&frame);
        match hello {
            // Its own come back too.
            Some(hello) => {
                let now = wall_clock_ms();
                let instance = self.of_line(line).and_then(|p| p.instance_of_line(line));
                if let Some(instance) = instance {
                    instance.link.heard_at = now;
                    if !hello.contains(&self.own.id) {
                        self.take_hello(&hello);
                    }
                }
            }
            None => {
                let mut primaries = self.primaries.values_mut();
                let primary = primaries.find(|p| p.has_line(line));
                if let Some(primary) = primary {
                    primary.answered(&mut self.own, line, &frame);
                }
            }
        }
    }

    /// A connection is open, on this host of the sentinel.
    fn opened(&mut self, line: u64, local_host: String) {
        let instance = self.of_line(line).and_then(|p| p.instance_of_line(line));
        if let Some(open) = instance.and_then(|instance| instance.link.line(line)) {
            open.local_host = Some(local_host);
        }
    }

    /// A connection is no more.
    fn lost(&mut self, line: u64) {
        if let Some(instance) = self.of_line(line).and_then(|p| p.instance_of_line(line)) {
            instance.link.lost(line);
        }
    }

    /// What is to be written to a connection.
    pub(super) fn output(&mut self, line: u64) -> bytes::BytesMut {
        let instance = self.of_line(line).and_then(|p| p.instance_of_line(line));
        let line = instance.and_then(|instance| instance.link.line(line));
        line.map(|line| line.output.split()).unwrap_or_default()
    }
}
