//! The databases: keys, values, deadlines.
//!
//! Every change of a key goes through this module, which keeps the index of
//! deadlines, tells the observer, and lets nobody see a key whose deadline
//! has passed: a lookup removes it first. A deadline is a wall-clock instant
//! in milliseconds, and a key outlives it by nothing and loses nothing: at
//! the deadline it is there, one millisecond later it is not.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::blocked::Blocked;
use super::bug::Bug;
use super::client::ClientId;
use super::events::{Class, Event, Events};
use super::eviction::{Limit, Pool, Usage};
use super::memory;
use super::observer::{Change, Held, Moment, Observer};
use super::pause::Pause;
use super::persistence::Store;
use super::propagation::Propagation;
use super::rdb::Snapshot;
use super::tracking::Tracking;
use super::values::{Edit, Made, Table, Value};
use super::wall_clock_ms;
use super::watch::Watches;
use crate::rt;
use bytes::Bytes;

/// How many databases SELECT can choose from.
pub(super) const DATABASES: usize = 16;

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) value: Value,
    pub(super) expires_at: Option<i64>,
    pub(super) usage: Usage,
    /// What it takes, as far as that is kept.
    bytes: usize,
}

impl Entry {
    /// Of a key that is new.
    pub(super) fn new(value: Value, expires_at: Option<i64>) -> Entry {
        Entry {
            value,
            expires_at,
            usage: Usage::new(wall_clock_ms()),
            bytes: 0,
        }
    }

    /// What it takes, with its key.
    pub(super) fn size(&self, key: &[u8]) -> usize {
        memory::size(key, &self.value, self.expires_at.is_some())
    }
}

/// What a write does to the deadline of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Deadline {
    Keep,
    Clear,
    At(i64),
}

#[derive(Default)]
struct Database {
    keys: Table<Entry>,
    deadlines: BTreeSet<(i64, Bytes)>,
    /// Those that clients of a writable replica set.
    own_deadlines: BTreeSet<(i64, Bytes)>,
}

/// What lookups that read have found, `keyspace_hits`, and what they have not.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    pub(super) hits: u64,
    pub(super) misses: u64,
    /// The running command reads: what it looks up is counted.
    pub(super) counted: bool,
}

impl Lookups {
    fn note(&mut self, found: bool) {
        self.hits += u64::from(self.counted && found);
        self.misses += u64::from(self.counted && !found);
    }
}

/// All databases of a server.
#[derive(Default)]
pub(super) struct Keyspace {
    /// Grown to the highest database that was written to.
    databases: Vec<Database>,
    observer: Option<Arc<dyn Observer>>,
    /// What happens was told before, elsewhere.
    pub(super) quiet: bool,
    /// Whose commands are run.
    pub(super) client: Option<Arc<str>>,
    planted: Option<Bug>,
    /// CLIENT PAUSE.
    pub(super) pause: Option<Pause>,
    /// How many keys have expired.
    pub(super) expired: u64,
    /// How many had to make room.
    pub(super) evicted: u64,
    pub(super) lookups: Lookups,
    pub(super) limit: Limit,
    /// `maxmemory` was set, and keys may have to go for it.
    pub(super) has_new_limit: bool,
    pub(super) pool: Pool,
    /// What all keys take, as far as that is kept.
    bytes: usize,
    /// There is no room; how many changes there were when that was found.
    pub(super) full_at: Option<u64>,
    /// What commands did, to be published.
    pub(super) events: Events,
    /// Counts changes.
    dirty: u64,
    /// How many there were at the last dump.
    pub(super) saved_at_change: u64,
    /// Who else is told of them.
    pub(super) propagation: Propagation,
    /// The code of the libraries of functions, as they are loaded.
    pub(super) libraries: Vec<Bytes>,
    /// What outlives the server.
    pub(super) store: Option<Store>,
    /// Who watches which key.
    pub(super) watches: Watches,
    /// Who waits for which key.
    pub(super) blocked: Blocked,
    /// Who may have read which key.
    pub(super) tracking: Tracking,
}

