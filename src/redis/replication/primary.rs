//! The primary's side: who follows, how far they are, and what they are sent.

use bytes::{Bytes, BytesMut};

use super::stream::HistoryId;
use super::{Replication, SNAPSHOT_LABEL, STREAM_LABEL, seconds};
use crate::redis::client::{Client, ClientId};
use crate::redis::config::Config;
use crate::redis::engine::Engine;
use crate::redis::rdb;
use crate::redis::reply::Reply;

/// What a replica said of itself with REPLCONF.
#[derive(Debug, Clone, Default)]
pub(in crate::redis) struct Announced {
    pub(in crate::redis) port: i64,
    /// If not that of its connection.
    pub(in crate::redis) host: Option<String>,
    /// It takes a snapshot whose length is not known beforehand.
    pub(in crate::redis) eof: bool,
    /// It understands that an ID changes.
    pub(in crate::redis) psync2: bool,
}

/// How far a replica is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::redis) enum Stage {
    /// It waits for a snapshot, since this second.
    Waits(u64),
    /// It follows the stream.
    Online,
}

/// A server that follows this one.
#[derive(Debug)]
pub(in crate::redis) struct Replica {
    pub(in crate::redis) host: String,
    pub(in crate::redis) port: i64,
    pub(in crate::redis) stage: Stage,
    /// The offset that it has acknowledged, and when it last did.
    pub(in crate::redis) acked: u64,
    acked_at: u64,
    /// The offset up to which it was sent the stream.
    sent: u64,
    /// It came by SYNC, and says nothing.
    mute: bool,
    takes_eof: bool,
}

impl Replica {
    fn new(client: &Client, stage: Stage) -> Replica {
        let host = client.announced.host.clone();
        let of_connection = || {
            let host = client.address.rsplit_once(':').map(|(host, _)| host);
            host.unwrap_or_default().to_owned()
        };
        Replica {
            host: host.unwrap_or_else(of_connection),
            port: client.announced.port,
            stage,
            acked: 0,
            acked_at: seconds(),
            sent: 0,
            mute: false,
            takes_eof: client.announced.eof,
        }
    }

    /// Seconds since it was heard of.
    pub(in crate::redis) fn lag(&self) -> u64 {
        match self.stage {
            Stage::Online => seconds().saturating_sub(self.acked_at),
            Stage::Waits(_) => 0,
        }
    }

    /// Whether it may be sent a snapshot: with `repl-diskless-sync` a primary
    /// waits for more replicas to come.
    fn is_due(&self, config: &Config) -> bool {
        let Stage::Waits(since) = self.stage else {
            return false;
        };
        let waits = self.takes_eof && config.text("repl-diskless-sync") == "yes";
        let delay = config.integer("repl-diskless-sync-delay").unsigned_abs();
        !waits || seconds().saturating_sub(since) >= delay
    }
}

impl Replication {
    /// Takes on a replica that asks with PSYNC for a history from an offset
    /// on, or without, and answers it. Who cannot go on gets a snapshot when
    /// its time has come.
    pub(in crate::redis) fn attach(
        &mut self,
        client: &Client,
        wanted: Option<(HistoryId, u64)>,
    ) -> Reply {
        if let Some((id, from)) = wanted {
            if self.stream.continues(id, from) {
                return self.continue_with(client, from);
            }
            self.counts.partial_refused += 1;
        }
        self.counts.full += 1;
        if self.replicas.is_empty() && !self.stream.is_kept() {
            self.stream.begin();
            self.stream.keep();
        }
        let replica = Replica::new(client, Stage::Waits(seconds()));
        self.replicas.insert(client.id, replica);
        Reply::NONE
    }

    fn continue_with(&mut self, client: &Client, from: u64) -> Reply {
        self.counts.partial += 1;
        let replica = Replica {
            sent: from - 1,
            ..Replica::new(client, Stage::Online)
        };
        self.replicas.insert(client.id, replica);
        match client.announced.psync2 {
            true => Reply::Status(format!("CONTINUE {}", self.stream.id).into()),
            false => Reply::status("CONTINUE"),
        }
    }

    /// As [`attach`](Replication::attach), for SYNC.
    pub(in crate::redis) fn attach_mute(&mut self, client: &Client) -> Reply {
        let reply = self.attach(client, None);
        if let Some(replica) = self.replicas.get_mut(&client.id) {
            replica.mute = true;
        }
        reply
    }

    /// Forgets a replica that left.
    pub(in crate::redis) fn detach(&mut self, client: ClientId) {
        if self.replicas.shift_remove(&client).is_some() && self.replicas.is_empty() {
            self.alone_since = seconds();
        }
    }

    /// Notes what a replica acknowledged; false if the client is none.
    pub(in crate::redis) fn acknowledge(&mut self, client: ClientId, offset: u64) -> bool {
        let Some(replica) = self.replicas.get_mut(&client) else {
            return false;
        };
        replica.acked = replica.acked.max(offset);
        replica.acked_at = seconds();
        true
    }

    fn online(&self) -> impl Iterator<Item = &Replica> {
        let replicas = self.replicas.values();
        replicas.filter(|replica| replica.stage == Stage::Online)
    }

