//! One client's requests and their replies, whatever carries them.
//!
//! All that has arrived is run under one hold of the engine's lock. Input
//! that is no request gets Redis's error and ends this client only.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::sync::Notify;

use super::Shared;
use super::client::{Client, ClientId};
use super::config::{Config, OutputClass, OutputLimit};
use super::engine::{Engine, Executed};
use super::keyspace::Keyspace;
use super::wall_clock_ms;
use super::wire::{Limits, Parser, Request};
use crate::rt::{self, Instant, Label};

/// A client that is connected until this is dropped.
pub(super) struct Session {
    pub(super) shared: Arc<Shared>,
    id: ClientId,
    /// Somebody did something to the client.
    pub(super) wake: Arc<Notify>,
    parser: Parser,
    /// What has arrived.
    pub(super) input: BytesMut,
    /// What is to be sent.
    pub(super) output: BytesMut,
    /// Since when so much has waited to be sent that it may not stay so.
    overfull_since: Option<Instant>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.shared.engine.lock().disconnect(self.id);
    }
}

/// What a client does next.
pub(super) enum Next {
    /// Waits for input or a wake, until this instant if there is one.
    Wait(Option<Instant>),
    /// Goes once everything is written.
    Close,
    /// Is gone, written or not.
    Vanish,
}

impl Session {
    /// Connects a client, whose ends have these addresses.
    pub(super) fn open(shared: Arc<Shared>, peer: String, local: String) -> Session {
        let (id, wake) = {
            let mut engine = shared.engine.lock();
            let id = engine.connect(peer, local);
            let wake = engine.server.clients.get_mut(id).map(|c| c.wake.clone());
            (id, wake.unwrap_or_default())
        };
        Session {
            shared,
            id,
            wake,
            parser: Parser::default(),
            input: BytesMut::new(),
            output: BytesMut::new(),
            overfull_since: None,
        }
    }

    fn output_limit(&self, keyspace: &Keyspace, config: &Config, client: &Client) -> OutputLimit {
        config.output_limits.of(if self.is_replica(keyspace) {
            OutputClass::Replica
        } else if client.subscribes() {
            OutputClass::PubSub
        } else {
            OutputClass::Normal
        })
    }

    fn is_replica(&self, keyspace: &Keyspace) -> bool {
        let replicas = &keyspace.propagation.replication.replicas;
        replicas.contains_key(&self.id)
    }

    fn is_overfull(&mut self, unsent: usize, limit: OutputLimit) -> bool {
        let reached = |most: usize| most > 0 && unsent >= most;
        if !reached(limit.soft) {
            self.overfull_since = None;
            return reached(limit.hard);
        }
        let since = *self.overfull_since.get_or_insert_with(rt::now);
        let patience = Duration::from_secs(limit.soft_seconds);
        reached(limit.hard) || since.elapsed() > patience
    }

    /// How much longer the client may stay without a word, if there is a
    /// limit to that.
    fn idle_left(&self, engine: &Engine, client: &Client) -> Option<Duration> {
        let seconds = engine.server.config.idle_seconds;
        let may_be_idle = seconds == 0
            || client.blocked.is_some()
            || client.subscribes()
            || engine.server.monitors.contains(&self.id)
            || self.is_replica(&engine.keyspace);
        if may_be_idle {
            return None;
        }
        // Redis counts whole seconds, and more than so many.
        let last = Duration::from_secs(client.active_at.unsigned_abs() / 1000 + seconds + 1);
        Some(last.saturating_sub(rt::unix_time()))
    }

    /// Runs every whole request of the input and gathers the replies.
    /// `label` is told what they are replies to.
    pub(super) fn run(&mut self, label: impl FnMut(Label)) -> Next {
        let shared = self.shared.clone();
        let mut engine = shared.engine.lock();
        if let Some(until) = engine.stands_still() {
            return Next::Wait(until);
        }
        let Some(mut client) = engine.server.clients.take(self.id) else {
            return Next::Vanish;
        };
        engine.give_up(&mut client);
        engine.keyspace.client = Some(client.address.clone());
        engine.keyspace.tracking.current = Some(client.id);
        let postponed = self.run_all(&mut engine, &mut client);
        engine.keyspace.client = None;
        engine.keyspace.tracking.current = None;
        client.labels.drain(..).for_each(label);
        if !client.output.is_empty() {
            client.active_at = wall_clock_ms();
            match self.output.is_empty() {
                true => std::mem::swap(&mut self.output, &mut client.output),
                false => self.output.extend_from_slice(&client.output),
            }
            client.output.clear();
        }
        let limit = self.output_limit(&engine.keyspace, &engine.server.config, &client);
        let idle_left = self.idle_left(&engine, &client);
        client.killed |= idle_left == Some(Duration::ZERO);
        client.killed |= self.is_overfull(self.output.len(), limit);
        let next = if client.killed {
            Next::Vanish
        } else if client.closing {
            Next::Close
        } else {
            let unblocked = client.blocked.and_then(|waiting| waiting.until);
            let unblocked = unblocked.filter(|_| !engine.is_in_script());
            let idle = idle_left.map(|left| rt::now() + left);
            Next::Wait([postponed, unblocked, idle].into_iter().flatten().min())
        };
        engine.server.clients.put_back(client);
        shared.settle(engine);
        next
    }

    /// The instant until which the next request has to wait, if it has.
    fn run_all(&mut self, engine: &mut Engine, client: &mut Box<Client>) -> Option<Instant> {
        client.postponed = false;
        while !client.closing
            && !client.killed
            && client.blocked.is_none()
            && !engine.runs_script_of(client.id)
        {
            let limits = Limits {
                bulk_max: engine.server.config.bulk_max,
                authenticated: client.authenticated,
            };
            let taken = match self.parser.next(&self.input, limits) {
                Ok(Request::Partial) => break,
                Ok(Request::Empty(taken)) => taken,
                Ok(Request::Command(taken)) => {
                    client.unread = self.input.len();
                    let args = self.parser.arguments(&self.input);
                    if let Executed::Postponed(until) = engine.execute(client, &args) {
                        client.postponed = true;
                        return Some(until);
                    }
                    taken
                }
                Err(error) => {
                    client.answer(&error, "protocol error");
                    client.closing = true;
                    break;
                }
            };
            match taken == self.input.len() {
                true => self.input.clear(),
                false => self.input.advance(taken),
            }
        }
        client.unread = self.input.len();
        if client.unread > engine.server.config.query_max {
            client.killed = true;
        }
        None
    }
}

/// A client in the same process, without a socket: what a command costs
/// without a network.
pub struct LocalClient(Session);

impl LocalClient {
    pub(super) fn open(shared: Arc<Shared>) -> LocalClient {
        let nowhere = || "127.0.0.1:0".to_owned();
        LocalClient(Session::open(shared, nowhere(), nowhere()))
    }

    /// Runs requests, which are bytes as on the wire, and returns the replies
    /// to all that are whole. One that has to wait is answered by a later
    /// call.
    pub fn call(&mut self, requests: &[u8]) -> Bytes {
        self.0.input.extend_from_slice(requests);
        self.0.run(|_| {});
        self.0.output.split().freeze()
    }
}

impl std::fmt::Debug for LocalClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LocalClient")
    }
}
