//! XCLAIM and XAUTOCLAIM: taking over what others were given.

use super::{entry_reply, id, id_reply, no_group, range_start};
use crate::redis::commands::args::{answer, is};
use crate::redis::context::Context;
use crate::redis::number::parse_integer;
use crate::redis::reply::Reply;
use crate::redis::values::{Pending, Stream, StreamId};
use crate::redis::wall_clock_ms;

/// Who takes entries of which group, and how.
struct Claim<'a> {
    key: &'a [u8],
    group: &'a [u8],
    consumer: &'a [u8],
    /// Only what was given out so long ago; 0 is anything.
    idle_ms: i64,
    just_ids: bool,
    /// Entries that nobody has are taken too.
    force: bool,
    deliveries: Option<u64>,
    now: i64,
    delivered_at: i64,
}

/// What became of an entry.
enum Claimed {
    /// It is the consumer's: what it is told.
    Taken(Reply),
    /// It stays whose it is.
    Left,
    /// It is no longer in the stream, and no longer pending.
    Gone,
}

impl Claim<'_> {
    fn require_group(&self, context: &mut Context<'_>) -> Result<(), Reply> {
        let found = context.group(self.key, self.group)?.is_some();
        context.count_lookups(false);
        found.then_some(()).ok_or_else(|| {
            no_group(&[
                b"NOGROUP No such key '",
                self.key,
                b"' or consumer group '",
                self.group,
                b"'",
            ])
        })
    }

    fn take(&self, context: &mut Context<'_>, id: StreamId) -> Result<Claimed, Reply> {
        let Some(stream) = context.read::<Stream>(self.key)? else {
            return Ok(Claimed::Left);
        };
        let entry = stream.get(id).map(|entry| match self.just_ids {
            true => id_reply(id),
            false => entry_reply(entry),
        });
        let group = stream.groups.get(self.group);
        let old = group.and_then(|group| group.pending().get(&id).cloned());
        let Some(reply) = entry else {
            if old.is_some() {
                context.propagate_claim(self.key, self.group, id);
                context.edit_group(self.key, self.group, |group| group.acknowledge(id))?;
                context.keyspace.count_change();
            }
            return Ok(Claimed::Gone);
        };
        let too_young = |old: &Pending| self.now - old.delivered_at < self.idle_ms;
        let stays = match &old {
            Some(old) => self.idle_ms > 0 && too_young(old),
            None => !self.force,
        };
        if stays {
            return Ok(Claimed::Left);
        }
        context.see_consumer(self.key, self.group, self.consumer)?;
        let deliveries = old.map_or(1, |old| old.deliveries) + u64::from(!self.just_ids);
        let pending = Pending {
            consumer: self.consumer.to_vec().into(),
            delivered_at: self.delivered_at,
            deliveries: self.deliveries.unwrap_or(deliveries),
        };
        context.edit_group(self.key, self.group, |group| group.assign(id, pending))?;
        context.propagate_claim(self.key, self.group, id);
        context.keyspace.count_change();
        Ok(Claimed::Taken(reply))
    }
}

pub(super) fn xclaim(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(claim(context, args))
}

fn claim(context: &mut Context<'_>, args: &[&[u8]]) -> Result<Reply, Reply> {
    let now = wall_clock_ms();
    let mut claim = Claim {
        key: args[1],
        group: args[2],
        consumer: args[3],
        idle_ms: 0,
        just_ids: false,
        force: false,
        deliveries: None,
        now,
        delivered_at: now,
    };
    claim.require_group(context)?;
    claim.idle_ms = number(args[4], "ERR Invalid min-idle-time argument for XCLAIM")?.max(0);
    let ids = args[5..].iter().map_while(|arg| id(arg).ok());
    let ids: Vec<StreamId> = ids.collect();
    let last_id = claim.options(&args[5 + ids.len()..])?;
    let mut tell_last_id = context
        .edit_group(claim.key, claim.group, |group| {
            let moves = last_id > group.last_id;
            group.last_id = group.last_id.max(last_id);
            moves
        })?
        .unwrap_or(false);
    context.propagate_nothing();
    let mut replies = Vec::new();
    for id in ids {
        let before = context.keyspace.dirty();
        if let Claimed::Taken(reply) = claim.take(context, id)? {
            replies.push(reply);
        }
        tell_last_id &= context.keyspace.dirty() == before;
    }
    if tell_last_id {
        context.propagate_group_id(claim.key, claim.group);
        context.keyspace.count_change();
    }
    Ok(Reply::Array(replies))
}

fn number(arg: &[u8], error: &'static str) -> Result<i64, Reply> {
    parse_integer(arg).ok_or(Reply::error(error))
}

