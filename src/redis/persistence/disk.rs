//! A disk that outlives the servers on it.
//!
//! What a process wrote is the operating system's, and stays when the process
//! dies; what was synced stays when the power goes too. Dumps and rewritten
//! files are synced before they take the place of the old.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;

use crate::redis::sentinel;

#[derive(Debug, Default)]
struct State {
    log: BytesMut,
    /// How much of the log the power may fail without harm to.
    synced: usize,
    dump: Bytes,
    config: Option<ConfigFile>,
    /// The configuration file of a sentinel.
    sentinel: Option<sentinel::Options>,
    /// Counts servers: a dead one writes nothing.
    mounts: u64,
}

/// What the configuration file says of replication. It is synced when it is
/// written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::redis) struct ConfigFile {
    /// Whom the server follows: host and port.
    pub(in crate::redis) primary: Option<(String, u16)>,
}

/// A disk. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct Disk(Arc<Mutex<State>>);

/// A disk as one run of a server uses it.
#[derive(Debug, Clone)]
pub(in crate::redis) struct Mounted {
    disk: Disk,
    mount: u64,
}

impl Disk {
    /// An empty disk.
    pub fn new() -> Disk {
        Disk::default()
    }

    /// Puts a configuration file on it, or another in its place: whom the
    /// server that starts next is to follow. It goes before the options.
    pub fn configure(&self, primary: Option<(String, u16)>) {
        self.0.lock().config = Some(ConfigFile { primary });
    }

    /// The host died: what was not synced is gone.
    pub fn lose_power(&self) {
        let mut state = self.0.lock();
        let synced = state.synced;
        state.log.truncate(synced);
    }

    pub(in crate::redis) fn mount(&self) -> Mounted {
        let mut state = self.0.lock();
        state.mounts += 1;
        Mounted {
            disk: self.clone(),
            mount: state.mounts,
        }
    }
}

impl Mounted {
    fn with(&self, work: impl FnOnce(&mut State)) {
        let mut state = self.disk.0.lock();
        if state.mounts == self.mount {
            work(&mut state);
        }
    }

    /// The append-only file.
    pub(super) fn log(&self) -> Bytes {
        Bytes::copy_from_slice(&self.disk.0.lock().log)
    }

    pub(in crate::redis) fn config(&self) -> Option<ConfigFile> {
        self.disk.0.lock().config.clone()
    }

    pub(in crate::redis) fn sentinel(&self) -> Option<sentinel::Options> {
        self.disk.0.lock().sentinel.clone()
    }

    pub(super) fn save_sentinel(&self, saved: sentinel::Options) {
        self.with(|state| state.sentinel = Some(saved));
    }

    /// False if there is no file to be written anew.
    pub(super) fn rewrite_config(&self, primary: Option<(String, u16)>) -> bool {
        let mut rewritten = false;
        self.with(|state| {
            rewritten = state.config.is_some();
            state.config = rewritten.then_some(ConfigFile { primary });
        });
        rewritten
    }

    pub(super) fn dump(&self) -> Bytes {
        self.disk.0.lock().dump.clone()
    }

    pub(super) fn append(&self, bytes: &[u8]) {
        self.with(|state| state.log.extend_from_slice(bytes));
    }

    pub(super) fn sync(&self) {
        self.with(|state| state.synced = state.log.len());
    }

    /// Cuts off what was only half written.
    pub(super) fn truncate_log(&self, length: usize) {
        self.with(|state| {
            state.log.truncate(length);
            state.synced = state.synced.min(length);
        });
    }

    pub(super) fn replace_log(&self, bytes: &[u8]) {
        self.with(|state| {
            state.log = BytesMut::from(bytes);
            state.synced = bytes.len();
        });
    }

    pub(in crate::redis) fn replace_dump(&self, bytes: Bytes) {
        self.with(|state| state.dump = bytes);
    }
}
