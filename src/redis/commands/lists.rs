//! Lists: pushes, pops, and what looks at the elements between the ends.

use bytes::Bytes;

use super::args::{answer, at_least, bulk, is, positive, span, timeout_seconds};
use super::{Command, Flags, Handler::Blocking, Handler::Plain, command};
use crate::redis::blocked::{Attempt, Wait};
use crate::redis::context::Context;
use crate::redis::events::Class;
use crate::redis::number::integer_argument;
use crate::redis::reply::Reply;
use crate::redis::values::{Edit, List};

const READ: Flags = Flags::READONLY;
const WRITE: Flags = Flags::WRITE.and(Flags::DENY_OOM);
const FAST_WRITE: Flags = WRITE.and(Flags::FAST);
const FREEING: Flags = Flags::WRITE;
const FAST_FREEING: Flags = Flags::WRITE.and(Flags::FAST);
const WAITS: Flags = Flags::WRITE.and(Flags::NO_SCRIPT).and(Flags::BLOCKING);
const GROWING_WAITS: Flags = WAITS.and(Flags::DENY_OOM);

#[rustfmt::skip]
pub(super) const COMMANDS: &[Command] = &[
    command!("blmove", "BLMOVE", 6, GROWING_WAITS, (1, 2, 1), Blocking(blmove)),
    command!("blmpop", "BLMPOP", -5, WAITS.and(Flags::MOVABLE_KEYS), (0, 0, 0), Blocking(blmpop)),
    command!("blpop", "BLPOP", -3, WAITS, (1, -2, 1), Blocking(blpop)),
    command!("brpop", "BRPOP", -3, WAITS, (1, -2, 1), Blocking(brpop)),
    command!("brpoplpush", "BRPOPLPUSH", 4, GROWING_WAITS, (1, 2, 1), Blocking(brpoplpush)),
    command!("lindex", "LINDEX", 3, READ, (1, 1, 1), Plain(lindex)),
    command!("linsert", "LINSERT", 5, WRITE, (1, 1, 1), Plain(linsert)),
    command!("llen", "LLEN", 2, READ.and(Flags::FAST), (1, 1, 1), Plain(llen)),
    command!("lmove", "LMOVE", 5, WRITE, (1, 2, 1), Plain(lmove)),
    command!("lmpop", "LMPOP", -4, FREEING.and(Flags::MOVABLE_KEYS), (0, 0, 0), Plain(lmpop)),
    command!("lpop", "LPOP", -2, FAST_FREEING, (1, 1, 1), Plain(lpop)),
    command!("lpos", "LPOS", -3, READ, (1, 1, 1), Plain(lpos)),
    command!("lpush", "LPUSH", -3, FAST_WRITE, (1, 1, 1), Plain(lpush)),
    command!("lpushx", "LPUSHX", -3, FAST_WRITE, (1, 1, 1), Plain(lpushx)),
    command!("lrange", "LRANGE", 4, READ, (1, 1, 1), Plain(lrange)),
    command!("lrem", "LREM", 4, FREEING, (1, 1, 1), Plain(lrem)),
    command!("lset", "LSET", 4, WRITE, (1, 1, 1), Plain(lset)),
    command!("ltrim", "LTRIM", 4, FREEING, (1, 1, 1), Plain(ltrim)),
    command!("rpop", "RPOP", -2, FAST_FREEING, (1, 1, 1), Plain(rpop)),
    command!("rpoplpush", "RPOPLPUSH", 3, WRITE, (1, 2, 1), Plain(rpoplpush)),
    command!("rpush", "RPUSH", -3, FAST_WRITE, (1, 1, 1), Plain(rpush)),
    command!("rpushx", "RPUSHX", -3, FAST_WRITE, (1, 1, 1), Plain(rpushx)),
];

/// An end of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Left,
    Right,
}

impl End {
    /// What keyspace notifications call a push and a pop.
    fn events(self) -> (&'static str, &'static str) {
        match self {
            End::Left => ("lpush", "lpop"),
            End::Right => ("rpush", "rpop"),
        }
    }

