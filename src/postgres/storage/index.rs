//! A B-tree: keys in order, each with the rows of which some version has it.
//!
//! An entry says where to look, not what is there: readers check the version
//! they see against the key. An entry goes when the last version of its row
//! that has the key is pruned or undone.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::heap::{Chain, RowId};
use crate::postgres::types::Value;

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

/// The key of a row: the values of the index's columns.
pub(in crate::postgres) fn key_of(columns: &[usize], row: &[Value]) -> Box<[Value]> {
    columns.iter().map(|column| row[*column].clone()).collect()
}

fn same_key(columns: &[usize], a: &[Value], b: &[Value]) -> bool {
    columns.iter().all(|column| a[*column] == b[*column])
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
        columns: &[usize],
        dropped: &[Value],
        id: RowId,
        chain: &Chain,
    ) {
        let needed = chain
            .versions()
            .iter()
            .any(|version| same_key(columns, &version.row, dropped));
        if !needed {
            self.remove(&key_of(columns, dropped), id);
        }
    }

    /// The rows of exactly this key.
    pub(in crate::postgres) fn get(&self, key: &[Value]) -> impl Iterator<Item = RowId> + '_ {
        self.entries.get(key).into_iter().flat_map(Postings::rows)
    }

    /// The rows whose key starts with `prefix`, in key order.
    pub(in crate::postgres) fn prefix<'a>(
        &'a self,
        prefix: &'a [Value],
    ) -> impl Iterator<Item = RowId> + 'a {
        self.entries
            .range::<[Value], _>((Bound::Included(prefix), Bound::Unbounded))
            .take_while(move |(key, _)| key.starts_with(prefix))
            .flat_map(|(_, postings)| postings.rows())
    }
}

impl Postings {
    fn rows(&self) -> impl Iterator<Item = RowId> + '_ {
        std::iter::once(self.first).chain(self.rest.iter().copied())
    }
}
