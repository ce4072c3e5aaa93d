//! Patterns: LIKE, and regular expressions.

use super::{Builtin, text};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::types::{Type, Value};

use Type::{Bool, Text};

pub(super) const FUNCTIONS: &[Builtin] = &[
    Builtin::new("~", &[Text, Text], Bool, |a, _| matches(a, false)),
    Builtin::new("~*", &[Text, Text], Bool, |a, _| matches(a, true)),
    Builtin::new("!~", &[Text, Text], Bool, |a, _| not(matches(a, false)?)),
    Builtin::new("!~*", &[Text, Text], Bool, |a, _| not(matches(a, true)?)),
];

fn not(value: Value) -> Result<Value> {
    Ok(match value {
        Value::Bool(value) => Value::Bool(!value),
        other => other,
    })
}

/// What the two dialects of regular expressions read alike is matched;
/// PostgreSQL's own back references and look-arounds are refused.
fn matches(a: &[Value], ignore_case: bool) -> Result<Value> {
    let pattern = text(&a[1])?;
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

/// LIKE: `%` is any string, `_` any character, a backslash takes the next one
/// literally.
pub(in crate::postgres) fn like(text: &str, pattern: &str) -> Result<bool> {
    let Some(first) = pattern.chars().next() else {
        return Ok(text.is_empty());
    };
    let rest = &pattern[first.len_utf8()..];
    let after_one = |text: &str| text.chars().next().map(char::len_utf8);
    match first {
        '%' => {
            let starts = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            for at in starts {
                if like(&text[at..], rest)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        '_' => match after_one(text) {
            Some(length) => like(&text[length..], rest),
            None => Ok(false),
        },
        '\\' => {
            let Some(literal) = rest.chars().next() else {
                return Err(Error::new(
                    SqlState("22025"),
                    "LIKE pattern must not end with escape character",
                ));
            };
            match text.strip_prefix(literal) {
                Some(text) => like(text, &rest[literal.len_utf8()..]),
                None => Ok(false),
            }
        }
        literal => match text.strip_prefix(literal) {
            Some(text) => like(text, rest),
            None => Ok(false),
        },
    }
}