    fn pop_command(self) -> &'static [u8] {
        match self {
            End::Left => b"LPOP",
            End::Right => b"RPOP",
        }
    }

    fn parse(arg: &[u8]) -> Result<End, Reply> {
        if is(arg, "LEFT") {
            Ok(End::Left)
        } else if is(arg, "RIGHT") {
            Ok(End::Right)
        } else {
            Err(Reply::SYNTAX)
        }
    }

    fn push(self, list: &mut List, element: Bytes) {
        match self {
            End::Left => list.push_front(element),
            End::Right => list.push_back(element),
        }
    }

    fn pop(self, list: &mut List) -> Option<Bytes> {
        match self {
            End::Left => list.pop_front(),
            End::Right => list.pop_back(),
        }
    }
}

fn lpush(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(push(context, args, End::Left))
}

fn rpush(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(push(context, args, End::Right))
}

fn lpushx(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(push_existing(context, args, End::Left))
}

fn rpushx(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(push_existing(context, args, End::Right))
}

fn push_existing(context: &mut Context<'_>, args: &[&[u8]], end: End) -> Result<Reply, Reply> {
    match context.has::<List>(args[1])? {
        true => push(context, args, end),
        false => Ok(Reply::Integer(0)),
    }
}

fn push(context: &mut Context<'_>, args: &[&[u8]], end: End) -> Result<Reply, Reply> {
    let length = context.edit(args[1], |list: &mut List| {
        for element in &args[2..] {
            end.push(list, Bytes::copy_from_slice(element));
        }
        Edit::changed(list.len())
    })?;
    context.notify(Class::LIST, end.events().0, args[1]);
    Ok(Reply::count(length))
}

fn linsert(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let after = match args[2] {
        place if is(place, "AFTER") => 1,
        place if is(place, "BEFORE") => 0,
        _ => return Reply::SYNTAX,
    };
    let inserted = context.edit(args[1], |list: &mut List| {
        if list.is_empty() {
            return Edit::unchanged(Reply::Integer(0));
        }
        match list.iter().position(|element| element == args[3]) {
            None => Edit::unchanged(Reply::Integer(-1)),
            Some(pivot) => {
                list.insert(pivot + after, Bytes::copy_from_slice(args[4]));
                Edit::changed(Reply::count(list.len()))
            }
        }
    });
    if inserted.as_ref().is_ok_and(|reply| reply.is_positive()) {
        context.notify(Class::LIST, "linsert", args[1]);
    }
    answer(inserted)
}

fn llen(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(
        context
            .read(args[1])
            .map(|list| Reply::count(list.map_or(0, List::len))),
    )
}

fn lindex(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(context.read(args[1]).and_then(|list| {
        let Some(list) = list else {
            return Ok(Reply::Null);
        };
        let index = integer_argument(args[2])?;
        let element = position(list, index).map(|index| list[index].clone());
        Ok(element.map_or(Reply::Null, Reply::Bulk))
    }))
}

/// Where an index points, if it is in the list.
fn position(list: &List, index: i64) -> Option<usize> {
    let length = i64::try_from(list.len()).ok()?;
    let index = if index < 0 {
        index.checked_add(length)?
    } else {
        index
    };
    usize::try_from(index)
        .ok()
        .filter(|index| *index < list.len())
}

fn lset(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(context.has::<List>(args[1]).and_then(|found| {
        if !found {
            return Err(Reply::NO_SUCH_KEY);
        }
        let index = integer_argument(args[2])?;
        let found = context.edit(args[1], |list: &mut List| {
            let index = position(list, index);
            if let Some(index) = index {
                list[index] = Bytes::copy_from_slice(args[3]);
            }
            Edit::when(index.is_some(), index.is_some())
        })?;
        if !found {
            return Err(Reply::error("ERR index out of range"));
        }
        context.notify(Class::LIST, "lset", args[1]);
        Ok(Reply::OK)
    }))
}

fn lpop(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(pop(context, args, End::Left, "lpop"))
}

fn rpop(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(pop(context, args, End::Right, "rpop"))
}

fn pop(context: &mut Context<'_>, args: &[&[u8]], end: End, command: &str) -> Result<Reply, Reply> {
    let most = match args {
        [_, _] => None,
        [_, _, most] => Some(positive(most)?),
        _ => return Err(Reply::wrong_arity(command)),
    };
    if !context.has::<List>(args[1])? {
        return Ok(most.map_or(Reply::Null, |_| Reply::NullArray));
    }
    match most {
        None => Ok(pop_one(context, args[1], end)?.map_or(Reply::Null, Reply::Bulk)),
        Some(most) => Ok(Reply::Array(pop_some(context, args[1], end, most)?)),
    }
}

