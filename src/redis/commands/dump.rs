//! DUMP and RESTORE: a value as one string, and back.

use super::args::{answer, is};
use super::{Command, Flags, Handler::Plain, command};
use crate::redis::context::Context;
use crate::redis::events::Class;
use crate::redis::eviction::Usage;
use crate::redis::keyspace::Deadline;
use crate::redis::number::integer_argument;
use crate::redis::rdb::{self, Broken};
use crate::redis::reply::Reply;
use crate::redis::wall_clock_ms;

const READ: Flags = Flags::READONLY;
const GROWING: Flags = Flags::WRITE.and(Flags::DENY_OOM);

#[rustfmt::skip]
pub(super) const COMMANDS: &[Command] = &[
    command!("dump", "DUMP", 2, READ, (1, 1, 1), Plain(dump)),
    command!("restore", "RESTORE", -4, GROWING, (1, 1, 1), Plain(restore)),
    command!("restore-asking", "RESTORE-ASKING", -4, GROWING.and(Flags::ASKING), (1, 1, 1), Plain(restore)),
];

fn dump(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let entry = context.lookup(args[1]);
    entry.map_or(Reply::Null, |entry| {
        Reply::Bulk(rdb::dump(&entry.value).into())
    })
}

/// The options of RESTORE.
#[derive(Debug, Default)]
struct Options {
    replaces: bool,
    absolute: bool,
    /// For how many seconds the value was not used.
    idle: Option<i64>,
    /// How often it was used, on the scale of LFU.
    frequency: Option<u8>,
}

impl Options {
    fn parse(mut args: &[&[u8]]) -> Result<Options, Reply> {
        let mut options = Options::default();
        while let Some((option, rest)) = args.split_first() {
            args = match rest {
                _ if is(option, "REPLACE") => {
                    options.replaces = true;
                    rest
                }
                _ if is(option, "ABSTTL") => {
                    options.absolute = true;
                    rest
                }
                [value, rest @ ..] if is(option, "IDLETIME") && options.frequency.is_none() => {
                    let idle = Some(integer_argument(value)?).filter(|idle| *idle >= 0);
                    let why = Reply::error("ERR Invalid IDLETIME value, must be >= 0");
                    options.idle = Some(idle.ok_or(why)?);
                    rest
                }
                [value, rest @ ..] if is(option, "FREQ") && options.idle.is_none() => {
                    let why = Reply::error("ERR Invalid FREQ value, must be >= 0 and <= 255");
                    let frequency = u8::try_from(integer_argument(value)?);
                    options.frequency = Some(frequency.map_err(|_| why)?);
                    rest
                }
                _ => return Err(Reply::SYNTAX),
            };
        }
        Ok(options)
    }
}

fn restore(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(restore_key(context, args))
}

fn restore_key(context: &mut Context<'_>, args: &[&[u8]]) -> Result<Reply, Reply> {
    let options = Options::parse(&args[4..])?;
    let key = args[1];
    if !options.replaces && context.lookup(key).is_some() {
        return Err(Reply::error("BUSYKEY Target key name already exists."));
    }
    let ttl = integer_argument(args[2])?;
    if ttl < 0 {
        return Err(Reply::error("ERR Invalid TTL value, must be >= 0"));
    }
    let value = rdb::restore(args[3], &context.server.config.compact).map_err(|broken| {
        Reply::error(match broken {
            Broken::Footer => "ERR DUMP payload version or checksum are wrong",
            Broken::Format => "ERR Bad data format",
        })
    })?;
    let now = wall_clock_ms();
    let start = if options.absolute { 0 } else { now };
    let expires_at = (ttl > 0).then(|| start.saturating_add(ttl));
    let removed = options.replaces && context.delete(key);
    if expires_at.is_some_and(|when| when <= now) && !context.is_applying() {
        if removed {
            context.notify(Class::GENERIC, "del", key);
            context.propagate_as(&[b"DEL", key]);
        }
        return Ok(Reply::OK);
    }
    let deadline = expires_at.map_or(Deadline::Clear, Deadline::At);
    let database = context.client.database;
    context.keyspace.set(database, key, value, deadline);
    let usage = Usage::restored(now, options.idle, options.frequency);
    context.keyspace.set_usage(database, key, usage);
    context.notify(Class::GENERIC, "restore", key);
    if let Some(when) = expires_at.filter(|_| !options.absolute) {
        let when = when.to_string();
        let mut effect = args.to_vec();
        effect[2] = when.as_bytes();
        effect.push(b"ABSTTL");
        context.propagate_as(&effect);
    }
    Ok(Reply::OK)
}
