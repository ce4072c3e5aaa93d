//! COMMAND GETKEYS: which arguments of a command are keys.

use super::args::is;
use super::{Command, find};
use crate::redis::engine::Context;
use crate::redis::number::parse_integer;
use crate::redis::reply::Reply;

pub(super) fn getkeys(_: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let called = &args[2..];
    let Some(command) = find(called) else {
        return Reply::error("ERR Invalid command specified");
    };
    if !command.accepts(called.len()) {
        return Reply::error("ERR Invalid number of arguments specified for command");
    }
    match keys(command, called) {
        None => Reply::error("ERR The command has no key arguments"),
        Some(keys) => {
            let keys = keys.into_iter().map(super::args::bulk);
            Reply::Array(keys.collect())
        }
    }
}

/// The keys among the arguments; none if the command takes none.
fn keys<'a>(command: &Command, args: &[&'a [u8]]) -> Option<Vec<&'a [u8]>> {
    let counted_at = match command.name {
        "eval" | "eval_ro" | "evalsha" | "evalsha_ro" | "blmpop" | "bzmpop" | "zdiffstore"
        | "zinterstore" | "zunionstore" => Some(2),
        "lmpop" | "zmpop" | "sintercard" | "zdiff" | "zinter" | "zintercard" | "zunion" => Some(1),
        "xread" | "xreadgroup" => return Some(streams(args)),
        _ => None,
    };
    let fixed = fixed(command, args);
    let Some(at) = counted_at else {
        return fixed;
    };
    let count = parse_integer(args[at]).and_then(|count| usize::try_from(count).ok());
    let counted = args[at + 1..].iter().take(count.unwrap_or(0)).copied();
    Some(fixed.into_iter().flatten().chain(counted).collect())
}

/// Those at the places that COMMAND INFO tells.
fn fixed<'a>(command: &Command, args: &[&'a [u8]]) -> Option<Vec<&'a [u8]>> {
    let (first, last, step) = command.keys;
    let first = usize::try_from(first).ok().filter(|first| *first > 0)?;
    let from_end = usize::try_from(-last).ok().filter(|_| last < 0);
    let last = match from_end {
        Some(back) => args.len().saturating_sub(back),
        None => usize::try_from(last).unwrap_or(0),
    };
    let range = args.get(first..=last).unwrap_or_default();
    let step = usize::try_from(step).unwrap_or(1).max(1);
    Some(range.iter().step_by(step).copied().collect())
}

fn streams<'a>(args: &[&'a [u8]]) -> Vec<&'a [u8]> {
    let at = args.iter().position(|arg| is(arg, "STREAMS"));
    let rest = at.map_or(&[][..], |at| &args[at + 1..]);
    rest[..rest.len() / 2].to_vec()
}
