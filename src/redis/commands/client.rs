//! CLIENT: who is connected, and what becomes of them.

use std::time::Duration;

use bytes::Bytes;

use super::tracking::{caching, getredir, redirection, tracking, trackinginfo};
use super::{Command, Flags, Handler::Container, Handler::Plain, command};
use crate::redis::acl::DEFAULT;
use crate::redis::client::{Client, Replies};
use crate::redis::context::Context;
use crate::redis::keyspace::Keyspace;
use crate::redis::number::{integer_argument, parse_integer};
use crate::redis::pause::Pause;
use crate::redis::replication::{Primary, Replication};
use crate::redis::reply::Reply;
use crate::redis::state::ServerState;
use crate::redis::unblock::unblock;
use crate::redis::wall_clock_ms;
use crate::rt;

const ANY: Flags = Flags::LOADING.and(Flags::STALE);
const CLIENT: Flags = Flags::NO_SCRIPT.and(ANY);
const ADMIN: Flags = CLIENT.and(Flags::ADMIN);

pub(super) const COMMANDS: &[Command] = &[command!(
    "client",
    "CLIENT",
    -2,
    Flags::NONE,
    (0, 0, 0),
    Container(SUBCOMMANDS)
)];

/// One subcommand: name, arity, flags, handler.
macro_rules! subcommand {
    ($name:literal, $arity:literal, $flags:expr, $handler:expr) => {
        command!($name, "CLIENT", $arity, $flags, (0, 0, 0), Plain($handler))
    };
}

const SUBCOMMANDS: &[Command] = &[
    subcommand!("client|caching", 3, CLIENT, caching),
    subcommand!("client|getname", 2, CLIENT, getname),
    subcommand!("client|getredir", 2, CLIENT, getredir),
    subcommand!("client|help", 2, ANY, help),
    subcommand!("client|id", 2, CLIENT, id),
    subcommand!("client|info", 2, CLIENT, info),
    subcommand!("client|kill", -3, ADMIN, kill),
    subcommand!("client|list", -2, ADMIN, list),
    subcommand!("client|no-evict", 3, ADMIN, no_evict),
    subcommand!("client|pause", -3, ADMIN, pause),
    subcommand!("client|reply", 3, CLIENT, reply),
    subcommand!("client|setname", 3, CLIENT, setname),
    subcommand!("client|tracking", -3, CLIENT, tracking),
    subcommand!("client|trackinginfo", 2, CLIENT, trackinginfo),
    subcommand!("client|unblock", -3, ADMIN, unblock_client),
    subcommand!("client|unpause", 2, ADMIN, unpause),
];

fn is(word: &str, arg: &[u8]) -> bool {
    arg.eq_ignore_ascii_case(word.as_bytes())
}

fn id(context: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::Integer(i64::try_from(context.client.id).unwrap_or(i64::MAX))
}

fn getname(context: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    if context.client.name.is_empty() {
        Reply::Null
    } else {
        Reply::Bulk(context.client.name.clone())
    }
}

fn setname(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    match client_name(args[2]) {
        Ok(name) => {
            context.client.name = name;
            Reply::OK
        }
        Err(error) => error,
    }
}

/// A name that a client may have.
pub(super) fn client_name(name: &[u8]) -> Result<Bytes, Reply> {
    if name.iter().all(u8::is_ascii_graphic) {
        Ok(Bytes::copy_from_slice(name))
    } else {
        Err(Reply::error(
            "ERR Client names cannot contain spaces, newlines or special characters.",
        ))
    }
}

fn info(context: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    let line = line(context, context.client);
    Reply::Verbatim(*b"txt", line.into())
}

fn line(context: &Context<'_>, client: &Client) -> String {
    describe(context.keyspace, context.server, context.now, client) + "\n"
}

