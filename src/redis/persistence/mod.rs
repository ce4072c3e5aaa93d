//! What outlives a server: an append-only file of effects, and dumps.
//!
//! The file gets the same command stream as replicas do. It is written to the
//! operating system before any reply goes out, so the death of the process
//! loses nothing that was acknowledged; what is not synced when the *host*
//! dies is gone. With `always` the file is synced before the replies too.
//! With `everysec` a task syncs once a second, and while a sync takes its
//! time, writes wait for it, as long as two seconds: then even the death of
//! the process loses what waited.
//!
//! A dump (SAVE, BGSAVE) and a rewritten file are written in one step and
//! hold commands as well: the shortest that make the data.

mod aof;
mod disk;
mod load;
mod snapshot;
mod streams;
mod syncer;

use bytes::Bytes;

use super::keyspace::Keyspace;
use super::sentinel;
use super::wall_clock_ms;
use crate::named::named;

pub(super) use aof::Aof;
pub use disk::Disk;
pub(super) use disk::Mounted;
pub(super) use load::{Applier, load};
pub(super) use syncer::sync_later;

named! {
    /// What a restart keeps: `appendonly` and `appendfsync` in one word.
    pub enum Persistence: "persistence" {
        /// Nothing.
        None = "none",
        /// All but the last second, if the host dies.
        EverySecond = "everysec",
        /// All that was acknowledged.
        Always = "always",
    }
}

/// The disk of a running server, and when it last saved to it.
#[derive(Debug)]
pub(super) struct Store {
    disk: Mounted,
    /// In milliseconds since the epoch.
    saved_at: i64,
}

impl Store {
    pub(super) fn new(disk: &Mounted) -> Store {
        Store {
            disk: disk.clone(),
            saved_at: wall_clock_ms(),
        }
    }

    /// Notes in the configuration file whom the server follows; false if
    /// there is no file.
    pub(super) fn rewrite_config(&self, primary: Option<(String, u16)>) -> bool {
        self.disk.rewrite_config(primary)
    }

    /// Keeps what a sentinel knows.
    pub(super) fn save_sentinel(&self, saved: sentinel::Options) {
        self.disk.save_sentinel(saved);
    }

    /// In seconds since the epoch; the start of the server counts.
    pub(super) fn saved_at(&self) -> i64 {
        self.saved_at / 1000
    }
}

impl Keyspace {
    /// Dumps everything to the disk.
    pub(super) fn save(&mut self) {
        let dump = self.snapshot();
        if let Some(store) = &mut self.store {
            store.disk.replace_dump(dump);
            store.saved_at = wall_clock_ms();
        }
        self.saved_at_change = self.dirty();
    }

    /// How many changes a dump would add.
    pub(super) fn unsaved(&self) -> u64 {
        self.dirty().saturating_sub(self.saved_at_change)
    }

    /// Makes the append-only file as short as it can be.
    pub(super) fn rewrite_log(&mut self) {
        let snapshot = self.snapshot();
        if let Some(aof) = &mut self.propagation.aof {
            aof.rewrite(&snapshot);
        }
    }

    /// Commands that make an empty server equal to this one.
    pub(super) fn snapshot(&self) -> Bytes {
        snapshot::of(self)
    }
}
