//! SORT: the elements of a list, a set or a sorted set, by their own value or
//! by that of other keys.

use std::cmp::Ordering;

use bytes::Bytes;

use super::args::{answer, is};
use super::{Command, Flags, Handler::Plain, command, find};
use crate::redis::context::{Caller, Context};
use crate::redis::events::Class;
use crate::redis::number::{integer_argument, parse_double, parse_double_loosely};
use crate::redis::reply::Reply;
use crate::redis::values::{List, Value};

const READ: Flags = Flags::READONLY;
const WRITE: Flags = Flags::WRITE.and(Flags::DENY_OOM);

pub(super) const COMMANDS: &[Command] = &[
    command!(
        "sort",
        "SORT",
        -2,
        WRITE.and(Flags::MOVABLE_KEYS).and(Flags::READS),
        (1, 1, 1),
        Plain(sort)
    ),
    command!(
        "sort_ro",
        "SORT",
        -2,
        READ.and(Flags::MOVABLE_KEYS),
        (1, 1, 1),
        Plain(sort_ro)
    ),
];

#[derive(Debug, Default)]
struct Options<'a> {
    descending: bool,
    alpha: bool,
    offset: i64,
    /// Negative for all.
    limit: i64,
    by: Option<&'a [u8]>,
    get: Vec<&'a [u8]>,
    store: Option<&'a [u8]>,
}

impl<'a> Options<'a> {
    /// Patterns lead to any key: who may not read all may not use them.
    fn parse(
        mut args: &[&'a [u8]],
        stores: bool,
        reads_everything: bool,
    ) -> Result<Options<'a>, Reply> {
        let mut options = Options {
            limit: -1,
            ..Options::default()
        };
        while let Some((word, rest)) = args.split_first() {
            args = rest;
            match *rest {
                _ if is(word, "ASC") => options.descending = false,
                _ if is(word, "DESC") => options.descending = true,
                _ if is(word, "ALPHA") => options.alpha = true,
                [offset, limit, ..] if is(word, "LIMIT") => {
                    options.offset = integer_argument(offset)?;
                    options.limit = integer_argument(limit)?;
                    args = &rest[2..];
                }
                [key, ..] if stores && is(word, "STORE") => {
                    options.store = Some(key);
                    args = &rest[1..];
                }
                [pattern, ..] if is(word, "BY") => {
                    if !reads_everything && pattern.contains(&b'*') {
                        return Err(Reply::error(
                            "ERR BY option of SORT denied due to insufficient ACL permissions.",
                        ));
                    }
                    options.by = Some(pattern);
                    args = &rest[1..];
                }
                [_, ..] if is(word, "GET") && !reads_everything => {
                    return Err(Reply::error(
                        "ERR GET option of SORT denied due to insufficient ACL permissions.",
                    ));
                }
                [pattern, ..] if is(word, "GET") => {
                    options.get.push(pattern);
                    args = &rest[1..];
                }
                _ => return Err(Reply::SYNTAX),
            }
        }
        Ok(options)
    }

    /// A pattern without a star gives every element the same place.
    fn keeps_order(&self) -> bool {
        self.by.is_some_and(|pattern| !pattern.contains(&b'*'))
    }
}

fn sort(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(run(context, args, true))
}

fn sort_ro(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(run(context, args, false))
}

fn run(context: &mut Context<'_>, args: &[&[u8]], stores: bool) -> Result<Reply, Reply> {
    let (user, acl) = (context.client.user.as_ref(), &context.server.acl);
    let reads_everything =
        find(args).is_some_and(|command| acl.reads_everything(user, command, args));
    let mut options = Options::parse(&args[2..], stores, reads_everything)?;
    let (mut elements, is_set) = elements(context, args[1])?;
    let found = context.lookup_to_write(args[1]);
    if found.is_some_and(|entry| matches!(entry.value, Value::SortedSet(_))) {
        context.keyspace.unpack(context.client.database, args[1]);
    }
    if options.keeps_order() {
        let in_script = context.caller == Caller::Script;
        if is_set && (options.store.is_some() || in_script) {
            // A set has no order of its own to show.
            options.by = None;
            options.alpha = true;
            elements = sorted(context, elements, &options)?;
        } else if options.descending && !is_set {
            elements.reverse();
        }
    } else {
        elements = sorted(context, elements, &options)?;
    }
    let length = elements.len();
    let start = usize::try_from(options.offset).unwrap_or(0).min(length);
    let most = usize::try_from(options.limit).unwrap_or(length);
    let chosen = elements.into_iter().skip(start).take(most);
    let mut output = Vec::new();
    for element in chosen {
        if options.get.is_empty() {
            output.push(Some(element));
            continue;
        }
        for pattern in &options.get {
            output.push(by_pattern(context, pattern, &element));
        }
    }
    let Some(destination) = options.store else {
        let replies = output
            .into_iter()
            .map(|found| found.map_or(Reply::Null, Reply::Bulk));
        return Ok(Reply::Array(replies.collect()));
    };
    let list: List = output.into_iter().map(Option::unwrap_or_default).collect();
    let size = list.len();
    context.store(destination, list, size, Class::LIST, "sortstore");
    Ok(Reply::count(size))
}

