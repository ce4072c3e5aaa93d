//! XPENDING: what was given out and is not acknowledged.

use super::{id_reply, name_reply, no_group, number, range_end, range_start};
use crate::redis::commands::args::{answer, is};
use crate::redis::context::Context;
use crate::redis::number::integer_argument;
use crate::redis::reply::Reply;
use crate::redis::values::{Group, StreamId};
use crate::redis::wall_clock_ms;

/// Which of the pending entries are wanted.
struct Query<'a> {
    idle_ms: i64,
    start: StreamId,
    end: StreamId,
    most: usize,
    consumer: Option<&'a [u8]>,
}

impl<'a> Query<'a> {
    fn parse(args: &[&'a [u8]]) -> Result<Query<'a>, Reply> {
        let mut rest = &args[3..];
        let mut idle_ms = 0;
        if is(rest[0], "IDLE") {
            idle_ms = integer_argument(rest[1])?;
            rest = &rest[2..];
        }
        let [start, end, most, consumer @ ..] = rest else {
            return Err(Reply::SYNTAX);
        };
        let most = integer_argument(most)?;
        Ok(Query {
            idle_ms,
            start: range_start(start)?,
            end: range_end(end)?,
            most: usize::try_from(most).unwrap_or(0),
            consumer: consumer.first().copied(),
        })
    }

    fn run(&self, group: &Group) -> Reply {
        let unknown = |name: &&[u8]| !group.consumers().contains_key(*name);
        if self.consumer.as_ref().is_some_and(unknown) || self.start > self.end {
            return Reply::Array(Vec::new());
        }
        let now = wall_clock_ms();
        let pending = group.pending().range(self.start..=self.end);
        let wanted = pending.filter(|(_, pending)| {
            let theirs = self.consumer.is_none_or(|name| pending.consumer == name);
            theirs && (self.idle_ms == 0 || now - pending.delivered_at >= self.idle_ms)
        });
        let replies = wanted.take(self.most).map(|(id, pending)| {
            Reply::Array(vec![
                id_reply(*id),
                name_reply(&pending.consumer),
                Reply::Integer((now - pending.delivered_at).max(0)),
                number(pending.deliveries),
            ])
        });
        Reply::Array(replies.collect())
    }
}

pub(super) fn xpending(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(pending(context, args))
}

fn pending(context: &mut Context<'_>, args: &[&[u8]]) -> Result<Reply, Reply> {
    let query = match args.len() {
        3 => None,
        6..=9 => Some(Query::parse(args)?),
        _ => return Err(Reply::SYNTAX),
    };
    let group = context.group(args[1], args[2])?.ok_or_else(|| {
        no_group(&[
            b"NOGROUP No such key '",
            args[1],
            b"' or consumer group '",
            args[2],
            b"'",
        ])
    })?;
    Ok(query.map_or_else(|| summary(group), |query| query.run(group)))
}

fn summary(group: &Group) -> Reply {
    let pending = group.pending();
    let (Some((first, _)), Some((last, _))) = (pending.first_key_value(), pending.last_key_value())
    else {
        let nothing = vec![
            Reply::Integer(0),
            Reply::Null,
            Reply::Null,
            Reply::NullArray,
        ];
        return Reply::Array(nothing);
    };
    let consumers = group.consumers().iter();
    let busy = consumers.filter(|(_, consumer)| !consumer.pending.is_empty());
    let busy = busy.map(|(name, consumer)| {
        let pending = consumer.pending.len().to_string();
        Reply::Array(vec![name_reply(name), Reply::Bulk(pending.into())])
    });
    Reply::Array(vec![
        Reply::count(pending.len()),
        id_reply(*first),
        id_reply(*last),
        Reply::Array(busy.collect()),
    ])
}
