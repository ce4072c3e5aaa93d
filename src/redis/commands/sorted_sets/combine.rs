//! What several sorted sets have in common. Plain sets take part with a score
//! of 1 for each member.

use bytes::Bytes;

use super::scored;
use crate::redis::commands::args::{answer, at_least, is, pairs};
use crate::redis::context::Context;
use crate::redis::events::Class;
use crate::redis::number::{integer_argument, parse_double};
use crate::redis::reply::Reply;
use crate::redis::values::{Compact, Set, SortedSet, Value};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Union,
    Intersection,
    Difference,
}

impl Operation {
    fn stored_event(self) -> &'static str {
        match self {
            Operation::Union => "zunionstore",
            Operation::Intersection => "zinterstore",
            Operation::Difference => "zdiffstore",
        }
    }
}

/// How the scores of one member become one.
#[derive(Debug, Clone, Copy)]
enum Aggregate {
    Sum,
    Min,
    Max,
}

impl Aggregate {
    fn of(self, left: f64, right: f64) -> f64 {
        match self {
            Aggregate::Sum => not_nan(left + right),
            Aggregate::Min => {
                if right < left {
                    right
                } else {
                    left
                }
            }
            Aggregate::Max => {
                if right > left {
                    right
                } else {
                    left
                }
            }
        }
    }
}

/// Infinities that cancel each other out are nothing.
fn not_nan(score: f64) -> f64 {
    if score.is_nan() { 0.0 } else { score }
}

/// Where the result goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    Reply,
    Store,
    Count,
}

/// One input with its weight.
struct Source {
    value: Input,
    weight: f64,
}

enum Input {
    Missing,
    Set(Set),
    Sorted(Box<SortedSet>),
}

impl Input {
    fn len(&self) -> usize {
        match self {
            Input::Missing => 0,
            Input::Set(set) => set.len(),
            Input::Sorted(set) => set.len(),
        }
    }

    fn score(&self, member: &[u8]) -> Option<f64> {
        match self {
            Input::Missing => None,
            Input::Set(set) => set.contains(member).then_some(1.0),
            Input::Sorted(set) => set.score(member),
        }
    }

    fn members(&self) -> Vec<(Bytes, f64)> {
        match self {
            Input::Missing => Vec::new(),
            Input::Set(set) => set.iter().map(|member| (member, 1.0)).collect(),
            Input::Sorted(set) => set
                .iter()
                .map(|(member, score)| (member.clone(), score))
                .collect(),
        }
    }
}

/// A whole command, from the number of keys on.
struct Query {
    sources: Vec<Source>,
    aggregate: Aggregate,
    with_scores: bool,
    /// Of ZINTERCARD; 0 for none.
    limit: usize,
}

impl Query {
    fn parse(
        context: &mut Context<'_>,
        args: &[&[u8]],
        operation: Operation,
        goal: Goal,
        command: &str,
    ) -> Result<Query, Reply> {
        let keys = usize::try_from(integer_argument(args[0])?).unwrap_or(0);
        if keys == 0 {
            let text = format!("ERR at least 1 input key is needed for '{command}' command");
            return Err(Reply::error_from(text.into()));
        }
        let (keys, options) = args[1..].split_at_checked(keys).ok_or(Reply::SYNTAX)?;
        let mut sources = Vec::with_capacity(keys.len());
        for key in keys {
            let value = match context.lookup(key).map(|entry| &entry.value) {
                None => Input::Missing,
                Some(Value::Set(set)) => Input::Set(set.as_ref().clone()),
                Some(Value::SortedSet(set)) => Input::Sorted(set.clone()),
                Some(_) => return Err(Reply::WRONG_TYPE),
            };
            sources.push(Source { value, weight: 1.0 });
        }
        let mut query = Query {
            sources,
            aggregate: Aggregate::Sum,
            with_scores: false,
            limit: 0,
        };
        query.options(options, operation, goal)?;
        Ok(query)
    }

