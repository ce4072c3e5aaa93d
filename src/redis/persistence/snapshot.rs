//! The whole data as the shortest commands that make it.
//!
//! A type of value that is added needs a line here.

use bytes::{Bytes, BytesMut};

use super::streams;
use crate::redis::keyspace::{DATABASES, Keyspace};
use crate::redis::number::format_double;
use crate::redis::propagation::request;
use crate::redis::values::Value;

/// Commands that make an empty server equal to this one, keys past their
/// deadline among them.
pub(super) fn of(keyspace: &Keyspace) -> Bytes {
    let mut out = BytesMut::new();
    for code in &keyspace.libraries {
        request(&mut out, &[b"FUNCTION", &b"LOAD"[..], code]);
    }
    for database in 0..DATABASES {
        let mut entries = keyspace.entries(database).peekable();
        if entries.peek().is_some() {
            request(&mut out, &[b"SELECT", database.to_string().as_bytes()]);
        }
        for (key, entry) in entries {
            for command in commands(key, &entry.value) {
                request(&mut out, &command);
            }
            if let Some(when) = entry.expires_at {
                let when = when.to_string();
                request(&mut out, &[b"PEXPIREAT", &key[..], when.as_bytes()]);
            }
        }
    }
    out.freeze()
}

fn commands(key: &Bytes, value: &Value) -> Vec<Vec<Bytes>> {
    let start = |name: &'static str| vec![Bytes::from_static(name.as_bytes()), key.clone()];
    match value {
        Value::String(text, _) => vec![[start("SET"), vec![text.clone()]].concat()],
        Value::Hash(hash) => {
            let fields = hash.fields().iter();
            let fields = fields.flat_map(|(field, value)| [field.clone(), value.clone()]);
            vec![start("HSET").into_iter().chain(fields).collect()]
        }
        Value::List(list) => {
            vec![
                start("RPUSH")
                    .into_iter()
                    .chain(list.iter().cloned())
                    .collect(),
            ]
        }
        Value::Set(set) => vec![start("SADD").into_iter().chain(set.iter()).collect()],
        Value::Stream(stream) => streams::commands(key, stream),
        Value::SortedSet(set) => {
            let scores = set.iter();
            let scores = scores.flat_map(|(member, score)| {
                [format_double(score).into_bytes().into(), member.clone()]
            });
            vec![start("ZADD").into_iter().chain(scores).collect()]
        }
    }
}
