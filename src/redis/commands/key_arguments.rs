//! COMMAND GETKEYS: which arguments of a command are keys.

use super::args::{answer, bulk, is};
use super::catalogue::Facts;
use super::{Command, facts, find, migrate};
use crate::redis::context::Context;
use crate::redis::number::parse_integer;
use crate::redis::reply::Reply;

pub(super) fn getkeys(_: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let called = &args[2..];
    let Some(command) = find(called) else {
        return Reply::error("ERR Invalid command specified");
    };
    if !facts(command.name).is_some_and(Facts::has_keys) {
        return Reply::error("ERR The command has no key arguments");
    }
    if !command.accepts(called.len()) {
        return Reply::error("ERR Invalid number of arguments specified for command");
    }
    answer(keys_of(command, called).map(|keys| Reply::Array(keys.into_iter().map(bulk).collect())))
}

/// The keys among the arguments.
pub(in crate::redis) fn keys_of<'a>(
    command: &Command,
    args: &[&'a [u8]],
) -> Result<Vec<&'a [u8]>, Reply> {
    const INVALID: Reply = Reply::error("ERR Invalid arguments specified for command");
    let fixed = fixed(command, args);
    let (counted_at, otherwise) = match command.name {
        "eval" | "eval_ro" | "evalsha" | "evalsha_ro" | "fcall" | "fcall_ro" => (2, Ok(Vec::new())),
        "blmpop" | "bzmpop" | "zdiffstore" | "zinterstore" | "zunionstore" => (2, Err(INVALID)),
        "lmpop" | "zmpop" | "sintercard" | "zdiff" | "zinter" | "zintercard" | "zunion" => {
            (1, Err(INVALID))
        }
        "sort" => return Ok(sorted(args)),
        "georadius" => return Ok(near(args, 6)),
        "georadiusbymember" => return Ok(near(args, 5)),
        "migrate" => {
            let keys = migrate::keys(args).filter(|keys| !keys.is_empty());
            return keys.map(|keys| args[keys].to_vec()).ok_or(INVALID);
        }
        "xread" | "xreadgroup" => return streams(args).ok_or(INVALID),
        name => {
            let error = Reply::error("ERR The command has no key arguments");
            let has_keys = facts(name).is_some_and(Facts::has_keys);
            return fixed.filter(|_| has_keys).ok_or(error);
        }
    };
    let count = parse_integer(args[counted_at]).and_then(|count| usize::try_from(count).ok());
    let count = count.filter(|count| *count > 0);
    match count.and_then(|count| args[counted_at + 1..].get(..count)) {
        Some(counted) => {
            let fixed = fixed.into_iter().flatten();
            Ok(fixed.chain(counted.iter().copied()).collect())
        }
        None => otherwise,
    }
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

/// The list that SORT sorts, and where it puts it.
fn sorted<'a>(args: &[&'a [u8]]) -> Vec<&'a [u8]> {
    let store = store_of_sort(args).and_then(|at| args.get(at));
    args.get(1).into_iter().chain(store).copied().collect()
}

/// The argument that says where SORT puts what it sorts: the last STORE's.
pub(super) fn store_of_sort(args: &[&[u8]]) -> Option<usize> {
    let mut store = None;
    let mut at = 2;
    while let Some(option) = args.get(at) {
        at += match option {
            option if is(option, "LIMIT") => 2,
            option if is(option, "GET") || is(option, "BY") => 1,
            option if is(option, "STORE") => {
                store = (at + 1 < args.len()).then_some(at + 1).or(store);
                0
            }
            _ => 0,
        };
        at += 1;
    }
    store
}

/// Where GEORADIUS looks, and where it may put what it finds: after the first
/// STORE and the first STOREDIST, though it takes only the last of both.
fn near<'a>(args: &[&'a [u8]], options_at: usize) -> Vec<&'a [u8]> {
    let options = args.get(options_at..).unwrap_or_default();
    let pairs = || options.windows(2);
    let after = |word| pairs().find(|pair| is(pair[0], word)).map(|pair| pair[1]);
    let stores = [after("STORE"), after("STOREDIST")];
    let places = args.get(1).into_iter().copied();
    places.chain(stores.into_iter().flatten()).collect()
}

fn streams<'a>(args: &[&'a [u8]]) -> Option<Vec<&'a [u8]>> {
    let at = args.iter().position(|arg| is(arg, "STREAMS"))?;
    let rest = &args[at + 1..];
    let keys = &rest[..rest.len() / 2];
    (!keys.is_empty()).then(|| keys.to_vec())
}
