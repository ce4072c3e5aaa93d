//! Functions and operators of json, whose documents stay as they are written.

use std::fmt::Write;

use super::json::key;
use super::text::append;
use super::{Builtin, Kind, count, elements, int, text};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::settings::Style;
use crate::postgres::types::{Json, Parts, Type, Value, parts};

use Type::{Any, AnyArray, Array, Bool, Int4, Text};

/// text[]
const TEXTS: Type = Array(&Text);

pub(super) const FUNCTIONS: &[Builtin] = &[
    Builtin::new("->", &[Type::Json, Text], Type::Json, |a, _| {
        Ok(found(field(text(&a[0])?, text(&a[1])?)?))
    }),
    Builtin::new("->", &[Type::Json, Int4], Type::Json, |a, _| {
        Ok(found(element(text(&a[0])?, int(&a[1])?)?))
    }),
    Builtin::new("->>", &[Type::Json, Text], Text, |a, _| {
        as_text(field(text(&a[0])?, text(&a[1])?)?)
    }),
    Builtin::new("->>", &[Type::Json, Int4], Text, |a, _| {
        as_text(element(text(&a[0])?, int(&a[1])?)?)
    }),
    Builtin::new("#>", &[Type::Json, TEXTS], Type::Json, |a, _| {
        Ok(found(follow(text(&a[0])?, elements(&a[1])?)?))
    }),
    Builtin::new("#>>", &[Type::Json, TEXTS], Text, |a, _| {
        as_text(follow(text(&a[0])?, elements(&a[1])?)?)
    }),
    Builtin::new(
        "json_extract_path",
        &[Type::Json, Text],
        Type::Json,
        |a, _| Ok(found(follow(text(&a[0])?, &a[1..])?)),
    )
    .with(Kind::Variadic),
    Builtin::new(
        "json_extract_path_text",
        &[Type::Json, Text],
        Text,
        |a, _| as_text(follow(text(&a[0])?, &a[1..])?),
    )
    .with(Kind::Variadic),
    Builtin::new("json_typeof", &[Type::Json], Text, |a, _| {
        Ok(Value::text(match parts(text(&a[0])?)? {
            Parts::String(_) => "string",
            Parts::Array(_) => "array",
            Parts::Object(_) => "object",
            Parts::Scalar("null") => "null",
            Parts::Scalar("true" | "false") => "boolean",
            Parts::Scalar(_) => "number",
        }))
    }),
    Builtin::new(
        "json_array_length",
        &[Type::Json],
        Int4,
        |a, _| match parts(text(&a[0])?)? {
            Parts::Array(elements) => Ok(count(elements.len())),
            Parts::Object(_) => Err(refused("cannot get array length of a non-array")),
            _ => Err(refused("cannot get array length of a scalar")),
        },
    ),
    Builtin::new(
        "json_object_keys",
        &[Type::Json],
        Text,
        |a, _| match parts(text(&a[0])?)? {
            Parts::Object(pairs) => Ok(list(pairs.into_iter().map(|(key, _)| string(key)))),
            Parts::Array(_) => Err(refused("cannot call json_object_keys on an array")),
            _ => Err(refused("cannot call json_object_keys on a scalar")),
        },
    )
    .with(Kind::Set),
    Builtin::new("json_array_elements", &[Type::Json], Type::Json, |a, _| {
        let elements = each_element(text(&a[0])?, "json_array_elements")?;
        Ok(list(elements.into_iter().map(Value::text)))
    })
    .with(Kind::Set),
    Builtin::new("json_array_elements_text", &[Type::Json], Text, |a, _| {
        let elements = each_element(text(&a[0])?, "json_array_elements_text")?;
        let texts = elements.into_iter().map(|element| as_text(Some(element)));
        Ok(Value::Array(texts.collect::<Result<_>>()?))
    })
    .with(Kind::Set),
    Builtin::new("json_each", &[Type::Json], Type::Record, |a, _| {
        each(text(&a[0])?, |value| Ok(Value::text(value)))
    })
    .with(Kind::Rows(&[("key", Text), ("value", Type::Json)])),
    Builtin::new("json_each_text", &[Type::Json], Type::Record, |a, _| {
        each(text(&a[0])?, |value| as_text(Some(value)))
    })
    .with(Kind::Rows(&[("key", Text), ("value", Text)])),
    Builtin::new("json_strip_nulls", &[Type::Json], Type::Json, |a, _| {
        let mut out = String::new();
        strip_nulls(text(&a[0])?, &mut out)?;
        Ok(string(out))
    }),
    Builtin::new("json_build_object", &[], Type::Json, |_, _| {
        Ok(Value::text("{}"))
    }),
    Builtin::new("json_build_object", &[Any], Type::Json, |a, c| {
        build_object(a, c.style()).map(string)
    })
    .with(Kind::Variadic)
    .for_nulls(),
    Builtin::new("json_build_array", &[], Type::Json, |_, _| {
        Ok(Value::text("[]"))
    }),
    Builtin::new("json_build_array", &[Any], Type::Json, |a, c| {
        joined(a, ", ", c.style()).map(string)
    })
    .with(Kind::Variadic)
    .for_nulls(),
    Builtin::new("to_json", &[Any], Type::Json, |a, c| {
        shown(&a[0], c.style()).map(string)
    }),
    Builtin::new("array_to_json", &[AnyArray], Type::Json, |a, c| {
        shown(&a[0], c.style()).map(string)
    }),
    Builtin::new("array_to_json", &[AnyArray, Bool], Type::Json, |a, c| {
        let separator = if a[1].as_bool() == Some(true) {
            ",\n "
        } else {
            ","
        };
        joined(elements(&a[0])?, separator, c.style()).map(string)
    }),
];

