//! MEMORY: what a key takes, about.
//!
//! It is what `maxmemory` counts for the key, whose model may differ from the
//! real server's allocator by a third.

use super::args::is;
use super::{Command, Flags, Handler::Container, Handler::Plain, command};
use crate::redis::engine::Context;
use crate::redis::number::integer_argument;
use crate::redis::reply::Reply;

#[rustfmt::skip]
pub(super) const COMMANDS: &[Command] = &[
    command!("memory", "MEMORY", -2, Flags::NONE, (0, 0, 0), Container(MEMORY)),
];

#[rustfmt::skip]
const MEMORY: &[Command] = &[
    command!("memory|purge", "MEMORY", 2, Flags::NONE, (0, 0, 0), Plain(purge)),
    command!("memory|usage", "MEMORY", -3, Flags::READONLY, (2, 2, 1), Plain(usage)),
];

/// There is nothing to give back.
fn purge(_: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::OK
}

fn usage(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    match &args[3..] {
        [] => {}
        [option, samples] if is(option, "SAMPLES") => match integer_argument(samples) {
            Ok(0..) => {}
            Ok(_) => return Reply::SYNTAX,
            Err(error) => return error,
        },
        _ => return Reply::SYNTAX,
    }
    let name = args[2];
    let entry = context.lookup(name);
    entry.map_or(Reply::Null, |entry| Reply::count(entry.size(name)))
}
