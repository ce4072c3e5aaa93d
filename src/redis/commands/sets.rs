//! Sets: members, and what several sets have in common.

use super::args::{answer, at_least, is, negatable, positive};
use super::scan::{self, Scan};
use super::{Command, Flags, Handler::Plain, command, random};
use crate::redis::context::Context;
use crate::redis::events::Class;
use crate::redis::keyspace::Deadline;
use crate::redis::reply::Reply;
use crate::redis::values::{Edit, Kind, Set};

const READ: Flags = Flags::READONLY.and(Flags::FAST);
const SLOW_READ: Flags = Flags::READONLY;
const WRITE: Flags = Flags::WRITE.and(Flags::DENY_OOM);
const FREEING: Flags = Flags::WRITE.and(Flags::FAST);

#[rustfmt::skip]
pub(super) const COMMANDS: &[Command] = &[
    command!("sadd", "SADD", -3, WRITE.and(Flags::FAST), (1, 1, 1), Plain(sadd)),
    command!("scard", "SCARD", 2, READ, (1, 1, 1), Plain(scard)),
    command!("sdiff", "SDIFF", -2, SLOW_READ, (1, -1, 1), Plain(sdiff)),
    command!("sdiffstore", "SDIFFSTORE", -3, WRITE.and(Flags::READS), (1, -1, 1), Plain(sdiffstore)),
    command!("sinter", "SINTER", -2, SLOW_READ, (1, -1, 1), Plain(sinter)),
    command!("sintercard", "SINTERCARD", -3, SLOW_READ.and(Flags::MOVABLE_KEYS), (0, 0, 0), Plain(sintercard)),
    command!("sinterstore", "SINTERSTORE", -3, WRITE.and(Flags::READS), (1, -1, 1), Plain(sinterstore)),
    command!("sismember", "SISMEMBER", 3, READ, (1, 1, 1), Plain(sismember)),
    command!("smembers", "SMEMBERS", 2, SLOW_READ, (1, 1, 1), Plain(smembers)),
    command!("smismember", "SMISMEMBER", -3, READ, (1, 1, 1), Plain(smismember)),
    command!("smove", "SMOVE", 4, FREEING, (1, 2, 1), Plain(smove)),
    command!("spop", "SPOP", -2, FREEING, (1, 1, 1), Plain(spop)),
    command!("srandmember", "SRANDMEMBER", -2, SLOW_READ, (1, 1, 1), Plain(srandmember)),
    command!("srem", "SREM", -3, FREEING, (1, 1, 1), Plain(srem)),
    command!("sscan", "SSCAN", -3, SLOW_READ, (1, 1, 1), Plain(sscan)),
    command!("sunion", "SUNION", -2, SLOW_READ, (1, -1, 1), Plain(sunion)),
    command!("sunionstore", "SUNIONSTORE", -3, WRITE.and(Flags::READS), (1, -1, 1), Plain(sunionstore)),
];

fn sadd(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let compact = context.server.config.compact;
    let added = context.edit(args[1], |set: &mut Set| {
        let members = args[2..].iter();
        let added = members.filter(|member| set.insert(member, &compact));
        let added = added.count();
        Edit::when(added > 0, added)
    });
    if matches!(added, Ok(1..)) {
        context.notify(Class::SET, "sadd", args[1]);
    }
    answer(added.map(Reply::count))
}

fn srem(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let removed = context.edit(args[1], |set: &mut Set| {
        let removed = args[2..].iter().filter(|member| set.remove(member)).count();
        Edit::when(removed > 0, removed)
    });
    if matches!(removed, Ok(1..)) {
        context.notify_removal(Class::SET, "srem", args[1]);
    }
    answer(removed.map(Reply::count))
}

fn smove(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(move_member(context, args).map(|moved| Reply::Integer(moved.into())))
}

fn move_member(context: &mut Context<'_>, args: &[&[u8]]) -> Result<bool, Reply> {
    let (source, destination, member) = (args[1], args[2], args[3]);
    if !context.has::<Set>(source)? {
        return Ok(false);
    }
    context.has::<Set>(destination)?;
    if source == destination {
        let set = context.read::<Set>(source)?;
        return Ok(set.is_some_and(|set| set.contains(member)));
    }
    let removed = context.edit(source, |set: &mut Set| {
        let removed = set.remove(member);
        Edit::when(removed, removed)
    })?;
    if !removed {
        return Ok(false);
    }
    context.notify_removal(Class::SET, "srem", source);
    let compact = context.server.config.compact;
    let added = context.edit(destination, |set: &mut Set| {
        let added = set.insert(member, &compact);
        Edit::when(added, added)
    })?;
    if added {
        context.notify(Class::SET, "sadd", destination);
    }
    Ok(true)
}