fn string(text: String) -> Value {
    Value::Text(text.into())
}

fn list(values: impl Iterator<Item = Value>) -> Value {
    Value::Array(values.collect())
}

fn found(text: Option<&str>) -> Value {
    text.map_or(Value::Null, Value::text)
}

fn refused(message: impl Into<String>) -> Error {
    Error::new(SqlState::INVALID_PARAMETER_VALUE, message.into())
}

/// A document as `->>` gives it: strings bare, null as NULL.
fn as_text(text: Option<&str>) -> Result<Value> {
    let Some(text) = text else {
        return Ok(Value::Null);
    };
    Ok(match parts(text)? {
        Parts::String(text) => string(text),
        Parts::Scalar("null") => Value::Null,
        _ => Value::text(text),
    })
}

/// The value of a key: of several the last.
fn field<'a>(text: &'a str, name: &str) -> Result<Option<&'a str>> {
    Ok(match parts(text)? {
        Parts::Object(pairs) => {
            let found = pairs.into_iter().rfind(|(key, _)| key == name);
            found.map(|(_, value)| value)
        }
        _ => None,
    })
}

/// The element at an index; a negative one counts from the end.
fn element(text: &str, index: i64) -> Result<Option<&str>> {
    let Parts::Array(elements) = parts(text)? else {
        return Ok(None);
    };
    let length = i64::try_from(elements.len()).unwrap_or(i64::MAX);
    let index = if index < 0 { index + length } else { index };
    let index = usize::try_from(index).ok();
    Ok(index.and_then(|index| elements.get(index).copied()))
}

/// What a path leads to: a NULL in it to nothing.
fn follow<'a>(text: &'a str, path: &[Value]) -> Result<Option<&'a str>> {
    // Without a path it is the document, without the blanks around it.
    let whole = text.trim_end();
    let scalar = !whole.trim_start().starts_with(['{', '[']);
    let mut at = Some(if scalar { whole } else { whole.trim_start() });
    for step in path {
        let (Some(text), Some(step)) = (at, step.as_str()) else {
            return Ok(None);
        };
        at = match (parts(text)?, step.parse()) {
            (Parts::Array(_), Ok(index)) => element(text, index)?,
            (Parts::Object(_), _) => field(text, step)?,
            _ => None,
        };
    }
    Ok(at)
}

