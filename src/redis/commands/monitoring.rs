//! MONITOR, SLOWLOG and LATENCY: how the server does.
//!
//! Commands take no time of the clock that they would be measured by, but for
//! scripts that run for long: those the slow log has, and the others where
//! `slowlog-log-slower-than` is 0. LATENCY HISTOGRAM says how many there were,
//! all within a microsecond.

use bytes::Bytes;

use super::args::answer;
use super::{Command, Flags, Handler::Container, Handler::Plain, by_full_name, command, every};
use crate::redis::context::Context;
use crate::redis::number::parse_integer;
use crate::redis::reply::Reply;
use crate::redis::slow_log::Entry;

const ADMIN: Flags = Flags::ADMIN.and(Flags::LOADING).and(Flags::STALE);
const NO_SCRIPT: Flags = ADMIN.and(Flags::NO_SCRIPT);
const ANY: Flags = Flags::LOADING.and(Flags::STALE);

#[rustfmt::skip]
pub(super) const COMMANDS: &[Command] = &[
    command!("latency", "LATENCY", -2, Flags::NONE, (0, 0, 0), Container(LATENCY)),
    command!("monitor", "MONITOR", 1, NO_SCRIPT, (0, 0, 0), Plain(monitor)),
    command!("slowlog", "SLOWLOG", -2, Flags::NONE, (0, 0, 0), Container(SLOWLOG)),
];

#[rustfmt::skip]
const LATENCY: &[Command] = &[
    command!("latency|doctor", "LATENCY", 2, NO_SCRIPT, (0, 0, 0), Plain(latency_doctor)),
    command!("latency|graph", "LATENCY", 3, NO_SCRIPT, (0, 0, 0), Plain(latency_graph)),
    command!("latency|help", "LATENCY", 2, ANY, (0, 0, 0), Plain(latency_help)),
    command!("latency|histogram", "LATENCY", -2, NO_SCRIPT, (0, 0, 0), Plain(histogram)),
    command!("latency|history", "LATENCY", 3, NO_SCRIPT, (0, 0, 0), Plain(nothing)),
    command!("latency|latest", "LATENCY", 2, NO_SCRIPT, (0, 0, 0), Plain(nothing)),
    command!("latency|reset", "LATENCY", -2, NO_SCRIPT, (0, 0, 0), Plain(zero)),
];

#[rustfmt::skip]
const SLOWLOG: &[Command] = &[
    command!("slowlog|get", "SLOWLOG", -2, ADMIN, (0, 0, 0), Plain(slowlog_get)),
    command!("slowlog|help", "SLOWLOG", 2, ANY, (0, 0, 0), Plain(slowlog_help)),
    command!("slowlog|len", "SLOWLOG", 2, ADMIN, (0, 0, 0), Plain(slowlog_len)),
    command!("slowlog|reset", "SLOWLOG", 2, ADMIN, (0, 0, 0), Plain(slowlog_reset)),
];

/// From here on the client sees every command.
fn monitor(context: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    if context.client.deny_blocking {
        return Reply::error("ERR MONITOR isn't allowed for DENY BLOCKING client");
    }
    context.server.monitors.insert(context.client.id);
    Reply::OK
}

fn nothing(_: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::Array(Vec::new())
}

fn zero(_: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::Integer(0)
}

/// Of all commands, or of those that are named with their subcommands.
fn histogram(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let commands: Vec<&Command> = match &args[2..] {
        [] => every().collect(),
        names => {
            let named = names.iter().filter_map(|name| by_full_name(name));
            let with_subcommands =
                named.flat_map(|command| std::iter::once(command).chain(command.subcommands()));
            with_subcommands.collect()
        }
    };
    let measured = commands.into_iter().filter_map(|command| {
        let calls = context.server.counts.by_command.get(command.name)?.calls;
        let calls = Reply::Integer(i64::try_from(calls).unwrap_or(i64::MAX));
        let within_a_microsecond = vec![(Reply::Integer(1), calls.clone())];
        let histogram = vec![
            (Reply::bulk("calls"), calls),
            (
                Reply::bulk("histogram_usec"),
                Reply::Map(within_a_microsecond),
            ),
        ];
        Some((Reply::bulk(command.name), Reply::Map(histogram)))
    });
    Reply::Map(measured.collect())
}

fn latency_graph(_: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let text = [b"ERR No samples available for event '", args[2], b"'"].concat();
    Reply::error_from(text)
}

fn latency_doctor(_: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    let text = "I'm sorry, Dave, I can't do that. Latency monitoring is disabled in this Redis \
                instance. You may use \"CONFIG SET latency-monitor-threshold <milliseconds>.\" in \
                order to enable it. If we weren't in a deep space mission I'd suggest to take a \
                look at https://redis.io/topics/latency-monitor.\n";
    Reply::Verbatim(*b"txt", Bytes::from_static(text.as_bytes()))
}

fn slowlog_get(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    const ENTRIES: &str = "ERR count should be greater than or equal to -1";
    let most = match &args[2..] {
        [] => Ok(10),
        [most] => match parse_integer(most) {
            Some(-1) => Ok(usize::MAX),
            most => most
                .and_then(|most| usize::try_from(most).ok())
                .ok_or(Reply::error(ENTRIES)),
        },
        _ => Err(Reply::unknown_subcommand("SLOWLOG", args[1])),
    };
    answer(most.map(|most| {
        let entries = context.server.slow_log.iter().take(most);
        Reply::Array(entries.map(describe).collect())
    }))
}

fn describe(entry: &Entry) -> Reply {
    let args = entry.args.iter().cloned().map(Reply::Bulk).collect();
    Reply::Array(vec![
        Reply::Integer(entry.id),
        Reply::Integer(entry.at),
        Reply::Integer(entry.micros),
        Reply::Array(args),
        Reply::Bulk(entry.address.clone().into()),
        Reply::Bulk(entry.name.clone()),
    ])
}

fn slowlog_len(context: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::count(context.server.slow_log.iter().count())
}

fn slowlog_reset(context: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    context.server.slow_log.clear();
    Reply::OK
}

fn slowlog_help(_: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::help(
        "SLOWLOG",
        &[
            "GET [<count>]",
            "    Return top <count> entries from the slowlog (default: 10, -1 mean all).",
            "    Entries are made of:",
            "    id, timestamp, time in microseconds, arguments array, client IP and port,",
            "    client name",
            "LEN",
            "    Return the length of the slowlog.",
            "RESET",
            "    Reset the slowlog.",
        ],
    )
}

fn latency_help(_: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::help(
        "LATENCY",
        &[
            "DOCTOR",
            "    Return a human readable latency analysis report.",
            "GRAPH <event>",
            "    Return an ASCII latency graph for the <event> class.",
            "HISTORY <event>",
            "    Return time-latency samples for the <event> class.",
            "LATEST",
            "    Return the latest latency samples for all events.",
            "RESET [<event> ...]",
            "    Reset latency data of one or more <event> classes.",
            "    (default: reset all data for all event classes)",
            "HISTOGRAM [COMMAND ...]",
            "    Return a cumulative distribution of latencies in the format of a histogram for the specified command names.",
            "    If no commands are specified then all histograms are replied.",
        ],
    )
}
