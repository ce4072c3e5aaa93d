//! What a statement has read, gathered while it looks and worked on after.

use std::cell::RefCell;

use super::Target;
use crate::postgres::storage::clog::{Clog, Snapshot, Xid};
use crate::postgres::storage::heap::Chain;
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
    noted: Option<RefCell<Vec<Read>>>,
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

    fn note(&self, read: Read) {
        if let Some(noted) = &self.noted {
            let mut noted = noted.borrow_mut();
            if noted.last() != Some(&read) {
                noted.push(read);
            }
        }
    }

    /// A whole table is read.
    pub(in crate::postgres) fn table(&self, table: TableId) {
        self.note(Read::Lock(Target::Relation(table)));
    }

    /// Keys are looked up in an index.
    pub(in crate::postgres) fn index(&self, index: u32) {
        self.note(Read::Lock(Target::Index(index)));
    }

    /// A scan of a table looks at every version of a row.
    pub(in crate::postgres) fn scanned(&self, chain: &Chain, clog: &Clog, snapshot: &Snapshot) {
        if self.are_noted() {
            for version in chain.versions() {
                let visible = version.visible(clog, snapshot);
                self.version(version.xmin, version.xmax, visible);
            }
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
            let visible = version.visible(clog, snapshot);
            self.version(version.xmin, version.xmax, visible);
            if visible {
                let own = clog.running(version.xmin) == Some(snapshot.top);
                if !own {
                    self.note(Read::Lock(Target::Tuple(table, version.tid)));
                }
                break;
            }
        }
    }

    /// A scan looks at rows that are dead to all.
    pub(in crate::postgres) fn dead(&self) {
        self.note(Read::Version);
    }

    fn version(&self, xmin: Xid, xmax: Xid, visible: bool) {
        self.note(match (visible, xmax.is_some()) {
            (false, _) => Read::ChangedBy(xmin),
            (true, true) => Read::ChangedBy(xmax),
            (true, false) => Read::Version,
        });
    }

    /// What has been noted, to be worked on.
    pub(in crate::postgres) fn take(&self) -> Vec<Read> {
        let noted = self.noted.as_ref();
        noted.map_or_else(Vec::new, |noted| std::mem::take(&mut *noted.borrow_mut()))
    }
}
