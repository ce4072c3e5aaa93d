//! The life of consumer groups: XGROUP, and XACK.

use bytes::Bytes;

use super::{bound, id, ids, no_group};
use crate::redis::commands::args::{answer, is};
use crate::redis::context::Context;
use crate::redis::events::Class;
use crate::redis::number::integer_argument;
use crate::redis::reply::Reply;
use crate::redis::values::{Edit, Group, Stream, StreamId};
use crate::redis::wall_clock_ms;

const NO_KEY: Reply = Reply::error(
    "ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to \
     use the MKSTREAM option to create an empty stream automatically.",
);

pub(super) fn help(_: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::help(
        "XGROUP",
        &[
            "CREATE <key> <groupname> <id|$> [option]",
            "    Create a new consumer group. Options are:",
            "    * MKSTREAM",
            "      Create the empty stream if it does not exist.",
            "    * ENTRIESREAD entries_read",
            "      Set the group's entries_read counter (internal use).",
            "CREATECONSUMER <key> <groupname> <consumer>",
            "    Create a new consumer in the specified group.",
            "DELCONSUMER <key> <groupname> <consumer>",
            "    Remove the specified consumer.",
            "DESTROY <key> <groupname>",
            "    Remove the specified group.",
            "SETID <key> <groupname> <id|$> [ENTRIESREAD entries_read]",
            "    Set the current group ID and entries_read counter.",
        ],
    )
}

/// What may follow the ID of CREATE and SETID.
#[derive(Debug, Default)]
struct Options {
    makes_stream: bool,
    entries_read: Option<u64>,
}

impl Options {
    fn parse(args: &[&[u8]], creates: bool) -> Result<Options, Reply> {
        let mut options = Options::default();
        let mut rest = &args[5..];
        while let Some((option, after)) = rest.split_first() {
            rest = match after {
                _ if creates && is(option, "MKSTREAM") => {
                    options.makes_stream = true;
                    after
                }
                [value, after @ ..] if is(option, "ENTRIESREAD") => {
                    let read = integer_argument(value)?;
                    if read < -1 {
                        return Err(Reply::error(
                            "ERR value for ENTRIESREAD must be positive or -1",
                        ));
                    }
                    options.entries_read = u64::try_from(read).ok();
                    after
                }
                _ => return Err(Reply::unknown_subcommand("XGROUP", args[1])),
            };
        }
        Ok(options)
    }
}

fn unknown_group(key: &[u8], group: &[u8]) -> Reply {
    no_group(&[
        b"NOGROUP No such consumer group '",
        group,
        b"' for key name '",
        key,
        b"'",
    ])
}

/// Fails unless there is such a group.
fn require(context: &mut Context<'_>, key: &[u8], group: &[u8]) -> Result<(), Reply> {
    let stream = context.read::<Stream>(key)?.ok_or(NO_KEY)?;
    let found = stream.groups.contains_key(group);
    found.then_some(()).ok_or_else(|| unknown_group(key, group))
}

pub(super) fn create(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(create_group(context, args))
}

fn create_group(context: &mut Context<'_>, args: &[&[u8]]) -> Result<Reply, Reply> {
    let options = Options::parse(args, true)?;
    let (key, name) = (args[2], args[3]);
    let top = context.read::<Stream>(key)?.map(|stream| stream.last_id);
    if top.is_none() && !options.makes_stream {
        return Err(NO_KEY);
    }
    let last_id = match args[4] {
        b"$" => top.unwrap_or(StreamId::MIN),
        arg => id(arg)?,
    };
    let group = Group::new(last_id, options.entries_read);
    let made = context.edit(key, |stream: &mut Stream| {
        let new = !stream.groups.contains_key(name);
        if new {
            stream.groups.insert(Bytes::copy_from_slice(name), group);
        }
        Edit::when(top.is_none(), new)
    })?;
    if !made {
        return Err(Reply::error("BUSYGROUP Consumer Group name already exists"));
    }
    context.keyspace.count_change();
    context.notify(Class::STREAM, "xgroup-create", key);
    Ok(Reply::OK)
}

pub(super) fn setid(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(set_group_id(context, args))
}

fn set_group_id(context: &mut Context<'_>, args: &[&[u8]]) -> Result<Reply, Reply> {
    let options = Options::parse(args, false)?;
    let (key, name) = (args[2], args[3]);
    require(context, key, name)?;
    let last_id = match args[4] {
        b"$" => context.read::<Stream>(key)?.map(|stream| stream.last_id),
        arg => Some(bound(arg, 0)?),
    };
    context.edit_group(key, name, |group| {
        group.last_id = last_id.unwrap_or(group.last_id);
        group.entries_read = options.entries_read;
    })?;
    context.keyspace.count_change();
    context.notify(Class::STREAM, "xgroup-setid", key);
    Ok(Reply::OK)
}

pub(super) fn destroy(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(destroy_group(context, args))
}

fn destroy_group(context: &mut Context<'_>, args: &[&[u8]]) -> Result<Reply, Reply> {
    let key = args[2];
    context.read::<Stream>(key)?.ok_or(NO_KEY)?;
    let removed = context.edit(key, |stream: &mut Stream| {
        Edit::unchanged(stream.groups.remove(args[3]).is_some())
    })?;
    if removed {
        context.keyspace.count_change();
        context.notify(Class::STREAM, "xgroup-destroy", key);
        context
            .keyspace
            .blocked
            .signal(context.client.database, key);
    }
    Ok(Reply::Integer(removed.into()))
}

pub(super) fn createconsumer(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(create_consumer(context, args))
}

fn create_consumer(context: &mut Context<'_>, args: &[&[u8]]) -> Result<Reply, Reply> {
    let (key, name) = (args[2], args[3]);
    require(context, key, name)?;
    let now = wall_clock_ms();
    let new = context.edit_group(key, name, |group| group.create(args[4], now))?;
    let new = new.unwrap_or(false);
    if new {
        context.keyspace.count_change();
        context.notify(Class::STREAM, "xgroup-createconsumer", key);
    }
    Ok(Reply::Integer(new.into()))
}

pub(super) fn delconsumer(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(delete_consumer(context, args))
}

fn delete_consumer(context: &mut Context<'_>, args: &[&[u8]]) -> Result<Reply, Reply> {
    let (key, name) = (args[2], args[3]);
    require(context, key, name)?;
    let removed = context.edit_group(key, name, |group| group.remove(args[4]))?;
    let removed = removed.flatten();
    if removed.is_some() {
        context.keyspace.count_change();
        context.notify(Class::STREAM, "xgroup-delconsumer", key);
    }
    Ok(Reply::count(removed.unwrap_or(0)))
}

pub(super) fn xack(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(acknowledge(context, args))
}

fn acknowledge(context: &mut Context<'_>, args: &[&[u8]]) -> Result<Reply, Reply> {
    let (key, group) = (args[1], args[2]);
    if context.group(key, group)?.is_none() {
        return Ok(Reply::Integer(0));
    }
    let ids = ids(&args[3..])?;
    let known = context.edit_group(key, group, |group| {
        let known = ids.iter().filter(|id| group.acknowledge(**id).is_some());
        known.count()
    })?;
    let known = known.unwrap_or(0);
    if known > 0 {
        context.keyspace.count_change();
    }
    Ok(Reply::count(known))
}
