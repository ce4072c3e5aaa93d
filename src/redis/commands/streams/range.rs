//! What looks at entries by their IDs: XLEN, XRANGE, XREVRANGE.

use super::{entry_reply, range_end, range_start};
use crate::redis::commands::args::{answer, is};
use crate::redis::context::Context;
use crate::redis::number::integer_argument;
use crate::redis::reply::Reply;
use crate::redis::values::Stream;

pub(super) fn xlen(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let stream = context.read(args[1]);
    answer(stream.map(|stream| Reply::count(stream.map_or(0, |stream: &Stream| stream.length))))
}

pub(super) fn xrange(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(range(context, args, false))
}

pub(super) fn xrevrange(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(range(context, args, true))
}

fn range(context: &mut Context<'_>, args: &[&[u8]], reverse: bool) -> Result<Reply, Reply> {
    let (start, end) = if reverse {
        (args[3], args[2])
    } else {
        (args[2], args[3])
    };
    let ids = range_start(start)?..=range_end(end)?;
    let mut most = usize::MAX;
    let mut options = &args[4..];
    while let Some((option, rest)) = options.split_first() {
        options = match rest {
            [value, rest @ ..] if is(option, "COUNT") => {
                most = usize::try_from(integer_argument(value)?).unwrap_or(0);
                rest
            }
            _ => return Err(Reply::SYNTAX),
        };
    }
    let Some(stream) = context.read::<Stream>(args[1])? else {
        return Ok(Reply::Array(Vec::new()));
    };
    if most == 0 {
        return Ok(Reply::NullArray);
    }
    let entries = stream.range(ids);
    Ok(Reply::Array(if reverse {
        entries.rev().take(most).map(entry_reply).collect()
    } else {
        entries.take(most).map(entry_reply).collect()
    }))
}
