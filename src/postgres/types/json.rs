//! JSON documents: json keeps its text, jsonb its meaning.
//!
//! Numbers keep every digit, as PostgreSQL's do, which the usual parsers'
//! doubles would not; object keys stand in jsonb's order, by length first.

use std::cmp::Ordering;
use std::fmt::{self, Write};
use std::sync::Arc;

use super::Numeric;
use crate::postgres::error::{Error, Result, SqlState};

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
}

/// Documents nested deeper than this are refused.
const DEPTH_MAX: usize = 200;

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
        }
    }

    /// Reads a document.
    pub(in crate::postgres) fn parse(text: &str) -> Result<Json> {
        let mut parser = Parser { text, at: 0 };
        let parsed = parser.value(0).and_then(|value| {
            parser.blanks();
            (parser.at == text.len()).then_some(value)
        });
        parsed.ok_or_else(|| {
            let rest = text[parser.at..].trim_start();
            let detail = if rest.is_empty() {
                "The input string ended unexpectedly.".to_owned()
            } else {
                format!("Token \"{}\" is invalid.", token(rest))
            };
            Error::new(
                SqlState::INVALID_TEXT_REPRESENTATION,
                "invalid input syntax for type json",
            )
            .detail(detail)
        })
    }
}

fn token(rest: &str) -> &str {
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
    match end {
        Some(0) => rest.chars().next().map_or("", |c| &rest[..c.len_utf8()]),
        Some(end) => &rest[..end],
        None => rest,
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn blanks(&mut self) {
        let rest = &self.text[self.at..];
        let blank = |c| matches!(c, ' ' | '\t' | '\n' | '\r');
        self.at += rest.len() - rest.trim_start_matches(blank).len();
    }

    fn peek(&mut self) -> Option<u8> {
        self.blanks();
        self.text.as_bytes().get(self.at).copied()
    }

    fn word(&mut self, word: &str, value: Json) -> Option<Json> {
        let rest = &self.text[self.at..];
        let follows = |c: char| c.is_alphanumeric() || c == '_';
        if rest.starts_with(word) && !rest[word.len()..].starts_with(follows) {
            self.at += word.len();
            return Some(value);
        }
        None
    }

    fn value(&mut self, depth: usize) -> Option<Json> {
        if depth > DEPTH_MAX {
            return None;
        }
        match self.peek()? {
            b'n' => self.word("null", Json::Null),
            b't' => self.word("true", Json::Bool(true)),
            b'f' => self.word("false", Json::Bool(false)),
            b'"' => self.string().map(|text| Json::String(text.into())),
            b'[' => {
                let mut elements = Vec::new();
                self.list(b']', |parser| {
                    elements.push(parser.value(depth + 1)?);
                    Some(())
                })?;
                Some(Json::Array(elements))
            }
            b'{' => {
                let mut pairs = Vec::new();
                self.list(b'}', |parser| {
                    if parser.peek()? != b'"' {
                        return None;
                    }
                    let key = parser.string()?;
                    if parser.peek()? != b':' {
                        return None;
                    }
                    parser.at += 1;
                    pairs.push((key.into(), parser.value(depth + 1)?));
                    Some(())
                })?;
                Some(Json::object(pairs))
            }
            _ => self.number(),
        }
    }

    fn list(&mut self, end: u8, mut item: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.at += 1;
        if self.peek()? == end {
            self.at += 1;
            return Some(());
        }
        loop {
            item(self)?;
            match self.peek()? {
                b',' => self.at += 1,
                found if found == end => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    fn number(&mut self) -> Option<Json> {
        let rest = &self.text[self.at..];
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c))
            .unwrap_or(rest.len());
        let digits = rest[..end].strip_prefix('-').unwrap_or(&rest[..end]);
        let starts = |c: char| c.is_ascii_digit();
        let zeros = digits.len() > 1 && digits.starts_with('0') && digits[1..].starts_with(starts);
        if !digits.starts_with(starts) || !digits.ends_with(starts) || zeros {
            return None;
        }
        let number = Numeric::parse(&rest[..end])?.ok()?;
        self.at += end;
        Some(Json::Number(number))
    }

    fn string(&mut self) -> Option<String> {
        let mut out = String::new();
        let mut chars = self.text[self.at + 1..].char_indices();
        let start = self.at + 1;
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.at = start + at + 1;
                    return Some(out);
                }
                '\\' => match chars.next()?.1 {
                    'n' => out.push('\n'),
                    't' => out.push('\t'),
                    'r' => out.push('\r'),
                    'b' => out.push('\u{8}'),
                    'f' => out.push('\u{c}'),
                    c @ ('"' | '\\' | '/') => out.push(c),
                    'u' => {
                        let mut unit = hex(&mut chars)?;
                        if (0xd800..0xdc00).contains(&unit) {
                            if (chars.next()?.1, chars.next()?.1) != ('\\', 'u') {
                                return None;
                            }
                            let low = hex(&mut chars)?;
                            if !(0xdc00..0xe000).contains(&low) {
                                return None;
                            }
                            unit = 0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
                        }
                        out.push(char::from_u32(unit).filter(|c| *c != '\0')?);
                    }
                    _ => return None,
                },
                c if c < ' ' => return None,
                c => out.push(c),
            }
        }
        None
    }
}

fn hex(chars: &mut std::str::CharIndices<'_>) -> Option<u32> {
    (0..4).try_fold(0, |unit, _| Some(unit << 4 | chars.next()?.1.to_digit(16)?))
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
