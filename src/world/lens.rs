//! The lens: what the servers know to be true, put into the words of a shop.
//!
//! It is the one place where a committed row becomes an order; a key in Redis
//! becomes a lock beside it, in the witness of the Redis servers. The servers
//! call while they are locked, at the moment a change becomes visible, so the
//! history has changes in their true order.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::history::{Event, Recorder};
use crate::net::Network;
use crate::postgres::{self, Change, Commit, NamedRow};
use crate::shop::schema::{orders, products};

/// Turns what the servers tell into events.
pub(super) struct Lens {
    network: Network,
    recorder: Recorder,
    open: AtomicBool,
}

impl Lens {
    pub(super) fn new(network: &Network, recorder: &Recorder) -> Lens {
        Lens {
            network: network.clone(),
            recorder: recorder.clone(),
            open: AtomicBool::new(true),
        }
    }

    /// Does `work` unseen: setting the world up is not part of its history.
    pub(super) fn closed<T>(&self, work: impl FnOnce() -> T) -> T {
        self.open.store(false, Ordering::Relaxed);
        let output = work();
        self.open.store(true, Ordering::Relaxed);
        output
    }

    pub(super) fn record(&self, event: Event) {
        if self.open.load(Ordering::Relaxed) {
            self.recorder.record(self.network.now_ns(), event);
        }
    }

    /// What a committed change is to a shop.
    pub(super) fn event(commit: &Commit<'_>, change: &Change) -> Option<Event> {
        let (xid, session) = (commit.xid.0, session(commit.pid));
        Some(match (change.table(), &change.old, &change.new) {
            (orders::TABLE, None, Some(new)) => Event::OrderCommitted {
                order: column(new, orders::ID),
                key: column(new, orders::IDEMPOTENCY_KEY),
                sku: column(new, orders::SKU),
                quantity: number(new, orders::QUANTITY),
                xid,
                session,
            },
            (products::TABLE, Some(old), Some(new)) => Event::StockCommitted {
                sku: column(new, products::SKU),
                from: number(old, products::QUANTITY),
                to: number(new, products::QUANTITY),
                xid,
                session,
            },
            _ => return None,
        })
    }

    /// A server has lost a transaction that had committed there.
    pub(super) fn lost(&self, node: &str, xid: postgres::Xid, pid: postgres::Pid, cause: &str) {
        self.record(Event::CommitLost {
            node: node.to_owned(),
            xid: xid.0,
            session: session(pid),
            cause: cause.to_owned(),
        });
        for (order, key) in self.recorder.orders_of(xid.0, session(pid)) {
            let cause = cause.to_owned();
            self.record(Event::OrderLost { order, key, cause });
        }
    }

    /// Records what a table of the storage holds at the end.
    pub(super) fn stored(&self, table: &str, row: &NamedRow) {
        match table {
            orders::TABLE => self.record(Event::FinalOrder {
                order: column(row, orders::ID),
                key: column(row, orders::IDEMPOTENCY_KEY),
                sku: column(row, orders::SKU),
                quantity: number(row, orders::QUANTITY),
            }),
            products::TABLE => self.record(Event::FinalStock {
                sku: column(row, products::SKU),
                quantity: number(row, products::QUANTITY),
            }),
            _ => {}
        }
    }
}

fn column(row: &NamedRow, name: &str) -> String {
    row.text(name).unwrap_or_default().to_owned()
}

fn number(row: &NamedRow, name: &str) -> i64 {
    row.int(name).unwrap_or_default()
}

pub(super) fn session(pid: postgres::Pid) -> u64 {
    u64::from(pid.unsigned_abs())
}
