//! Streams: logs of entries, and the groups that consume them.

mod add;
mod claim;
mod groups;
mod info;
mod pending;
mod range;
mod read;

use bytes::Bytes;

use super::{Command, Flags, Handler::Blocking, Handler::Container, Handler::Plain, command};
use crate::redis::context::Context;
use crate::redis::reply::Reply;
use crate::redis::values::{Edit, Entry, Group, Kind, Stream, StreamId};

const READ: Flags = Flags::READONLY;
const FAST_READ: Flags = Flags::READONLY.and(Flags::FAST);
const WRITE: Flags = Flags::WRITE;
const FAST_WRITE: Flags = Flags::WRITE.and(Flags::FAST);
const GROWING: Flags = Flags::WRITE.and(Flags::DENY_OOM);
const FAST_GROWING: Flags = GROWING.and(Flags::FAST);
const WAITS: Flags = Flags::BLOCKING;
const HELP: Flags = Flags::LOADING.and(Flags::STALE);

#[rustfmt::skip]
pub(super) const COMMANDS: &[Command] = &[
    command!("xack", "XACK", -4, FAST_WRITE.and(Flags::READS), (1, 1, 1), Plain(groups::xack)),
    command!("xadd", "XADD", -5, FAST_GROWING, (1, 1, 1), Plain(add::xadd)),
    command!("xautoclaim", "XAUTOCLAIM", -6, FAST_WRITE.and(Flags::READS), (1, 1, 1), Plain(claim::xautoclaim)),
    command!("xclaim", "XCLAIM", -6, FAST_WRITE.and(Flags::READS), (1, 1, 1), Plain(claim::xclaim)),
    command!("xdel", "XDEL", -3, FAST_WRITE, (1, 1, 1), Plain(add::xdel)),
    command!("xgroup", "XGROUP", -2, Flags::NONE, (0, 0, 0), Container(XGROUP)),
    command!("xinfo", "XINFO", -2, Flags::NONE, (0, 0, 0), Container(XINFO)),
    command!("xlen", "XLEN", 2, FAST_READ, (1, 1, 1), Plain(range::xlen)),
    command!("xpending", "XPENDING", -3, READ, (1, 1, 1), Plain(pending::xpending)),
    command!("xrange", "XRANGE", -4, READ, (1, 1, 1), Plain(range::xrange)),
    command!("xread", "XREAD", -4, WAITS.and(READ).and(Flags::MOVABLE_KEYS), (0, 0, 0), Blocking(read::xread)),
    command!("xreadgroup", "XREADGROUP", -7, WAITS.and(WRITE).and(Flags::MOVABLE_KEYS).and(Flags::READS), (0, 0, 0), Blocking(read::xreadgroup)),
    command!("xrevrange", "XREVRANGE", -4, READ, (1, 1, 1), Plain(range::xrevrange)),
    command!("xsetid", "XSETID", -3, FAST_GROWING, (1, 1, 1), Plain(add::xsetid)),
    command!("xtrim", "XTRIM", -4, WRITE, (1, 1, 1), Plain(add::xtrim)),
];

#[rustfmt::skip]
const XGROUP: &[Command] = &[
    command!("xgroup|create", "XGROUP", -5, GROWING, (2, 2, 1), Plain(groups::create)),
    command!("xgroup|createconsumer", "XGROUP", 5, GROWING, (2, 2, 1), Plain(groups::createconsumer)),
    command!("xgroup|delconsumer", "XGROUP", 5, WRITE, (2, 2, 1), Plain(groups::delconsumer)),
    command!("xgroup|destroy", "XGROUP", 4, WRITE, (2, 2, 1), Plain(groups::destroy)),
    command!("xgroup|help", "XGROUP", 2, HELP, (0, 0, 0), Plain(groups::help)),
    command!("xgroup|setid", "XGROUP", -5, WRITE, (2, 2, 1), Plain(groups::setid)),
];

