//! XINFO: what there is to know of streams, groups and consumers.

use super::{described, entry_reply, id_reply, name_reply, no_group, number};
use crate::redis::commands::args::{answer, is};
use crate::redis::context::Context;
use crate::redis::number::integer_argument;
use crate::redis::reply::Reply;
use crate::redis::values::{Consumer, Group, Pending, Stream, StreamId};
use crate::redis::wall_clock_ms;

/// How many entries FULL shows without COUNT.
const SHOWN: usize = 10;

pub(super) fn help(_: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::help(
        "XINFO",
        &[
            "CONSUMERS <key> <groupname>",
            "    Show consumers of <groupname>.",
            "GROUPS <key>",
            "    Show the stream consumer groups.",
            "STREAM <key> [FULL [COUNT <count>]",
            "    Show information about the stream.",
        ],
    )
}

fn existing<'a>(context: &'a mut Context<'_>, key: &[u8]) -> Result<&'a Stream, Reply> {
    context.read::<Stream>(key)?.ok_or(Reply::NO_SUCH_KEY)
}

pub(super) fn consumers(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(existing(context, args[2]).and_then(|stream| {
        let group = stream.groups.get(args[3]).ok_or_else(|| {
            no_group(&[
                b"NOGROUP No such consumer group '",
                args[3],
                b"' for key name '",
                args[2],
                b"'",
            ])
        })?;
        let now = wall_clock_ms();
        let consumers = group.consumers().iter().map(|(name, consumer)| {
            described(vec![
                ("name", name_reply(name)),
                ("pending", Reply::count(consumer.pending.len())),
                ("idle", Reply::Integer((now - consumer.seen_at).max(0))),
            ])
        });
        Ok(Reply::Array(consumers.collect()))
    }))
}

pub(super) fn groups(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(existing(context, args[2]).map(|stream| {
        let groups = stream.groups.iter().map(|(name, group)| {
            described(vec![
                ("name", name_reply(name)),
                ("consumers", Reply::count(group.consumers().len())),
                ("pending", Reply::count(group.pending().len())),
                ("last-delivered-id", id_reply(group.last_id)),
                (
                    "entries-read",
                    group.entries_read.map_or(Reply::Null, number),
                ),
                ("lag", lag(stream, group)),
            ])
        });
        Reply::Array(groups.collect())
    }))
}

fn lag(stream: &Stream, group: &Group) -> Reply {
    stream.lag(group).map_or(Reply::Null, Reply::Integer)
}

pub(super) fn stream(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(describe(context, args))
}

fn describe(context: &mut Context<'_>, args: &[&[u8]]) -> Result<Reply, Reply> {
    let stream = existing(context, args[2])?;
    let wrong = || Reply::unknown_subcommand("XINFO", args[1]);
    let shown = match &args[3..] {
        [] => None,
        [full] if is(full, "FULL") => Some(SHOWN),
        [full, option, most] if is(full, "FULL") && is(option, "COUNT") => {
            Some(usize::try_from(integer_argument(most)?).unwrap_or(SHOWN))
        }
        _ => return Err(wrong()),
    };
    let mut fields = vec![
        ("length", Reply::count(stream.length)),
        ("radix-tree-keys", Reply::count(stream.nodes.len())),
        ("radix-tree-nodes", Reply::count(radix_nodes(stream))),
        ("last-generated-id", id_reply(stream.last_id)),
        ("max-deleted-entry-id", id_reply(stream.max_deleted_id)),
        ("entries-added", number(stream.entries_added)),
        ("recorded-first-entry-id", id_reply(stream.first_id)),
    ];
    let mut all = stream.range(StreamId::MIN..=StreamId::MAX);
    match shown {
        None => {
            let (first, last) = (all.next(), all.next_back());
            let last = last.or(first);
            fields.push(("groups", Reply::count(stream.groups.len())));
            fields.push(("first-entry", first.map_or(Reply::Null, entry_reply)));
            fields.push(("last-entry", last.map_or(Reply::Null, entry_reply)));
        }
        Some(most) => {
            let most = if most == 0 { usize::MAX } else { most };
            let entries = all.take(most).map(entry_reply);
            fields.push(("entries", Reply::Array(entries.collect())));
            let groups = stream.groups.iter();
            let groups = groups.map(|(name, group)| {
                let name = ("name", name_reply(name));
                described([vec![name], of_group(stream, group, most)].concat())
            });
            fields.push(("groups", Reply::Array(groups.collect())));
        }
    }
    Ok(described(fields))
}

fn of_group(stream: &Stream, group: &Group, most: usize) -> Vec<(&'static str, Reply)> {
    let pending = group.pending().iter().take(most).map(|(id, pending)| {
        let Pending {
            consumer,
            delivered_at,
            deliveries,
        } = pending;
        let (at, times) = (Reply::Integer(*delivered_at), number(*deliveries));
        Reply::Array(vec![id_reply(*id), name_reply(consumer), at, times])
    });
    let consumers = group.consumers().iter().map(|(name, consumer)| {
        let name = ("name", name_reply(name));
        described([vec![name], of_consumer(group, consumer, most)].concat())
    });
    vec![
        ("last-delivered-id", id_reply(group.last_id)),
        (
            "entries-read",
            group.entries_read.map_or(Reply::Null, number),
        ),
        ("lag", lag(stream, group)),
        ("pel-count", Reply::count(group.pending().len())),
        ("pending", Reply::Array(pending.collect())),
        ("consumers", Reply::Array(consumers.collect())),
    ]
}

fn of_consumer(group: &Group, consumer: &Consumer, most: usize) -> Vec<(&'static str, Reply)> {
    let pending = consumer.pending.iter().take(most).filter_map(|id| {
        let pending = group.pending().get(id)?;
        let (at, times) = (pending.delivered_at, pending.deliveries);
        Some(Reply::Array(vec![
            id_reply(*id),
            Reply::Integer(at),
            number(times),
        ]))
    });
    vec![
        ("seen-time", Reply::Integer(consumer.seen_at)),
        ("pel-count", Reply::count(consumer.pending.len())),
        ("pending", Reply::Array(pending.collect())),
    ]
}

/// How many nodes Redis's radix tree of the stream has.
fn radix_nodes(stream: &Stream) -> usize {
    let keys: Vec<[u8; 16]> = stream.nodes.keys().map(|id| id.key()).collect();
    nodes_below(&keys, 0)
}

/// The nodes for sorted keys that have their first `depth` bytes in common: a
/// run of bytes is one node, a fork another, the end of a key a third.
fn nodes_below(keys: &[[u8; 16]], depth: usize) -> usize {
    let (Some(first), Some(last)) = (keys.first(), keys.last()) else {
        return 1;
    };
    let common = first[depth..].iter().zip(&last[depth..]);
    let common = common.take_while(|(a, b)| a == b).count();
    let fork = depth + common;
    let run = usize::from(common > 0);
    if fork == first.len() {
        return run + 1;
    }
    let branches = keys.chunk_by(|a, b| a[fork] == b[fork]);
    run + 1
        + branches
            .map(|keys| nodes_below(keys, fork + 1))
            .sum::<usize>()
}
