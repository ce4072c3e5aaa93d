//! PFADD and its kin: counts of different elements.

use bytes::Bytes;

use super::args::{answer, is};
use super::{Command, Flags, Handler::Plain, command};
use crate::redis::context::Context;
use crate::redis::events::Class;
use crate::redis::hyperloglog::{self, HyperLogLog, Registers, Run};
use crate::redis::keyspace::Deadline;
use crate::redis::reply::Reply;
use crate::redis::values::Made;

const ADD: Flags = Flags::WRITE.and(Flags::DENY_OOM).and(Flags::FAST);
const WRITE: Flags = Flags::WRITE.and(Flags::DENY_OOM);
const COUNT: Flags = Flags::READONLY.and(Flags::MAY_REPLICATE);
const DEBUG: Flags = WRITE.and(Flags::ADMIN);

#[rustfmt::skip]
pub(super) const COMMANDS: &[Command] = &[
    command!("pfadd", "PFADD", -2, ADD, (1, 1, 1), Plain(pfadd)),
    command!("pfcount", "PFCOUNT", -2, COUNT, (1, -1, 1), Plain(pfcount)),
    command!("pfdebug", "PFDEBUG", 3, DEBUG, (2, 2, 1), Plain(pfdebug)),
    command!("pfmerge", "PFMERGE", -2, WRITE.and(Flags::READS), (1, -1, 1), Plain(pfmerge)),
    command!("pfselftest", "PFSELFTEST", 1, Flags::ADMIN, (0, 0, 0), Plain(pfselftest)),
];

impl Context<'_> {
    fn hyperloglog(&mut self, key: &[u8]) -> Result<Option<HyperLogLog>, Reply> {
        let sparse_max = self.server.config.hll_sparse_max;
        let text = self.string(key)?;
        text.map(|text| HyperLogLog::read(text.to_vec(), sparse_max))
            .transpose()
    }

    fn write_hyperloglog(&mut self, key: &[u8], value: HyperLogLog) {
        let text = Bytes::from(value.into_bytes());
        self.write_string(key, text, Made::InPlace, Deadline::Keep);
    }
}

fn pfadd(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(context.hyperloglog(args[1]).and_then(|old| {
        let mut changed = old.is_none();
        let sparse_max = context.server.config.hll_sparse_max;
        let mut value = old.unwrap_or_else(|| HyperLogLog::new(sparse_max));
        for element in &args[2..] {
            changed |= value.add(element)?;
        }
        if changed {
            value.forget_cardinality();
            context.write_hyperloglog(args[1], value);
            context.notify(Class::STRING, "pfadd", args[1]);
        }
        Ok(Reply::Integer(changed.into()))
    }))
}

/// The count of one key is kept with it, which is a write.
fn pfcount(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(match args {
        [_, key] => count_one(context, key),
        _ => union(context, &args[1..]).map(|(registers, _)| {
            let count = hyperloglog::estimate(&registers);
            Reply::Integer(i64::try_from(count).unwrap_or(i64::MAX))
        }),
    })
}

fn count_one(context: &mut Context<'_>, key: &[u8]) -> Result<Reply, Reply> {
    let Some(mut value) = context.hyperloglog(key)? else {
        return Ok(Reply::Integer(0));
    };
    let (count, was_known) = value.cardinality()?;
    if !was_known {
        context.write_hyperloglog(key, value);
    }
    Ok(Reply::Integer(i64::try_from(count).unwrap_or(i64::MAX)))
}

/// The highest registers of all keys, and whether one of them is dense.
fn union(context: &mut Context<'_>, keys: &[&[u8]]) -> Result<(Registers, bool), Reply> {
    let mut union = HyperLogLog::new(0).registers()?;
    let mut is_dense = false;
    for key in keys {
        let Some(value) = context.hyperloglog(key)? else {
            continue;
        };
        is_dense |= value.is_dense();
        for (highest, register) in union.iter_mut().zip(value.registers()?.iter()) {
            *highest = (*highest).max(*register);
        }
    }
    Ok((union, is_dense))
}

fn pfmerge(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(union(context, &args[1..]).and_then(|(union, is_dense)| {
        let sparse_max = context.server.config.hll_sparse_max;
        context.count_lookups(false);
        let target = context.hyperloglog(args[1])?;
        let mut target = target.unwrap_or_else(|| HyperLogLog::new(sparse_max));
        if is_dense {
            target.make_dense()?;
        }
        target.merge(&union)?;
        context.write_hyperloglog(args[1], target);
        context.notify(Class::STRING, "pfadd", args[1]);
        Ok(Reply::OK)
    }))
}

fn pfdebug(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(context.hyperloglog(args[2]).and_then(|value| {
        let missing = Reply::error("ERR The specified key does not exist");
        let mut value = value.ok_or(missing)?;
        let command = args[1];
        if is(command, "DECODE") {
            return decode(&value);
        } else if is(command, "ENCODING") {
            let encoding = if value.is_dense() { "dense" } else { "sparse" };
            return Ok(Reply::status(encoding));
        }
        let shows = is(command, "GETREG");
        if !shows && !is(command, "TODENSE") {
            let text = [b"ERR Unknown PFDEBUG subcommand '", command, b"'"].concat();
            return Err(Reply::error_from(text));
        }
        let registers = value.registers()?;
        let changed = value.make_dense()?;
        if changed {
            context.write_hyperloglog(args[2], value);
        }
        Ok(match shows {
            true => Reply::Array(
                registers
                    .iter()
                    .map(|r| Reply::Integer((*r).into()))
                    .collect(),
            ),
            false => Reply::Integer(changed.into()),
        })
    }))
}

fn decode(value: &HyperLogLog) -> Result<Reply, Reply> {
    if value.is_dense() {
        return Err(Reply::error("ERR HLL encoding is not sparse"));
    }
    let runs = value.runs().map(|run| match run {
        Run::Zeros(length) => format!("z:{length}"),
        Run::ManyZeros(length) => format!("Z:{length}"),
        Run::Value(value, length) => format!("v:{value},{length}"),
    });
    Ok(Reply::Bulk(runs.collect::<Vec<String>>().join(" ").into()))
}

/// The tests of what it is made of are elsewhere.
fn pfselftest(_: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::OK
}
