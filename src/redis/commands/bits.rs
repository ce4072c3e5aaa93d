//! Strings as rows of bits, the highest bit of a byte first.

use bytes::Bytes;

use super::args::{answer, is};
use super::{Command, Flags, Handler::Plain, command};
use crate::redis::context::Context;
use crate::redis::events::Class;
use crate::redis::keyspace::Deadline;
use crate::redis::number::{integer_argument, parse_integer};
use crate::redis::reply::Reply;
use crate::redis::values::Made;

const READ: Flags = Flags::READONLY;
const FAST_READ: Flags = Flags::READONLY.and(Flags::FAST);
const WRITE: Flags = Flags::WRITE.and(Flags::DENY_OOM);

#[rustfmt::skip]
pub(super) const COMMANDS: &[Command] = &[
    command!("bitcount", "BITCOUNT", -2, READ, (1, 1, 1), Plain(bitcount)),
    command!("bitfield", "BITFIELD", -2, WRITE, (1, 1, 1), Plain(bitfield)),
    command!("bitfield_ro", "BITFIELD", -2, FAST_READ, (1, 1, 1), Plain(bitfield_ro)),
    command!("bitop", "BITOP", -4, WRITE.and(Flags::READS), (2, -1, 1), Plain(bitop)),
    command!("bitpos", "BITPOS", -3, READ, (1, 1, 1), Plain(bitpos)),
    command!("getbit", "GETBIT", 3, FAST_READ, (1, 1, 1), Plain(getbit)),
    command!("setbit", "SETBIT", 4, WRITE, (1, 1, 1), Plain(setbit)),
];

const BAD_OFFSET: Reply = Reply::error("ERR bit offset is not an integer or out of range");

/// An offset below `proto-max-bulk-len`, which binds no primary and no file.
fn bit_offset(context: &Context<'_>, arg: &[u8], scale: i64) -> Result<usize, Reply> {
    let bytes_max = match context.is_applying() {
        true => usize::MAX,
        false => context.server.config.bulk_max,
    };
    parse_integer(arg)
        .and_then(|offset| offset.checked_mul(scale))
        .and_then(|offset| usize::try_from(offset).ok())
        .filter(|offset| offset / 8 < bytes_max)
        .ok_or(BAD_OFFSET)
}

fn bit(text: &[u8], offset: usize) -> bool {
    let byte = text.get(offset / 8).copied().unwrap_or(0);
    byte >> (7 - offset % 8) & 1 == 1
}

fn put_bit(text: &mut [u8], offset: usize, on: bool) {
    let mask = 1 << (7 - offset % 8);
    if on {
        text[offset / 8] |= mask;
    } else {
        text[offset / 8] &= !mask;
    }
}

/// The string at `key`, long enough for a bit, and whether it had to grow. It
/// is about to be written to in place, whether or not that changes it.
fn grown(context: &mut Context<'_>, key: &[u8], last: usize) -> Result<(Vec<u8>, bool), Reply> {
    let old = context.string(key)?;
    context.keyspace.unpack(context.client.database, key);
    let mut text = old.as_ref().map_or_else(Vec::new, |text| text.to_vec());
    let needed = last / 8 + 1;
    let grows = old.is_none() || text.len() < needed;
    text.resize(text.len().max(needed), 0);
    Ok((text, grows))
}

fn getbit(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(bit_offset(context, args[2], 1).and_then(|offset| {
        let text = context.string(args[1])?.unwrap_or_default();
        Ok(Reply::Integer(bit(&text, offset).into()))
    }))
}

fn setbit(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(bit_offset(context, args[2], 1).and_then(|offset| {
        let on = match parse_integer(args[3]) {
            Some(on @ (0 | 1)) => on == 1,
            _ => return Err(Reply::error("ERR bit is not an integer or out of range")),
        };
        let (mut text, grew) = grown(context, args[1], offset)?;
        let old = bit(&text, offset);
        if grew || old != on {
            put_bit(&mut text, offset, on);
            context.write_string(args[1], text.into(), Made::InPlace, Deadline::Keep);
            context.notify(Class::STRING, "setbit", args[1]);
        }
        Ok(Reply::Integer(old.into()))
    }))
}

