//! What adds entries and takes them away: XADD, XDEL, XTRIM, XSETID.

use bytes::Bytes;

use super::{GivenId, given_id, id, id_reply, ids};
use crate::redis::commands::args::{answer, is};
use crate::redis::context::Context;
use crate::redis::events::Class;
use crate::redis::number::integer_argument;
use crate::redis::reply::Reply;
use crate::redis::values::{Edit, Keep, NODE_BYTES_MAX, NodeLimits, Stream, StreamId};
use crate::redis::wall_clock_ms;

/// The options of XADD and XTRIM.
#[derive(Debug)]
struct Options {
    trim: Option<Trim>,
    makes_stream: bool,
    /// Where the ID of XADD is among the arguments.
    id_at: usize,
    /// None for `*`.
    id: Option<GivenId>,
}

#[derive(Debug, Clone, Copy)]
struct Trim {
    keep: Keep,
    roughly: bool,
    /// At most so many go, unless it is 0.
    most: usize,
    /// Where what it keeps is among the arguments.
    at: usize,
}

const BOTH_STRATEGIES: Reply =
    Reply::error("ERR syntax error, MAXLEN and MINID options at the same time are not compatible");

impl Options {
    fn parse(context: &Context<'_>, args: &[&[u8]], adds: bool) -> Result<Options, Reply> {
        let mut options = Options {
            trim: None,
            makes_stream: true,
            id_at: args.len(),
            id: None,
        };
        let mut limit = None;
        let mut at = 2;
        while at < args.len() {
            let (option, more) = (args[at], at + 1 < args.len());
            if adds && option == b"*" {
                options.id_at = at;
                break;
            } else if more && (is(option, "MAXLEN") || is(option, "MINID")) {
                if options.trim.is_some() {
                    return Err(BOTH_STRATEGIES);
                }
                let trim = trim_strategy(args, at)?;
                at = trim.at;
                options.trim = Some(trim);
            } else if more && is(option, "LIMIT") {
                at += 1;
                limit = Some(not_negative(
                    args[at],
                    "ERR The LIMIT argument must be >= 0.",
                )?);
            } else if adds && is(option, "NOMKSTREAM") {
                options.makes_stream = false;
            } else if adds {
                options.id_at = at;
                options.id = Some(given_id(option, 0)?);
                break;
            } else {
                return Err(Reply::SYNTAX);
            }
            at += 1;
        }
        options.check(context, adds, limit)?;
        Ok(options)
    }

    fn check(
        &mut self,
        context: &Context<'_>,
        adds: bool,
        limit: Option<usize>,
    ) -> Result<(), Reply> {
        let Some(trim) = &mut self.trim else {
            if limit.is_some_and(|limit| limit > 0) {
                return Err(Reply::error(
                    "ERR syntax error, LIMIT cannot be used without specifying a trimming strategy",
                ));
            }
            if !adds {
                return Err(Reply::error(
                    "ERR syntax error, XTRIM must be called with a trimming strategy",
                ));
            }
            return Ok(());
        };
        if context.is_applying() {
            return Ok(());
        }
        if limit.is_some() && !trim.roughly {
            return Err(Reply::error(
                "ERR syntax error, LIMIT cannot be used without the special ~ option",
            ));
        }
        if trim.roughly {
            trim.most = limit.unwrap_or_else(|| {
                let entries = node_limits(context).entries;
                match entries.saturating_mul(100) {
                    0 => 10_000,
                    most => most.min(1_000_000),
                }
            });
        }
        Ok(())
    }
}

/// The strategy that is named at `at`.
fn trim_strategy(args: &[&[u8]], at: usize) -> Result<Trim, Reply> {
    let sign = args.get(at + 1).copied().filter(|_| at + 2 < args.len());
    let roughly = sign == Some(b"~");
    let value = at + 1 + usize::from(roughly || sign == Some(b"="));
    let keep = if is(args[at], "MAXLEN") {
        let error = "ERR The MAXLEN argument must be >= 0.";
        Keep::Newest(not_negative(args[value], error)?)
    } else {
        Keep::From(id(args[value])?)
    };
    Ok(Trim {
        keep,
        roughly,
        most: 0,
        at: value,
    })
}

