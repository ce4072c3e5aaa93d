//! JSON documents: json keeps its text, jsonb its meaning.
//!
//! Numbers keep every digit, as PostgreSQL's do, which the usual parsers'
//! doubles would not; object keys stand in jsonb's order, by length first.

use std::cmp::Ordering;
use std::fmt::{self, Write};
use std::sync::Arc;

use super::Numeric;

mod reading;
mod written;

pub(in crate::postgres) use written::{Parts, parts};

/// A JSON document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    /// null
    Null,
    /// true or false
    Bool(bool),
    /// A number.
    Number(Numeric),
    /// A string.
    String(Arc<str>),
    /// An array.
    Array(Vec<Json>),
    /// An object: keys in jsonb's order, each once.
    Object(Vec<(Arc<str>, Json)>),
    /// One of type json, as it was written, on its way into a function that
    /// takes any type.
    Written(Arc<str>),
}

/// jsonb's order of keys.
fn key_order(a: &str, b: &str) -> Ordering {
    a.len()
        .cmp(&b.len())
        .then_with(|| a.as_bytes().cmp(b.as_bytes()))
}

impl Json {
    /// An object of these pairs: of equal keys the last one counts.
    pub(in crate::postgres) fn object(pairs: Vec<(Arc<str>, Json)>) -> Json {
        let mut object: Vec<(Arc<str>, Json)> = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            match object.binary_search_by(|(other, _)| key_order(other, &key)) {
                Ok(at) => object[at].1 = value,
                Err(at) => object.insert(at, (key, value)),
            }
        }
        Json::Object(object)
    }

    /// The value of a key.
    pub(in crate::postgres) fn get(&self, key: &str) -> Option<&Json> {
        match self {
            Json::Object(object) => {
                let at = object.binary_search_by(|(other, _)| key_order(other, key));
                at.ok().map(|at| &object[at].1)
            }
            _ => None,
        }
    }

    /// The element at an index; a negative one counts from the end.
    pub(in crate::postgres) fn element(&self, index: i64) -> Option<&Json> {
        let Json::Array(elements) = self else {
            return None;
        };
        let length = i64::try_from(elements.len()).ok()?;
        let index = if index < 0 { index + length } else { index };
        elements.get(usize::try_from(index).ok()?)
    }

    /// What a path leads to.
    pub(in crate::postgres) fn path<'a>(
        &'a self,
        path: impl IntoIterator<Item = &'a str>,
    ) -> Option<&'a Json> {
        let mut at = self;
        for step in path {
            at = match at {
                Json::Array(_) => at.element(step.parse().ok()?)?,
                _ => at.get(step)?,
            };
        }
        Some(at)
    }

    /// True if everything in `other` is in this: jsonb's `@>`.
    pub(in crate::postgres) fn contains(&self, other: &Json) -> bool {
        match (self, other) {
            (Json::Object(_), Json::Object(wanted)) => wanted
                .iter()
                .all(|(key, value)| self.get(key).is_some_and(|own| own.contains(value))),
            (Json::Array(own), Json::Array(wanted)) => wanted
                .iter()
                .all(|value| own.iter().any(|own| own.contains_element(value))),
            // An array contains a bare scalar that is one of its elements.
            (Json::Array(_), Json::Object(_)) => false,
            (Json::Array(own), scalar) => own.contains(scalar),
            _ => self == other,
        }
    }

    fn contains_element(&self, other: &Json) -> bool {
        match (self, other) {
            (Json::Array(_), Json::Array(_)) | (Json::Object(_), Json::Object(_)) => {
                self.contains(other)
            }
            (Json::Array(_) | Json::Object(_), _) | (_, Json::Array(_) | Json::Object(_)) => false,
            _ => self == other,
        }
    }

    /// The name of what it is, as jsonb_typeof says it.
    pub(in crate::postgres) fn kind(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Bool(_) => "boolean",
            Json::Number(_) => "number",
            Json::String(_) => "string",
            Json::Array(_) => "array",
            Json::Object(_) => "object",
            Json::Written(_) => "json",
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Json::Null => 0,
            Json::String(_) => 1,
            Json::Number(_) => 2,
            Json::Bool(_) => 3,
            Json::Array(_) => 4,
            Json::Object(_) => 5,
            Json::Written(_) => 6,
        }
    }
}

/// Writes a string with its quotes.
pub(in crate::postgres) fn write_string(text: &str, out: &mut impl Write) -> fmt::Result {
    out.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' => out.write_str("\\\"")?,
            '\\' => out.write_str("\\\\")?,
            '\n' => out.write_str("\\n")?,
            '\t' => out.write_str("\\t")?,
            '\r' => out.write_str("\\r")?,
            '\u{8}' => out.write_str("\\b")?,
            '\u{c}' => out.write_str("\\f")?,
            c if c < ' ' => write!(out, "\\u{:04x}", u32::from(c))?,
            c => out.write_char(c)?,
        }
    }
    out.write_char('"')
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Json::Null => f.write_str("null"),
            Json::Bool(value) => write!(f, "{value}"),
            Json::Number(value) => write!(f, "{value}"),
            Json::String(text) => write_string(text, f),
            Json::Written(text) => f.write_str(text),
            Json::Array(elements) => {
                f.write_char('[')?;
                for (index, element) in elements.iter().enumerate() {
                    let separator = if index > 0 { ", " } else { "" };
                    write!(f, "{separator}{element}")?;
                }
                f.write_char(']')
            }
            Json::Object(pairs) => {
                f.write_char('{')?;
                for (index, (key, value)) in pairs.iter().enumerate() {
                    let separator = if index > 0 { ", " } else { "" };
                    f.write_str(separator)?;
                    write_string(key, f)?;
                    write!(f, ": {value}")?;
                }
                f.write_char('}')
            }
        }
    }
}

impl Ord for Json {
    fn cmp(&self, other: &Json) -> Ordering {
        match (self, other) {
            (Json::Bool(a), Json::Bool(b)) => a.cmp(b),
            (Json::Number(a), Json::Number(b)) => a.cmp(b),
            (Json::String(a), Json::String(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Json::Array(a), Json::Array(b)) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
            (Json::Written(a), Json::Written(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Json::Object(a), Json::Object(b)) => a.len().cmp(&b.len()).then_with(|| a.cmp(b)),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Json {
    fn partial_cmp(&self, other: &Json) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
