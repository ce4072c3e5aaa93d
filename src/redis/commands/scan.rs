//! What SCAN, HSCAN, SSCAN and ZSCAN have in common.

use bytes::Bytes;

use super::args::is;
use crate::redis::context::Context;
use crate::redis::glob;
use crate::redis::number::integer_argument;
use crate::redis::reply::Reply;
use crate::redis::values::{Edit, Kind};

/// One step of a scan.
#[derive(Debug)]
pub(super) struct Scan<'a> {
    pub(super) cursor: u64,
    /// How many to look at, about.
    pub(super) count: usize,
    pattern: Option<&'a [u8]>,
    /// Of SCAN only: the type of the keys that are wanted.
    pub(super) of_type: Option<&'a [u8]>,
}

impl<'a> Scan<'a> {
    /// Reads what follows the cursor.
    pub(super) fn parse(
        cursor: u64,
        mut options: &[&'a [u8]],
        of_keys: bool,
    ) -> Result<Scan<'a>, Reply> {
        let mut scan = Scan {
            cursor,
            count: 10,
            pattern: None,
            of_type: None,
        };
        while let [option, value, rest @ ..] = options {
            if is(option, "COUNT") {
                let count = integer_argument(value)?;
                scan.count = usize::try_from(count)
                    .ok()
                    .filter(|count| *count > 0)
                    .ok_or(Reply::SYNTAX)?;
            } else if is(option, "MATCH") {
                scan.pattern = Some(value);
            } else if of_keys && is(option, "TYPE") {
                scan.of_type = Some(value);
            } else {
                return Err(Reply::SYNTAX);
            }
            options = rest;
        }
        options.is_empty().then_some(scan).ok_or(Reply::SYNTAX)
    }

    pub(super) fn wants(&self, name: &[u8]) -> bool {
        self.pattern
            .is_none_or(|pattern| glob::matches(pattern, name))
    }
}

/// Reads a cursor as C's `strtoul` does, which knows signs and takes nothing
/// for 0.
pub(super) fn cursor(arg: &[u8]) -> Result<u64, Reply> {
    let digits = match arg {
        [b'-' | b'+', digits @ ..] if !digits.is_empty() => digits,
        digits => digits,
    };
    let parsed = match digits {
        [] => Some(0),
        [first, ..] if first.is_ascii_digit() => std::str::from_utf8(digits)
            .ok()
            .and_then(|d| d.parse::<u64>().ok()),
        _ => None,
    };
    let negative = arg.first() == Some(&b'-');
    parsed
        .map(|number| {
            if negative {
                number.wrapping_neg()
            } else {
                number
            }
        })
        .ok_or(Reply::error("ERR invalid cursor"))
}

pub(super) fn reply(cursor: u64, found: Vec<Reply>) -> Reply {
    Reply::Array(vec![
        Reply::Bulk(Bytes::from(cursor.to_string())),
        Reply::Array(found),
    ])
}

/// One step through a value: `step` gives the next cursor and what it found.
pub(super) fn of_value<K: Kind>(
    context: &mut Context<'_>,
    args: &[&[u8]],
    step: impl FnOnce(&Scan<'_>, &mut K) -> (u64, Vec<Reply>),
) -> Result<Reply, Reply> {
    let cursor = cursor(args[2])?;
    if !context.has::<K>(args[1])? {
        return Ok(reply(0, Vec::new()));
    }
    let scan = Scan::parse(cursor, &args[3..], false)?;
    let (cursor, found) = context.edit(args[1], |value| Edit::unchanged(step(&scan, value)))?;
    Ok(reply(cursor, found))
}
