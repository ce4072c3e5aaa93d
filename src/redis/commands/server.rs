//! Commands about the server as a whole.

use super::args::is;
use super::catalogue::Facts;
use super::key_arguments::getkeys;
use super::{
    Command, Flags, Handler::Container, Handler::Plain, all, by_full_name, command, every, facts,
    find,
};
use crate::redis::VERSION;
use crate::redis::context::Context;
use crate::redis::glob;
use crate::redis::number::integer_argument;
use crate::redis::reply::Reply;
use crate::rt;

const READ: Flags = Flags::READONLY.and(Flags::FAST);

const ANY: Flags = Flags::LOADING.and(Flags::STALE);

#[rustfmt::skip]
pub(super) const COMMANDS: &[Command] = &[
    command!("command", "COMMAND", -1, ANY, (0, 0, 0), Container(COMMAND)),
    command!("dbsize", "DBSIZE", 1, READ, (0, 0, 0), Plain(dbsize)),
    command!("flushall", "FLUSHALL", -1, Flags::WRITE, (0, 0, 0), Plain(flushall)),
    command!("flushdb", "FLUSHDB", -1, Flags::WRITE, (0, 0, 0), Plain(flushdb)),
    command!("lolwut", "LOLWUT", -1, READ, (0, 0, 0), Plain(lolwut)),
    command!("time", "TIME", 1, ANY.and(Flags::FAST), (0, 0, 0), Plain(time)),
];

#[rustfmt::skip]
const COMMAND: &[Command] = &[
    command!("command", "COMMAND", 1, ANY, (0, 0, 0), Plain(every_command)),
    command!("command|count", "COMMAND", 2, ANY, (0, 0, 0), Plain(command_count)),
    command!("command|docs", "COMMAND", -2, ANY, (0, 0, 0), Plain(command_docs)),
    command!("command|getkeys", "COMMAND", -4, ANY, (0, 0, 0), Plain(getkeys)),
    command!("command|getkeysandflags", "COMMAND", -4, ANY, (0, 0, 0), Plain(keys_and_flags)),
    command!("command|help", "COMMAND", 2, ANY, (0, 0, 0), Plain(command_help)),
    command!("command|info", "COMMAND", -2, ANY, (0, 0, 0), Plain(command_info)),
    command!("command|list", "COMMAND", -2, ANY, (0, 0, 0), Plain(command_list)),
];

/// The server's version. What versions 5 and 6 drew is not drawn.
fn lolwut(_: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    if let [_, word, version, ..] = args
        && is(word, "VERSION")
        && let Err(error) = integer_argument(version)
    {
        return error;
    }
    Reply::Verbatim(*b"txt", format!("Redis ver. {VERSION}\n").into())
}

fn dbsize(context: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    context.keyspace.expire_due(context.now);
    Reply::count(context.keyspace.size(context.client.database).0)
}

fn flushall(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    flush(context, args, |context| context.keyspace.flush_all())
}

fn flushdb(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let database = context.client.database;
    flush(context, args, |context| context.keyspace.flush(database))
}

/// Replicas are told even where there was nothing: they may have something.
fn flush(
    context: &mut Context<'_>,
    args: &[&[u8]],
    remove: impl FnOnce(&mut Context<'_>),
) -> Reply {
    let is = |word: &[u8], arg: &[u8]| arg.eq_ignore_ascii_case(word);
    match args {
        [_] => {}
        [_, mode] if is(b"SYNC", mode) || is(b"ASYNC", mode) => {}
        _ => return Reply::SYNTAX,
    }
    remove(context);
    context.propagate_as(args);
    Reply::OK
}

fn time(_: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    let now = rt::unix_time();
    let parts = [now.as_secs(), u64::from(now.subsec_micros())];
    Reply::Array(
        parts
            .map(|part| Reply::Bulk(part.to_string().into()))
            .into(),
    )
}

fn every_command(_: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::Array(all().map(describe).collect())
}

fn command_count(_: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::count(all().count())
}

/// Documentation is left to redis.io.
fn command_docs(_: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::Map(Vec::new())
}

fn command_info(_: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    Reply::Array(match &args[2..] {
        [] => all().map(describe).collect(),
        names => names
            .iter()
            .map(|name| by_full_name(name).map_or(Reply::Null, describe))
            .collect(),
    })
}

/// The names, or those that fit a pattern or belong to a category. Nobody
/// loads modules.
fn command_list(_: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let pattern = match &args[2..] {
        [] => &b"*"[..],
        [by, what, pattern] if is(by, "FILTERBY") && is(what, "PATTERN") => *pattern,
        [by, what, category] if is(by, "FILTERBY") && is(what, "ACLCAT") => {
            let of_category = every().filter(|command| command.is_in(category));
            let names = of_category.map(|command| command.name);
            return Reply::Array(names.map(Reply::bulk).collect());
        }
        [by, what, _] if is(by, "FILTERBY") && is(what, "MODULE") => {
            return Reply::Array(Vec::new());
        }
        _ => return Reply::SYNTAX,
    };
    let names = every().map(|command| command.name);
    let names = names.filter(|name| glob::matches(pattern, name.as_bytes()));
    Reply::Array(names.map(Reply::bulk).collect())
}

fn describe(command: &Command) -> Reply {
    let (first, last, step) = command.keys;
    let flags = command.flags.names().map(Reply::status).collect();
    let unknown = Facts::default();
    let [categories, tips, keys] = facts(command.name).unwrap_or(&unknown).describe();
    let subcommands = command.subcommands().map(describe);
    Reply::Array(vec![
        Reply::bulk(command.name),
        Reply::Integer(command.arity),
        Reply::Set(flags),
        Reply::Integer(first),
        Reply::Integer(last),
        Reply::Integer(step),
        categories,
        tips,
        keys,
        Reply::Array(subcommands.collect()),
    ])
}

fn keys_and_flags(_: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let called = &args[2..];
    let Some(command) = find(called) else {
        return Reply::error("ERR Invalid command specified");
    };
    let Some(facts) = facts(command.name).filter(|facts| facts.has_keys()) else {
        return Reply::error("ERR The command has no key arguments");
    };
    if !command.accepts(called.len()) {
        return Reply::error("ERR Invalid number of arguments specified for command");
    }
    let keys = facts.describe_keys(called);
    if keys.is_empty() && !command.flags.has(Flags::NO_MANDATORY_KEYS) {
        return Reply::error("ERR Invalid arguments specified for command");
    }
    Reply::Array(keys)
}

fn command_help(_: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::help(
        "COMMAND",
        &[
            "(no subcommand)",
            "    Return details about all Redis commands.",
            "COUNT",
            "    Return the total number of commands in this Redis server.",
            "LIST",
            "    Return a list of all commands in this Redis server.",
            "INFO [<command-name> ...]",
            "    Return details about multiple Redis commands.",
            "    If no command names are given, documentation details for all",
            "    commands are returned.",
            "DOCS [<command-name> ...]",
            "    Return documentation details about multiple Redis commands.",
            "    If no command names are given, documentation details for all",
            "    commands are returned.",
            "GETKEYS <full-command>",
            "    Return the keys from a full Redis command.",
            "GETKEYSANDFLAGS <full-command>",
            "    Return the keys and the access flags from a full Redis command.",
        ],
    )
}
