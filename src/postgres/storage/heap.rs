//! The rows of one table, as chains of versions.
//!
//! A row's versions stand in one chain, oldest first, each with the
//! transaction that made it (xmin) and the one that superseded or deleted it
//! (xmax), as the ctid links of PostgreSQL's heap chain them. An aborted
//! transaction's versions are undone at once, so at most the last version
//! belongs to a transaction that runs. Row locks stand beside the chain and
//! cover the whole row: a lock lives on through updates that it permits.

use smallvec::SmallVec;

use super::clog::{Clog, Csn, Snapshot, Status, Xid};
use super::row_lock::RowLockMode;
use crate::postgres::types::Row;

/// Where a row is kept. Reused once the row is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::postgres) struct RowId(u32);

/// A version's place in the table's physical order. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(in crate::postgres) struct Tid(pub(in crate::postgres) u64);

impl Tid {
    /// The place as a ctid shows it: block and item.
    pub(in crate::postgres) fn place(self) -> (u64, u64) {
        let per_block = u64::from(RowId::PER_BLOCK);
        let at = self.0.saturating_sub(1);
        (at / per_block, at % per_block + 1)
    }
}

/// One state of a row.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct Version {
    pub(in crate::postgres) tid: Tid,
    /// The place that index entries name: of the first version in a row of
    /// those that changed nothing that an index looks at (a heap-only chain).
    pub(in crate::postgres) root: Tid,
    pub(in crate::postgres) xmin: Xid,
    pub(in crate::postgres) cmin: u32,
    /// Who updated or deleted it, [`Xid::NONE`] if nobody.
    pub(in crate::postgres) xmax: Xid,
    pub(in crate::postgres) cmax: u32,
    /// How strongly xmax holds the row.
    pub(in crate::postgres) xmax_mode: RowLockMode,
    pub(in crate::postgres) row: Row,
}

impl Version {
    pub(in crate::postgres) fn visible(&self, clog: &Clog, snapshot: &Snapshot) -> bool {
        snapshot.sees(clog, self.xmin, self.cmin)
            && !(self.xmax.is_some() && snapshot.sees(clog, self.xmax, self.cmax))
    }
}

/// A lock on a row that changes nothing in it.
#[derive(Debug, Clone, Copy)]
pub(in crate::postgres) struct Locker {
    pub(in crate::postgres) xid: Xid,
    pub(in crate::postgres) mode: RowLockMode,
    /// The version that was locked; it is on those that came of it too.
    pub(in crate::postgres) from: Tid,
}

/// A row: its versions, oldest first, and who has locked it.
#[derive(Debug, Clone, Default)]
pub(in crate::postgres) struct Chain {
    versions: Vec<Version>,
    lockers: Vec<Locker>,
}

impl Chain {
    pub(in crate::postgres) fn versions(&self) -> &[Version] {
        &self.versions
    }

    pub(in crate::postgres) fn newest(&self) -> Option<&Version> {
        self.versions.last()
    }

    /// Versions stand in the order of their places.
    fn position(&self, tid: Tid) -> Option<usize> {
        self.versions.binary_search_by_key(&tid, |v| v.tid).ok()
    }

    pub(in crate::postgres) fn version(&self, tid: Tid) -> Option<&Version> {
        self.position(tid).map(|at| &self.versions[at])
    }

    /// How many versions one looks at to get to this one.
    pub(in crate::postgres) fn passed(&self, tid: Tid) -> usize {
        self.position(tid).map_or(0, |at| at + 1)
    }

    /// This version and all after it; none if it is gone.
    pub(in crate::postgres) fn versions_from(&self, tid: Tid) -> &[Version] {
        self.position(tid).map_or(&[], |at| &self.versions[at..])
    }

    /// The version that superseded `tid`.
    pub(in crate::postgres) fn next(&self, tid: Tid) -> Option<&Version> {
        self.versions.get(self.position(tid)? + 1)
    }

    /// The newest version after `tid` that no running transaction made:
    /// where following the chain from link to link gets to, since all in
    /// between were superseded for good.
    pub(in crate::postgres) fn settled_after(&self, clog: &Clog, tid: Tid) -> Option<&Version> {
        self.versions
            .iter()
            .rev()
            .take_while(|version| version.tid > tid)
            .find(|version| clog.running(version.xmin).is_none())
    }

