//! Streams: entries in the order of their IDs, and groups that consume them.

mod group;
mod id;
mod node;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use bytes::Bytes;

pub(in crate::redis) use group::{Consumer, Group, Pending};
pub(in crate::redis) use id::StreamId;
pub(in crate::redis) use node::{Entry, Fields, Node};

/// A log of entries, and who reads it.
#[derive(Debug, Clone, Default)]
pub(in crate::redis) struct Stream {
    /// By the ID of their first entry.
    pub(in crate::redis) nodes: BTreeMap<StreamId, Node>,
    pub(in crate::redis) length: usize,
    pub(in crate::redis) first_id: StreamId,
    /// The highest ID that there ever was.
    pub(in crate::redis) last_id: StreamId,
    pub(in crate::redis) max_deleted_id: StreamId,
    /// How many entries there ever were.
    pub(in crate::redis) entries_added: u64,
    pub(in crate::redis) groups: BTreeMap<Bytes, Group>,
}

/// How large a node may grow; 0 is without a limit.
#[derive(Debug, Clone, Copy)]
pub(in crate::redis) struct NodeLimits {
    pub(in crate::redis) bytes: usize,
    pub(in crate::redis) entries: usize,
}

/// The most that a listpack of a stream may take, and so an entry.
pub(in crate::redis) const NODE_BYTES_MAX: usize = 1 << 30;

/// What a trim leaves.
#[derive(Debug, Clone, Copy)]
pub(in crate::redis) enum Keep {
    /// So many entries.
    Newest(usize),
    /// Those from this ID on.
    From(StreamId),
}

impl Stream {
    /// Adds an entry behind all others; its ID must be higher than any before.
    pub(in crate::redis) fn append(&mut self, id: StreamId, fields: Fields, limits: NodeLimits) {
        let added: usize = fields
            .iter()
            .map(|(name, value)| name.len() + value.len())
            .sum();
        let most = match limits.bytes {
            0 => NODE_BYTES_MAX,
            bytes => bytes.min(NODE_BYTES_MAX),
        };
        let has_room = |node: &Node| {
            node.size() + added < most
                && (limits.entries == 0 || node.entries.len() < limits.entries)
        };
        let last = self.nodes.last_entry().map(|last| last.into_mut());
        match last.filter(|last| has_room(last)) {
            Some(last) => last.push(id, fields),
            None => {
                let mut node = Node::new(id, &fields);
                node.push(id, fields);
                self.nodes.insert(id, node);
            }
        }
        self.length += 1;
        self.entries_added += 1;
        self.last_id = id;
        if self.length == 1 {
            self.first_id = id;
        }
    }

    /// The entries with these IDs.
    pub(in crate::redis) fn range(
        &self,
        ids: RangeInclusive<StreamId>,
    ) -> impl DoubleEndedIterator<Item = &Entry> {
        let before = self.nodes.range(..=*ids.start()).next_back();
        let first = before.map_or(*ids.start(), |(first, _)| *first);
        let end = (*ids.end()).max(first);
        let nodes = self.nodes.range(first..=end);
        let (start, end) = ids.into_inner();
        nodes.flat_map(move |(_, node)| node.range(start, end))
    }

    pub(in crate::redis) fn get(&self, id: StreamId) -> Option<&Entry> {
        self.range(id..=id).next()
    }

    /// The highest ID that is there.
    pub(in crate::redis) fn top(&self) -> Option<StreamId> {
        let top = self.range(StreamId::MIN..=StreamId::MAX).next_back();
        top.map(|entry| entry.id)
    }

    /// Deletes entries; how many were there.
    pub(in crate::redis) fn delete(&mut self, ids: &[StreamId]) -> usize {
        let (mut deleted, mut first_went) = (0, false);
        for id in ids {
            if self.delete_one(*id) {
                first_went |= *id == self.first_id;
                self.max_deleted_id = self.max_deleted_id.max(*id);
                deleted += 1;
            }
        }
        if first_went || self.length == 0 {
            self.find_first();
        }
        deleted
    }

