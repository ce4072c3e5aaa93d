//! Conversions between types, and the fitting of a value into a column.

use std::sync::Arc;

use super::{Numeric, Type, Value, from_text, write_text};
use crate::postgres::error::{Error, Result, SqlState};

fn out_of_range(ty: Type) -> Error {
    Error::new(
        SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
        format!("{ty} out of range"),
    )
}

/// Checks an integer against its type's range.
pub(in crate::postgres) fn fit(ty: Type, value: i64) -> Result<Value> {
    let fits = match ty {
        Type::Int2 => i16::try_from(value).is_ok(),
        Type::Int4 => i32::try_from(value).is_ok(),
        _ => true,
    };
    if fits {
        Ok(Value::Int(value))
    } else {
        Err(out_of_range(ty))
    }
}

/// Converts a value. The analyser has checked that a cast exists; what comes
/// here without one is a mistake of a plan and reported as such.
pub(in crate::postgres) fn cast(value: &Value, from: Type, to: Type) -> Result<Value> {
    match (value, to) {
        (Value::Null, _) => Ok(Value::Null),
        (_, _) if from == to => Ok(value.clone()),
        (Value::Text(text), _) => from_text(to, text),
        (_, Type::Text | Type::Varchar) => Ok(to_text(value)),
        (Value::Int(value), _) if to.is_integer() => fit(to, *value),
        (Value::Int(value), Type::Numeric) => {
            Ok(Value::Numeric(Arc::new(Numeric::from_int(*value))))
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "PostgreSQL's cast rounds the same way"
        )]
        (Value::Int(value), Type::Float8) => Ok(Value::Float(*value as f64)),
        (Value::Int(value), Type::Bool) => Ok(Value::Bool(*value != 0)),
        (Value::Bool(value), Type::Int4) => Ok(Value::Int(i64::from(*value))),
        (Value::Numeric(value), _) if to.is_integer() => {
            let value = value.to_int().ok_or_else(|| out_of_range(to))?;
            fit(to, value)
        }
        (Value::Numeric(_) | Value::Float(_), Type::Float8 | Type::Numeric) => {
            let Value::Text(text) = to_text(value) else {
                return Err(impossible(from, to));
            };
            from_text(to, &text)
        }
        (Value::Float(value), _) if to.is_integer() => float_to_int(*value, to),
        _ => Err(impossible(from, to)),
    }
}

fn to_text(value: &Value) -> Value {
    // A boolean's text is 't', but its cast to text is 'true'.
    if let Value::Bool(value) = value {
        return Value::text(if *value { "true" } else { "false" });
    }
    let mut out = Vec::new();
    write_text(value, &mut out);
    Value::text(&String::from_utf8_lossy(&out))
}

fn float_to_int(value: f64, to: Type) -> Result<Value> {
    let rounded = value.round_ties_even();
    // 2^63 is the first double beyond i64.
    if !(-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&rounded) {
        return Err(out_of_range(to));
    }
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    fit(to, rounded as i64)
}

fn impossible(from: Type, to: Type) -> Error {
    Error::new(
        SqlState::CANNOT_COERCE,
        format!("cannot cast type {from} to {to}"),
    )
}
