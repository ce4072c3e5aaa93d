//! Keyspace notifications: what `notify-keyspace-events` selects, and the
//! events that commands leave to be published.

use bytes::Bytes;

use super::context::Context;
use super::tracking::Stale;

/// Kinds of events, as letters of `notify-keyspace-events`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Class(u16);

impl Class {
    /// `K`: publish to `__keyspace@<db>__:<key>`.
    pub(super) const KEYSPACE: Class = Class(1);
    /// `E`: publish to `__keyevent@<db>__:<event>`.
    pub(super) const KEYEVENT: Class = Class(1 << 1);
    pub(super) const GENERIC: Class = Class(1 << 2);
    pub(super) const STRING: Class = Class(1 << 3);
    pub(super) const LIST: Class = Class(1 << 4);
    pub(super) const SET: Class = Class(1 << 5);
    pub(super) const HASH: Class = Class(1 << 6);
    pub(super) const ZSET: Class = Class(1 << 7);
    pub(super) const EXPIRED: Class = Class(1 << 8);
    pub(super) const EVICTED: Class = Class(1 << 9);
    pub(super) const STREAM: Class = Class(1 << 10);
    pub(super) const KEY_MISS: Class = Class(1 << 11);
    pub(super) const MODULE: Class = Class(1 << 12);
    pub(super) const NEW: Class = Class(1 << 13);

    /// In the order in which CONFIG GET writes them.
    const LETTERS: [(char, Class); 14] = [
        ('g', Class::GENERIC),
        ('$', Class::STRING),
        ('l', Class::LIST),
        ('s', Class::SET),
        ('h', Class::HASH),
        ('z', Class::ZSET),
        ('x', Class::EXPIRED),
        ('e', Class::EVICTED),
        ('t', Class::STREAM),
        ('d', Class::MODULE),
        ('n', Class::NEW),
        ('K', Class::KEYSPACE),
        ('E', Class::KEYEVENT),
        ('m', Class::KEY_MISS),
    ];

    /// What `A` stands for.
    const ALL: Class = Class(
        Class::GENERIC.0
            | Class::STRING.0
            | Class::LIST.0
            | Class::SET.0
            | Class::HASH.0
            | Class::ZSET.0
            | Class::EXPIRED.0
            | Class::EVICTED.0
            | Class::STREAM.0
            | Class::MODULE.0,
    );

    pub(super) fn has(self, other: Class) -> bool {
        self.0 & other.0 != 0
    }

    /// Reads `notify-keyspace-events`; none if a letter is unknown.
    pub(super) fn parse(letters: &str) -> Option<Class> {
        letters
            .chars()
            .try_fold(Class::default(), |classes, letter| {
                let class = match letter {
                    'A' => Class::ALL,
                    _ => Class::LETTERS.iter().find(|(l, _)| *l == letter)?.1,
                };
                Some(Class(classes.0 | class.0))
            })
    }

    /// As CONFIG GET writes it: `A` takes the place of `n` too.
    pub(super) fn letters(self) -> String {
        let all = self.0 & Class::ALL.0 == Class::ALL.0;
        let covered = if all { Class::ALL.0 | Class::NEW.0 } else { 0 };
        let letters = Class::LETTERS
            .iter()
            .filter(|(_, class)| self.0 & class.0 & !covered != 0)
            .map(|(letter, _)| *letter);
        all.then_some('A').into_iter().chain(letters).collect()
    }
}

/// One event that is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyEvent {
    pub(super) database: usize,
    pub(super) name: &'static str,
    pub(super) key: Bytes,
}

/// What somebody is told of, once the command is done with the keyspace.
#[derive(Debug)]
pub(super) enum Event {
    OfKey(KeyEvent),
    Stale(Stale),
}

/// The events that somebody may want to hear of.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// What `notify-keyspace-events` selects.
    pub(super) selected: Class,
    pub(super) pending: Vec<Event>,
}

impl Events {
    pub(super) fn note(&mut self, class: Class, name: &'static str, database: usize, key: &[u8]) {
        if self.selected.has(class) {
            self.pending.push(Event::OfKey(KeyEvent {
                database,
                name,
                key: Bytes::copy_from_slice(key),
            }));
        }
    }
}

impl Context<'_> {
    /// Says what a command did to a key of the client's database, in the words
    /// of Redis's documentation on keyspace notifications: `set`, `lpush`,
    /// `del`. Call it after the change, once for each event, in Redis's order.
    pub(super) fn notify(&mut self, class: Class, name: &'static str, key: &[u8]) {
        let database = self.client.database;
        self.keyspace.events.note(class, name, database, key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_written_as_redis_writes_them() {
        for (given, written) in [
            ("", ""),
            ("KEA", "AKE"),
            ("Kx", "xK"),
            ("g$lshzxetdKE", "AKE"),
            ("Em", "Em"),
            ("An", "A"),
            ("gn", "gn"),
        ] {
            let class = Class::parse(given).map(Class::letters);
            assert_eq!(class.as_deref(), Some(written), "{given}");
        }
        assert_eq!(Class::parse("q"), None);
    }
}
