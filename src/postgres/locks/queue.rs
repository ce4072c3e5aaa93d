//! One lock: who holds it, and who waits for it in which order.

use std::collections::VecDeque;

use super::{LockMode, Pid, WaitId};

#[derive(Debug)]
pub(super) struct Grant {
    pub(super) pid: Pid,
    pub(super) mode: LockMode,
    count: usize,
    /// True as long as PostgreSQL keeps it with its holder: a weak lock on a
    /// relation on which nobody has had or wanted a strong one since.
    pub(super) fast: bool,
    pub(super) indexes: Indexes,
}

/// Whether a lock on a table is one on its indexes too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::postgres) enum Indexes {
    /// Planning a statement locks all of them.
    Held,
    /// An INSERT has them locked while it runs.
    Within,
    /// LOCK TABLE is about the table alone.
    No,
}

/// A place in a queue.
#[derive(Debug, Clone, Copy)]
pub(super) struct Queued {
    pub(super) id: WaitId,
    pub(super) pid: Pid,
    pub(super) mode: LockMode,
}

/// True for a lock that excludes weak ones.
fn is_strong(mode: LockMode) -> bool {
    mode > LockMode::ShareUpdateExclusive
}

#[derive(Debug, Default)]
pub(super) struct Lock {
    pub(super) granted: Vec<Grant>,
    pub(super) queue: VecDeque<Queued>,
    /// How many of the queue want each mode.
    wanted: [usize; LockMode::ALL.len()],
}

/// Where a request goes that cannot be granted as it comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Those that would have been ahead wait for us: granted after all.
    None,
    /// At this position of the queue.
    At(usize),
    /// At this position, and in a deadlock with whoever is there.
    Deadlock(usize),
}

impl Lock {
    pub(super) fn insert(&mut self, at: usize, queued: Queued) {
        self.transfer(queued.mode);
        self.wanted[queued.mode as usize] += 1;
        self.queue.insert(at, queued);
    }

    pub(super) fn remove_at(&mut self, at: usize) {
        if let Some(queued) = self.queue.remove(at) {
            self.wanted[queued.mode as usize] -= 1;
        }
    }

    pub(super) fn remove(&mut self, id: WaitId) {
        if let Some(at) = self.position(id) {
            self.remove_at(at);
        }
    }

    /// Where a wait stands. Most queues are in the order of their ids.
    pub(super) fn position(&self, id: WaitId) -> Option<usize> {
        let at = self.queue.partition_point(|queued| queued.id < id);
        if self.queue.get(at).is_some_and(|queued| queued.id == id) {
            return Some(at);
        }
        self.queue.iter().position(|queued| queued.id == id)
    }

    /// True if a waiter for `mode` excludes whatever anybody waits for.
    pub(super) fn all_wait_behind(&self, mode: LockMode) -> bool {
        LockMode::ALL
            .into_iter()
            .all(|wanted| self.wanted[wanted as usize] == 0 || wanted.conflicts(mode))
    }

    /// True if nobody waits for another mode than these.
    pub(super) fn wants_only(&self, modes: &[LockMode]) -> bool {
        LockMode::ALL
            .into_iter()
            .all(|wanted| self.wanted[wanted as usize] == 0 || modes.contains(&wanted))
    }

    /// True if nobody is in the way, in the queue neither, or the lock is had
    /// already in this mode.
    pub(super) fn is_free(&self, pid: Pid, mode: LockMode) -> bool {
        self.holds(pid, mode) || !self.is_behind_waiters(mode) && !self.excludes(pid, mode)
    }

    /// True if somebody in the queue waits for what excludes `mode`. A
    /// request that finds such a one has to wait too, whatever else it holds.
    fn is_behind_waiters(&self, mode: LockMode) -> bool {
        LockMode::ALL
            .into_iter()
            .any(|wanted| self.wanted[wanted as usize] > 0 && wanted.conflicts(mode))
    }

    pub(super) fn excludes(&self, pid: Pid, mode: LockMode) -> bool {
        self.granted
            .iter()
            .any(|grant| grant.pid != pid && grant.mode.conflicts(mode))
    }

    pub(super) fn holds(&self, pid: Pid, mode: LockMode) -> bool {
        let mut grants = self.granted.iter();
        grants.any(|grant| grant.pid == pid && grant.mode == mode)
    }

    pub(super) fn grant(&mut self, pid: Pid, mode: LockMode) {
        match self
            .granted
            .iter_mut()
            .find(|grant| grant.pid == pid && grant.mode == mode)
        {
            Some(grant) => grant.count += 1,
            None => {
                self.transfer(mode);
                let strong = self.granted.iter().any(|grant| is_strong(grant.mode));
                let fast = mode < LockMode::ShareUpdateExclusive && !strong;
                self.granted.push(Grant {
                    pid,
                    mode,
                    count: 1,
                    fast: fast && self.queue.is_empty(),
                    indexes: Indexes::Held,
                });
            }
        }
    }

    /// Whoever wants a strong lock looks all weak ones up, and so makes them
    /// locks like others.
    fn transfer(&mut self, wanted: LockMode) {
        if is_strong(wanted) {
            for grant in &mut self.granted {
                grant.fast = false;
            }
        }
    }

    /// Gives back one hold.
    pub(super) fn ungrant(&mut self, pid: Pid, mode: LockMode) {
        if let Some(at) = self
            .granted
            .iter()
            .position(|grant| grant.pid == pid && grant.mode == mode)
        {
            self.granted[at].count -= 1;
            if self.granted[at].count == 0 {
                self.granted.remove(at);
            }
        }
    }

    /// Where a request waits. Whoever holds the lock in another mode goes
    /// ahead of the first that waits for that: behind it, both would wait for
    /// each other.
    pub(super) fn place(&self, pid: Pid, mode: LockMode) -> Place {
        let holds = |of: Pid, against: LockMode| {
            let mut theirs = self.granted.iter().filter(|grant| grant.pid == of);
            theirs.any(|grant| grant.mode.conflicts(against))
        };
        if !self.granted.iter().any(|grant| grant.pid == pid) {
            return Place::At(self.queue.len());
        }
        let Some(first) = self.queue.iter().position(|waiter| holds(pid, waiter.mode)) else {
            return Place::At(self.queue.len());
        };
        if holds(self.queue[first].pid, mode) {
            return Place::Deadlock(first);
        }
        let mut ahead = self.queue.range(..first);
        let waits = ahead.any(|waiter| waiter.mode.conflicts(mode)) || self.excludes(pid, mode);
        if waits { Place::At(first) } else { Place::None }
    }
}
