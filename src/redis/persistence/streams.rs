//! The commands that make a stream, its groups and what they have pending.
//!
//! As in Redis, an entry that was deleted while somebody had it is no longer
//! pending afterwards: XCLAIM claims what exists.

use bytes::Bytes;

use crate::redis::values::{Group, Stream, StreamId};

type Command = Vec<Bytes>;

fn command(words: &[&[u8]]) -> Command {
    words
        .iter()
        .map(|word| Bytes::copy_from_slice(word))
        .collect()
}

pub(super) fn commands(key: &[u8], stream: &Stream) -> Vec<Command> {
    let mut commands = Vec::new();
    for entry in stream.range(StreamId::MIN..=StreamId::MAX) {
        let mut add = command(&[b"XADD", key]);
        add.push(entry.id.to_bytes());
        let fields = entry.fields.iter();
        add.extend(fields.flat_map(|(name, value)| [name.clone(), value.clone()]));
        commands.push(add);
    }
    let last = stream.last_id.to_string();
    if stream.length == 0 {
        let id = stream.last_id.max(StreamId { ms: 0, seq: 1 }).to_string();
        let empty: [&[u8]; 7] = [b"XADD", key, b"MAXLEN", b"0", id.as_bytes(), b"x", b"y"];
        commands.push(command(&empty));
    }
    commands.push(command(&[
        b"XSETID",
        key,
        last.as_bytes(),
        b"ENTRIESADDED",
        stream.entries_added.to_string().as_bytes(),
        b"MAXDELETEDID",
        stream.max_deleted_id.to_string().as_bytes(),
    ]));
    for (name, group) in &stream.groups {
        commands.extend(of_group(key, name, group));
    }
    commands
}

fn of_group(key: &[u8], name: &[u8], group: &Group) -> Vec<Command> {
    let read = group.entries_read.map_or(-1, u64::cast_signed).to_string();
    let last = group.last_id.to_string();
    let create: [&[u8]; 7] = [
        b"XGROUP",
        b"CREATE",
        key,
        name,
        last.as_bytes(),
        b"ENTRIESREAD",
        read.as_bytes(),
    ];
    let consumers = group.consumers().keys();
    let consumers =
        consumers.map(|consumer| command(&[b"XGROUP", b"CREATECONSUMER", key, name, consumer]));
    let pending = group.pending().iter().map(|(id, pending)| {
        command(&[
            b"XCLAIM",
            key,
            name,
            &pending.consumer,
            b"0",
            id.to_string().as_bytes(),
            b"TIME",
            pending.delivered_at.to_string().as_bytes(),
            b"RETRYCOUNT",
            pending.deliveries.to_string().as_bytes(),
            b"JUSTID",
            b"FORCE",
        ])
    });
    let mut commands = vec![command(&create)];
    commands.extend(consumers);
    commands.extend(pending);
    commands
}
