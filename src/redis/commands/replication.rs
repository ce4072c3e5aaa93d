//! Who follows whom, and how far they are.

use super::args::timeout_milliseconds;
use super::{Command, Flags, Handler::Blocking, Handler::Plain, command};
use crate::redis::blocked::{Attempt, Wait};
use crate::redis::bug::Bug;
use crate::redis::client::ClientId;
use crate::redis::context::Context;
use crate::redis::number::integer_argument;
use crate::redis::observer::Moment;
use crate::redis::replication::{HistoryId, Stage};
use crate::redis::reply::Reply;
use crate::redis::unblock::unblock;

const ADMIN: Flags = Flags::ADMIN.and(Flags::NO_SCRIPT);
const FOLLOW: Flags = ADMIN.and(Flags::STALE);
const SYNC: Flags = ADMIN.and(Flags::NO_MULTI);
const ROLE: Flags = Flags::NO_SCRIPT
    .and(Flags::LOADING)
    .and(Flags::STALE)
    .and(Flags::FAST);
const REPLCONF: Flags = ADMIN
    .and(Flags::LOADING)
    .and(Flags::STALE)
    .and(Flags::ALLOW_BUSY);

pub(super) const COMMANDS: &[Command] = &[
    command!("psync", "PSYNC", -3, SYNC, (0, 0, 0), Plain(psync)),
    command!(
        "replconf",
        "REPLCONF",
        -1,
        REPLCONF,
        (0, 0, 0),
        Plain(replconf)
    ),
    command!(
        "replicaof",
        "REPLICAOF",
        3,
        FOLLOW,
        (0, 0, 0),
        Plain(replicaof)
    ),
    command!("role", "ROLE", 1, ROLE, (0, 0, 0), Plain(role)),
    command!("slaveof", "SLAVEOF", 3, FOLLOW, (0, 0, 0), Plain(replicaof)),
    command!("sync", "SYNC", 1, SYNC, (0, 0, 0), Plain(psync)),
    command!(
        "wait",
        "WAIT",
        3,
        Flags::NO_SCRIPT.and(Flags::BLOCKING),
        (0, 0, 0),
        Blocking(wait)
    ),
];

const INSTANCE_CHANGED: Reply = Reply::error(
    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
);

fn replicaof(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let replication = &context.keyspace.propagation.replication;
    let is = |index: usize, word: &[u8]| args[index].eq_ignore_ascii_case(word);
    if replication.failover.is_some() {
        return Reply::error("ERR REPLICAOF not allowed while failing over.");
    }
    if is(1, b"NO") && is(2, b"ONE") {
        return context.lead();
    }
    if replication.replicas.contains_key(&context.client.id) {
        return Reply::error("ERR Command is not valid when client is a replica.");
    }
    let port = integer_argument(args[2]).ok().map(u16::try_from);
    let Some(Ok(port)) = port else {
        return Reply::error("ERR Invalid master port");
    };
    let host = String::from_utf8_lossy(args[1]).into_owned();
    let same = replication
        .primary
        .as_ref()
        .is_some_and(|p| p.host.eq_ignore_ascii_case(&host) && p.port == port);
    if same {
        return Reply::status("OK Already connected to specified master");
    }
    context.follow(host, port)
}

impl Context<'_> {
    /// Becomes a replica: who is blocked waits for writes that no longer come.
    pub(in crate::redis) fn follow(&mut self, host: String, port: u16) -> Reply {
        let blocked = self.server.clients.iter().filter(|c| c.blocked.is_some());
        let blocked: Vec<ClientId> = blocked.map(|client| client.id).collect();
        for id in blocked {
            if let Some(client) = self.server.clients.get_mut(id) {
                unblock(self.keyspace, client, &INSTANCE_CHANGED);
                client.closing = true;
            }
        }
        self.keyspace.propagation.replication.follow(host, port);
        Reply::OK
    }

    /// Becomes a primary: replicas come again and learn the new ID.
    pub(in crate::redis) fn lead(&mut self) -> Reply {
        let replication = &mut self.keyspace.propagation.replication;
        if replication.lead() {
            self.keyspace.tell_of_stock(Moment::Promotion);
            let replication = &self.keyspace.propagation.replication;
            for id in replication.replicas.keys() {
                if let Some(client) = self.server.clients.get_mut(*id) {
                    client.kill();
                }
            }
        }
        Reply::OK
    }
}

