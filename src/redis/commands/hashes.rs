//! Hashes: fields and their values under one key.

use bytes::Bytes;

use super::{Command, Flags, Handler::Plain, command};
use crate::redis::engine::Context;
use crate::redis::keyspace::{Fields, Value};
use crate::redis::number::{integer_argument, parse_integer};
use crate::redis::reply::Reply;

const READ: Flags = Flags::READONLY.and(Flags::FAST);
const WRITE: Flags = Flags::WRITE.and(Flags::DENY_OOM).and(Flags::FAST);
const FREEING: Flags = Flags::WRITE.and(Flags::FAST);

pub(super) const COMMANDS: &[Command] = &[
    command!("hdel", "HDEL", -3, FREEING, (1, 1, 1), Plain(hdel)),
    command!("hexists", "HEXISTS", 3, READ, (1, 1, 1), Plain(hexists)),
    command!("hget", "HGET", 3, READ, (1, 1, 1), Plain(hget)),
    command!(
        "hgetall",
        "HGETALL",
        2,
        Flags::READONLY,
        (1, 1, 1),
        Plain(hgetall)
    ),
    command!("hincrby", "HINCRBY", 4, WRITE, (1, 1, 1), Plain(hincrby)),
    command!("hlen", "HLEN", 2, READ, (1, 1, 1), Plain(hlen)),
    command!("hmget", "HMGET", -3, READ, (1, 1, 1), Plain(hmget)),
    command!("hset", "HSET", -4, WRITE, (1, 1, 1), Plain(hset)),
];

impl Context<'_> {
    /// Reads the hash at `key`, an empty one if there is none.
    fn read_hash(&mut self, key: &[u8], read: impl FnOnce(&Fields) -> Reply) -> Reply {
        match self.lookup(key).map(|entry| &entry.value) {
            None => read(&Fields::default()),
            Some(Value::Hash(fields)) => read(fields),
            Some(_) => Reply::WRONG_TYPE,
        }
    }

    /// Changes the hash at `key`: made if it is missing, gone if it ends up
    /// empty.
    fn change_hash(&mut self, key: &[u8], change: impl FnOnce(&mut Fields) -> Reply) -> Reply {
        self.lookup(key);
        let empty = || Value::Hash(Fields::default());
        self.keyspace
            .modify(self.client.database, key, empty, |value| match value {
                Value::Hash(fields) => change(fields),
                Value::String(_) => Reply::WRONG_TYPE,
            })
    }
}

fn hset(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let (pairs, rest) = args[2..].as_chunks::<2>();
    if !rest.is_empty() {
        return Reply::wrong_arity("hset");
    }
    context.change_hash(args[1], |fields| {
        let mut added = 0;
        for [field, value] in pairs {
            let value = Bytes::copy_from_slice(value);
            let old = fields.insert(Bytes::copy_from_slice(field), value);
            added += i64::from(old.is_none());
        }
        Reply::Integer(added)
    })
}

fn hdel(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    context.change_hash(args[1], |fields| {
        let removed = args[2..]
            .iter()
            .map(|field| i64::from(fields.shift_remove(*field).is_some()));
        Reply::Integer(removed.sum())
    })
}

fn hincrby(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let by = match integer_argument(args[3]) {
        Ok(by) => by,
        Err(error) => return error,
    };
    context.change_hash(args[1], |fields| {
        let old = match fields.get(args[2]) {
            Some(text) => parse_integer(text),
            None => Some(0),
        };
        let Some(old) = old else {
            return Reply::error("ERR hash value is not an integer");
        };
        let Some(new) = old.checked_add(by) else {
            return Reply::error("ERR increment or decrement would overflow");
        };
        fields.insert(Bytes::copy_from_slice(args[2]), new.to_string().into());
        Reply::Integer(new)
    })
}

fn hget(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    context.read_hash(args[1], |fields| value_of(fields, args[2]))
}

fn hmget(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    context.read_hash(args[1], |fields| {
        Reply::Array(
            args[2..]
                .iter()
                .map(|field| value_of(fields, field))
                .collect(),
        )
    })
}

fn value_of(fields: &Fields, field: &[u8]) -> Reply {
    fields.get(field).cloned().map_or(Reply::Null, Reply::Bulk)
}

fn hexists(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    context.read_hash(args[1], |fields| {
        Reply::Integer(fields.contains_key(args[2]).into())
    })
}

fn hlen(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    context.read_hash(args[1], |fields| {
        Reply::Integer(i64::try_from(fields.len()).unwrap_or(i64::MAX))
    })
}

/// In the order in which the fields were first set, as Redis has it while a
/// hash is small.
fn hgetall(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    context.read_hash(args[1], |fields| {
        let bulk = |bytes: &Bytes| Reply::Bulk(bytes.clone());
        Reply::Map(fields.iter().map(|(f, v)| (bulk(f), bulk(v))).collect())
    })
}