impl Keyspace {
    pub(super) fn new(planted: Option<Bug>, observer: Arc<dyn Observer>) -> Keyspace {
        Keyspace {
            observer: Some(observer),
            planted,
            ..Keyspace::default()
        }
    }

    pub(super) fn planted(&self, bug: Bug) -> bool {
        self.planted == Some(bug)
    }

    pub(super) fn observe(&self, tell: impl FnOnce(&dyn Observer)) {
        if let Some(observer) = &self.observer
            && !self.quiet
        {
            tell(&**observer);
        }
    }

    /// Tells the observer what happened to a key.
    fn tell(
        &self,
        database: usize,
        key: &[u8],
        entry: &Entry,
        tell: impl FnOnce(&dyn Observer, &Change<'_>),
    ) {
        self.observe(|observer| {
            let change = Change {
                database,
                key,
                value: entry.value.as_text(),
                client: self.client.as_deref(),
            };
            tell(observer, &change);
        });
    }

    /// The key as a client at `now` sees it.
    pub(super) fn lookup(&mut self, database: usize, key: &[u8], now: i64) -> Option<&Entry> {
        let found = self.is_live(database, key, now);
        self.lookups.note(found);
        self.found(found, database, key, now)
    }

    /// As [`lookup`](Keyspace::lookup), to write: it is not counted.
    pub(super) fn lookup_to_write(
        &mut self,
        database: usize,
        key: &[u8],
        now: i64,
    ) -> Option<&Entry> {
        let found = self.is_live(database, key, now);
        self.found(found, database, key, now)
    }

    fn found(&mut self, found: bool, database: usize, key: &[u8], now: i64) -> Option<&Entry> {
        if !found {
            return None;
        }
        let entry = self.databases[database].keys.get_mut(key)?;
        entry.usage.touch(now, &self.limit);
        Some(entry)
    }

    /// As [`lookup`](Keyspace::lookup), of somebody who does not use the key.
    pub(super) fn peek(&mut self, database: usize, key: &[u8], now: i64) -> Option<&Entry> {
        let is_live = self.is_live(database, key, now);
        self.lookups.note(is_live);
        is_live.then(|| self.entry(database, key))?
    }

    /// Whether a client at `now` sees the key; it goes if its deadline has
    /// passed.
    fn is_live(&mut self, database: usize, key: &[u8], now: i64) -> bool {
        let Some(entry) = self.entry(database, key) else {
            return false;
        };
        let is_past = entry.expires_at.is_some_and(|at| self.is_past(at, now));
        if is_past && self.expires_by_itself() && !self.stands_still() {
            self.expire(database, key);
        }
        !is_past
    }

    /// What is at a key, whether or not its deadline has passed.
    pub(super) fn entry(&self, database: usize, key: &[u8]) -> Option<&Entry> {
        self.databases.get(database)?.keys.get(key)
    }

    /// The key whether or not its deadline has passed.
    pub(super) fn holds(&self, database: usize, key: &[u8]) -> bool {
        self.databases
            .get(database)
            .is_some_and(|database| database.keys.contains(key))
    }

    /// A replica waits for its primary to say that a key is gone.
    fn expires_by_itself(&self) -> bool {
        !self.propagation.replication.is_replica() || self.planted(Bug::ReplicaExpires)
    }

    fn is_past(&self, when: i64, now: i64) -> bool {
        if self.planted(Bug::ExpireAtInclusive) {
            now >= when
        } else {
            now > when
        }
    }

    /// Gives the key a value, whatever it held.
    pub(super) fn set(&mut self, database: usize, key: &[u8], value: Value, deadline: Deadline) {
        let own = self.is_own_deadline();
        let space = self.database(database);
        let expires_at = match space.keys.get_mut(key) {
            Some(entry) => {
                let expires_at = match deadline {
                    Deadline::Keep => entry.expires_at,
                    Deadline::Clear => None,
                    Deadline::At(when) => Some(when),
                };
                entry.value = value;
                space.move_deadline(key, expires_at, own);
                expires_at
            }
            None => {
                let expires_at = match deadline {
                    Deadline::At(when) => Some(when),
                    Deadline::Keep | Deadline::Clear => None,
                };
                let key = Bytes::copy_from_slice(key);
                if let Some(when) = expires_at {
                    space.add_deadline(when, &key, own);
                }
                space
                    .keys
                    .insert(key.clone(), Entry::new(value, expires_at));
                self.events.note(Class::NEW, "new", database, &key);
                expires_at
            }
        };
        if let Some(entry) = self.databases[database].keys.get(key) {
            self.tell(database, key, entry, |o, change| o.set(change, expires_at));
            self.blocked.signal(database, key);
        }
        self.changed(database, key);
    }

    /// Says when and how often a key was used.
    pub(super) fn set_usage(&mut self, database: usize, key: &[u8], usage: Usage) {
        if let Some(entry) = self.database(database).keys.get_mut(key) {
            entry.usage = usage;
        }
    }

    /// CONFIG RESETSTAT.
    pub(super) fn reset_counts(&mut self) {
        self.lookups = Lookups::default();
        self.propagation.replication.counts = Default::default();
        (self.expired, self.evicted) = (0, 0);
    }

    /// How many changes there were so far.
    pub(super) fn dirty(&self) -> u64 {
        self.dirty
    }

    /// Counts a change that ends no transaction's WATCH.
    pub(super) fn count_change(&mut self) {
        self.dirty += 1;
    }

    /// Whatever happens to a key on a client's behalf comes by here.
    fn changed(&mut self, database: usize, key: &[u8]) {
        self.dirty += 1;
        self.touch(database, key, self.tracking.writer);
        if self.limit.bytes > 0 {
            self.measure(database, key);
        }
    }

    fn measure(&mut self, database: usize, key: &[u8]) {
        let space = self.databases.get_mut(database);
        if let Some((key, entry)) = space.and_then(|space| space.keys.get_named(key)) {
            let bytes = entry.size(key);
            self.bytes = self.bytes + bytes - std::mem::replace(&mut entry.bytes, bytes);
        }
    }

    /// `used_memory`.
    pub(super) fn used_memory(&self) -> usize {
        if self.limit.bytes > 0 {
            return memory::SERVER + self.bytes;
        }
        let entries = (0..self.databases.len()).flat_map(|database| self.entries(database));
        memory::SERVER + entries.map(|(key, entry)| entry.size(key)).sum::<usize>()
    }

    /// Keeps another limit from now on.
    pub(super) fn limit_memory(&mut self, limit: Limit) {
        if limit == self.limit {
            return;
        }
        self.limit = limit;
        for database in 0..self.databases.len() {
            for key in self.keys(database).cloned().collect::<Vec<_>>() {
                self.measure(database, &key);
            }
        }
    }

    /// Any key that may be evicted.
    pub(super) fn draw_key(&self, database: usize, volatile: bool) -> Option<Bytes> {
        let space = self.databases.get(database)?;
        let below = |count: usize| {
            let drawn = rt::random_u64() % u64::try_from(count).ok().filter(|count| *count > 0)?;
            usize::try_from(drawn).ok()
        };
        if volatile {
            let (_, key) = space.deadlines.iter().nth(below(space.deadlines.len())?)?;
            return Some(key.clone());
        }
        let (key, _) = space.keys.at(below(space.keys.len())?)?;
        Some(key.clone())
    }

    /// Drops a key to make room.
    pub(super) fn evict(&mut self, database: usize, key: &[u8]) {
        if let Some((key, entry)) = self.take(database, key) {
            self.tell(database, &key, &entry, |o, change| o.evicted(change));
            self.propagation.removed(database, &key);
            self.evicted += 1;
            self.touch(database, &key, None);
            self.events.note(Class::EVICTED, "evicted", database, &key);
        }
    }

    /// Tells those who watch a key, and those who have read it, that somebody
    /// or nobody changed it.
    fn touch(&mut self, database: usize, key: &[u8], by: Option<ClientId>) {
        self.spoil_watches(database, key);
        if !self.tracking.is_idle() {
            let stale = self.tracking.changed(key, by);
            self.events.pending.extend(stale.map(Event::Stale));
        }
    }

    fn spoil_watches(&mut self, database: usize, key: &[u8]) {
        if !self.watches.is_empty() {
            let exists = self.holds(database, key);
            self.watches.touch(database, key, exists);
        }
    }

    /// Notes that a client watches a key.
    pub(super) fn watch(&mut self, database: usize, key: &[u8], now: i64, client: ClientId) {
        let stale = self.is_stale(database, key, now);
        self.watches.add(database, key, client, stale);
    }

    /// Whether a client watches a key that changed or has expired since.
    pub(super) fn is_dirty(&self, client: ClientId, now: i64) -> bool {
        self.watches.is_dirty(client)
            || self
                .watches
                .fresh(client)
                .any(|(database, key)| self.is_stale(*database, key, now))
    }

    /// The key is there, and its deadline has passed.
    pub(super) fn is_stale(&self, database: usize, key: &[u8], now: i64) -> bool {
        let entry = self
            .databases
            .get(database)
            .and_then(|space| space.keys.get(key));
        entry
            .and_then(|entry| entry.expires_at)
            .is_some_and(|when| self.is_past(when, now))
    }

    /// Changes a value in place, `empty` if the key is missing. A key whose
    /// value ends up empty is removed, and one that has not changed is not
    /// made.
    pub(super) fn modify<T>(
        &mut self,
        database: usize,
        key: &[u8],
        empty: impl FnOnce() -> Value,
        change: impl FnOnce(&mut Value) -> Edit<T>,
    ) -> T {
        let Some(entry) = self.database(database).keys.get_mut(key) else {
            let mut value = empty();
            let edit = change(&mut value);
            if edit.changed && !value.is_empty() {
                self.set(database, key, value, Deadline::Clear);
            }
            return edit.output;
        };
        let edit = change(&mut entry.value);
        if edit.changed {
            if entry.value.is_empty() {
                self.delete(database, key);
            } else {
                self.changed(database, key);
            }
        }
        edit.output
    }

    /// Has a value kept as the larger ones of its type are: a string that can
    /// be written to in place, a sorted set that is no listpack.
    pub(super) fn unpack(&mut self, database: usize, key: &[u8]) {
        let entry = self.database(database).keys.get_mut(key);
        match entry.map(|entry| &mut entry.value) {
            Some(Value::String(_, made)) => *made = Made::InPlace,
            Some(Value::SortedSet(set)) => set.unpack(),
            _ => {}
        }
    }

    /// Gives an existing key another deadline, or none.
    pub(super) fn set_deadline(&mut self, database: usize, key: &[u8], expires_at: Option<i64>) {
        if self.holds(database, key) {
            let own = self.is_own_deadline();
            let space = self.database(database);
            space.move_deadline(key, expires_at, own);
            self.observe(|o| o.deadline_changed(database, key, expires_at));
            self.changed(database, key);
        }
    }

    /// Removes a key on a client's behalf.
    pub(super) fn delete(&mut self, database: usize, key: &[u8]) -> Option<Entry> {
        let (key, entry) = self.take(database, key)?;
        self.tell(database, &key, &entry, |o, change| o.deleted(change));
        self.changed(database, &key);
        Some(entry)
    }

    fn expire(&mut self, database: usize, key: &[u8]) {
        if let Some((key, entry)) = self.take(database, key) {
            self.tell(database, &key, &entry, |o, change| o.expired(change));
            self.propagation.removed(database, &key);
            self.expired += 1;
            self.events.note(Class::EXPIRED, "expired", database, &key);
            self.touch(database, &key, None);
        }
    }

    fn take(&mut self, database: usize, key: &[u8]) -> Option<(Bytes, Entry)> {
        let space = self.databases.get_mut(database)?;
        let (key, entry) = space.keys.take(key)?;
        if let Some(when) = entry.expires_at {
            space.remove_deadline(when, &key);
        }
        if matches!(entry.value, Value::Stream(_)) {
            self.blocked.signal(database, &key);
        }
        self.bytes = self.bytes.saturating_sub(entry.bytes);
        Some((key, entry))
    }

    /// Removes every key of every database whose deadline has passed.
    pub(super) fn expire_due(&mut self, now: i64) {
        if self.stands_still() {
            return;
        }
        for database in 0..self.databases.len() {
            while let Some((when, key)) = self.next_due(database).cloned()
                && self.is_past(when, now)
            {
                self.expire(database, &key);
            }
        }
    }

    /// Removes a key whose deadline has passed on behalf of a client that is
    /// about to write to it, be this a replica or not.
    pub(super) fn expire_before_write(&mut self, database: usize, key: &[u8], now: i64) {
        if self.is_stale(database, key, now) && !self.stands_still() {
            self.expire(database, key);
        }
    }

    /// The key that goes by itself next: of a replica's, one that it was given
    /// by its own clients.
    fn next_due(&self, database: usize) -> Option<&(i64, Bytes)> {
        let database = self.databases.get(database)?;
        match self.expires_by_itself() {
            true => database.deadlines.first(),
            false => database.own_deadlines.first(),
        }
    }

    /// Whether a deadline that is set now comes from a replica's own client,
    /// and not from its primary.
    fn is_own_deadline(&self) -> bool {
        !self.quiet && self.propagation.replication.is_replica()
    }

    /// How many deadlines a replica's own clients have set.
    pub(super) fn own_deadlines(&self) -> usize {
        let databases = self.databases.iter();
        databases.map(|database| database.own_deadlines.len()).sum()
    }

    /// The first instant, in milliseconds, at which a key will be gone.
    pub(super) fn next_expiry(&self) -> Option<i64> {
        let databases = 0..self.databases.len();
        let due = databases.filter_map(|database| self.next_due(database));
        let first = due.map(|(when, _)| *when).min()?;
        self.not_before_pause_ends(if self.planted(Bug::ExpireAtInclusive) {
            first
        } else {
            first.saturating_add(1)
        })
    }

    /// Puts a snapshot in the place of everything that there is.
    pub(super) fn replace_by(&mut self, snapshot: Snapshot) {
        self.quiet = true;
        if !self.planted(Bug::RejoinKeepsWrites) {
            self.flush_all();
        }
        self.libraries = snapshot.libraries;
        for (database, key, entry) in snapshot.entries {
            let deadline = entry.expires_at.map_or(Deadline::Clear, Deadline::At);
            self.set(database, &key, entry.value, deadline);
        }
        self.quiet = false;
        self.tell_of_stock(Moment::Resync);
    }

    /// Tells the observer which keys there are.
    pub(super) fn tell_of_stock(&self, moment: Moment) {
        let mut keys = (0..self.databases.len()).flat_map(|database| {
            let entries = self.entries(database);
            entries.map(move |(key, entry)| Held {
                database,
                key,
                value: entry.value.as_text(),
                expires_at_ms: entry.expires_at,
            })
        });
        self.observe(|observer| observer.took_stock(moment, &mut keys));
    }

    /// Removes every key of a database.
    pub(super) fn flush(&mut self, database: usize) {
        self.remove_all(database);
        self.forget_what_was_read();
    }

    fn forget_what_was_read(&mut self) {
        if !self.tracking.is_idle() {
            let stale = self.tracking.flushed();
            self.events.pending.push(Event::Stale(stale));
        }
    }

    fn remove_all(&mut self, database: usize) {
        let Some(space) = self.databases.get_mut(database) else {
            return;
        };
        let flushed = std::mem::take(space);
        for (key, entry) in flushed.keys.iter() {
            self.bytes = self.bytes.saturating_sub(entry.bytes);
            self.tell(database, key, entry, |o, change| o.deleted(change));
            self.dirty += 1;
            self.spoil_watches(database, key);
            self.blocked.signal(database, key);
        }
    }

    pub(super) fn flush_all(&mut self) {
        for database in 0..self.databases.len() {
            self.remove_all(database);
        }
        self.forget_what_was_read();
    }

    /// Makes two databases change places, for everybody who uses them.
    pub(super) fn swap(&mut self, first: usize, second: usize) {
        if first == second {
            return;
        }
        self.database(first.max(second));
        self.tell_of_all([first, second], |observer, change, _| {
            observer.deleted(change);
        });
        self.databases.swap(first, second);
        self.tell_of_all([first, second], |observer, change, entry| {
            observer.set(change, entry.expires_at);
        });
        for database in [first, second] {
            for key in self.keys(database).cloned().collect::<Vec<_>>() {
                self.dirty += 2;
                self.spoil_watches(database, &key);
                self.spoil_watches(first + second - database, &key);
            }
            for key in self.blocked.waited_for(database) {
                self.blocked.signal(database, &key);
            }
        }
    }

    fn tell_of_all(
        &self,
        databases: [usize; 2],
        tell: impl Fn(&dyn Observer, &Change<'_>, &Entry),
    ) {
        for database in databases {
            for (key, entry) in self.databases[database].keys.iter() {
                self.tell(database, key, entry, |o, change| tell(o, change, entry));
            }
        }
    }

    /// One step of a scan of the names, as [`Table::scan`] takes it.
    pub(super) fn scan(&mut self, database: usize, cursor: u64, count: usize) -> (u64, Vec<Bytes>) {
        self.database(database).keys.scan(cursor, count)
    }

    /// The name at a position below the number of keys.
    pub(super) fn key_at(&self, database: usize, index: usize) -> Option<Bytes> {
        let (key, _) = self.databases.get(database)?.keys.at(index)?;
        Some(key.clone())
    }

    /// The keys of a database, those past their deadline among them.
    pub(super) fn keys(&self, database: usize) -> impl Iterator<Item = &Bytes> {
        self.databases
            .get(database)
            .into_iter()
            .flat_map(|database| database.keys.names())
    }

    /// Every key of a database with what it holds.
    pub(super) fn entries(&self, database: usize) -> impl Iterator<Item = (&Bytes, &Entry)> {
        let database = self.databases.get(database).into_iter();
        database.flat_map(|database| database.keys.iter())
    }

    /// Whether there is no key at all.
    pub(super) fn is_empty(&self) -> bool {
        let mut databases = self.databases.iter();
        databases.all(|database| database.keys.is_empty())
    }

    /// How many keys a database has, and how many of them have a deadline.
    pub(super) fn size(&self, database: usize) -> (usize, usize) {
        self.databases.get(database).map_or((0, 0), |database| {
            (database.keys.len(), database.deadlines.len())
        })
    }

    fn database(&mut self, database: usize) -> &mut Database {
        if self.databases.len() <= database {
            self.databases.resize_with(database + 1, Database::default);
        }
        &mut self.databases[database]
    }
}

impl Database {
    fn add_deadline(&mut self, when: i64, key: &Bytes, own: bool) {
        self.deadlines.insert((when, key.clone()));
        if own {
            self.own_deadlines.insert((when, key.clone()));
        }
    }

    /// True if it was a replica's own.
    fn remove_deadline(&mut self, when: i64, key: &Bytes) -> bool {
        let deadline = (when, key.clone());
        self.deadlines.remove(&deadline);
        self.own_deadlines.remove(&deadline)
    }

    /// What was once a replica's own stays so, as in Redis.
    fn move_deadline(&mut self, key: &[u8], expires_at: Option<i64>, own: bool) {
        let Some((key, entry)) = self.keys.get_named(key) else {
            return;
        };
        let old = std::mem::replace(&mut entry.expires_at, expires_at);
        if old == expires_at && !own {
            return;
        }
        let key = key.clone();
        let was_own = old.is_some_and(|when| self.remove_deadline(when, &key));
        if let Some(when) = expires_at {
            self.add_deadline(when, &key, own || was_own);
        }
    }
}
