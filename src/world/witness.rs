//! What the servers of a PostgreSQL cluster know, each from its own side, put
//! together: what became visible, and what a failover took away again.
//!
//! A commit counts when its primary shows it. What a standby has replayed and
//! its primary never showed counts when the standby is promoted; what the
//! primary had shown beyond that point is lost, and so is what an old primary
//! still commits after it.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::lens::{Lens, session};
use crate::history::Event;
use crate::postgres::{self, Abort, Commit, Lsn, Pid, Wait, Xid};

/// What the servers of a cluster have said.
#[derive(Default)]
pub(super) struct Cluster {
    /// Commits that the primary showed, by where they end.
    shown: BTreeMap<Lsn, (Xid, Pid)>,
    /// What a standby replayed before its primary showed it.
    ahead: BTreeMap<Lsn, Vec<Event>>,
    /// The server that was promoted last; none while nobody was.
    primary: Option<String>,
    /// Commits of an old primary since then.
    stray: Vec<(String, Xid, Pid)>,
}

/// Sees one server of a cluster.
#[derive(Clone)]
pub(super) struct Witness {
    pub(super) lens: Arc<Lens>,
    pub(super) node: String,
    /// Shared by the witnesses of a cluster; None for a server that is alone.
    pub(super) cluster: Option<Arc<Mutex<Cluster>>>,
}

impl Witness {
    /// The run is over, or an old primary is about to forget: what it
    /// committed by itself is lost.
    pub(super) fn give_up_strays(&self) {
        if let Some(cluster) = &self.cluster {
            let strays = std::mem::take(&mut cluster.lock().stray);
            for (node, xid, pid) in strays {
                self.lens.lost(&node, xid, pid, "failover");
            }
        }
    }
}

impl postgres::Observer for Witness {
    fn committed(&self, commit: &Commit<'_>) {
        for change in commit.changes {
            if let Some(event) = Lens::event(commit, change) {
                self.lens.record(event);
            }
        }
        let Some(cluster) = &self.cluster else { return };
        let mut cluster = cluster.lock();
        match &cluster.primary {
            Some(primary) if *primary != self.node => {
                let stray = (self.node.clone(), commit.xid, commit.pid);
                cluster.stray.push(stray);
            }
            _ => {
                cluster.shown.insert(commit.lsn, (commit.xid, commit.pid));
                cluster.ahead.remove(&commit.lsn);
            }
        }
    }

    fn replayed(&self, commit: &Commit<'_>) {
        let Some(cluster) = &self.cluster else { return };
        let mut cluster = cluster.lock();
        if !cluster.shown.contains_key(&commit.lsn) {
            let events = commit.changes.iter();
            let events = events.filter_map(|change| Lens::event(commit, change));
            cluster.ahead.insert(commit.lsn, events.collect());
        }
    }

    fn read(&self, pid: Pid, replayed: Lsn) {
        let Some(cluster) = &self.cluster else { return };
        let cluster = cluster.lock();
        let behind = cluster
            .shown
            .keys()
            .rev()
            .take_while(|lsn| **lsn > replayed);
        let behind = behind.count() as u64;
        if behind > 0 {
            self.lens.record(Event::StaleRead {
                node: self.node.clone(),
                session: session(pid),
                behind,
            });
        }
    }

    fn promoted(&self, at: Lsn) {
        let node = self.node.clone();
        self.lens.record(Event::Promoted { node: node.clone() });
        let Some(cluster) = &self.cluster else { return };
        let mut cluster = cluster.lock();
        let before = cluster.primary.replace(node);
        let before = before.unwrap_or_else(|| "postgres".to_owned());
        for (lsn, (xid, pid)) in std::mem::take(&mut cluster.shown) {
            match lsn <= at {
                true => {
                    cluster.shown.insert(lsn, (xid, pid));
                }
                false => self.lens.lost(&before, xid, pid, "failover"),
            }
        }
        for event in std::mem::take(&mut cluster.ahead).into_values().flatten() {
            self.lens.record(event);
        }
    }

    fn lost(&self, xid: Xid, pid: Pid) {
        if let Some(cluster) = &self.cluster {
            let mut cluster = cluster.lock();
            cluster.shown.retain(|_, one| *one != (xid, pid));
        }
        self.lens.lost(&self.node, xid, pid, "crash");
    }

    fn waited(&self, wait: &Wait<'_>) {
        self.lens.record(Event::TransactionWaited {
            session: session(wait.waiter),
            holder: session(wait.holders.first().copied().unwrap_or_default()),
            table: wait.relation.to_owned(),
        });
    }

    fn refused(&self) {
        self.lens.record(Event::TooManyClients {});
    }

    fn aborted(&self, abort: &Abort) {
        self.lens.record(Event::TransactionAborted {
            session: session(abort.pid),
            reason: abort
                .reason
                .map_or_else(|| "rolled back".to_owned(), |state| state.to_string()),
        });
    }
}
