//! Hashes: fields and their values under one key.

use bytes::Bytes;

use super::args::{answer, is, negatable, pairs};
use super::random;
use super::scan::{self, Scan};
use super::{Command, Flags, Handler::Plain, command};
use crate::redis::context::Context;
use crate::redis::events::Class;
use crate::redis::long_double::LongDouble;
use crate::redis::number::{integer_argument, parse_integer};
use crate::redis::reply::Reply;
use crate::redis::values::{Edit, Hash};

const READ: Flags = Flags::READONLY.and(Flags::FAST);
const SLOW_READ: Flags = Flags::READONLY;
const WRITE: Flags = Flags::WRITE.and(Flags::DENY_OOM).and(Flags::FAST);
const FREEING: Flags = Flags::WRITE.and(Flags::FAST);

#[rustfmt::skip]
pub(super) const COMMANDS: &[Command] = &[
    command!("hdel", "HDEL", -3, FREEING, (1, 1, 1), Plain(hdel)),
    command!("hexists", "HEXISTS", 3, READ, (1, 1, 1), Plain(hexists)),
    command!("hget", "HGET", 3, READ, (1, 1, 1), Plain(hget)),
    command!("hgetall", "HGETALL", 2, SLOW_READ, (1, 1, 1), Plain(hgetall)),
    command!("hincrby", "HINCRBY", 4, WRITE, (1, 1, 1), Plain(hincrby)),
    command!("hincrbyfloat", "HINCRBYFLOAT", 4, WRITE, (1, 1, 1), Plain(hincrbyfloat)),
    command!("hkeys", "HKEYS", 2, SLOW_READ, (1, 1, 1), Plain(hkeys)),
    command!("hlen", "HLEN", 2, READ, (1, 1, 1), Plain(hlen)),
    command!("hmget", "HMGET", -3, READ, (1, 1, 1), Plain(hmget)),
    command!("hmset", "HMSET", -4, WRITE, (1, 1, 1), Plain(hmset)),
    command!("hrandfield", "HRANDFIELD", -2, SLOW_READ, (1, 1, 1), Plain(hrandfield)),
    command!("hscan", "HSCAN", -3, SLOW_READ, (1, 1, 1), Plain(hscan)),
    command!("hset", "HSET", -4, WRITE, (1, 1, 1), Plain(hset)),
    command!("hsetnx", "HSETNX", 4, WRITE, (1, 1, 1), Plain(hsetnx)),
    command!("hstrlen", "HSTRLEN", 3, READ, (1, 1, 1), Plain(hstrlen)),
    command!("hvals", "HVALS", 2, SLOW_READ, (1, 1, 1), Plain(hvals)),
];

/// Reads the hash at `key`, an empty one if there is none.
fn read(context: &mut Context<'_>, key: &[u8], read: impl FnOnce(&Hash) -> Reply) -> Reply {
    answer(context.read(key).map(|hash| match hash {
        Some(hash) => read(hash),
        None => read(&Hash::default()),
    }))
}

fn hset(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(set_fields(context, args, "hset").map(Reply::count))
}

fn hmset(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(set_fields(context, args, "hmset").map(|_| Reply::OK))
}

/// How many fields are new.
fn set_fields(context: &mut Context<'_>, args: &[&[u8]], command: &str) -> Result<usize, Reply> {
    let (pairs, rest) = args[2..].as_chunks::<2>();
    if !rest.is_empty() {
        return Err(Reply::wrong_arity(command));
    }
    let compact = context.server.config.compact;
    let added = context.edit(args[1], |hash: &mut Hash| {
        let added = pairs
            .iter()
            .filter(|[field, value]| hash.set(field, Bytes::copy_from_slice(value), &compact));
        Edit::changed(added.count())
    })?;
    context.notify(Class::HASH, "hset", args[1]);
    Ok(added)
}

fn hsetnx(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let compact = context.server.config.compact;
    let set = context.edit(args[1], |hash: &mut Hash| {
        let new = !hash.fields().contains(args[2]);
        if new {
            hash.set(args[2], Bytes::copy_from_slice(args[3]), &compact);
        }
        Edit::when(new, new)
    });
    if set == Ok(true) {
        context.notify(Class::HASH, "hset", args[1]);
    }
    answer(set.map(|new| Reply::Integer(new.into())))
}

fn hdel(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let removed = context.edit(args[1], |hash: &mut Hash| {
        let removed = args[2..].iter().filter(|field| hash.remove(field)).count();
        Edit::when(removed > 0, removed)
    });
    if removed.as_ref().is_ok_and(|removed| *removed > 0) {
        context.notify_removal(Class::HASH, "hdel", args[1]);
    }
    answer(removed.map(Reply::count))
}

fn hincrby(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(integer_argument(args[3]).and_then(|by| {
        change_field(context, args, "hincrby", |old| {
            let old = match old {
                Some(text) => {
                    parse_integer(text).ok_or(Reply::error("ERR hash value is not an integer"))?
                }
                None => 0,
            };
            let new = old
                .checked_add(by)
                .ok_or(Reply::error("ERR increment or decrement would overflow"))?;
            Ok((new.to_string().into(), Reply::Integer(new)))
        })
    }))
}

