//! What a statement has read, gathered while it looks and worked on after.

use std::cell::RefCell;

use super::Target;
use crate::postgres::storage::clog::{Clog, Snapshot, Xid};
use crate::postgres::storage::heap::{Chain, Version};
use crate::postgres::storage::table::TableId;

/// One thing that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::postgres) enum Read {
    /// This is to be locked.
    Lock(Target),
    /// A version was looked at that nobody has changed.
    Version,
    /// A version was looked at that this transaction made, or has replaced.
    ChangedBy(Xid),
}

/// What was read since the last look; nothing is noted unless that is on.
#[derive(Debug, Default)]
pub(in crate::postgres) struct Reads {
    noted: Option<RefCell<Noted>>,
}

/// A statement that is made again looks at nothing twice: PostgreSQL's has
/// stopped where it was.
#[derive(Debug, Default)]
struct Noted {
    /// To be worked on.
    fresh: Vec<Read>,
    /// All that was read, but for the versions of a scan, and how much of it
    /// this attempt has come by.
    history: Vec<Read>,
    at: usize,
}

impl Noted {
    fn note(&mut self, read: Read) {
        if self.fresh.last() != Some(&read) {
            self.fresh.push(read);
        }
    }

    /// True if an earlier attempt has read it at this point.
    fn repeats(&mut self, read: Read) -> bool {
        let repeats = self.history.get(self.at) == Some(&read);
        if !repeats {
            // From here on the attempts differ.
            self.history.truncate(self.at);
            self.history.push(read);
        }
        self.at += 1;
        repeats
    }
}

impl Reads {
    /// Reads that are noted, or are not.
    pub(in crate::postgres) fn new(on: bool) -> Reads {
        Reads {
            noted: on.then(RefCell::default),
        }
    }

    pub(in crate::postgres) fn are_noted(&self) -> bool {
        self.noted.is_some()
    }

    /// True if it has come to be noted now.
    fn note(&self, read: Read) -> bool {
        let Some(noted) = &self.noted else {
            return false;
        };
        let mut noted = noted.borrow_mut();
        let new = !noted.repeats(read);
        if new {
            noted.note(read);
        }
        new
    }

    /// The statement is made again from its start.
    pub(in crate::postgres) fn begin_again(&self) {
        if let Some(noted) = &self.noted {
            noted.borrow_mut().at = 0;
        }
    }

    /// A whole table is read: true if its versions are to be noted too.
    pub(in crate::postgres) fn table(&self, table: TableId) -> bool {
        self.note(Read::Lock(Target::Relation(table)))
    }

    /// Keys are looked up in an index.
    pub(in crate::postgres) fn index(&self, index: u32) {
        self.note(Read::Lock(Target::Index(index)));
    }

    /// A scan of a table looks at every version of a row.
    pub(in crate::postgres) fn scanned(&self, chain: &Chain, clog: &Clog, snapshot: &Snapshot) {
        for version in chain.versions() {
            self.scanned_one(looked_at(version, clog, snapshot));
        }
    }

    /// A scan looks at rows that are dead to all.
    pub(in crate::postgres) fn scanned_dead(&self) {
        self.scanned_one(Read::Version);
    }

    fn scanned_one(&self, read: Read) {
        if let Some(noted) = &self.noted {
            noted.borrow_mut().note(read);
        }
    }

    /// An index leads to the versions of a row, up to the one that is seen.
    pub(in crate::postgres) fn looked_up(
        &self,
        table: TableId,
        chain: &Chain,
        clog: &Clog,
        snapshot: &Snapshot,
    ) {
        if !self.are_noted() {
            return;
        }
        for version in chain.versions() {
            self.note(looked_at(version, clog, snapshot));
            if version.visible(clog, snapshot) {
                let own = clog.running(version.xmin) == Some(snapshot.top);
                if !own {
                    self.note(Read::Lock(Target::Tuple(table, version.tid)));
                }
                break;
            }
        }
    }

    /// An index leads to rows that are dead to all.
    pub(in crate::postgres) fn dead(&self) {
        self.note(Read::Version);
    }

    /// What has been noted, to be worked on.
    pub(in crate::postgres) fn take(&self) -> Vec<Read> {
        let noted = self.noted.as_ref();
        noted.map_or_else(Vec::new, |noted| {
            std::mem::take(&mut noted.borrow_mut().fresh)
        })
    }
}

fn looked_at(version: &Version, clog: &Clog, snapshot: &Snapshot) -> Read {
    match (version.visible(clog, snapshot), version.xmax.is_some()) {
        (false, _) => Read::ChangedBy(version.xmin),
        (true, true) => Read::ChangedBy(version.xmax),
        (true, false) => Read::Version,
    }
}
