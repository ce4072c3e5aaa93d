//! Client-side caching: who is told that a key changed, as CLIENT TRACKING
//! asks.
//!
//! A client that tracks is remembered with every key that it reads, and told
//! once that the key is no longer what it was. One in broadcasting mode is not
//! remembered: between two batches of requests it is told of all keys that
//! changed and begin with one of its prefixes. Names of keys are all that
//! counts, in whatever database.
//!
//! A running client is told of its own changes behind the reply, and behind
//! that of EXEC as a whole; everybody else at once. An invalidation is a push
//! of RESP3, or a message to a client that subscribes in RESP2 and that
//! another one redirects to. All keys at once are a null, here in the receiver's
//! protocol; Redis writes it in the tracking client's.
//!
//! `tracking-table-max-keys` is seen to after each batch and in one go, where
//! Redis takes a hundred keys and more before a command and ten times a second.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::client::{ClientId, Push};
use super::clients::Clients;
use super::reply::Reply;
use crate::rt::{self, Label};

const LABEL: Label = "invalidation";

/// What a client asked for.
#[derive(Debug, Default)]
pub(super) struct Mode {
    /// Who is told instead.
    pub(super) redirect: Option<ClientId>,
    /// That one has left, and something was to be told.
    pub(super) redirect_is_broken: bool,
    /// BCAST
    pub(super) broadcast: bool,
    /// OPTIN: only what is read behind CLIENT CACHING YES.
    pub(super) opt_in: bool,
    /// OPTOUT: but what is read behind CLIENT CACHING NO.
    pub(super) opt_out: bool,
    /// NOLOOP: not of its own changes.
    pub(super) no_loop: bool,
    /// CLIENT CACHING holds for the next command.
    pub(super) caching: bool,
    pub(super) prefixes: BTreeSet<Bytes>,
}

/// What cannot be relied on any more.
#[derive(Debug)]
pub(super) enum Stale {
    /// A key, by those who have read it.
    Key(Bytes, BTreeSet<ClientId>),
    /// All keys, by everybody.
    All,
}

/// Those who broadcasts on a prefix go to, and the next one: keys, and which
/// client changed each last.
#[derive(Debug, Default)]
struct Prefix {
    clients: BTreeSet<ClientId>,
    changed: BTreeMap<Bytes, Option<ClientId>>,
}

/// Everyone who tracks, and who has read what.
#[derive(Debug, Default)]
pub(super) struct Tracking {
    modes: BTreeMap<ClientId, Mode>,
    /// Those who no longer track stay until the key changes.
    readers: IndexMap<Bytes, BTreeSet<ClientId>, FxBuildHasher>,
    prefixes: BTreeMap<Bytes, Prefix>,
    /// What running clients are told behind their replies; none is all keys.
    later: Vec<(ClientId, Option<Bytes>)>,
    /// Whose requests are run.
    pub(super) current: Option<ClientId>,
    /// Who runs the command; a script is nobody.
    pub(super) writer: Option<ClientId>,
    /// The keys that the running script has declared.
    pub(super) declared: Vec<Bytes>,
}

impl Tracking {
    /// Whether nobody is to be told anything.
    pub(super) fn is_idle(&self) -> bool {
        self.modes.is_empty() && self.readers.is_empty()
    }

    pub(super) fn mode(&self, client: ClientId) -> Option<&Mode> {
        self.modes.get(&client)
    }

    pub(super) fn mode_mut(&mut self, client: ClientId) -> Option<&mut Mode> {
        self.modes.get_mut(&client)
    }

    /// How many clients track, how many keys are tracked, by how many readers
    /// each taken together, and how many prefixes there are.
    pub(super) fn counts(&self) -> [usize; 4] {
        let readers = self.readers.values().map(BTreeSet::len).sum();
        let (modes, prefixes) = (self.modes.len(), self.prefixes.len());
        [modes, self.readers.len(), readers, prefixes]
    }

    /// A client tracks from now on, or otherwise than before. Prefixes come
    /// on top of those that it has.
    pub(super) fn enable(&mut self, client: ClientId, mut mode: Mode) {
        if mode.broadcast && mode.prefixes.is_empty() {
            mode.prefixes.insert(Bytes::new());
        }
        for prefix in &mode.prefixes {
            let prefix = self.prefixes.entry(prefix.clone()).or_default();
            prefix.clients.insert(client);
        }
        if let Some(old) = self.modes.remove(&client) {
            mode.caching = old.caching;
            mode.prefixes.extend(old.prefixes);
        }
        self.modes.insert(client, mode);
    }

    pub(super) fn disable(&mut self, client: ClientId) {
        let Some(mode) = self.modes.remove(&client) else {
            return;
        };
        for name in mode.prefixes {
            if let Some(prefix) = self.prefixes.get_mut(&name) {
                prefix.clients.remove(&client);
                if prefix.clients.is_empty() {
                    self.prefixes.remove(&name);
                }
            }
        }
    }

