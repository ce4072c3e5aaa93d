//! What Redis 7.0 says of its commands besides how they are called: their
//! categories, hints for clients, and how to find their keys.
//!
//! `catalogue.txt` has a line for each command and subcommand, `name:
//! categories | tips | key specifications`, and a specification is `flags,
//! where the keys begin, which of the arguments from there on are keys`.

use std::sync::LazyLock;

use bytes::Bytes;
use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::key_arguments::store_of_sort;
use super::migrate;
use crate::redis::number::parse_integer;
use crate::redis::reply::Reply;

const CATALOGUE: &str = include_str!("catalogue.txt");

/// The categories, in the order in which ACL CAT names them.
pub(in crate::redis) const CATEGORIES: [&str; 21] = [
    "keyspace",
    "read",
    "write",
    "set",
    "sortedset",
    "list",
    "hash",
    "string",
    "bitmap",
    "hyperloglog",
    "geo",
    "stream",
    "pubsub",
    "admin",
    "fast",
    "slow",
    "blocking",
    "dangerous",
    "connection",
    "transaction",
    "scripting",
];

/// What is known of a command.
#[derive(Debug, Default)]
pub(in crate::redis) struct Facts {
    pub(in crate::redis) categories: Vec<&'static str>,
    tips: Vec<&'static str>,
    specs: Vec<Spec>,
}

/// Where some of the keys are, and what is done to them.
#[derive(Debug)]
struct Spec {
    flags: Vec<&'static str>,
    begin: Begin,
    find: Find,
}

#[derive(Debug, Clone, Copy)]
enum Begin {
    /// At an argument.
    Index(i64),
    /// After a word, looked for from an argument on, and backwards if that is
    /// counted from the end.
    Keyword(&'static str, i64),
    Unknown,
}

#[derive(Debug, Clone, Copy)]
enum Find {
    /// Up to an argument (from the first on, or from the end if negative), so
    /// many arguments a key, and of what is left one in so many.
    Range {
        last: i64,
        step: i64,
        limit: i64,
    },
    /// As many as an argument says: its place, that of the first key, and
    /// arguments a key.
    Number {
        count: i64,
        first: i64,
        step: i64,
    },
    Unknown,
}

/// A key among the arguments of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::redis) struct KeyUse {
    pub(in crate::redis) index: usize,
    pub(in crate::redis) reads: bool,
    pub(in crate::redis) writes: bool,
}

static FACTS: LazyLock<IndexMap<&'static str, Facts, FxBuildHasher>> =
    LazyLock::new(|| CATALOGUE.lines().filter_map(parse).collect());

/// What is known of a command of that name.
pub(in crate::redis) fn facts(name: &str) -> Option<&'static Facts> {
    FACTS.get(name)
}

fn parse(line: &'static str) -> Option<(&'static str, Facts)> {
    let (name, rest) = line.split_once(": ")?;
    let mut parts = rest.split(" |");
    let mut words = || {
        parts
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .collect()
    };
    let (categories, tips) = (words(), words());
    let specs = parts.next().unwrap_or_default().split(';');
    let facts = Facts {
        categories,
        tips,
        specs: specs.filter_map(Spec::parse).collect(),
    };
    Some((name, facts))
}

impl Spec {
    fn parse(text: &'static str) -> Option<Spec> {
        let mut parts = text.split(',');
        let flags = parts.next()?.split_whitespace().collect();
        let begin: Vec<&str> = parts.next()?.split_whitespace().collect();
        let find: Vec<&str> = parts.next()?.split_whitespace().collect();
        let number = |text: &str| text.parse().unwrap_or_default();
        Some(Spec {
            flags,
            begin: match *begin {
                ["index", index] => Begin::Index(number(index)),
                ["keyword", word, from] => Begin::Keyword(word, number(from)),
                _ => Begin::Unknown,
            },
            find: match *find {
                ["range", last, step, limit] => Find::Range {
                    last: number(last),
                    step: number(step),
                    limit: number(limit),
                },
                ["keynum", count, first, step] => Find::Number {
                    count: number(count),
                    first: number(first),
                    step: number(step),
                },
                _ => Find::Unknown,
            },
        })
    }

