//! A B-tree: keys in order, each with the rows of which some version has it.
//!
//! An entry says where to look, not what is there: readers check the version
//! they see against the key. An entry goes when the last version of its row
//! that has the key is pruned or undone.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::heap::{Chain, RowId};
use super::table::IndexDef;
use crate::postgres::types::{Row, Value};

/// Almost every key has one row; more only while versions overlap, or in an
/// index that is not unique.
#[derive(Debug)]
struct Postings {
    first: RowId,
    rest: Vec<RowId>,
}

/// The entries of one index.
#[derive(Debug, Default)]
pub(in crate::postgres) struct Index {
    entries: BTreeMap<Box<[Value]>, Postings>,
}

impl Index {
    /// Adds an entry unless it is there.
    pub(in crate::postgres) fn insert(&mut self, key: Box<[Value]>, id: RowId) {
        match self.entries.get_mut(&key) {
            Some(postings) => {
                if postings.first != id && !postings.rest.contains(&id) {
                    postings.rest.push(id);
                }
            }
            None => {
                let postings = Postings {
                    first: id,
                    rest: Vec::new(),
                };
                self.entries.insert(key, postings);
            }
        }
    }

    fn remove(&mut self, key: &[Value], id: RowId) {
        let Some(postings) = self.entries.get_mut(key) else {
            return;
        };
        if postings.first != id {
            postings.rest.retain(|other| *other != id);
        } else if let Some(other) = postings.rest.pop() {
            postings.first = other;
        } else {
            self.entries.remove(key);
        }
    }

    /// Removes the entry of a dropped version unless another version of the
    /// row still has its key.
    pub(in crate::postgres) fn forget(
        &mut self,
        def: &IndexDef,
        dropped: &Row,
        id: RowId,
        chain: &Chain,
    ) {
        let Some(key) = def.key(dropped) else {
            return;
        };
        let mut versions = chain.versions().iter();
        if !versions.any(|version| def.has_key(&version.row, &key)) {
            self.remove(&key, id);
        }
    }

    /// The rows of exactly this key.
    pub(in crate::postgres) fn get(&self, key: &[Value]) -> impl Iterator<Item = RowId> + '_ {
        self.entries.get(key).into_iter().flat_map(Postings::rows)
    }

    /// The rows whose key starts with `prefix`, the column after it from `low`
    /// to `high`, each with whether it belongs to the range, in key order. NULL
    /// is in no range.
    pub(in crate::postgres) fn range<'a>(
        &'a self,
        prefix: &'a [Value],
        low: Option<&'a (Value, bool)>,
        high: Option<&'a (Value, bool)>,
    ) -> impl Iterator<Item = RowId> + 'a {
        let from = low.map(|(value, _)| value);
        let start: Box<[Value]> = prefix.iter().chain(from).cloned().collect();
        let bounded = low.is_some() || high.is_some();
        let within = move |next: Option<&Value>| match high {
            Some((high, true)) => next.is_some_and(|value| value <= high),
            Some((high, false)) => next.is_some_and(|value| value < high),
            None => true,
        };
        let excluded = low.filter(|(_, included)| !included).map(|(low, _)| low);
        self.entries
            .range::<[Value], _>((Bound::Included(&*start), Bound::Unbounded))
            .take_while(move |(key, _)| {
                let next = key.get(prefix.len());
                key.starts_with(prefix)
                    && within(next)
                    && !(bounded && next.is_none_or(Value::is_null))
            })
            .filter(move |(key, _)| excluded.is_none() || key.get(prefix.len()) != excluded)
            .flat_map(|(_, postings)| postings.rows())
            .collect::<Vec<_>>()
            .into_iter()
    }
}

impl Postings {
    fn rows(&self) -> impl Iterator<Item = RowId> + '_ {
        std::iter::once(self.first).chain(self.rest.iter().copied())
    }
}