    /// Whether what a client reads now is to be remembered.
    pub(super) fn remembers(&self, client: ClientId) -> bool {
        let Some(mode) = self.modes.get(&client) else {
            return false;
        };
        let is_chosen = match (mode.opt_in, mode.opt_out) {
            (true, _) => mode.caching,
            (_, true) => !mode.caching,
            (false, false) => true,
        };
        is_chosen && !mode.broadcast
    }

    /// Remembers that a client has read a key.
    pub(super) fn remember(&mut self, client: ClientId, key: &[u8]) {
        match self.readers.get_mut(key) {
            Some(readers) => _ = readers.insert(client),
            None => {
                let readers = BTreeSet::from([client]);
                self.readers.insert(Bytes::copy_from_slice(key), readers);
            }
        }
    }

    /// As [`remember`](Tracking::remember), of all keys that the running
    /// script has declared.
    pub(super) fn remember_declared(&mut self, client: ClientId) {
        let declared = std::mem::take(&mut self.declared);
        for key in &declared {
            self.remember(client, key);
        }
        self.declared = declared;
    }

    /// A key was changed by a client or by nobody; says who has read it.
    pub(super) fn changed(&mut self, key: &[u8], by: Option<ClientId>) -> Option<Stale> {
        for (name, prefix) in &mut self.prefixes {
            if key.starts_with(name) {
                prefix.changed.insert(Bytes::copy_from_slice(key), by);
            }
        }
        let (key, readers) = self.readers.swap_remove_entry(key)?;
        Some(Stale::Key(key, readers))
    }

    /// A database was flushed.
    pub(super) fn flushed(&mut self) -> Stale {
        self.readers.clear();
        Stale::All
    }

    /// Tells those concerned, the running client among them once it has its
    /// reply.
    pub(super) fn tell(&mut self, clients: &mut Clients, running: Option<ClientId>, stale: Stale) {
        let (key, concerned) = match stale {
            Stale::Key(key, readers) => (Some(key), readers),
            Stale::All => (None, self.modes.keys().copied().collect()),
        };
        for client in concerned {
            let Some(mode) = self.modes.get_mut(&client) else {
                continue;
            };
            let is_own = mode.no_loop && self.current == Some(client);
            if key.is_some() && (mode.broadcast || is_own) {
                continue;
            }
            match running == Some(client) {
                true => self.later.push((client, key.clone())),
                false => mode.send(clients, client, names(key.clone())),
            }
        }
    }

    /// Tells a client that has its reply now.
    pub(super) fn tell_later(&mut self, clients: &mut Clients, client: ClientId) {
        let due = self.later.extract_if(.., |(whom, _)| *whom == client);
        for (_, key) in due {
            if let Some(mode) = self.modes.get_mut(&client) {
                mode.send(clients, client, names(key));
            }
        }
    }

    pub(super) fn has_told_all(&self) -> bool {
        self.later.is_empty()
    }

    /// Forgets who has read some keys, any, so that no more than `most` are
    /// left, and tells the readers; 0 is no limit.
    pub(super) fn limit(&mut self, clients: &mut Clients, most: usize) {
        while most > 0 && self.readers.len() > most {
            let drawn = rt::random_u64() % self.readers.len() as u64;
            let index = usize::try_from(drawn).unwrap_or(0);
            if let Some((key, readers)) = self.readers.swap_remove_index(index) {
                self.tell(clients, None, Stale::Key(key, readers));
            }
        }
    }

    /// Tells those in broadcasting mode what has changed since the last call.
    pub(super) fn broadcast(&mut self, clients: &mut Clients) {
        for prefix in self.prefixes.values_mut() {
            let changed = std::mem::take(&mut prefix.changed);
            for client in prefix.clients.iter().filter(|_| !changed.is_empty()) {
                let Some(mode) = self.modes.get_mut(client) else {
                    continue;
                };
                let own = Some(*client).filter(|_| mode.no_loop);
                let others = changed
                    .iter()
                    .filter(|(_, by)| own.is_none() || **by != own);
                let keys: Vec<Reply> = others.map(|(key, _)| Reply::Bulk(key.clone())).collect();
                if !keys.is_empty() {
                    mode.send(clients, *client, Reply::Array(keys));
                }
            }
        }
    }
}

/// What is said of one key, or of all.
fn names(key: Option<Bytes>) -> Reply {
    key.map_or(Reply::Null, |key| Reply::Array(vec![Reply::Bulk(key)]))
}

impl Mode {
    /// Tells the client whose mode this is, or whom it redirects to.
    fn send(&mut self, clients: &mut Clients, client: ClientId, keys: Reply) {
        let redirected = self.redirect.is_some();
        let whom = self.redirect.unwrap_or(client);
        if clients.is_connected(whom) {
            clients.tell(whom, Push::Invalid { keys, redirected }, LABEL);
            return;
        }
        self.redirect_is_broken = true;
        let whom = i64::try_from(whom).unwrap_or(i64::MAX);
        let broken = vec![Reply::bulk("tracking-redir-broken"), Reply::Integer(whom)];
        clients.tell(client, Push::OnlyV3(broken), LABEL);
    }
}
