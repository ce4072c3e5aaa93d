//! Dumps and the append-only file.
//!
//! A background save is done when its reply goes out, so none is ever under
//! way when the next is asked for; one in a transaction is said to be for
//! later.

use super::{Command, Flags, Handler::Plain, command};
use crate::redis::context::Context;
use crate::redis::reply::Reply;

const ADMIN: Flags = Flags::ADMIN
    .and(Flags::NO_SCRIPT)
    .and(Flags::NO_ASYNC_LOADING);

pub(super) const COMMANDS: &[Command] = &[
    command!(
        "bgrewriteaof",
        "BGREWRITEAOF",
        1,
        ADMIN,
        (0, 0, 0),
        Plain(bgrewriteaof)
    ),
    command!("bgsave", "BGSAVE", -1, ADMIN, (0, 0, 0), Plain(bgsave)),
    command!(
        "lastsave",
        "LASTSAVE",
        1,
        Flags::FAST.and(Flags::LOADING).and(Flags::STALE),
        (0, 0, 0),
        Plain(lastsave)
    ),
    command!(
        "save",
        "SAVE",
        1,
        ADMIN.and(Flags::NO_MULTI),
        (0, 0, 0),
        Plain(save)
    ),
];

fn bgrewriteaof(context: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    context.keyspace.rewrite_log();
    match context.client.deny_blocking {
        true => Reply::status("Background append only file rewriting scheduled"),
        false => Reply::status("Background append only file rewriting started"),
    }
}

fn bgsave(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    match args {
        [_] => {}
        [_, when] if when.eq_ignore_ascii_case(b"SCHEDULE") => {}
        _ => return Reply::SYNTAX,
    }
    context.keyspace.save();
    match context.client.deny_blocking {
        true => Reply::status("Background saving scheduled"),
        false => Reply::status("Background saving started"),
    }
}

fn save(context: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    context.keyspace.save();
    Reply::OK
}

fn lastsave(context: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    let store = context.keyspace.store.as_ref();
    Reply::Integer(store.map_or(0, |store| store.saved_at()))
}
