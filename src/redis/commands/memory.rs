//! MEMORY: what a key takes, about.
//!
//! It is what `maxmemory` counts for the key, whose model may differ from the
//! real server's allocator by a third.

use bytes::Bytes;

use super::args::is;
use super::{Command, Flags, Handler::Container, Handler::Plain, command};
use crate::redis::engine::Context;
use crate::redis::number::integer_argument;
use crate::redis::reply::Reply;

const HELP: Flags = Flags::LOADING.and(Flags::STALE);

#[rustfmt::skip]
pub(super) const COMMANDS: &[Command] = &[
    command!("memory", "MEMORY", -2, Flags::NONE, (0, 0, 0), Container(MEMORY)),
];

#[rustfmt::skip]
const MEMORY: &[Command] = &[
    command!("memory|doctor", "MEMORY", 2, Flags::NONE, (0, 0, 0), Plain(doctor)),
    command!("memory|help", "MEMORY", 2, HELP, (0, 0, 0), Plain(help)),
    command!("memory|malloc-stats", "MEMORY", 2, Flags::NONE, (0, 0, 0), Plain(malloc_stats)),
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
    // It looks whether or not the deadline has passed, and counts nothing.
    let entry = context.keyspace.entry(context.client.database, name);
    entry.map_or(Reply::Null, |entry| Reply::count(entry.size(name)))
}

/// It has nothing to say of a server that is as small as a simulated one.
fn doctor(_: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    let text = "Hi Sam, this instance is empty or is using very little memory, my issues detector \
                can't be used in these conditions. Please, leave for your mission on Earth and \
                fill it with some data. The new Sam and I will be back to our programming as soon \
                as I finished rebooting.\n";
    Reply::Verbatim(*b"txt", Bytes::from_static(text.as_bytes()))
}

fn malloc_stats(_: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::bulk("Stats not supported for the current allocator")
}

fn help(_: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::help(
        "MEMORY",
        &[
            "DOCTOR",
            "    Return memory problems reports.",
            "MALLOC-STATS",
            "    Return internal statistics report from the memory allocator.",
            "PURGE",
            "    Attempt to purge dirty pages for reclamation by the allocator.",
            "STATS",
            "    Return information about the memory usage of the server.",
            "USAGE <key> [SAMPLES <count>]",
            "    Return memory in bytes used by <key> and its value. Nested values are",
            "    sampled up to <count> times (default: 5, 0 means sample all).",
        ],
    )
}
