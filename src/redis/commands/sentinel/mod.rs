//! SENTINEL: what a sentinel knows, and what it is told to do.

mod change;

use bytes::Bytes;

use super::args::answer;
use super::{Command, Flags, Handler::Container, Handler::Plain, command};
use crate::redis::context::Context;
use crate::redis::number::integer_argument;
use crate::redis::reply::Reply;
use crate::redis::sentinel::{Address, Instance, Primary, Sentinel, describe};

/// What else a sentinel answers, by the first word.
pub(super) const SHARED: [&str; 13] = [
    "acl",
    "auth",
    "client",
    "command",
    "hello",
    "info",
    "ping",
    "psubscribe",
    "publish",
    "punsubscribe",
    "role",
    "subscribe",
    "unsubscribe",
];

const ADMIN: Flags = Flags::ADMIN;

pub(super) static SENTINEL: Command = command!(
    "sentinel",
    "SENTINEL",
    -2,
    Flags::NONE,
    (0, 0, 0),
    Container(SUBCOMMANDS)
);

macro_rules! subcommand {
    ($name:literal, $arity:literal, $run:path) => {
        command!($name, "SENTINEL", $arity, ADMIN, (0, 0, 0), Plain($run))
    };
}

const SUBCOMMANDS: &[Command] = &[
    subcommand!("sentinel|ckquorum", 3, ckquorum),
    subcommand!("sentinel|debug", -2, change::debug),
    subcommand!("sentinel|failover", 3, change::failover),
    subcommand!("sentinel|flushconfig", 2, change::flushconfig),
    subcommand!(
        "sentinel|get-master-addr-by-name",
        3,
        get_master_addr_by_name
    ),
    subcommand!("sentinel|help", 2, help),
    subcommand!("sentinel|info-cache", -3, info_cache),
    subcommand!("sentinel|is-master-down-by-addr", 6, is_master_down_by_addr),
    subcommand!("sentinel|master", 3, master),
    subcommand!("sentinel|masters", 2, masters),
    subcommand!("sentinel|monitor", 6, change::monitor),
    subcommand!("sentinel|myid", 2, myid),
    subcommand!("sentinel|pending-scripts", 2, pending_scripts),
    subcommand!("sentinel|remove", 3, change::remove),
    subcommand!("sentinel|replicas", 3, replicas),
    subcommand!("sentinel|reset", 3, change::reset),
    subcommand!("sentinel|sentinels", 3, sentinels),
    subcommand!("sentinel|set", -5, change::set),
    subcommand!("sentinel|slaves", 3, replicas),
];

/// The sentinel that this server is: others do not know these commands.
fn sentinel<'a>(context: &'a mut Context<'_>) -> &'a mut Sentinel {
    let sentinel = context.server.sentinel.as_deref_mut();
    sentinel.expect("only a sentinel runs this command")
}

fn primary<'a>(context: &'a mut Context<'_>, name: &[u8]) -> Result<&'a mut Primary, Reply> {
    let primaries = &mut sentinel(context).primaries;
    let primary = primaries.get_mut(&*String::from_utf8_lossy(name));
    primary.ok_or(Reply::error("ERR No such master with that name"))
}

fn text(text: impl Into<Bytes>) -> Reply {
    Reply::Bulk(text.into())
}

fn masters(context: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    let primaries = sentinel(context).primaries.values();
    Reply::Array(primaries.map(|p| describe(p, &p.this)).collect())
}

fn master(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(primary(context, args[2]).map(|primary| describe(primary, &primary.this)))
}

fn replicas(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(primary(context, args[2]).map(|primary| {
        let replicas = primary.replicas.values();
        let announced = replicas.filter(|replica| replica.reported.announced);
        Reply::Array(announced.map(|r| describe(primary, r)).collect())
    }))
}

fn sentinels(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(primary(context, args[2]).map(|primary| {
        let sentinels = primary.sentinels.values();
        Reply::Array(sentinels.map(|s| describe(primary, s)).collect())
    }))
}

fn myid(context: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    text(sentinel(context).own.id.clone())
}

/// There are no scripts.
fn pending_scripts(_: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::Array(Vec::new())
}

fn get_master_addr_by_name(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    match primary(context, args[2]) {
        Err(_) => Reply::NullArray,
        Ok(primary) => {
            let Address { host, port } = primary.address();
            Reply::Array(vec![text(host.clone()), text(port.to_string())])
        }
    }
}