fn pop_one(context: &mut Context<'_>, key: &[u8], end: End) -> Result<Option<Bytes>, Reply> {
    let element = context.edit(key, |list| {
        let element = end.pop(list);
        Edit::when(element.is_some(), element)
    })?;
    if element.is_some() {
        context.notify_removal(Class::LIST, end.events().1, key);
    }
    Ok(element)
}

fn pop_some(
    context: &mut Context<'_>,
    key: &[u8],
    end: End,
    most: usize,
) -> Result<Vec<Reply>, Reply> {
    let popped = context.edit(key, |list: &mut List| {
        let most = most.min(list.len());
        let popped = (0..most).filter_map(|_| end.pop(list)).map(Reply::Bulk);
        let popped: Vec<Reply> = popped.collect();
        Edit::when(most > 0, popped)
    })?;
    if !popped.is_empty() {
        context.notify_removal(Class::LIST, end.events().1, key);
    }
    Ok(popped)
}

fn lrange(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(range_arguments(args).and_then(|(first, last)| {
        let Some(list) = context.read::<List>(args[1])? else {
            return Ok(Reply::Array(Vec::new()));
        };
        let range = span(first, last, list.len()).unwrap_or(0..0);
        Ok(Reply::Array(
            list.range(range).cloned().map(Reply::Bulk).collect(),
        ))
    }))
}

fn range_arguments(args: &[&[u8]]) -> Result<(i64, i64), Reply> {
    Ok((integer_argument(args[2])?, integer_argument(args[3])?))
}

fn ltrim(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(range_arguments(args).and_then(|(first, last)| {
        if !context.has::<List>(args[1])? {
            return Ok(Reply::OK);
        }
        let trimmed = context.edit(args[1], |list: &mut List| {
            let before = list.len();
            match span(first, last, before) {
                Some(kept) => {
                    list.truncate(kept.end);
                    list.drain(..kept.start);
                }
                None => list.clear(),
            }
            Edit::changed(list.len() < before)
        })?;
        if !trimmed {
            context.propagate_nothing();
        }
        context.notify_removal(Class::LIST, "ltrim", args[1]);
        Ok(Reply::OK)
    }))
}

fn lrem(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(integer_argument(args[2]).and_then(|limit| {
        let most = match limit {
            // The least integer is its own negative, and so no limit.
            0 | i64::MIN => usize::MAX,
            limit => usize::try_from(limit.unsigned_abs()).unwrap_or(usize::MAX),
        };
        let removed = context.edit(args[1], |list: &mut List| {
            let matching = list.iter().filter(|element| *element == args[3]).count();
            let removed = matching.min(most);
            let skipped = if limit < 0 { matching - removed } else { 0 };
            let mut met = 0;
            list.retain(|element| {
                let matches = element == args[3];
                met += usize::from(matches);
                !(matches && met > skipped && met <= skipped + removed)
            });
            Edit::when(removed > 0, removed)
        })?;
        if removed > 0 {
            context.notify_removal(Class::LIST, "lrem", args[1]);
        }
        Ok(Reply::count(removed))
    }))
}

/// The options of LPOS.
struct Search {
    /// From the end, if it is negative.
    rank: i64,
    /// How many to find; none for one, and not as an array.
    count: Option<usize>,
    /// How many elements to look at.
    most: usize,
}

impl Search {
    fn parse(mut args: &[&[u8]]) -> Result<Search, Reply> {
        let mut search = Search {
            rank: 1,
            count: None,
            most: 0,
        };
        while let [option, value, rest @ ..] = args {
            if is(option, "RANK") {
                search.rank = rank(value)?;
            } else if is(option, "COUNT") {
                search.count = Some(at_least(0, value, "ERR COUNT can't be negative")?);
            } else if is(option, "MAXLEN") {
                search.most = at_least(0, value, "ERR MAXLEN can't be negative")?;
            } else {
                return Err(Reply::SYNTAX);
            }
            args = rest;
        }
        if !args.is_empty() {
            return Err(Reply::SYNTAX);
        }
        if search.most == 0 {
            search.most = usize::MAX;
        }
        Ok(search)
    }