#[rustfmt::skip]
const XINFO: &[Command] = &[
    command!("xinfo|consumers", "XINFO", 4, READ, (2, 2, 1), Plain(info::consumers)),
    command!("xinfo|groups", "XINFO", 3, READ, (2, 2, 1), Plain(info::groups)),
    command!("xinfo|help", "XINFO", 2, HELP, (0, 0, 0), Plain(info::help)),
    command!("xinfo|stream", "XINFO", -3, READ, (2, 2, 1), Plain(info::stream)),
];

const INVALID_ID: Reply =
    Reply::error("ERR Invalid stream ID specified as stream command argument");

/// An ID as a client writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GivenId {
    Whole(StreamId),
    /// `ms-*`: the sequence number is to be found.
    AnySeq(u64),
}

/// Reads `ms`, `ms-seq` or `ms-*`.
fn given_id(arg: &[u8], missing_seq: u64) -> Result<GivenId, Reply> {
    if arg.len() > 127 {
        return Err(INVALID_ID);
    }
    let mut parts = arg.splitn(2, |byte| *byte == b'-');
    let ms = unsigned(parts.next().unwrap_or_default())?;
    Ok(match parts.next() {
        None => GivenId::Whole(StreamId {
            ms,
            seq: missing_seq,
        }),
        Some(b"*") => GivenId::AnySeq(ms),
        Some(seq) => GivenId::Whole(StreamId {
            ms,
            seq: unsigned(seq)?,
        }),
    })
}

/// Digits as C's `string2ull` takes them: also signed ones, which wrap.
fn unsigned(digits: &[u8]) -> Result<u64, Reply> {
    if let Some(number) = crate::redis::number::parse_integer(digits) {
        return u64::try_from(number).map_err(|_| INVALID_ID);
    }
    let text = std::str::from_utf8(digits).map_err(|_| INVALID_ID)?;
    let text = text.strip_prefix('+').unwrap_or(text);
    let whole = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = whole.then(|| text.parse().ok()).flatten();
    number.ok_or(INVALID_ID)
}

/// An ID that names an entry.
fn id(arg: &[u8]) -> Result<StreamId, Reply> {
    match given_id(arg, 0)? {
        GivenId::Whole(id) => Ok(id),
        GivenId::AnySeq(_) => Err(INVALID_ID),
    }
}

fn ids(args: &[&[u8]]) -> Result<Vec<StreamId>, Reply> {
    args.iter().map(|arg| id(arg)).collect()
}

/// An end of a range: also `-` and `+`.
fn bound(arg: &[u8], missing_seq: u64) -> Result<StreamId, Reply> {
    match arg {
        b"-" => Ok(StreamId::MIN),
        b"+" => Ok(StreamId::MAX),
        _ => match given_id(arg, missing_seq)? {
            GivenId::Whole(id) => Ok(id),
            GivenId::AnySeq(_) => Err(INVALID_ID),
        },
    }
}

/// The first ID of a range, which `(` leaves out.
fn range_start(arg: &[u8]) -> Result<StreamId, Reply> {
    match arg {
        [b'(', id, rest @ ..] => {
            let id = strict_bound(&[&[*id], rest].concat(), 0)?;
            let error = Reply::error("ERR invalid start ID for the interval");
            id.next().ok_or(error)
        }
        _ => bound(arg, 0),
    }
}

/// The last ID of a range, which `(` leaves out.
fn range_end(arg: &[u8]) -> Result<StreamId, Reply> {
    match arg {
        [b'(', id, rest @ ..] => {
            let id = strict_bound(&[&[*id], rest].concat(), u64::MAX)?;
            let error = Reply::error("ERR invalid end ID for the interval");
            id.previous().ok_or(error)
        }
        _ => bound(arg, u64::MAX),
    }
}

fn strict_bound(arg: &[u8], missing_seq: u64) -> Result<StreamId, Reply> {
    match arg {
        b"-" | b"+" => Err(INVALID_ID),
        _ => bound(arg, missing_seq),
    }
}

fn id_reply(id: StreamId) -> Reply {
    Reply::Bulk(id.to_bytes())
}

