//! DUMP and RESTORE: a value as one string, and back.

use super::args::{answer, is};
use super::{Command, Flags, Handler::Plain, command};
use crate::redis::engine::Context;
use crate::redis::events::Class;
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

/// The options of RESTORE. How long ago and how often the value was used is
/// checked and forgotten.
#[derive(Debug, Default)]
struct Options {
    replaces: bool,
    absolute: bool,
}

impl Options {
    fn parse(mut args: &[&[u8]]) -> Result<Options, Reply> {
        let mut options = Options::default();
        let (mut idle, mut frequency) = (false, false);
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
                [value, rest @ ..] if is(option, "IDLETIME") && !frequency => {
                    if integer_argument(value)? < 0 {
                        return Err(Reply::error("ERR Invalid IDLETIME value, must be >= 0"));
                    }
                    idle = true;
                    rest
                }
                [value, rest @ ..] if is(option, "FREQ") && !idle => {
                    if !(0..=255).contains(&integer_argument(value)?) {
                        return Err(Reply::error(
                            "ERR Invalid FREQ value, must be >= 0 and <= 255",
                        ));
                    }
                    frequency = true;
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
    context
        .keyspace
        .set(context.client.database, key, value, deadline);
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
