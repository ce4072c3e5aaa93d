//! The WAL writer: makes safe what asynchronous commits left in memory.
//!
//! It wakes every `wal_writer_delay`. Whole pages go first; only a round that
//! finds none looks at the page that is being filled, up to the newest
//! asynchronous commit. So such a commit is safe after three rounds at most.
//! It is started by the first commit that needs it, somewhere between two
//! rounds, and ends when nothing is left to do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use super::record::Lsn;
use crate::postgres::engine::Shared;
use crate::rt;

/// What the WAL writer was asked for.
#[derive(Debug, Default)]
pub(in crate::postgres) struct WalWriter {
    /// Up to where asynchronous commits want the log to be safe.
    asked: AtomicU64,
    runs: AtomicBool,
}

/// Sees to it that the log is flushed up to `lsn` sometime soon.
pub(in crate::postgres) fn flush_later(shared: &Arc<Shared>, lsn: Lsn) {
    let writer = &shared.wal_writer;
    writer.asked.fetch_max(lsn.0, Ordering::Relaxed);
    if !writer.runs.swap(true, Ordering::Relaxed) {
        drop(rt::spawn(run(shared.clone())));
    }
}

async fn run(shared: Arc<Shared>) {
    let delay_ns = shared.options.wal_writer_delay_ns;
    let phase_ns = rt::random_u64() % delay_ns.max(1);
    rt::sleep(Duration::from_nanos(phase_ns)).await;
    while round(&shared).await {
        rt::sleep(Duration::from_nanos(delay_ns)).await;
    }
}

/// One round; false if there was nothing to do.
async fn round(shared: &Shared) -> bool {
    let writer = &shared.wal_writer;
    let asked = Lsn(writer.asked.load(Ordering::Relaxed));
    let (inserted, flushed) = shared.log.inserted_and_flushed();
    let pages = inserted.page_start();
    let target = if pages > flushed { pages } else { asked };
    if target <= flushed {
        writer.runs.store(false, Ordering::Relaxed);
        return false;
    }
    shared.flush(target).await.is_ok()
}
