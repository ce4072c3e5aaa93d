//! Channels: SUBSCRIBE and its kin, PUBLISH, PUBSUB.

use bytes::Bytes;

use super::{Command, Flags, Handler::Container, Handler::Plain, command};
use crate::redis::context::Context;
use crate::redis::glob;
use crate::redis::pubsub::Kind;
use crate::redis::reply::Reply;
use crate::redis::sentinel::{HELLO, Sentinel};

const PUBSUB: Flags = Flags::PUBSUB.and(Flags::LOADING).and(Flags::STALE);
const SUBSCRIBE: Flags = PUBSUB.and(Flags::NO_SCRIPT).and(Flags::WHILE_SUBSCRIBED);
const PUBLISH: Flags = PUBSUB.and(Flags::FAST).and(Flags::MAY_REPLICATE);

pub(super) const COMMANDS: &[Command] = &[
    command!(
        "psubscribe",
        "PSUBSCRIBE",
        -2,
        SUBSCRIBE,
        (0, 0, 0),
        Plain(psubscribe)
    ),
    command!("publish", "PUBLISH", 3, PUBLISH, (0, 0, 0), Plain(publish)),
    command!(
        "pubsub",
        "PUBSUB",
        -2,
        Flags::NONE,
        (0, 0, 0),
        Container(SUBCOMMANDS)
    ),
    command!(
        "punsubscribe",
        "PUNSUBSCRIBE",
        -1,
        SUBSCRIBE,
        (0, 0, 0),
        Plain(punsubscribe)
    ),
    command!(
        "spublish",
        "SPUBLISH",
        3,
        PUBLISH,
        (1, 1, 1),
        Plain(spublish)
    ),
    command!(
        "ssubscribe",
        "SSUBSCRIBE",
        -2,
        SUBSCRIBE,
        (1, -1, 1),
        Plain(ssubscribe)
    ),
    command!(
        "subscribe",
        "SUBSCRIBE",
        -2,
        SUBSCRIBE,
        (0, 0, 0),
        Plain(subscribe)
    ),
    command!(
        "sunsubscribe",
        "SUNSUBSCRIBE",
        -1,
        SUBSCRIBE,
        (1, -1, 1),
        Plain(sunsubscribe)
    ),
    command!(
        "unsubscribe",
        "UNSUBSCRIBE",
        -1,
        SUBSCRIBE,
        (0, 0, 0),
        Plain(unsubscribe)
    ),
];

const SUBCOMMANDS: &[Command] = &[
    command!(
        "pubsub|channels",
        "PUBSUB",
        -2,
        PUBSUB,
        (0, 0, 0),
        Plain(channels)
    ),
    command!("pubsub|help", "PUBSUB", 2, PUBSUB, (0, 0, 0), Plain(help)),
    command!(
        "pubsub|numpat",
        "PUBSUB",
        2,
        PUBSUB,
        (0, 0, 0),
        Plain(numpat)
    ),
    command!(
        "pubsub|numsub",
        "PUBSUB",
        -2,
        PUBSUB,
        (0, 0, 0),
        Plain(numsub)
    ),
    command!(
        "pubsub|shardchannels",
        "PUBSUB",
        -2,
        PUBSUB,
        (0, 0, 0),
        Plain(shardchannels)
    ),
    command!(
        "pubsub|shardnumsub",
        "PUBSUB",
        -2,
        PUBSUB,
        (0, 0, 0),
        Plain(shardnumsub)
    ),
];

fn subscribe(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    subscribe_to(context, args, Kind::Channel)
}

fn psubscribe(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    subscribe_to(context, args, Kind::Pattern)
}

fn ssubscribe(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    if context.client.deny_blocking {
        return Reply::error("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client");
    }
    subscribe_to(context, args, Kind::Shard)
}

fn subscribe_to(context: &mut Context<'_>, args: &[&[u8]], kind: Kind) -> Reply {
    let pubsub = &mut context.server.pubsub;
    let confirmations = args[1..]
        .iter()
        .map(|name| pubsub.subscribe(context.client, kind, name));
    Reply::Several(confirmations.collect())
}

fn unsubscribe(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    unsubscribe_from(context, args, Kind::Channel)
}

fn punsubscribe(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    unsubscribe_from(context, args, Kind::Pattern)
}

fn sunsubscribe(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    unsubscribe_from(context, args, Kind::Shard)
}

fn unsubscribe_from(context: &mut Context<'_>, args: &[&[u8]], kind: Kind) -> Reply {
    let pubsub = &mut context.server.pubsub;
    Reply::Several(match &args[1..] {
        [] => pubsub.unsubscribe_all(context.client, kind),
        names => names
            .iter()
            .map(|name| pubsub.unsubscribe(context.client, kind, name))
            .collect(),
    })
}

/// A sentinel listens itself, to what others say on their channel.
fn to_sentinel(sentinel: &mut Sentinel, args: &[&[u8]]) -> Reply {
    if args[1] != HELLO {
        return Reply::error("ERR Only HELLO messages are accepted by Sentinel instances.");
    }
    sentinel.take_hello(&String::from_utf8_lossy(args[2]));
    Reply::Integer(1)
}

fn publish(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    if let Some(sentinel) = &mut context.server.sentinel {
        return to_sentinel(sentinel, args);
    }
    context.propagate_to_replicas(args);
    let server = &mut *context.server;
    // In a script, what it did before comes first.
    server.tell(context.keyspace, Some(context.client.id));
    Reply::count(server.pubsub.publish(&mut server.clients, args[1], args[2]))
}

fn spublish(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    context.propagate_to_replicas(args);
    let server = &mut *context.server;
    Reply::count(
        server
            .pubsub
            .publish_to_shard(&mut server.clients, args[1], args[2]),
    )
}

fn channels(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    list(context, args, Kind::Channel)
}

fn shardchannels(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    list(context, args, Kind::Shard)
}

fn list(context: &mut Context<'_>, args: &[&[u8]], kind: Kind) -> Reply {
    let pattern: &[u8] = match args {
        [_, _] => b"*",
        [_, _, pattern] => pattern,
        _ => return Reply::unknown_subcommand("PUBSUB", args[1]),
    };
    let names = context.server.pubsub.listeners(kind).keys();
    let names = names.filter(|name| glob::matches(pattern, name));
    Reply::Array(names.cloned().map(Reply::Bulk).collect())
}

fn numsub(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    counts(context, args, Kind::Channel)
}

fn shardnumsub(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    counts(context, args, Kind::Shard)
}

fn counts(context: &mut Context<'_>, args: &[&[u8]], kind: Kind) -> Reply {
    let listeners = context.server.pubsub.listeners(kind);
    let counts = args[2..].iter().flat_map(|name| {
        let listeners = listeners.get(*name).map_or(0, |l| l.len());
        [
            Reply::Bulk(Bytes::copy_from_slice(name)),
            Reply::count(listeners),
        ]
    });
    Reply::Array(counts.collect())
}

fn numpat(context: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::count(context.server.pubsub.listeners(Kind::Pattern).len())
}

fn help(_: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::help(
        "PUBSUB",
        &[
            "CHANNELS [<pattern>]",
            "    Channels that somebody listens to, and that match.",
            "NUMPAT",
            "    How many patterns somebody listens to.",
            "NUMSUB [<channel> ...]",
            "    How many clients listen to each channel, patterns left out.",
            "SHARDCHANNELS [<pattern>]",
            "    Shard channels that somebody listens to, and that match.",
            "SHARDNUMSUB [<shardchannel> ...]",
            "    How many clients listen to each shard channel.",
        ],
    )
}
