//! Functions and operators of arrays.

use super::{Builtin, Kind, count, elements, int, text};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::sql::Context;
use crate::postgres::types::{Type, Value};

use Type::{AnyArray, AnyElement, Array, Bool, Int4, Text};

/// text[]
const TEXTS: Type = Array(&Text);

pub(super) const FUNCTIONS: &[Builtin] = &[
    Builtin::new("unnest", &[AnyArray], AnyElement, |a, _| {
        Ok(Value::Array(elements(&a[0])?.into()))
    })
    .with(Kind::Set),
    Builtin::new("array_length", &[AnyArray, Int4], Int4, |a, _| {
        let length = elements(&a[0])?.len();
        Ok(if int(&a[1])? == 1 && length > 0 {
            count(length)
        } else {
            Value::Null
        })
    }),
    Builtin::new("array_upper", &[AnyArray, Int4], Int4, |a, _| {
        let last = subscripts(&a[0], int(&a[1])?)?.last();
        Ok(last.map_or(Value::Null, Value::Int))
    }),
    Builtin::new("array_lower", &[AnyArray, Int4], Int4, |a, _| {
        let first = subscripts(&a[0], int(&a[1])?)?.next();
        Ok(first.map_or(Value::Null, Value::Int))
    }),
    Builtin::new("cardinality", &[AnyArray], Int4, |a, _| {
        Ok(count(elements(&a[0])?.len()))
    }),
    Builtin::new("array_append", &[AnyArray, AnyElement], AnyArray, |a, _| {
        append(&a[0], &a[1..])
    })
    .for_nulls(),
    Builtin::new(
        "array_prepend",
        &[AnyElement, AnyArray],
        AnyArray,
        |a, _| {
            let rest = if a[1].is_null() {
                &[]
            } else {
                elements(&a[1])?
            };
            Ok(Value::Array([&a[..1], rest].concat().into()))
        },
    )
    .for_nulls(),
    Builtin::new("array_cat", &[AnyArray, AnyArray], AnyArray, |a, _| cat(a)).for_nulls(),
    Builtin::new("||", &[AnyArray, AnyArray], AnyArray, |a, _| cat(a)).for_nulls(),
    Builtin::new("||", &[AnyArray, AnyElement], AnyArray, |a, _| {
        append(&a[0], &a[1..])
    })
    .for_nulls(),
    Builtin::new("||", &[AnyElement, AnyArray], AnyArray, |a, _| {
        let rest = if a[1].is_null() {
            &[]
        } else {
            elements(&a[1])?
        };
        Ok(Value::Array([&a[..1], rest].concat().into()))
    })
    .for_nulls(),
    Builtin::new("array_remove", &[AnyArray, AnyElement], AnyArray, |a, _| {
        if a[0].is_null() {
            return Ok(Value::Null);
        }
        let kept = elements(&a[0])?.iter().filter(|value| **value != a[1]);
        Ok(Value::Array(kept.cloned().collect()))
    })
    .for_nulls(),
    Builtin::new("array_position", &[AnyArray, AnyElement], Int4, |a, _| {
        if a[0].is_null() {
            return Ok(Value::Null);
        }
        let at = elements(&a[0])?.iter().position(|value| *value == a[1]);
        Ok(at.map_or(Value::Null, |at| count(at + 1)))
    })
    .for_nulls(),
    Builtin::new(
        "array_position",
        &[AnyArray, AnyElement, Int4],
        Int4,
        |a, _| {
            if a[0].is_null() {
                return Ok(Value::Null);
            }
            if a[2].is_null() {
                let message = "initial position must not be null";
                return Err(Error::new(SqlState("22004"), message));
            }
            let skipped = usize::try_from(int(&a[2])? - 1).unwrap_or(0);
            let mut rest = elements(&a[0])?.iter().enumerate().skip(skipped);
            let at = rest.find(|(_, value)| **value == a[1]);
            Ok(at.map_or(Value::Null, |(at, _)| count(at + 1)))
        },
    )
    .for_nulls(),
    Builtin::new(
        "array_positions",
        &[AnyArray, AnyElement],
        Array(&Int4),
        |a, _| {
            if a[0].is_null() {
                return Ok(Value::Null);
            }
            let all = elements(&a[0])?.iter().enumerate();
            let found = all.filter(|(_, value)| **value == a[1]);
            Ok(Value::Array(found.map(|(at, _)| count(at + 1)).collect()))
        },
    )
    .for_nulls(),
    Builtin::new(
        "array_replace",
        &[AnyArray, AnyElement, AnyElement],
        AnyArray,
        |a, _| {
            if a[0].is_null() {
                return Ok(Value::Null);
            }
            let replaced = elements(&a[0])?.iter().map(|value| match *value == a[1] {
                true => a[2].clone(),
                false => value.clone(),
            });
            Ok(Value::Array(replaced.collect()))
        },
    )
    .for_nulls(),
    Builtin::new("array_ndims", &[AnyArray], Int4, |a, _| {
        let empty = elements(&a[0])?.is_empty();
        Ok(if empty { Value::Null } else { Value::Int(1) })
    }),
    Builtin::new("array_dims", &[AnyArray], Text, |a, _| {
        let mut subscripts = subscripts(&a[0], 1)?;
        let Some(first) = subscripts.next() else {
            return Ok(Value::Null);
        };
        let last = subscripts.last().unwrap_or(first);
        Ok(Value::Text(format!("[{first}:{last}]").into()))
    }),
    Builtin::new("trim_array", &[AnyArray, Int4], AnyArray, |a, _| {
        let values = elements(&a[0])?;
        let kept = usize::try_from(int(&a[1])?);
        let kept = kept.ok().and_then(|gone| values.len().checked_sub(gone));
        let kept = kept.ok_or_else(|| {
            let length = values.len();
            let message = format!("number of elements to trim must be between 0 and {length}");
            Error::new(SqlState("2202E"), message)
        })?;
        Ok(Value::Array(values[..kept].into()))
    }),
    Builtin::new("[:]", &[AnyArray, Int4, Int4], AnyArray, |a, _| {
        let (from, to) = (int(&a[1])?, int(&a[2])?);
        let places = elements(&a[0])?.iter().zip(first(&a[0])..);
        let within = places.filter(|(_, at)| (from..=to).contains(at));
        Ok(Value::Array(
            within.map(|(value, _)| value.clone()).collect(),
        ))
    }),
    Builtin::new("array_to_string", &[AnyArray, Text], Text, |a, c| {
        joined(a, text(&a[1])?, None, c)
    }),
    Builtin::new(
        "array_to_string",
        &[AnyArray, Text, Text],
        Text,
        |a, c| match (a[0].is_null(), a[1].as_str()) {
            (false, Some(separator)) => joined(a, separator, a[2].as_str(), c),
            _ => Ok(Value::Null),
        },
    )
    .for_nulls(),
    Builtin::new("string_to_array", &[Text, Text], TEXTS, |a, _| Ok(split(a))).for_nulls(),
    Builtin::new("string_to_array", &[Text, Text, Text], TEXTS, |a, _| {
        Ok(split(a))
    })
    .for_nulls(),
    Builtin::new("string_to_table", &[Text, Text], Text, |a, _| {
        Ok(split_rows(a))
    })
    .with(Kind::Set)
    .for_nulls(),
    Builtin::new("string_to_table", &[Text, Text, Text], Text, |a, _| {
        Ok(split_rows(a))
    })
    .with(Kind::Set)
    .for_nulls(),
    Builtin::new("@>", &[AnyArray, AnyArray], Bool, |a, _| {
        contains(&a[0], &a[1])
    }),
    Builtin::new("<@", &[AnyArray, AnyArray], Bool, |a, _| {
        contains(&a[1], &a[0])
    }),
    Builtin::new("&&", &[AnyArray, AnyArray], Bool, |a, _| {
        let (own, other) = (elements(&a[0])?, elements(&a[1])?);
        Ok(Value::Bool(
            own.iter()
                .any(|value| !value.is_null() && other.contains(value)),
        ))
    }),
    Builtin::new("[]", &[AnyArray, Int4], AnyElement, |a, _| {
        let index = int(&a[1])?
            .checked_sub(first(&a[0]))
            .and_then(|at| usize::try_from(at).ok());
        let values = elements(&a[0])?;
        Ok(index
            .and_then(|at| values.get(at))
            .cloned()
            .unwrap_or(Value::Null))
    }),
    // The one function that gives records: (x, n), an element and its place.
    Builtin::new(
        "information_schema._pg_expandarray",
        &[AnyArray],
        Type::Record,
        |a, _| {
            let elements = elements(&a[0])?.iter().zip(1..);
            let records = elements.map(|(x, n)| Value::Text(format!("({x},{n})").into()));
            Ok(Value::Array(records.collect()))
        },
    )
    .with(Kind::Set),
    Builtin::new(".x", &[Type::Record], Type::Int2, |a, _| field(&a[0], 0)),
    Builtin::new(".n", &[Type::Record], Int4, |a, _| field(&a[0], 1)),
    Builtin::new("generate_subscripts", &[AnyArray, Int4], Int4, |a, _| {
        let subscripts = subscripts(&a[0], int(&a[1])?)?;
        Ok(Value::Array(subscripts.map(Value::Int).collect()))
    })
    .with(Kind::Set),
];