fn not_negative(arg: &[u8], error: &'static str) -> Result<usize, Reply> {
    usize::try_from(integer_argument(arg)?).map_err(|_| Reply::error(error))
}

fn node_limits(context: &Context<'_>) -> NodeLimits {
    let config = &context.server.config;
    let limit = |name| usize::try_from(config.integer(name)).unwrap_or(usize::MAX);
    NodeLimits {
        bytes: limit("stream-node-max-bytes"),
        entries: limit("stream-node-max-entries"),
    }
}

pub(super) fn xadd(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(add(context, args))
}

fn add(context: &mut Context<'_>, args: &[&[u8]]) -> Result<Reply, Reply> {
    let options = Options::parse(context, args, true)?;
    let fields = args.get(options.id_at + 1..).unwrap_or_default();
    if fields.is_empty() || fields.len() % 2 == 1 {
        return Err(Reply::wrong_arity("xadd"));
    }
    if options.id == Some(GivenId::Whole(StreamId::MIN)) {
        return Err(Reply::error(
            "ERR The ID specified in XADD must be greater than 0-0",
        ));
    }
    let key = args[1];
    if !context.has::<Stream>(key)? && !options.makes_stream {
        return Ok(Reply::Null);
    }
    let limits = node_limits(context);
    let (new, trimmed) = context.edit(key, |stream: &mut Stream| {
        let new = next_id(stream, options.id, fields);
        let Ok(id) = new else {
            return Edit::unchanged((new, 0));
        };
        let pairs = fields.chunks_exact(2);
        let pairs = pairs.map(|pair| (copied(pair[0]), copied(pair[1])));
        stream.append(id, pairs.collect(), limits);
        let trimmed = options
            .trim
            .map_or(0, |trim| stream.trim(trim.keep, trim.roughly, trim.most));
        Edit::changed((new, trimmed))
    })?;
    let new = new?;
    context.notify(Class::STREAM, "xadd", key);
    if trimmed > 0 {
        context.notify(Class::STREAM, "xtrim", key);
    }
    context
        .keyspace
        .blocked
        .signal(context.client.database, key);
    propagate_add(context, args, &options, new)?;
    Ok(id_reply(new))
}

fn copied(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}

/// The ID that a new entry gets.
fn next_id(stream: &Stream, given: Option<GivenId>, fields: &[&[u8]]) -> Result<StreamId, Reply> {
    const TOO_SMALL: Reply = Reply::error(
        "ERR The ID specified in XADD is equal or smaller than the target stream top item",
    );
    let last = stream.last_id;
    if last == StreamId::MAX {
        return Err(Reply::error(
            "ERR The stream has exhausted the last possible ID, unable to add more items",
        ));
    }
    let id = match given {
        None => {
            let ms = u64::try_from(wall_clock_ms()).unwrap_or(0);
            if ms > last.ms {
                StreamId { ms, seq: 0 }
            } else {
                last.next().ok_or(TOO_SMALL)?
            }
        }
        Some(GivenId::AnySeq(ms)) if ms == last.ms => StreamId {
            ms,
            seq: last.seq.checked_add(1).ok_or(TOO_SMALL)?,
        },
        Some(GivenId::AnySeq(ms)) => StreamId { ms, seq: 0 },
        Some(GivenId::Whole(id)) => id,
    };
    if id <= last {
        return Err(TOO_SMALL);
    }
    let size: usize = fields.iter().map(|field| field.len()).sum();
    if size > NODE_BYTES_MAX {
        return Err(Reply::error("ERR Elements are too large to be stored"));
    }
    Ok(id)
}

/// A rough trim goes out as the exact one that it came to, and the entry with
/// the ID that it got, if it was not given one.
fn propagate_add(
    context: &mut Context<'_>,
    args: &[&[u8]],
    options: &Options,
    new: StreamId,
) -> Result<(), Reply> {
    if !context.is_heard() {
        return Ok(());
    }
    let new = new.to_string();
    let mut effect = args.to_vec();
    if !matches!(options.id, Some(GivenId::Whole(_))) {
        effect[options.id_at] = new.as_bytes();
    }
    let left = trimmed_to(context, args[1], options.trim)?;
    if let (Some(trim), Some(left)) = (options.trim, &left) {
        effect[trim.at] = left;
        effect[trim.at - 1] = b"=";
    }
    context.propagate_as(&effect);
    Ok(())
}