fn scard(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let set = context.read(args[1]);
    answer(set.map(|set| Reply::count(set.map_or(0, Set::len))))
}

fn sismember(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let found = context.read(args[1]);
    answer(found.map(|set| is_member(set, args[2])))
}

fn is_member(set: Option<&Set>, member: &[u8]) -> Reply {
    Reply::Integer(set.is_some_and(|set| set.contains(member)).into())
}

fn smismember(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(context.read(args[1]).map(|set| {
        let found = args[2..].iter().map(|member| is_member(set, member));
        Reply::Array(found.collect())
    }))
}

fn smembers(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let set = context.read::<Set>(args[1]);
    answer(set.map(|set| Reply::Set(set.map_or_else(Vec::new, members))))
}

fn members(set: &Set) -> Vec<Reply> {
    set.iter().map(Reply::Bulk).collect()
}

fn sscan(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(scan::of_value(
        context,
        args,
        |scan: &Scan<'_>, set: &mut Set| {
            let (cursor, found) = set.scan(scan.cursor, scan.count);
            let wanted = found.into_iter().filter(|member| scan.wants(member));
            (cursor, wanted.map(Reply::Bulk).collect())
        },
    ))
}

fn spop(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(match args {
        [_, key] => pop(context, key, 1).map(|mut popped| popped.pop().unwrap_or(Reply::Null)),
        [_, key, most] => positive(most).and_then(|most| {
            let popped = pop(context, key, most)?;
            if !popped.is_empty() && !context.keyspace.holds(context.client.database, key) {
                context.propagate_instead(&[b"DEL", key]);
            }
            Ok(Reply::Set(popped))
        }),
        _ => Err(Reply::SYNTAX),
    })
}

fn pop(context: &mut Context<'_>, key: &[u8], most: usize) -> Result<Vec<Reply>, Reply> {
    let popped = context.edit(key, |set: &mut Set| {
        let chosen = random::different(set.len(), most);
        let chosen: Vec<_> = chosen.into_iter().filter_map(|at| set.at(at)).collect();
        for member in &chosen {
            set.remove(member);
        }
        Edit::when(!chosen.is_empty(), chosen)
    })?;
    if !popped.is_empty() {
        context.notify_removal(Class::SET, "spop", key);
        // Elsewhere the draw would fall on others.
        for member in &popped {
            context.propagate_as(&[b"SREM", key, member]);
        }
    }
    Ok(popped.into_iter().map(Reply::Bulk).collect())
}

fn srandmember(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(match args {
        [_, key] => context.read::<Set>(key).map(|set| {
            let member = set.and_then(|set| set.at(random::one(set.len())?));
            member.map_or(Reply::Null, Reply::Bulk)
        }),
        [_, key, amount] => random_members(context, key, amount),
        _ => Err(Reply::SYNTAX),
    })
}

fn random_members(context: &mut Context<'_>, key: &[u8], amount: &[u8]) -> Result<Reply, Reply> {
    let amount = negatable(amount)?;
    let Some(set) = context.read::<Set>(key)? else {
        return Ok(Reply::Array(Vec::new()));
    };
    let chosen = random::some(set.len(), amount)?.into_iter();
    let chosen = chosen.filter_map(|at| set.at(at)).map(Reply::Bulk);
    Ok(Reply::Array(chosen.collect()))
}

/// What to make of several sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Union,
    Intersection,
    Difference,
}

impl Operation {
    /// Of the sets at `keys`, those that are missing taken as empty. At most
    /// `most` members are looked for.
    fn run(self, context: &mut Context<'_>, keys: &[&[u8]], most: usize) -> Result<Set, Reply> {
        let mut missing = false;
        for key in keys {
            missing |= !context.has::<Set>(key)?;
        }
        context.count_lookups(false);
        if self == Operation::Intersection && missing {
            return Ok(Set::default());
        }
        match self {
            Operation::Union => union(context, keys),
            Operation::Intersection => intersection(context, keys, most),
            Operation::Difference => difference(context, keys),
        }
    }
}

