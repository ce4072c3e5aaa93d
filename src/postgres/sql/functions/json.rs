//! Functions and operators of json and jsonb.

use std::sync::Arc;

use super::text::append;
use super::{Builtin, Kind, count, elements, int, text};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::settings::Style;
use crate::postgres::types::{Json, Type, Value, is_infinite, write_styled_text, write_text};

use Type::{Any, Array, Bool, Int4, Jsonb, Text};

/// text[]
const TEXTS: Type = Array(&Text);

pub(super) const FUNCTIONS: &[Builtin] = &[
    Builtin::new("->", &[Jsonb, Text], Jsonb, |a, _| {
        Ok(found(json(&a[0])?.get(text(&a[1])?)))
    }),
    Builtin::new("->", &[Jsonb, Int4], Jsonb, |a, _| {
        Ok(found(element(json(&a[0])?, int(&a[1])?)))
    }),
    Builtin::new("->>", &[Jsonb, Text], Text, |a, _| {
        Ok(as_text(json(&a[0])?.get(text(&a[1])?)))
    }),
    Builtin::new("->>", &[Jsonb, Int4], Text, |a, _| {
        Ok(as_text(element(json(&a[0])?, int(&a[1])?)))
    }),
    Builtin::new("#>", &[Jsonb, TEXTS], Jsonb, |a, _| Ok(found(follow(a)?))),
    Builtin::new("#>>", &[Jsonb, TEXTS], Text, |a, _| Ok(as_text(follow(a)?))),
    Builtin::new("jsonb_extract_path", &[Jsonb, Text], Jsonb, |a, _| {
        Ok(found(steps(a)?))
    })
    .with(Kind::Variadic),
    Builtin::new("jsonb_extract_path_text", &[Jsonb, Text], Text, |a, _| {
        Ok(as_text(steps(a)?))
    })
    .with(Kind::Variadic),
    Builtin::new("@>", &[Jsonb, Jsonb], Bool, |a, _| {
        Ok(Value::Bool(json(&a[0])?.contains(json(&a[1])?)))
    }),
    Builtin::new("<@", &[Jsonb, Jsonb], Bool, |a, _| {
        Ok(Value::Bool(json(&a[1])?.contains(json(&a[0])?)))
    }),
    Builtin::new("?", &[Jsonb, Text], Bool, |a, _| {
        Ok(Value::Bool(has_key(json(&a[0])?, text(&a[1])?)))
    }),
    Builtin::new("?|", &[Jsonb, TEXTS], Bool, |a, _| keys(a, false)),
    Builtin::new("?&", &[Jsonb, TEXTS], Bool, |a, _| keys(a, true)),
    Builtin::new("||", &[Jsonb, Jsonb], Jsonb, |a, _| {
        Ok(made(concat(json(&a[0])?, json(&a[1])?)))
    }),
    Builtin::new("-", &[Jsonb, Text], Jsonb, |a, _| {
        let key = text(&a[1])?;
        without(&a[0], |other| other == key)
    }),
    Builtin::new("-", &[Jsonb, TEXTS], Jsonb, |a, _| {
        let keys = elements(&a[1])?;
        without(&a[0], |other| {
            keys.iter().any(|key| key.as_str() == Some(other))
        })
    }),
    Builtin::new("-", &[Jsonb, Int4], Jsonb, |a, _| {
        without_element(&a[0], int(&a[1])?)
    }),
    Builtin::new("jsonb_build_object", &[], Jsonb, |_, _| {
        Ok(made(Json::Object(Vec::new())))
    }),
    Builtin::new("jsonb_build_object", &[Any], Jsonb, |a, c| {
        build_object(a, c.style()).map(made)
    })
    .with(Kind::Variadic)
    .for_nulls(),
    Builtin::new("jsonb_build_array", &[], Jsonb, |_, _| {
        Ok(made(Json::Array(Vec::new())))
    }),
    Builtin::new("jsonb_build_array", &[Any], Jsonb, |a, c| {
        let elements = a.iter().map(|value| to_json(value, c.style()));
        Ok(made(Json::Array(elements.collect::<Result<_>>()?)))
    })
    .with(Kind::Variadic)
    .for_nulls(),
    Builtin::new("to_jsonb", &[Any], Jsonb, |a, c| {
        to_json(&a[0], c.style()).map(made)
    }),
    Builtin::new("jsonb_typeof", &[Jsonb], Text, |a, _| {
        Ok(Value::text(json(&a[0])?.kind()))
    }),
    Builtin::new("jsonb_array_length", &[Jsonb], Int4, |a, _| {
        array_length(json(&a[0])?)
    }),
    Builtin::new("jsonb_set", &[Jsonb, TEXTS, Jsonb], Jsonb, |a, _| set(a)),
    Builtin::new("jsonb_set", &[Jsonb, TEXTS, Jsonb, Bool], Jsonb, |a, _| {
        set(a)
    }),
    Builtin::new("jsonb_insert", &[Jsonb, TEXTS, Jsonb], Jsonb, |a, _| {
        insert(a)
    }),
    Builtin::new(
        "jsonb_insert",
        &[Jsonb, TEXTS, Jsonb, Bool],
        Jsonb,
        |a, _| insert(a),
    ),
    Builtin::new("#-", &[Jsonb, TEXTS], Jsonb, |a, _| {
        change(&a[0], &a[1], &Json::Null, Change::Delete)
    }),
    Builtin::new("jsonb_pretty", &[Jsonb], Text, |a, _| {
        let mut out = String::new();
        pretty(json(&a[0])?, 0, &mut out)?;
        Ok(Value::Text(out.into()))
    }),
    Builtin::new("jsonb_strip_nulls", &[Jsonb], Jsonb, |a, _| {
        Ok(made(strip_nulls(json(&a[0])?)))
    }),
    Builtin::new("jsonb_object_keys", &[Jsonb], Text, |a, _| {
        match json(&a[0])? {
            Json::Object(pairs) => Ok(list(pairs.iter().map(|(key, _)| Value::Text(key.clone())))),
            other => Err(refused("jsonb_object_keys", other)),
        }
    })
    .with(Kind::Set),
    Builtin::new("jsonb_array_elements", &[Jsonb], Jsonb, |a, _| {
        Ok(list(
            each_element(&a[0])?.iter().map(|json| made(json.clone())),
        ))
    })
    .with(Kind::Set),
    Builtin::new("jsonb_array_elements_text", &[Jsonb], Text, |a, _| {
        Ok(list(
            each_element(&a[0])?.iter().map(|json| as_text(Some(json))),
        ))
    })
    .with(Kind::Set),
    Builtin::new("jsonb_each", &[Jsonb], Type::Record, |a, _| {
        each(&a[0], |json| made(json.clone()))
    })
    .with(Kind::Rows(&[("key", Text), ("value", Jsonb)])),
    Builtin::new("jsonb_each_text", &[Jsonb], Type::Record, |a, _| {
        each(&a[0], |json| as_text(Some(json)))
    })
    .with(Kind::Rows(&[("key", Text), ("value", Text)])),
];

