//! FUNCTION: libraries of scripts that outlive a restart.

use super::args::is;
use super::{Command, Flags, Handler::Container, Handler::Plain, command};
use crate::redis::engine::Context;
use crate::redis::reply::Reply;

pub(super) const COMMANDS: &[Command] = &[command!(
    "function",
    "FUNCTION",
    -2,
    Flags::NONE,
    (0, 0, 0),
    Container(FUNCTION)
)];

const WRITE: Flags = Flags::NO_SCRIPT.and(Flags::WRITE);
const READ: Flags = Flags::NO_SCRIPT;

#[rustfmt::skip]
const FUNCTION: &[Command] = &[
    command!("function|flush", "FUNCTION", -2, WRITE, (0, 0, 0), Plain(flush)),
    command!("function|list", "FUNCTION", -2, READ, (0, 0, 0), Plain(list)),
];

fn flush(_: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    match args {
        [_, _] => Reply::OK,
        [_, _, mode] if is(mode, "SYNC") || is(mode, "ASYNC") => Reply::OK,
        _ => Reply::error("ERR FUNCTION FLUSH only supports SYNC|ASYNC option"),
    }
}

fn list(_: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::Array(Vec::new())
}
