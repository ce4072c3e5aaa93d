//! Parts of a sorted set: by rank, by score, by name.

use std::ops::Range;

use bytes::Bytes;

use super::scored;
use crate::redis::commands::args::{answer, is, pairs, span};
use crate::redis::context::Context;
use crate::redis::events::Class;
use crate::redis::number::{integer_argument, parse_double_loosely};
use crate::redis::reply::Reply;
use crate::redis::values::{Edit, SortedSet};

/// What the two ends of a range are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Rank,
    Score,
    Lex,
}

/// One end of a range of scores.
#[derive(Debug, Clone, Copy)]
struct ScoreBound {
    score: f64,
    exclusive: bool,
}

impl ScoreBound {
    fn parse(arg: &[u8]) -> Result<ScoreBound, Reply> {
        let (digits, exclusive) = match arg {
            [b'(', digits @ ..] => (digits, true),
            digits => (digits, false),
        };
        let score =
            parse_double_loosely(digits).ok_or(Reply::error("ERR min or max is not a float"))?;
        Ok(ScoreBound { score, exclusive })
    }
}

/// One end of a range of names.
#[derive(Debug, Clone, Copy)]
enum LexBound<'a> {
    /// Before every name.
    First,
    /// After every name.
    Last,
    Inclusive(&'a [u8]),
    Exclusive(&'a [u8]),
}

impl<'a> LexBound<'a> {
    fn parse(arg: &'a [u8]) -> Result<LexBound<'a>, Reply> {
        match arg {
            [b'-'] => Ok(LexBound::First),
            [b'+'] => Ok(LexBound::Last),
            [b'[', name @ ..] => Ok(LexBound::Inclusive(name)),
            [b'(', name @ ..] => Ok(LexBound::Exclusive(name)),
            _ => Err(Reply::error("ERR min or max not valid string range item")),
        }
    }

    /// Whether a name comes before a range that starts here.
    fn is_after(self, name: &[u8]) -> bool {
        match self {
            LexBound::First => false,
            LexBound::Last => true,
            LexBound::Inclusive(bound) => name < bound,
            LexBound::Exclusive(bound) => name <= bound,
        }
    }

    /// Whether a name is in a range that ends here, its start apart.
    fn is_not_before(self, name: &[u8]) -> bool {
        match self {
            LexBound::First => false,
            LexBound::Last => true,
            LexBound::Inclusive(bound) => name <= bound,
            LexBound::Exclusive(bound) => name < bound,
        }
    }
}

/// The two ends.
#[derive(Debug, Clone, Copy)]
enum Ends<'a> {
    Ranks(i64, i64),
    Scores(ScoreBound, ScoreBound),
    Names(LexBound<'a>, LexBound<'a>),
}

impl<'a> Ends<'a> {
    fn parse(by: By, min: &'a [u8], max: &'a [u8]) -> Result<Ends<'a>, Reply> {
        Ok(match by {
            By::Rank => Ends::Ranks(integer_argument(min)?, integer_argument(max)?),
            By::Score => Ends::Scores(ScoreBound::parse(min)?, ScoreBound::parse(max)?),
            By::Lex => Ends::Names(LexBound::parse(min)?, LexBound::parse(max)?),
        })
    }

    /// The ranks of the members between them, from the lowest score up.
    fn ranks(self, set: &SortedSet, reverse: bool) -> Range<usize> {
        let (start, end) = match self {
            Ends::Ranks(first, last) => {
                let range = span(first, last, set.len()).unwrap_or(0..0);
                match reverse {
                    false => (range.start, range.end),
                    true => (set.len() - range.end, set.len() - range.start),
                }
            }
            Ends::Scores(min, max) => (
                set.partition_point(|score, _| {
                    score < min.score || (min.exclusive && score == min.score)
                }),
                set.partition_point(|score, _| {
                    score < max.score || (!max.exclusive && score == max.score)
                }),
            ),
            Ends::Names(min, max) if set.is_small() => return walked(set, min, max, reverse),
            Ends::Names(min, max) => (
                set.partition_point(|_, name| min.is_after(name)),
                set.partition_point(|_, name| max.is_not_before(name)),
            ),
        };
        start..end.max(start)
    }
}

