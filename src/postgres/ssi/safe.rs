//! Safe snapshots: what a READ ONLY transaction can know of its own.
//!
//! A reader's snapshot is safe once every writer that ran when it was taken
//! has ended without a conflict out to somebody who committed before it. A
//! reader with a safe snapshot needs no locks; a DEFERRABLE one waits for it.

use std::task::Waker;

use super::{Ssi, SxactId};
use crate::postgres::locks::Pid;

/// What is known of a reader's snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::postgres) enum Safety {
    Open,
    Safe,
    Unsafe,
}

impl Ssi {
    /// The end of a transaction, as far as readers' snapshots are concerned.
    pub(super) fn settle_readers(&mut self, id: SxactId) {
        let Some(me) = self.sxacts.get_mut(&id) else {
            return;
        };
        let others = std::mem::take(&mut me.possibly_unsafe);
        if me.declared_read_only {
            for writer in others {
                if let Some(writer) = self.sxacts.get_mut(&writer) {
                    writer.possibly_unsafe.remove(&id);
                }
            }
            return;
        }
        let earliest = me
            .earliest_out
            .filter(|_| me.committed.is_some() && me.wrote);
        for reader_id in others {
            let Some(reader) = self.sxacts.get_mut(&reader_id) else {
                continue;
            };
            reader.possibly_unsafe.remove(&id);
            let mut released = Default::default();
            if earliest.is_some_and(|earliest| earliest <= reader.last_commit_before) {
                reader.safety = Safety::Unsafe;
                released = std::mem::take(&mut reader.possibly_unsafe);
            } else if reader.possibly_unsafe.is_empty() && reader.safety == Safety::Open {
                reader.safety = Safety::Safe;
            }
            if reader.safety != Safety::Open
                && let Some(waker) = reader.waker.take()
            {
                waker.wake();
            }
            for writer in released {
                if let Some(writer) = self.sxacts.get_mut(&writer) {
                    writer.possibly_unsafe.remove(&reader_id);
                }
            }
        }
    }

    /// A DEFERRABLE transaction asks whether its snapshot is safe, and to be
    /// woken when that is known.
    pub(in crate::postgres) fn poll_safety(&mut self, id: SxactId, waker: &Waker) -> Safety {
        let Some(sxact) = self.sxacts.get_mut(&id) else {
            return Safety::Safe;
        };
        sxact.waits = sxact.safety == Safety::Open;
        if sxact.waits {
            sxact.waker = Some(waker.clone());
        }
        sxact.safety
    }

    /// The writers that a session waits for, to have a safe snapshot.
    pub(in crate::postgres) fn safe_snapshot_blockers(&self, pid: Pid) -> Vec<Pid> {
        let running = self.running.iter().filter_map(|id| self.sxacts.get(id));
        let mut waiting = running.filter(|sxact| sxact.pid == pid && sxact.waits);
        let writers = waiting.next().map(|sxact| sxact.possibly_unsafe.iter());
        let writers = writers.into_iter().flatten();
        writers
            .filter_map(|id| self.sxacts.get(id))
            .map(|sxact| sxact.pid)
            .collect()
    }
}
