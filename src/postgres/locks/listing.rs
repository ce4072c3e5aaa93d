//! The locks as pg_locks lists them.

use super::{Indexes, LockMode, LockTag, Locks, Pid};

/// One lock that a session holds or waits for.
#[derive(Debug, Clone, Copy)]
pub(in crate::postgres) struct Listed {
    pub(in crate::postgres) tag: LockTag,
    pub(in crate::postgres) mode: LockMode,
    pub(in crate::postgres) pid: Pid,
    /// PostgreSQL keeps it with its holder and not with the other locks.
    pub(in crate::postgres) fast: bool,
    pub(in crate::postgres) indexes: Indexes,
    /// Since when it is waited for; None once it is held.
    pub(in crate::postgres) waits_since: Option<i64>,
}

impl Locks {
    /// Every lock that is held or waited for. That of a transaction on itself
    /// is among them only while others wait for it.
    pub(in crate::postgres) fn listed(&self) -> impl Iterator<Item = Listed> {
        self.locks.iter().flat_map(|(tag, lock)| {
            let held = lock.granted.iter().map(|grant| Listed {
                tag: *tag,
                mode: grant.mode,
                pid: grant.pid,
                fast: grant.fast && tag.stays(),
                indexes: grant.indexes,
                waits_since: None,
            });
            let queued = lock.queue.iter().map(|queued| Listed {
                tag: *tag,
                mode: queued.mode,
                pid: queued.pid,
                fast: false,
                indexes: Indexes::No,
                waits_since: self.waits.get(&queued.id).map(|wait| wait.since),
            });
            held.chain(queued)
        })
    }

    /// What a session waits for.
    pub(in crate::postgres) fn waited_for(&self, pid: Pid) -> Option<LockTag> {
        let id = self.waiting.get(&pid)?;
        self.waits.get(id).map(|wait| wait.tag)
    }

    /// Says whether a lock that is held is one on indexes too.
    pub(in crate::postgres) fn set_indexes(
        &mut self,
        tag: LockTag,
        mode: LockMode,
        pid: Pid,
        indexes: Indexes,
    ) {
        let grants = self.locks.get_mut(&tag).map(|lock| &mut lock.granted);
        let mut grants = grants.into_iter().flatten();
        if let Some(grant) = grants.find(|grant| grant.pid == pid && grant.mode == mode) {
            grant.indexes = indexes;
        }
    }
}
