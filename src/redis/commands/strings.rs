//! Strings: GET and SET and what is made of them.

use bytes::Bytes;

use super::args::{answer, span};
use super::{Command, Flags, Handler::Plain, command};
use crate::redis::bug::Bug;
use crate::redis::context::Context;
use crate::redis::events::Class;
use crate::redis::keyspace::Deadline;
use crate::redis::long_double::LongDouble;
use crate::redis::number::{integer_argument, parse_integer};
use crate::redis::reply::Reply;
use crate::redis::values::{Made, Value};
use crate::redis::wall_clock_ms;
use crate::rt;

const READ: Flags = Flags::READONLY.and(Flags::FAST);
const SLOW_READ: Flags = Flags::READONLY;
const WRITE: Flags = Flags::WRITE.and(Flags::DENY_OOM);
const FAST_WRITE: Flags = WRITE.and(Flags::FAST);
const FREEING: Flags = Flags::WRITE.and(Flags::FAST);

#[rustfmt::skip]
pub(super) const COMMANDS: &[Command] = &[
    command!("append", "APPEND", 3, FAST_WRITE, (1, 1, 1), Plain(append)),
    command!("decr", "DECR", 2, FAST_WRITE, (1, 1, 1), Plain(decr)),
    command!("decrby", "DECRBY", 3, FAST_WRITE, (1, 1, 1), Plain(decrby)),
    command!("get", "GET", 2, READ, (1, 1, 1), Plain(get)),
    command!("getdel", "GETDEL", 2, FREEING.and(Flags::READS), (1, 1, 1), Plain(getdel)),
    command!("getex", "GETEX", -2, FREEING.and(Flags::READS), (1, 1, 1), Plain(getex)),
    command!("getrange", "GETRANGE", 4, SLOW_READ, (1, 1, 1), Plain(getrange)),
    command!("getset", "GETSET", 3, FAST_WRITE.and(Flags::READS), (1, 1, 1), Plain(getset)),
    command!("incr", "INCR", 2, FAST_WRITE, (1, 1, 1), Plain(incr)),
    command!("incrby", "INCRBY", 3, FAST_WRITE, (1, 1, 1), Plain(incrby)),
    command!("incrbyfloat", "INCRBYFLOAT", 3, FAST_WRITE, (1, 1, 1), Plain(incrbyfloat)),
    command!("mget", "MGET", -2, READ, (1, -1, 1), Plain(mget)),
    command!("mset", "MSET", -3, WRITE, (1, -1, 2), Plain(mset)),
    command!("msetnx", "MSETNX", -3, WRITE, (1, -1, 2), Plain(msetnx)),
    command!("psetex", "PSETEX", 4, WRITE, (1, 1, 1), Plain(psetex)),
    command!("set", "SET", -3, WRITE.and(Flags::READS), (1, 1, 1), Plain(set)),
    command!("setex", "SETEX", 4, WRITE, (1, 1, 1), Plain(setex)),
    command!("setnx", "SETNX", 3, FAST_WRITE, (1, 1, 1), Plain(setnx)),
    command!("setrange", "SETRANGE", 4, WRITE, (1, 1, 1), Plain(setrange)),
    command!("strlen", "STRLEN", 2, READ, (1, 1, 1), Plain(strlen)),
    command!("substr", "SUBSTR", 4, SLOW_READ, (1, 1, 1), Plain(getrange)),
];

const TOO_LONG: Reply =
    Reply::error("ERR string exceeds maximum allowed size (proto-max-bulk-len)");

impl Context<'_> {
    /// The string at `key`, None if there is none.
    pub(super) fn string(&mut self, key: &[u8]) -> Result<Option<Bytes>, Reply> {
        let found = self.lookup(key).map(|entry| &entry.value);
        found.map(Value::as_string).transpose()
    }

    pub(super) fn set_string(&mut self, key: &[u8], value: Bytes, deadline: Deadline) {
        self.write_string(key, value, Made::Whole, deadline);
    }

    /// As [`set_string`](Context::set_string), of a string made in that way.
    pub(super) fn write_string(&mut self, key: &[u8], text: Bytes, made: Made, deadline: Deadline) {
        let database = self.client.database;
        let value = Value::String(text, made);
        self.keyspace.set(database, key, value, deadline);
    }
}

fn get(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(get_string(context, args[1]))
}

fn get_string(context: &mut Context<'_>, key: &[u8]) -> Result<Reply, Reply> {
    Ok(context.string(key)?.map_or(Reply::Null, Reply::Bulk))
}

