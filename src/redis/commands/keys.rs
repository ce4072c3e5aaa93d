//! Keys of any type: their life, their deadlines, their listing.

use bytes::Bytes;

use super::args::{answer, is};
use super::scan::{self, Scan};
use super::{Command, Flags, Handler::Plain, command, random};
use crate::redis::context::Context;
use crate::redis::events::Class;
use crate::redis::glob;
use crate::redis::keyspace::Entry;
use crate::redis::number::integer_argument;
use crate::redis::reply::Reply;
use crate::redis::wall_clock_ms;

const READ: Flags = Flags::READONLY.and(Flags::FAST);
const SLOW_READ: Flags = Flags::READONLY;
const WRITE: Flags = Flags::WRITE.and(Flags::FAST);

#[rustfmt::skip]
pub(super) const COMMANDS: &[Command] = &[
    command!("del", "DEL", -2, Flags::WRITE, (1, -1, 1), Plain(del)),
    command!("exists", "EXISTS", -2, READ, (1, -1, 1), Plain(exists)),
    command!("expire", "EXPIRE", -3, WRITE, (1, 1, 1), Plain(expire)),
    command!("expireat", "EXPIREAT", -3, WRITE, (1, 1, 1), Plain(expireat)),
    command!("expiretime", "EXPIRETIME", 2, READ, (1, 1, 1), Plain(expiretime)),
    command!("keys", "KEYS", 2, SLOW_READ, (0, 0, 0), Plain(keys)),
    command!("persist", "PERSIST", 2, WRITE, (1, 1, 1), Plain(persist)),
    command!("pexpire", "PEXPIRE", -3, WRITE, (1, 1, 1), Plain(pexpire)),
    command!("pexpireat", "PEXPIREAT", -3, WRITE, (1, 1, 1), Plain(pexpireat)),
    command!("pexpiretime", "PEXPIRETIME", 2, READ, (1, 1, 1), Plain(pexpiretime)),
    command!("pttl", "PTTL", 2, READ, (1, 1, 1), Plain(pttl)),
    command!("randomkey", "RANDOMKEY", 1, SLOW_READ, (0, 0, 0), Plain(randomkey)),
    command!("scan", "SCAN", -2, SLOW_READ, (0, 0, 0), Plain(scan_keys)),
    command!("touch", "TOUCH", -2, READ, (1, -1, 1), Plain(touch)),
    command!("ttl", "TTL", 2, READ, (1, 1, 1), Plain(ttl)),
    command!("type", "TYPE", 2, READ, (1, 1, 1), Plain(type_of)),
    command!("unlink", "UNLINK", -2, WRITE, (1, -1, 1), Plain(del)),
];

impl Context<'_> {
    /// The key, unless its deadline has passed.
    pub(in crate::redis) fn lookup(&mut self, key: &[u8]) -> Option<&Entry> {
        self.keyspace.lookup(self.client.database, key, self.now)
    }

    /// As [`lookup`](Context::lookup), to write.
    pub(in crate::redis) fn lookup_to_write(&mut self, key: &[u8]) -> Option<&Entry> {
        self.keyspace
            .lookup_to_write(self.client.database, key, self.now)
    }

    /// Whether what is looked up from here on counts as read.
    pub(super) fn count_lookups(&mut self, counted: bool) {
        self.keyspace.lookups.counted = counted;
    }

    /// As [`lookup`](Context::lookup), of somebody who does not use the key.
    pub(in crate::redis) fn peek(&mut self, key: &[u8]) -> Option<&Entry> {
        self.keyspace.peek(self.client.database, key, self.now)
    }

    /// Removes a key; false if it was not there.
    pub(super) fn delete(&mut self, key: &[u8]) -> bool {
        self.lookup_to_write(key).is_some()
            && self.keyspace.delete(self.client.database, key).is_some()
    }

    /// Takes a key's deadline away; false if it had none.
    pub(super) fn persist(&mut self, key: &[u8]) -> bool {
        let entry = self.lookup_to_write(key);
        let has_deadline = entry.is_some_and(|entry| entry.expires_at.is_some());
        if has_deadline {
            self.set_deadline(key, None);
        }
        has_deadline
    }

    pub(super) fn set_deadline(&mut self, key: &[u8], expires_at: Option<i64>) {
        self.keyspace
            .set_deadline(self.client.database, key, expires_at);
    }
}

