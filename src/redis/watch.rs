//! WATCH: who waits to hear that a key changed.
//!
//! A watched key that is touched makes its watchers dirty, and their EXEC
//! does nothing. Expiry follows 7.0: a key that was already past its deadline
//! when it was watched may go without anyone minding, and one that passes its
//! deadline later spoils the transaction.

use std::collections::BTreeSet;

use bytes::Bytes;
use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::client::ClientId;

/// A key of a database.
type Place = (usize, Bytes);

#[derive(Debug)]
struct Watcher {
    client: ClientId,
    /// The key was past its deadline, and not yet removed, when it was watched.
    stale: bool,
}

/// Every watched key, and the clients whose keys were touched.
#[derive(Debug, Default)]
pub(super) struct Watches {
    watchers: IndexMap<Place, Vec<Watcher>, FxBuildHasher>,
    dirty: BTreeSet<ClientId>,
}

impl Watches {
    pub(super) fn add(&mut self, database: usize, key: &[u8], client: ClientId, stale: bool) {
        let watchers = self
            .watchers
            .entry((database, Bytes::copy_from_slice(key)))
            .or_default();
        if watchers.iter().all(|watcher| watcher.client != client) {
            watchers.push(Watcher { client, stale });
        }
    }

    /// Forgets what a client watched, and that it is dirty.
    pub(super) fn remove(&mut self, client: ClientId) {
        self.dirty.remove(&client);
        if self.watchers.is_empty() {
            return;
        }
        self.watchers.retain(|_, watchers| {
            watchers.retain(|watcher| watcher.client != client);
            !watchers.is_empty()
        });
    }

    /// Whether nobody watches anything.
    pub(super) fn is_empty(&self) -> bool {
        self.watchers.is_empty()
    }

    pub(super) fn is_watching(&self, client: ClientId) -> bool {
        self.fresh(client).next().is_some() || self.is_dirty(client)
    }

    pub(super) fn is_dirty(&self, client: ClientId) -> bool {
        self.dirty.contains(&client)
    }

    /// The keys that a client watches and that were not stale already.
    pub(super) fn fresh(&self, client: ClientId) -> impl Iterator<Item = &Place> {
        self.watchers
            .iter()
            .filter(move |(_, watchers)| watchers.iter().any(|w| w.client == client && !w.stale))
            .map(|(place, _)| place)
    }

    /// A key changed; `exists` says whether it is there after that.
    pub(super) fn touch(&mut self, database: usize, key: &[u8], exists: bool) {
        let place = (database, Bytes::copy_from_slice(key));
        for watcher in self.watchers.get_mut(&place).into_iter().flatten() {
            if !watcher.stale {
                self.dirty.insert(watcher.client);
            } else if !exists {
                // A key that nobody could see any more is gone: no change.
                watcher.stale = false;
            }
        }
    }
}
