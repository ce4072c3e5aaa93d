//! FUNCTION and FCALL: libraries of scripts that outlive a restart.

use bytes::Bytes;

use super::args::is;
use super::scripting::{KILL, RUN, RUN_READ_ONLY, count_keys};
use super::{Command, Flags, Handler::Container, Handler::Plain, Handler::Script, command};
use crate::redis::blocked::Attempt;
use crate::redis::bug::Bug;
use crate::redis::context::Context;
use crate::redis::glob;
use crate::redis::number::parse_integer;
use crate::redis::rdb;
use crate::redis::reply::Reply;
use crate::redis::scripts::{Compiled, Invocation, Kind, Libraries, Library, Scripts};

const READ: Flags = Flags::NO_SCRIPT;
const WRITE: Flags = READ.and(Flags::WRITE);
const GROW: Flags = WRITE.and(Flags::DENY_OOM);
const ANY: Flags = Flags::LOADING.and(Flags::STALE);

#[rustfmt::skip]
pub(super) const COMMANDS: &[Command] = &[
    command!("fcall", "FCALL", -3, RUN, (0, 0, 0), Script(fcall)),
    command!("fcall_ro", "FCALL", -3, RUN_READ_ONLY, (0, 0, 0), Script(fcall_ro)),
    command!("function", "FUNCTION", -2, Flags::NONE, (0, 0, 0), Container(FUNCTION)),
];

#[rustfmt::skip]
const FUNCTION: &[Command] = &[
    command!("function|delete", "FUNCTION", 3, WRITE, (0, 0, 0), Script(delete)),
    command!("function|dump", "FUNCTION", 2, READ, (0, 0, 0), Script(dump)),
    command!("function|flush", "FUNCTION", -2, WRITE, (0, 0, 0), Script(flush)),
    command!("function|help", "FUNCTION", 2, ANY, (0, 0, 0), Plain(help)),
    command!("function|kill", "FUNCTION", 2, KILL, (0, 0, 0), Script(kill)),
    command!("function|list", "FUNCTION", -2, READ, (0, 0, 0), Script(list)),
    command!("function|load", "FUNCTION", -3, GROW, (0, 0, 0), Script(load)),
    command!("function|restore", "FUNCTION", -3, GROW, (0, 0, 0), Script(restore)),
    command!("function|stats", "FUNCTION", 2, KILL, (0, 0, 0), Script(stats)),
];

fn fcall(context: &mut Context<'_>, scripts: &mut Scripts, args: &[&[u8]]) -> Attempt {
    run(context, scripts, args, false)
}

fn fcall_ro(context: &mut Context<'_>, scripts: &mut Scripts, args: &[&[u8]]) -> Attempt {
    run(context, scripts, args, true)
}

fn run(
    context: &mut Context<'_>,
    scripts: &mut Scripts,
    args: &[&[u8]],
    read_only: bool,
) -> Attempt {
    let (keys, function) = match called(scripts, args) {
        Ok(called) => called,
        Err(error) => return Attempt::Done(error),
    };
    let invocation = Invocation {
        argv: args,
        keys,
        read_only,
    };
    scripts.run(context, &function, &invocation).into()
}

/// How many keys FCALL names, and its function.
fn called(scripts: &Scripts, args: &[&[u8]]) -> Result<(usize, Compiled), Reply> {
    let function = scripts.libraries.function(args[1]);
    let function = function.ok_or(Reply::error("ERR Function not found"))?;
    let keys = parse_integer(args[2]).ok_or(Reply::error("ERR Bad number of keys provided"))?;
    Ok((count_keys(keys, args)?, function.clone()))
}

/// Notes that there are other libraries now.
fn changed(context: &mut Context<'_>, scripts: &Scripts) {
    let libraries = scripts.libraries.iter();
    context.keyspace.libraries = libraries.map(|library| library.code.clone()).collect();
    context.keyspace.count_change();
}

fn load(context: &mut Context<'_>, scripts: &mut Scripts, args: &[&[u8]]) -> Attempt {
    Attempt::Done(load_library(context, scripts, args).unwrap_or_else(|error| error))
}

