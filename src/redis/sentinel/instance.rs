//! What a sentinel knows of one server: a primary, a replica, or another
//! sentinel.

use super::info::Reported;
use super::link::Link;
use super::{Address, Periods};
use crate::redis::wall_clock_ms;

/// What a server is to a sentinel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::redis) enum Kind {
    Primary,
    Replica,
    Sentinel,
}

impl Kind {
    pub(in crate::redis) fn name(self) -> &'static str {
        match self {
            Kind::Primary => "master",
            Kind::Replica => "slave",
            Kind::Sentinel => "sentinel",
        }
    }
}

/// A server that is watched. Times are in milliseconds of the wall clock.
#[derive(Debug)]
pub(in crate::redis) struct Instance {
    pub(in crate::redis) kind: Kind,
    pub(in crate::redis) name: String,
    pub(in crate::redis) address: Address,
    /// Of a server the ID of its process, of a sentinel that of its own.
    pub(in crate::redis) run_id: Option<String>,
    pub(in crate::redis) link: Link,
    /// Subjectively down.
    pub(in crate::redis) is_down: bool,
    /// Since when it is, or last was; 0 for never.
    pub(in crate::redis) down_at: i64,
    pub(in crate::redis) down_after: i64,
    /// When it last took a hello.
    pub(super) published_at: i64,
    /// What INFO said, of a primary or a replica.
    pub(in crate::redis) reported: Reported,
    /// What it said as a sentinel.
    pub(in crate::redis) peer: Peer,
    /// How far a replica is on its way to a new primary.
    pub(in crate::redis) reconf: Reconf,
}

/// What another sentinel said.
#[derive(Debug)]
pub(in crate::redis) struct Peer {
    /// It finds the primary down.
    pub(in crate::redis) says_down: bool,
    /// When it last said whether it does.
    pub(super) answered_at: i64,
    /// Its vote.
    pub(in crate::redis) leader: Option<String>,
    pub(in crate::redis) leader_epoch: u64,
    /// When it last said hello.
    pub(in crate::redis) hello_at: i64,
}

/// How far a replica is on its way to a new primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::redis) enum Reconf {
    None,
    /// It was told, at this time.
    Sent(i64),
    /// It follows the new primary, and is not in step.
    InProgress,
    Done,
}

impl Instance {
    pub(super) fn new(kind: Kind, name: String, address: Address, down_after: i64) -> Instance {
        let now = wall_clock_ms();
        Instance {
            kind,
            name,
            address,
            run_id: None,
            link: Link::new(now),
            is_down: false,
            down_at: 0,
            down_after,
            published_at: now,
            reported: Reported::new(kind, now),
            peer: Peer {
                says_down: false,
                answered_at: now,
                leader: None,
                leader_epoch: 0,
                hello_at: now,
            },
            reconf: Reconf::None,
        }
    }

    /// A replica goes by its address.
    pub(super) fn replica(address: Address, down_after: i64) -> Instance {
        Instance::new(Kind::Replica, address.to_string(), address, down_after)
    }

    /// Kind, name and address, as events name it.
    pub(in crate::redis) fn describe(&self) -> String {
        let (kind, Address { host, port }) = (self.kind.name(), &self.address);
        format!("{kind} {} {host} {port}", self.name)
    }

    /// Looks whether it has been silent for too long, and says what changed.
    pub(super) fn look(&mut self, periods: &Periods) -> Option<&'static str> {
        let now = wall_clock_ms();
        self.link.close_if_idle(now, self.down_after, periods);
        let silent = self.link.silent_for(now, self.kind) > self.down_after;
        let demoted = self.kind == Kind::Primary
            && self.reported.role == Kind::Replica
            && now - self.reported.role_at > self.down_after + periods.info * 2;
        let is_down = silent || demoted;
        if is_down == self.is_down {
            return None;
        }
        self.is_down = is_down;
        if is_down {
            self.down_at = now;
        }
        Some(if is_down { "+sdown" } else { "-sdown" })
    }

    /// It was not down within the last milliseconds.
    pub(super) fn was_up_for(&self, period: i64) -> bool {
        self.down_at == 0 || wall_clock_ms() - self.down_at > period
    }

    /// Has the next hello be sent at once.
    pub(super) fn force_hello(&mut self, periods: &Periods) {
        self.published_at -= periods.publish + 1;
    }
}
