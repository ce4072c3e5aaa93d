//! A run of entries that Redis keeps in one listpack.
//!
//! Where one ends decides how much `MAXLEN ~` trims, so the sizes here are
//! those of the real encoding: the first entry's fields are the node's, and an
//! entry with the same fields stores only its values.

use std::collections::VecDeque;

use bytes::Bytes;

use super::StreamId;
use crate::redis::listpack;

/// Fields and their values.
pub(in crate::redis) type Fields = Vec<(Bytes, Bytes)>;

/// An entry; a deleted one stays in its node as a tombstone.
#[derive(Debug, Clone)]
pub(in crate::redis) struct Entry {
    pub(in crate::redis) id: StreamId,
    pub(in crate::redis) fields: Fields,
    pub(in crate::redis) deleted: bool,
}

/// A listpack of entries.
#[derive(Debug, Clone)]
pub(in crate::redis) struct Node {
    /// The ID from which those of the entries are counted.
    pub(in crate::redis) master: StreamId,
    /// The fields that entries can leave out.
    pub(in crate::redis) names: Vec<Bytes>,
    pub(in crate::redis) entries: VecDeque<Entry>,
    pub(in crate::redis) live: usize,
    /// What the entries and the fields take in the listpack.
    bytes: usize,
}

impl Node {
    /// A node that starts with an entry of this ID and fields.
    pub(in crate::redis) fn new(master: StreamId, fields: &[(Bytes, Bytes)]) -> Node {
        let names: Vec<Bytes> = fields.iter().map(|(name, _)| name.clone()).collect();
        let of_names: usize = names.iter().map(|name| listpack::entry_len(name)).sum();
        Node {
            master,
            bytes: integer_len(names.len()) + of_names + integer_len(0),
            names,
            entries: VecDeque::new(),
            live: 0,
        }
    }

    /// The size of the listpack.
    pub(in crate::redis) fn size(&self) -> usize {
        let deleted = self.entries.len() - self.live;
        listpack::EMPTY_LEN + integer_len(self.live) + integer_len(deleted) + self.bytes
    }

    pub(in crate::redis) fn has_names_of(&self, fields: &[(Bytes, Bytes)]) -> bool {
        let names = fields.iter().map(|(name, _)| name);
        self.names.iter().eq(names)
    }

    pub(in crate::redis) fn push(&mut self, id: StreamId, fields: Fields) {
        let same = self.has_names_of(&fields);
        let counted = |name: &Bytes| {
            if same { 0 } else { listpack::entry_len(name) }
        };
        let of_fields = fields
            .iter()
            .map(|(name, value)| counted(name) + listpack::entry_len(value));
        let pieces = if same {
            fields.len() + 3
        } else {
            fields.len() * 2 + 4
        };
        self.bytes += integer_len(if same { 2 } else { 0 })
            + delta_len(id.ms, self.master.ms)
            + delta_len(id.seq, self.master.seq)
            + if same { 0 } else { integer_len(fields.len()) }
            + of_fields.sum::<usize>()
            + integer_len(pieces);
        self.live += 1;
        self.entries.push_back(Entry {
            id,
            fields,
            deleted: false,
        });
    }

    /// The entries of a range that are not deleted.
    pub(in crate::redis) fn range(
        &self,
        start: StreamId,
        end: StreamId,
    ) -> impl DoubleEndedIterator<Item = &Entry> {
        let first = self.entries.partition_point(|entry| entry.id < start);
        let end = self.entries.partition_point(|entry| entry.id <= end);
        let range = first..end.max(first);
        self.entries.range(range).filter(|entry| !entry.deleted)
    }

    /// Makes an entry a tombstone; true if it was there.
    pub(in crate::redis) fn delete(&mut self, id: StreamId) -> bool {
        let found = self.entries.binary_search_by_key(&id, |entry| entry.id);
        let Some(entry) = found.ok().map(|index| &mut self.entries[index]) else {
            return false;
        };
        let deleted = !std::mem::replace(&mut entry.deleted, true);
        self.live -= usize::from(deleted);
        deleted
    }

    pub(in crate::redis) fn last_id(&self) -> StreamId {
        let live = self.entries.iter().rev().find(|entry| !entry.deleted);
        live.map_or(self.master, |entry| entry.id)
    }
}

fn integer_len(number: usize) -> usize {
    listpack::integer_len(i64::try_from(number).unwrap_or(i64::MAX))
}

/// Deltas wrap around, as sequence numbers may go down.
fn delta_len(number: u64, master: u64) -> usize {
    listpack::integer_len(number.wrapping_sub(master).cast_signed())
}
