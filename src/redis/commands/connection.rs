//! Commands about the connection itself.

use bytes::Bytes;

use super::client::client_name;
use super::{Command, Flags, Handler::Plain, command};
use crate::redis::VERSION;
use crate::redis::acl::{Called, DEFAULT};
use crate::redis::client::Replies;
use crate::redis::context::Context;
use crate::redis::keyspace::DATABASES;
use crate::redis::number::parse_integer;
use crate::redis::reply::{Reply, Resp};

const ANY: Flags = Flags::FAST.and(Flags::LOADING).and(Flags::STALE);
const GREETING: Flags = ANY
    .and(Flags::NO_SCRIPT)
    .and(Flags::NO_AUTH)
    .and(Flags::ALLOW_BUSY);
const LEAVING: Flags = GREETING
    .and(Flags::WHILE_SUBSCRIBED)
    .and(Flags::ENDS_TRANSACTION);

pub(super) const COMMANDS: &[Command] = &[
    command!("auth", "AUTH", -2, GREETING, (0, 0, 0), Plain(auth)),
    command!("echo", "ECHO", 2, ANY, (0, 0, 0), Plain(echo)),
    command!("hello", "HELLO", -1, GREETING, (0, 0, 0), Plain(hello)),
    command!(
        "ping",
        "PING",
        -1,
        Flags::FAST.and(Flags::WHILE_SUBSCRIBED),
        (0, 0, 0),
        Plain(ping)
    ),
    command!("quit", "QUIT", -1, LEAVING, (0, 0, 0), Plain(quit)),
    command!("reset", "RESET", 1, LEAVING, (0, 0, 0), Plain(reset)),
    command!("select", "SELECT", 2, ANY, (0, 0, 0), Plain(select)),
];

/// A RESP2 client that subscribed can be told only messages.
fn ping(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let message = match args {
        [_] => None,
        [_, message] => Some(Bytes::copy_from_slice(message)),
        _ => return Reply::wrong_arity("ping"),
    };
    let client = &context.client;
    if client.resp == Resp::V2 && client.subscribes() {
        let message = Reply::Bulk(message.unwrap_or_default());
        return Reply::Array(vec![Reply::bulk("pong"), message]);
    }
    message.map_or(Reply::status("PONG"), Reply::Bulk)
}

fn echo(_: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    Reply::Bulk(Bytes::copy_from_slice(args[1]))
}

fn quit(context: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    context.client.closing = true;
    Reply::OK
}

/// Makes the connection as it was when it came.
fn reset(context: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    context.leave_transaction();
    let Context {
        keyspace,
        server,
        client,
        ..
    } = context;
    server.pubsub.forget(client);
    server.monitors.shift_remove(&client.id);
    keyspace.tracking.disable(client.id);
    client.authenticated = server.acl.is_open();
    client.user = None;
    client.database = 0;
    client.name = Bytes::new();
    client.no_evict = false;
    client.replies = Replies::On;
    client.resp = Resp::V2;
    Reply::status("RESET")
}

fn select(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let Some(index) = parse_integer(args[1]) else {
        return Reply::NOT_AN_INTEGER;
    };
    if i32::try_from(index).is_err() {
        return Reply::error(
            "ERR value is out of range, value must between -2147483648 and 2147483647",
        );
    }
    match usize::try_from(index) {
        Ok(index) if index < DATABASES => {
            context.client.database = index;
            Reply::OK
        }
        _ => Reply::error("ERR DB index is out of range"),
    }
}

fn auth(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let result = match args {
        [_, _] if context.server.acl.needs_no_password() => Err(Reply::error(
            "ERR AUTH <password> called without any password configured for the default user. \
             Are you sure your configuration is correct?",
        )),
        [name, password] => log_in(context, name, DEFAULT, password),
        [name, user, password] => log_in(context, name, user, password),
        _ => Err(Reply::SYNTAX),
    };
    result.map_or_else(|error| error, |()| Reply::OK)
}

/// Makes the client that user, for a command that was called by that name.
fn log_in(
    context: &mut Context<'_>,
    called_as: &[u8],
    user: &[u8],
    password: &[u8],
) -> Result<(), Reply> {
    if !context.server.acl.lets_in(user, password) {
        let Context {
            keyspace,
            server,
            client,
            ..
        } = context;
        let called = match client.deny_blocking {
            true => Called::InTransaction,
            false => Called::Directly,
        };
        server.note_denial(keyspace, client, user, "auth", called_as, called);
        return Err(Reply::error(
            "WRONGPASS invalid username-password pair or user is disabled.",
        ));
    }
    context.client.authenticated = true;
    context.client.user = (user != DEFAULT).then(|| Bytes::copy_from_slice(user));
    Ok(())
}

fn hello(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    match greet(context, args[0], &args[1..]) {
        Ok(()) => server_description(context),
        Err(error) => error,
    }
}

fn greet(context: &mut Context<'_>, called_as: &[u8], args: &[&[u8]]) -> Result<(), Reply> {
    let resp = match args.first() {
        None => None,
        Some(version) => {
            let version = parse_integer(version).ok_or(Reply::error(
                "ERR Protocol version is not an integer or out of range",
            ))?;
            Some(match version {
                2 => Resp::V2,
                3 => Resp::V3,
                _ => return Err(Reply::error("NOPROTO unsupported protocol version")),
            })
        }
    };
    let mut rest = args.get(1..).unwrap_or_default();
    let mut name = None;
    while let Some((option, values)) = rest.split_first() {
        rest = match values {
            [user, password, rest @ ..] if option.eq_ignore_ascii_case(b"AUTH") => {
                log_in(context, called_as, user, password)?;
                rest
            }
            [wanted, rest @ ..] if option.eq_ignore_ascii_case(b"SETNAME") => {
                name = Some(client_name(wanted)?);
                rest
            }
            _ => {
                let text = [b"ERR Syntax error in HELLO option '", *option, b"'"];
                return Err(Reply::error_from(text.concat()));
            }
        };
    }
    if !context.client.authenticated {
        return Err(Reply::error(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the \
             HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and \
             select the RESP protocol version at the same time",
        ));
    }
    if let Some(name) = name {
        context.client.name = name;
    }
    if let Some(resp) = resp {
        context.client.resp = resp;
    }
    Ok(())
}

fn server_description(context: &Context<'_>) -> Reply {
    let id = i64::try_from(context.client.id).unwrap_or(i64::MAX);
    let follows = &context.keyspace.propagation.replication.primary;
    let role = if follows.is_some() {
        "replica"
    } else {
        "master"
    };
    let fields = [
        ("server", Reply::bulk("redis")),
        ("version", Reply::bulk(VERSION)),
        ("proto", Reply::Integer(context.client.resp.either(2, 3))),
        ("id", Reply::Integer(id)),
        ("mode", Reply::bulk("standalone")),
        ("role", Reply::bulk(role)),
        ("modules", Reply::Array(Vec::new())),
    ];
    let fields = fields
        .into_iter()
        .map(|(name, value)| (Reply::bulk(name), value));
    Reply::Map(fields.collect())
}