/// What is to be sorted, and whether it is a set.
fn elements(context: &mut Context<'_>, key: &[u8]) -> Result<(Vec<Bytes>, bool), Reply> {
    Ok(match context.lookup(key).map(|entry| &entry.value) {
        None => (Vec::new(), false),
        Some(Value::List(list)) => (list.iter().cloned().collect(), false),
        Some(Value::Set(set)) => (set.iter().collect(), true),
        Some(Value::SortedSet(set)) => (set.iter().map(|(m, _)| m.clone()).collect(), false),
        Some(_) => return Err(Reply::WRONG_TYPE),
    })
}

/// By what an element is sorted.
enum Weight {
    Number(f64),
    /// None comes first.
    Text(Option<Bytes>),
}

impl Weight {
    fn cmp(&self, other: &Weight) -> Ordering {
        match (self, other) {
            (Weight::Number(left), Weight::Number(right)) => {
                left.partial_cmp(right).unwrap_or(Ordering::Equal)
            }
            (Weight::Text(left), Weight::Text(right)) => left.cmp(right),
            _ => Ordering::Equal,
        }
    }
}

fn sorted(
    context: &mut Context<'_>,
    elements: Vec<Bytes>,
    options: &Options<'_>,
) -> Result<Vec<Bytes>, Reply> {
    let mut weighed = Vec::with_capacity(elements.len());
    for element in elements {
        let text = match options.by {
            Some(pattern) => by_pattern(context, pattern, &element),
            None => Some(element.clone()),
        };
        let weight = match text {
            text if options.alpha => Weight::Text(text),
            Some(text) => Weight::Number(number(&text)?),
            None => Weight::Number(0.0),
        };
        weighed.push((weight, element));
    }
    weighed.sort_by(|(left, left_element), (right, right_element)| {
        let by_name = || match options.alpha {
            true => Ordering::Equal,
            false => left_element.cmp(right_element),
        };
        let order = left.cmp(right).then_with(by_name);
        if options.descending {
            order.reverse()
        } else {
            order
        }
    });
    Ok(weighed.into_iter().map(|(_, element)| element).collect())
}

fn number(text: &[u8]) -> Result<f64, Reply> {
    let value = match text {
        b"" => Some(0.0),
        text => parse_double(text.trim_ascii_start()).and_then(|_| parse_double_loosely(text)),
    };
    value.ok_or(Reply::error(
        "ERR One or more scores can't be converted into double",
    ))
}

/// The value of the key, or of the hash field behind `->`, that a pattern
/// names once its star is replaced by the element.
fn by_pattern(context: &mut Context<'_>, pattern: &[u8], element: &Bytes) -> Option<Bytes> {
    if pattern == b"#" {
        return Some(element.clone());
    }
    let star = pattern.iter().position(|byte| *byte == b'*')?;
    let (prefix, rest) = (&pattern[..star], &pattern[star + 1..]);
    let arrow = rest.windows(2).position(|pair| pair == b"->");
    let (suffix, field) = match arrow {
        Some(arrow) if arrow + 2 < rest.len() => (&rest[..arrow], Some(&rest[arrow + 2..])),
        _ => (rest, None),
    };
    let key = [prefix, element, suffix].concat();
    match (&context.lookup(&key)?.value, field) {
        (Value::Hash(hash), Some(field)) => hash.fields().get(field).cloned(),
        (Value::String(text, _), None) => Some(text.clone()),
        _ => None,
    }
}
