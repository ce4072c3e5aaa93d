//! OBJECT: how a value is kept.

use super::{Command, Flags, Handler::Container, Handler::Plain, command};
use crate::redis::engine::Context;
use crate::redis::number::parse_integer;
use crate::redis::reply::Reply;
use crate::redis::values::{Made, Set, Value};

const READ: Flags = Flags::READONLY;

pub(super) const COMMANDS: &[Command] = &[command!(
    "object",
    "OBJECT",
    -2,
    Flags::NONE,
    (0, 0, 0),
    Container(OBJECT)
)];

#[rustfmt::skip]
const OBJECT: &[Command] = &[
    command!("object|encoding", "OBJECT", 3, READ, (2, 2, 1), Plain(encoding)),
    command!("object|freq", "OBJECT", 3, READ, (2, 2, 1), Plain(freq)),
    command!("object|idletime", "OBJECT", 3, READ, (2, 2, 1), Plain(idletime)),
    command!("object|refcount", "OBJECT", 3, READ, (2, 2, 1), Plain(refcount)),
];

/// Longer strings have a header of their own.
const EMBEDDED_MAX: usize = 44;
/// Small integers are shared by all keys that hold them.
const SHARED_INTEGERS: std::ops::Range<i64> = 0..10_000;

fn of_value(context: &mut Context<'_>, key: &[u8], tell: fn(&Value) -> Reply) -> Reply {
    let entry = context.lookup(key);
    entry.map_or(Reply::Null, |entry| tell(&entry.value))
}

/// The encoding that Redis 7.0 would have chosen.
fn encoding(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    of_value(context, args[2], |value| {
        Reply::bulk(match value {
            Value::String(text, Made::Whole) if parse_integer(text).is_some() => "int",
            Value::String(_, Made::InPlace) => "raw",
            Value::String(text, _) if text.len() <= EMBEDDED_MAX => "embstr",
            Value::String(..) => "raw",
            Value::List(_) => "quicklist",
            Value::Stream(_) => "stream",
            Value::Hash(hash) if hash.is_small() => "listpack",
            Value::SortedSet(set) if set.is_small() => "listpack",
            Value::SortedSet(_) => "skiplist",
            Value::Set(set) if matches!(**set, Set::Integers(_)) => "intset",
            Value::Hash(_) | Value::Set(_) => "hashtable",
        })
    })
}

fn freq(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    of_value(context, args[2], |_| {
        Reply::error(
            "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please \
             note that when switching between policies at runtime LRU and LFU data will take some \
             time to adjust.",
        )
    })
}

/// Accesses are not timed: every key was used just now.
fn idletime(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    of_value(context, args[2], |_| Reply::Integer(0))
}

fn refcount(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    of_value(context, args[2], |value| {
        let shared = match value {
            Value::String(text, Made::Whole) => {
                parse_integer(text).is_some_and(|number| SHARED_INTEGERS.contains(&number))
            }
            _ => false,
        };
        Reply::Integer(if shared { i32::MAX.into() } else { 1 })
    })
}