fn load_library(
    context: &mut Context<'_>,
    scripts: &mut Scripts,
    args: &[&[u8]],
) -> Result<Reply, Reply> {
    let (code, options) = args[2..].split_last().ok_or(Reply::SYNTAX)?;
    if let Some(unknown) = options.iter().find(|option| !is(option, "REPLACE")) {
        let text = [b"ERR Unknown option given: ", *unknown].concat();
        return Err(Reply::error_from(text));
    }
    let mut libraries = std::mem::take(&mut scripts.libraries);
    let loaded = scripts.load(&mut libraries, code, !options.is_empty());
    scripts.libraries = libraries;
    let name = loaded?;
    changed(context, scripts);
    Ok(Reply::Bulk(name.into()))
}

fn delete(context: &mut Context<'_>, scripts: &mut Scripts, args: &[&[u8]]) -> Attempt {
    let name = String::from_utf8_lossy(args[2]);
    if scripts.libraries.remove(&name).is_none() {
        return Attempt::Done(Reply::error("ERR Library not found"));
    }
    changed(context, scripts);
    Attempt::Done(Reply::OK)
}

fn flush(context: &mut Context<'_>, scripts: &mut Scripts, args: &[&[u8]]) -> Attempt {
    Attempt::Done(match args {
        [_, _, mode] if !is(mode, "SYNC") && !is(mode, "ASYNC") => {
            Reply::error("ERR FUNCTION FLUSH only supports SYNC|ASYNC option")
        }
        [_, _] | [_, _, _] => {
            scripts.flush_libraries();
            changed(context, scripts);
            Reply::OK
        }
        _ => Reply::unknown_subcommand("FUNCTION", args[1]),
    })
}

fn list(_: &mut Context<'_>, scripts: &mut Scripts, args: &[&[u8]]) -> Attempt {
    Attempt::Done(list_libraries(&scripts.libraries, &args[2..]).unwrap_or_else(|error| error))
}

fn list_libraries(libraries: &Libraries, mut args: &[&[u8]]) -> Result<Reply, Reply> {
    let (mut with_code, mut pattern) = (false, None);
    while let Some((option, rest)) = args.split_first() {
        args = rest;
        if !with_code && is(option, "WITHCODE") {
            with_code = true;
        } else if pattern.is_none() && is(option, "LIBRARYNAME") {
            let (name, rest) = rest
                .split_first()
                .ok_or(Reply::error("ERR library name argument was not given"))?;
            (pattern, args) = (Some(name.to_ascii_lowercase()), rest);
        } else {
            let text = [b"ERR Unknown argument ", *option].concat();
            return Err(Reply::error_from(text));
        }
    }
    let is_wanted = |library: &&Library| {
        let name = library.name.to_ascii_lowercase();
        let pattern = pattern.as_ref();
        pattern.is_none_or(|pattern| glob::matches(pattern, name.as_bytes()))
    };
    let wanted = libraries.iter().filter(is_wanted);
    Ok(Reply::Array(
        wanted.map(|library| describe(library, with_code)).collect(),
    ))
}

fn describe(library: &Library, with_code: bool) -> Reply {
    let functions = library.functions.iter().map(|function| {
        let flags = function.flags.names().map(Reply::status).collect();
        let description = function.description.clone();
        Reply::Map(vec![
            (
                Reply::bulk("name"),
                Reply::Bulk(function.name.clone().into()),
            ),
            (
                Reply::bulk("description"),
                description.map_or(Reply::Null, Reply::Bulk),
            ),
            (Reply::bulk("flags"), Reply::Set(flags)),
        ])
    });
    let mut fields = vec![
        (
            Reply::bulk("library_name"),
            Reply::Bulk(library.name.clone().into()),
        ),
        (Reply::bulk("engine"), Reply::bulk("LUA")),
        (Reply::bulk("functions"), Reply::Array(functions.collect())),
    ];
    if with_code {
        fields.push((
            Reply::bulk("library_code"),
            Reply::Bulk(library.code.clone()),
        ));
    }
    Reply::Map(fields)
}

fn dump(_: &mut Context<'_>, scripts: &mut Scripts, _: &[&[u8]]) -> Attempt {
    let codes = scripts.libraries.iter().map(|library| &library.code[..]);
    Attempt::Done(Reply::Bulk(rdb::dump_libraries(codes).into()))
}

fn restore(context: &mut Context<'_>, scripts: &mut Scripts, args: &[&[u8]]) -> Attempt {
    let restored = restored(scripts, args);
    Attempt::Done(match restored {
        Ok(libraries) => {
            scripts.libraries = libraries;
            changed(context, scripts);
            Reply::OK
        }
        Err(error) => error,
    })
}