/// An entry: its ID, and its fields and values in turn.
fn entry_reply(entry: &Entry) -> Reply {
    let fields = entry.fields.iter();
    let fields = fields.flat_map(|(name, value)| [name.clone(), value.clone()]);
    let fields = Reply::Array(fields.map(Reply::Bulk).collect());
    Reply::Array(vec![id_reply(entry.id), fields])
}

fn no_group(text: &[&[u8]]) -> Reply {
    Reply::error_from(text.concat())
}

fn number(number: u64) -> Reply {
    Reply::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

impl Context<'_> {
    fn group(&mut self, key: &[u8], group: &[u8]) -> Result<Option<&Group>, Reply> {
        let stream = self.read::<Stream>(key)?;
        Ok(stream.and_then(|stream| stream.groups.get(group)))
    }

    /// A stream that the command has looked up already.
    fn known_stream(&self, key: &[u8]) -> Option<&Stream> {
        let entry = self.keyspace.entry(self.client.database, key);
        entry.and_then(|entry| Stream::of(&entry.value))
    }

    /// Changes a group of an existing stream. What happens to groups is
    /// propagated, and no WATCH takes notice of it.
    fn edit_group<T>(
        &mut self,
        key: &[u8],
        group: &[u8],
        change: impl FnOnce(&mut Group) -> T,
    ) -> Result<Option<T>, Reply> {
        self.edit(key, |stream: &mut Stream| {
            Edit::unchanged(stream.groups.get_mut(group).map(change))
        })
    }

    /// Says what an entry that somebody has comes to, as an XCLAIM.
    fn propagate_claim(&mut self, key: &[u8], group: &[u8], id: StreamId) {
        if !self.is_heard() {
            return;
        }
        let stream = self.known_stream(key);
        let group_of = stream.and_then(|stream| stream.groups.get(group));
        let Some((pending, last_id)) = group_of.and_then(|found| {
            let pending = found.pending().get(&id)?.clone();
            Some((pending, found.last_id))
        }) else {
            return;
        };
        let (id, last_id) = (id.to_string(), last_id.to_string());
        let (at, times) = (
            pending.delivered_at.to_string(),
            pending.deliveries.to_string(),
        );
        self.propagate_as(&[
            b"XCLAIM",
            key,
            group,
            &pending.consumer,
            b"0",
            id.as_bytes(),
            b"TIME",
            at.as_bytes(),
            b"RETRYCOUNT",
            times.as_bytes(),
            b"FORCE",
            b"JUSTID",
            b"LASTID",
            last_id.as_bytes(),
        ]);
    }

    /// Says how far a group has come, where no XCLAIM says it.
    fn propagate_group_id(&mut self, key: &[u8], group: &[u8]) {
        let Ok(Some((last_id, read))) = self
            .group(key, group)
            .map(|found| found.map(|found| (found.last_id, found.entries_read)))
        else {
            return;
        };
        let last_id = last_id.to_string();
        let read = read.map_or(-1, u64::cast_signed).to_string();
        self.propagate_as(&[
            b"XGROUP",
            b"SETID",
            key,
            group,
            last_id.as_bytes(),
            b"ENTRIESREAD",
            read.as_bytes(),
        ]);
    }

    /// Sees to it that the group has the consumer; true if it is new.
    fn see_consumer(&mut self, key: &[u8], group: &[u8], name: &[u8]) -> Result<bool, Reply> {
        let now = crate::redis::wall_clock_ms();
        let new = self.edit_group(key, group, |group| group.see(name, now))?;
        let new = new.unwrap_or(false);
        if new {
            self.keyspace.count_change();
            let event = "xgroup-createconsumer";
            self.notify(crate::redis::events::Class::STREAM, event, key);
        }
        Ok(new)
    }
}

/// Names and values, as XINFO gives them.
fn described(fields: Vec<(&'static str, Reply)>) -> Reply {
    let fields = fields.into_iter();
    Reply::Map(
        fields
            .map(|(name, value)| (Reply::bulk(name), value))
            .collect(),
    )
}

fn name_reply(name: &Bytes) -> Reply {
    Reply::Bulk(name.clone())
}
