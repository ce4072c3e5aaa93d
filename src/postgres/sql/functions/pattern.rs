//! Patterns: LIKE, and regular expressions.

use super::{Builtin, text};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::types::{Type, Value};

use Type::{Bool, Text};

const BACKSLASH: char = '\\';

pub(super) const FUNCTIONS: &[Builtin] = &[
    Builtin::new("~", &[Text, Text], Bool, |a, _| matches(a, false)),
    Builtin::new("~*", &[Text, Text], Bool, |a, _| matches(a, true)),
    Builtin::new("!~", &[Text, Text], Bool, |a, _| not(matches(a, false)?)),
    Builtin::new("like_escape", &[Text, Text], Text, |a, _| {
        like_escape(text(&a[0])?, text(&a[1])?)
    }),
    Builtin::new("^@", &[Text, Text], Bool, |a, _| {
        Ok(Value::Bool(text(&a[0])?.starts_with(text(&a[1])?)))
    }),
    Builtin::new("substring", &[Text, Text], Text, |_, _| {
        Err(Error::unsupported("substring by a pattern"))
    }),
    Builtin::new("substring", &[Text, Text, Text], Text, |_, _| {
        Err(Error::unsupported("substring by a pattern"))
    }),
    Builtin::new("!~*", &[Text, Text], Bool, |a, _| not(matches(a, true)?)),
];

fn not(value: Value) -> Result<Value> {
    Ok(match value {
        Value::Bool(value) => Value::Bool(!value),
        other => other,
    })
}

/// Groups of a regular expression, times its length.
const COMPLEXITY_MAX: usize = 1_000_000;

/// What the two dialects of regular expressions read alike is matched;
/// PostgreSQL's own back references and look-arounds are refused.
fn matches(a: &[Value], ignore_case: bool) -> Result<Value> {
    let pattern = text(&a[1])?;
    // The matcher keeps as much for every pair of a group and a character.
    let groups = pattern.matches('(').count();
    if groups.saturating_mul(pattern.len()) > COMPLEXITY_MAX {
        return Err(Error::new(
            SqlState("2201B"),
            "invalid regular expression: regular expression is too complex",
        ));
    }
    let regex = regex_lite::RegexBuilder::new(pattern)
        .case_insensitive(ignore_case)
        .dot_matches_new_line(true)
        .build()
        .map_err(|error| {
            Error::new(
                SqlState("2201B"),
                format!("invalid regular expression: {error}"),
            )
        })?;
    Ok(Value::Bool(regex.is_match(text(&a[0])?)))
}

/// A pattern whose escape is another character as one that has a backslash
/// for it; without one, a backslash stands for itself.
fn like_escape(pattern: &str, escape: &str) -> Result<Value> {
    let mut chars = escape.chars();
    let (escape, None) = (chars.next(), chars.next()) else {
        return Err(Error::new(SqlState("22025"), "invalid escape string")
            .hint("Escape string must be empty or one character."));
    };
    if escape == Some(BACKSLASH) {
        return Ok(Value::text(pattern));
    }
    let (mut out, mut escaped) = (String::new(), false);
    for c in pattern.chars() {
        if Some(c) == escape && !escaped {
            out.push(BACKSLASH);
            escaped = true;
            continue;
        }
        if c == BACKSLASH && !escaped {
            out.push(BACKSLASH);
        }
        out.push(c);
        escaped = false;
    }
    Ok(Value::Text(out.into()))
}

/// LIKE: `%` is any string, `_` any character, a backslash takes the next one
/// literally. Where a match fails, only the last `%` takes one more character:
/// no earlier one could do better.
pub(in crate::postgres) fn like(text: &str, pattern: &str) -> Result<bool> {
    let (mut text, mut pattern) = (text.chars(), pattern.chars());
    // The text that the last % has not taken, and the pattern after it.
    let mut last = None;
    while !text.as_str().is_empty() {
        let matches = match pattern.next() {
            None => false,
            Some('%') if pattern.as_str().is_empty() => return Ok(true),
            Some('%') => {
                last = Some((text.clone(), pattern.clone()));
                continue;
            }
            Some('_') => text.next().is_some(),
            Some('\\') => {
                let literal = pattern.next().ok_or_else(|| {
                    Error::new(
                        SqlState("22025"),
                        "LIKE pattern must not end with escape character",
                    )
                })?;
                text.next() == Some(literal)
            }
            Some(literal) => text.next() == Some(literal),
        };
        if !matches {
            let Some((taken, after)) = &mut last else {
                return Ok(false);
            };
            taken.next();
            (text, pattern) = (taken.clone(), after.clone());
        }
    }
    Ok(pattern.all(|c| c == '%'))
}
