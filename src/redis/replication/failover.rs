//! FAILOVER: a primary hands over to a replica that has all it has.
//!
//! Writes are held back until a replica has acknowledged everything: the one
//! that was named, or the first. Then this server follows it, and tells it to
//! lead with `PSYNC ... FAILOVER`; whether it does so or refuses, writes are
//! let go. If the time is over before that, a named replica is taken all the
//! same with FORCE, and without it everything is as before.

use std::sync::Arc;

use tokio_util::sync::{CancellationToken, DropGuard};

use super::Replication;
use super::primary::Replica;
use crate::redis::Shared;
use crate::redis::context::Context;
use crate::redis::engine::Engine;
use crate::rt::{self, Instant};

/// A failover under way.
#[derive(Debug)]
pub(in crate::redis) struct Failover {
    /// The replica that was named, by host and port.
    pub(in crate::redis) target: Option<(String, i64)>,
    pub(in crate::redis) until: Option<Instant>,
    pub(in crate::redis) force: bool,
    /// This server follows its replica already, to tell it.
    handing_over: bool,
    /// Ends the task that looks at the time.
    timer: Option<DropGuard>,
}

impl Failover {
    pub(in crate::redis) fn new(
        target: Option<(String, i64)>,
        until: Option<Instant>,
        force: bool,
    ) -> Failover {
        Failover {
            target,
            until,
            force,
            handing_over: false,
            timer: None,
        }
    }
}

/// What is next.
enum Next {
    Wait,
    HandOver(String, u16),
    GiveUp,
}

impl Replication {
    /// INFO's word.
    pub(in crate::redis) fn failover_state(&self) -> &'static str {
        match &self.failover {
            None => "no-failover",
            Some(failover) if failover.handing_over => "failover-in-progress",
            Some(_) => "waiting-for-sync",
        }
    }

    /// Whether PSYNC tells the primary to lead first.
    pub(super) fn hands_over(&self) -> bool {
        self.failover.as_ref().is_some_and(|f| f.handing_over)
    }

    /// Nothing is to go into the stream that its end would have to wait for.
    pub(super) fn holds_still(&self) -> bool {
        self.failover.as_ref().is_some_and(|f| f.until.is_some())
    }

    /// The replica that listens there.
    pub(in crate::redis) fn replica_at(&self, host: &str, port: i64) -> Option<&Replica> {
        let mut replicas = self.replicas.values();
        replicas.find(|replica| replica.host == host && replica.port == port)
    }

    fn next_of_failover(&self) -> Next {
        let waits = |failover: &&Failover| !failover.handing_over;
        let Some(failover) = self.failover.as_ref().filter(waits) else {
            return Next::Wait;
        };
        let to = |host: &str, port: i64| match u16::try_from(port) {
            Ok(port) => Next::HandOver(host.to_owned(), port),
            Err(_) => Next::GiveUp,
        };
        let is_over = failover.until.is_some_and(|until| until <= rt::now());
        match &failover.target {
            Some((host, port)) if is_over && failover.force => return to(host, *port),
            _ if is_over => return Next::GiveUp,
            _ => {}
        }
        let has_all = |replica: &&Replica| replica.acked == self.stream.offset;
        let ready = match &failover.target {
            Some((host, port)) => self.replica_at(host, *port).filter(has_all),
            None => self.replicas.values().find(has_all),
        };
        ready.map_or(Next::Wait, |replica| to(&replica.host, replica.port))
    }
}

/// Takes the next step of a failover, if one is due.
pub(in crate::redis) fn advance(shared: &Arc<Shared>, engine: &mut Engine) {
    match engine.keyspace.propagation.replication.next_of_failover() {
        Next::Wait => {}
        Next::HandOver(host, port) => {
            if let Some(failover) = &mut engine.keyspace.propagation.replication.failover {
                failover.handing_over = true;
            }
            engine.as_nobody(|context| context.follow(host, port));
        }
        Next::GiveUp => engine.as_nobody(|context| context.end_failover()),
    }
    let failover = &mut engine.keyspace.propagation.replication.failover;
    let Some(failover) = failover.as_mut().filter(|f| !f.handing_over) else {
        return;
    };
    if let Some(until) = failover.until.filter(|_| failover.timer.is_none()) {
        let ends = CancellationToken::new();
        failover.timer = Some(ends.clone().drop_guard());
        let server = Arc::downgrade(shared);
        rt::spawn(ends.run_until_cancelled_owned(async move {
            rt::sleep_until(until).await;
            if let Some(shared) = server.upgrade() {
                shared.settle(shared.engine.lock());
            }
        }));
    }
}

impl Context<'_> {
    /// The replica leads, or nothing comes of it: writes go on.
    pub(in crate::redis) fn end_failover(&mut self) {
        self.keyspace.propagation.replication.failover = None;
        self.server.clients.wake_all();
    }

    /// Nothing comes of a failover: this server leads on.
    pub(in crate::redis) fn abort_failover(&mut self) {
        if self.keyspace.propagation.replication.hands_over() {
            self.lead();
        }
        self.end_failover();
    }
}
