//! What a server refuses, or holds back, for the state that it is in.

use std::time::Duration;

use bytes::Bytes;

use super::client::Client;
use super::commands::{self, Command, Flags};
use super::keyspace::Keyspace;
use super::reply::{Reply, Resp};
use super::state::ServerState;
use crate::rt::{self, Instant};

const NO_REPLICAS: Reply = Reply::error("NOREPLICAS Not enough good replicas to write.");
const READ_ONLY: Reply = Reply::error("READONLY You can't write against a read only replica.");
pub(super) const PRIMARY_DOWN: Reply = Reply::error(
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
);
const NOT_FOR_REPLICAS: Reply = Reply::error("ERR Replica can't interact with the keyspace");

/// How often a client looks again that a failover holds back.
const FAILOVER_PERIOD: Duration = Duration::from_secs(3600);

/// Whether a command of such flags, or any that its EXEC would run, has one
/// of these.
pub(super) fn any_has(client: &Client, called: Flags, wanted: Flags) -> bool {
    any(client, called, |flags| flags.has(wanted))
}

fn any(client: &Client, called: Flags, is: impl Fn(Flags) -> bool) -> bool {
    let transaction = client.transaction.as_ref();
    let executed = transaction.filter(|_| called.has(Flags::EXECUTES));
    is(called) || executed.is_some_and(|t| t.queue.iter().any(|queued| is(queued.flags)))
}

/// Why nobody may write here now: too few replicas follow closely enough, or
/// this is one itself.
pub(super) fn of_writes(keyspace: &Keyspace, server: &ServerState) -> Option<Reply> {
    let replication = &keyspace.propagation.replication;
    match (replication.is_replica(), server.config.replicas_min) {
        (true, _) => server.config.replica_read_only.then_some(READ_ONLY),
        (false, Some((least, lag_max))) => {
            (replication.good_replicas(lag_max) < least).then_some(NO_REPLICAS)
        }
        (false, None) => None,
    }
}

/// Whether this is a replica that does not serve what may be out of date.
pub(super) fn is_stale(keyspace: &Keyspace, server: &ServerState) -> bool {
    let primary = keyspace.propagation.replication.primary.as_ref();
    !server.config.serve_stale && primary.is_some_and(|primary| !primary.is_up())
}

/// Why a command of such flags is not for a server of this role, or not for
/// this client.
pub(super) fn by_role(
    keyspace: &Keyspace,
    server: &ServerState,
    client: &Client,
    flags: Flags,
) -> Option<Reply> {
    if any_has(client, flags, Flags::WRITE)
        && let Some(refusal) = of_writes(keyspace, server)
    {
        return Some(refusal);
    }
    if is_stale(keyspace, server) && any(client, flags, |flags| !flags.has(Flags::STALE)) {
        return Some(PRIMARY_DOWN);
    }
    let touches = Flags::WRITE.and(Flags::READONLY).and(Flags::MAY_REPLICATE);
    let replicas = &keyspace.propagation.replication.replicas;
    let follows = !replicas.is_empty() && replicas.contains_key(&client.id);
    (follows && flags.has(touches)).then_some(NOT_FOR_REPLICAS)
}

/// Why a client that is subscribed may not call a command.
pub(super) fn while_subscribed(client: &Client, command: &Command, flags: Flags) -> Option<Reply> {
    let restricted = client.resp == Resp::V2 && client.subscribes();
    (restricted && !flags.has(Flags::WHILE_SUBSCRIBED)).then(|| {
        Reply::error_from(
            format!(
                "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT \
                 / RESET are allowed in this context",
                command.name
            )
            .into(),
        )
    })
}

/// Until when CLIENT PAUSE or a failover holds a command of such flags back.
pub(super) fn holds_back(keyspace: &Keyspace, client: &Client, flags: Flags) -> Option<Instant> {
    let pause = keyspace.paused();
    let fails_over = keyspace.propagation.replication.failover.is_some();
    if pause.is_none() && !fails_over {
        return None;
    }
    let writes = Flags::WRITE.and(Flags::MAY_REPLICATE);
    let all = pause.is_some_and(|pause| !pause.writes_only);
    let held = all || any_has(client, flags, writes);
    // A failover has no end that is known: who is held is woken by it.
    let until = pause.map_or_else(|| rt::now() + FAILOVER_PERIOD, |pause| pause.until);
    held.then_some(until)
}

/// What a refusal does to a transaction: EXEC will be refused too, and an
/// EXEC that is refused ends it.
pub(super) fn refuse(
    keyspace: &mut Keyspace,
    client: &mut Client,
    args: &[&[u8]],
    reply: Reply,
) -> Reply {
    if let Some(transaction) = &mut client.transaction {
        transaction.refused = true;
    }
    let is_exec = commands::find(args).is_some_and(|command| command.name == "exec");
    match reply {
        Reply::Error(text) if is_exec => {
            client.transaction = None;
            keyspace.watches.remove(client.id);
            let why = text.strip_prefix(b"ERR ").unwrap_or(&text);
            let start = b"EXECABORT Transaction discarded because of: ";
            Reply::Error(Bytes::from([&start[..], why].concat()))
        }
        reply => reply,
    }
}

/// What is answered while the data is being loaded, by the first word.
const LOADING: [&str; 30] = [
    "acl",
    "auth",
    "client",
    "command",
    "config",
    "discard",
    "echo",
    "exec",
    "hello",
    "info",
    "lastsave",
    "latency",
    "module",
    "monitor",
    "multi",
    "psubscribe",
    "publish",
    "pubsub",
    "punsubscribe",
    "quit",
    "replconf",
    "reset",
    "role",
    "select",
    "shutdown",
    "slowlog",
    "subscribe",
    "time",
    "unsubscribe",
    "unwatch",
];

/// Whether a command runs while the data is being loaded.
pub(super) fn runs_while_loading(command: &Command) -> bool {
    let word = command.name.split('|').next().unwrap_or_default();
    LOADING.contains(&word)
}