    fn options(
        &mut self,
        mut options: &[&[u8]],
        operation: Operation,
        goal: Goal,
    ) -> Result<(), Reply> {
        let weighs = operation != Operation::Difference && goal != Goal::Count;
        while let Some((option, rest)) = options.split_first() {
            options = if weighs && is(option, "WEIGHTS") && rest.len() >= self.sources.len() {
                let (weights, rest) = rest.split_at(self.sources.len());
                for (source, weight) in self.sources.iter_mut().zip(weights) {
                    source.weight = parse_double(weight)
                        .ok_or(Reply::error("ERR weight value is not a float"))?;
                }
                rest
            } else if weighs && is(option, "AGGREGATE") && !rest.is_empty() {
                self.aggregate = match rest[0] {
                    word if is(word, "SUM") => Aggregate::Sum,
                    word if is(word, "MIN") => Aggregate::Min,
                    word if is(word, "MAX") => Aggregate::Max,
                    _ => return Err(Reply::SYNTAX),
                };
                &rest[1..]
            } else if goal == Goal::Reply && is(option, "WITHSCORES") {
                self.with_scores = true;
                rest
            } else if goal == Goal::Count && is(option, "LIMIT") && !rest.is_empty() {
                self.limit = at_least(0, rest[0], "ERR LIMIT can't be negative")?;
                &rest[1..]
            } else {
                return Err(Reply::SYNTAX);
            };
        }
        Ok(())
    }

    fn run(mut self, operation: Operation, compact: &Compact) -> SortedSet {
        if operation != Operation::Difference {
            self.sources.sort_by_key(|source| source.value.len());
        }
        match operation {
            Operation::Union => self.union(compact),
            Operation::Intersection => self.intersection(compact),
            Operation::Difference => self.difference(compact),
        }
    }

    fn union(&self, compact: &Compact) -> SortedSet {
        let mut result = SortedSet::default();
        result.unpack();
        for source in &self.sources {
            for (member, score) in source.value.members() {
                let score = not_nan(score * source.weight);
                let score = match result.score(&member) {
                    Some(other) => self.aggregate.of(other, score),
                    None => score,
                };
                result.set(&member, score, compact);
            }
        }
        result
    }

    fn intersection(&self, compact: &Compact) -> SortedSet {
        let most = if self.limit == 0 {
            usize::MAX
        } else {
            self.limit
        };
        let (first, others) = (&self.sources[0], &self.sources[1..]);
        let mut result = SortedSet::default();
        result.unpack();
        for (member, score) in first.value.members() {
            let start = not_nan(score * first.weight);
            let score = others.iter().try_fold(start, |score, other| {
                let other_score = other.value.score(&member)? * other.weight;
                Some(self.aggregate.of(score, other_score))
            });
            if let Some(score) = score {
                result.set(&member, score, compact);
            }
            if result.len() >= most {
                break;
            }
        }
        result
    }

    fn difference(&self, compact: &Compact) -> SortedSet {
        let (first, others) = (&self.sources[0], &self.sources[1..]);
        let mut result = SortedSet::default();
        result.unpack();
        for (member, score) in first.value.members() {
            if others
                .iter()
                .all(|other| other.value.score(&member).is_none())
            {
                result.set(&member, score, compact);
            }
        }
        result
    }
}

fn reply(context: &mut Context<'_>, args: &[&[u8]], operation: Operation, command: &str) -> Reply {
    let compact = context.server.config.compact;
    answer(
        Query::parse(context, &args[1..], operation, Goal::Reply, command).map(|query| {
            let with_scores = query.with_scores;
            let result = query.run(operation, &compact);
            let members = result.iter().map(scored);
            match with_scores {
                true => pairs(members, context.client.resp),
                false => Reply::Array(members.map(|(member, _)| member).collect()),
            }
        }),
    )
}

fn store(context: &mut Context<'_>, args: &[&[u8]], operation: Operation) -> Reply {
    let (event, compact) = (operation.stored_event(), context.server.config.compact);
    answer(
        Query::parse(context, &args[2..], operation, Goal::Store, event).map(|query| {
            let mut result = query.run(operation, &compact);
            // It grows as a large one, and is made small at the end.
            result.pack(&compact);
            let size = result.len();
            context.store(args[1], result, size, Class::ZSET, event);
            Reply::count(size)
        }),
    )
}

pub(super) fn zunion(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    reply(context, args, Operation::Union, "zunion")
}

pub(super) fn zinter(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    reply(context, args, Operation::Intersection, "zinter")
}

pub(super) fn zdiff(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    reply(context, args, Operation::Difference, "zdiff")
}

pub(super) fn zunionstore(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    store(context, args, Operation::Union)
}

pub(super) fn zinterstore(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    store(context, args, Operation::Intersection)
}

pub(super) fn zdiffstore(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    store(context, args, Operation::Difference)
}

pub(super) fn zintercard(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    let (operation, compact) = (Operation::Intersection, context.server.config.compact);
    let query = Query::parse(context, &args[1..], operation, Goal::Count, "zintercard");
    answer(query.map(|query| Reply::count(query.run(operation, &compact).len())))
}
