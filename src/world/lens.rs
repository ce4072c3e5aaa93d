//! The lens: what the servers know to be true, put into the words of a shop.
//!
//! It is the one place where a committed row becomes an order, a key in Redis
//! a lock. Both servers call it while they are locked, at the moment a change
//! becomes visible, so the history has them in their true order.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::history::{Event, Recorder};
use crate::net::Network;
use crate::postgres::{self, Change, Commit, NamedRow};
use crate::redis::{self, Outcome, ScriptRun};
use crate::rt;
use crate::shop::LOCK_PREFIX;
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

/// How far an instant of Redis's clock is from now: Redis itself calls.
fn from_now_ms(at_ms: i64) -> u64 {
    let now_ms = rt::unix_time().as_millis();
    let left_ms = i128::from(at_ms) - now_ms.cast_signed();
    u64::try_from(left_ms).unwrap_or(0)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The lock that a key stands for, if it does.
fn lock(key: &[u8]) -> Option<String> {
    key.starts_with(LOCK_PREFIX.as_bytes()).then(|| text(key))
}

impl redis::Observer for Lens {
    fn set(&self, _database: usize, key: &[u8], value: &[u8], expires_at_ms: Option<i64>) {
        if let Some(lock) = lock(key) {
            self.record(Event::LockTaken {
                lock,
                holder: text(value),
                for_ms: expires_at_ms.map_or(0, from_now_ms),
            });
        }
    }

    fn deleted(&self, _database: usize, key: &[u8], value: &[u8]) {
        if let Some(lock) = lock(key) {
            let holder = text(value);
            self.record(Event::LockReleased { lock, holder });
        }
    }

    fn expired(&self, _database: usize, key: &[u8], value: &[u8]) {
        if let Some(lock) = lock(key) {
            let holder = text(value);
            self.record(Event::LockExpired { lock, holder });
        }
    }

    fn evicted(&self, _database: usize, key: &[u8], value: &[u8]) {
        if let Some(lock) = lock(key) {
            let holder = text(value);
            self.record(Event::LockEvicted { lock, holder });
        }
    }

    /// A release that deleted nothing came too late.
    fn script_ran(&self, run: &ScriptRun<'_>) {
        let ([key], [holder], Outcome::Integer(0)) = (run.keys, run.args, run.outcome) else {
            return;
        };
        if let Some(lock) = lock(key) {
            let holder = text(holder);
            self.record(Event::LateRelease { lock, holder });
        }
    }
}
