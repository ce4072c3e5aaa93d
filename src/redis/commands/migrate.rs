//! MIGRATE: keys for another server.
//!
//! It is read and answered as Redis does where there is nothing to send.
//! Sending is not part of this simulation: Redis serves nobody else meanwhile.

use std::ops::Range;

use super::args::{answer, is};
use super::{Command, Flags, Handler::Plain, command};
use crate::redis::context::Context;
use crate::redis::number::integer_argument;
use crate::redis::reply::Reply;

const WRITE: Flags = Flags::WRITE.and(Flags::MOVABLE_KEYS);

#[rustfmt::skip]
pub(super) const COMMANDS: &[Command] = &[
    command!("migrate", "MIGRATE", -6, WRITE.and(Flags::READS), (3, 3, 1), Plain(migrate)),
];

/// Where the options begin.
const OPTIONS: usize = 6;

/// How many arguments follow an option; None if it is none.
fn takes(option: &[u8]) -> Option<usize> {
    let known = [("COPY", 0), ("REPLACE", 0), ("AUTH", 1), ("AUTH2", 2)];
    let known = known.iter().find(|(name, _)| is(option, name));
    known.map(|(_, arguments)| *arguments)
}

/// Where the one key is.
pub(super) const KEY: usize = 3;

/// Where the keys are that are named: after KEYS if the third argument is
/// empty. None where both name some.
pub(super) fn keys(args: &[&[u8]]) -> Option<Range<usize>> {
    let mut at = OPTIONS;
    while let Some(option) = args.get(at) {
        if is(option, "KEYS") {
            return args[KEY].is_empty().then_some(at + 1..args.len());
        }
        at += 1 + takes(option).unwrap_or(0);
    }
    Some(KEY..KEY + 1)
}

fn migrate(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(refused(context, args))
}

fn refused(context: &mut Context<'_>, args: &[&[u8]]) -> Result<Reply, Reply> {
    let mut options = &args[OPTIONS..];
    while let [option, rest @ ..] = options {
        if is(option, "KEYS") {
            break;
        }
        let arguments = takes(option).ok_or(Reply::SYNTAX)?;
        options = rest.get(arguments..).ok_or(Reply::SYNTAX)?;
    }
    let keys = keys(args).ok_or(Reply::error(
        "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string",
    ))?;
    integer_argument(args[5])?;
    integer_argument(args[4])?;
    match args[keys].iter().any(|key| context.lookup(key).is_some()) {
        false => Ok(Reply::status("NOKEY")),
        true => Err(Reply::error(
            "ERR MIGRATE is not part of this simulation of Redis",
        )),
    }
}
