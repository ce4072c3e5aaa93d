//! Transaction ids, what became of them, and snapshots.
//!
//! A commit takes the next commit sequence number in the same critical
//! section that makes it visible, so a snapshot is one number: it sees what
//! committed up to it. That is what PostgreSQL's lists of running
//! transactions say too, at a cost that does not grow with their number.

use std::collections::VecDeque;

/// A transaction or subtransaction id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Xid(pub u64);

impl Xid {
    /// No transaction.
    pub const NONE: Xid = Xid(0);
    /// Wrote what every snapshot sees.
    pub const FROZEN: Xid = Xid(2);
    /// The first that a new server hands out, as after initdb.
    const FIRST: u64 = 730;

    /// False for [`Xid::NONE`].
    pub fn is_some(self) -> bool {
        self != Xid::NONE
    }
}

/// A commit sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(in crate::postgres) struct Csn(u64);

/// What became of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::postgres) enum Status {
    /// It runs, as a part of this top-level transaction.
    InProgress(Xid),
    Committed(Csn),
    Aborted,
}

/// What a statement sees.
#[derive(Debug, Clone, Copy)]
pub(in crate::postgres) struct Snapshot {
    pub(in crate::postgres) csn: Csn,
    /// The transaction that looks: it sees its own earlier commands.
    pub(in crate::postgres) top: Xid,
    pub(in crate::postgres) command: u32,
}

/// The commit log, and who looks at which point of it.
#[derive(Debug)]
pub(in crate::postgres) struct Clog {
    first: u64,
    statuses: Vec<Status>,
    last: Csn,
    /// The snapshots in use: how many hold each number, in the order of the
    /// numbers. The first is held.
    held: VecDeque<(Csn, usize)>,
}

impl Clog {
    /// A log whose next transaction is `next`, or the first ever.
    pub(in crate::postgres) fn new(next: Option<Xid>) -> Clog {
        Clog {
            first: next.map_or(Xid::FIRST, |xid| xid.0),
            statuses: Vec::new(),
            last: Csn(1),
            held: VecDeque::new(),
        }
    }

    /// Starts a transaction, or a subtransaction of `top`.
    pub(in crate::postgres) fn begin(&mut self, top: Option<Xid>) -> Xid {
        let xid = self.next();
        self.statuses.push(Status::InProgress(top.unwrap_or(xid)));
        xid
    }

    pub(in crate::postgres) fn next(&self) -> Xid {
        Xid(self.first + self.statuses.len() as u64)
    }

    pub(in crate::postgres) fn status(&self, xid: Xid) -> Status {
        match xid.0.checked_sub(self.first) {
            // From before the last start: only what was committed is left.
            None => Status::Committed(Csn(0)),
            Some(index) => usize::try_from(index)
                .ok()
                .and_then(|index| self.statuses.get(index).copied())
                .unwrap_or(Status::Aborted),
        }
    }

    /// The top-level transaction that `xid` runs in, if it still runs.
    pub(in crate::postgres) fn running(&self, xid: Xid) -> Option<Xid> {
        match self.status(xid) {
            Status::InProgress(top) if xid.is_some() => Some(top),
            _ => None,
        }
    }

    /// The transactions and subtransactions that run, from `first` on, each
    /// with the top-level transaction that it is part of.
    pub(in crate::postgres) fn running_from(&self, first: Xid) -> impl Iterator<Item = (Xid, Xid)> {
        let range = first.0.max(self.first)..self.next().0;
        range.filter_map(|xid| Some((Xid(xid), self.running(Xid(xid))?)))
    }

    /// True if `xid` runs, in another top-level transaction than `top`.
    pub(in crate::postgres) fn runs_beside(&self, xid: Xid, top: Xid) -> bool {
        self.running(xid).is_some_and(|owner| owner != top)
    }

    /// Makes room for a transaction of another server: what it leaves out in
    /// between has not committed.
    pub(in crate::postgres) fn reach(&mut self, xid: Xid) {
        while self.next() <= xid {
            self.statuses.push(Status::Aborted);
        }
    }

    fn set(&mut self, xid: Xid, status: Status) {
        let index = xid.0.checked_sub(self.first).map(usize::try_from);
        if let Some(Ok(index)) = index
            && let Some(slot) = self.statuses.get_mut(index)
        {
            *slot = status;
        }
    }

    /// Commits a transaction with its subtransactions, as one.
    pub(in crate::postgres) fn commit(&mut self, xids: impl IntoIterator<Item = Xid>) -> Csn {
        self.last = Csn(self.last.0 + 1);
        for xid in xids {
            self.set(xid, Status::Committed(self.last));
        }
        self.last
    }

    pub(in crate::postgres) fn abort(&mut self, xid: Xid) {
        self.set(xid, Status::Aborted);
    }

    /// The newest state.
    pub(in crate::postgres) fn latest(&self) -> Csn {
        self.last
    }

    /// Keeps what a snapshot of the newest state sees from being pruned,
    /// until it is [released](Clog::release).
    pub(in crate::postgres) fn hold(&mut self) -> Csn {
        match self.held.back_mut() {
            Some((csn, count)) if *csn == self.last => *count += 1,
            _ => self.held.push_back((self.last, 1)),
        }
        self.last
    }

    pub(in crate::postgres) fn release(&mut self, csn: Csn) {
        if let Ok(at) = self.held.binary_search_by_key(&csn, |(csn, _)| *csn) {
            self.held[at].1 -= 1;
        }
        while self.held.front().is_some_and(|(_, count)| *count == 0) {
            self.held.pop_front();
        }
    }

    /// What was superseded up to here nobody can see any more.
    pub(in crate::postgres) fn horizon(&self) -> Csn {
        self.held.front().map_or(self.last, |(csn, _)| *csn)
    }
}

impl Snapshot {
    /// True if the snapshot sees what `xid` did as its `command`.
    pub(in crate::postgres) fn sees(&self, clog: &Clog, xid: Xid, command: u32) -> bool {
        match clog.status(xid) {
            Status::Committed(csn) => csn <= self.csn,
            Status::InProgress(top) => top == self.top && command < self.command,
            Status::Aborted => false,
        }
    }
}