fn json(value: &Value) -> Result<&Json> {
    match value {
        Value::Json(json) => Ok(json),
        _ => Err(super::unexpected()),
    }
}

/// The element at an index: a scalar is kept as the one element of an array.
fn element(json: &Json, index: i64) -> Option<&Json> {
    match json {
        Json::Array(_) | Json::Object(_) => json.element(index),
        scalar => matches!(index, 0 | -1).then_some(scalar),
    }
}

fn made(json: Json) -> Value {
    Value::Json(Arc::new(json))
}

fn list(values: impl Iterator<Item = Value>) -> Value {
    Value::Array(values.collect())
}

fn found(json: Option<&Json>) -> Value {
    json.map_or(Value::Null, |json| made(json.clone()))
}

/// A document as `->>` gives it: strings bare, null as NULL.
fn as_text(json: Option<&Json>) -> Value {
    match json {
        None | Some(Json::Null) => Value::Null,
        Some(Json::String(text)) => Value::Text(text.clone()),
        Some(other) => Value::Text(other.to_string().into()),
    }
}

/// What a path leads to: a NULL in it to nothing.
fn follow(a: &[Value]) -> Result<Option<&Json>> {
    let path: Option<Vec<&str>> = elements(&a[1])?.iter().map(Value::as_str).collect();
    path.map_or(Ok(None), |path| json(&a[0]).map(|json| json.path(path)))
}

