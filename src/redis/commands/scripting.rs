//! EVAL and the script cache.

use bytes::Bytes;

use super::{Command, Flags, Handler::Container, Handler::Script, command};
use crate::redis::engine::Context;
use crate::redis::number::integer_argument;
use crate::redis::observer::{Outcome, ScriptRun};
use crate::redis::reply::Reply;
use crate::redis::scripts::{Compiled, Invocation, Scripts};

const EVAL: Flags = Flags::NO_SCRIPT;
const NO_SCRIPT: Flags = Flags::NO_SCRIPT;

pub(super) const COMMANDS: &[Command] = &[
    command!("eval", "EVAL", -3, EVAL, (0, 0, 0), Script(eval)),
    command!("eval_ro", "EVAL", -3, EVAL, (0, 0, 0), Script(eval_ro)),
    command!("evalsha", "EVAL", -3, EVAL, (0, 0, 0), Script(evalsha)),
    command!(
        "evalsha_ro",
        "EVAL",
        -3,
        EVAL,
        (0, 0, 0),
        Script(evalsha_ro)
    ),
    command!(
        "script",
        "SCRIPT",
        -2,
        Flags::NONE,
        (0, 0, 0),
        Container(SCRIPT)
    ),
];

const SCRIPT: &[Command] = &[
    command!(
        "script|exists",
        "SCRIPT",
        -3,
        NO_SCRIPT,
        (0, 0, 0),
        Script(exists)
    ),
    command!(
        "script|flush",
        "SCRIPT",
        -2,
        NO_SCRIPT,
        (0, 0, 0),
        Script(flush)
    ),
    command!(
        "script|kill",
        "SCRIPT",
        2,
        NO_SCRIPT,
        (0, 0, 0),
        Script(kill)
    ),
    command!(
        "script|load",
        "SCRIPT",
        3,
        NO_SCRIPT,
        (0, 0, 0),
        Script(load)
    ),
];

/// Of a SHA-1 in hexadecimal.
const SHA_LENGTH: usize = 40;
const NO_SUCH_SCRIPT: Reply = Reply::error("NOSCRIPT No matching script. Please use EVAL.");

fn eval(context: &mut Context<'_>, scripts: &mut Scripts, args: &[&[u8]]) -> Reply {
    run(context, scripts, args, false, compile)
}

fn eval_ro(context: &mut Context<'_>, scripts: &mut Scripts, args: &[&[u8]]) -> Reply {
    run(context, scripts, args, true, compile)
}

fn evalsha(context: &mut Context<'_>, scripts: &mut Scripts, args: &[&[u8]]) -> Reply {
    run_sha(context, scripts, args, false)
}

fn evalsha_ro(context: &mut Context<'_>, scripts: &mut Scripts, args: &[&[u8]]) -> Reply {
    run_sha(context, scripts, args, true)
}

fn compile(scripts: &mut Scripts, text: &[u8]) -> Result<Compiled, Reply> {
    scripts.compile(text)
}

/// What cannot be a digest is refused before the other arguments are read.
fn run_sha(
    context: &mut Context<'_>,
    scripts: &mut Scripts,
    args: &[&[u8]],
    read_only: bool,
) -> Reply {
    if args[1].len() != SHA_LENGTH {
        return NO_SUCH_SCRIPT;
    }
    run(context, scripts, args, read_only, |scripts, sha| {
        scripts.find(sha).ok_or(NO_SUCH_SCRIPT)
    })
}

fn run(
    context: &mut Context<'_>,
    scripts: &mut Scripts,
    args: &[&[u8]],
    read_only: bool,
    find: impl FnOnce(&mut Scripts, &[u8]) -> Result<Compiled, Reply>,
) -> Reply {
    let text_or_sha = args[1];
    let outcome = invocation(args, read_only).and_then(|invocation| {
        let script = find(scripts, text_or_sha)?;
        let reply = scripts.run(context, &script, &invocation);
        context.keyspace.observe(|observer| {
            observer.script_ran(&ScriptRun {
                sha: script.sha(),
                keys: invocation.keys,
                args: invocation.args,
                outcome: summary(&reply),
            });
        });
        Ok(reply)
    });
    outcome.unwrap_or_else(|error| error)
}

/// KEYS and ARGV of `EVAL script numkeys key... arg...`.
fn invocation<'a>(args: &'a [&'a [u8]], read_only: bool) -> Result<Invocation<'a>, Reply> {
    let keys = usize::try_from(integer_argument(args[2])?)
        .map_err(|_| Reply::error("ERR Number of keys can't be negative"))?;
    let (keys, args) = args[3..].split_at_checked(keys).ok_or(Reply::error(
        "ERR Number of keys can't be greater than number of args",
    ))?;
    Ok(Invocation {
        keys,
        args,
        read_only,
    })
}

fn summary(reply: &Reply) -> Outcome<'_> {
    match reply {
        Reply::Null | Reply::NullArray => Outcome::Nil,
        Reply::Integer(value) => Outcome::Integer(*value),
        Reply::Boolean(value) => Outcome::Integer((*value).into()),
        Reply::Status(text)
        | Reply::Bulk(text)
        | Reply::BigNumber(text)
        | Reply::Verbatim(_, text) => Outcome::Text(text),
        Reply::Error(text) => Outcome::Error(text),
        _ => Outcome::Compound,
    }
}

fn load(_: &mut Context<'_>, scripts: &mut Scripts, args: &[&[u8]]) -> Reply {
    match scripts.compile(args[2]) {
        Ok(script) => Reply::Bulk(Bytes::copy_from_slice(script.sha().as_bytes())),
        Err(error) => error,
    }
}

fn exists(_: &mut Context<'_>, scripts: &mut Scripts, args: &[&[u8]]) -> Reply {
    let found = args[2..]
        .iter()
        .map(|sha| Reply::Integer(scripts.find(sha).is_some().into()));
    Reply::Array(found.collect())
}

fn flush(_: &mut Context<'_>, scripts: &mut Scripts, args: &[&[u8]]) -> Reply {
    let known =
        |mode: &[u8]| mode.eq_ignore_ascii_case(b"SYNC") || mode.eq_ignore_ascii_case(b"ASYNC");
    match args {
        [_, _] => {}
        [_, _, mode] if known(mode) => {}
        _ => return Reply::error("ERR SCRIPT FLUSH only support SYNC|ASYNC option"),
    }
    scripts.flush();
    Reply::OK
}

/// Whoever asks comes after the script that ran.
fn kill(_: &mut Context<'_>, _: &mut Scripts, _: &[&[u8]]) -> Reply {
    Reply::error("NOTBUSY No scripts in execution right now.")
}
