//! A B-tree: keys in order, each with the rows of which some version has it.
//!
//! An entry says where to look, not what is there: readers check the version
//! they see against the key. An entry goes when the last version of its row
//! that has the key is pruned or undone. PostgreSQL's stays until somebody
//! meets it and finds its row dead to all, which a SERIALIZABLE transaction may
//! notice: so its key is kept until then.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::slice;

use super::heap::{Chain, RowId};
use super::table::IndexDef;
use crate::postgres::types::{Row, Value};

/// Almost every key has one row; more only while versions overlap, or in an
/// index that is not unique.
#[derive(Debug)]
pub(in crate::postgres) struct Postings {
    first: RowId,
    rest: Vec<RowId>,
}

/// The entries of one index.
#[derive(Debug, Default)]
pub(in crate::postgres) struct Index {
    entries: BTreeMap<Box<[Value]>, Postings>,
    /// The keys whose rows are dead to all, as far as nobody has met them.
    dead: RefCell<BTreeSet<Box<[Value]>>>,
}

/// What a page has room for, about: when it is full, dead entries go.
const DEAD_MAX: usize = 400;

impl Index {
    /// Adds an entry unless it is there.
    pub(in crate::postgres) fn insert(&mut self, key: Box<[Value]>, id: RowId) {
        self.dead.get_mut().remove(&key);
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
        let mut versions = chain.versions().iter();
        if versions.any(|version| def.same_key(&version.row, dropped)) {
            return;
        }
        if let Some(key) = def.key(dropped) {
            self.remove(&key, id);
            let dead = self.dead.get_mut();
            if dead.len() >= DEAD_MAX {
                dead.clear();
            }
            dead.insert(key);
        }
    }

    /// Cleans up.
    pub(in crate::postgres) fn vacuum(&mut self) {
        self.dead.get_mut().clear();
    }

    /// True if a scan of these keys meets dead entries; the next does not.
    pub(in crate::postgres) fn meets_dead(
        &self,
        width: usize,
        prefix: &[Value],
        low: Option<&(Value, bool)>,
        high: Option<&(Value, bool)>,
    ) -> bool {
        if self.dead.borrow().is_empty() {
            return false;
        }
        let (start, end) = ends(width, prefix, low, high);
        self.meets_dead_between((
            start.as_ref().map(Vec::as_slice),
            end.as_ref().map(Vec::as_slice),
        ))
    }

    fn meets_dead_between(&self, ends: (Bound<&[Value]>, Bound<&[Value]>)) -> bool {
        let mut dead = self.dead.borrow_mut();
        let met: Vec<_> = match is_range(ends) {
            true => dead.range::<[Value], _>(ends).cloned().collect(),
            false => Vec::new(),
        };
        met.iter().for_each(|key| drop(dead.take(key)));
        !met.is_empty()
    }

    /// The rows of exactly this key.
    pub(in crate::postgres) fn get(&self, key: &[Value]) -> impl Iterator<Item = RowId> + '_ {
        self.entries.get(key).into_iter().flat_map(Postings::rows)
    }

    /// The keys of `width` columns that start with `prefix`, the column after
    /// it from `low` to `high`, each with whether it belongs to the range, in
    /// their order, with their rows. NULL is in no range.
    pub(in crate::postgres) fn range<'a>(
        &'a self,
        width: usize,
        prefix: &[Value],
        low: Option<&(Value, bool)>,
        high: Option<&(Value, bool)>,
    ) -> impl DoubleEndedIterator<Item = (&'a [Value], &'a Postings)> + use<'a> {
        let (start, end) = ends(width, prefix, low, high);
        self.between(
            start.as_ref().map(Vec::as_slice),
            end.as_ref().map(Vec::as_slice),
        )
    }

    /// The one of those keys that comes after this one, forward or backward;
    /// the first if there is none. With it comes whether dead entries are met
    /// on the way.
    pub(in crate::postgres) fn next(
        &self,
        width: usize,
        prefix: &[Value],
        low: Option<&(Value, bool)>,
        high: Option<&(Value, bool)>,
        last: Option<&[Value]>,
        backward: bool,
    ) -> (Option<(&[Value], &Postings)>, bool) {
        let (start, end) = ends(width, prefix, low, high);
        let (start, end) = (
            start.as_ref().map(Vec::as_slice),
            end.as_ref().map(Vec::as_slice),
        );
        let last = last.map(Bound::Excluded);
        let (start, end) = match backward {
            true => (start, last.unwrap_or(end)),
            false => (last.unwrap_or(start), end),
        };
        let mut between = self.between(start, end);
        let next = match backward {
            true => between.next_back(),
            false => between.next(),
        };
        if self.dead.borrow().is_empty() {
            return (next, false);
        }
        let to = next.map(|(key, _)| Bound::Included(key));
        let passed = match backward {
            true => (to.unwrap_or(start), end),
            false => (start, to.unwrap_or(end)),
        };
        (next, self.meets_dead_between(passed))
    }

    fn between<'a>(
        &'a self,
        start: Bound<&[Value]>,
        end: Bound<&[Value]>,
    ) -> impl DoubleEndedIterator<Item = (&'a [Value], &'a Postings)> + use<'a> {
        let ends = (start, end);
        let entries = is_range(ends).then(|| self.entries.range::<[Value], _>(ends));
        let entries = entries.into_iter().flatten();
        entries.map(|(key, postings)| (&**key, postings))
    }
}

/// Where the keys of `width` columns begin and end that start with `prefix`
/// and have the column after it within the range.
fn ends(
    width: usize,
    prefix: &[Value],
    low: Option<&(Value, bool)>,
    high: Option<&(Value, bool)>,
) -> (Bound<Vec<Value>>, Bound<Vec<Value>>) {
    let before = |next: Option<&Value>| [prefix, next.map_or(&[], slice::from_ref)].concat();
    // NULL sorts last: no key with these first columns comes after this.
    let after = |next: Option<&Value>| {
        let mut key = before(next);
        key.resize(width, Value::Null);
        key
    };
    let start = match low {
        None => Bound::Included(before(None)),
        Some((value, true)) => Bound::Included(before(Some(value))),
        Some((value, false)) => Bound::Excluded(after(Some(value))),
    };
    let end = match high {
        Some((value, true)) => Bound::Included(after(Some(value))),
        Some((value, false)) => Bound::Excluded(before(Some(value))),
        None if low.is_some() => Bound::Excluded(before(Some(&Value::Null))),
        None => Bound::Included(after(None)),
    };
    (start, end)
}

/// True if these bounds are the right way round.
fn is_range(ends: (Bound<&[Value]>, Bound<&[Value]>)) -> bool {
    match ends {
        (Bound::Excluded(start), Bound::Excluded(end)) => start < end,
        (
            Bound::Included(start) | Bound::Excluded(start),
            Bound::Included(end) | Bound::Excluded(end),
        ) => start <= end,
        _ => true,
    }
}

impl Postings {
    pub(in crate::postgres) fn rows(&self) -> impl Iterator<Item = RowId> + '_ {
        std::iter::once(self.first).chain(self.rest.iter().copied())
    }
}