    /// The version that a snapshot sees: there is at most one.
    pub(in crate::postgres) fn visible(
        &self,
        clog: &Clog,
        snapshot: &Snapshot,
    ) -> Option<&Version> {
        self.versions
            .iter()
            .rev()
            .find(|version| version.visible(clog, snapshot))
    }

    pub(in crate::postgres) fn lockers(&self) -> &[Locker] {
        &self.lockers
    }

    /// Notes a lock, and forgets those whose transactions have ended.
    pub(in crate::postgres) fn lock(&mut self, clog: &Clog, locker: Locker) {
        self.lockers
            .retain(|locker| clog.running(locker.xid).is_some());
        self.lockers.push(locker);
    }
}

/// The rows of a table.
#[derive(Debug, Clone, Default)]
pub(in crate::postgres) struct Heap {
    slots: Vec<Chain>,
    free: Vec<RowId>,
    last_tid: u64,
    /// True if versions have gone, and no VACUUM has come since: PostgreSQL's
    /// scans still look at them.
    has_dead: bool,
}

impl Heap {
    pub(in crate::postgres) fn chain(&self, id: RowId) -> &Chain {
        &self.slots[id.0 as usize]
    }

    pub(in crate::postgres) fn chain_mut(&mut self, id: RowId) -> &mut Chain {
        &mut self.slots[id.0 as usize]
    }

    fn next_tid(&mut self) -> Tid {
        self.last_tid += 1;
        Tid(self.last_tid)
    }

    /// Every row, in no particular order.
    pub(in crate::postgres) fn rows(&self) -> impl Iterator<Item = (RowId, &Chain)> {
        (0..).map(RowId).zip(&self.slots)
    }

    /// Adds a row.
    pub(in crate::postgres) fn insert(&mut self, xid: Xid, command: u32, row: Row) -> (RowId, Tid) {
        let tid = self.next_tid();
        (self.put(tid, xid, command, row), tid)
    }

    /// Adds a row under the place that it had before a restart.
    pub(in crate::postgres) fn restore(&mut self, tid: Tid, row: Row) -> RowId {
        self.last_tid = self.last_tid.max(tid.0);
        self.put(tid, Xid::FROZEN, 0, row)
    }

    /// Adds a version under the place that it has on another server: to a
    /// row, or as a row of its own.
    pub(in crate::postgres) fn replay(
        &mut self,
        id: Option<RowId>,
        tid: Tid,
        xid: Xid,
        row: Row,
    ) -> RowId {
        match id {
            Some(id) => {
                let newest = std::mem::replace(&mut self.last_tid, tid.0.saturating_sub(1));
                // Which keys it changed is not told: its entries are its own.
                self.append(id, xid, 0, row, false);
                self.last_tid = self.last_tid.max(newest);
                id
            }
            None => {
                self.last_tid = self.last_tid.max(tid.0);
                self.put(tid, xid, 0, row)
            }
        }
    }

    fn put(&mut self, tid: Tid, xmin: Xid, cmin: u32, row: Row) -> RowId {
        let version = Version {
            tid,
            root: tid,
            xmin,
            cmin,
            xmax: Xid::NONE,
            cmax: 0,
            xmax_mode: RowLockMode::KeyShare,
            row,
        };
        match self.free.pop() {
            Some(id) => {
                self.chain_mut(id).versions.push(version);
                id
            }
            None => {
                let id = RowId(u32::try_from(self.slots.len()).unwrap_or(u32::MAX));
                self.slots.push(Chain {
                    versions: vec![version],
                    lockers: Vec::new(),
                });
                id
            }
        }
    }

    /// Marks the newest version as superseded or deleted.
    pub(in crate::postgres) fn expire(
        &mut self,
        id: RowId,
        xid: Xid,
        command: u32,
        mode: RowLockMode,
    ) {
        if let Some(version) = self.chain_mut(id).versions.last_mut() {
            version.xmax = xid;
            version.cmax = command;
            version.xmax_mode = mode;
        }
    }