/// A client as CLIENT LIST and ACL LOG show it. What buffers take is not
/// modelled.
pub(in crate::redis) fn describe(
    keyspace: &Keyspace,
    server: &ServerState,
    now: i64,
    client: &Client,
) -> String {
    let seconds = |since: i64| (now - since).max(0) / 1000;
    let queued = client.transaction.as_ref().map(|t| t.queue.len());
    let commands = queued.or(client.executing);
    let mut flags = String::new();
    let watches = keyspace.watches.is_watching(client.id);
    let tracks = keyspace.tracking.mode(client.id);
    let replicas = &keyspace.propagation.replication.replicas;
    for (letter, applies) in [
        ('O', server.monitors.contains(&client.id)),
        ('S', replicas.contains_key(&client.id)),
        ('P', client.subscribes()),
        ('x', commands.is_some()),
        ('b', client.waits()),
        ('t', tracks.is_some()),
        ('R', tracks.is_some_and(|mode| mode.redirect_is_broken)),
        ('B', tracks.is_some_and(|mode| mode.broadcast)),
        ('d', watches && keyspace.watches.is_dirty(client.id)),
        ('c', client.closing),
        ('e', client.no_evict),
    ] {
        if applies {
            flags.push(letter);
        }
    }
    if flags.is_empty() {
        flags.push('N');
    }
    let multi = commands.map_or(-1, |count| i64::try_from(count).unwrap_or(i64::MAX));
    format!(
        "id={} addr={} laddr={} fd=8 name={} age={} idle={} flags={flags} db={} sub={} psub={} \
         ssub={} multi={multi} qbuf={} qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 \
         omem={} tot-mem=0 events=r cmd={} user={} redir={} resp={}",
        client.id,
        client.address,
        client.local_address,
        String::from_utf8_lossy(&client.name),
        seconds(client.connected_at),
        seconds(client.active_at),
        client.database,
        client.channels.len(),
        client.patterns.len(),
        client.shard_channels.len(),
        client.unread,
        client.output.len(),
        client.last_command.unwrap_or("NULL"),
        String::from_utf8_lossy(client.user.as_deref().unwrap_or(DEFAULT)),
        redirection(tracks),
        client.resp.either(2, 3),
    )
}

/// What CLIENT LIST and CLIENT KILL call the kinds of clients. The link to a
/// primary is none of them.
fn is_of_type(keyspace: &Keyspace, client: &Client, kind: &[u8]) -> Result<bool, Reply> {
    let replicas = &keyspace.propagation.replication.replicas;
    let is_replica = replicas.contains_key(&client.id);
    Ok(if is("normal", kind) {
        !is_replica && !client.subscribes()
    } else if is("pubsub", kind) {
        !is_replica && client.subscribes()
    } else if is("slave", kind) || is("replica", kind) {
        is_replica
    } else if is("master", kind) {
        false
    } else {
        let kind = String::from_utf8_lossy(kind);
        return Err(Reply::error_from(
            format!("ERR Unknown client type '{kind}'").into(),
        ));
    })
}

/// Whether CLIENT LIST shows a client.
type Filter<'a> = Box<dyn Fn(&Client) -> Result<bool, Reply> + 'a>;

fn list(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let context = &*context;
    let wanted: Filter<'_> = match &args[2..] {
        [] => Box::new(|_| Ok(true)),
        [word, kind] if is("type", word) => {
            Box::new(|client| is_of_type(context.keyspace, client, kind))
        }
        [word, ids @ ..] if is("id", word) && !ids.is_empty() => {
            let ids: Option<Vec<i64>> = ids.iter().map(|id| parse_integer(id)).collect();
            let Some(ids) = ids else {
                return Reply::error("ERR Invalid client ID");
            };
            Box::new(move |client| Ok(ids.iter().any(|id| id.unsigned_abs() == client.id)))
        }
        _ => return Reply::SYNTAX,
    };
    let mut clients: Vec<&Client> = context.server.clients.iter().collect();
    clients.push(context.client);
    clients.sort_by_key(|client| client.id);
    let mut text = String::new();
    for client in clients {
        match wanted(client) {
            Ok(true) => text.push_str(&line(context, client)),
            Ok(false) => {}
            Err(error) => return error,
        }
    }
    Reply::Verbatim(*b"txt", text.into())
}

