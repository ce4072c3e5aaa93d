//! EVAL and the script cache.

use bytes::Bytes;

use super::{Command, Flags, Handler::Container, Handler::Plain, Handler::Script, command};
use crate::redis::blocked::Attempt;
use crate::redis::bug::Bug;
use crate::redis::context::Context;
use crate::redis::number::integer_argument;
use crate::redis::reply::Reply;
use crate::redis::scripts::{Compiled, Invocation, Kind, Progress, Scripts};

const NO_SCRIPT: Flags = Flags::NO_SCRIPT;
const RUN_ANY: Flags = NO_SCRIPT
    .and(Flags::STALE)
    .and(Flags::SKIP_MONITOR)
    .and(Flags::NO_MANDATORY_KEYS)
    .and(Flags::MOVABLE_KEYS);
/// What runs scripts.
pub(super) const RUN: Flags = RUN_ANY.and(Flags::MAY_REPLICATE);
pub(super) const RUN_READ_ONLY: Flags = RUN_ANY.and(Flags::READONLY);
/// What ends one.
pub(super) const KILL: Flags = NO_SCRIPT.and(Flags::ALLOW_BUSY);
const ANY: Flags = Flags::LOADING.and(Flags::STALE);

#[rustfmt::skip]
pub(super) const COMMANDS: &[Command] = &[
    command!("eval", "EVAL", -3, RUN, (0, 0, 0), Script(eval)),
    command!("eval_ro", "EVAL", -3, RUN_READ_ONLY, (0, 0, 0), Script(eval_ro)),
    command!("evalsha", "EVAL", -3, RUN, (0, 0, 0), Script(evalsha)),
    command!("evalsha_ro", "EVAL", -3, RUN_READ_ONLY, (0, 0, 0), Script(evalsha_ro)),
    command!("script", "SCRIPT", -2, Flags::NONE, (0, 0, 0), Container(SCRIPT)),
];

#[rustfmt::skip]
const SCRIPT: &[Command] = &[
    command!("script|debug", "SCRIPT", 3, NO_SCRIPT, (0, 0, 0), Plain(debug)),
    command!("script|exists", "SCRIPT", -3, NO_SCRIPT, (0, 0, 0), Script(exists)),
    command!("script|flush", "SCRIPT", -2, NO_SCRIPT, (0, 0, 0), Script(flush)),
    command!("script|help", "SCRIPT", 2, ANY, (0, 0, 0), Plain(help)),
    command!("script|kill", "SCRIPT", 2, KILL, (0, 0, 0), Script(kill)),
    command!("script|load", "SCRIPT", 3, NO_SCRIPT.and(Flags::STALE), (0, 0, 0), Script(load)),
];

/// Of a SHA-1 in hexadecimal.
const SHA_LENGTH: usize = 40;
const NO_SUCH_SCRIPT: Reply = Reply::error("NOSCRIPT No matching script. Please use EVAL.");

fn eval(context: &mut Context<'_>, scripts: &mut Scripts, args: &[&[u8]]) -> Attempt {
    run(context, scripts, args, false, Scripts::compile)
}

fn eval_ro(context: &mut Context<'_>, scripts: &mut Scripts, args: &[&[u8]]) -> Attempt {
    run(context, scripts, args, true, Scripts::compile)
}

fn evalsha(context: &mut Context<'_>, scripts: &mut Scripts, args: &[&[u8]]) -> Attempt {
    run_sha(context, scripts, args, false)
}

fn evalsha_ro(context: &mut Context<'_>, scripts: &mut Scripts, args: &[&[u8]]) -> Attempt {
    run_sha(context, scripts, args, true)
}

/// What cannot be a digest is refused before the other arguments are read.
fn run_sha(
    context: &mut Context<'_>,
    scripts: &mut Scripts,
    args: &[&[u8]],
    read_only: bool,
) -> Attempt {
    if args[1].len() != SHA_LENGTH {
        return Attempt::Done(NO_SUCH_SCRIPT);
    }
    run(context, scripts, args, read_only, |scripts, sha| {
        scripts.find(sha).cloned().ok_or(NO_SUCH_SCRIPT)
    })
}

fn run(
    context: &mut Context<'_>,
    scripts: &mut Scripts,
    args: &[&[u8]],
    read_only: bool,
    find: impl FnOnce(&mut Scripts, &[u8]) -> Result<Compiled, Reply>,
) -> Attempt {
    let found = integer_argument(args[2])
        .and_then(|keys| count_keys(keys, args))
        .and_then(|keys| Ok((keys, find(scripts, args[1])?)));
    let (keys, script) = match found {
        Ok(found) => found,
        Err(error) => return Attempt::Done(error),
    };
    let invocation = Invocation {
        argv: args,
        keys,
        read_only,
    };
    scripts.run(context, &script, &invocation).into()
}