fn each_element<'a>(text: &'a str, function: &str) -> Result<Vec<&'a str>> {
    match parts(text)? {
        Parts::Array(elements) => Ok(elements),
        Parts::Object(_) => Err(refused(format!("cannot call {function} on a non-array"))),
        _ => Err(refused(format!("cannot call {function} on a scalar"))),
    }
}

fn each(text: &str, show: impl Fn(&str) -> Result<Value>) -> Result<Value> {
    let pairs = match parts(text)? {
        Parts::Object(pairs) => pairs,
        Parts::Array(_) => return Err(refused("cannot deconstruct an array as an object")),
        _ => return Err(refused("cannot deconstruct a scalar")),
    };
    let rows = pairs.into_iter().map(|(key, value)| {
        let row = [string(key), show(value)?];
        Ok(Value::Array(row.into()))
    });
    Ok(Value::Array(rows.collect::<Result<_>>()?))
}

fn strip_nulls(text: &str, out: &mut String) -> Result<()> {
    match parts(text)? {
        Parts::Object(pairs) => {
            append(out, "{")?;
            let kept = pairs.into_iter().filter(|(_, value)| *value != "null");
            for (index, (key, value)) in kept.enumerate() {
                append(out, if index > 0 { "," } else { "" })?;
                append(out, &format!("{}:", Json::String(key.into())))?;
                strip_nulls(value, out)?;
            }
            append(out, "}")
        }
        Parts::Array(elements) => {
            append(out, "[")?;
            for (index, element) in elements.into_iter().enumerate() {
                append(out, if index > 0 { "," } else { "" })?;
                strip_nulls(element, out)?;
            }
            append(out, "]")
        }
        Parts::String(text) => append(out, &Json::String(text.into()).to_string()),
        Parts::Scalar(text) => append(out, text),
    }
}

/// A value of SQL as text of JSON.
pub(in crate::postgres) fn shown(value: &Value, style: Style) -> Result<String> {
    match value {
        Value::Array(values) => joined(values, ",", style),
        Value::Json(json) => Ok(json.to_string()),
        other => Ok(super::json::to_json(other, style)?.to_string()),
    }
}

/// An array of values.
fn joined(values: &[Value], separator: &str, style: Style) -> Result<String> {
    let mut out = "[".to_owned();
    for (index, value) in values.iter().enumerate() {
        append(&mut out, if index > 0 { separator } else { "" })?;
        append(&mut out, &shown(value, style)?)?;
    }
    append(&mut out, "]")?;
    Ok(out)
}

/// A key and its value.
pub(in crate::postgres) fn pair(name: &Value, value: &Value, style: Style) -> Result<String> {
    let mut out = Json::String(key(name, style)?.into()).to_string();
    // Writing to memory does not fail.
    let _infallible = write!(out, " : {}", shown(value, style)?);
    Ok(out)
}

fn build_object(a: &[Value], style: Style) -> Result<String> {
    if !a.len().is_multiple_of(2) {
        let hint =
            "The arguments of json_build_object() must consist of alternating keys and values.";
        return Err(refused("argument list must have even number of elements").hint(hint));
    }
    let mut out = "{".to_owned();
    for (index, two) in a.chunks(2).enumerate() {
        if two[0].is_null() {
            let message = format!("argument {} cannot be null", 2 * index + 1);
            return Err(refused(message).hint("Object keys should be text."));
        }
        append(&mut out, if index > 0 { ", " } else { "" })?;
        append(&mut out, &pair(&two[0], &two[1], style)?)?;
    }
    append(&mut out, "}")?;
    Ok(out)
}