/// Whom CLIENT KILL kills.
#[derive(Default)]
struct Victims<'a> {
    id: Option<u64>,
    address: Option<&'a [u8]>,
    local_address: Option<&'a [u8]>,
    kind: Option<&'a [u8]>,
    user: Option<&'a [u8]>,
    spare_caller: bool,
}

impl Victims<'_> {
    fn include(&self, keyspace: &Keyspace, client: &Client) -> bool {
        let same = |wanted: Option<&[u8]>, has: &str| wanted.is_none_or(|w| w == has.as_bytes());
        self.id.is_none_or(|id| id == client.id)
            && same(self.address, &client.address)
            && same(self.local_address, &client.local_address)
            && self
                .kind
                .is_none_or(|kind| is_of_type(keyspace, client, kind).unwrap_or(false))
            && self
                .user
                .is_none_or(|user| user == client.user.as_deref().unwrap_or(DEFAULT))
    }
}

impl Victims<'_> {
    /// Whether the link to the primary is to go: what CLIENT LIST does not
    /// show here has no id and no user.
    fn include_primary(&self, replication: &Replication) -> bool {
        let address = |primary: &Primary| format!("{}:{}", primary.host, primary.port);
        let address = replication.primary.as_ref().map(address);
        let is = |wanted: &[u8]| address.as_ref().is_some_and(|own| own.as_bytes() == wanted);
        self.id.is_none()
            && self.local_address.is_none()
            && self.user.is_none()
            && self.address.is_none_or(is)
            && self
                .kind
                .is_none_or(|kind| kind.eq_ignore_ascii_case(b"master"))
    }
}

fn kill(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    if let [_, _, address] = args {
        let victims = Victims {
            address: Some(address),
            ..Victims::default()
        };
        return match kill_all(context, &victims) {
            0 => Reply::error("ERR No such client"),
            _ => Reply::OK,
        };
    }
    match victims(&args[2..], context) {
        Ok(victims) => Reply::Integer(kill_all(context, &victims)),
        Err(error) => error,
    }
}

fn victims<'a>(args: &[&'a [u8]], context: &Context<'_>) -> Result<Victims<'a>, Reply> {
    let mut victims = Victims {
        spare_caller: true,
        ..Victims::default()
    };
    let (pairs, rest) = args.as_chunks::<2>();
    for [filter, value] in pairs {
        if is("id", filter) {
            let id = parse_integer(value).filter(|id| *id >= 1);
            let id = id.ok_or(Reply::error("ERR client-id should be greater than 0"))?;
            victims.id = Some(id.unsigned_abs());
        } else if is("addr", filter) {
            victims.address = Some(value);
        } else if is("laddr", filter) {
            victims.local_address = Some(value);
        } else if is("type", filter) {
            is_of_type(context.keyspace, context.client, value)?;
            victims.kind = Some(value);
        } else if is("user", filter) {
            if context.server.acl.user(value).is_none() {
                let user = String::from_utf8_lossy(value);
                return Err(Reply::error_from(
                    format!("ERR No such user '{user}'").into(),
                ));
            }
            victims.user = Some(value);
        } else if is("skipme", filter) {
            victims.spare_caller = match value {
                value if is("yes", value) => true,
                value if is("no", value) => false,
                _ => return Err(Reply::SYNTAX),
            };
        } else {
            return Err(Reply::SYNTAX);
        }
    }
    if !rest.is_empty() {
        return Err(Reply::SYNTAX);
    }
    Ok(victims)
}

fn kill_all(context: &mut Context<'_>, victims: &Victims<'_>) -> i64 {
    let mut killed = 0;
    for client in context.server.clients.iter_mut() {
        if victims.include(context.keyspace, client) {
            client.kill();
            killed += 1;
        }
    }
    if !victims.spare_caller && victims.include(context.keyspace, context.client) {
        context.client.closing = true;
        killed += 1;
    }
    let replication = &mut context.keyspace.propagation.replication;
    if victims.include_primary(replication) && replication.hang_up() {
        killed += 1;
    }
    killed
}

