//! Replication, as in Redis 7.0: one primary, and replicas that run what it
//! ran, later.
//!
//! The primary writes its effects to a [`Stream`] of commands and counts its
//! bytes; the count is the offset, the same on all copies of one history, and
//! the history has an ID. A replica says with PSYNC which history it has and
//! how far. If the primary still has what follows in its backlog, it goes on
//! from there; if not, it sends a snapshot, in the format of Redis's dump
//! files, and what comes after. Nobody waits for anybody: a command is
//! answered before any replica has it, and what had not arrived when the
//! primary is lost is lost with it.
//!
//! A replica runs what it is sent and forwards it, byte for byte, to replicas
//! of its own. It refuses writes, and leaves keys whose deadline has passed
//! where they are, unseen, until the primary says `DEL`. When it is told to
//! lead, it keeps the old history's ID as a second one, up to where it got:
//! other replicas go on from there. A primary that is told to follow tries
//! the same; writes that the new one has never seen make that fail, and the
//! snapshot that it gets instead discards them.
//!
//! Both sides speak Redis's own protocol, so that a real server can be the
//! replica or the primary of this one. As in Redis, lags and time-outs are
//! counted in seconds of the wall clock, so a clock that jumps ends links.

mod cron;
mod failover;
mod link;
mod primary;
mod replica;
mod stream;

use bytes::BytesMut;
use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::client::ClientId;
use super::propagation::{Effect, Unit, request};
use crate::rt;

pub(super) use cron::tend;
pub(super) use failover::{Failover, advance};
pub(super) use link::follow;
use primary::Replica;
pub(super) use primary::{Announced, Stage};
pub(super) use replica::{LinkState, Primary};
pub(super) use stream::{HistoryId, Stream};

/// The label of what a primary sends of its stream.
pub(super) const STREAM_LABEL: rt::Label = "replication stream";
/// The label of a snapshot on its way to a replica.
pub(super) const SNAPSHOT_LABEL: rt::Label = "replication snapshot";

/// What a server knows of its copies, and of whose copy it is.
#[derive(Debug, Default)]
pub(super) struct Replication {
    pub(super) stream: Stream,
    /// Whom it copies.
    pub(super) primary: Option<Primary>,
    /// Who copies it, in the order in which they came.
    pub(super) replicas: IndexMap<ClientId, Replica, FxBuildHasher>,
    pub(super) counts: Counts,
    /// FAILOVER is under way.
    pub(super) failover: Option<Failover>,
    /// Since when nobody does, in seconds since the epoch.
    alone_since: u64,
    /// Somebody waits for acknowledgements: they are to be asked for.
    wants_acks: bool,
    /// The data here belongs to the history of the stream.
    has_history: bool,
    /// Counts the primaries that it has had.
    primaries: u64,
}

/// What INFO counts.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Counts {
    pub(super) full: u64,
    pub(super) partial: u64,
    pub(super) partial_refused: u64,
}

impl Replication {
    pub(super) fn is_replica(&self) -> bool {
        self.primary.is_some()
    }

    /// Whether effects go into the stream.
    pub(super) fn is_heard(&self) -> bool {
        self.primary.is_none() && self.stream.is_kept()
    }

    /// Takes up the effects of a unit. A replica forwards the stream of its
    /// primary instead.
    pub(super) fn feed(&mut self, effects: &[Effect], unit: Unit) {
        if self.is_heard() {
            self.stream.feed(effects, unit);
        }
    }

    /// Writes a command to the stream that concerns no key.
    fn say(&mut self, args: &[&[u8]]) {
        let mut bytes = BytesMut::new();
        request(&mut bytes, args);
        self.stream.append(&bytes);
    }
}

/// Seconds since the epoch, as Redis counts lags.
fn seconds() -> u64 {
    rt::unix_time().as_secs()
}
