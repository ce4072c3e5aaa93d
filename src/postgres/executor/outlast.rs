//! Waiting for others though no lock is in the way, as CONCURRENTLY does: for
//! the ends of the transactions that hold a table by now, and of those that
//! may still look at what was there before.

use super::{limits, wait};
use crate::postgres::engine::{Engine, Shared};
use crate::postgres::error::Result;
use crate::postgres::locks::{LockMode, LockTag, Pid};
use crate::postgres::settings::Settings;
use crate::postgres::storage::table::TableId;

/// Whoever waits, and for what reason.
#[derive(Clone, Copy)]
pub(in crate::postgres) struct Outlasting<'a> {
    pub(in crate::postgres) shared: &'a Shared,
    pub(in crate::postgres) settings: &'a Settings,
    pub(in crate::postgres) pid: Pid,
    pub(in crate::postgres) table: TableId,
    pub(in crate::postgres) name: &'a str,
}

impl Outlasting<'_> {
    /// Waits for all that hold the table now in a mode that this one excludes.
    pub(in crate::postgres) async fn holders(self, mode: LockMode) -> Result<()> {
        let others = {
            let engine = self.shared.lock();
            let tag = LockTag::Relation(self.table);
            let pids = engine.locks.holding_against(tag, mode, self.pid);
            transactions(&engine, pids)
        };
        self.ends(others).await
    }

    /// Waits for all that have a snapshot now.
    pub(in crate::postgres) async fn snapshots(self) -> Result<()> {
        let others = {
            let engine = self.shared.lock();
            let mut pids = engine.backends.with_snapshot();
            pids.retain(|pid| *pid != self.pid);
            transactions(&engine, pids)
        };
        self.ends(others).await
    }

    async fn ends(self, others: Vec<(Pid, LockTag)>) -> Result<()> {
        for (owner, tag) in others {
            let id = {
                let mut engine = self.shared.lock();
                if engine.backends.transaction(owner) != Some(tag) {
                    continue;
                }
                let id = engine.locks.await_end(tag, owner, self.pid);
                self.shared.note_wait(&engine, self.pid, id, self.name);
                id
            };
            wait(self.shared, self.pid, id, limits(self.settings)).await?;
        }
        Ok(())
    }
}

fn transactions(engine: &Engine, pids: Vec<Pid>) -> Vec<(Pid, LockTag)> {
    let runs = |pid| Some((pid, engine.backends.transaction(pid)?));
    pids.into_iter().filter_map(runs).collect()
}
