//! Who listens to which channel.

use bytes::Bytes;
use indexmap::{IndexMap, IndexSet};
use rustc_hash::FxBuildHasher;

use super::client::{Client, ClientId};
use super::clients::Clients;
use super::events::{Class, KeyEvent};
use super::glob;
use super::reply::Reply;
use crate::rt::Label;

/// The label of a published message.
pub(super) const MESSAGE_LABEL: Label = "published message";

type Listeners = IndexMap<Bytes, IndexSet<ClientId, FxBuildHasher>, FxBuildHasher>;

/// The channels and patterns of all clients, in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct PubSub {
    channels: Listeners,
    patterns: Listeners,
    shard_channels: Listeners,
}

/// What can be listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Channel,
    Pattern,
    Shard,
}

impl Kind {
    fn names(self, client: &mut Client) -> &mut super::client::Names {
        match self {
            Kind::Channel => &mut client.channels,
            Kind::Pattern => &mut client.patterns,
            Kind::Shard => &mut client.shard_channels,
        }
    }

    /// As confirmations count: shard channels are counted apart.
    fn count(self, client: &Client) -> Reply {
        let count = match self {
            Kind::Channel | Kind::Pattern => client.subscriptions(),
            Kind::Shard => client.shard_channels.len(),
        };
        Reply::Integer(i64::try_from(count).unwrap_or(i64::MAX))
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            Kind::Channel => ("subscribe", "unsubscribe"),
            Kind::Pattern => ("psubscribe", "punsubscribe"),
            Kind::Shard => ("ssubscribe", "sunsubscribe"),
        }
    }
}

impl PubSub {
    pub(super) fn listeners(&self, kind: Kind) -> &Listeners {
        match kind {
            Kind::Channel => &self.channels,
            Kind::Pattern => &self.patterns,
            Kind::Shard => &self.shard_channels,
        }
    }

    fn listeners_mut(&mut self, kind: Kind) -> &mut Listeners {
        match kind {
            Kind::Channel => &mut self.channels,
            Kind::Pattern => &mut self.patterns,
            Kind::Shard => &mut self.shard_channels,
        }
    }

    /// The confirmation.
    pub(super) fn subscribe(&mut self, client: &mut Client, kind: Kind, name: &[u8]) -> Reply {
        let name = Bytes::copy_from_slice(name);
        if kind.names(client).insert(name.clone()) {
            let listeners = self.listeners_mut(kind).entry(name.clone()).or_default();
            listeners.insert(client.id);
        }
        Reply::Push(vec![
            Reply::bulk(kind.words().0),
            Reply::Bulk(name),
            kind.count(client),
        ])
    }

    /// The confirmation, whether or not the client listened.
    pub(super) fn unsubscribe(&mut self, client: &mut Client, kind: Kind, name: &[u8]) -> Reply {
        if kind.names(client).shift_remove(name) {
            self.remove(kind, name, client.id);
        }
        Reply::Push(vec![
            Reply::bulk(kind.words().1),
            Reply::Bulk(Bytes::copy_from_slice(name)),
            kind.count(client),
        ])
    }

    /// One confirmation for each that the client listened to, or one that
    /// names none.
    pub(super) fn unsubscribe_all(&mut self, client: &mut Client, kind: Kind) -> Vec<Reply> {
        let names: Vec<Bytes> = kind.names(client).iter().cloned().collect();
        if names.is_empty() {
            return vec![Reply::Push(vec![
                Reply::bulk(kind.words().1),
                Reply::Null,
                kind.count(client),
            ])];
        }
        names
            .iter()
            .map(|name| self.unsubscribe(client, kind, name))
            .collect()
    }

    /// Forgets a client that left.
    pub(super) fn forget(&mut self, client: &mut Client) {
        for kind in [Kind::Channel, Kind::Pattern, Kind::Shard] {
            for name in std::mem::take(kind.names(client)) {
                self.remove(kind, &name, client.id);
            }
        }
    }

    fn remove(&mut self, kind: Kind, name: &[u8], client: ClientId) {
        let all = self.listeners_mut(kind);
        if let Some(listeners) = all.get_mut(name) {
            listeners.shift_remove(&client);
            if listeners.is_empty() {
                all.shift_remove(name);
            }
        }
    }

    /// Sends a message to whoever listens, and says how many did.
    pub(super) fn publish(&self, clients: &mut Clients, channel: &[u8], message: &[u8]) -> usize {
        if self.channels.is_empty() && self.patterns.is_empty() {
            return 0;
        }
        let mut receivers = self.send(clients, Kind::Channel, "message", channel, message);
        for (pattern, listeners) in &self.patterns {
            if glob::matches(pattern, channel) {
                let parts = [
                    Reply::bulk("pmessage"),
                    Reply::Bulk(pattern.clone()),
                    Reply::Bulk(Bytes::copy_from_slice(channel)),
                    Reply::Bulk(Bytes::copy_from_slice(message)),
                ];
                let push = Reply::Push(parts.into());
                for listener in listeners {
                    clients.push(*listener, &push, MESSAGE_LABEL);
                }
                receivers += listeners.len();
            }
        }
        receivers
    }

    /// SPUBLISH.
    pub(super) fn publish_to_shard(
        &self,
        clients: &mut Clients,
        channel: &[u8],
        message: &[u8],
    ) -> usize {
        self.send(clients, Kind::Shard, "smessage", channel, message)
    }

    fn send(
        &self,
        clients: &mut Clients,
        kind: Kind,
        word: &'static str,
        channel: &[u8],
        message: &[u8],
    ) -> usize {
        let Some(listeners) = self.listeners(kind).get(channel) else {
            return 0;
        };
        let push = Reply::Push(vec![
            Reply::bulk(word),
            Reply::Bulk(Bytes::copy_from_slice(channel)),
            Reply::Bulk(Bytes::copy_from_slice(message)),
        ]);
        for listener in listeners {
            clients.push(*listener, &push, MESSAGE_LABEL);
        }
        listeners.len()
    }

    /// Publishes what happened to a key, in the ways that are selected.
    pub(super) fn publish_event(&self, clients: &mut Clients, selected: Class, event: &KeyEvent) {
        let channel = |kind: &str, what: &[u8]| {
            let mut channel = format!("__{kind}@{}__:", event.database).into_bytes();
            channel.extend_from_slice(what);
            channel
        };
        let name = event.name.as_bytes();
        if selected.has(Class::KEYSPACE) {
            self.publish(clients, &channel("keyspace", &event.key), name);
        }
        if selected.has(Class::KEYEVENT) {
            self.publish(clients, &channel("keyevent", name), &event.key);
        }
    }
}
