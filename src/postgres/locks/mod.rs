//! The lock manager: who holds what, who waits for it, in which order.
//!
//! Heavyweight locks as PostgreSQL has them, on relations, on tuples (to wait
//! in line for a row), on transactions (to wait for their end) and on whatever
//! an application means by a number. A queue is served in order: nobody
//! overtakes a waiter that excludes them, but for those that it waits for. Every
//! transaction holds its own id exclusively from its first write, but that is
//! only written down when somebody waits for it.

mod deadlock;
mod listing;
mod mode;
mod queue;
mod wait;

use std::collections::BTreeMap;
use std::task::Waker;

use self::queue::{Lock, Place, Queued};

use super::error::Error;
use super::sql::current_timestamp;

pub(super) use listing::Listed;
pub(super) use mode::LockMode;
pub(super) use queue::Indexes;
pub(super) use wait::{WaitLimits, wait};

use super::storage::clog::Xid;
use super::storage::heap::RowId;
use super::storage::sequence::SequenceId;
use super::storage::table::TableId;

/// A session's process id.
pub type Pid = i32;

/// What can be locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LockTag {
    Relation(TableId),
    /// The right to be the next to lock a row.
    Tuple(TableId, RowId),
    /// Held by the transaction itself until it ends.
    Transaction(Xid),
    /// Held by every transaction, with an id or without: the number of its
    /// session, and its own in that.
    Virtual(u32, u64),
    Advisory(AdvisoryKey),
}

impl LockTag {
    /// Sequences are relations.
    pub(super) fn sequence(id: SequenceId) -> LockTag {
        LockTag::Relation(TableId(id.0))
    }

    /// True for what is locked again and again: it is kept though nobody
    /// holds it.
    fn stays(self) -> bool {
        matches!(self, LockTag::Relation(_))
    }

    /// True for what a transaction holds on itself, which is written down only
    /// while somebody waits for it.
    pub(super) fn is_transaction(self) -> bool {
        matches!(self, LockTag::Transaction(_) | LockTag::Virtual(..))
    }
}

/// What an advisory lock is on. One number and two never meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum AdvisoryKey {
    One(i64),
    Two(i32, i32),
}

/// One request that had to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WaitId(u64);

#[derive(Debug)]
struct Wait {
    pid: Pid,
    tag: LockTag,
    mode: LockMode,
    /// When it began, in PostgreSQL's microseconds.
    since: i64,
    granted: bool,
    waker: Option<Waker>,
}

/// The answer to a request.
#[derive(Debug)]
pub(super) enum Request {
    Granted,
    Queued(WaitId),
    /// Waiting would be for ever.
    Deadlock(Error),
}

/// Every lock of the server.
#[derive(Debug, Default)]
pub(super) struct Locks {
    locks: BTreeMap<LockTag, Lock>,
    waits: BTreeMap<WaitId, Wait>,
    /// What each session waits for.
    waiting: BTreeMap<Pid, WaitId>,
    last_wait: u64,
}

impl Locks {
    /// Takes a lock if nobody is in the way, in the queue neither. Whoever has
    /// it already, in the same mode, gets it once more past the queue.
    pub(super) fn try_acquire(&mut self, tag: LockTag, mode: LockMode, pid: Pid) -> bool {
        let lock = self.locks.entry(tag).or_default();
        let available = lock.is_free(pid, mode);
        if available {
            lock.grant(pid, mode);
        }
        available
    }

    /// Notes a lock that has been held without being noted here.
    pub(super) fn grant(&mut self, tag: LockTag, mode: LockMode, pid: Pid) {
        self.locks.entry(tag).or_default().grant(pid, mode);
    }

    /// True if a lock could be taken at once.
    pub(super) fn is_free(&self, tag: LockTag, mode: LockMode, pid: Pid) -> bool {
        let lock = self.locks.get(&tag);
        lock.is_none_or(|lock| lock.is_free(pid, mode))
    }

    /// Takes a lock, or a place in its queue.
    pub(super) fn acquire(&mut self, tag: LockTag, mode: LockMode, pid: Pid) -> Request {
        if self.try_acquire(tag, mode, pid) {
            return Request::Granted;
        }
        let lock = self.locks.entry(tag).or_default();
        match lock.place(pid, mode) {
            Place::None => {
                lock.grant(pid, mode);
                Request::Granted
            }
            Place::At(at) => Request::Queued(self.enqueue(tag, mode, pid, at)),
            Place::Deadlock(at) => {
                let with = lock.queue[at].pid;
                let id = self.enqueue(tag, mode, pid, at);
                let error = self.deadlock_of(&[pid, with]);
                self.abandon(id);
                Request::Deadlock(error)
            }
        }
    }

    /// Waits for the end of a transaction that `owner` runs.
    pub(super) fn await_end(&mut self, tag: LockTag, owner: Pid, pid: Pid) -> WaitId {
        let lock = self.locks.entry(tag).or_default();
        if lock.granted.is_empty() {
            lock.grant(owner, LockMode::Exclusive);
        }
        let last = lock.queue.len();
        self.enqueue(tag, LockMode::Share, pid, last)
    }

