//! Clients that wait for a key: BLPOP and its kin.
//!
//! A command that finds nothing to answer with says which keys it waits for.
//! When a command, a transaction or a script that filled such a key has
//! ended, the waiting commands are tried again on that key, in the order in
//! which their clients blocked, and the clients are woken with what they
//! answer. A retry knows which key is ready and takes from no other one,
//! as in Redis 7.0: a key of the wrong type does not wake anybody.
//!
//! WAIT is another matter: it waits for replicas, and is tried again whenever
//! one has said how far it is.
//!
//! How long a client waits is its connection's business, on the monotonic
//! clock: it withdraws the command when its time is up.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;

use super::client::{Client, ClientId};
use super::context::Context;
use super::reply::Reply;
use super::values::Kind;
use crate::rt::Label;

/// Runs a command that may wait. The last argument is the key that became
/// ready, none when the command is tried for the first time.
pub(super) type BlockingHandler = fn(&mut Context<'_>, &[&[u8]], Option<&[u8]>) -> Attempt;

/// What a command that may wait comes to.
#[derive(Debug)]
pub(super) enum Attempt {
    /// It has its answer.
    Done(Reply),
    /// It has none as yet.
    Wait(Wait),
    /// Its script is not over.
    Unfinished,
}

/// What a command waits for.
#[derive(Debug)]
pub(super) struct Wait {
    /// Any of these keys, in the client's database. None is for replicas.
    pub(super) keys: Vec<Bytes>,
    /// None is for ever. Who waits in vain for keys gets a missing array, and
    /// for replicas what the command then comes to.
    pub(super) timeout: Option<Duration>,
    /// What to try again, if not the command as it was sent.
    pub(super) retry: Option<Vec<Bytes>>,
    /// The answer to those who cannot wait, in a transaction or a script.
    pub(super) otherwise: Reply,
}

impl Attempt {
    pub(super) fn or_error(result: Result<Attempt, Reply>) -> Attempt {
        result.unwrap_or_else(Attempt::Done)
    }

    /// Tries all keys, or the one that became ready if it holds a `K`, and
    /// waits for them if `run` gets nothing out of them.
    pub(super) fn on_keys<K: Kind>(
        context: &mut Context<'_>,
        keys: &[&[u8]],
        ready: Option<&[u8]>,
        wait: Wait,
        run: impl FnOnce(&mut Context<'_>, &[&[u8]]) -> Result<Option<Reply>, Reply>,
    ) -> Result<Attempt, Reply> {
        let reply = match ready {
            None => run(context, keys)?,
            Some(key) => match context.lookup(key).and_then(|entry| K::of(&entry.value)) {
                Some(_) => run(context, &[key])?,
                None => None,
            },
        };
        Ok(reply.map_or(Attempt::Wait(wait), Attempt::Done))
    }
}

impl Wait {
    pub(super) fn for_keys(keys: &[&[u8]], timeout: Option<Duration>, otherwise: Reply) -> Wait {
        Wait {
            keys: keys.iter().map(|key| Bytes::copy_from_slice(key)).collect(),
            timeout,
            retry: None,
            otherwise,
        }
    }
}

/// A client's place among those who wait, in the order in which they came.
pub(super) type Ticket = u64;

/// A blocked client and its command.
#[derive(Debug)]
pub(super) struct Waiter {
    pub(super) client: ClientId,
    database: usize,
    pub(super) run: BlockingHandler,
    pub(super) args: Vec<Bytes>,
    pub(super) label: Label,
    keys: Vec<Bytes>,
}

impl Waiter {
    pub(super) fn is_for_replicas(&self) -> bool {
        self.keys.is_empty()
    }
}

/// Everyone who is blocked, and the keys that may end it.
#[derive(Debug, Default)]
pub(super) struct Blocked {
    tickets_sold: Ticket,
    waiters: BTreeMap<Ticket, Waiter>,
    by_key: BTreeMap<(usize, Bytes), BTreeSet<Ticket>>,
    /// Who waits for replicas.
    for_replicas: BTreeSet<Ticket>,
    replicas_moved: bool,
    ready: IndexSet<(usize, Bytes), FxBuildHasher>,
}

impl Blocked {
    /// Notes that somebody waits.
    pub(super) fn add(
        &mut self,
        client: &Client,
        run: BlockingHandler,
        args: &[&[u8]],
        label: Label,
        wait: Wait,
    ) -> Ticket {
        self.tickets_sold += 1;
        let ticket = self.tickets_sold;
        if wait.keys.is_empty() {
            self.for_replicas.insert(ticket);
        }
        for key in &wait.keys {
            let place = (client.database, key.clone());
            self.by_key.entry(place).or_default().insert(ticket);
        }
        let as_sent = || args.iter().map(|arg| Bytes::copy_from_slice(arg)).collect();
        let waiter = Waiter {
            client: client.id,
            database: client.database,
            run,
            args: wait.retry.unwrap_or_else(as_sent),
            label,
            keys: wait.keys,
        };
        self.waiters.insert(ticket, waiter);
        ticket
    }

    /// Takes a client out; none if it has been answered.
    pub(super) fn remove(&mut self, ticket: Ticket) -> Option<Waiter> {
        let waiter = self.waiters.remove(&ticket)?;
        self.for_replicas.remove(&ticket);
        for key in &waiter.keys {
            let place = (waiter.database, key.clone());
            if let Some(tickets) = self.by_key.get_mut(&place) {
                tickets.remove(&ticket);
                if tickets.is_empty() {
                    self.by_key.remove(&place);
                }
            }
        }
        Some(waiter)
    }

    /// Notes that a key may have what somebody waits for.
    pub(super) fn signal(&mut self, database: usize, key: &[u8]) {
        if self.by_key.is_empty() {
            return;
        }
        let place = (database, Bytes::copy_from_slice(key));
        if self.by_key.contains_key(&place) {
            self.ready.insert(place);
        }
    }

    /// The keys of a database that somebody waits for.
    pub(super) fn waited_for(&self, database: usize) -> Vec<Bytes> {
        let keys = self.by_key.keys();
        keys.filter(|(of, _)| *of == database)
            .map(|(_, key)| key.clone())
            .collect()
    }

    /// The keys that became ready since the last call, in that order.
    pub(super) fn take_ready(&mut self) -> impl Iterator<Item = (usize, Bytes)> + use<> {
        std::mem::take(&mut self.ready).into_iter()
    }

    pub(super) fn is_anything_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Who waits for a key, first come first.
    pub(super) fn waiting_for(&self, place: &(usize, Bytes)) -> Vec<Ticket> {
        let tickets = self.by_key.get(place);
        tickets.map_or_else(Vec::new, |tickets| tickets.iter().copied().collect())
    }

    /// Notes that a replica said how far it is.
    pub(super) fn replica_moved(&mut self) {
        self.replicas_moved = true;
    }

    /// Who waits for replicas, if one has said something since the last call.
    pub(super) fn take_waiting_for_replicas(&mut self) -> Vec<Ticket> {
        match std::mem::take(&mut self.replicas_moved) {
            true => self.for_replicas.iter().copied().collect(),
            false => Vec::new(),
        }
    }

    pub(super) fn waiter(&self, ticket: Ticket) -> Option<&Waiter> {
        self.waiters.get(&ticket)
    }
}