fn steps(a: &[Value]) -> Result<Option<&Json>> {
    let path = a[1..].iter().map(text).collect::<Result<Vec<_>>>()?;
    Ok(json(&a[0])?.path(path))
}

fn has_key(json: &Json, key: &str) -> bool {
    match json {
        Json::Object(_) => json.get(key).is_some(),
        Json::Array(elements) => elements
            .iter()
            .any(|element| matches!(element, Json::String(text) if **text == *key)),
        Json::String(text) => **text == *key,
        _ => false,
    }
}

fn keys(a: &[Value], all: bool) -> Result<Value> {
    let json = json(&a[0])?;
    let mut keys = elements(&a[1])?.iter().filter_map(Value::as_str);
    Ok(Value::Bool(if all {
        keys.all(|key| has_key(json, key))
    } else {
        keys.any(|key| has_key(json, key))
    }))
}

fn concat(a: &Json, b: &Json) -> Json {
    let as_list = |json: &Json| match json {
        Json::Array(elements) => elements.clone(),
        other => vec![other.clone()],
    };
    match (a, b) {
        (Json::Object(a), Json::Object(b)) => Json::object(a.iter().chain(b).cloned().collect()),
        _ => Json::Array([as_list(a), as_list(b)].concat()),
    }
}

fn without(value: &Value, gone: impl Fn(&str) -> bool) -> Result<Value> {
    Ok(made(match json(value)? {
        Json::Object(pairs) => Json::Object(
            pairs
                .iter()
                .filter(|(key, _)| !gone(key))
                .cloned()
                .collect(),
        ),
        Json::Array(elements) => {
            let gone = |json: &&Json| !matches!(json, Json::String(text) if gone(text));
            Json::Array(elements.iter().filter(gone).cloned().collect())
        }
        _ => {
            return Err(Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                "cannot delete from scalar",
            ));
        }
    }))
}

fn without_element(value: &Value, index: i64) -> Result<Value> {
    let json = json(value)?;
    let Json::Array(elements) = json else {
        let message = if matches!(json, Json::Object(_)) {
            "cannot delete from object using integer index"
        } else {
            "cannot delete from scalar"
        };
        return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
    };
    let length = i64::try_from(elements.len()).unwrap_or(i64::MAX);
    let index = if index < 0 { index + length } else { index };
    let mut kept = elements.clone();
    if let Ok(index) = usize::try_from(index)
        && index < kept.len()
    {
        kept.remove(index);
    }
    Ok(made(Json::Array(kept)))
}

/// A value of SQL as JSON: dates in ISO's form, whatever the session has.
pub(in crate::postgres) fn to_json(value: &Value, style: Style) -> Result<Json> {
    Ok(match value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Json(json) => match &**json {
            Json::Written(text) => Json::parse(text)?,
            json => json.clone(),
        },
        Value::Numeric(number) if number.decimals().is_none() => {
            Json::String(number.to_string().into())
        }
        Value::Numeric(number) => Json::Number(**number),
        Value::Array(values) => {
            let elements = values.iter().map(|value| to_json(value, style));
            Json::Array(elements.collect::<Result<_>>()?)
        }
        Value::Int(_) | Value::Float(_) | Value::Real(_) => {
            let text = shown(value);
            Json::parse(&text).unwrap_or_else(|_| Json::String(text.into()))
        }
        Value::Timestamp(at) if !is_infinite(*at) => {
            let zoned = shown(value).replacen(' ', "T", 1) + ":00";
            Json::String(zoned.into())
        }
        Value::Local(_) => Json::String(shown(value).replacen(' ', "T", 1).into()),
        Value::Interval(_) => {
            let mut text = Vec::new();
            write_styled_text(value, style, &mut text);
            Json::String(String::from_utf8_lossy(&text).into())
        }
        other => Json::String(shown(other).into()),
    })
}

