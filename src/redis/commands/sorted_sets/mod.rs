//! Sorted sets: members and their scores.

mod combine;
mod pop;
mod range;

use super::args::{answer, double, is, negatable, pairs};
use super::scan::{self, Scan};
use super::{Command, Flags, Handler::Blocking, Handler::Plain, command, random};
use crate::redis::context::Context;
use crate::redis::events::Class;
use crate::redis::number::format_double;
use crate::redis::reply::Reply;
use crate::redis::values::{Edit, SortedSet};

const READ: Flags = Flags::READONLY.and(Flags::FAST);
const SLOW_READ: Flags = Flags::READONLY;
const WRITE: Flags = Flags::WRITE.and(Flags::DENY_OOM);
const FAST_WRITE: Flags = WRITE.and(Flags::FAST);
const FREEING: Flags = Flags::WRITE.and(Flags::FAST);
const SLOW_FREEING: Flags = Flags::WRITE;
const WAITS: Flags = Flags::WRITE.and(Flags::NO_SCRIPT).and(Flags::BLOCKING);
const FAST_WAITS: Flags = WAITS.and(Flags::FAST);

#[rustfmt::skip]
pub(super) const COMMANDS: &[Command] = &[
    command!("bzmpop", "BZMPOP", -5, WAITS.and(Flags::MOVABLE_KEYS), (0, 0, 0), Blocking(pop::bzmpop)),
    command!("bzpopmax", "BZPOPMAX", -3, FAST_WAITS, (1, -2, 1), Blocking(pop::bzpopmax)),
    command!("bzpopmin", "BZPOPMIN", -3, FAST_WAITS, (1, -2, 1), Blocking(pop::bzpopmin)),
    command!("zadd", "ZADD", -4, FAST_WRITE, (1, 1, 1), Plain(zadd)),
    command!("zcard", "ZCARD", 2, READ, (1, 1, 1), Plain(zcard)),
    command!("zcount", "ZCOUNT", 4, READ, (1, 1, 1), Plain(range::zcount)),
    command!("zdiff", "ZDIFF", -3, SLOW_READ.and(Flags::MOVABLE_KEYS), (0, 0, 0), Plain(combine::zdiff)),
    command!("zdiffstore", "ZDIFFSTORE", -4, WRITE.and(Flags::MOVABLE_KEYS).and(Flags::READS), (1, 1, 1), Plain(combine::zdiffstore)),
    command!("zincrby", "ZINCRBY", 4, FAST_WRITE, (1, 1, 1), Plain(zincrby)),
    command!("zinter", "ZINTER", -3, SLOW_READ.and(Flags::MOVABLE_KEYS), (0, 0, 0), Plain(combine::zinter)),
    command!("zintercard", "ZINTERCARD", -3, SLOW_READ.and(Flags::MOVABLE_KEYS), (0, 0, 0), Plain(combine::zintercard)),
    command!("zinterstore", "ZINTERSTORE", -4, WRITE.and(Flags::MOVABLE_KEYS).and(Flags::READS), (1, 1, 1), Plain(combine::zinterstore)),
    command!("zlexcount", "ZLEXCOUNT", 4, READ, (1, 1, 1), Plain(range::zlexcount)),
    command!("zmpop", "ZMPOP", -4, SLOW_FREEING.and(Flags::MOVABLE_KEYS), (0, 0, 0), Plain(pop::zmpop)),
    command!("zmscore", "ZMSCORE", -3, READ, (1, 1, 1), Plain(zmscore)),
    command!("zpopmax", "ZPOPMAX", -2, FREEING, (1, 1, 1), Plain(pop::zpopmax)),
    command!("zpopmin", "ZPOPMIN", -2, FREEING, (1, 1, 1), Plain(pop::zpopmin)),
    command!("zrandmember", "ZRANDMEMBER", -2, SLOW_READ, (1, 1, 1), Plain(zrandmember)),
    command!("zrange", "ZRANGE", -4, SLOW_READ, (1, 1, 1), Plain(range::zrange)),
    command!("zrangebylex", "ZRANGEBYLEX", -4, SLOW_READ, (1, 1, 1), Plain(range::zrangebylex)),
    command!("zrangebyscore", "ZRANGEBYSCORE", -4, SLOW_READ, (1, 1, 1), Plain(range::zrangebyscore)),
    command!("zrangestore", "ZRANGESTORE", -5, WRITE.and(Flags::READS), (1, 2, 1), Plain(range::zrangestore)),
    command!("zrank", "ZRANK", 3, READ, (1, 1, 1), Plain(zrank)),
    command!("zrem", "ZREM", -3, FREEING, (1, 1, 1), Plain(zrem)),
    command!("zremrangebylex", "ZREMRANGEBYLEX", 4, SLOW_FREEING, (1, 1, 1), Plain(range::zremrangebylex)),
    command!("zremrangebyrank", "ZREMRANGEBYRANK", 4, SLOW_FREEING, (1, 1, 1), Plain(range::zremrangebyrank)),
    command!("zremrangebyscore", "ZREMRANGEBYSCORE", 4, SLOW_FREEING, (1, 1, 1), Plain(range::zremrangebyscore)),
    command!("zrevrange", "ZREVRANGE", -4, SLOW_READ, (1, 1, 1), Plain(range::zrevrange)),
    command!("zrevrangebylex", "ZREVRANGEBYLEX", -4, SLOW_READ, (1, 1, 1), Plain(range::zrevrangebylex)),
    command!("zrevrangebyscore", "ZREVRANGEBYSCORE", -4, SLOW_READ, (1, 1, 1), Plain(range::zrevrangebyscore)),
    command!("zrevrank", "ZREVRANK", 3, READ, (1, 1, 1), Plain(zrevrank)),
    command!("zscan", "ZSCAN", -3, SLOW_READ, (1, 1, 1), Plain(zscan)),
    command!("zscore", "ZSCORE", 3, READ, (1, 1, 1), Plain(zscore)),
    command!("zunion", "ZUNION", -3, SLOW_READ.and(Flags::MOVABLE_KEYS), (0, 0, 0), Plain(combine::zunion)),
    command!("zunionstore", "ZUNIONSTORE", -4, WRITE.and(Flags::MOVABLE_KEYS).and(Flags::READS), (1, 1, 1), Plain(combine::zunionstore)),
];