/// The libraries that there are after a RESTORE.
fn restored(scripts: &mut Scripts, args: &[&[u8]]) -> Result<Libraries, Reply> {
    let (replaces, flushes) = match &args[3..] {
        [] => (false, false),
        [policy] if is(policy, "APPEND") => (false, false),
        [policy] if is(policy, "REPLACE") => (true, false),
        [policy] if is(policy, "FLUSH") => (false, true),
        [_] => {
            return Err(Reply::error(
                "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.",
            ));
        }
        _ => return Err(Reply::unknown_subcommand("FUNCTION", args[1])),
    };
    let codes: Vec<Bytes> = rdb::restore_libraries(args[2])?;
    let mut restored = Libraries::default();
    for code in codes {
        scripts.load(&mut restored, &code, false)?;
    }
    match flushes {
        true => Ok(restored),
        false => scripts.libraries.join(restored, replaces),
    }
}

fn kill(context: &mut Context<'_>, scripts: &mut Scripts, _: &[&[u8]]) -> Attempt {
    let planted = context.keyspace.planted(Bug::KillsAfterWrite);
    Attempt::Done(scripts.kill(Kind::Function, planted))
}

fn stats(_: &mut Context<'_>, scripts: &mut Scripts, _: &[&[u8]]) -> Attempt {
    let running = match scripts.paused() {
        Some(script) if script.kind() == Kind::Script => {
            return Attempt::Done(Kind::Script.busy());
        }
        Some(script) => {
            let name = Bytes::copy_from_slice(script.name().as_bytes());
            let argv = script.argv.iter().cloned().map(Reply::Bulk).collect();
            let milliseconds = script.began.elapsed().as_millis();
            Reply::Map(vec![
                (Reply::bulk("name"), Reply::Bulk(name)),
                (Reply::bulk("command"), Reply::Array(argv)),
                (
                    Reply::bulk("duration_ms"),
                    Reply::Integer(i64::try_from(milliseconds).unwrap_or(i64::MAX)),
                ),
            ])
        }
        None => Reply::Null,
    };
    let (libraries, functions) = scripts.libraries.counts();
    let counts = Reply::Map(vec![
        (Reply::bulk("libraries_count"), Reply::count(libraries)),
        (Reply::bulk("functions_count"), Reply::count(functions)),
    ]);
    let engines = Reply::Map(vec![(Reply::bulk("LUA"), counts)]);
    Attempt::Done(Reply::Map(vec![
        (Reply::bulk("running_script"), running),
        (Reply::bulk("engines"), engines),
    ]))
}

fn help(_: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::help(
        "FUNCTION",
        &[
            "LOAD [REPLACE] <FUNCTION CODE>",
            "    Create a new library with the given library name and code.",
            "DELETE <LIBRARY NAME>",
            "    Delete the given library.",
            "LIST [LIBRARYNAME PATTERN] [WITHCODE]",
            "    Return general information on all the libraries:",
            "    * Library name",
            "    * The engine used to run the Library",
            "    * Library description",
            "    * Functions list",
            "    * Library code (if WITHCODE is given)",
            "    It also possible to get only function that matches a pattern using LIBRARYNAME argument.",
            "STATS",
            "    Return information about the current function running:",
            "    * Function name",
            "    * Command used to run the function",
            "    * Duration in MS that the function is running",
            "    If no function is running, return nil",
            "    In addition, returns a list of available engines.",
            "KILL",
            "    Kill the current running function.",
            "FLUSH [ASYNC|SYNC]",
            "    Delete all the libraries.",
            "    When called without the optional mode argument, the behavior is determined by the",
            "    lazyfree-lazy-user-flush configuration directive. Valid modes are:",
            "    * ASYNC: Asynchronously flush the libraries.",
            "    * SYNC: Synchronously flush the libraries.",
            "DUMP",
            "    Return a serialized payload representing the current libraries, can be restored using FUNCTION RESTORE command",
            "RESTORE <PAYLOAD> [FLUSH|APPEND|REPLACE]",
            "    Restore the libraries represented by the given payload, it is possible to give a restore policy to",
            "    control how to handle existing libraries (default APPEND):",
            "    * FLUSH: delete all existing libraries.",
            "    * APPEND: appends the restored libraries to the existing libraries. On collision, abort.",
            "    * REPLACE: appends the restored libraries to the existing libraries, On collision, replace the old",
            "      libraries with the new libraries (notice that even on this option there is a chance of failure",
            "      in case of functions name collision with another library).",
        ],
    )
}