/// The part of a string that BITCOUNT and BITPOS look at, in bits, both ends
/// included; none if there is nothing in it.
fn bits_between(
    first: i64,
    last: i64,
    length: usize,
    in_bits: bool,
) -> Option<std::ops::RangeInclusive<usize>> {
    let scale = if in_bits { 1 } else { 8 };
    let total = i64::try_from(length * 8 / scale).ok()?;
    let from_end = |index: i64| match index < 0 {
        true => index.saturating_add(total).max(0),
        false => index,
    };
    let (first, last) = (from_end(first), from_end(last).min(total - 1));
    if first > last {
        return None;
    }
    let (first, last) = (usize::try_from(first).ok()?, usize::try_from(last).ok()?);
    Some(first * scale..=last * scale + scale - 1)
}

fn unit_is_bit(arg: Option<&&[u8]>) -> Result<bool, Reply> {
    match arg {
        None => Ok(false),
        Some(word) if is(word, "BIT") => Ok(true),
        Some(word) if is(word, "BYTE") => Ok(false),
        Some(_) => Err(Reply::SYNTAX),
    }
}

fn bitcount(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(context.string(args[1]).and_then(|text| {
        let Some(text) = text else {
            return Ok(Reply::Integer(0));
        };
        let range = match args {
            [_, _] => bits_between(0, -1, text.len(), false),
            [_, _, first, last, unit @ ..] if unit.len() < 2 => {
                let (first, last) = (integer_argument(first)?, integer_argument(last)?);
                if first < 0 && last < 0 && first > last {
                    return Ok(Reply::Integer(0));
                }
                bits_between(first, last, text.len(), unit_is_bit(unit.first())?)
            }
            _ => return Err(Reply::SYNTAX),
        };
        Ok(Reply::count(range.map_or(0, |range| ones(&text, range))))
    }))
}

fn ones(text: &[u8], range: std::ops::RangeInclusive<usize>) -> usize {
    let (first, last) = range.into_inner();
    let bytes = &text[first / 8..=last / 8];
    let all: u32 = bytes.iter().map(|byte| byte.count_ones()).sum();
    let before = (text[first / 8] & !(0xff >> (first % 8))).count_ones();
    let after = (u16::from(text[last / 8]) & (0xff >> (last % 8 + 1))).count_ones();
    usize::try_from(all - before - after).unwrap_or(0)
}

fn bitpos(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(integer_argument(args[2]).and_then(|wanted| {
        let wanted = match wanted {
            0 => false,
            1 => true,
            _ => return Err(Reply::error("ERR The bit argument must be 1 or 0.")),
        };
        let Some(text) = context.string(args[1])? else {
            return Ok(Reply::Integer(if wanted { -1 } else { 0 }));
        };
        let (range, end_given) = match &args[3..] {
            [] => (bits_between(0, -1, text.len(), false), false),
            [first] => (
                bits_between(integer_argument(first)?, -1, text.len(), false),
                false,
            ),
            [first, last, unit @ ..] if unit.len() < 2 => {
                let first = integer_argument(first)?;
                let in_bits = unit_is_bit(unit.first())?;
                let last = integer_argument(last)?;
                (bits_between(first, last, text.len(), in_bits), true)
            }
            _ => return Err(Reply::SYNTAX),
        };
        let Some(range) = range else {
            return Ok(Reply::Integer(-1));
        };
        let end = range.end() + 1;
        Ok(match find_bit(&text, range, wanted) {
            Some(position) => Reply::count(position),
            // What follows the string is taken for zeros.
            None if !wanted && !end_given => Reply::count(end),
            None => Reply::Integer(-1),
        })
    }))
}

fn find_bit(text: &[u8], range: std::ops::RangeInclusive<usize>, wanted: bool) -> Option<usize> {
    let (first, last) = range.into_inner();
    let nothing = if wanted { 0 } else { 0xff };
    let mut offset = first;
    while offset <= last {
        if offset % 8 == 0 && text[offset / 8] == nothing {
            offset += 8;
        } else if bit(text, offset) == wanted {
            return Some(offset);
        } else {
            offset += 1;
        }
    }
    None
}

