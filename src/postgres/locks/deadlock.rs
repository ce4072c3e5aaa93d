//! Finding deadlocks, and what to do about them.
//!
//! A session that has waited for deadlock_timeout looks for a way back to
//! itself: from what it waits for to whoever is in the way, and on from
//! there. An edge is hard if the other holds the lock, soft if it is only
//! ahead in the queue. A cycle with soft edges is solved by letting somebody
//! overtake, if some order of the queues leaves no cycle at all; else whoever
//! looked is the victim.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::{LockMode, LockTag, Locks, Pid, WaitId};
use crate::postgres::catalog::DATABASE;
use crate::postgres::error::{Error, SqlState};

/// What a look for a deadlock finds.
#[derive(Debug)]
pub(super) enum Finding {
    None,
    /// Solved by these orders of queues.
    Soft(Vec<Order>),
    /// Sessions, each waiting for the next and the last for the first.
    Hard(Vec<Pid>),
}

/// An order in which a lock's waiters would stand.
#[derive(Debug, Clone)]
pub(super) struct Order {
    pub(super) tag: LockTag,
    pub(super) pids: Vec<Pid>,
}

/// `waiter` stands behind `blocker` in a queue, and would be put before it.
#[derive(Debug, Clone, Copy)]
struct Overtaking {
    tag: LockTag,
    waiter: Pid,
    blocker: Pid,
}

/// What a set of overtakings leaves.
enum Outcome {
    Solved(Vec<Order>),
    /// A cycle with these soft edges.
    Cycle(Vec<Overtaking>),
    /// A cycle of hard edges, or no order that would do.
    Hopeless,
}

/// A walk along the edges from one session.
struct Walk<'a> {
    locks: &'a Locks,
    orders: &'a [Order],
    start: Pid,
    visited: BTreeSet<Pid>,
    soft: Vec<Overtaking>,
    path: Vec<Pid>,
}

impl Walk<'_> {
    /// True if a way leads from `pid` back to the start; the path is then
    /// the sessions on it, from the last.
    fn leads_back(&mut self, pid: Pid) -> bool {
        if !self.visited.insert(pid) {
            return pid == self.start;
        }
        let locks = self.locks;
        let wait = locks.waiting.get(&pid).and_then(|id| locks.waits.get(id));
        let Some((wait, lock)) = wait.and_then(|wait| Some((wait, locks.locks.get(&wait.tag)?)))
        else {
            return false;
        };
        for grant in &lock.granted {
            if grant.pid != pid && grant.mode.conflicts(wait.mode) && self.leads_back(grant.pid) {
                self.path.push(pid);
                return true;
            }
        }
        for ahead in self.queue(wait.tag) {
            if ahead == pid {
                break;
            }
            let theirs = locks.waiting.get(&ahead).and_then(|id| locks.waits.get(id));
            let excludes = theirs.is_some_and(|theirs| theirs.mode.conflicts(wait.mode));
            if excludes && self.leads_back(ahead) {
                self.path.push(pid);
                self.soft.push(Overtaking {
                    tag: wait.tag,
                    waiter: pid,
                    blocker: ahead,
                });
                return true;
            }
        }
        false
    }

    fn queue(&self, tag: LockTag) -> Vec<Pid> {
        match self.orders.iter().find(|order| order.tag == tag) {
            Some(order) => order.pids.clone(),
            None => self.locks.queue(tag),
        }
    }
}

impl Locks {
    fn queue(&self, tag: LockTag) -> Vec<Pid> {
        let queue = self.locks.get(&tag).map(|lock| lock.queue.iter());
        queue
            .into_iter()
            .flatten()
            .map(|queued| queued.pid)
            .collect()
    }

    /// True if there may be a cycle through `pid`, whatever its edges. Costs
    /// little where a crowd waits for one lock.
    fn may_be_stuck(&self, pid: Pid) -> bool {
        let mut came_from: BTreeMap<Pid, Pid> = BTreeMap::new();
        let mut to_visit = vec![pid];
        while let Some(at) = to_visit.pop() {
            let Some(wait) = self.waiting.get(&at) else {
                continue;
            };
            for blocker in self.in_the_way(*wait, pid) {
                if blocker == pid {
                    return true;
                }
                if let Entry::Vacant(vacant) = came_from.entry(blocker) {
                    vacant.insert(at);
                    to_visit.push(blocker);
                }
            }
        }
        false
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
        let place = lock.position(id).unwrap_or(lock.queue.len());
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
            .and_then(|theirs| Some((lock.position(*theirs)?, self.waits.get(theirs)?)))
            .filter(|(at, theirs)| *at < place && excluded(&modes, theirs.mode));
        lock.granted
            .iter()
            .filter(|grant| grant.pid != wait.pid && excluded(&modes, grant.mode))
            .map(|grant| grant.pid)
            .chain(target_ahead.map(|(_, theirs)| theirs.pid))
            .collect()
    }

    /// Looks for a deadlock around `pid`.
    pub(super) fn look(&self, pid: Pid) -> Finding {
        if !self.may_be_stuck(pid) {
            return Finding::None;
        }
        match self.solve(pid, &mut Vec::new()) {
            Some(orders) if orders.is_empty() => Finding::None,
            Some(orders) => Finding::Soft(orders),
            None => {
                let mut walk = self.walk(pid, &[]);
                walk.leads_back(pid);
                walk.path.reverse();
                Finding::Hard(walk.path)
            }
        }
    }