    fn delete_one(&mut self, id: StreamId) -> bool {
        let Some((key, node)) = self.nodes.range_mut(..=id).next_back() else {
            return false;
        };
        if !node.delete(id) {
            return false;
        }
        if node.live == 0 {
            let key = *key;
            self.nodes.remove(&key);
        }
        self.length -= 1;
        true
    }

    /// Finds the first entry that is left.
    pub(in crate::redis) fn find_first(&mut self) {
        let first = self.range(StreamId::MIN..=StreamId::MAX).next();
        self.first_id = first.map_or(StreamId::MIN, |entry| entry.id);
    }

    /// Removes old entries, whole nodes only if `roughly`, and no more nodes
    /// than have `most` entries unless that is 0. How many went.
    pub(in crate::redis) fn trim(&mut self, keep: Keep, roughly: bool, most: usize) -> usize {
        let mut removed = 0;
        while let Some((key, node)) = self.nodes.first_key_value() {
            let live = node.live;
            let whole = match keep {
                Keep::Newest(count) if self.length <= count => break,
                Keep::Newest(count) => self.length - live >= count,
                Keep::From(id) => node.last_id() < id,
            };
            if most > 0 && removed + live > most {
                break;
            }
            if !whole {
                if !roughly {
                    removed += self.trim_first_node(keep);
                }
                break;
            }
            let key = *key;
            self.nodes.remove(&key);
            self.length -= live;
            removed += live;
        }
        if removed > 0 {
            self.find_first();
        }
        removed
    }

    fn trim_first_node(&mut self, keep: Keep) -> usize {
        let Some(mut first) = self.nodes.first_entry() else {
            return 0;
        };
        let node = first.get_mut();
        let mut removed = 0;
        for index in 0..node.entries.len() {
            let id = node.entries[index].id;
            let stays = match keep {
                Keep::Newest(count) => self.length - removed <= count,
                Keep::From(from) => id >= from,
            };
            if stays {
                break;
            }
            removed += usize::from(node.delete(id));
        }
        self.length -= removed;
        removed
    }

    /// How many entries came up to `id` since the stream began, if that can be
    /// told.
    pub(in crate::redis) fn distance_to(&self, id: StreamId) -> Option<u64> {
        if self.entries_added == 0 {
            return Some(0);
        }
        if (self.length == 0 && id <= self.last_id) || id == self.last_id {
            return Some(self.entries_added);
        }
        let whole = self.max_deleted_id == StreamId::MIN || self.max_deleted_id < self.first_id;
        if id > self.last_id || !whole {
            return None;
        }
        let gone = self.entries_added.wrapping_sub(self.length as u64);
        match id.cmp(&self.first_id) {
            std::cmp::Ordering::Less => Some(gone),
            std::cmp::Ordering::Equal => Some(gone.wrapping_add(1)),
            std::cmp::Ordering::Greater => None,
        }
    }

    /// Notes that a group was given an entry.
    pub(in crate::redis) fn count_read(&mut self, group: &[u8], id: StreamId) {
        let whole = !self.has_tombstones_from(id);
        let distance = self.distance_to(id);
        if let Some(group) = self.groups.get_mut(group)
            && id > group.last_id
        {
            group.entries_read = match group.entries_read {
                Some(read) if whole => Some(read + 1),
                _ => distance,
            };
            group.last_id = id;
        }
    }

    /// Whether an entry from `id` on was deleted.
    pub(in crate::redis) fn has_tombstones_from(&self, id: StreamId) -> bool {
        self.length > 0
            && self.max_deleted_id != StreamId::MIN
            && self.first_id <= self.max_deleted_id
            && id <= self.max_deleted_id
    }

    /// How many entries a group has not been given yet, if that can be told.
    pub(in crate::redis) fn lag(&self, group: &Group) -> Option<i64> {
        if self.entries_added == 0 {
            return Some(0);
        }
        let read = match group.entries_read {
            Some(read) if !self.has_tombstones_from(group.last_id) => read,
            _ => self.distance_to(group.last_id)?,
        };
        Some(self.entries_added.wrapping_sub(read).cast_signed())
    }
}
