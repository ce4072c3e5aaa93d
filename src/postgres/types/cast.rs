//! Conversions between types, and the fitting of a value into a column.

use std::sync::Arc;

use super::datetime::{MICROS_PER_DAY, midnight};
use super::text::to_real;
use super::{Json, Numeric, Reading, Type, Value, from_text, write_styled_text, write_text};
use crate::postgres::error::{Error, Result, SqlState};

pub(in crate::postgres) fn out_of_range(ty: Type) -> Error {
    let message = match ty {
        Type::Oid => "OID out of range".to_owned(),
        ty => format!("{ty} out of range"),
    };
    Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message)
}

/// Checks an integer against its type's range.
pub(in crate::postgres) fn fit(ty: Type, value: i64) -> Result<Value> {
    let fits = match ty {
        Type::Int2 => i16::try_from(value).is_ok(),
        Type::Int4 => i32::try_from(value).is_ok(),
        Type::Oid | Type::Xid | Type::Cid => u32::try_from(value).is_ok(),
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
pub(in crate::postgres) fn cast(
    value: &Value,
    from: Type,
    to: Type,
    reading: &Reading,
) -> Result<Value> {
    match (value, to) {
        (Value::Null, _) => Ok(Value::Null),
        (_, _) if from == to => Ok(value.clone()),
        (Value::Array(values), Type::Array(element)) => {
            let from = match from {
                Type::Array(from) => *from,
                _ => *element,
            };
            let values = values
                .iter()
                .map(|value| cast(value, from, *element, reading));
            Ok(Value::Array(values.collect::<Result<_>>()?))
        }
        (Value::Vector(_), Type::Array(_)) => Ok(value.clone()),
        // For a function that takes any type.
        (Value::Text(text), Type::Any) => Ok(Value::Json(Arc::new(Json::Written(text.clone())))),
        (Value::Text(text), Type::Bpchar) => Ok(Value::Padded(text.clone())),
        (Value::Padded(text), _) if to.is_string() => Ok(Value::text(text.trim_end_matches(' '))),
        (Value::Text(text) | Value::Padded(text), _) => from_text(to, text, reading),
        (_, Type::Bpchar) => Ok(Value::Padded(styled(value, reading).into())),
        (_, Type::Text | Type::Varchar | Type::Name | Type::Json) => Ok(to_text(value, reading)),
        (Value::Int(value), _) if to.is_integer() || to.is_catalog_number() => fit(to, *value),
        (Value::Object(object), _) if to.is_integer() || to.is_catalog_number() => {
            fit(to, object.oid.into())
        }
        (Value::Int(value), Type::Numeric) => {
            Ok(Value::Numeric(Arc::new(Numeric::from_int(*value))))
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "PostgreSQL's cast rounds the same way"
        )]
        (Value::Int(value), Type::Float8) => Ok(Value::Float(*value as f64)),
        (Value::Int(_), Type::Float4) | (Value::Numeric(_), Type::Float4) => {
            from_text(to, &shown(value), reading)
        }
        (Value::Real(value), Type::Float8) => Ok(Value::Float((*value).into())),
        (Value::Real(value), _) if to.is_integer() => float_to_int((*value).into(), to),
        (Value::Real(value), Type::Numeric) => to_numeric((*value).into(), REAL_DIGITS),
        (Value::Float(value), Type::Numeric) => to_numeric(*value, FLOAT_DIGITS),
        (Value::Float(value), Type::Float4) => {
            let beyond = |how| {
                let message = format!("value out of range: {how}");
                Err(Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message))
            };
            match to_real(*value) {
                None => beyond("overflow"),
                Some(0.0) if *value != 0.0 => beyond("underflow"),
                Some(real) => Ok(Value::Real(real)),
            }
        }
        (Value::Int(value), Type::Bool) => Ok(Value::Bool(*value != 0)),
        (Value::Bool(value), Type::Int4) => Ok(Value::Int(i64::from(*value))),
        (Value::Numeric(value), _) if to.is_integer() => {
            if value.is_nan() || value.is_infinite() {
                let what = if value.is_nan() { "NaN" } else { "infinity" };
                let message = format!("cannot convert {what} to {to}");
                return Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message));
            }
            let value = value.to_int().ok_or_else(|| out_of_range(to))?;
            fit(to, value)
        }
        (Value::Numeric(_) | Value::Float(_), Type::Float8 | Type::Numeric) => {
            from_text(to, &shown(value), reading)
        }
        (Value::Float(value), _) if to.is_integer() => float_to_int(*value, to),
        (Value::Json(json), _) => from_json(json, to, reading),
        _ => time(value, to).ok_or_else(|| impossible(from, to)),
    }
}

/// How many digits of a float and of a double are sure to be its own.
const REAL_DIGITS: usize = 6;
const FLOAT_DIGITS: usize = 15;

/// A float as a numeric of so many digits, without zeros at the end.
fn to_numeric(value: f64, digits: usize) -> Result<Value> {
    if !value.is_finite() {
        return from_text(Type::Numeric, &value.to_string(), &Reading::default());
    }
    let shown = format!("{value:.*e}", digits - 1);
    let (mantissa, exponent) = shown.split_once('e').unwrap_or((&shown, "0"));
    let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
    let text = format!("{mantissa}e{exponent}");
    from_text(Type::Numeric, &text, &Reading::default())
}

/// Points in time among each other: the session's zone is UTC.
fn time(value: &Value, to: Type) -> Option<Value> {
    let (days, micros) = match value {
        Value::Timestamp(micros) | Value::Local(micros) => {
            let days = match *micros {
                i64::MAX => i32::MAX,
                i64::MIN => i32::MIN,
                micros => i32::try_from(micros.div_euclid(MICROS_PER_DAY)).ok()?,
            };
            (days, *micros)
        }
        Value::Date(days) => (*days, midnight(*days)?),
        Value::Interval(span) if to == Type::Time => (0, span.micros),
        Value::Time(micros) if to == Type::Interval => {
            let span = super::Interval {
                micros: *micros,
                ..super::Interval::default()
            };
            return Some(Value::Interval(Arc::new(span)));
        }
        _ => return None,
    };
    Some(match to {
        Type::Timestamptz => Value::Timestamp(micros),
        Type::Timestamp => Value::Local(micros),
        Type::Date => Value::Date(days),
        Type::Time => Value::Time(micros.rem_euclid(MICROS_PER_DAY)),
        _ => return None,
    })
}

/// The scalars of jsonb have casts of their own.
fn from_json(json: &Json, to: Type, reading: &Reading) -> Result<Value> {
    match (json, to) {
        (_, Type::Jsonb) => Ok(Value::Json(Arc::new(json.clone()))),
        (Json::Bool(value), Type::Bool) => Ok(Value::Bool(*value)),
        (Json::Number(number), _) if to.is_number() => {
            let number = Value::Numeric(Arc::new(*number));
            cast(&number, Type::Numeric, to, reading)
        }
        _ => Err(Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("cannot cast jsonb {} to type {to}", json.kind()),
        )),
    }
}

fn shown(value: &Value) -> String {
    let mut out = Vec::new();
    write_text(value, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// A value as the session shows it.
fn styled(value: &Value, reading: &Reading) -> String {
    let mut out = Vec::new();
    write_styled_text(value, reading.style(), &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

fn to_text(value: &Value, reading: &Reading) -> Value {
    // A boolean's text is 't', but its cast to text is 'true'.
    if let Value::Bool(value) = value {
        return Value::text(if *value { "true" } else { "false" });
    }
    Value::text(&styled(value, reading))
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