    fn run(&self, list: &List, element: &[u8]) -> Vec<usize> {
        // The least integer is its own negative: any match is beyond it, and
        // by more than any count.
        let is_least = self.rank == i64::MIN;
        let rank = usize::try_from(self.rank.unsigned_abs()).unwrap_or(usize::MAX);
        let rank = if is_least { 1 } else { rank };
        let most = match self.count {
            None => 1,
            Some(_) if is_least => usize::MAX,
            Some(0) => usize::MAX,
            Some(count) => count,
        };
        let length = list.len();
        let steps = 0..length.min(self.most);
        let index = |step| {
            if self.rank < 0 {
                length - 1 - step
            } else {
                step
            }
        };
        steps
            .map(index)
            .filter(|index| list[*index] == element)
            .skip(rank - 1)
            .take(most)
            .collect()
    }
}

fn rank(arg: &[u8]) -> Result<i64, Reply> {
    match integer_argument(arg)? {
        0 => Err(Reply::error(
            "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... \
             or use negative to start from the end of the list",
        )),
        rank => Ok(rank),
    }
}

fn lpos(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(Search::parse(&args[3..]).and_then(|search| {
        let list = context.read::<List>(args[1])?;
        let found = list.map_or_else(Vec::new, |list| search.run(list, args[2]));
        Ok(match (search.count, found.first()) {
            (None, None) => Reply::Null,
            (None, Some(index)) => Reply::count(*index),
            (Some(_), _) => Reply::Array(found.into_iter().map(Reply::count).collect()),
        })
    }))
}

fn lmove(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(ends(args).and_then(|(from, to)| {
        let moved = move_element(context, args[1], args[2], from, to)?;
        Ok(moved.map_or(Reply::Null, Reply::Bulk))
    }))
}

fn ends(args: &[&[u8]]) -> Result<(End, End), Reply> {
    Ok((End::parse(args[3])?, End::parse(args[4])?))
}

fn rpoplpush(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let moved = move_element(context, args[1], args[2], End::Right, End::Left);
    answer(moved.map(|moved| moved.map_or(Reply::Null, Reply::Bulk)))
}

/// Moves an element from one list to another, or to the other end of the same
/// one. None if there is none.
fn move_element(
    context: &mut Context<'_>,
    source: &[u8],
    destination: &[u8],
    from: End,
    to: End,
) -> Result<Option<Bytes>, Reply> {
    if !context.has::<List>(source)? {
        return Ok(None);
    }
    context.has::<List>(destination)?;
    let same = source == destination;
    let element = context.edit(source, |list| {
        let element = from.pop(list);
        if let Some(element) = element.clone().filter(|_| same) {
            to.push(list, element);
        }
        Edit::changed(element)
    })?;
    if let Some(element) = element.clone().filter(|_| !same) {
        context.edit(destination, |list| {
            to.push(list, element);
            Edit::changed(())
        })?;
    }
    context.notify(Class::LIST, to.events().0, destination);
    context.notify_removal(Class::LIST, from.events().1, source);
    Ok(element)
}

/// The arguments of LMPOP from the number of keys on.
struct Pops<'a> {
    keys: &'a [&'a [u8]],
    end: End,
    most: usize,
}

impl<'a> Pops<'a> {
    fn parse(args: &'a [&'a [u8]]) -> Result<Pops<'a>, Reply> {
        let keys = at_least(1, args[0], "ERR numkeys should be greater than 0")?;
        let (keys, rest) = args[1..].split_at_checked(keys).ok_or(Reply::SYNTAX)?;
        let (end, options) = rest.split_first().ok_or(Reply::SYNTAX)?;
        let end = End::parse(end)?;
        let most = match options {
            [] => 1,
            [word, most] if is(word, "COUNT") => {
                at_least(1, most, "ERR count should be greater than 0")?
            }
            [word, most, ..] if is(word, "COUNT") => {
                at_least(1, most, "ERR count should be greater than 0")?;
                return Err(Reply::SYNTAX);
            }
            _ => return Err(Reply::SYNTAX),
        };
        Ok(Pops { keys, end, most })
    }

    /// From the first list that has something.
    fn run(&self, context: &mut Context<'_>, keys: &[&[u8]]) -> Result<Option<Reply>, Reply> {
        for key in keys {
            if context.has::<List>(key)? {
                let popped = pop_some(context, key, self.end, self.most)?;
                let count = popped.len().to_string();
                let command = self.end.pop_command();
                context.propagate_as(&[command, key, count.as_bytes()]);
                return Ok(Some(Reply::Array(vec![bulk(key), Reply::Array(popped)])));
            }
        }
        Ok(None)
    }
}