/// The ranks between two names in a small set: a list, which is walked from
/// one end for as long as it fits. That is another part of it than a search
/// would find if the scores differ, where a range of names means little.
fn walked(set: &SortedSet, min: LexBound<'_>, max: LexBound<'_>, reverse: bool) -> Range<usize> {
    let names: Vec<&[u8]> = set.iter().map(|(name, _)| &name[..]).collect();
    let reaches_min = |name: &&[u8]| !min.is_after(name);
    let reaches_max = |name: &&[u8]| max.is_not_before(name);
    let ends = names.last().zip(names.first());
    if ends.is_none_or(|(last, first)| !reaches_min(last) || !reaches_max(first)) {
        return 0..0;
    }
    if reverse {
        let end = names.iter().rposition(reaches_max).map_or(0, |at| at + 1);
        let fitting = names[..end]
            .iter()
            .rev()
            .take_while(|name| reaches_min(name));
        let fitting = fitting.count();
        return end - fitting..end;
    }
    let start = names.iter().position(reaches_min);
    let start = start.unwrap_or(names.len());
    let fitting = names[start..].iter().take_while(|name| reaches_max(name));
    start..start + fitting.count()
}

/// The arguments of ZRANGE and its older forms, from the key on.
#[derive(Debug)]
struct Query<'a> {
    key: &'a [u8],
    by: By,
    ends: Ends<'a>,
    reverse: bool,
    offset: i64,
    /// Negative for no limit.
    limit: i64,
    with_scores: bool,
}

/// What a command's name has settled.
#[derive(Debug, Clone, Copy, Default)]
struct Fixed {
    by: Option<By>,
    reverse: Option<bool>,
    stores: bool,
}

impl<'a> Query<'a> {
    fn parse(args: &'a [&'a [u8]], fixed: Fixed) -> Result<Query<'a>, Reply> {
        let (mut by, mut reverse) = (fixed.by, fixed.reverse);
        let (mut offset, mut limit, mut with_scores) = (0, -1, false);
        let mut options = &args[3..];
        while let Some((option, rest)) = options.split_first() {
            options = rest;
            match rest {
                _ if !fixed.stores && is(option, "WITHSCORES") => with_scores = true,
                [start, most, rest @ ..] if is(option, "LIMIT") => {
                    (offset, limit) = (integer_argument(start)?, integer_argument(most)?);
                    options = rest;
                }
                _ if fixed.reverse.is_none() && is(option, "REV") && reverse.is_none() => {
                    reverse = Some(true);
                }
                _ if by.is_none() && is(option, "BYLEX") => by = Some(By::Lex),
                _ if by.is_none() && is(option, "BYSCORE") => by = Some(By::Score),
                _ => return Err(Reply::SYNTAX),
            }
        }
        let (by, reverse) = (by.unwrap_or(By::Rank), reverse.unwrap_or(false));
        if limit != -1 && by == By::Rank {
            return Err(Reply::error(
                "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or \
                 BYLEX",
            ));
        }
        if with_scores && by == By::Lex {
            return Err(Reply::error(
                "ERR syntax error, WITHSCORES not supported in combination with BYLEX",
            ));
        }
        let (min, max) = match reverse && by != By::Rank {
            true => (args[2], args[1]),
            false => (args[1], args[2]),
        };
        Ok(Query {
            key: args[0],
            by,
            ends: Ends::parse(by, min, max)?,
            reverse,
            offset,
            limit,
            with_scores,
        })
    }

    /// The members that are asked for, in the order that is asked for.
    fn run<'s>(&self, set: &'s SortedSet) -> Vec<(&'s Bytes, f64)> {
        let mut ranks = self.ends.ranks(set, self.reverse);
        if self.by != By::Rank {
            let length = ranks.len();
            let skipped = usize::try_from(self.offset).unwrap_or(length).min(length);
            let most = usize::try_from(self.limit).unwrap_or(length);
            let kept = most.min(length - skipped);
            ranks = match self.reverse {
                false => ranks.start + skipped..ranks.start + skipped + kept,
                true => ranks.end - skipped - kept..ranks.end - skipped,
            };
        }
        let members = |ranks: &mut dyn Iterator<Item = usize>| {
            ranks.filter_map(|rank| set.at(rank)).collect()
        };
        match self.reverse {
            false => members(&mut ranks),
            true => members(&mut ranks.rev()),
        }
    }
}

