//! The connections to an instance: one for commands, and to a primary or a
//! replica another that listens to hellos.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::BytesMut;
use tokio::sync::Notify;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::instance::Kind;
use super::{Address, HELLO, Opening, Own};
use crate::redis::propagation::request;
use crate::redis::wall_clock_ms;

/// What a reply will be an answer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Ping,
    Info,
    Hello,
    /// Whether the primary is down, and a vote.
    Opinion,
    /// Something whose reply says nothing.
    Order,
}

/// One connection, from the decision to open it.
#[derive(Debug)]
pub(super) struct Line {
    /// Tells it from every other of this sentinel.
    pub(super) number: u64,
    opened_at: i64,
    /// What its task has not written yet.
    pub(super) output: BytesMut,
    /// What has not been answered yet.
    pub(super) asked: VecDeque<Asked>,
    /// There is output.
    wake: Arc<Notify>,
    /// The sentinel's own host, once the connection is open.
    pub(super) local_host: Option<String>,
    /// Closes the connection.
    _open: DropGuard,
}

impl Line {
    fn open(own: &mut Own, address: String) -> Line {
        own.lines += 1;
        let (open, wake) = (CancellationToken::new(), Arc::new(Notify::new()));
        own.to_open.push(Opening {
            number: own.lines,
            address,
            wake: wake.clone(),
            open: open.clone(),
        });
        Line {
            number: own.lines,
            opened_at: wall_clock_ms(),
            output: BytesMut::new(),
            asked: VecDeque::new(),
            wake,
            local_host: None,
            _open: open.drop_guard(),
        }
    }

    fn send(&mut self, asked: Asked, args: &[&[u8]]) {
        request(&mut self.output, args);
        self.asked.push_back(asked);
        self.wake.notify_one();
    }
}

/// Both connections, and when they were last of use. Times are in
/// milliseconds of the wall clock.
#[derive(Debug)]
pub(in crate::redis) struct Link {
    commands: Option<Line>,
    hellos: Option<Line>,
    tried_at: i64,
    /// When it last answered a ping as it should.
    pub(in crate::redis) available_at: i64,
    /// When the first ping was sent that has no answer; 0 if all have.
    pub(in crate::redis) waits_since: i64,
    pub(super) pinged_at: i64,
    /// When it last answered a ping in whatever way.
    pub(in crate::redis) answered_at: i64,
    /// When the last hello came.
    pub(super) heard_at: i64,
}

impl Link {
    pub(super) fn new(now: i64) -> Link {
        Link {
            commands: None,
            hellos: None,
            tried_at: 0,
            available_at: now,
            // As if it had been asked: who never answers is down one day.
            waits_since: now,
            pinged_at: 0,
            answered_at: now,
            heard_at: 0,
        }
    }

    /// What is not answered yet.
    pub(in crate::redis) fn pending(&self) -> usize {
        self.commands.as_ref().map_or(0, |line| line.asked.len())
    }

    pub(in crate::redis) fn is_connected(&self, kind: Kind) -> bool {
        self.commands.is_some() && (kind == Kind::Sentinel || self.hellos.is_some())
    }

    /// Opens what is not open, once a second at most.
    pub(super) fn connect(&mut self, own: &mut Own, kind: Kind, address: &Address) {
        let now = wall_clock_ms();
        if self.is_connected(kind) || now - self.tried_at < own.periods.ping {
            return;
        }
        self.tried_at = now;
        let short = own.id.get(..8).unwrap_or(&own.id).to_owned();
        let introduce = |line: &mut Line, role: &str| {
            let name = format!("sentinel-{short}-{role}");
            line.send(Asked::Order, &[b"CLIENT", b"SETNAME", name.as_bytes()]);
        };
        if self.commands.is_none() {
            let mut line = Line::open(own, address.to_string());
            introduce(&mut line, "cmd");
            self.commands = Some(line);
            self.ping();
        }
        if kind != Kind::Sentinel && self.hellos.is_none() {
            let mut line = Line::open(own, address.to_string());
            introduce(&mut line, "pubsub");
            line.send(Asked::Order, &[b"SUBSCRIBE", HELLO]);
            self.hellos = Some(line);
        }
    }

    /// Sends a command; false if there is no connection.
    pub(super) fn send(&mut self, asked: Asked, args: &[&[u8]]) -> bool {
        let line = self.commands.as_mut();
        line.map(|line| line.send(asked, args)).is_some()
    }

    pub(super) fn ping(&mut self) {
        if self.send(Asked::Ping, &[b"PING"]) {
            self.pinged_at = wall_clock_ms();
            if self.waits_since == 0 {
                self.waits_since = self.pinged_at;
            }
        }
    }

    /// How long it has been silent.
    pub(super) fn silent_for(&self, now: i64, kind: Kind) -> i64 {
        if self.waits_since != 0 {
            now - self.waits_since
        } else if !self.is_connected(kind) {
            now - self.available_at
        } else {
            0
        }
    }

    /// Gives up a connection that has been of no use for long: another may be.
    pub(super) fn close_if_idle(&mut self, now: i64, down_after: i64, periods: &super::Periods) {
        let old = |line: &Option<Line>| {
            let line = line.as_ref();
            line.is_some_and(|line| now - line.opened_at > periods.reconnect)
        };
        let unanswered = self.waits_since != 0
            && now - self.waits_since > down_after / 2
            && now - self.answered_at > down_after / 2;
        if unanswered && old(&self.commands) {
            self.commands = None;
        }
        if now - self.heard_at > periods.publish * 3 && old(&self.hellos) {
            self.hellos = None;
        }
    }

    pub(super) fn has(&self, number: u64) -> bool {
        let mut lines = [&self.commands, &self.hellos].into_iter().flatten();
        lines.any(|line| line.number == number)
    }

    /// The connection of that number.
    pub(super) fn line(&mut self, number: u64) -> Option<&mut Line> {
        let lines = [&mut self.commands, &mut self.hellos];
        let mut lines = lines.into_iter().flatten();
        lines.find(|line| line.number == number)
    }

    /// Notes that the connection of that number is no more.
    pub(super) fn lost(&mut self, number: u64) {
        for line in [&mut self.commands, &mut self.hellos] {
            line.take_if(|line| line.number == number);
        }
    }

    /// The sentinel's own host, as this instance sees it.
    pub(super) fn local_host(&self) -> Option<&str> {
        self.commands.as_ref()?.local_host.as_deref()
    }
}