/// PSYNC and SYNC.
fn psync(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let replication = &mut context.keyspace.propagation.replication;
    if replication.replicas.contains_key(&context.client.id) {
        return Reply::NONE;
    }
    if let [_, id, _, word, ..] = args
        && word.eq_ignore_ascii_case(b"FAILOVER")
    {
        if !replication.is_replica() {
            return Reply::error("ERR PSYNC FAILOVER can't be sent to a master.");
        }
        if HistoryId::read(id) != Some(replication.stream.id) {
            return Reply::error("ERR PSYNC FAILOVER replid must match my replid.");
        }
        context.lead();
    }
    let replication = &mut context.keyspace.propagation.replication;
    if replication.failover.is_some() {
        return Reply::error("NOMASTERLINK Can't SYNC while failing over");
    }
    if replication.primary.as_ref().is_some_and(|p| !p.is_up()) {
        return Reply::error("NOMASTERLINK Can't SYNC while not connected with my master");
    }
    let [_, id, from, ..] = args else {
        return replication.attach_mute(context.client);
    };
    let from = match integer_argument(from) {
        Ok(from) => u64::try_from(from).ok(),
        Err(error) => return error,
    };
    let wanted = HistoryId::read(id).zip(from);
    replication.attach(context.client, wanted)
}

fn replconf(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    if args.len().is_multiple_of(2) {
        return Reply::SYNTAX;
    }
    let (pairs, _) = args[1..].as_chunks::<2>();
    for [name, value] in pairs {
        let text = String::from_utf8_lossy(value);
        let announced = &mut context.client.announced;
        match &*name.to_ascii_lowercase() {
            b"listening-port" => match integer_argument(value) {
                Ok(port) => announced.port = port,
                Err(error) => return error,
            },
            b"ip-address" => announced.host = Some(text.into_owned()),
            b"capa" => {
                announced.eof |= text.eq_ignore_ascii_case("eof");
                announced.psync2 |= text.eq_ignore_ascii_case("psync2");
            }
            b"ack" => {
                let replication = &mut context.keyspace.propagation.replication;
                if let Ok(offset) = text.parse()
                    && replication.acknowledge(context.client.id, offset)
                {
                    context.keyspace.blocked.replica_moved();
                }
                return Reply::NONE;
            }
            // Asked of a replica in the stream of its primary only.
            b"getack" => return Reply::NONE,
            _ => {
                let name = String::from_utf8_lossy(name);
                let text = format!("ERR Unrecognized REPLCONF option: {name}");
                return Reply::error_from(text.into());
            }
        }
    }
    Reply::OK
}

fn role(context: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    if let Some(sentinel) = &context.server.sentinel {
        let names = sentinel.primaries.keys().cloned();
        let names = names.map(|name| Reply::Bulk(name.into()));
        return Reply::Array(vec![Reply::bulk("sentinel"), Reply::Array(names.collect())]);
    }
    let replication = &context.keyspace.propagation.replication;
    let offset = replication.stream.offset;
    let number = |number: u64| Reply::Integer(i64::try_from(number).unwrap_or(i64::MAX));
    if let Some(primary) = &replication.primary {
        return Reply::Array(vec![
            Reply::bulk("slave"),
            Reply::Bulk(primary.host.clone().into()),
            Reply::Integer(primary.port.into()),
            Reply::bulk(primary.link.name()),
            match primary.is_up() {
                true => number(offset),
                false => Reply::Integer(-1),
            },
        ]);
    }
    let replicas = replication.replicas.values();
    let online = replicas.filter(|replica| replica.stage == Stage::Online);
    let describe = online.map(|replica| {
        Reply::Array(vec![
            Reply::Bulk(replica.host.clone().into()),
            Reply::Bulk(replica.port.to_string().into()),
            Reply::Bulk(replica.acked.to_string().into()),
        ])
    });
    Reply::Array(vec![
        Reply::bulk("master"),
        number(offset),
        Reply::Array(describe.collect()),
    ])
}

/// Waits until so many replicas have what this client wrote, and answers how
/// many have.
fn wait(context: &mut Context<'_>, args: &[&[u8]], _: Option<&[u8]>) -> Attempt {
    Attempt::or_error(wait_for(context, args))
}

fn wait_for(context: &mut Context<'_>, args: &[&[u8]]) -> Result<Attempt, Reply> {
    let early = context.keyspace.planted(Bug::WaitReturnsEarly);
    let replication = &mut context.keyspace.propagation.replication;
    if replication.is_replica() {
        return Err(Reply::error(
            "ERR WAIT cannot be used with replica instances. Please also note that since Redis \
             4.0 if a replica is configured to be writable (which is not the default) writes to \
             replicas are just local and are not propagated.",
        ));
    }
    let wanted = integer_argument(args[1])?;
    let timeout = timeout_milliseconds(args[2])?;
    let offset = if early {
        0
    } else {
        context.client.write_offset
    };
    let acknowledged = replication.acknowledged(offset);
    let reply = Reply::count(acknowledged);
    if i64::try_from(acknowledged).is_ok_and(|acknowledged| acknowledged >= wanted) {
        return Ok(Attempt::Done(reply));
    }
    if !context.client.deny_blocking {
        replication.ask_for_acks();
    }
    Ok(Attempt::Wait(Wait {
        keys: Vec::new(),
        timeout,
        retry: None,
        otherwise: reply,
    }))
}