fn del(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let mut removed = 0;
    for key in &args[1..] {
        if context.delete(key) {
            context.notify(Class::GENERIC, "del", key);
            removed += 1;
        }
    }
    Reply::Integer(removed)
}

fn exists(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let found = args[1..]
        .iter()
        .map(|key| i64::from(context.peek(key).is_some()));
    Reply::Integer(found.sum())
}

fn touch(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let found = args[1..]
        .iter()
        .map(|key| i64::from(context.lookup(key).is_some()));
    Reply::Integer(found.sum())
}

fn type_of(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let found = context.peek(args[1]);
    Reply::status(found.map_or("none", |entry| entry.value.type_name()))
}

fn scan_keys(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(scan::cursor(args[1]).and_then(|cursor| {
        let scan = Scan::parse(cursor, &args[2..], true)?;
        let database = context.client.database;
        let (cursor, names) = context.keyspace.scan(database, scan.cursor, scan.count);
        let mut found = Vec::new();
        for name in names.into_iter().filter(|name| scan.wants(name)) {
            let Some(entry) = context.lookup(&name) else {
                continue;
            };
            let type_name = entry.value.type_name();
            if scan.of_type.is_none_or(|wanted| is(wanted, type_name)) {
                found.push(Reply::Bulk(name));
            }
        }
        Ok(scan::reply(cursor, found))
    }))
}

/// How often RANDOMKEY looks for a key that is not past its deadline.
const RANDOM_TRIES: u32 = 100;

fn randomkey(context: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    context.keyspace.expire_due(context.now);
    let database = context.client.database;
    let (keys, _) = context.keyspace.size(database);
    let mut key = None;
    // On a replica all keys may be past their deadline: any will do then.
    for _ in 0..RANDOM_TRIES {
        key = random::one(keys).and_then(|index| context.keyspace.key_at(database, index));
        let stale = key
            .as_ref()
            .is_some_and(|key| context.keyspace.is_stale(database, key, context.now));
        if !stale {
            break;
        }
    }
    key.map_or(Reply::Null, Reply::Bulk)
}

fn keys(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    context.keyspace.expire_due(context.now);
    let (keyspace, database, now) = (&context.keyspace, context.client.database, context.now);
    let names: Vec<Reply> = keyspace
        .keys(database)
        .filter(|key| glob::matches(args[1], key))
        .filter(|key| !keyspace.is_stale(database, key, now))
        .map(|key| Reply::Bulk(Bytes::clone(key)))
        .collect();
    Reply::Array(names)
}

/// How a deadline is given.
#[derive(Debug, Clone, Copy)]
struct Scale {
    per_unit: i64,
    absolute: bool,
    command: &'static str,
}

fn expire(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    expire_generic(context, args, 1000, false, "expire")
}

fn pexpire(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    expire_generic(context, args, 1, false, "pexpire")
}

fn expireat(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    expire_generic(context, args, 1000, true, "expireat")
}

fn pexpireat(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    expire_generic(context, args, 1, true, "pexpireat")
}

fn expire_generic(
    context: &mut Context<'_>,
    args: &[&[u8]],
    per_unit: i64,
    absolute: bool,
    command: &'static str,
) -> Reply {
    let scale = Scale {
        per_unit,
        absolute,
        command,
    };
    expire_key(context, args, scale).map_or_else(|error| error, |set| Reply::Integer(set.into()))
}