fn bitop(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(combined(context, args).map(|text| {
        let length = text.len();
        if length > 0 {
            context.write_string(args[2], text.into(), Made::InPlace, Deadline::Clear);
            context.notify(Class::STRING, "set", args[2]);
        } else if context.delete(args[2]) {
            context.notify(Class::GENERIC, "del", args[2]);
        }
        Reply::count(length)
    }))
}

fn combined(context: &mut Context<'_>, args: &[&[u8]]) -> Result<Vec<u8>, Reply> {
    let combine: fn(u8, u8) -> u8 = match args[1] {
        word if is(word, "AND") => |left, right| left & right,
        word if is(word, "OR") => |left, right| left | right,
        word if is(word, "XOR") => |left, right| left ^ right,
        word if is(word, "NOT") => |left, _| left,
        _ => return Err(Reply::SYNTAX),
    };
    let inverts = is(args[1], "NOT");
    if inverts && args.len() != 4 {
        return Err(Reply::error(
            "ERR BITOP NOT must be called with a single source key.",
        ));
    }
    let mut sources = Vec::new();
    for key in &args[3..] {
        sources.push(context.string(key)?.unwrap_or_default());
    }
    let length = sources.iter().map(Bytes::len).max().unwrap_or(0);
    let at = |source: &Bytes, index| source.get(index).copied().unwrap_or(0);
    let result = (0..length).map(|index| {
        let first = at(&sources[0], index);
        let rest = sources[1..].iter().map(|source| at(source, index));
        let byte = rest.fold(first, combine);
        if inverts { !byte } else { byte }
    });
    Ok(result.collect())
}

/// An integer inside a string.
#[derive(Debug, Clone, Copy)]
struct Field {
    signed: bool,
    bits: u32,
    offset: usize,
}

impl Field {
    fn parse(context: &Context<'_>, kind: &[u8], offset: &[u8]) -> Result<Field, Reply> {
        let invalid = Reply::error(
            "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported \
             but i64 is.",
        );
        let (signed, most) = match kind.first() {
            Some(b'i') => (true, 64),
            Some(b'u') => (false, 63),
            _ => return Err(invalid),
        };
        let bits = parse_integer(&kind[1..])
            .filter(|bits| (1..=most).contains(bits))
            .and_then(|bits| u32::try_from(bits).ok())
            .ok_or(invalid)?;
        let offset = match offset {
            [b'#', index @ ..] => bit_offset(context, index, bits.into())?,
            offset => bit_offset(context, offset, 1)?,
        };
        Ok(Field {
            signed,
            bits,
            offset,
        })
    }

    fn last_bit(self) -> usize {
        self.offset + usize::try_from(self.bits).unwrap_or(64) - 1
    }

    fn get(self, text: &[u8]) -> i128 {
        let bits = (self.offset..=self.last_bit()).map(|offset| i128::from(bit(text, offset)));
        self.wrap(bits.fold(0, |value, bit| value << 1 | bit))
    }

    fn set(self, text: &mut [u8], value: i128) {
        for (distance, offset) in (self.offset..=self.last_bit()).rev().enumerate() {
            put_bit(text, offset, value >> distance & 1 == 1);
        }
    }

    /// What is left of a value when it is stored.
    fn wrap(self, value: i128) -> i128 {
        let unused = i128::BITS - self.bits;
        if self.signed {
            value << unused >> unused
        } else {
            value & ((1 << self.bits) - 1)
        }
    }

