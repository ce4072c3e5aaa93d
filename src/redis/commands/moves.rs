//! Keys under other names and in other databases.

use super::args::{answer, is};
use super::{Command, Flags, Handler::Plain, command};
use crate::redis::context::Context;
use crate::redis::events::Class;
use crate::redis::keyspace::{DATABASES, Deadline, Entry};
use crate::redis::number::{integer_argument, parse_integer};
use crate::redis::reply::Reply;

const WRITE: Flags = Flags::WRITE;
const FAST_WRITE: Flags = Flags::WRITE.and(Flags::FAST);
const GROWING: Flags = Flags::WRITE.and(Flags::DENY_OOM);

#[rustfmt::skip]
pub(super) const COMMANDS: &[Command] = &[
    command!("copy", "COPY", -3, GROWING.and(Flags::READS), (1, 2, 1), Plain(copy)),
    command!("move", "MOVE", 3, FAST_WRITE, (1, 1, 1), Plain(move_key)),
    command!("rename", "RENAME", 3, WRITE, (1, 2, 1), Plain(rename)),
    command!("renamenx", "RENAMENX", 3, FAST_WRITE, (1, 2, 1), Plain(renamenx)),
    command!("swapdb", "SWAPDB", 3, FAST_WRITE, (0, 0, 0), Plain(swapdb)),
];

const SAME_OBJECT: Reply = Reply::error("ERR source and destination objects are the same");
const NO_SUCH_DATABASE: Reply = Reply::error("ERR DB index is out of range");

fn rename(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(rename_key(context, args, false).map(|_| Reply::OK))
}

fn renamenx(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(rename_key(context, args, true).map(|renamed| Reply::Integer(renamed.into())))
}

fn rename_key(context: &mut Context<'_>, args: &[&[u8]], only_new: bool) -> Result<bool, Reply> {
    let (from, to) = (args[1], args[2]);
    if context.lookup(from).is_none() {
        return Err(Reply::NO_SUCH_KEY);
    }
    if from == to || (only_new && context.lookup(to).is_some()) {
        return Ok(false);
    }
    context.delete(to);
    let database = context.client.database;
    if let Some(entry) = context.keyspace.delete(database, from) {
        put(context, database, to, entry);
    }
    context.notify(Class::GENERIC, "rename_from", from);
    context.notify(Class::GENERIC, "rename_to", to);
    Ok(true)
}

fn put(context: &mut Context<'_>, database: usize, key: &[u8], entry: Entry) {
    let deadline = entry.expires_at.map_or(Deadline::Clear, Deadline::At);
    context.keyspace.set(database, key, entry.value, deadline);
}

/// A database's number, which has to fit C's `int`.
fn index(arg: &[u8]) -> Result<usize, Reply> {
    let index = i32::try_from(integer_argument(arg)?).map_err(|_| {
        Reply::error("ERR value is out of range, value must between -2147483648 and 2147483647")
    })?;
    in_range(index)
}

fn in_range(index: i32) -> Result<usize, Reply> {
    usize::try_from(index)
        .ok()
        .filter(|index| *index < DATABASES)
        .ok_or(NO_SUCH_DATABASE)
}

fn move_key(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(index(args[2]).and_then(|to| {
        let (key, from) = (args[1], context.client.database);
        if from == to {
            return Err(SAME_OBJECT);
        }
        let now = context.now;
        let there = context.keyspace.lookup(from, key, now).is_some()
            && context.keyspace.lookup(to, key, now).is_none();
        if !there {
            return Ok(Reply::Integer(0));
        }
        if let Some(entry) = context.keyspace.delete(from, key) {
            put(context, to, key, entry);
        }
        let events = &mut context.keyspace.events;
        events.note(Class::GENERIC, "move_from", from, key);
        events.note(Class::GENERIC, "move_to", to, key);
        Ok(Reply::Integer(1))
    }))
}

fn copy(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(copy_key(context, args).map(|copied| Reply::Integer(copied.into())))
}

fn copy_key(context: &mut Context<'_>, args: &[&[u8]]) -> Result<bool, Reply> {
    let (source, destination, mut options) = (args[1], args[2], &args[3..]);
    let from = context.client.database;
    let (mut to, mut replaces) = (from, false);
    while let Some((option, rest)) = options.split_first() {
        options = match rest {
            _ if is(option, "REPLACE") => {
                replaces = true;
                rest
            }
            [database, rest @ ..] if is(option, "DB") => {
                to = index(database)?;
                rest
            }
            _ => return Err(Reply::SYNTAX),
        };
    }
    if from == to && source == destination {
        return Err(SAME_OBJECT);
    }
    let Some(entry) = context.lookup(source).cloned() else {
        return Ok(false);
    };
    let now = context.now;
    let there = context.keyspace.lookup_to_write(to, destination, now);
    if there.is_some() {
        if !replaces {
            return Ok(false);
        }
        context.keyspace.delete(to, destination);
    }
    put(context, to, destination, entry);
    let events = &mut context.keyspace.events;
    events.note(Class::GENERIC, "copy_to", to, destination);
    Ok(true)
}

fn swapdb(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let database = |arg: &[u8], error| {
        let index = parse_integer(arg).and_then(|index| i32::try_from(index).ok());
        index.ok_or(Reply::error(error))
    };
    answer(
        database(args[1], "ERR invalid first DB index").and_then(|first| {
            let second = database(args[2], "ERR invalid second DB index")?;
            context.keyspace.swap(in_range(first)?, in_range(second)?);
            // Others are told even if it was one with itself.
            context.propagate_as(args);
            Ok(Reply::OK)
        }),
    )
}
