//! Functions and operators of json and jsonb.

use std::sync::Arc;

use super::{Builtin, Kind, count, elements, int, text};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::types::{Json, Type, Value, write_text};

use Type::{Any, Array, Bool, Int4, Jsonb, Text};

/// text[]
const TEXTS: Type = Array(&Text);

pub(super) const FUNCTIONS: &[Builtin] = &[
    Builtin::new("->", &[Jsonb, Text], Jsonb, |a, _| {
        Ok(found(json(&a[0])?.get(text(&a[1])?)))
    }),
    Builtin::new("->", &[Jsonb, Int4], Jsonb, |a, _| {
        Ok(found(json(&a[0])?.element(int(&a[1])?)))
    }),
    Builtin::new("->>", &[Jsonb, Text], Text, |a, _| {
        Ok(as_text(json(&a[0])?.get(text(&a[1])?)))
    }),
    Builtin::new("->>", &[Jsonb, Int4], Text, |a, _| {
        Ok(as_text(json(&a[0])?.element(int(&a[1])?)))
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
    Builtin::new("jsonb_build_object", &[Any], Jsonb, |a, _| {
        build_object(a).map(made)
    })
    .with(Kind::Variadic)
    .for_nulls(),
    Builtin::new("json_build_object", &[Any], Type::Json, |a, _| {
        build_object(a).map(|json| Value::Text(compact(&json).into()))
    })
    .with(Kind::Variadic)
    .for_nulls(),
    Builtin::new("jsonb_build_array", &[], Jsonb, |_, _| {
        Ok(made(Json::Array(Vec::new())))
    }),
    Builtin::new("jsonb_build_array", &[Any], Jsonb, |a, _| {
        Ok(made(Json::Array(a.iter().map(to_json).collect())))
    })
    .with(Kind::Variadic)
    .for_nulls(),
    Builtin::new("to_jsonb", &[Any], Jsonb, |a, _| Ok(made(to_json(&a[0])))),
    Builtin::new("jsonb_typeof", &[Jsonb], Text, |a, _| {
        Ok(Value::text(json(&a[0])?.kind()))
    }),
    Builtin::new("json_typeof", &[Jsonb], Text, |a, _| {
        Ok(Value::text(json(&a[0])?.kind()))
    }),
    Builtin::new("jsonb_array_length", &[Jsonb], Int4, |a, _| {
        array_length(json(&a[0])?)
    }),
    Builtin::new("json_array_length", &[Jsonb], Int4, |a, _| {
        array_length(json(&a[0])?)
    }),
    Builtin::new("jsonb_set", &[Jsonb, TEXTS, Jsonb], Jsonb, |a, _| set(a)),
    Builtin::new("jsonb_set", &[Jsonb, TEXTS, Jsonb, Bool], Jsonb, |a, _| {
        set(a)
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

fn follow(a: &[Value]) -> Result<Option<&Json>> {
    let path = elements(&a[1])?
        .iter()
        .map(text)
        .collect::<Result<Vec<_>>>()?;
    Ok(json(&a[0])?.path(path))
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

/// A value of SQL as JSON.
pub(in crate::postgres) fn to_json(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Json(json) => (**json).clone(),
        Value::Numeric(number) => Json::Number(**number),
        Value::Array(values) => Json::Array(values.iter().map(to_json).collect()),
        Value::Int(_) | Value::Float(_) | Value::Real(_) => {
            let text = shown(value);
            Json::parse(&text).unwrap_or_else(|_| Json::String(text.into()))
        }
        Value::Timestamp(_) => {
            let zoned = shown(value).replacen(' ', "T", 1) + ":00";
            Json::String(zoned.into())
        }
        Value::Local(_) => Json::String(shown(value).replacen(' ', "T", 1).into()),
        other => Json::String(shown(other).into()),
    }
}

fn shown(value: &Value) -> String {
    let mut out = Vec::new();
    write_text(value, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

fn build_object(a: &[Value]) -> Result<Json> {
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
            return Err(Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                "argument 1: key must not be null",
            ));
        }
        pairs.push((shown(&pair[0]).into(), to_json(&pair[1])));
    }
    Ok(Json::object(pairs))
}

/// json_build_object's own spacing.
fn compact(json: &Json) -> String {
    match json {
        Json::Object(pairs) => {
            let pairs: Vec<String> = pairs
                .iter()
                .map(|(key, value)| format!("{} : {value}", Json::String(key.clone())))
                .collect();
            format!("{{{}}}", pairs.join(", "))
        }
        other => other.to_string(),
    }
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

fn set(a: &[Value]) -> Result<Value> {
    let path = elements(&a[1])?
        .iter()
        .map(text)
        .collect::<Result<Vec<_>>>()?;
    let create = a.get(3).and_then(Value::as_bool).unwrap_or(true);
    let document = json(&a[0])?;
    if !matches!(document, Json::Object(_) | Json::Array(_)) {
        return Err(Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            "cannot set path in scalar",
        ));
    }
    Ok(made(set_at(document, &path, json(&a[2])?, create)))
}

/// The document with the value at the end of the path, if the path leads
/// there.
fn set_at(document: &Json, path: &[&str], value: &Json, create: bool) -> Json {
    let Some((step, rest)) = path.split_first() else {
        return document.clone();
    };
    let change = |old: Option<&Json>| match old {
        Some(_) if rest.is_empty() => Some(value.clone()),
        None if rest.is_empty() && create => Some(value.clone()),
        Some(old) => Some(set_at(old, rest, value, create)),
        None => None,
    };
    match document {
        Json::Object(pairs) => {
            let mut pairs = pairs.clone();
            if let Some(new) = change(document.get(step)) {
                pairs.push(((*step).into(), new));
            }
            Json::object(pairs)
        }
        Json::Array(elements) => {
            let Ok(index) = step.parse::<i64>() else {
                return document.clone();
            };
            let length = i64::try_from(elements.len()).unwrap_or(i64::MAX);
            let mut elements = elements.clone();
            let index = if index < 0 { index + length } else { index };
            if let Some(new) = change(document.element(index).filter(|_| index >= 0)) {
                match usize::try_from(index) {
                    Ok(index) if index < elements.len() => elements[index] = new,
                    Ok(_) => elements.push(new),
                    Err(_) => elements.insert(0, new),
                }
            }
            Json::Array(elements)
        }
        other => other.clone(),
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