fn shown(value: &Value) -> String {
    let mut out = Vec::new();
    write_text(value, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// A value as the key of an object.
pub(in crate::postgres) fn key(value: &Value, style: Style) -> Result<String> {
    if matches!(value, Value::Array(_) | Value::Json(_)) {
        let message = "key value must be scalar, not array, composite, or json";
        return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
    }
    Ok(match to_json(value, style)? {
        Json::String(text) => text.to_string(),
        other => other.to_string(),
    })
}

fn build_object(a: &[Value], style: Style) -> Result<Json> {
    if !a.len().is_multiple_of(2) {
        return Err(Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            "argument list must have even number of elements",
        )
        .hint(
            "The arguments of jsonb_build_object() must consist of alternating keys and values.",
        ));
    }
    let mut pairs = Vec::new();
    for pair in a.chunks(2) {
        if pair[0].is_null() {
            let message = format!("argument {}: key must not be null", 2 * pairs.len() + 1);
            return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
        }
        pairs.push((key(&pair[0], style)?.into(), to_json(&pair[1], style)?));
    }
    Ok(Json::object(pairs))
}

fn array_length(json: &Json) -> Result<Value> {
    match json {
        Json::Array(elements) => Ok(count(elements.len())),
        Json::Object(_) => Err(Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            "cannot get array length of a non-array",
        )),
        _ => Err(Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            "cannot get array length of a scalar",
        )),
    }
}

/// What becomes of the end of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Replace,
    /// It is replaced, or put where there is none.
    Create,
    InsertBefore,
    InsertAfter,
    Delete,
}

impl Change {
    fn adds(self) -> bool {
        matches!(
            self,
            Change::Create | Change::InsertBefore | Change::InsertAfter
        )
    }

    fn inserts(self) -> bool {
        matches!(self, Change::InsertBefore | Change::InsertAfter)
    }
}

fn set(a: &[Value]) -> Result<Value> {
    match a.get(3).and_then(Value::as_bool) {
        Some(false) => change(&a[0], &a[1], json(&a[2])?, Change::Replace),
        _ => change(&a[0], &a[1], json(&a[2])?, Change::Create),
    }
}

fn insert(a: &[Value]) -> Result<Value> {
    match a.get(3).and_then(Value::as_bool) {
        Some(true) => change(&a[0], &a[1], json(&a[2])?, Change::InsertAfter),
        _ => change(&a[0], &a[1], json(&a[2])?, Change::InsertBefore),
    }
}

/// The document with what a path leads to changed.
fn change(document: &Value, path: &Value, new: &Json, how: Change) -> Result<Value> {
    let root = json(document)?;
    let path = elements(path)?;
    let size = match root {
        Json::Object(pairs) => pairs.len(),
        Json::Array(elements) => elements.len(),
        _ => {
            let what = if how == Change::Delete {
                "delete"
            } else {
                "set"
            };
            let message = format!("cannot {what} path in scalar");
            return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
        }
    };
    if path.is_empty() || size == 0 && !how.adds() {
        return Ok(document.clone());
    }
    Ok(made(change_at(root, path, 1, new, how)?))
}

/// `position` is that of the first step left.
fn change_at(
    document: &Json,
    path: &[Value],
    position: usize,
    new: &Json,
    how: Change,
) -> Result<Json> {
    let Some((step, rest)) = path.split_first() else {
        return Ok(document.clone());
    };
    if !matches!(document, Json::Object(_) | Json::Array(_)) {
        return Ok(document.clone());
    }
    let step = step.as_str().ok_or_else(|| {
        let message = format!("path element at position {position} is null");
        Error::new(SqlState("22004"), message)
    })?;
    match document {
        Json::Object(pairs) => change_key(pairs, step, rest, position, new, how),
        Json::Array(elements) => change_element(elements, step, rest, position, new, how),
        scalar => Ok(scalar.clone()),
    }
}

fn change_key(
    pairs: &[(Arc<str>, Json)],
    key: &str,
    rest: &[Value],
    position: usize,
    new: &Json,
    how: Change,
) -> Result<Json> {
    let mut pairs = pairs.to_vec();
    let at = pairs.iter().position(|(other, _)| **other == *key);
    match (at, rest.is_empty()) {
        (Some(at), false) => pairs[at].1 = change_at(&pairs[at].1, rest, position + 1, new, how)?,
        (Some(_), true) if how.inserts() => {
            let message = "cannot replace existing key";
            return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message)
                .hint("Try using the function jsonb_set to replace key value."));
        }
        (Some(at), true) if how == Change::Delete => {
            pairs.remove(at);
        }
        (Some(at), true) => pairs[at].1 = new.clone(),
        (None, true) if how.adds() => pairs.push((key.into(), new.clone())),
        (None, _) => {}
    }
    Ok(Json::object(pairs))
}

