//! What the servers of a cluster have in common: which timeline branched off
//! which, and the records that are on their way between them.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::record::{Lsn, Record};

/// What a primary and its standbys share.
#[derive(Debug, Default)]
pub(in crate::postgres) struct Cluster {
    /// From which timeline each branched off, and where: the history files.
    branches: Mutex<BTreeMap<u32, (u32, Lsn)>>,
    /// Records that were sent and have not arrived, by timeline and end. What
    /// crosses the network is their position and as many bytes as they have;
    /// what they say is handed over here once these have arrived, for the
    /// compiled expressions of a definition have no form in bytes.
    sent: Mutex<BTreeMap<(u32, Lsn), Arc<Record>>>,
}

impl Cluster {
    /// A new timeline that branches off `parent`.
    pub(super) fn branch(&self, parent: u32, at: Lsn) -> u32 {
        let mut branches = self.branches.lock();
        let newest = branches.keys().next_back().copied().unwrap_or(1);
        let timeline = newest.max(parent) + 1;
        branches.insert(timeline, (parent, at));
        timeline
    }

    /// Where the history of `timeline` left `ancestor`; None if it was never
    /// on it.
    pub(in crate::postgres) fn left(&self, timeline: u32, ancestor: u32) -> Option<Lsn> {
        let branches = self.branches.lock();
        let mut at = timeline;
        loop {
            let (parent, lsn) = branches.get(&at)?;
            if *parent == ancestor {
                return Some(*lsn);
            }
            at = *parent;
        }
    }

    /// Hands over a record whose bytes are about to be sent.
    pub(in crate::postgres) fn send(&self, timeline: u32, end: Lsn, record: Arc<Record>) {
        self.sent.lock().insert((timeline, end), record);
    }

    /// Takes the record whose bytes have arrived.
    pub(in crate::postgres) fn receive(&self, timeline: u32, end: Lsn) -> Option<Arc<Record>> {
        self.sent.lock().remove(&(timeline, end))
    }
}