/// The flags of ZADD.
#[derive(Debug, Default)]
struct Flagged {
    nx: bool,
    xx: bool,
    gt: bool,
    lt: bool,
    ch: bool,
    incr: bool,
}

impl Flagged {
    /// Reads the flags at the start of `args`, and gives what follows.
    fn parse<'a, 'b>(mut args: &'a [&'b [u8]]) -> (Flagged, &'a [&'b [u8]]) {
        let mut flags = Flagged::default();
        while let [arg, rest @ ..] = args {
            let flag = match arg {
                arg if is(arg, "NX") => &mut flags.nx,
                arg if is(arg, "XX") => &mut flags.xx,
                arg if is(arg, "GT") => &mut flags.gt,
                arg if is(arg, "LT") => &mut flags.lt,
                arg if is(arg, "CH") => &mut flags.ch,
                arg if is(arg, "INCR") => &mut flags.incr,
                _ => break,
            };
            *flag = true;
            args = rest;
        }
        (flags, args)
    }

    fn check(&self, elements: usize) -> Result<(), Reply> {
        if self.nx && self.xx {
            return Err(Reply::error(
                "ERR XX and NX options at the same time are not compatible",
            ));
        }
        if (self.nx && (self.gt || self.lt)) || (self.gt && self.lt) {
            return Err(Reply::error(
                "ERR GT, LT, and/or NX options at the same time are not compatible",
            ));
        }
        if self.incr && elements > 1 {
            return Err(Reply::error(
                "ERR INCR option supports a single increment-element pair",
            ));
        }
        Ok(())
    }

    /// The score that a member gets, if it gets one.
    fn new_score(&self, old: Option<f64>, given: f64) -> Result<Option<f64>, Reply> {
        let Some(old) = old else {
            return Ok((!self.xx).then_some(given));
        };
        if self.nx {
            return Ok(None);
        }
        let new = if self.incr { old + given } else { given };
        if new.is_nan() {
            return Err(Reply::error("ERR resulting score is not a number (NaN)"));
        }
        let refused = (self.lt && new >= old) || (self.gt && new <= old);
        Ok((!refused).then_some(new))
    }
}

/// What ZADD did.
#[derive(Debug, Default)]
struct Added {
    added: usize,
    updated: usize,
    /// The score of the last member that got one.
    score: Option<f64>,
}

pub(super) fn zadd(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let (flags, elements) = Flagged::parse(&args[2..]);
    answer(add(context, args[1], &flags, elements))
}

fn zincrby(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let (mut flags, elements) = Flagged::parse(&args[2..]);
    flags.incr = true;
    answer(add(context, args[1], &flags, elements))
}

