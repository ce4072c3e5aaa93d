//! Finding cycles among waiting sessions, and describing them.
//!
//! A session that has waited for deadlock_timeout looks for a way back to
//! itself: from what it waits for to whoever is in the way, and on from
//! there. It is then the victim. PostgreSQL first tries to solve cycles that
//! run through queue positions by reordering the queue; here they count.

use super::{LockTag, Locks, Pid, WaitId};
use crate::postgres::error::{Error, SqlState};

impl Locks {
    fn wait_of(&self, pid: Pid) -> Option<WaitId> {
        self.waits
            .iter()
            .find(|(_, wait)| wait.pid == pid && !wait.granted)
            .map(|(id, _)| *id)
    }

    /// The waits of a cycle through `pid`, its own first.
    fn cycle(&self, pid: Pid) -> Option<Vec<WaitId>> {
        let mut visited = Vec::new();
        let mut path = Vec::new();
        self.search(pid, pid, &mut visited, &mut path)
            .then_some(path)
    }

    fn search(
        &self,
        from: Pid,
        target: Pid,
        visited: &mut Vec<Pid>,
        path: &mut Vec<WaitId>,
    ) -> bool {
        let Some(wait) = self.wait_of(from) else {
            return false;
        };
        visited.push(from);
        path.push(wait);
        for blocker in self.blockers(wait) {
            if blocker == target
                || (!visited.contains(&blocker) && self.search(blocker, target, visited, path))
            {
                return true;
            }
        }
        path.pop();
        false
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
