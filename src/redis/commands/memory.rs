//! MEMORY: what a key takes, about, and what all of them do.
//!
//! It is what `maxmemory` counts for the key, whose model may differ from the
//! real server's allocator by a third. Nothing is known of a highest use, of
//! buffers, and of an allocator that takes more than it was asked for.

use bytes::Bytes;

use super::args::is;
use super::{Command, Flags, Handler::Container, Handler::Plain, command};
use crate::redis::context::Context;
use crate::redis::keyspace::DATABASES;
use crate::redis::memory;
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
    command!("memory|stats", "MEMORY", 2, Flags::NONE, (0, 0, 0), Plain(stats)),
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

fn stats(context: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    let keyspace = &context.keyspace;
    let used = keyspace.used_memory();
    let sizes: Vec<(usize, usize)> = (0..DATABASES).map(|n| keyspace.size(n)).collect();
    let keys: usize = sizes.iter().map(|(keys, _)| keys).sum();
    let deadlines: usize = sizes.iter().map(|(_, deadlines)| deadlines).sum();
    let overhead = memory::SERVER + (keys + deadlines) * memory::ENTRY;
    let (data, dataset) = (used - memory::SERVER, used.saturating_sub(overhead));
    let percentage = match data {
        0 => 0.0,
        data => 100.0 * dataset as f64 / data as f64,
    };
    let bytes = |name, bytes| (Reply::bulk(name), Reply::count(bytes));
    let ratio = |name, ratio| (Reply::bulk(name), Reply::Double(ratio));
    let mut stats = vec![
        bytes("peak.allocated", used),
        bytes("total.allocated", used),
        bytes("startup.allocated", memory::SERVER),
        bytes("replication.backlog", 0),
        bytes("clients.slaves", 0),
        bytes("clients.normal", 0),
        bytes("cluster.links", 0),
        bytes("aof.buffer", 0),
        bytes("lua.caches", 0),
        bytes("functions.caches", 0),
    ];
    for (database, (keys, deadlines)) in sizes.into_iter().enumerate() {
        if keys > 0 {
            let tables = vec![
                bytes("overhead.hashtable.main", keys * memory::ENTRY),
                bytes("overhead.hashtable.expires", deadlines * memory::ENTRY),
                bytes("overhead.hashtable.slot-to-keys", 0),
            ];
            let name = Reply::Bulk(format!("db.{database}").into());
            stats.push((name, Reply::Map(tables)));
        }
    }
    stats.extend([
        bytes("overhead.total", overhead),
        bytes("keys.count", keys),
        bytes("keys.bytes-per-key", data.checked_div(keys).unwrap_or(0)),
        bytes("dataset.bytes", dataset),
        ratio("dataset.percentage", percentage),
        ratio("peak.percentage", 100.0),
        bytes("allocator.allocated", used),
        bytes("allocator.active", used),
        bytes("allocator.resident", used),
        ratio("allocator-fragmentation.ratio", 1.0),
        bytes("allocator-fragmentation.bytes", 0),
        ratio("allocator-rss.ratio", 1.0),
        bytes("allocator-rss.bytes", 0),
        ratio("rss-overhead.ratio", 1.0),
        bytes("rss-overhead.bytes", 0),
        ratio("fragmentation", 1.0),
        bytes("fragmentation.bytes", 0),
    ]);
    Reply::Map(stats)
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