/// A deadline as SET and GETEX take it.
#[derive(Debug, Clone, Copy)]
enum Expire<'a> {
    /// After so many seconds or milliseconds.
    In(&'a [u8], Unit),
    /// At that many since the epoch.
    At(&'a [u8], Unit),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Seconds,
    Milliseconds,
}

impl Expire<'_> {
    /// The deadline in milliseconds since the epoch.
    fn deadline(self, command: &str) -> Result<i64, Reply> {
        let invalid = || Reply::invalid_expire_time(command);
        let (Expire::In(amount, unit) | Expire::At(amount, unit)) = self;
        let amount = integer_argument(amount)?;
        let scale = if unit == Unit::Seconds { 1000 } else { 1 };
        let start = match self {
            Expire::In(..) => wall_clock_ms(),
            Expire::At(..) => 0,
        };
        Some(amount)
            .filter(|amount| *amount > 0)
            .and_then(|amount| amount.checked_mul(scale))
            .and_then(|amount| amount.checked_add(start))
            .ok_or_else(invalid)
    }
}

/// The options of SET and GETEX.
#[derive(Debug, Default)]
struct Options<'a> {
    nx: bool,
    xx: bool,
    get: bool,
    keep_ttl: bool,
    persist: bool,
    expire: Option<Expire<'a>>,
}

