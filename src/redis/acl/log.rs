//! ACL LOG: what was denied lately.

use std::collections::VecDeque;

use bytes::Bytes;

/// The same again within so many milliseconds counts as one.
const SAME_MS: i64 = 60_000;
/// So many entries are looked at for the same.
const LOOKED_AT: usize = 10;

/// The last denials, the newest first.
#[derive(Debug, Default)]
pub(in crate::redis) struct Log {
    entries: VecDeque<Entry>,
}

/// One denial, and how often it happened.
#[derive(Debug, Clone)]
pub(in crate::redis) struct Entry {
    pub(in crate::redis) count: i64,
    /// `command`, `key`, `channel` or `auth`.
    pub(in crate::redis) reason: &'static str,
    /// `toplevel`, `multi` or `lua`.
    pub(in crate::redis) context: &'static str,
    /// What it was about: a command, a key or a channel.
    pub(in crate::redis) object: Bytes,
    pub(in crate::redis) username: Bytes,
    /// Unix milliseconds.
    pub(in crate::redis) at: i64,
    pub(in crate::redis) client: String,
}

/// How a command that was denied was called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::redis) enum Called {
    Directly,
    /// It was queued, or to be queued.
    InTransaction,
    InScript,
}

impl Called {
    pub(in crate::redis) fn name(self) -> &'static str {
        match self {
            Called::Directly => "toplevel",
            Called::InTransaction => "multi",
            Called::InScript => "lua",
        }
    }
}

impl Log {
    /// Notes a denial, and keeps so many at the most.
    pub(in crate::redis) fn note(&mut self, entry: Entry, most: usize) {
        let same = self.entries.iter().take(LOOKED_AT).position(|known| {
            known.reason == entry.reason
                && known.context == entry.context
                && known.object == entry.object
                && known.username == entry.username
                && entry.at - known.at <= SAME_MS
        });
        let known = same.and_then(|index| self.entries.remove(index));
        let is_new = known.is_none();
        let count = known.map_or(1, |known| known.count + 1);
        self.entries.push_front(Entry { count, ..entry });
        if is_new {
            self.entries.truncate(most);
        }
    }

    pub(in crate::redis) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    pub(in crate::redis) fn clear(&mut self) {
        self.entries.clear();
    }
}
