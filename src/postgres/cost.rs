//! Service time: what the work of a statement takes.
//!
//! The executor counts what a statement touches, and its session spends the
//! time for it: what the statement itself takes before it looks at anything,
//! all else before it is answered, with every lock that it took still held.
//! So whoever waits for a row waits for the work on it as well, and a scan of
//! a large table keeps its transaction open for as long as it reads. To wait
//! for a lock costs nothing beyond the wait.
//!
//! Sorting, grouping and sending are part of the statement.

use std::cell::Cell;
use std::time::Duration;

use super::error::{Error, Result};

/// What each part of a statement's work takes, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// A statement: taking it in, planning it, answering it.
    pub statement_ns: u64,
    /// A version of a row that the scan of a whole table reads.
    pub seq_tuple_ns: u64,
    /// A descent of an index, to where a key is or a range begins.
    pub index_scan_ns: u64,
    /// A version of a row to which an index leads.
    pub index_tuple_ns: u64,
    /// A row that is inserted, updated, deleted or locked.
    pub write_ns: u64,
    /// An entry that is added to an index.
    pub index_write_ns: u64,
}

/// Counts as long as others look.
#[derive(Debug, Clone, Default)]
pub(super) struct Count(Cell<u64>);

impl Count {
    pub(super) fn add(&self, more: usize) {
        self.0.set(self.0.get().saturating_add(more as u64));
    }
}

/// How much a statement has done. One that does more than there is any sense in
/// simulating is taken to go on for [`ENDLESS`]: the executor gives it up, and
/// its session waits in its place, until it is cancelled or that time is over.
#[derive(Debug, Clone, Default)]
pub(super) struct Effort(Cell<u64>);

/// How long a statement goes on that has done too much.
pub(super) const ENDLESS: Duration = Duration::from_secs(1_800);

/// What a statement does at most; to look at a row is 1.
const EFFORT_MAX: u64 = 100_000_000;
/// A row that is kept in memory.
pub(super) const KEPT: u64 = 20;
/// One round of a recursion.
pub(super) const ROUND: u64 = 500;
/// So many bytes of text are as much as one row.
const BYTES: u64 = 16;

impl Effort {
    /// A statement begins.
    pub(super) fn begin(&self) {
        self.0.set(0);
    }

    pub(super) fn spend(&self, effort: u64) -> Result<()> {
        self.0.set(self.0.get().saturating_add(effort));
        if self.is_spent() {
            return Err(too_much());
        }
        Ok(())
    }

    /// True if it has been too much.
    pub(super) fn is_spent(&self) -> bool {
        self.0.get() > EFFORT_MAX
    }
}

/// What so many bytes are.
pub(super) fn effort_of_bytes(bytes: usize) -> u64 {
    bytes as u64 / BYTES
}

/// The error of a statement whose time is over.
fn too_much() -> Error {
    Error::unsupported("a statement with so many rows or so much text")
}

/// What has been touched and not been paid for.
#[derive(Debug, Clone, Default)]
pub(super) struct Touched {
    pub(super) seq_tuples: Count,
    pub(super) index_scans: Count,
    pub(super) index_tuples: Count,
    pub(super) writes: Count,
    pub(super) index_writes: Count,
    /// What the statement has done altogether.
    pub(super) effort: Effort,
}

impl Touched {
    /// What it takes; from now on it is paid for.
    pub(super) fn settle(&self, cost: &Cost) -> Duration {
        let counts = [
            (&self.seq_tuples, cost.seq_tuple_ns),
            (&self.index_scans, cost.index_scan_ns),
            (&self.index_tuples, cost.index_tuple_ns),
            (&self.writes, cost.write_ns),
            (&self.index_writes, cost.index_write_ns),
        ];
        let each = counts.map(|(count, ns)| count.0.take().saturating_mul(ns));
        Duration::from_nanos(each.into_iter().fold(0, u64::saturating_add))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_paid_for_once() {
        let cost = Cost {
            statement_ns: 1_000_000,
            seq_tuple_ns: 1,
            index_scan_ns: 10,
            index_tuple_ns: 100,
            write_ns: 1_000,
            index_write_ns: 10_000,
        };
        let touched = Touched::default();
        touched.seq_tuples.add(5);
        touched.index_scans.add(4);
        touched.index_tuples.add(3);
        touched.writes.add(2);
        touched.index_writes.add(1);
        assert_eq!(touched.settle(&cost), Duration::from_nanos(12_345));
        assert_eq!(touched.settle(&cost), Duration::ZERO);
    }
}
