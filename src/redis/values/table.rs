//! A hash table by name that can be scanned while it changes.
//!
//! SCAN and its kin promise that whatever is there from the first call to the
//! last is returned, however the table grows or shrinks in between. Here a
//! scan goes through the names in the order of their hash, and its cursor is
//! the hash to go on from: no name moves, so none is missed and none comes
//! twice. That order is kept from the first scan on; a table that nobody
//! scans does not pay for it.

use std::collections::BTreeSet;

use bytes::Bytes;
use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use xxhash_rust::xxh3::xxh3_64;

/// Values by name.
#[derive(Debug, Clone)]
pub(in crate::redis) struct Table<V> {
    map: IndexMap<Bytes, V, FxBuildHasher>,
    by_hash: Option<BTreeSet<(u64, Bytes)>>,
}

impl<V> Default for Table<V> {
    fn default() -> Table<V> {
        Table {
            map: IndexMap::default(),
            by_hash: None,
        }
    }
}

impl<V> Table<V> {
    pub(in crate::redis) fn len(&self) -> usize {
        self.map.len()
    }

    pub(in crate::redis) fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    pub(in crate::redis) fn contains(&self, name: &[u8]) -> bool {
        self.map.contains_key(name)
    }

    pub(in crate::redis) fn get(&self, name: &[u8]) -> Option<&V> {
        self.map.get(name)
    }

    pub(in crate::redis) fn get_mut(&mut self, name: &[u8]) -> Option<&mut V> {
        self.map.get_mut(name)
    }

    /// The value with the table's own copy of its name.
    pub(in crate::redis) fn get_named(&mut self, name: &[u8]) -> Option<(&Bytes, &mut V)> {
        let (_, name, value) = self.map.get_full_mut(name)?;
        Some((name, value))
    }

    /// By position, which a removal can change.
    pub(in crate::redis) fn at(&self, index: usize) -> Option<(&Bytes, &V)> {
        self.map.get_index(index)
    }

    /// In the order in which the names came, until one is taken.
    pub(in crate::redis) fn iter(&self) -> impl ExactSizeIterator<Item = (&Bytes, &V)> {
        self.map.iter()
    }

    pub(in crate::redis) fn names(&self) -> impl ExactSizeIterator<Item = &Bytes> {
        self.map.keys()
    }

    /// Gives a name a value; the old one if there was one.
    pub(in crate::redis) fn insert(&mut self, name: Bytes, value: V) -> Option<V> {
        if let Some(by_hash) = &mut self.by_hash {
            by_hash.insert((xxh3_64(&name), name.clone()));
        }
        self.map.insert(name, value)
    }

    /// Takes a name out, and puts the last one in its place.
    pub(in crate::redis) fn take(&mut self, name: &[u8]) -> Option<(Bytes, V)> {
        let taken = self.map.swap_remove_entry(name)?;
        self.forget_hash(&taken.0);
        Some(taken)
    }

    /// Takes a name out and keeps the order of the others, which takes longer
    /// the more there are.
    pub(in crate::redis) fn take_in_order(&mut self, name: &[u8]) -> Option<(Bytes, V)> {
        let taken = self.map.shift_remove_entry(name)?;
        self.forget_hash(&taken.0);
        Some(taken)
    }

    fn forget_hash(&mut self, name: &Bytes) {
        if let Some(by_hash) = &mut self.by_hash {
            by_hash.remove(&(xxh3_64(name), name.clone()));
        }
    }

    /// About `count` names from `cursor` on, and the cursor of the next call,
    /// 0 at the end.
    pub(in crate::redis) fn scan(&mut self, cursor: u64, count: usize) -> (u64, Vec<Bytes>) {
        let map = &self.map;
        let by_hash = self.by_hash.get_or_insert_with(|| {
            let names = map.keys();
            names.map(|name| (xxh3_64(name), name.clone())).collect()
        });
        let mut found = Vec::new();
        let mut last = None;
        for (hash, name) in by_hash.range((cursor, Bytes::new())..) {
            if found.len() >= count && last != Some(*hash) {
                return (*hash, found);
            }
            found.push(name.clone());
            last = Some(*hash);
        }
        (0, found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: u32) -> Bytes {
        number.to_string().into()
    }

    #[test]
    fn a_scan_meets_whatever_stays() {
        let mut table = Table::default();
        for number in 0..1000 {
            table.insert(name(number), ());
        }
        let (mut cursor, mut found) = (0, Vec::new());
        for round in 0.. {
            let (next, names) = table.scan(cursor, 10);
            found.extend(names);
            for number in round * 20..round * 20 + 20 {
                table.take(&name(1_000 + number));
                table.take(&name(number % 500));
                table.insert(name(2_000 + number), ());
            }
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        for number in 500..1000 {
            let times = found.iter().filter(|n| **n == name(number)).count();
            assert_eq!(times, 1, "{number}");
        }
    }
}
