//! CONFIG: settings read and changed while the server runs.

use bytes::Bytes;

use super::{Command, Flags, Handler::Container, Handler::Plain, command};
use crate::redis::config::Refused;
use crate::redis::context::Context;
use crate::redis::glob;
use crate::redis::reply::Reply;

const ANY: Flags = Flags::LOADING.and(Flags::STALE);
const ADMIN: Flags = ANY.and(Flags::ADMIN).and(Flags::NO_SCRIPT);

pub(super) const COMMANDS: &[Command] = &[command!(
    "config",
    "CONFIG",
    -2,
    Flags::NONE,
    (0, 0, 0),
    Container(SUBCOMMANDS)
)];

const SUBCOMMANDS: &[Command] = &[
    command!("config|get", "CONFIG", -3, ADMIN, (0, 0, 0), Plain(get)),
    command!("config|help", "CONFIG", 2, ANY, (0, 0, 0), Plain(help)),
    command!(
        "config|resetstat",
        "CONFIG",
        2,
        ADMIN,
        (0, 0, 0),
        Plain(resetstat)
    ),
    command!(
        "config|rewrite",
        "CONFIG",
        2,
        ADMIN,
        (0, 0, 0),
        Plain(rewrite)
    ),
    command!("config|set", "CONFIG", -4, ADMIN, (0, 0, 0), Plain(set)),
];

fn get(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let patterns: Vec<Vec<u8>> = args[2..]
        .iter()
        .map(|pattern| pattern.to_ascii_lowercase())
        .collect();
    let wanted = context.server.config.all().filter(|(name, _)| {
        let mut patterns = patterns.iter();
        patterns.any(|pattern| glob::matches(pattern, name.as_bytes()))
    });
    Reply::Map(
        wanted
            .map(|(name, value)| {
                let value = Bytes::copy_from_slice(value.as_bytes());
                (Reply::bulk(name), Reply::Bulk(value))
            })
            .collect(),
    )
}

fn set(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let (pairs, rest) = args[2..].as_chunks::<2>();
    if !rest.is_empty() {
        return Reply::SYNTAX;
    }
    let texts: Vec<(String, String)> = pairs
        .iter()
        .map(|pair| {
            let [name, value] = pair.map(|text| String::from_utf8_lossy(text).into_owned());
            (name, value)
        })
        .collect();
    let settings: Vec<(&str, &str)> = texts
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let idle_seconds = context.server.config.idle_seconds;
    match context.server.config.set(&settings) {
        Ok(()) => {
            if context.server.config.idle_seconds != idle_seconds {
                context.server.clients.wake_all();
            }
            context.keyspace.events.selected = context.server.config.events;
            let limit = context.server.config.memory;
            context.keyspace.has_new_limit |=
                limit.bytes > 0 && limit.bytes != context.keyspace.limit.bytes;
            context.keyspace.limit_memory(limit);
            if settings
                .iter()
                .any(|(name, _)| name.eq_ignore_ascii_case("requirepass"))
            {
                context.server.acl.require(&context.server.config.password);
            }
            Reply::OK
        }
        Err(Refused::Unknown(name)) => Reply::error_from(
            format!("ERR Unknown option or number of arguments for CONFIG SET - '{name}'").into(),
        ),
        Err(Refused::Because(name, why)) => Reply::error_from(
            format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {why}").into(),
        ),
    }
}

fn resetstat(context: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    context.server.counts.reset();
    context.keyspace.reset_counts();
    Reply::OK
}

/// Of all settings, the file keeps whom the server follows.
fn rewrite(context: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    let primary = context.keyspace.propagation.replication.primary.as_ref();
    let primary = primary.map(|primary| (primary.host.clone(), primary.port));
    let store = context.keyspace.store.as_ref();
    match store.is_some_and(|store| store.rewrite_config(primary)) {
        true => Reply::OK,
        false => Reply::error("ERR The server is running without a config file"),
    }
}

fn help(_: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::help(
        "CONFIG",
        &[
            "GET <pattern>",
            "    Parameters whose names match, and their values.",
            "SET <directive> <value>",
            "    Change a parameter.",
            "RESETSTAT",
            "    Start the counts of INFO again.",
            "REWRITE",
            "    Keep in the configuration file whom this server follows.",
        ],
    )
}
