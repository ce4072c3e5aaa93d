//! The append-only file of a running server.

use std::time::Duration;

use bytes::BytesMut;

use super::{Mounted, Persistence};
use crate::redis::propagation::{Effect, Encoder, Unit, for_file};
use crate::rt::{self, Instant};

/// For so long a write waits for a sync under way.
const POSTPONED_MAX: Duration = Duration::from_secs(2);

/// The file, and what is not yet written to it.
#[derive(Debug)]
pub(in crate::redis) struct Aof {
    disk: Mounted,
    always: bool,
    buffer: BytesMut,
    encoder: Encoder,
    /// Written, but not synced.
    dirty: bool,
    /// A sync is under way.
    syncing: bool,
    /// Since when writes wait for it.
    postponed: Option<Instant>,
}

impl Aof {
    /// The file on `disk`, if there is to be one.
    pub(in crate::redis) fn open(disk: &Mounted, persistence: Persistence) -> Option<Aof> {
        (persistence != Persistence::None).then(|| Aof {
            disk: disk.clone(),
            always: persistence == Persistence::Always,
            buffer: BytesMut::new(),
            encoder: Encoder::default(),
            dirty: false,
            syncing: false,
            postponed: None,
        })
    }

    pub(in crate::redis) fn feed(&mut self, effects: &[Effect], unit: Unit) {
        self.encoder.unit(for_file(effects), unit, &mut self.buffer);
    }

    /// Writes what there is, before the replies go out.
    pub(in crate::redis) fn write(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        if self.syncing {
            let since = *self.postponed.get_or_insert_with(rt::now);
            if since.elapsed() < POSTPONED_MAX {
                return;
            }
        }
        self.postponed = None;
        self.disk.append(&self.buffer);
        self.buffer.clear();
        self.dirty = true;
        if self.always {
            self.disk.sync();
            self.dirty = false;
        }
    }

    /// Whether something waits to be synced in its time.
    pub(in crate::redis) fn needs_sync(&self) -> bool {
        self.dirty && !self.syncing
    }

    pub(super) fn begin_sync(&mut self) {
        self.syncing = true;
        self.dirty = false;
    }

    /// What was written before the sync began is safe; what came meanwhile
    /// and waited is written now.
    pub(super) fn end_sync(&mut self) {
        self.disk.sync();
        self.syncing = false;
        self.write();
    }

    /// Puts a shorter file in the place of this one.
    pub(in crate::redis) fn rewrite(&mut self, snapshot: &[u8]) {
        self.buffer.clear();
        self.encoder.select(None);
        self.disk.replace_log(snapshot);
        self.dirty = false;
    }
}
