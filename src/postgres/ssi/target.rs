//! What SIREAD locks are on, and how many fine ones become one coarse one.

use std::collections::{BTreeMap, BTreeSet};

use crate::postgres::storage::heap::Tid;
use crate::postgres::storage::table::TableId;

/// What a SIREAD lock is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::postgres) enum Target {
    Relation(TableId),
    /// A page of a table.
    Page(TableId, u64),
    /// One version of a row.
    Tuple(TableId, Tid),
    /// A whole index: PostgreSQL locks its pages, and a small one has one.
    Index(u32),
}

/// Versions that a page is taken to hold.
const PER_PAGE: u64 = 226;
/// PostgreSQL's max_pred_locks_per_page.
const PER_PAGE_MAX: usize = 2;
/// What its max_pred_locks_per_relation of -2 comes to.
const PER_RELATION_MAX: usize = 31;

/// The page of a version.
pub(super) fn page_of(tid: Tid) -> u64 {
    tid.0 / PER_PAGE
}

/// What one transaction has locked.
#[derive(Debug, Default)]
pub(super) struct Targets {
    held: BTreeSet<Target>,
    /// Versions asked for, by page and by table.
    on_page: BTreeMap<(TableId, u64), usize>,
    in_table: BTreeMap<TableId, usize>,
}

impl Targets {
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    pub(super) fn held(&self) -> impl Iterator<Item = Target> {
        self.held.iter().copied()
    }

    pub(super) fn into_held(self) -> BTreeSet<Target> {
        self.held
    }

    /// True if this lock, or a coarser one, is held.
    fn covers(&self, target: Target) -> bool {
        self.held.contains(&target)
            || match target {
                Target::Tuple(table, tid) => {
                    self.held.contains(&Target::Page(table, page_of(tid)))
                        || self.held.contains(&Target::Relation(table))
                }
                Target::Page(table, _) => self.held.contains(&Target::Relation(table)),
                Target::Relation(_) | Target::Index(_) => false,
            }
    }

    /// Adds a lock: the one that was taken in the end, and the finer ones
    /// that it replaces.
    pub(super) fn add(&mut self, target: Target) -> Option<(Target, Vec<Target>)> {
        if self.covers(target) {
            return None;
        }
        let mut taken = target;
        if let Target::Tuple(table, tid) = target {
            let page = page_of(tid);
            let on_page = self.on_page.entry((table, page)).or_default();
            *on_page += 1;
            if *on_page > PER_PAGE_MAX {
                taken = Target::Page(table, page);
            }
            let in_table = self.in_table.entry(table).or_default();
            *in_table += 1;
            if *in_table > PER_RELATION_MAX {
                taken = Target::Relation(table);
            }
        }
        let replaced = self.within(taken);
        for finer in &replaced {
            self.held.remove(finer);
        }
        self.held.insert(taken);
        Some((taken, replaced))
    }

    /// The locks inside of this one.
    fn within(&self, target: Target) -> Vec<Target> {
        let held = self.held.iter().copied();
        held.filter(|finer| match (target, *finer) {
            (Target::Relation(table), Target::Page(other, _) | Target::Tuple(other, _)) => {
                table == other
            }
            (Target::Page(table, page), Target::Tuple(other, tid)) => {
                table == other && page_of(tid) == page
            }
            _ => false,
        })
        .collect()
    }

    /// Takes a lock back: true if it was held.
    pub(super) fn remove(&mut self, target: Target) -> bool {
        let held = self.held.remove(&target);
        if held && let Target::Tuple(table, tid) = target {
            let on_page = self.on_page.entry((table, page_of(tid))).or_default();
            *on_page = on_page.saturating_sub(1);
            let in_table = self.in_table.entry(table).or_default();
            *in_table = in_table.saturating_sub(1);
        }
        held
    }
}
