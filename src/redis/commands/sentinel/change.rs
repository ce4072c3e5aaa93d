//! SENTINEL's subcommands that change what is watched, and how.

use super::{primary, sentinel};
use crate::redis::context::Context;
use crate::redis::number::{integer_argument, parse_integer};
use crate::redis::reply::Reply;
use crate::redis::sentinel::{Address, Monitor};

fn words(args: &[&[u8]]) -> Vec<String> {
    let words = args.iter().map(|arg| String::from_utf8_lossy(arg));
    words.map(|word| word.into_owned()).collect()
}

/// The file is written after every change.
pub(super) fn flushconfig(_: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::OK
}

pub(super) fn failover(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    if let Err(error) = primary(context, args[2]) {
        return error;
    }
    match sentinel(context).fail_over(&String::from_utf8_lossy(args[2])) {
        Ok(()) => Reply::OK,
        Err(why) => Reply::error(why),
    }
}

pub(super) fn monitor(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let Ok(quorum) = integer_argument(args[5]) else {
        return Reply::error("ERR Invalid quorum");
    };
    let Ok(port) = integer_argument(args[4]) else {
        return Reply::error("ERR Invalid port");
    };
    let quorum = match usize::try_from(quorum) {
        Ok(quorum) if quorum > 0 => quorum,
        _ => return Reply::error("ERR Quorum must be 1 or greater."),
    };
    let [name, host] = [args[2], args[3]].map(|arg| String::from_utf8_lossy(arg).into_owned());
    let Ok(port) = u16::try_from(port) else {
        return Reply::error("ERR Invalid port number.");
    };
    let monitor = Monitor::new(&name, Address { host, port }, quorum);
    match sentinel(context).watch(&monitor) {
        true => Reply::OK,
        false => Reply::error("ERR Duplicate master name."),
    }
}

pub(super) fn remove(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    if let Err(error) = primary(context, args[2]) {
        return error;
    }
    sentinel(context).forget(&String::from_utf8_lossy(args[2]));
    Reply::OK
}

pub(super) fn reset(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    Reply::count(sentinel(context).reset(args[2]))
}

/// SENTINEL SET: pairs of an option and its value.
pub(super) fn set(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let mut changed = Vec::new();
    let primary = match primary(context, args[2]) {
        Ok(primary) => primary,
        Err(error) => return error,
    };
    let (pairs, rest) = args[3..].as_chunks::<2>();
    let unknown = |option: &[u8]| {
        let option = String::from_utf8_lossy(option);
        let text = format!("ERR Unknown option or number of arguments for SENTINEL SET '{option}'");
        Err(Reply::error_from(text.into()))
    };
    let mut change = |[option, value]: &[&[u8]; 2]| {
        let name = option.to_ascii_lowercase();
        let known: [&[u8]; 4] = [
            b"down-after-milliseconds",
            b"failover-timeout",
            b"parallel-syncs",
            b"quorum",
        ];
        if !known.contains(&&name[..]) {
            return unknown(option);
        }
        let number = parse_integer(value).filter(|number| *number > 0);
        let Some(number) = number else {
            let [option, value] = [option, value].map(|text| String::from_utf8_lossy(text));
            let text = format!("ERR Invalid argument '{value}' for SENTINEL SET '{option}'");
            return Err(Reply::error_from(text.into()));
        };
        let count = usize::try_from(number).unwrap_or(usize::MAX);
        match &name[..] {
            b"down-after-milliseconds" => primary.set_down_after(number),
            b"failover-timeout" => primary.failover.timeout = number,
            b"parallel-syncs" => primary.parallel_syncs = count,
            _ => primary.quorum = count,
        }
        changed.push(words(&[*option, *value]).join(" "));
        Ok(())
    };
    let outcome = pairs.iter().try_for_each(&mut change);
    let outcome = outcome.and_then(|()| match rest {
        [] => Ok(()),
        [option, ..] => unknown(option),
    });
    let this = primary.this.describe();
    let events = changed
        .iter()
        .map(|what| ("+set", format!("{this} {what}")));
    sentinel(context).own.events.extend(events);
    match outcome {
        Ok(()) => Reply::OK,
        Err(error) => error,
    }
}

/// SENTINEL DEBUG: how often things are done, and how long they may take.
pub(super) fn debug(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let periods = &mut sentinel(context).own.periods;
    let names_and_values = |(name, value): (&'static str, &mut i64)| {
        (Reply::bulk(name), Reply::Bulk(value.to_string().into()))
    };
    if args.len() == 2 {
        return Reply::Map(periods.all().into_iter().map(names_and_values).collect());
    }
    let (pairs, rest) = args[2..].as_chunks::<2>();
    for [name, value] in pairs {
        let [name, value] = [name, value].map(|text| String::from_utf8_lossy(text).into_owned());
        let mut all = periods.all().into_iter();
        let Some((_, period)) = all.find(|(known, _)| name.eq_ignore_ascii_case(known)) else {
            return unknown_period(&name);
        };
        let number = parse_integer(value.as_bytes()).filter(|number| *number > 0);
        let Some(number) = number else {
            let text = format!("ERR Invalid argument '{value}' for SENTINEL DEBUG '{name}'");
            return Reply::error_from(text.into());
        };
        *period = number;
    }
    match rest {
        [] => Reply::OK,
        [name, ..] => unknown_period(&String::from_utf8_lossy(name)),
    }
}

fn unknown_period(name: &str) -> Reply {
    let text = format!("ERR Unknown option or number of arguments for SENTINEL DEBUG '{name}'");
    Reply::error_from(text.into())
}
