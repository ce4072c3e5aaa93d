//! The replica's side: whom it follows, and how far it is.

use bytes::BytesMut;
use tokio_util::sync::DropGuard;

use super::stream::HistoryId;
use super::{Replication, seconds};
use crate::redis::engine::Engine;
use crate::redis::persistence::Applier;
use crate::redis::rdb::Snapshot;
use crate::redis::reply::Reply;

/// Whom a replica follows.
#[derive(Debug)]
pub(in crate::redis) struct Primary {
    pub(in crate::redis) host: String,
    pub(in crate::redis) port: u16,
    pub(in crate::redis) link: LinkState,
    /// When it was last heard of, in seconds since the epoch.
    pub(super) heard_at: u64,
    /// Since when the link is down, if it has ever been up.
    pub(in crate::redis) down_since: Option<u64>,
    /// Bytes that have come and not been run: part of a command, or of a
    /// transaction.
    pub(super) unapplied: u64,
    /// Which of this server's primaries it is.
    pub(super) number: u64,
    /// Ends the task that follows it.
    pub(super) task: Option<DropGuard>,
}

/// How the connection to the primary stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::redis) enum LinkState {
    /// There is none, but soon.
    Connect,
    /// It is being opened.
    Connecting,
    /// Both introduce themselves.
    Handshake,
    /// A snapshot is on its way.
    Sync,
    /// The stream flows.
    Connected,
}

impl LinkState {
    /// ROLE's word.
    pub(in crate::redis) fn name(self) -> &'static str {
        match self {
            LinkState::Connect => "connect",
            LinkState::Connecting => "connecting",
            LinkState::Handshake => "handshake",
            LinkState::Sync => "sync",
            LinkState::Connected => "connected",
        }
    }
}

impl Primary {
    pub(in crate::redis) fn is_up(&self) -> bool {
        self.link == LinkState::Connected
    }

    /// Seconds since it was heard of; None while the link is down.
    pub(in crate::redis) fn silent_for(&self) -> Option<u64> {
        self.is_up()
            .then(|| seconds().saturating_sub(self.heard_at))
    }

    /// Seconds for which the link has been down; None if it was never up.
    pub(in crate::redis) fn down_for(&self) -> Option<u64> {
        Some(seconds().saturating_sub(self.down_since?))
    }

    /// The offset up to which bytes have come.
    pub(in crate::redis) fn read_offset(&self, applied: u64) -> u64 {
        applied + self.unapplied
    }
}

impl Replication {
    /// Becomes a replica, or one of somebody else. Who was a primary offers
    /// its own history to be continued.
    pub(in crate::redis) fn follow(&mut self, host: String, port: u16) {
        if self.primary.is_none() {
            self.has_history = true;
            self.stream.set_database(None);
        }
        self.begin_to_follow(host, port);
    }

    /// As [`follow`](Replication::follow), for a server that has just started
    /// and has no history.
    pub(in crate::redis) fn begin_to_follow(&mut self, host: String, port: u16) {
        self.primaries += 1;
        self.primary = Some(Primary {
            host,
            port,
            link: LinkState::Connect,
            heard_at: seconds(),
            down_since: None,
            unapplied: 0,
            number: self.primaries,
            task: None,
        });
    }

    /// Hangs up on the primary, if the link is up; it is mended at once.
    pub(in crate::redis) fn hang_up(&mut self) -> bool {
        let Some(primary) = self.primary.as_mut().filter(|primary| primary.is_up()) else {
            return false;
        };
        self.primaries += 1;
        primary.number = self.primaries;
        primary.link = LinkState::Connect;
        primary.down_since = Some(seconds());
        primary.unapplied = 0;
        primary.task = None;
        true
    }

    /// Stops being a replica; false if it was none. The history goes on under
    /// an ID of its own.
    pub(in crate::redis) fn lead(&mut self) -> bool {
        if self.primary.take().is_none() {
            return false;
        }
        self.stream.go_on_as(HistoryId::new());
        self.stream.set_database(None);
        self.alone_since = seconds();
        true
    }

    /// The primary, if `number` still is the one that is followed.
    pub(super) fn followed(&mut self, number: u64) -> Option<&mut Primary> {
        let primary = self.primary.as_mut();
        primary.filter(|primary| primary.number == number)
    }

    /// What PSYNC asks for: the history, and the next byte of it.
    pub(super) fn wanted(&self) -> Option<(HistoryId, u64)> {
        self.has_history
            .then_some((self.stream.id, self.stream.offset + 1))
    }
}

/// What a primary has sent and the replica has not run yet.
#[derive(Debug, Default)]
pub(super) struct Incoming {
    applier: Applier,
    /// What the applier has not taken yet.
    pub(super) input: BytesMut,
    /// What has not been forwarded yet: it is, once it has taken effect.
    raw: BytesMut,
}

impl Incoming {
    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        self.raw.extend_from_slice(bytes);
    }
}

impl Engine {
    /// Replaces all data by a snapshot of `id` at `offset`.
    pub(super) fn take_up(&mut self, snapshot: Snapshot, id: HistoryId, offset: u64) {
        self.disconnect_replicas();
        let database = snapshot.stream_database;
        self.keyspace.replace_by(snapshot);
        self.scripts.reload_libraries(&self.keyspace.libraries);
        self.keyspace.rewrite_log();
        let replication = &mut self.keyspace.propagation.replication;
        replication.stream.take_up(id, offset);
        replication.stream.set_database(database);
        replication.has_history = true;
    }

    /// Goes on with the primary's stream, which may have another ID by now.
    pub(super) fn go_on(&mut self, id: Option<HistoryId>) {
        let stream = &mut self.keyspace.propagation.replication.stream;
        let id = id.filter(|id| *id != stream.id);
        stream.keep();
        if let Some(id) = id {
            stream.go_on_as(id);
            self.disconnect_replicas();
        }
    }

    /// Whether the stream waits, for the end of a script or a pause. Redis lets
    /// pings pass as long as there is no write among them.
    pub(super) fn holds_stream_up(&self) -> bool {
        self.is_in_script() || self.keyspace.paused().is_some()
    }

    /// Runs what came from the primary. If it asked to be told, answers up to
    /// which offset that was.
    pub(super) fn run_stream(&mut self, incoming: &mut Incoming) -> Result<Option<u64>, Reply> {
        let Incoming {
            applier,
            input,
            raw,
        } = incoming;
        let mut asked = None;
        let mut whole = 0;
        let selected = |engine: &Engine| engine.keyspace.propagation.replication.stream.database();
        applier.select(selected(self).unwrap_or_default());
        while !self.holds_stream_up()
            && let Some((args, taken)) = applier.next(input)?
        {
            whole += taken;
            let is = |index: usize, word: &[u8]| {
                args.get(index)
                    .is_some_and(|arg| arg.eq_ignore_ascii_case(word))
            };
            if is(0, b"REPLCONF") && is(1, b"GETACK") {
                asked = Some(self.keyspace.propagation.replication.stream.offset);
            } else {
                applier.apply(self, args);
            }
            if !applier.is_between() {
                let stream = &mut self.keyspace.propagation.replication.stream;
                stream.append(&raw.split_to(whole));
                stream.set_database(Some(applier.database()));
                whole = 0;
            }
        }
        let unapplied = raw.len() as u64;
        if let Some(primary) = &mut self.keyspace.propagation.replication.primary {
            primary.unapplied = unapplied;
        }
        self.publish_events();
        self.serve_blocked();
        Ok(asked)
    }
}