/// A number out of a record.
fn field(record: &Value, index: usize) -> Result<Value> {
    let fields = text(record)?.trim_matches(['(', ')']).split(',');
    let number = fields.map(str::parse).nth(index);
    Ok(number
        .and_then(|number| number.ok())
        .map_or(Value::Null, Value::Int))
}

/// What an array is counted from.
fn first(array: &Value) -> i64 {
    i64::from(!matches!(array, Value::Vector(_)))
}

/// The subscripts of one of an array's dimensions, of which it has one.
fn subscripts(array: &Value, dimension: i64) -> Result<impl Iterator<Item = i64>> {
    let length = match dimension {
        1 => elements(array)?.len(),
        _ => 0,
    };
    let from = first(array);
    Ok((from..).take(length))
}

fn append(array: &Value, more: &[Value]) -> Result<Value> {
    let values = if array.is_null() {
        &[]
    } else {
        elements(array)?
    };
    Ok(Value::Array([values, more].concat().into()))
}

fn cat(a: &[Value]) -> Result<Value> {
    match (&a[0], &a[1]) {
        (Value::Null, other) | (other, Value::Null) => Ok(other.clone()),
        (own, other) => append(own, elements(other)?),
    }
}

fn contains(array: &Value, wanted: &Value) -> Result<Value> {
    let values = elements(array)?;
    let all = elements(wanted)?
        .iter()
        .all(|value| !value.is_null() && values.contains(value));
    Ok(Value::Bool(all))
}