fn lmpop(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(Pops::parse(&args[1..]).and_then(|pops| {
        let reply = pops.run(context, pops.keys)?;
        Ok(reply.unwrap_or(Reply::NullArray))
    }))
}

fn blmpop(context: &mut Context<'_>, args: &[&[u8]], ready: Option<&[u8]>) -> Attempt {
    Attempt::or_error(Pops::parse(&args[2..]).and_then(|pops| {
        let wait = Wait::for_keys(pops.keys, timeout_seconds(args[1])?, Reply::NullArray);
        Attempt::on_keys::<List>(context, pops.keys, ready, wait, |context, keys| {
            pops.run(context, keys)
        })
    }))
}

fn blpop(context: &mut Context<'_>, args: &[&[u8]], ready: Option<&[u8]>) -> Attempt {
    Attempt::or_error(blocking_pop(context, args, ready, End::Left))
}

fn brpop(context: &mut Context<'_>, args: &[&[u8]], ready: Option<&[u8]>) -> Attempt {
    Attempt::or_error(blocking_pop(context, args, ready, End::Right))
}

fn blocking_pop(
    context: &mut Context<'_>,
    args: &[&[u8]],
    ready: Option<&[u8]>,
    end: End,
) -> Result<Attempt, Reply> {
    let (keys, timeout) = (&args[1..args.len() - 1], args[args.len() - 1]);
    let wait = Wait::for_keys(keys, timeout_seconds(timeout)?, Reply::NullArray);
    Attempt::on_keys::<List>(context, keys, ready, wait, |context, keys| {
        for key in keys {
            if context.has::<List>(key)? {
                let element = pop_one(context, key, end)?;
                let element = element.map_or(Reply::Null, Reply::Bulk);
                context.propagate_as(&[end.pop_command(), key]);
                return Ok(Some(Reply::Array(vec![bulk(key), element])));
            }
        }
        Ok(None)
    })
}

fn blmove(context: &mut Context<'_>, args: &[&[u8]], ready: Option<&[u8]>) -> Attempt {
    Attempt::or_error(
        ends(args).and_then(|(from, to)| blocking_move(context, args, ready, (from, to), args[5])),
    )
}

fn brpoplpush(context: &mut Context<'_>, args: &[&[u8]], ready: Option<&[u8]>) -> Attempt {
    let ends = (End::Right, End::Left);
    Attempt::or_error(blocking_move(context, args, ready, ends, args[3]))
}

/// A move goes out as one that cannot wait; if it has waited, in lower case.
fn propagate_move(context: &mut Context<'_>, args: &[&[u8]], has_waited: bool) {
    match args {
        [_, source, destination, from, to, _] if has_waited => {
            let (from, to) = (from.to_ascii_lowercase(), to.to_ascii_lowercase());
            context.propagate_as(&[b"LMOVE", source, destination, &from, &to]);
        }
        [_, source, destination, from, to, _] => {
            context.propagate_as(&[b"LMOVE", source, destination, from, to]);
        }
        _ => context.propagate_as(&[b"RPOPLPUSH", args[1], args[2]]),
    }
}

fn blocking_move(
    context: &mut Context<'_>,
    args: &[&[u8]],
    ready: Option<&[u8]>,
    (from, to): (End, End),
    timeout: &[u8],
) -> Result<Attempt, Reply> {
    let source = &args[1..2];
    let wait = Wait::for_keys(source, timeout_seconds(timeout)?, Reply::Null);
    Attempt::on_keys::<List>(context, source, ready, wait, |context, _| {
        let moved = move_element(context, args[1], args[2], from, to)?;
        if moved.is_some() {
            propagate_move(context, args, ready.is_some());
        }
        Ok(moved.map(Reply::Bulk))
    })
}
