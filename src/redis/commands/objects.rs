//! OBJECT: how a value is kept.

use super::{Command, Flags, Handler::Container, Handler::Plain, command};
use crate::redis::context::Context;
use crate::redis::eviction::Order;
use crate::redis::number::parse_integer;
use crate::redis::reply::Reply;
use crate::redis::values::{Made, Set, Value};

const READ: Flags = Flags::READONLY;
const HELP: Flags = Flags::LOADING.and(Flags::STALE);

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
    command!("object|help", "OBJECT", 2, HELP, (0, 0, 0), Plain(help)),
    command!("object|idletime", "OBJECT", 3, READ, (2, 2, 1), Plain(idletime)),
    command!("object|refcount", "OBJECT", 3, READ, (2, 2, 1), Plain(refcount)),
];

/// Longer strings have a header of their own.
const EMBEDDED_MAX: usize = 44;
/// Small integers are shared by all keys that hold them.
const SHARED_INTEGERS: std::ops::Range<i64> = 0..10_000;

fn of_value(context: &mut Context<'_>, key: &[u8], tell: fn(&Value) -> Reply) -> Reply {
    let entry = context.peek(key);
    entry.map_or(Reply::Null, |entry| tell(&entry.value))
}

fn counts_uses(context: &Context<'_>) -> bool {
    context.keyspace.limit.policy.order() == Order::Lfu
}

fn help(_: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::help(
        "OBJECT",
        &[
            "ENCODING <key>",
            "    The encoding that Redis would have chosen for the value.",
            "FREQ <key>",
            "    How often the key was used, on a logarithmic scale, under an LFU policy.",
            "IDLETIME <key>",
            "    The seconds since the key was last used, unless under an LFU policy.",
            "REFCOUNT <key>",
            "    How many keys share the value.",
        ],
    )
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
    if !counts_uses(context) {
        return of_value(context, args[2], |_| {
            Reply::error(
                "ERR An LFU maxmemory policy is not selected, access frequency not tracked. \
                 Please note that when switching between policies at runtime LRU and LFU data \
                 will take some time to adjust.",
            )
        });
    }
    let (now, limit) = (context.now, context.keyspace.limit);
    context.peek(args[2]).map_or(Reply::Null, |entry| {
        Reply::Integer(entry.usage.frequency(now, &limit).into())
    })
}

fn idletime(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    if counts_uses(context) {
        return of_value(context, args[2], |_| {
            Reply::error(
                "ERR An LFU maxmemory policy is selected, idle time not tracked. Please note that \
                 when switching between policies at runtime LRU and LFU data will take some time \
                 to adjust.",
            )
        });
    }
    let now = context.now;
    context.peek(args[2]).map_or(Reply::Null, |entry| {
        Reply::Integer(entry.usage.idle_seconds(now))
    })
}

fn refcount(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    // What is shared has no age of its own.
    let limit = context.keyspace.limit;
    if limit.bytes > 0 && matches!(limit.policy.order(), Order::Lru | Order::Lfu) {
        return of_value(context, args[2], |_| Reply::Integer(1));
    }
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
