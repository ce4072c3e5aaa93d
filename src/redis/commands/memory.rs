//! MEMORY: what a key takes, about.
//!
//! There is no allocator to ask. The estimate counts the text of keys and
//! values and a round sum for each piece, so it grows as the real one does and
//! is not equal to it.

use super::args::is;
use super::{Command, Flags, Handler::Container, Handler::Plain, command};
use crate::redis::engine::Context;
use crate::redis::number::integer_argument;
use crate::redis::reply::Reply;
use crate::redis::values::{StreamId, Value};

#[rustfmt::skip]
pub(super) const COMMANDS: &[Command] = &[
    command!("memory", "MEMORY", -2, Flags::NONE, (0, 0, 0), Container(MEMORY)),
];

#[rustfmt::skip]
const MEMORY: &[Command] = &[
    command!("memory|purge", "MEMORY", 2, Flags::NONE, (0, 0, 0), Plain(purge)),
    command!("memory|usage", "MEMORY", -3, Flags::READONLY, (2, 2, 1), Plain(usage)),
];

/// What a key takes beside its name and its value.
const OF_A_KEY: usize = 48;
/// What each text takes beside its bytes.
const OF_A_TEXT: usize = 16;

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
    entry.map_or(Reply::Null, |entry| {
        let size = OF_A_KEY + text(name) + of_value(&entry.value);
        Reply::Integer(i64::try_from(size).unwrap_or(i64::MAX))
    })
}

fn text(bytes: &[u8]) -> usize {
    OF_A_TEXT + bytes.len()
}

fn of_value(value: &Value) -> usize {
    match value {
        Value::String(bytes) => text(bytes),
        Value::List(list) => list.iter().map(|element| text(element)).sum(),
        Value::Set(set) => set.iter().map(|member| text(&member)).sum(),
        Value::Hash(hash) => {
            let fields = hash.fields().iter();
            fields.map(|(field, value)| text(field) + text(value)).sum()
        }
        Value::SortedSet(set) => {
            let members = set.iter();
            members
                .map(|(member, _)| text(member) + size_of::<f64>())
                .sum()
        }
        Value::Stream(stream) => {
            let entries = stream.range(StreamId::MIN..=StreamId::MAX);
            let fields = entries.flat_map(|entry| &entry.fields);
            fields.map(|(name, value)| text(name) + text(value)).sum()
        }
    }
}