fn hincrbyfloat(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(LongDouble::increment(args[3]).and_then(|by| {
        if by.is_infinite() {
            return Err(Reply::error("ERR value is NaN or Infinity"));
        }
        let reply = change_field(context, args, "hincrbyfloat", |old| {
            let old = match old {
                Some(text) => {
                    LongDouble::parse(text).ok_or(Reply::error("ERR hash value is not a float"))?
                }
                None => LongDouble::ZERO,
            };
            let new = Bytes::from(old.plus(by)?.to_string());
            Ok((new.clone(), Reply::Bulk(new)))
        })?;
        if let Reply::Bulk(sum) = &reply {
            context.propagate_as(&[b"HSET", args[1], args[2], sum]);
        }
        Ok(reply)
    }))
}

/// Gives a field the value that `change` makes of its old one.
fn change_field(
    context: &mut Context<'_>,
    args: &[&[u8]],
    event: &'static str,
    change: impl FnOnce(Option<&Bytes>) -> Result<(Bytes, Reply), Reply>,
) -> Result<Reply, Reply> {
    let compact = context.server.config.compact;
    let reply = context.edit(args[1], |hash: &mut Hash| {
        match change(hash.fields().get(args[2])) {
            Ok((value, reply)) => {
                hash.set(args[2], value, &compact);
                Edit::changed(Ok(reply))
            }
            Err(error) => Edit::unchanged(Err(error)),
        }
    })??;
    context.notify(Class::HASH, event, args[1]);
    Ok(reply)
}

fn hget(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    read(context, args[1], |hash| value_of(hash, args[2]))
}

fn hmget(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    read(context, args[1], |hash| {
        let values = args[2..].iter().map(|field| value_of(hash, field));
        Reply::Array(values.collect())
    })
}

fn value_of(hash: &Hash, field: &[u8]) -> Reply {
    let value = hash.fields().get(field).cloned();
    value.map_or(Reply::Null, Reply::Bulk)
}

fn hexists(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    read(context, args[1], |hash| {
        Reply::Integer(hash.fields().contains(args[2]).into())
    })
}

fn hlen(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    read(context, args[1], |hash| Reply::count(hash.fields().len()))
}

fn hstrlen(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    read(context, args[1], |hash| {
        Reply::count(hash.fields().get(args[2]).map_or(0, Bytes::len))
    })
}

fn pair((field, value): (&Bytes, &Bytes)) -> (Reply, Reply) {
    (Reply::Bulk(field.clone()), Reply::Bulk(value.clone()))
}

fn hgetall(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    read(context, args[1], |hash| {
        Reply::Map(hash.fields().iter().map(pair).collect())
    })
}

fn hkeys(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    read(context, args[1], |hash| {
        Reply::Array(hash.fields().names().cloned().map(Reply::Bulk).collect())
    })
}

fn hvals(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    read(context, args[1], |hash| {
        let values = hash.fields().iter().map(|(_, value)| value.clone());
        Reply::Array(values.map(Reply::Bulk).collect())
    })
}

fn hscan(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(scan::of_value(
        context,
        args,
        |scan: &Scan<'_>, hash: &mut Hash| {
            let (cursor, fields) = if hash.is_small() {
                (0, hash.fields().names().cloned().collect())
            } else {
                hash.scan(scan.cursor, scan.count)
            };
            let mut found = Vec::new();
            for field in fields.iter().filter(|field| scan.wants(field)) {
                found.push(Reply::Bulk(field.clone()));
                found.push(value_of(hash, field));
            }
            (cursor, found)
        },
    ))
}

fn hrandfield(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(random_fields(context, args))
}

fn random_fields(context: &mut Context<'_>, args: &[&[u8]]) -> Result<Reply, Reply> {
    let (key, options) = (args[1], &args[2..]);
    let resp = context.client.resp;
    let Some((amount, with)) = options.split_first() else {
        let hash = context.read::<Hash>(key)?;
        let field = hash.and_then(|hash| hash.fields().at(random::one(hash.fields().len())?));
        return Ok(field.map_or(Reply::Null, |(field, _)| Reply::Bulk(field.clone())));
    };
    let amount = negatable(amount)?;
    let with_values = match with {
        [] => false,
        [word] if is(word, "WITHVALUES") => true,
        _ => return Err(Reply::SYNTAX),
    };
    if with_values && amount.unsigned_abs() > i64::MAX.unsigned_abs() / 2 {
        return Err(Reply::error("ERR value is out of range"));
    }
    let Some(hash) = context.read::<Hash>(key)? else {
        return Ok(Reply::Array(Vec::new()));
    };
    let chosen = random::some(hash.fields().len(), amount)?;
    let chosen = chosen.into_iter().filter_map(|at| hash.fields().at(at));
    Ok(if with_values {
        pairs(chosen.map(pair), resp)
    } else {
        Reply::Array(
            chosen
                .map(|(field, _)| Reply::Bulk(field.clone()))
                .collect(),
        )
    })
}