fn range(context: &mut Context<'_>, args: &[&[u8]], fixed: Fixed) -> Reply {
    answer(Query::parse(&args[1..], fixed).and_then(|query| {
        let resp = context.client.resp;
        let set = context.read::<SortedSet>(query.key)?;
        let found = set.map_or_else(Vec::new, |set| query.run(set));
        let found = found.into_iter().map(scored);
        Ok(match query.with_scores {
            true => pairs(found, resp),
            false => Reply::Array(found.map(|(member, _)| member).collect()),
        })
    }))
}

pub(super) fn zrange(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    range(context, args, Fixed::default())
}

fn old_form(context: &mut Context<'_>, args: &[&[u8]], by: By, reverse: bool) -> Reply {
    let fixed = Fixed {
        by: Some(by),
        reverse: Some(reverse),
        stores: false,
    };
    range(context, args, fixed)
}

pub(super) fn zrevrange(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    old_form(context, args, By::Rank, true)
}

pub(super) fn zrangebyscore(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    old_form(context, args, By::Score, false)
}

pub(super) fn zrevrangebyscore(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    old_form(context, args, By::Score, true)
}

pub(super) fn zrangebylex(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    old_form(context, args, By::Lex, false)
}

pub(super) fn zrevrangebylex(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    old_form(context, args, By::Lex, true)
}

pub(super) fn zrangestore(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let fixed = Fixed {
        stores: true,
        ..Fixed::default()
    };
    answer(Query::parse(&args[2..], fixed).and_then(|query| {
        let compact = context.server.config.compact;
        let mut result = SortedSet::default();
        if let Some(set) = context.read::<SortedSet>(query.key)? {
            for (member, score) in query.run(set) {
                result.set(member, score, &compact);
            }
        }
        let size = result.len();
        context.store(args[1], result, size, Class::ZSET, "zrangestore");
        Ok(Reply::count(size))
    }))
}

fn count_between(context: &mut Context<'_>, args: &[&[u8]], by: By) -> Reply {
    answer(Ends::parse(by, args[2], args[3]).and_then(|ends| {
        let set = context.read::<SortedSet>(args[1])?;
        Ok(Reply::count(
            set.map_or(0, |set| ends.ranks(set, false).len()),
        ))
    }))
}

pub(super) fn zcount(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    count_between(context, args, By::Score)
}

pub(super) fn zlexcount(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    count_between(context, args, By::Lex)
}

fn remove_between(context: &mut Context<'_>, args: &[&[u8]], by: By, event: &'static str) -> Reply {
    answer(Ends::parse(by, args[2], args[3]).and_then(|ends| {
        let removed = context.edit(args[1], |set: &mut SortedSet| {
            let ranks = ends.ranks(set, false);
            let removed = ranks.len();
            for _ in 0..removed {
                if let Some(member) = set.at(ranks.start).map(|(member, _)| member.clone()) {
                    set.remove(&member);
                }
            }
            Edit::when(removed > 0, removed)
        })?;
        if removed > 0 {
            context.notify_removal(Class::ZSET, event, args[1]);
        }
        Ok(Reply::count(removed))
    }))
}

pub(super) fn zremrangebyrank(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    remove_between(context, args, By::Rank, "zremrangebyrank")
}

pub(super) fn zremrangebyscore(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    remove_between(context, args, By::Score, "zremrangebyscore")
}

pub(super) fn zremrangebylex(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    remove_between(context, args, By::Lex, "zremrangebylex")
}