/// The elements as one text, a NULL as what stands for it or not at all.
fn joined(
    a: &[Value],
    separator: &str,
    null: Option<&str>,
    context: &Context<'_>,
) -> Result<Value> {
    let shown = |value: &Value| match value {
        Value::Null => null.map(str::to_owned),
        value => Some(context.shown(value)),
    };
    let parts: Vec<String> = elements(&a[0])?.iter().filter_map(shown).collect();
    Ok(Value::Text(parts.join(separator).into()))
}

/// A text by its separators, or by its characters if the separator is NULL; a
/// part may stand for NULL.
fn split(a: &[Value]) -> Value {
    let Some(text) = a[0].as_str() else {
        return Value::Null;
    };
    let null = a.get(2).and_then(Value::as_str);
    let part = |part: &str| match null == Some(part) {
        true => Value::Null,
        false => Value::text(part),
    };
    match a[1].as_str() {
        _ if text.is_empty() => Value::Array([].into()),
        Some("") => Value::Array([part(text)].into()),
        Some(separator) => Value::Array(text.split(separator).map(part).collect()),
        None => {
            let mut buffer = [0; 4];
            let parts = text.chars().map(|c| part(c.encode_utf8(&mut buffer)));
            Value::Array(parts.collect())
        }
    }
}

fn split_rows(a: &[Value]) -> Value {
    match split(a) {
        Value::Null => Value::Array([].into()),
        rows => rows,
    }
}