    /// How many replicas have acknowledged `offset`.
    pub(in crate::redis) fn acknowledged(&self, offset: u64) -> usize {
        self.online().filter(|r| r.acked >= offset).count()
    }

    /// Has the replicas asked how far they are.
    pub(in crate::redis) fn ask_for_acks(&mut self) {
        self.wants_acks = true;
    }

    /// How many replicas lag so little that a primary with
    /// `min-replicas-to-write` counts them.
    pub(in crate::redis) fn good_replicas(&self, lag_max: u64) -> usize {
        self.online().filter(|r| r.lag() <= lag_max).count()
    }

    /// Begins a new history if nobody has followed the old one for `seconds`.
    fn forget_history_after(&mut self, ttl: u64) {
        let idle = seconds().saturating_sub(self.alone_since);
        let unused = self.is_heard() && self.replicas.is_empty();
        if unused && ttl > 0 && idle > ttl {
            self.stream.begin();
        }
    }
}

impl Engine {
    /// Sends every replica what it lacks: between a batch of commands and
    /// their replies.
    pub(in crate::redis) fn feed_replicas(&mut self) {
        let replication = &mut self.keyspace.propagation.replication;
        if !replication.stream.is_kept() {
            return;
        }
        let asks = replication.failover.is_none() && std::mem::take(&mut replication.wants_acks);
        if asks && !replication.replicas.is_empty() {
            replication.say(&[b"REPLCONF", b"GETACK", b"*"]);
        }
        self.send_snapshots();
        let replication = &mut self.keyspace.propagation.replication;
        let offset = replication.stream.offset;
        for (id, replica) in &mut replication.replicas {
            if replica.stage != Stage::Online || replica.sent == offset {
                continue;
            }
            if let Some(bytes) = replication.stream.after(replica.sent) {
                self.server.clients.send(*id, &bytes, STREAM_LABEL);
            }
            replica.sent = offset;
        }
        let most = self.server.config.backlog_size;
        replication.stream.trim(most);
    }

    /// Sends one snapshot to all who wait, once the first of them has waited
    /// long enough.
    fn send_snapshots(&mut self) {
        let (replication, config) = (
            &mut self.keyspace.propagation.replication,
            &self.server.config,
        );
        let mut replicas = replication.replicas.values();
        if !replicas.any(|replica| replica.is_due(config)) {
            return;
        }
        // Who copies a copy learns from the snapshot where the stream stands.
        if replication.primary.is_none() {
            replication.stream.set_database(None);
        }
        let (database, offset) = (replication.stream.database(), replication.stream.offset);
        let header = format!("+FULLRESYNC {} {offset}\r\n", replication.stream.id);
        let snapshot = in_bulk(&rdb::save(&self.keyspace, database));
        let replication = &mut self.keyspace.propagation.replication;
        for (id, replica) in &mut replication.replicas {
            if replica.stage == Stage::Online {
                continue;
            }
            replica.stage = Stage::Online;
            replica.sent = offset;
            replica.acked_at = seconds();
            if !replica.mute {
                let clients = &mut self.server.clients;
                clients.send(*id, header.as_bytes(), SNAPSHOT_LABEL);
            }
            self.server.clients.send(*id, &snapshot, SNAPSHOT_LABEL);
        }
    }

    /// Has all replicas come again.
    pub(in crate::redis) fn disconnect_replicas(&mut self) {
        for id in self.keyspace.propagation.replication.replicas.keys() {
            if let Some(client) = self.server.clients.get_mut(*id) {
                client.kill();
            }
        }
    }

    /// What a primary does once a second. Every `repl-ping-replica-period`
    /// seconds it writes PING to the stream, and it gives up replicas that
    /// have not acknowledged anything for `repl-timeout`.
    pub(super) fn tend_replicas(&mut self, second: u64) {
        let config = &self.server.config;
        let period = config.integer("repl-ping-replica-period").unsigned_abs();
        let timeout = config.integer("repl-timeout").unsigned_abs();
        let ttl = config.integer("repl-backlog-ttl").unsigned_abs();
        let replication = &mut self.keyspace.propagation.replication;
        replication.forget_history_after(ttl);
        let pings = replication.is_heard()
            && !replication.replicas.is_empty()
            && !replication.holds_still();
        if pings && second.is_multiple_of(period.max(1)) {
            replication.say(&[b"PING"]);
        }
        for (id, replica) in &replication.replicas {
            match replica.stage {
                Stage::Waits(_) => self.server.clients.send(*id, b"\n", STREAM_LABEL),
                Stage::Online if !replica.mute && replica.lag() > timeout => {
                    if let Some(client) = self.server.clients.get_mut(*id) {
                        client.kill();
                    }
                }
                Stage::Online => {}
            }
        }
    }
}

/// A snapshot with its length before it.
fn in_bulk(bytes: &[u8]) -> Bytes {
    let mut out = BytesMut::from(format!("${}\r\n", bytes.len()).as_bytes());
    out.extend_from_slice(bytes);
    out.freeze()
}
