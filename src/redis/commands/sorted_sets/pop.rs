//! Pops from the ends of sorted sets: ZPOPMIN, ZMPOP and their blocking kin.

use super::scored;
use crate::redis::blocked::{Attempt, Wait};
use crate::redis::commands::args::{answer, at_least, bulk, is, pairs, positive, timeout_seconds};
use crate::redis::context::Context;
use crate::redis::events::Class;
use crate::redis::reply::{Reply, Resp};
use crate::redis::values::{Edit, SortedSet};

/// The lowest or the highest score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Min,
    Max,
}

impl Which {
    /// The command that pops here and does not wait.
    fn command(self) -> &'static [u8] {
        match self {
            Which::Min => b"ZPOPMIN",
            Which::Max => b"ZPOPMAX",
        }
    }
}

type Pair = (Reply, Reply);

pub(super) fn zpopmin(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(pop_one_key(context, args, Which::Min))
}

pub(super) fn zpopmax(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(pop_one_key(context, args, Which::Max))
}

/// In RESP3 members and scores come in pairs if there is a count.
fn pop_one_key(context: &mut Context<'_>, args: &[&[u8]], which: Which) -> Result<Reply, Reply> {
    let (most, resp) = match args {
        [_, _] => (1, Resp::V2),
        [_, _, most] => (positive(most)?, context.client.resp),
        _ => return Err(Reply::SYNTAX),
    };
    let popped = pop(context, args[1], which, most)?;
    Ok(pairs(popped.into_iter(), resp))
}

fn pop(
    context: &mut Context<'_>,
    key: &[u8],
    which: Which,
    most: usize,
) -> Result<Vec<Pair>, Reply> {
    let popped = context.edit(key, |set: &mut SortedSet| {
        let mut popped = Vec::new();
        while popped.len() < most && !set.is_empty() {
            let end = match which {
                Which::Min => 0,
                Which::Max => set.len() - 1,
            };
            let Some((member, score)) = set.at(end) else {
                break;
            };
            let member = member.clone();
            popped.push(scored((&member, score)));
            set.remove(&member);
        }
        Edit::when(!popped.is_empty(), popped)
    })?;
    if !popped.is_empty() {
        let event = match which {
            Which::Min => "zpopmin",
            Which::Max => "zpopmax",
        };
        context.notify_removal(Class::ZSET, event, key);
    }
    Ok(popped)
}

pub(super) fn bzpopmin(context: &mut Context<'_>, args: &[&[u8]], ready: Option<&[u8]>) -> Attempt {
    Attempt::or_error(blocking_pop(context, args, ready, Which::Min))
}

pub(super) fn bzpopmax(context: &mut Context<'_>, args: &[&[u8]], ready: Option<&[u8]>) -> Attempt {
    Attempt::or_error(blocking_pop(context, args, ready, Which::Max))
}

fn blocking_pop(
    context: &mut Context<'_>,
    args: &[&[u8]],
    ready: Option<&[u8]>,
    which: Which,
) -> Result<Attempt, Reply> {
    let (keys, timeout) = (&args[1..args.len() - 1], args[args.len() - 1]);
    let wait = Wait::for_keys(keys, timeout_seconds(timeout)?, Reply::NullArray);
    Attempt::on_keys::<SortedSet>(context, keys, ready, wait, |context, keys| {
        for key in keys {
            if let Some((member, score)) = pop(context, key, which, 1)?.pop() {
                context.propagate_as(&[which.command(), key]);
                return Ok(Some(Reply::Array(vec![bulk(key), member, score])));
            }
        }
        Ok(None)
    })
}

/// The arguments of ZMPOP from the number of keys on.
struct Pops<'a> {
    keys: &'a [&'a [u8]],
    which: Which,
    most: usize,
}

impl<'a> Pops<'a> {
    fn parse(args: &'a [&'a [u8]]) -> Result<Pops<'a>, Reply> {
        let keys = at_least(1, args[0], "ERR numkeys should be greater than 0")?;
        let (keys, rest) = args[1..].split_at_checked(keys).ok_or(Reply::SYNTAX)?;
        let (which, options) = rest.split_first().ok_or(Reply::SYNTAX)?;
        let which = if is(which, "MIN") {
            Which::Min
        } else if is(which, "MAX") {
            Which::Max
        } else {
            return Err(Reply::SYNTAX);
        };
        let most = match options {
            [] => 1,
            [word, most, rest @ ..] if is(word, "COUNT") => {
                let most = at_least(1, most, "ERR count should be greater than 0")?;
                if !rest.is_empty() {
                    return Err(Reply::SYNTAX);
                }
                most
            }
            _ => return Err(Reply::SYNTAX),
        };
        Ok(Pops { keys, which, most })
    }

    /// From the first sorted set that has something.
    fn run(&self, context: &mut Context<'_>, keys: &[&[u8]]) -> Result<Option<Reply>, Reply> {
        for key in keys {
            let popped = pop(context, key, self.which, self.most)?;
            if !popped.is_empty() {
                let count = popped.len().to_string();
                context.propagate_as(&[self.which.command(), key, count.as_bytes()]);
                let popped = pairs(popped.into_iter(), Resp::V3);
                return Ok(Some(Reply::Array(vec![bulk(key), popped])));
            }
        }
        Ok(None)
    }
}

pub(super) fn zmpop(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(Pops::parse(&args[1..]).and_then(|pops| {
        let reply = pops.run(context, pops.keys)?;
        Ok(reply.unwrap_or(Reply::NullArray))
    }))
}

pub(super) fn bzmpop(context: &mut Context<'_>, args: &[&[u8]], ready: Option<&[u8]>) -> Attempt {
    Attempt::or_error(Pops::parse(&args[2..]).and_then(|pops| {
        let wait = Wait::for_keys(pops.keys, timeout_seconds(args[1])?, Reply::NullArray);
        Attempt::on_keys::<SortedSet>(context, pops.keys, ready, wait, |context, keys| {
            pops.run(context, keys)
        })
    }))
}