    fn enqueue(&mut self, tag: LockTag, mode: LockMode, pid: Pid, at: usize) -> WaitId {
        self.last_wait += 1;
        let id = WaitId(self.last_wait);
        let queued = Queued { id, pid, mode };
        self.locks.entry(tag).or_default().insert(at, queued);
        let wait = Wait {
            pid,
            tag,
            mode,
            since: current_timestamp(),
            granted: false,
            waker: None,
        };
        self.waits.insert(id, wait);
        self.waiting.insert(pid, id);
        id
    }

    /// Gives back one hold of a lock.
    pub(super) fn release(&mut self, tag: LockTag, mode: LockMode, pid: Pid) {
        let Some(lock) = self.locks.get_mut(&tag) else {
            return;
        };
        lock.ungrant(pid, mode);
        if !lock.queue.is_empty() || !tag.stays() {
            self.serve(tag);
        }
    }

    /// A transaction has ended: whoever waits for it goes on.
    pub(super) fn transaction_ended(&mut self, tag: LockTag) {
        let Some(lock) = self.locks.remove(&tag) else {
            return;
        };
        for queued in lock.queue {
            self.wake(queued.id);
        }
    }

    fn wake(&mut self, id: WaitId) {
        if let Some(wait) = self.waits.get_mut(&id) {
            wait.granted = true;
            self.waiting.remove(&wait.pid);
            if let Some(waker) = wait.waker.take() {
                waker.wake();
            }
        }
    }

    /// Grants what has become possible, in the order of the queue.
    fn serve(&mut self, tag: LockTag) {
        let Some(lock) = self.locks.get_mut(&tag) else {
            return;
        };
        let mut granted = Vec::new();
        let mut ahead: Vec<LockMode> = Vec::new();
        let mut at = 0;
        while let Some(&Queued { id, pid, mode }) = lock.queue.get(at) {
            if lock.excludes(pid, mode) || ahead.iter().any(|other| other.conflicts(mode)) {
                // Behind a mode that excludes itself and all that wait, the
                // rest need not be looked at: queues for a hot row are long.
                if !ahead.contains(&mode) {
                    ahead.push(mode);
                }
                if lock.all_wait_behind(mode) {
                    break;
                }
                at += 1;
            } else {
                lock.grant(pid, mode);
                lock.remove_at(at);
                granted.push(id);
            }
        }
        if lock.granted.is_empty() && lock.queue.is_empty() && !tag.stays() {
            self.locks.remove(&tag);
        }
        for id in granted {
            self.wake(id);
        }
    }

    /// Ends a wait: true if the lock was granted. A wait that is given up
    /// leaves the queue, and hands on what it had been granted meanwhile.
    fn finish(&mut self, id: WaitId) -> bool {
        let Some(wait) = self.waits.remove(&id) else {
            return false;
        };
        if !wait.granted {
            self.waiting.remove(&wait.pid);
            self.leave(id, wait.tag);
        }
        wait.granted
    }

    fn leave(&mut self, id: WaitId, tag: LockTag) {
        if let Some(lock) = self.locks.get_mut(&tag) {
            lock.remove(id);
            let only_noted = tag.is_transaction() && lock.queue.is_empty();
            if only_noted {
                self.locks.remove(&tag);
            } else {
                self.serve(tag);
            }
        }
    }

    /// Gives up a wait, granted or not.
    fn abandon(&mut self, id: WaitId) {
        if let Some(&Wait {
            pid,
            tag,
            mode,
            granted,
            ..
        }) = self.waits.get(&id)
        {
            self.finish(id);
            if granted {
                self.release(tag, mode, pid);
            }
        }
    }

    fn poll(&mut self, id: WaitId, waker: &Waker) -> bool {
        match self.waits.get_mut(&id) {
            Some(wait) if !wait.granted => {
                wait.waker = Some(waker.clone());
                false
            }
            _ => true,
        }
    }

    /// The sessions that one waits for: those that hold the lock, and those
    /// ahead in its queue.
    pub(super) fn blockers(&self, pid: Pid) -> Vec<Pid> {
        let Some(id) = self.waiting.get(&pid) else {
            return Vec::new();
        };
        let mut pids = self.holders(*id);
        if let Some(wait) = self.waits.get(id)
            && let Some(lock) = self.locks.get(&wait.tag)
        {
            let ahead = lock.queue.iter().take_while(|queued| queued.id != *id);
            let ahead = ahead.filter(|queued| queued.mode.conflicts(wait.mode));
            pids.extend(ahead.map(|queued| queued.pid));
        }
        pids
    }

    /// The sessions but for one that hold what this mode would exclude.
    pub(super) fn holding_against(&self, tag: LockTag, mode: LockMode, but: Pid) -> Vec<Pid> {
        let grants = self
            .locks
            .get(&tag)
            .into_iter()
            .flat_map(|lock| &lock.granted);
        let excluded = grants.filter(|grant| grant.pid != but && grant.mode.conflicts(mode));
        let mut pids: Vec<Pid> = excluded.map(|grant| grant.pid).collect();
        pids.sort_unstable();
        pids.dedup();
        pids
    }

    /// The sessions that hold what a wait is for.
    pub(super) fn holders(&self, id: WaitId) -> Vec<Pid> {
        let Some(wait) = self.waits.get(&id) else {
            return Vec::new();
        };
        let Some(lock) = self.locks.get(&wait.tag) else {
            return Vec::new();
        };
        lock.granted
            .iter()
            .filter(|grant| grant.pid != wait.pid && grant.mode.conflicts(wait.mode))
            .map(|grant| grant.pid)
            .collect()
    }
}