/// Whether the primary is down as far as can be seen here, and a vote if one
/// is asked for.
fn is_master_down_by_addr(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let numbers = integer_argument(args[3])
        .and_then(|port| integer_argument(args[4]).map(|epoch| (port, epoch)));
    let (port, epoch) = match numbers {
        Ok(numbers) => numbers,
        Err(error) => return error,
    };
    let (host, candidate): (String, String) = [args[2], args[5]]
        .map(String::from_utf8_lossy)
        .map(|text| text.into_owned())
        .into();
    let sentinel = sentinel(context);
    let tilt = sentinel.own.tilt_since.is_some();
    let mut primaries = sentinel.primaries.values_mut();
    let found = primaries.find(|p| {
        let Address { host: h, port: p } = &p.this.address;
        *h == host && i64::from(*p) == port
    });
    let is_down = !tilt && found.as_ref().is_some_and(|primary| primary.this.is_down);
    let vote = found.filter(|_| candidate != "*").and_then(|primary| {
        let epoch = u64::try_from(epoch).unwrap_or(0);
        primary.vote(&mut sentinel.own, epoch, &candidate)
    });
    let (leader, epoch) = vote.unwrap_or_else(|| ("*".to_owned(), 0));
    Reply::Array(vec![
        Reply::Integer(is_down.into()),
        text(leader),
        Reply::Integer(i64::try_from(epoch).unwrap_or(i64::MAX)),
    ])
}

/// Whether enough sentinels answer to notice that the primary is down, and to
/// elect who fails over.
fn ckquorum(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let primary = match primary(context, args[2]) {
        Ok(primary) => primary,
        Err(error) => return error,
    };
    let others = primary.sentinels.values();
    let usable = 1 + others.filter(|sentinel| !sentinel.is_down).count();
    let voters = primary.sentinels.len() + 1;
    let mut lacks = Vec::new();
    if usable < primary.quorum {
        lacks.push("Not enough available Sentinels to reach the specified quorum for this master");
    }
    if usable < voters / 2 + 1 {
        lacks.push("Not enough available Sentinels to reach the majority and authorize a failover");
    }
    match lacks.is_empty() {
        true => Reply::Status(
            format!(
                "OK {usable} usable Sentinels. Quorum and failover authorization can be reached"
            )
            .into(),
        ),
        false => {
            let lacks = lacks.join(". ");
            Reply::error_from(format!("NOQUORUM {usable} usable Sentinels. {lacks}").into())
        }
    }
}

fn info_cache(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let now = crate::redis::wall_clock_ms();
    let cached = |instance: &Instance| {
        let reported = &instance.reported;
        let age = if reported.at == 0 {
            0
        } else {
            now - reported.at
        };
        let info = reported.text.clone().map_or(Reply::Null, text);
        Reply::Array(vec![Reply::Integer(age), info])
    };
    let names = args[2..].iter().map(|name| String::from_utf8_lossy(name));
    let primaries = &sentinel(context).primaries;
    let found = names.filter_map(|name| primaries.get(&*name));
    let replies = found.flat_map(|primary| {
        let around = std::iter::once(&primary.this).chain(primary.replicas.values());
        [
            text(primary.this.name.clone()),
            Reply::Array(around.map(cached).collect()),
        ]
    });
    Reply::Array(replies.collect())
}

fn help(_: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::help(
        "SENTINEL",
        &[
            "CKQUORUM <master-name>",
            "    Whether enough sentinels answer to fail over.",
            "DEBUG [<param> <value> ...]",
            "    Show how long things take, in milliseconds, or change it.",
            "GET-MASTER-ADDR-BY-NAME <master-name>",
            "    Where the primary is.",
            "FAILOVER <master-name>",
            "    Fail over, without the votes of others.",
            "FLUSHCONFIG",
            "    Write the configuration file.",
            "INFO-CACHE <master-name> [<master-name> ...]",
            "    What a primary and its replicas last said in INFO.",
            "IS-MASTER-DOWN-BY-ADDR <ip> <port> <current-epoch> <runid>",
            "    Whether a primary is down as far as can be seen here.",
            "MASTER <master-name>",
            "    A primary and its state.",
            "MASTERS",
            "    All of them.",
            "MONITOR <name> <ip> <port> <quorum>",
            "    Watch a primary from now on.",
            "MYID",
            "    The ID of this sentinel.",
            "PENDING-SCRIPTS",
            "    Empty: there are no scripts.",
            "REMOVE <master-name>",
            "    Watch a primary no more.",
            "REPLICAS <master-name>",
            "    Its replicas and their state.",
            "RESET <pattern>",
            "    Forget what is around the primaries of such names.",
            "SENTINELS <master-name>",
            "    The other sentinels that watch it.",
            "SET <master-name> <option> <value> [<option> <value> ...]",
            "    Change how it is watched.",
        ],
    )
}