/// What a rough trim has left; none if it was an exact one.
fn trimmed_to(
    context: &mut Context<'_>,
    key: &[u8],
    trim: Option<Trim>,
) -> Result<Option<Bytes>, Reply> {
    let Some(Trim {
        keep,
        roughly: true,
        ..
    }) = trim
    else {
        return Ok(None);
    };
    let left = context.read::<Stream>(key)?.map(|stream| match keep {
        Keep::Newest(_) => stream.length.to_string().into(),
        Keep::From(_) if stream.length == 0 => StreamId::MAX.to_bytes(),
        Keep::From(_) => stream.first_id.to_bytes(),
    });
    Ok(left)
}

pub(super) fn xtrim(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(trim(context, args))
}

fn trim(context: &mut Context<'_>, args: &[&[u8]]) -> Result<Reply, Reply> {
    let Options {
        trim: Some(trim), ..
    } = Options::parse(context, args, false)?
    else {
        return Err(Reply::SYNTAX);
    };
    let key = args[1];
    if !context.has::<Stream>(key)? {
        return Ok(Reply::Integer(0));
    }
    let removed = context.edit(key, |stream: &mut Stream| {
        let removed = stream.trim(trim.keep, trim.roughly, trim.most);
        Edit::when(removed > 0, removed)
    })?;
    if removed > 0 {
        context.notify(Class::STREAM, "xtrim", key);
        if let Some(left) = trimmed_to(context, key, Some(trim))? {
            let mut effect = args.to_vec();
            effect[trim.at] = &left;
            effect[trim.at - 1] = b"=";
            context.propagate_as(&effect);
        }
    }
    Ok(Reply::count(removed))
}

pub(super) fn xdel(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(delete(context, args))
}

fn delete(context: &mut Context<'_>, args: &[&[u8]]) -> Result<Reply, Reply> {
    let key = args[1];
    if !context.has::<Stream>(key)? {
        return Ok(Reply::Integer(0));
    }
    let ids = ids(&args[2..])?;
    let deleted = context.edit(key, |stream: &mut Stream| {
        let deleted = stream.delete(&ids);
        Edit::when(deleted > 0, deleted)
    })?;
    if deleted > 0 {
        context.notify(Class::STREAM, "xdel", key);
    }
    Ok(Reply::count(deleted))
}

pub(super) fn xsetid(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(set_id(context, args))
}

fn set_id(context: &mut Context<'_>, args: &[&[u8]]) -> Result<Reply, Reply> {
    let last = id(args[2])?;
    let (mut added, mut max_deleted) = (None, None);
    let mut options = &args[3..];
    while let Some((option, rest)) = options.split_first() {
        let Some((value, rest)) = rest.split_first() else {
            return Err(Reply::SYNTAX);
        };
        if is(option, "ENTRIESADDED") {
            let error = Reply::error("ERR entries_added must be positive");
            added = Some(u64::try_from(integer_argument(value)?).map_err(|_| error)?);
        } else if is(option, "MAXDELETEDID") {
            let deleted = id(value)?;
            if last < deleted {
                return Err(Reply::error(
                    "ERR The ID specified in XSETID is smaller than the provided \
                     max_deleted_entry_id",
                ));
            }
            max_deleted = Some(deleted).filter(|id| *id != StreamId::MIN);
        } else {
            return Err(Reply::SYNTAX);
        }
        options = rest;
    }
    let key = args[1];
    let stream = context.read::<Stream>(key)?.ok_or(Reply::NO_SUCH_KEY)?;
    if stream.top().is_some_and(|top| last < top) {
        return Err(Reply::error(
            "ERR The ID specified in XSETID is smaller than the target stream top item",
        ));
    }
    if added.is_some_and(|added| stream.length as u64 > added) {
        return Err(Reply::error(
            "ERR The entries_added specified in XSETID is smaller than the target stream length",
        ));
    }
    context.edit(key, |stream: &mut Stream| {
        stream.last_id = last;
        stream.entries_added = added.unwrap_or(stream.entries_added);
        stream.max_deleted_id = max_deleted.unwrap_or(stream.max_deleted_id);
        Edit::unchanged(())
    })?;
    context.keyspace.count_change();
    context.notify(Class::STREAM, "xsetid", key);
    Ok(Reply::OK)
}
