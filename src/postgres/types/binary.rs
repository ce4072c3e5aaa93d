//! The binary format of every type, both ways.

use std::sync::Arc;

use super::datetime::Interval;
use super::{Numeric, Type, Value, write_text};
use crate::postgres::error::{Error, Result, SqlState};

/// Appends a value as `ty` sends it; nothing for NULL.
pub(in crate::postgres) fn to_binary(ty: Type, value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => {}
        Value::Bool(value) => out.push(u8::from(*value)),
        Value::Int(value) => {
            // The plan has checked the range: what is cut off is the sign.
            let bytes = value.to_be_bytes();
            let width = match ty {
                Type::Int2 => 2,
                Type::Int4 => 4,
                _ => 8,
            };
            out.extend_from_slice(&bytes[8 - width..]);
        }
        Value::Float(value) => out.extend_from_slice(&value.to_be_bytes()),
        Value::Numeric(value) => write_numeric(**value, out),
        Value::Text(_) => write_text(value, out),
        Value::Timestamp(micros) => out.extend_from_slice(&micros.to_be_bytes()),
        Value::Interval(value) => {
            out.extend_from_slice(&value.micros.to_be_bytes());
            out.extend_from_slice(&value.days.to_be_bytes());
            out.extend_from_slice(&value.months.to_be_bytes());
        }
        Value::Uuid(bytes) => out.extend_from_slice(bytes),
    }
}

fn write_numeric(value: Numeric, out: &mut Vec<u8>) {
    let (weight, groups, negative, scale) = value.groups();
    let count = i16::try_from(groups.len()).unwrap_or(i16::MAX);
    let sign: u16 = if negative { 0x4000 } else { 0 };
    out.extend_from_slice(&count.to_be_bytes());
    out.extend_from_slice(&weight.to_be_bytes());
    out.extend_from_slice(&sign.to_be_bytes());
    out.extend_from_slice(&u16::from(scale).to_be_bytes());
    for group in groups {
        out.extend_from_slice(&group.to_be_bytes());
    }
}

fn array<const N: usize>(bytes: &[u8], parameter: usize) -> Result<[u8; N]> {
    bytes.try_into().map_err(|_| wrong_format(parameter))
}

fn wrong_format(parameter: usize) -> Error {
    Error::new(
        SqlState::INVALID_BINARY_REPRESENTATION,
        format!(
            "incorrect binary data format in bind parameter {}",
            parameter + 1
        ),
    )
}

/// Reads a parameter (counted from 0) of type `ty`.
pub(in crate::postgres) fn from_binary(ty: Type, bytes: &[u8], parameter: usize) -> Result<Value> {
    Ok(match ty {
        Type::Bool => Value::Bool(array::<1>(bytes, parameter)?[0] != 0),
        Type::Int2 => Value::Int(i16::from_be_bytes(array(bytes, parameter)?).into()),
        Type::Int4 => Value::Int(i32::from_be_bytes(array(bytes, parameter)?).into()),
        Type::Int8 => Value::Int(i64::from_be_bytes(array(bytes, parameter)?)),
        Type::Float8 => Value::Float(f64::from_be_bytes(array(bytes, parameter)?)),
        Type::Numeric => read_numeric(bytes, parameter)?,
        Type::Text | Type::Varchar | Type::Unknown | Type::Void => Value::text(valid_text(bytes)?),
        Type::Timestamptz => Value::Timestamp(i64::from_be_bytes(array(bytes, parameter)?)),
        Type::Interval => {
            let bytes: [u8; 16] = array(bytes, parameter)?;
            let (micros, rest) = bytes.split_at(8);
            let (days, months) = rest.split_at(4);
            Value::Interval(Arc::new(Interval {
                micros: i64::from_be_bytes(array(micros, parameter)?),
                days: i32::from_be_bytes(array(days, parameter)?),
                months: i32::from_be_bytes(array(months, parameter)?),
            }))
        }
        Type::Uuid => Value::Uuid(array(bytes, parameter)?),
    })
}

/// Text must be UTF-8 without a NUL.
pub(super) fn valid_text(bytes: &[u8]) -> Result<&str> {
    let bad = |from: usize, end: usize| {
        let shown: Vec<String> = bytes[from..end.min(bytes.len())]
            .iter()
            .map(|byte| format!("0x{byte:02x}"))
            .collect();
        Error::new(
            SqlState::CHARACTER_NOT_IN_REPERTOIRE,
            format!(
                "invalid byte sequence for encoding \"UTF8\": {}",
                shown.join(" ")
            ),
        )
    };
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let from = error.valid_up_to();
        bad(from, from + error.error_len().unwrap_or(1))
    })?;
    match bytes.iter().position(|byte| *byte == 0) {
        Some(at) => Err(bad(at, at + 1)),
        None => Ok(text),
    }
}

fn read_numeric(bytes: &[u8], parameter: usize) -> Result<Value> {
    let mut words = bytes
        .chunks(2)
        .map(|pair| Ok(i16::from_be_bytes(array(pair, parameter)?)));
    let mut next = || words.next().unwrap_or_else(|| Err(wrong_format(parameter)));
    let (count, weight, sign, scale) = (next()?, next()?, next()?, next()?);
    if !matches!(sign, 0 | 0x4000) || count < 0 || scale < 0 {
        return Err(wrong_format(parameter));
    }
    let mut digits = String::new();
    for _ in 0..count {
        let group = next()?;
        if !(0..10_000).contains(&group) {
            return Err(wrong_format(parameter));
        }
        digits.push_str(&format!("{group:04}"));
    }
    let sign = if sign == 0 { "" } else { "-" };
    let exponent = 4 * (i32::from(weight) + 1 - i32::from(count));
    let digits = if digits.is_empty() { "0" } else { &digits };
    let value = Numeric::parse(&format!("{sign}{digits}e{exponent}"))
        .ok_or_else(|| wrong_format(parameter))??;
    let scale = u8::try_from(scale).map_err(|_| wrong_format(parameter))?;
    Ok(Value::Numeric(Arc::new(value.round(scale)?)))
}