/// True if the deadline was set, or had already passed and the key is gone.
fn expire_key(context: &mut Context<'_>, args: &[&[u8]], scale: Scale) -> Result<bool, Reply> {
    let condition = Condition::parse(&args[3..])?;
    let amount = integer_argument(args[2])?;
    let now = wall_clock_ms();
    let start = if scale.absolute { 0 } else { now };
    let when = amount
        .checked_mul(scale.per_unit)
        .and_then(|amount| amount.checked_add(start))
        .ok_or_else(|| Reply::invalid_expire_time(scale.command))?;
    let key = args[1];
    let Some(entry) = context.lookup(key) else {
        return Ok(false);
    };
    if !condition.allows(entry.expires_at, when) {
        return Ok(false);
    }
    if when <= now && !context.is_applying() {
        context.delete(key);
        context.notify(Class::GENERIC, "del", key);
        context.propagate_as(&[b"DEL", key]);
        return Ok(true);
    }
    context.set_deadline(key, Some(when));
    context.notify(Class::GENERIC, "expire", key);
    if context.is_heard() {
        let when = when.to_string();
        let name: &[u8] = match scale.command {
            "pexpireat" => args[0],
            _ => b"PEXPIREAT",
        };
        context.propagate_as(&[&[name, key, when.as_bytes()], &args[3..]].concat());
    }
    Ok(true)
}

/// When EXPIRE may act.
#[derive(Debug, Default)]
struct Condition {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
}

impl Condition {
    fn parse(args: &[&[u8]]) -> Result<Condition, Reply> {
        let mut condition = Condition::default();
        for arg in args {
            let is = |word: &str| arg.eq_ignore_ascii_case(word.as_bytes());
            let flag = if is("NX") {
                &mut condition.nx
            } else if is("XX") {
                &mut condition.xx
            } else if is("GT") {
                &mut condition.gt
            } else if is("LT") {
                &mut condition.lt
            } else {
                return Err(Reply::error_from(
                    [b"ERR Unsupported option ", *arg].concat(),
                ));
            };
            *flag = true;
        }
        let Condition { nx, xx, gt, lt } = condition;
        if nx && (xx || gt || lt) {
            return Err(Reply::error(
                "ERR NX and XX, GT or LT options at the same time are not compatible",
            ));
        }
        if gt && lt {
            return Err(Reply::error(
                "ERR GT and LT options at the same time are not compatible",
            ));
        }
        Ok(condition)
    }

    /// No deadline counts as one infinitely far away.
    fn allows(&self, current: Option<i64>, when: i64) -> bool {
        let refused = match current {
            Some(current) => {
                self.nx || (self.gt && when <= current) || (self.lt && when >= current)
            }
            None => self.xx || self.gt,
        };
        !refused
    }
}

fn persist(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let persisted = context.persist(args[1]);
    if persisted {
        context.notify(Class::GENERIC, "persist", args[1]);
    }
    Reply::Integer(persisted.into())
}

fn ttl(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    remaining(context, args[1], |when| to_seconds(time_left(when)))
}

fn pttl(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    remaining(context, args[1], time_left)
}

fn expiretime(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    remaining(context, args[1], to_seconds)
}

fn pexpiretime(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    remaining(context, args[1], |when| when)
}

fn remaining(context: &mut Context<'_>, key: &[u8], show: fn(i64) -> i64) -> Reply {
    Reply::Integer(match context.peek(key) {
        None => -2,
        Some(Entry {
            expires_at: None, ..
        }) => -1,
        Some(Entry {
            expires_at: Some(when),
            ..
        }) => show(*when).max(0),
    })
}

fn time_left(when: i64) -> i64 {
    when.saturating_sub(wall_clock_ms()).max(0)
}

/// Rounded to the nearest.
fn to_seconds(milliseconds: i64) -> i64 {
    milliseconds / 1000 + i64::from(milliseconds % 1000 >= 500)
}