impl<'a> Options<'a> {
    /// Reads them; which exclude which is Redis's, down to a repeated EX
    /// being fine where EX and PX are not.
    fn parse(mut args: &[&'a [u8]], for_set: bool) -> Result<Options<'a>, Reply> {
        let mut options = Options::default();
        while let Some((name, rest)) = args.split_first() {
            args = rest;
            let is = |word: &str| name.eq_ignore_ascii_case(word.as_bytes());
            if for_set && is("NX") && !options.xx {
                options.nx = true;
            } else if for_set && is("XX") && !options.nx {
                options.xx = true;
            } else if for_set && is("GET") {
                options.get = true;
            } else if for_set && is("KEEPTTL") && options.expire.is_none() {
                options.keep_ttl = true;
            } else if !for_set && is("PERSIST") && options.expire.is_none() {
                options.persist = true;
            } else {
                let (amount, rest) = args.split_first().ok_or(Reply::SYNTAX)?;
                args = rest;
                options.set_expire(name, amount)?;
            }
        }
        Ok(options)
    }

    fn set_expire(&mut self, name: &[u8], amount: &'a [u8]) -> Result<(), Reply> {
        let is = |word: &str| name.eq_ignore_ascii_case(word.as_bytes());
        let expire = if is("EX") {
            Expire::In(amount, Unit::Seconds)
        } else if is("PX") {
            Expire::In(amount, Unit::Milliseconds)
        } else if is("EXAT") {
            Expire::At(amount, Unit::Seconds)
        } else if is("PXAT") {
            Expire::At(amount, Unit::Milliseconds)
        } else {
            return Err(Reply::SYNTAX);
        };
        let repeated = match (self.expire, expire) {
            (None, _) => true,
            (Some(Expire::In(_, old)), Expire::In(_, new))
            | (Some(Expire::At(_, old)), Expire::At(_, new)) => old == new,
            _ => false,
        };
        if self.keep_ttl || self.persist || !repeated {
            return Err(Reply::SYNTAX);
        }
        self.expire = Some(expire);
        Ok(())
    }
}

fn set(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(Options::parse(&args[3..], true).and_then(|options| {
        let deadline = match options.expire {
            Some(expire) => Deadline::At(expire.deadline("set")?),
            None if options.keep_ttl => Deadline::Keep,
            None => Deadline::Clear,
        };
        set_generic(context, args, &options, deadline)
    }))
}

fn set_generic(
    context: &mut Context<'_>,
    args: &[&[u8]],
    options: &Options<'_>,
    deadline: Deadline,
) -> Result<Reply, Reply> {
    let (key, value) = (args[1], args[2]);
    let old = match options.get {
        true => Some(get_string(context, key)?),
        false => None,
    };
    let planted = |bug| context.keyspace.planted(bug);
    let keeps_ttl = planted(Bug::SetKeepsTtl) && deadline == Deadline::Clear;
    let ignores_expiry = planted(Bug::NxIgnoresExpiry) && options.nx;
    let grants_twice =
        planted(Bug::GrantsTwice) && options.nx && rt::random_u64().is_multiple_of(4);
    let found = (ignores_expiry && context.keyspace.holds(context.client.database, key))
        || (context.lookup_to_write(key).is_some() && !grants_twice);
    if (options.nx && found) || (options.xx && !found) {
        return Ok(old.unwrap_or(Reply::Null));
    }
    let deadline = if keeps_ttl { Deadline::Keep } else { deadline };
    context.set_string(key, Bytes::copy_from_slice(value), deadline);
    context.notify(Class::STRING, "set", key);
    if let Deadline::At(_) = deadline {
        context.notify(Class::GENERIC, "expire", key);
    }
    match deadline {
        Deadline::At(when) => propagate_set_at(context, key, value, when),
        _ if options.get => propagate_without_get(context, args),
        _ => {}
    }
    Ok(old.unwrap_or(Reply::OK))
}

/// A deadline goes out as an instant, and takes the flags' place.
fn propagate_set_at(context: &mut Context<'_>, key: &[u8], value: &[u8], when: i64) {
    if context.is_heard() {
        let when = when.to_string();
        context.propagate_as(&[b"SET", key, value, b"PXAT", when.as_bytes()]);
    }
}

/// Nobody reads what a replica answers.
fn propagate_without_get(context: &mut Context<'_>, args: &[&[u8]]) {
    let (set, flags) = args.split_at(3);
    let is_get = |flag: &&&[u8]| flag.eq_ignore_ascii_case(b"GET");
    let flags = flags.iter().filter(|flag| !is_get(flag));
    let rest: Vec<&[u8]> = set.iter().chain(flags).copied().collect();
    context.propagate_as(&rest);
}

fn setnx(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    if context.lookup(args[1]).is_some() {
        return Reply::Integer(0);
    }
    context.set_string(args[1], Bytes::copy_from_slice(args[2]), Deadline::Clear);
    context.notify(Class::STRING, "set", args[1]);
    Reply::Integer(1)
}

fn setex(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    set_expiring(context, args, Unit::Seconds, "setex")
}

fn psetex(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    set_expiring(context, args, Unit::Milliseconds, "psetex")
}

fn set_expiring(context: &mut Context<'_>, args: &[&[u8]], unit: Unit, command: &str) -> Reply {
    answer(Expire::In(args[2], unit).deadline(command).map(|deadline| {
        let value = Bytes::copy_from_slice(args[3]);
        context.set_string(args[1], value, Deadline::At(deadline));
        propagate_set_at(context, args[1], args[3], deadline);
        context.notify(Class::STRING, "set", args[1]);
        context.notify(Class::GENERIC, "expire", args[1]);
        Reply::OK
    }))
}

fn getset(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(get_string(context, args[1]).inspect(|_| {
        context.set_string(args[1], Bytes::copy_from_slice(args[2]), Deadline::Clear);
        context.propagate_as(&[b"SET", args[1], args[2]]);
        context.notify(Class::STRING, "set", args[1]);
    }))
}

fn getdel(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(get_string(context, args[1]).inspect(|_| {
        if context.delete(args[1]) {
            context.propagate_as(&[b"DEL", args[1]]);
            context.notify(Class::GENERIC, "del", args[1]);
        }
    }))
}

fn getex(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(Options::parse(&args[2..], false).and_then(|options| {
        let reply = get_string(context, args[1])?;
        if reply == Reply::Null {
            return Ok(reply);
        }
        let deadline = options.expire.map(|e| e.deadline("getex")).transpose()?;
        match (deadline, options.expire) {
            (Some(when), Some(Expire::At(..))) if when <= wall_clock_ms() => {
                context.delete(args[1]);
                context.notify(Class::GENERIC, "del", args[1]);
                context.propagate_as(&[b"DEL", args[1]]);
            }
            (Some(when), _) => {
                context.set_deadline(args[1], Some(when));
                context.notify(Class::GENERIC, "expire", args[1]);
                let when = when.to_string();
                context.propagate_as(&[b"PEXPIREAT", args[1], when.as_bytes()]);
            }
            (None, _) if options.persist && context.persist(args[1]) => {
                context.notify(Class::GENERIC, "persist", args[1]);
                context.propagate_as(&[b"PERSIST", args[1]]);
            }
            (None, _) => {}
        }
        Ok(reply)
    }))
}

fn mget(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let strings = args[1..]
        .iter()
        .map(|key| get_string(context, key).unwrap_or(Reply::Null));
    Reply::Array(strings.collect())
}

fn mset(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let (pairs, rest) = args[1..].as_chunks::<2>();
    if !rest.is_empty() {
        return Reply::wrong_arity("mset");
    }
    for [key, value] in pairs {
        context.set_string(key, Bytes::copy_from_slice(value), Deadline::Clear);
        context.notify(Class::STRING, "set", key);
    }
    Reply::OK
}

fn msetnx(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let (pairs, rest) = args[1..].as_chunks::<2>();
    if !rest.is_empty() {
        return Reply::wrong_arity("msetnx");
    }
    if pairs.iter().any(|[key, _]| context.lookup(key).is_some()) {
        return Reply::Integer(0);
    }
    for [key, value] in pairs {
        context.set_string(key, Bytes::copy_from_slice(value), Deadline::Clear);
        context.notify(Class::STRING, "set", key);
    }
    Reply::Integer(1)
}

fn append(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(context.string(args[1]).and_then(|old| {
        let made = old.as_ref().map_or(Made::Whole, |_| Made::InPlace);
        let old = old.unwrap_or_default();
        let length = old.len() + args[2].len();
        if length > context.server.config.bulk_max {
            return Err(TOO_LONG);
        }
        let joined = [&old[..], args[2]].concat();
        context.write_string(args[1], joined.into(), made, Deadline::Keep);
        context.notify(Class::STRING, "append", args[1]);
        Ok(Reply::count(length))
    }))
}

fn strlen(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(
        context
            .string(args[1])
            .map(|found| Reply::count(found.map_or(0, |value| value.len()))),
    )
}

fn incr(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(add(context, args[1], 1))
}

fn decr(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(add(context, args[1], -1))
}

fn incrby(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(integer_argument(args[2]).and_then(|by| add(context, args[1], by)))
}

fn decrby(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(integer_argument(args[2]).and_then(|by| {
        let by = by
            .checked_neg()
            .ok_or(Reply::error("ERR decrement would overflow"))?;
        add(context, args[1], by)
    }))
}

fn add(context: &mut Context<'_>, key: &[u8], by: i64) -> Result<Reply, Reply> {
    let old = match context.string(key)? {
        Some(text) => parse_integer(&text).ok_or(Reply::NOT_AN_INTEGER)?,
        None => 0,
    };
    let new = old
        .checked_add(by)
        .ok_or(Reply::error("ERR increment or decrement would overflow"))?;
    context.set_string(key, new.to_string().into(), Deadline::Keep);
    context.notify(Class::STRING, "incrby", key);
    Ok(Reply::Integer(new))
}

fn incrbyfloat(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(context.string(args[1]).and_then(|old| {
        let old = match old {
            Some(text) => LongDouble::increment(&text)?,
            None => LongDouble::ZERO,
        };
        let new = Bytes::from(old.plus(LongDouble::increment(args[2])?)?.to_string());
        context.write_string(args[1], new.clone(), Made::Sum, Deadline::Keep);
        context.notify(Class::STRING, "incrbyfloat", args[1]);
        context.propagate_as(&[b"SET", args[1], &new, b"KEEPTTL"]);
        Ok(Reply::Bulk(new))
    }))
}

fn getrange(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(range_arguments(args).and_then(|(first, last)| {
        let text = context.string(args[1])?.unwrap_or_default();
        if first < 0 && last < 0 && first > last {
            return Ok(Reply::bulk(""));
        }
        // An end before the start of the string is its first byte.
        let length = i64::try_from(text.len()).unwrap_or(i64::MAX);
        let last = last.max(-length);
        let range = span(first, last, text.len()).unwrap_or(0..0);
        Ok(Reply::Bulk(text.slice(range)))
    }))
}

fn range_arguments(args: &[&[u8]]) -> Result<(i64, i64), Reply> {
    Ok((integer_argument(args[2])?, integer_argument(args[3])?))
}

fn setrange(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(integer_argument(args[2]).and_then(|offset| {
        let offset =
            usize::try_from(offset).map_err(|_| Reply::error("ERR offset is out of range"))?;
        let (key, patch) = (args[1], args[3]);
        let old = context.string(key)?.unwrap_or_default();
        if patch.is_empty() {
            return Ok(Reply::count(old.len()));
        }
        let end = offset.saturating_add(patch.len());
        if end > context.server.config.bulk_max {
            return Err(TOO_LONG);
        }
        let mut text = old.to_vec();
        text.resize(text.len().max(end), 0);
        text[offset..end].copy_from_slice(patch);
        let length = text.len();
        context.write_string(key, text.into(), Made::InPlace, Deadline::Keep);
        context.notify(Class::STRING, "setrange", key);
        Ok(Reply::count(length))
    }))
}