fn add(
    context: &mut Context<'_>,
    key: &[u8],
    flags: &Flagged,
    elements: &[&[u8]],
) -> Result<Reply, Reply> {
    let (elements, rest) = elements.as_chunks::<2>();
    if elements.is_empty() || !rest.is_empty() {
        return Err(Reply::SYNTAX);
    }
    flags.check(elements.len())?;
    let mut scored = Vec::with_capacity(elements.len());
    for [score, member] in elements {
        scored.push((double(score)?, *member));
    }
    let compact = context.server.config.compact;
    let done = context.edit(key, |set: &mut SortedSet| {
        let mut done = Added::default();
        for (given, member) in &scored {
            let old = set.score(member);
            let new = match flags.new_score(old, *given) {
                Ok(new) => new,
                Err(error) => return Edit::unchanged(Err(error)),
            };
            if let Some(new) = new {
                if old != Some(new) {
                    set.set(member, new, &compact);
                    done.added += usize::from(old.is_none());
                    done.updated += usize::from(old.is_some());
                }
                done.score = Some(new);
            }
        }
        Edit::when(done.added + done.updated > 0, Ok(done))
    })??;
    if done.added + done.updated > 0 {
        let event = if flags.incr { "zincr" } else { "zadd" };
        context.notify(Class::ZSET, event, key);
    }
    Ok(match (flags.incr, flags.ch) {
        (true, _) => done.score.map_or(Reply::Null, Reply::Double),
        (false, true) => Reply::count(done.added + done.updated),
        (false, false) => Reply::count(done.added),
    })
}

fn zrem(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let removed = context.edit(args[1], |set: &mut SortedSet| {
        let removed = args[2..].iter().filter(|member| set.remove(member)).count();
        Edit::when(removed > 0, removed)
    });
    if matches!(removed, Ok(1..)) {
        context.notify_removal(Class::ZSET, "zrem", args[1]);
    }
    answer(removed.map(Reply::count))
}

fn zcard(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let set = context.read(args[1]);
    answer(set.map(|set| Reply::count(set.map_or(0, SortedSet::len))))
}

fn score_of(set: Option<&SortedSet>, member: &[u8]) -> Reply {
    let score = set.and_then(|set| set.score(member));
    score.map_or(Reply::Null, Reply::Double)
}

fn zscore(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(context.read(args[1]).map(|set| score_of(set, args[2])))
}

fn zmscore(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(context.read(args[1]).map(|set| {
        let scores = args[2..].iter().map(|member| score_of(set, member));
        Reply::Array(scores.collect())
    }))
}

fn zrank(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let set = context.read::<SortedSet>(args[1]);
    let rank = set.map(|set| set?.rank(args[2]));
    answer(rank.map(|rank| rank.map_or(Reply::Null, Reply::count)))
}

fn zrevrank(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let set = context.read::<SortedSet>(args[1]);
    let rank = set.map(|set| Some(set?.len() - 1 - set?.rank(args[2])?));
    answer(rank.map(|rank| rank.map_or(Reply::Null, Reply::count)))
}

fn zscan(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(scan::of_value(
        context,
        args,
        |scan: &Scan<'_>, set: &mut SortedSet| {
            let (cursor, members) = set.scan(scan.cursor, scan.count);
            let mut found = Vec::new();
            for member in members.into_iter().filter(|member| scan.wants(member)) {
                let score = format_double(set.score(&member).unwrap_or_default());
                found.extend([Reply::Bulk(member), Reply::Bulk(score.into())]);
            }
            (cursor, found)
        },
    ))
}

fn zrandmember(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(random_members(context, args))
}

fn random_members(context: &mut Context<'_>, args: &[&[u8]]) -> Result<Reply, Reply> {
    let resp = context.client.resp;
    let Some((amount, with)) = args[2..].split_first() else {
        let set = context.read::<SortedSet>(args[1])?;
        let member = set.and_then(|set| set.at(random::one(set.len())?));
        return Ok(member.map_or(Reply::Null, |(member, _)| Reply::Bulk(member.clone())));
    };
    let amount = negatable(amount)?;
    let with_scores = match with {
        [] => false,
        [word] if is(word, "WITHSCORES") => true,
        _ => return Err(Reply::SYNTAX),
    };
    if with_scores && amount.unsigned_abs() > i64::MAX.unsigned_abs() / 2 {
        return Err(Reply::error("ERR value is out of range"));
    }
    let Some(set) = context.read::<SortedSet>(args[1])? else {
        return Ok(Reply::Array(Vec::new()));
    };
    let chosen = random::some(set.len(), amount)?.into_iter();
    let chosen = chosen.filter_map(|at| set.at(at)).map(scored);
    Ok(if with_scores {
        pairs(chosen, resp)
    } else {
        Reply::Array(chosen.map(|(member, _)| member).collect())
    })
}

/// A member and its score, as replies.
fn scored((member, score): (&bytes::Bytes, f64)) -> (Reply, Reply) {
    (Reply::Bulk(member.clone()), Reply::Double(score))
}
