//! Consumer groups: who was given which entry and has not acknowledged it.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::StreamId;

/// A group of consumers that share a stream.
#[derive(Debug, Clone, Default)]
pub(in crate::redis) struct Group {
    /// The last entry that was given to anybody.
    pub(in crate::redis) last_id: StreamId,
    /// How many entries were given out, if that is known.
    pub(in crate::redis) entries_read: Option<u64>,
    /// What is not acknowledged (the PEL).
    pending: BTreeMap<StreamId, Pending>,
    consumers: BTreeMap<Bytes, Consumer>,
}

/// An entry that somebody has.
#[derive(Debug, Clone)]
pub(in crate::redis) struct Pending {
    pub(in crate::redis) consumer: Bytes,
    /// Unix milliseconds.
    pub(in crate::redis) delivered_at: i64,
    pub(in crate::redis) deliveries: u64,
}

/// A member of a group.
#[derive(Debug, Clone, Default)]
pub(in crate::redis) struct Consumer {
    /// Unix milliseconds.
    pub(in crate::redis) seen_at: i64,
    pub(in crate::redis) pending: BTreeSet<StreamId>,
}

impl Group {
    pub(in crate::redis) fn new(last_id: StreamId, entries_read: Option<u64>) -> Group {
        Group {
            last_id,
            entries_read,
            ..Group::default()
        }
    }

    pub(in crate::redis) fn pending(&self) -> &BTreeMap<StreamId, Pending> {
        &self.pending
    }

    pub(in crate::redis) fn consumers(&self) -> &BTreeMap<Bytes, Consumer> {
        &self.consumers
    }

    /// Notes that a consumer was heard of; true if it is new.
    pub(in crate::redis) fn see(&mut self, name: &[u8], now: i64) -> bool {
        match self.consumers.get_mut(name) {
            Some(consumer) => {
                consumer.seen_at = now;
                false
            }
            None => self.create(name, now),
        }
    }

    /// Adds a consumer; false if there is one of that name.
    pub(in crate::redis) fn create(&mut self, name: &[u8], now: i64) -> bool {
        let new = !self.consumers.contains_key(name);
        if new {
            let consumer = Consumer {
                seen_at: now,
                ..Consumer::default()
            };
            self.consumers
                .insert(Bytes::copy_from_slice(name), consumer);
        }
        new
    }

    /// Removes a consumer with all that it has not acknowledged; how many
    /// entries that were, none if there is no such consumer.
    pub(in crate::redis) fn remove(&mut self, name: &[u8]) -> Option<usize> {
        let consumer = self.consumers.remove(name)?;
        for id in &consumer.pending {
            self.pending.remove(id);
        }
        Some(consumer.pending.len())
    }

    /// Gives an entry to an existing consumer, whoever has it.
    pub(in crate::redis) fn assign(&mut self, id: StreamId, pending: Pending) {
        self.acknowledge(id);
        if let Some(consumer) = self.consumers.get_mut(&pending.consumer) {
            consumer.pending.insert(id);
            self.pending.insert(id, pending);
        }
    }

    /// Notes that an entry was given to its consumer once more.
    pub(in crate::redis) fn deliver_again(&mut self, id: StreamId, now: i64) {
        if let Some(pending) = self.pending.get_mut(&id) {
            pending.delivered_at = now;
            pending.deliveries += 1;
        }
    }

    /// Forgets that somebody has an entry; what it was.
    pub(in crate::redis) fn acknowledge(&mut self, id: StreamId) -> Option<Pending> {
        let pending = self.pending.remove(&id)?;
        if let Some(consumer) = self.consumers.get_mut(&pending.consumer) {
            consumer.pending.remove(&id);
        }
        Some(pending)
    }
}
