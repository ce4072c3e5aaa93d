//! Commands about the connection itself.

use bytes::Bytes;

use super::{Command, Flags, Handler::Container, Handler::Plain, command};
use crate::redis::VERSION;
use crate::redis::engine::Context;
use crate::redis::keyspace::DATABASES;
use crate::redis::number::parse_integer;
use crate::redis::reply::{Reply, Resp};

const ANY: Flags = Flags::FAST;
const NO_SCRIPT: Flags = Flags::NO_SCRIPT;
const FAST_NO_SCRIPT: Flags = Flags::NO_SCRIPT.and(Flags::FAST);

pub(super) const COMMANDS: &[Command] = &[
    command!("auth", "AUTH", -2, FAST_NO_SCRIPT, (0, 0, 0), Plain(auth)),
    command!(
        "client",
        "CLIENT",
        -2,
        Flags::NONE,
        (0, 0, 0),
        Container(CLIENT)
    ),
    command!("echo", "ECHO", 2, ANY, (0, 0, 0), Plain(echo)),
    command!(
        "hello",
        "HELLO",
        -1,
        FAST_NO_SCRIPT,
        (0, 0, 0),
        Plain(hello)
    ),
    command!("ping", "PING", -1, ANY, (0, 0, 0), Plain(ping)),
    command!("quit", "QUIT", -1, FAST_NO_SCRIPT, (0, 0, 0), Plain(quit)),
    command!("reset", "RESET", 1, FAST_NO_SCRIPT, (0, 0, 0), Plain(reset)),
    command!("select", "SELECT", 2, ANY, (0, 0, 0), Plain(select)),
];

const CLIENT: &[Command] = &[
    command!(
        "client|getname",
        "CLIENT",
        2,
        NO_SCRIPT,
        (0, 0, 0),
        Plain(client_getname)
    ),
    command!(
        "client|id",
        "CLIENT",
        2,
        NO_SCRIPT,
        (0, 0, 0),
        Plain(client_id)
    ),
    command!(
        "client|setname",
        "CLIENT",
        3,
        NO_SCRIPT,
        (0, 0, 0),
        Plain(client_setname)
    ),
];

fn ping(_: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    match args {
        [_] => Reply::status("PONG"),
        [_, message] => Reply::Bulk(Bytes::copy_from_slice(message)),
        _ => Reply::wrong_arity("ping"),
    }
}

fn echo(_: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    Reply::Bulk(Bytes::copy_from_slice(args[1]))
}

fn quit(context: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    context.client.closing = true;
    Reply::OK
}

fn reset(context: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    *context.client = crate::redis::client::Client {
        id: context.client.id,
        ..Default::default()
    };
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

/// Nobody needs a password here: the default user takes any.
fn auth(_: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    match args {
        [_, _] => Reply::error(
            "ERR AUTH <password> called without any password configured for the default user. \
             Are you sure your configuration is correct?",
        ),
        [_, user, _] => match authenticate(user) {
            Ok(()) => Reply::OK,
            Err(error) => error,
        },
        _ => Reply::SYNTAX,
    }
}

fn authenticate(user: &[u8]) -> Result<(), Reply> {
    if user == b"default" {
        Ok(())
    } else {
        Err(Reply::error(
            "WRONGPASS invalid username-password pair or user is disabled.",
        ))
    }
}

fn hello(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    match negotiate(context, &args[1..]) {
        Ok(()) => server_description(context),
        Err(error) => error,
    }
}

/// What HELLO asks for, all of it or nothing.
fn negotiate(context: &mut Context<'_>, args: &[&[u8]]) -> Result<(), Reply> {
    let Some((version, mut options)) = args.split_first() else {
        return Ok(());
    };
    let resp = match parse_integer(version) {
        Some(2) => Resp::V2,
        Some(3) => Resp::V3,
        Some(_) => return Err(Reply::error("NOPROTO unsupported protocol version")),
        None => {
            return Err(Reply::error(
                "ERR Protocol version is not an integer or out of range",
            ));
        }
    };
    let mut name = None;
    loop {
        options = match options {
            [] => break,
            [word, user, _, rest @ ..] if word.eq_ignore_ascii_case(b"AUTH") => {
                authenticate(user)?;
                rest
            }
            [word, new, rest @ ..] if word.eq_ignore_ascii_case(b"SETNAME") => {
                name = Some(client_name(new)?);
                rest
            }
            [word, ..] => {
                return Err(Reply::error_from(
                    [b"ERR Syntax error in HELLO option '", *word, b"'"].concat(),
                ));
            }
        };
    }
    if let Some(name) = name {
        context.client.name = name;
    }
    context.client.resp = resp;
    Ok(())
}

fn server_description(context: &Context<'_>) -> Reply {
    let proto = match context.client.resp {
        Resp::V2 => 2,
        Resp::V3 => 3,
    };
    let id = i64::try_from(context.client.id).unwrap_or(i64::MAX);
    let fields = [
        ("server", Reply::bulk("redis")),
        ("version", Reply::bulk(VERSION)),
        ("proto", Reply::Integer(proto)),
        ("id", Reply::Integer(id)),
        ("mode", Reply::bulk("standalone")),
        ("role", Reply::bulk("master")),
        ("modules", Reply::Array(Vec::new())),
    ];
    let fields = fields
        .into_iter()
        .map(|(name, value)| (Reply::bulk(name), value));
    Reply::Map(fields.collect())
}

fn client_id(context: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::Integer(i64::try_from(context.client.id).unwrap_or(i64::MAX))
}

fn client_getname(context: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    if context.client.name.is_empty() {
        Reply::Null
    } else {
        Reply::Bulk(context.client.name.clone())
    }
}

fn client_setname(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    match client_name(args[2]) {
        Ok(name) => {
            context.client.name = name;
            Reply::OK
        }
        Err(error) => error,
    }
}

fn client_name(name: &[u8]) -> Result<Bytes, Reply> {
    if name.iter().all(u8::is_ascii_graphic) {
        Ok(Bytes::copy_from_slice(name))
    } else {
        Err(Reply::error(
            "ERR Client names cannot contain spaces, newlines or special characters.",
        ))
    }
}