fn union(context: &mut Context<'_>, keys: &[&[u8]]) -> Result<Set, Reply> {
    let compact = context.server.config.compact;
    let mut result = Set::default();
    for key in keys {
        for member in context.read::<Set>(key)?.iter().flat_map(|set| set.iter()) {
            result.insert(&member, &compact);
        }
    }
    Ok(result)
}

fn intersection(context: &mut Context<'_>, keys: &[&[u8]], most: usize) -> Result<Set, Reply> {
    let mut by_size = Vec::new();
    for key in keys {
        by_size.push((context.read::<Set>(key)?.map_or(0, Set::len), *key));
    }
    by_size.sort_by_key(|(size, _)| *size);
    let compact = context.server.config.compact;
    let mut result = Set::default();
    let smallest = context.read::<Set>(by_size[0].1)?.cloned();
    for member in smallest.unwrap_or_default().iter() {
        if result.len() >= most {
            break;
        }
        let mut in_all = true;
        for (_, key) in &by_size[1..] {
            in_all = in_all
                && context
                    .read::<Set>(key)?
                    .is_some_and(|s| s.contains(&member));
        }
        if in_all {
            result.insert(&member, &compact);
        }
    }
    Ok(result)
}

fn difference(context: &mut Context<'_>, keys: &[&[u8]]) -> Result<Set, Reply> {
    let mut result = union(context, &keys[..1])?;
    for key in &keys[1..] {
        let Some(other) = context.read::<Set>(key)? else {
            continue;
        };
        let (smaller, larger) = if other.len() < result.len() {
            (other, &result)
        } else {
            (&result, other)
        };
        let common: Vec<_> = smaller.iter().filter(|m| larger.contains(m)).collect();
        for member in common {
            result.remove(&member);
        }
    }
    Ok(result)
}

fn combine(context: &mut Context<'_>, keys: &[&[u8]], operation: Operation) -> Reply {
    let result = operation.run(context, keys, usize::MAX);
    answer(result.map(|set| Reply::Set(members(&set))))
}

fn sunion(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    combine(context, &args[1..], Operation::Union)
}

fn sinter(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    combine(context, &args[1..], Operation::Intersection)
}

fn sdiff(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    combine(context, &args[1..], Operation::Difference)
}

fn sunionstore(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(store(context, args, Operation::Union, "sunionstore"))
}

fn sinterstore(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(store(context, args, Operation::Intersection, "sinterstore"))
}

fn sdiffstore(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(store(context, args, Operation::Difference, "sdiffstore"))
}

fn store(
    context: &mut Context<'_>,
    args: &[&[u8]],
    operation: Operation,
    event: &'static str,
) -> Result<Reply, Reply> {
    let result = operation.run(context, &args[2..], usize::MAX)?;
    let size = result.len();
    context.store(args[1], result, size, Class::SET, event);
    Ok(Reply::count(size))
}

fn sintercard(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(intersection_size(context, &args[1..]))
}

fn intersection_size(context: &mut Context<'_>, args: &[&[u8]]) -> Result<Reply, Reply> {
    let keys = at_least(1, args[0], "ERR numkeys should be greater than 0")?;
    let (keys, mut options) = args[1..].split_at_checked(keys).ok_or(Reply::error(
        "ERR Number of keys can't be greater than number of args",
    ))?;
    let mut limit = 0;
    while let [word, value, rest @ ..] = options
        && is(word, "LIMIT")
    {
        limit = at_least(0, value, "ERR LIMIT can't be negative")?;
        options = rest;
    }
    if !options.is_empty() {
        return Err(Reply::SYNTAX);
    }
    let most = if limit == 0 { usize::MAX } else { limit };
    let result = Operation::Intersection.run(context, keys, most)?;
    Ok(Reply::count(result.len()))
}

impl Context<'_> {
    /// Puts a result under a key, or removes the key if the result is empty.
    pub(super) fn store<K: Kind>(
        &mut self,
        key: &[u8],
        result: K,
        size: usize,
        class: Class,
        event: &'static str,
    ) {
        if size > 0 {
            let database = self.client.database;
            self.lookup_to_write(key);
            self.keyspace
                .set(database, key, result.wrap(), Deadline::Clear);
            self.notify(class, event, key);
        } else if self.delete(key) {
            self.notify(Class::GENERIC, "del", key);
        }
    }
}
