//! Functions and operators of arrays.

use super::{Builtin, Kind, count, elements, int, text};
use crate::postgres::error::Result;
use crate::postgres::types::{Type, Value, write_text};

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
    Builtin::new("array_to_string", &[AnyArray, Text], Text, |a, _| {
        let parts: Vec<String> = elements(&a[0])?
            .iter()
            .filter(|value| !value.is_null())
            .map(|value| {
                let mut out = Vec::new();
                write_text(value, &mut out);
                String::from_utf8_lossy(&out).into_owned()
            })
            .collect();
        Ok(Value::Text(parts.join(text(&a[1])?).into()))
    }),
    Builtin::new("string_to_array", &[Text, Text], TEXTS, |a, _| {
        Ok(split(text(&a[0])?, text(&a[1])?))
    }),
    Builtin::new("string_to_table", &[Text, Text], Text, |a, _| {
        Ok(split(text(&a[0])?, text(&a[1])?))
    })
    .with(Kind::Set),
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

fn split(text: &str, separator: &str) -> Value {
    if text.is_empty() {
        return Value::Array([].into());
    }
    if separator.is_empty() {
        return Value::Array([Value::text(text)].into());
    }
    Value::Array(text.split(separator).map(Value::text).collect())
}
