//! SLOWLOG and LATENCY, which have nothing to tell: commands take no time of
//! the clock that they would be measured by.

use super::args::answer;
use super::{Command, Flags, Handler::Container, Handler::Plain, command};
use crate::redis::engine::Context;
use crate::redis::number::parse_integer;
use crate::redis::reply::Reply;

const ADMIN: Flags = Flags::ADMIN.and(Flags::LOADING).and(Flags::STALE);
const NO_SCRIPT: Flags = ADMIN.and(Flags::NO_SCRIPT);

#[rustfmt::skip]
pub(super) const COMMANDS: &[Command] = &[
    command!("latency", "LATENCY", -2, Flags::NONE, (0, 0, 0), Container(LATENCY)),
    command!("slowlog", "SLOWLOG", -2, Flags::NONE, (0, 0, 0), Container(SLOWLOG)),
];

#[rustfmt::skip]
const LATENCY: &[Command] = &[
    command!("latency|history", "LATENCY", 3, NO_SCRIPT, (0, 0, 0), Plain(nothing)),
    command!("latency|latest", "LATENCY", 2, NO_SCRIPT, (0, 0, 0), Plain(nothing)),
    command!("latency|reset", "LATENCY", -2, NO_SCRIPT, (0, 0, 0), Plain(zero)),
];

#[rustfmt::skip]
const SLOWLOG: &[Command] = &[
    command!("slowlog|get", "SLOWLOG", -2, ADMIN, (0, 0, 0), Plain(slowlog_get)),
    command!("slowlog|len", "SLOWLOG", 2, ADMIN, (0, 0, 0), Plain(zero)),
    command!("slowlog|reset", "SLOWLOG", 2, ADMIN, (0, 0, 0), Plain(slowlog_reset)),
];

fn nothing(_: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::Array(Vec::new())
}

fn zero(_: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::Integer(0)
}

fn slowlog_get(_: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    const ENTRIES: &str = "ERR count should be greater than or equal to -1";
    answer(match &args[2..] {
        [] => Ok(Reply::Array(Vec::new())),
        [most] => match parse_integer(most) {
            Some(-1..) => Ok(Reply::Array(Vec::new())),
            _ => Err(Reply::error(ENTRIES)),
        },
        _ => Err(Reply::unknown_subcommand("SLOWLOG", args[1])),
    })
}

fn slowlog_reset(_: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::OK
}