impl Claim<'_> {
    /// Reads what follows the IDs, and gives LASTID.
    fn options(&mut self, mut options: &[&[u8]]) -> Result<StreamId, Reply> {
        let mut last_id = StreamId::MIN;
        let mut delivered_at = None;
        while let Some((option, rest)) = options.split_first() {
            options = match rest {
                _ if is(option, "FORCE") => {
                    self.force = true;
                    rest
                }
                _ if is(option, "JUSTID") => {
                    self.just_ids = true;
                    rest
                }
                [value, rest @ ..] if is(option, "IDLE") => {
                    let idle = number(value, "ERR Invalid IDLE option argument for XCLAIM")?;
                    delivered_at = Some(self.now.wrapping_sub(idle));
                    rest
                }
                [value, rest @ ..] if is(option, "TIME") => {
                    let at = number(value, "ERR Invalid TIME option argument for XCLAIM")?;
                    delivered_at = Some(at);
                    rest
                }
                [value, rest @ ..] if is(option, "RETRYCOUNT") => {
                    let error = "ERR Invalid RETRYCOUNT option argument for XCLAIM";
                    self.deliveries = u64::try_from(number(value, error)?).ok();
                    rest
                }
                [value, rest @ ..] if is(option, "LASTID") => {
                    last_id = id(value)?;
                    rest
                }
                _ => {
                    let text = [b"ERR Unrecognized XCLAIM option '", *option, b"'"];
                    return Err(Reply::error_from(text.concat()));
                }
            };
        }
        let sane = delivered_at.filter(|at| (0..=self.now).contains(at));
        self.delivered_at = sane.unwrap_or(self.now);
        Ok(last_id)
    }
}

pub(super) fn xautoclaim(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(claim_some(context, args))
}

/// How many pending entries XAUTOCLAIM looks at, for each that it may answer.
const ATTEMPTS: usize = 10;
/// The most that COUNT may ask for.
const COUNT_MAX: i64 = i64::MAX / 16;

fn claim_some(context: &mut Context<'_>, args: &[&[u8]]) -> Result<Reply, Reply> {
    let error = "ERR Invalid min-idle-time argument for XAUTOCLAIM";
    let idle_ms = number(args[4], error)?.max(0);
    let start = range_start(args[5])?;
    let now = wall_clock_ms();
    let (mut most, mut just_ids) = (100, false);
    let mut options = &args[6..];
    while let Some((option, rest)) = options.split_first() {
        options = match rest {
            [value, rest @ ..] if is(option, "COUNT") => {
                let wanted = parse_integer(value).filter(|most| (1..=COUNT_MAX).contains(most));
                most = wanted.ok_or(Reply::error("ERR COUNT must be > 0"))?;
                rest
            }
            _ if is(option, "JUSTID") => {
                just_ids = true;
                rest
            }
            _ => return Err(Reply::SYNTAX),
        };
    }
    let claim = Claim {
        key: args[1],
        group: args[2],
        consumer: args[3],
        idle_ms,
        just_ids,
        force: false,
        deliveries: None,
        now,
        delivered_at: now,
    };
    claim.require_group(context)?;
    context.propagate_nothing();
    claim.sweep(context, start, usize::try_from(most).unwrap_or(usize::MAX))
}

impl Claim<'_> {
    /// Takes up to `most` entries from `start` on; where to go on, what was
    /// taken, and what is gone.
    fn sweep(
        &self,
        context: &mut Context<'_>,
        start: StreamId,
        most: usize,
    ) -> Result<Reply, Reply> {
        let (mut taken, mut gone) = (Vec::new(), Vec::new());
        let mut attempts = most.saturating_mul(ATTEMPTS);
        let mut next = self.pending_from(context, Some(start))?;
        while let Some(id) = next
            && attempts > 0
            && taken.len() + gone.len() < most
        {
            attempts -= 1;
            match self.take(context, id)? {
                Claimed::Taken(reply) => taken.push(reply),
                Claimed::Gone => gone.push(id_reply(id)),
                Claimed::Left => {}
            }
            next = self.pending_from(context, id.next())?;
        }
        Ok(Reply::Array(vec![
            id_reply(next.unwrap_or(StreamId::MIN)),
            Reply::Array(taken),
            Reply::Array(gone),
        ]))
    }

    fn pending_from(
        &self,
        context: &mut Context<'_>,
        start: Option<StreamId>,
    ) -> Result<Option<StreamId>, Reply> {
        let (Some(group), Some(start)) = (context.group(self.key, self.group)?, start) else {
            return Ok(None);
        };
        Ok(group.pending().range(start..).next().map(|(id, _)| *id))
    }
}