fn no_evict(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    context.client.no_evict = match args[2] {
        word if is("on", word) => true,
        word if is("off", word) => false,
        _ => return Reply::SYNTAX,
    };
    Reply::OK
}

fn reply(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let replies = &mut context.client.replies;
    match args[2] {
        word if is("on", word) => {
            *replies = Replies::On;
            Reply::OK
        }
        word if is("off", word) => {
            *replies = Replies::Off;
            Reply::NONE
        }
        word if is("skip", word) => {
            if *replies != Replies::Off {
                *replies = Replies::SkipNext;
            }
            Reply::NONE
        }
        _ => Reply::SYNTAX,
    }
}

fn pause(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let writes_only = match &args[3..] {
        [] => false,
        [word] if is("all", word) => false,
        [word] if is("write", word) => true,
        [_] => return Reply::error("ERR CLIENT PAUSE mode must be WRITE or ALL"),
        _ => return Reply::unknown_subcommand("CLIENT", args[1]),
    };
    let Some(millis) = parse_integer(args[2]) else {
        return Reply::error("ERR timeout is not an integer or out of range");
    };
    if millis < 0 {
        return Reply::error("ERR timeout is negative");
    }
    // An end that does not fit is in the past, as in Redis.
    let fits = wall_clock_ms().checked_add(millis).is_some();
    let millis = if fits { millis.unsigned_abs() } else { 0 };
    let until = rt::now() + Duration::from_millis(millis);
    let old = context.keyspace.paused();
    context.keyspace.pause = Some(Pause {
        until: old.map_or(until, |old| old.until.max(until)),
        writes_only: writes_only && old.is_none_or(|old| old.writes_only),
    });
    Reply::OK
}

fn unpause(context: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    context.keyspace.pause = None;
    context.server.clients.wake_all();
    Reply::OK
}

fn unblock_client(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let reply = match &args[3..] {
        [] => Reply::NullArray,
        [word] if is("timeout", word) => Reply::NullArray,
        [word] if is("error", word) => {
            Reply::error("UNBLOCKED client unblocked via CLIENT UNBLOCK")
        }
        [_] => {
            return Reply::error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
        }
        _ => return Reply::unknown_subcommand("CLIENT", args[1]),
    };
    let id = match integer_argument(args[2]) {
        Ok(id) => id,
        Err(error) => return error,
    };
    let client = u64::try_from(id).ok();
    let client = client.and_then(|id| context.server.clients.get_mut(id));
    let Some(client) = client else {
        return Reply::Integer(0);
    };
    let blocked = unblock(context.keyspace, client, &reply);
    if blocked && let Some(command) = client.last_command {
        context.server.counts.failed_late(command, &reply);
    }
    Reply::Integer(blocked.into())
}

fn help(_: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::help(
        "CLIENT",
        &[
            "GETNAME / SETNAME <name>",
            "    The name of this connection.",
            "ID",
            "    The number of this connection.",
            "INFO / LIST [options ...]",
            "    What is known of this connection, or of all.",
            "KILL <option>",
            "    End connections.",
            "NO-EVICT (ON|OFF)",
            "    Accepted, and does nothing.",
            "PAUSE <timeout> [WRITE|ALL] / UNPAUSE",
            "    Hold commands back for so many milliseconds.",
            "REPLY (ON|OFF|SKIP)",
            "    Whether this connection gets replies.",
            "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]] [OPTIN] [OPTOUT]",
            "         [NOLOOP]",
            "    Be told which keys have changed that this connection has read.",
            "CACHING (YES|NO)",
            "    Whether what the next command reads counts, with OPTIN or OPTOUT.",
            "TRACKINGINFO / GETREDIR",
            "    What this connection has asked for, and who is told.",
            "UNBLOCK <clientid> [TIMEOUT|ERROR]",
            "    End the wait of a blocked connection.",
        ],
    )
}