    /// Puts a new version after the expired one; `heap_only` if nothing that an
    /// index looks at has changed.
    pub(in crate::postgres) fn append(
        &mut self,
        id: RowId,
        xid: Xid,
        command: u32,
        row: Row,
        heap_only: bool,
    ) -> Tid {
        let tid = self.next_tid();
        let versions = &mut self.chain_mut(id).versions;
        let root = versions.last().filter(|_| heap_only);
        let root = root.map_or(tid, |before| before.root);
        versions.push(Version {
            tid,
            root,
            xmin: xid,
            cmin: command,
            xmax: Xid::NONE,
            cmax: 0,
            xmax_mode: RowLockMode::KeyShare,
            row,
        });
        tid
    }

    /// Takes back the newest version: an aborted insert or update.
    pub(in crate::postgres) fn retract(&mut self, id: RowId, tid: Tid) -> Option<Row> {
        let chain = self.chain_mut(id);
        let version = chain.versions.pop_if(|version| version.tid == tid)?;
        self.has_dead = true;
        self.free_if_empty(id);
        Some(version.row)
    }

    /// Takes back the expiry of the newest version.
    pub(in crate::postgres) fn revive(&mut self, id: RowId, tid: Tid) {
        if let Some(version) = self.chain_mut(id).versions.last_mut()
            && version.tid == tid
        {
            version.xmax = Xid::NONE;
            version.cmax = 0;
        }
    }

    pub(in crate::postgres) fn has_dead(&self) -> bool {
        self.has_dead
    }

    /// Cleans up.
    pub(in crate::postgres) fn vacuum(&mut self) {
        self.has_dead = false;
    }

    /// Drops the versions that no snapshot can see any more, and returns
    /// their rows. The row may be gone already, or its table be emptied.
    pub(in crate::postgres) fn prune(
        &mut self,
        id: RowId,
        clog: &Clog,
        horizon: Csn,
    ) -> SmallVec<[Row; 1]> {
        let Some(chain) = self.slots.get_mut(id.0 as usize) else {
            return SmallVec::new();
        };
        let dead = chain
            .versions
            .iter()
            .take_while(|version| {
                version.xmax.is_some()
                    && matches!(clog.status(version.xmax), Status::Committed(csn) if csn <= horizon)
            })
            .count();
        if dead == 0 {
            return SmallVec::new();
        }
        let rows = chain.versions.drain(..dead).map(|v| v.row).collect();
        self.has_dead = true;
        self.free_if_empty(id);
        rows
    }

    /// The heap with every version's row changed, all else as it is.
    pub(in crate::postgres) fn rewritten<E>(
        &self,
        mut change: impl FnMut(&Row) -> Result<Row, E>,
    ) -> Result<Heap, E> {
        let mut heap = self.clone();
        for chain in &mut heap.slots {
            for version in &mut chain.versions {
                version.row = change(&version.row)?;
            }
        }
        Ok(heap)
    }

    /// The newest version of every row that is there.
    pub(in crate::postgres) fn live(&self, clog: &Clog) -> impl Iterator<Item = &Version> {
        self.slots.iter().filter_map(|chain| {
            let newest = chain.newest()?;
            let gone =
                newest.xmax.is_some() && !matches!(clog.status(newest.xmax), Status::Aborted);
            (!gone).then_some(newest)
        })
    }

    /// A new heap with every row changed, as rows that a transaction adds:
    /// older snapshots see none of them.
    pub(in crate::postgres) fn renewed<E>(
        &self,
        clog: &Clog,
        (xid, command): (Xid, u32),
        mut change: impl FnMut(&Row) -> Result<Row, E>,
    ) -> Result<Heap, E> {
        let mut live: Vec<&Version> = self.live(clog).collect();
        live.sort_unstable_by_key(|version| version.tid);
        let mut heap = Heap::default();
        for version in live {
            heap.insert(xid, command, change(&version.row)?);
        }
        Ok(heap)
    }

    fn free_if_empty(&mut self, id: RowId) {
        let chain = self.chain_mut(id);
        if chain.versions.is_empty() {
            chain.lockers.clear();
            self.free.push(id);
        }
    }
}

impl RowId {
    /// Rows that one block is taken to hold.
    const PER_BLOCK: u32 = 226;

    /// The place as a ctid shows it: block and item.
    pub(in crate::postgres) fn place(self) -> (u32, u32) {
        (self.0 / RowId::PER_BLOCK, self.0 % RowId::PER_BLOCK + 1)
    }
}