    fn saturate(self, value: i128) -> i128 {
        let (min, max) = match self.signed {
            true => (-(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1),
            false => (0, (1 << self.bits) - 1),
        };
        value.clamp(min, max)
    }
}

/// What happens to a value that does not fit.
#[derive(Debug, Clone, Copy)]
enum Overflow {
    Wrap,
    Saturate,
    Fail,
}

/// One step of BITFIELD.
#[derive(Debug, Clone, Copy)]
enum Step {
    Get(Field),
    Set(Field, i64, Overflow),
    Add(Field, i64, Overflow),
}

fn steps(context: &Context<'_>, mut args: &[&[u8]]) -> Result<Vec<Step>, Reply> {
    let mut overflow = Overflow::Wrap;
    let mut steps = Vec::new();
    while let Some((word, rest)) = args.split_first() {
        args = match rest {
            [kind, offset, rest @ ..] if is(word, "GET") => {
                steps.push(Step::Get(Field::parse(context, kind, offset)?));
                rest
            }
            [kind, offset, value, rest @ ..] if is(word, "SET") || is(word, "INCRBY") => {
                let field = Field::parse(context, kind, offset)?;
                let value = integer_argument(value)?;
                steps.push(match is(word, "SET") {
                    true => Step::Set(field, value, overflow),
                    false => Step::Add(field, value, overflow),
                });
                rest
            }
            [how, rest @ ..] if is(word, "OVERFLOW") => {
                overflow = match how {
                    how if is(how, "WRAP") => Overflow::Wrap,
                    how if is(how, "SAT") => Overflow::Saturate,
                    how if is(how, "FAIL") => Overflow::Fail,
                    _ => return Err(Reply::error("ERR Invalid OVERFLOW type specified")),
                };
                rest
            }
            _ => return Err(Reply::SYNTAX),
        };
    }
    Ok(steps)
}

fn bitfield(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(run_steps(context, args, false))
}

fn bitfield_ro(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(run_steps(context, args, true))
}

fn run_steps(context: &mut Context<'_>, args: &[&[u8]], read_only: bool) -> Result<Reply, Reply> {
    let steps = steps(context, &args[2..])?;
    let last_written = steps.iter().filter_map(|step| match step {
        Step::Get(_) => None,
        Step::Set(field, ..) | Step::Add(field, ..) => Some(field.last_bit()),
    });
    let Some(last) = last_written.max() else {
        context.count_lookups(true);
        let text = context.string(args[1])?.unwrap_or_default();
        let mut text = text.to_vec();
        let replies = steps.iter().map(|step| run_step(*step, &mut text).0);
        return Ok(Reply::Array(replies.collect()));
    };
    if read_only {
        return Err(Reply::error(
            "ERR BITFIELD_RO only supports the GET subcommand",
        ));
    }
    let (mut text, grew) = grown(context, args[1], last)?;
    let mut replies = Vec::with_capacity(steps.len());
    let mut changed = false;
    for step in steps {
        let (reply, written) = run_step(step, &mut text);
        replies.push(reply);
        changed |= written.is_some_and(|differs| grew || differs);
    }
    if changed || grew {
        context.write_string(args[1], text.into(), Made::InPlace, Deadline::Keep);
    }
    if changed {
        context.notify(Class::STRING, "setbit", args[1]);
    }
    Ok(Reply::Array(replies))
}

/// The reply, and if something was written, whether it is different now.
fn run_step(step: Step, text: &mut [u8]) -> (Reply, Option<bool>) {
    let integer = |value: i128| Reply::Integer(i64::try_from(value).unwrap_or(i64::MAX));
    let (field, value, overflow, adds) = match step {
        Step::Get(field) => return (integer(field.get(text)), None),
        Step::Set(field, value, overflow) => (field, value, overflow, false),
        Step::Add(field, value, overflow) => (field, value, overflow, true),
    };
    let old = field.get(text);
    let wanted = match (adds, field.signed) {
        (true, _) => old + i128::from(value),
        (false, true) => value.into(),
        (false, false) => value.cast_unsigned().into(),
    };
    let new = match overflow {
        Overflow::Wrap => field.wrap(wanted),
        Overflow::Saturate => field.saturate(wanted),
        Overflow::Fail if field.saturate(wanted) != wanted => return (Reply::Null, None),
        Overflow::Fail => wanted,
    };
    field.set(text, new);
    (integer(if adds { new } else { old }), Some(old != new))
}