    /// What a call does to its keys: with SET and BITFIELD it depends on the
    /// options.
    fn flags_of(&self, args: &[&[u8]]) -> &[&'static str] {
        if !self.flags.contains(&"variable_flags") {
            return &self.flags;
        }
        let is_set = args[0].eq_ignore_ascii_case(b"SET");
        let mut options = args.iter().skip(3);
        if is_set && !options.any(|option| option.eq_ignore_ascii_case(b"GET")) {
            &["OW", "update"]
        } else if !is_set && only_gets(args) {
            &["RO", "access"]
        } else {
            &["RW", "access", "update"]
        }
    }

    /// The arguments that are keys; none if they do not add up.
    fn indices(&self, args: &[&[u8]]) -> Option<Vec<usize>> {
        if args[0].eq_ignore_ascii_case(b"MIGRATE") {
            // A password can be KEYS, and the one key can be none.
            let keys = migrate::keys(args)?;
            let is_one = keys.start == migrate::KEY;
            return (is_one == matches!(self.begin, Begin::Index(_))).then(|| keys.collect());
        }
        let count = i64::try_from(args.len()).ok()?;
        let begin = match self.begin {
            Begin::Index(index) => index,
            Begin::Keyword(word, from) => {
                let is_word = |arg: &&[u8]| arg.eq_ignore_ascii_case(word.as_bytes());
                let at = match usize::try_from(from) {
                    Ok(from) => from + args.get(from..)?.iter().position(is_word)?,
                    Err(_) => {
                        let last = usize::try_from(count + from).ok()?;
                        args.get(..=last)?.iter().rposition(is_word)?
                    }
                };
                i64::try_from(at).ok()? + 1
            }
            // SORT alone writes where its options say.
            Begin::Unknown if self.flags.contains(&"OW") => {
                return store_of_sort(args).map(|at| vec![at]);
            }
            Begin::Unknown => return None,
        };
        let (first, last, step) = match self.find {
            Find::Range { last, step, limit } if last < 0 && limit >= 2 => {
                (begin, begin + (count - begin) / limit + last, step)
            }
            Find::Range { last, step, .. } if last < 0 => (begin, count + last, step),
            Find::Range { last, step, .. } => (begin, begin + last, step),
            Find::Number {
                count: at,
                first,
                step,
            } => {
                let number = args.get(usize::try_from(begin + at).ok()?)?;
                let number = parse_integer(number).filter(|number| (0..count).contains(number))?;
                let first = begin + first;
                (first, first + (number - 1) * step, step)
            }
            Find::Unknown => return None,
        };
        if last >= count {
            return None;
        }
        let (first, step) = (usize::try_from(first).ok()?, usize::try_from(step).ok()?);
        let indices = first..usize::try_from(last + 1).ok()?;
        Some(indices.step_by(step.max(1)).collect())
    }