fn change_element(
    elements: &[Json],
    step: &str,
    rest: &[Value],
    position: usize,
    new: &Json,
    how: Change,
) -> Result<Json> {
    let mut elements = elements.to_vec();
    let length = i64::try_from(elements.len()).unwrap_or(i64::MAX);
    let index = match step.trim_start().parse::<i32>() {
        Ok(index) => i64::from(index),
        Err(_) => {
            let message =
                format!("path element at position {position} is not an integer: \"{step}\"");
            return Err(Error::new(SqlState::INVALID_TEXT_REPRESENTATION, message));
        }
    };
    let index = if index < 0 { index + length } else { index };
    let at = usize::try_from(index)
        .ok()
        .filter(|at| *at < elements.len());
    match (at, rest.is_empty()) {
        (Some(at), false) => elements[at] = change_at(&elements[at], rest, position + 1, new, how)?,
        (Some(at), true) => match how {
            Change::Replace | Change::Create => elements[at] = new.clone(),
            Change::InsertBefore => elements.insert(at, new.clone()),
            Change::InsertAfter => elements.insert(at + 1, new.clone()),
            Change::Delete => {
                elements.remove(at);
            }
        },
        (None, true) if how.adds() && index < 0 => elements.insert(0, new.clone()),
        (None, true) if how.adds() => elements.push(new.clone()),
        (None, _) => {}
    }
    Ok(Json::Array(elements))
}

/// A document on lines of their own, four blanks deeper for every level.
fn pretty(json: &Json, depth: usize, out: &mut String) -> Result<()> {
    let line =
        |depth: usize, out: &mut String| append(out, &format!("\n{}", " ".repeat(4 * depth)));
    match json {
        Json::Array(elements) => {
            append(out, "[")?;
            for (index, element) in elements.iter().enumerate() {
                append(out, if index > 0 { "," } else { "" })?;
                line(depth + 1, out)?;
                pretty(element, depth + 1, out)?;
            }
            line(depth, out)?;
            append(out, "]")
        }
        Json::Object(pairs) => {
            append(out, "{")?;
            for (index, (key, value)) in pairs.iter().enumerate() {
                append(out, if index > 0 { "," } else { "" })?;
                line(depth + 1, out)?;
                append(out, &format!("{}: ", Json::String(key.clone())))?;
                pretty(value, depth + 1, out)?;
            }
            line(depth, out)?;
            append(out, "}")
        }
        scalar => append(out, &scalar.to_string()),
    }
}

fn strip_nulls(json: &Json) -> Json {
    match json {
        Json::Object(pairs) => Json::Object(
            pairs
                .iter()
                .filter(|(_, value)| *value != Json::Null)
                .map(|(key, value)| (key.clone(), strip_nulls(value)))
                .collect(),
        ),
        Json::Array(elements) => Json::Array(elements.iter().map(strip_nulls).collect()),
        other => other.clone(),
    }
}

fn refused(function: &str, json: &Json) -> Error {
    let what = match json {
        Json::Array(_) => "an array",
        Json::Object(_) => "an object",
        _ => "a scalar",
    };
    Error::new(
        SqlState::INVALID_PARAMETER_VALUE,
        format!("cannot call {function} on {what}"),
    )
}

fn each_element(value: &Value) -> Result<&[Json]> {
    match json(value)? {
        Json::Array(elements) => Ok(elements),
        Json::Object(_) => Err(Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            "cannot extract elements from an object",
        )),
        _ => Err(Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            "cannot extract elements from a scalar",
        )),
    }
}

fn each(value: &Value, show: impl Fn(&Json) -> Value) -> Result<Value> {
    match json(value)? {
        Json::Object(pairs) => {
            Ok(list(pairs.iter().map(|(key, value)| {
                Value::Array([Value::Text(key.clone()), show(value)].into())
            })))
        }
        _ => Err(Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            "cannot call jsonb_each on a non-object",
        )),
    }
}