    fn walk<'a>(&'a self, start: Pid, orders: &'a [Order]) -> Walk<'a> {
        Walk {
            locks: self,
            orders,
            start,
            visited: BTreeSet::new(),
            soft: Vec::new(),
            path: Vec::new(),
        }
    }

    /// Orders of queues that leave no cycle; None if there are none.
    fn solve(&self, pid: Pid, overtakings: &mut Vec<Overtaking>) -> Option<Vec<Order>> {
        let candidates = match self.outcome(pid, overtakings) {
            Outcome::Solved(orders) => return Some(orders),
            Outcome::Hopeless => return None,
            Outcome::Cycle(candidates) => candidates,
        };
        // As many overtakings as there are sessions solve everything that
        // can be solved.
        if overtakings.len() >= self.waiting.len() {
            return None;
        }
        for candidate in candidates {
            overtakings.push(candidate);
            if let Some(orders) = self.solve(pid, overtakings) {
                return Some(orders);
            }
            overtakings.pop();
        }
        None
    }

    fn outcome(&self, pid: Pid, overtakings: &[Overtaking]) -> Outcome {
        let Some(orders) = self.orders(overtakings) else {
            return Outcome::Hopeless;
        };
        let mut found = None;
        let ends = overtakings
            .iter()
            .flat_map(|edge| [edge.waiter, edge.blocker]);
        for start in ends.chain([pid]) {
            let mut walk = self.walk(start, &orders);
            if walk.leads_back(start) {
                if walk.soft.is_empty() {
                    return Outcome::Hopeless;
                }
                found = Some(walk.soft);
            }
        }
        found.map_or(Outcome::Solved(orders), Outcome::Cycle)
    }

    /// The orders of queues with these overtakings, otherwise as close to
    /// what they are as can be.
    fn orders(&self, overtakings: &[Overtaking]) -> Option<Vec<Order>> {
        let mut orders: Vec<Order> = Vec::new();
        for (at, edge) in overtakings.iter().enumerate().rev() {
            if orders.iter().any(|order| order.tag == edge.tag) {
                continue;
            }
            let edges = &overtakings[..=at];
            let mut left = self.queue(edge.tag);
            let mut pids = Vec::with_capacity(left.len());
            // From the back: the last that nobody left has to come after.
            while !left.is_empty() {
                let free = left.iter().rposition(|pid| {
                    !edges.iter().any(|other| {
                        other.tag == edge.tag
                            && other.waiter == *pid
                            && left.contains(&other.blocker)
                    })
                })?;
                pids.push(left.remove(free));
            }
            pids.reverse();
            orders.push(Order {
                tag: edge.tag,
                pids,
            });
        }
        Some(orders)
    }

    /// Puts the waiters of a lock into another order.
    fn reorder(&mut self, order: &Order) {
        if let Some(lock) = self.locks.get_mut(&order.tag) {
            let place = |pid: Pid| order.pids.iter().position(|other| *other == pid);
            let queue = lock.queue.make_contiguous();
            queue.sort_by_key(|queued| place(queued.pid));
        }
        self.serve(order.tag);
    }

    /// Solves the deadlock that `pid` is in, or returns the error that ends
    /// it.
    pub(super) fn check_deadlock(&mut self, pid: Pid) -> Option<Error> {
        match self.look(pid) {
            Finding::None => None,
            Finding::Soft(orders) => {
                for order in &orders {
                    self.reorder(order);
                }
                None
            }
            Finding::Hard(cycle) => Some(self.deadlock_of(&cycle)),
        }
    }

    /// The error about a cycle of sessions.
    pub(super) fn deadlock_of(&self, cycle: &[Pid]) -> Error {
        let wait = |pid| self.waiting.get(pid).and_then(|id| self.waits.get(id));
        let blockers = cycle.iter().cycle().skip(1);
        let lines: Vec<String> = cycle
            .iter()
            .zip(blockers)
            .filter_map(|(pid, blocker)| {
                let wait = wait(pid)?;
                let object = describe(wait.tag);
                Some(format!(
                    "Process {pid} waits for {} on {object}; blocked by process {blocker}.",
                    wait.mode
                ))
            })
            .collect();
        Error::new(SqlState::DEADLOCK_DETECTED, "deadlock detected")
            .detail(lines.join("\n"))
            .hint("See server log for query details.")
    }
}

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
        LockTag::Virtual(backend, local) => format!("virtual transaction {backend}/{local}"),
        LockTag::Advisory(key) => {
            let [database, first, second, kind] = key.fields();
            format!("advisory lock [{database},{first},{second},{kind}]")
        }
    }
}

impl super::AdvisoryKey {
    /// The four fields of the lock's tag.
    pub(in crate::postgres) fn fields(self) -> [u32; 4] {
        match self {
            super::AdvisoryKey::One(key) => {
                let bits = key.cast_unsigned();
                let half = |bits: u64| u32::try_from(bits & 0xffff_ffff).unwrap_or_default();
                [DATABASE, half(bits >> 32), half(bits), 1]
            }
            super::AdvisoryKey::Two(first, second) => {
                [DATABASE, first.cast_unsigned(), second.cast_unsigned(), 2]
            }
        }
    }
}