    fn describe(&self) -> Reply {
        let flags = self.flags.iter().map(|flag| Reply::status(flag)).collect();
        let map = |kind: &'static str, fields: Vec<(&'static str, Reply)>| {
            let fields = fields
                .into_iter()
                .map(|(name, value)| (Reply::bulk(name), value));
            Reply::Map(vec![
                (Reply::bulk("type"), Reply::bulk(kind)),
                (Reply::bulk("spec"), Reply::Map(fields.collect())),
            ])
        };
        let begin = match self.begin {
            Begin::Index(index) => map("index", vec![("index", Reply::Integer(index))]),
            Begin::Keyword(word, from) => map(
                "keyword",
                vec![
                    ("keyword", Reply::bulk(word)),
                    ("startfrom", Reply::Integer(from)),
                ],
            ),
            Begin::Unknown => map("unknown", Vec::new()),
        };
        let find = match self.find {
            Find::Range { last, step, limit } => map(
                "range",
                vec![
                    ("lastkey", Reply::Integer(last)),
                    ("keystep", Reply::Integer(step)),
                    ("limit", Reply::Integer(limit)),
                ],
            ),
            Find::Number { count, first, step } => map(
                "keynum",
                vec![
                    ("keynumidx", Reply::Integer(count)),
                    ("firstkey", Reply::Integer(first)),
                    ("keystep", Reply::Integer(step)),
                ],
            ),
            Find::Unknown => map("unknown", Vec::new()),
        };
        Reply::Map(vec![
            (Reply::bulk("flags"), Reply::Set(flags)),
            (Reply::bulk("begin_search"), begin),
            (Reply::bulk("find_keys"), find),
        ])
    }
}

/// Whether BITFIELD is asked to read and nothing else; what cannot be told is
/// taken to write.
fn only_gets(args: &[&[u8]]) -> bool {
    let mut rest = args.get(2..).unwrap_or_default();
    while let Some((word, values)) = rest.split_first() {
        rest = match values {
            [_, _, rest @ ..] if word.eq_ignore_ascii_case(b"GET") => rest,
            [_, rest @ ..] if word.eq_ignore_ascii_case(b"OVERFLOW") => rest,
            _ => return false,
        };
    }
    true
}

impl Facts {
    /// Whether any of the arguments can be a key.
    pub(super) fn has_keys(&self) -> bool {
        self.specs_of_keys().next().is_some()
    }

    /// Channels of shards are found as keys are, and are none.
    fn specs_of_keys(&self) -> impl Iterator<Item = &Spec> {
        let specs = self.specs.iter();
        specs.filter(|spec| !spec.flags.contains(&"not_key"))
    }

    /// The keys that a call names.
    pub(in crate::redis) fn keys(&self, args: &[&[u8]]) -> Vec<KeyUse> {
        let of_spec = |spec: &Spec| {
            let own = spec.flags_of(args);
            let has = |flags: &[&str]| own.iter().any(|flag| flags.contains(flag));
            let (reads, writes) = (has(&["access"]), has(&["insert", "delete", "update"]));
            let indices = spec.indices(args).unwrap_or_default().into_iter();
            indices.map(move |index| KeyUse {
                index,
                reads,
                writes,
            })
        };
        self.specs_of_keys().flat_map(of_spec).collect()
    }

    /// The keys of a call, each with what is done to it.
    pub(super) fn describe_keys(&self, args: &[&[u8]]) -> Vec<Reply> {
        let of_spec = |spec: &Spec| {
            // What is told of a call is all there is.
            let flags = spec.flags_of(args).iter();
            let flags = flags.filter(|flag| **flag != "incomplete");
            let flags = Reply::Set(flags.map(|flag| Reply::status(flag)).collect());
            let indices = spec.indices(args).unwrap_or_default();
            let keys = indices.into_iter().map(move |index| {
                let key = Reply::Bulk(Bytes::copy_from_slice(args[index]));
                Reply::Array(vec![key, flags.clone()])
            });
            keys.collect::<Vec<Reply>>()
        };
        self.specs_of_keys().flat_map(of_spec).collect()
    }

    /// What COMMAND INFO tells at its end: categories, tips, keys.
    pub(super) fn describe(&self) -> [Reply; 3] {
        let categories = self.categories.iter();
        let categories = categories.map(|name| Reply::Status(format!("@{name}").into()));
        let tips = self.tips.iter().map(|tip| Reply::bulk(tip)).collect();
        [
            Reply::Set(categories.collect()),
            Reply::Array(tips),
            Reply::Array(self.specs.iter().map(Spec::describe).collect()),
        ]
    }
}