impl From<Progress> for Attempt {
    fn from(progress: Progress) -> Attempt {
        match progress {
            Progress::Ended(reply) => Attempt::Done(reply),
            Progress::Paused => Attempt::Unfinished,
        }
    }
}

/// How many keys there are in `EVAL script numkeys key... arg...`.
pub(super) fn count_keys(keys: i64, args: &[&[u8]]) -> Result<usize, Reply> {
    match usize::try_from(keys) {
        Ok(keys) if keys <= args.len() - 3 => Ok(keys),
        Ok(_) => Err(Reply::error(
            "ERR Number of keys can't be greater than number of args",
        )),
        Err(_) => Err(Reply::error("ERR Number of keys can't be negative")),
    }
}

/// The flags of a command: what runs a script that has flags has those.
pub(in crate::redis) fn flags(scripts: &Scripts, command: &Command, args: &[&[u8]]) -> Flags {
    let of_script = match (command.name, args) {
        ("eval" | "eval_ro", [_, text, ..]) => Scripts::flags_of_text(text),
        ("evalsha" | "evalsha_ro", [_, sha, ..]) => scripts.find(sha).and_then(Compiled::flags),
        ("fcall" | "fcall_ro", [_, name, ..]) => {
            let function = scripts.libraries.function(name);
            function.and_then(Compiled::flags)
        }
        _ => None,
    };
    of_script.map_or(command.flags, |flags| flags.of_command(command.flags))
}

fn load(_: &mut Context<'_>, scripts: &mut Scripts, args: &[&[u8]]) -> Attempt {
    Attempt::Done(match scripts.compile(args[2]) {
        Ok(script) => Reply::Bulk(Bytes::copy_from_slice(script.name().as_bytes())),
        Err(error) => error,
    })
}

fn exists(_: &mut Context<'_>, scripts: &mut Scripts, args: &[&[u8]]) -> Attempt {
    let found = args[2..]
        .iter()
        .map(|sha| Reply::Integer(scripts.find(sha).is_some().into()));
    Attempt::Done(Reply::Array(found.collect()))
}

fn flush(_: &mut Context<'_>, scripts: &mut Scripts, args: &[&[u8]]) -> Attempt {
    let known =
        |mode: &[u8]| mode.eq_ignore_ascii_case(b"SYNC") || mode.eq_ignore_ascii_case(b"ASYNC");
    match args {
        [_, _] => {}
        [_, _, mode] if known(mode) => {}
        _ => {
            let why = "ERR SCRIPT FLUSH only support SYNC|ASYNC option";
            return Attempt::Done(Reply::error(why));
        }
    }
    scripts.flush();
    Attempt::Done(Reply::OK)
}

fn kill(context: &mut Context<'_>, scripts: &mut Scripts, _: &[&[u8]]) -> Attempt {
    let planted = context.keyspace.planted(Bug::KillsAfterWrite);
    Attempt::Done(scripts.kill(Kind::Script, planted))
}

/// There is no debugger.
fn debug(_: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    match args[2].to_ascii_lowercase().as_slice() {
        b"no" => Reply::OK,
        b"yes" | b"sync" => Reply::error("ERR The Lua debugger is not simulated"),
        _ => Reply::error("ERR Use SCRIPT DEBUG YES/SYNC/NO"),
    }
}

fn help(_: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::help(
        "SCRIPT",
        &[
            "DEBUG (YES|SYNC|NO)",
            "    Set the debug mode for subsequent scripts executed.",
            "EXISTS <sha1> [<sha1> ...]",
            "    Return information about the existence of the scripts in the script cache.",
            "FLUSH [ASYNC|SYNC]",
            "    Flush the Lua scripts cache. Very dangerous on replicas.",
            "    When called without the optional mode argument, the behavior is determined by the",
            "    lazyfree-lazy-user-flush configuration directive. Valid modes are:",
            "    * ASYNC: Asynchronously flush the scripts cache.",
            "    * SYNC: Synchronously flush the scripts cache.",
            "KILL",
            "    Kill the currently executing Lua script.",
            "LOAD <script>",
            "    Load a script into the scripts cache without executing it.",
        ],
    )
}
