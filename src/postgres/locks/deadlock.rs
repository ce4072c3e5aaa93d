//! Finding cycles among waiting sessions, and describing them.
//!
//! A session that has waited for deadlock_timeout looks for a way back to
//! itself: from what it waits for to whoever is in the way, and on from
//! there. It is then the victim. PostgreSQL first tries to solve cycles that
//! run through queue positions by reordering the queue; here they count.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::{LockMode, LockTag, Locks, Pid, WaitId};
use crate::postgres::error::{Error, SqlState};

impl Locks {
    /// The waits of a cycle through `pid`, its own first.
    fn cycle(&self, pid: Pid) -> Option<Vec<WaitId>> {
        let mut came_from: BTreeMap<Pid, Pid> = BTreeMap::new();
        let mut to_visit = vec![pid];
        while let Some(at) = to_visit.pop() {
            let Some(wait) = self.waiting.get(&at) else {
                continue;
            };
            for blocker in self.in_the_way(*wait, pid) {
                if blocker == pid {
                    return Some(self.path(pid, at, &came_from));
                }
                if let Entry::Vacant(vacant) = came_from.entry(blocker) {
                    vacant.insert(at);
                    to_visit.push(blocker);
                }
            }
        }
        None
    }

    fn path(&self, from: Pid, to: Pid, came_from: &BTreeMap<Pid, Pid>) -> Vec<WaitId> {
        let mut pids = vec![to];
        let mut at = to;
        while at != from
            && let Some(before) = came_from.get(&at)
        {
            pids.push(*before);
            at = *before;
        }
        let waits = pids.iter().rev().filter_map(|pid| self.waiting.get(pid));
        waits.copied().collect()
    }

    /// Whom a wait is for: those that hold the lock, and `target` if it is
    /// ahead in the queue. Others ahead wait for this same lock and for
    /// nothing else, so what they wait for is told in their stead.
    fn in_the_way(&self, id: WaitId, target: Pid) -> Vec<Pid> {
        let Some(wait) = self.waits.get(&id) else {
            return Vec::new();
        };
        let Some(lock) = self.locks.get(&wait.tag) else {
            return Vec::new();
        };
        let place = lock.queue.partition_point(|queued| queued.id < id);
        let mut modes = vec![wait.mode];
        let excluded =
            |modes: &[LockMode], mode: LockMode| modes.iter().any(|other| other.conflicts(mode));
        for ahead in lock.queue.range(..place).rev() {
            if lock.wants_only(&modes) {
                break;
            }
            if excluded(&modes, ahead.mode) && !modes.contains(&ahead.mode) {
                modes.push(ahead.mode);
            }
        }
        let target_ahead = self
            .waiting
            .get(&target)
            .filter(|theirs| **theirs < id)
            .and_then(|theirs| self.waits.get(theirs))
            .filter(|theirs| theirs.tag == wait.tag && excluded(&modes, theirs.mode));
        lock.granted
            .iter()
            .filter(|grant| grant.pid != wait.pid && excluded(&modes, grant.mode))
            .map(|grant| grant.pid)
            .chain(target_ahead.map(|theirs| theirs.pid))
            .collect()
    }

    /// The error that ends a deadlock, if `pid` is in one.
    pub(super) fn deadlock(&self, pid: Pid) -> Option<Error> {
        let cycle = self.cycle(pid)?;
        let waits: Vec<_> = cycle.iter().filter_map(|id| self.waits.get(id)).collect();
        let blockers = waits.iter().cycle().skip(1);
        let lines: Vec<String> = waits
            .iter()
            .zip(blockers)
            .map(|(wait, blocker)| {
                let object = describe(wait.tag);
                format!(
                    "Process {} waits for {} on {object}; blocked by process {}.",
                    wait.pid, wait.mode, blocker.pid
                )
            })
            .collect();
        let error = Error::new(SqlState::DEADLOCK_DETECTED, "deadlock detected")
            .detail(lines.join("\n"))
            .hint("See server log for query details.");
        Some(error)
    }
}

/// The number that PostgreSQL gives the database `postgres`.
const DATABASE: u32 = 5;

fn describe(tag: LockTag) -> String {
    match tag {
        LockTag::Relation(id) => format!("relation {} of database {DATABASE}", id.0),
        LockTag::Tuple(id, row) => {
            let (block, item) = row.place();
            format!(
                "tuple ({block},{item}) of relation {} of database {DATABASE}",
                id.0
            )
        }
        LockTag::Transaction(xid) => format!("transaction {}", xid.0),
    }
}
