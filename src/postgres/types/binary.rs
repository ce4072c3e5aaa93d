//! The binary format of every type, both ways.

use std::str::Utf8Error;
use std::sync::Arc;

use super::Interval;
use super::datetime::{MICROS_PER_DAY, in_range};
use super::{Json, Numeric, Type, Value, write_text};
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
                Type::Int4 | Type::Oid | Type::Xid | Type::Cid => 4,
                _ => 8,
            };
            out.extend_from_slice(&bytes[8 - width..]);
        }
        Value::Float(value) => out.extend_from_slice(&value.to_be_bytes()),
        Value::Numeric(value) => write_numeric(**value, out),
        Value::Real(value) => out.extend_from_slice(&value.to_be_bytes()),
        Value::Text(_) if ty == Type::Tid => write_tid(value, out),
        Value::Text(_) | Value::Padded(_) => write_text(value, out),
        Value::Json(_) => {
            out.push(1);
            write_text(value, out);
        }
        Value::Bytes(bytes) => out.extend_from_slice(bytes),
        Value::Date(days) => out.extend_from_slice(&days.to_be_bytes()),
        Value::Array(values) => write_array(ty, 1, values, out),
        Value::Vector(values) => write_array(ty, 0, values, out),
        Value::Object(object) => out.extend_from_slice(&object.oid.to_be_bytes()),
        Value::Timestamp(micros) | Value::Local(micros) | Value::Time(micros) => {
            out.extend_from_slice(&micros.to_be_bytes())
        }
        Value::Interval(value) => {
            out.extend_from_slice(&value.micros.to_be_bytes());
            out.extend_from_slice(&value.days.to_be_bytes());
            out.extend_from_slice(&value.months.to_be_bytes());
        }
        Value::Uuid(bytes) => out.extend_from_slice(bytes),
    }
}

/// A version's place: its block and its number there.
fn write_tid(value: &Value, out: &mut Vec<u8>) {
    let text = value.as_str().unwrap_or("").trim_matches(['(', ')']);
    let (block, number) = text.split_once(',').unwrap_or(("0", "0"));
    out.extend_from_slice(&block.parse().unwrap_or(0u32).to_be_bytes());
    out.extend_from_slice(&number.parse().unwrap_or(0u16).to_be_bytes());
}

/// An array that is counted from `first`. A vector has a dimension though it
/// is empty.
fn write_array(ty: Type, first: i32, values: &[Value], out: &mut Vec<u8>) {
    let element = ty.element().unwrap_or(Type::Text);
    let length = |length: usize| i32::try_from(length).unwrap_or(i32::MAX).to_be_bytes();
    let dimensions = i32::from(!values.is_empty() || first == 0);
    let nulls = i32::from(values.iter().any(Value::is_null));
    out.extend_from_slice(&dimensions.to_be_bytes());
    out.extend_from_slice(&nulls.to_be_bytes());
    out.extend_from_slice(&element.oid().to_be_bytes());
    if dimensions == 0 {
        return;
    }
    out.extend_from_slice(&length(values.len()));
    out.extend_from_slice(&first.to_be_bytes());
    for value in values {
        if value.is_null() {
            out.extend_from_slice(&(-1i32).to_be_bytes());
            continue;
        }
        let mut bytes = Vec::new();
        to_binary(element, value, &mut bytes);
        out.extend_from_slice(&length(bytes.len()));
        out.extend_from_slice(&bytes);
    }
}

/// Takes a number off the front of bytes.
fn take_int(bytes: &mut &[u8], parameter: usize) -> Result<i32> {
    let (word, rest) = bytes
        .split_first_chunk::<4>()
        .ok_or_else(|| wrong_format(parameter))?;
    *bytes = rest;
    Ok(i32::from_be_bytes(*word))
}

/// PostgreSQL's limit on the elements of an array.
const ITEMS_MAX: i32 = 134_217_727;

fn read_array(element: Type, mut bytes: &[u8], parameter: usize) -> Result<Value> {
    let broken = |what| Err(Error::new(SqlState::INVALID_BINARY_REPRESENTATION, what));
    let dimensions = take_int(&mut bytes, parameter)?;
    let flags = take_int(&mut bytes, parameter)?;
    if dimensions < 0 {
        return broken(format!("invalid number of dimensions: {dimensions}"));
    }
    if !matches!(flags, 0 | 1) {
        return broken("invalid array flags".to_owned());
    }
    let oid = take_int(&mut bytes, parameter)?.cast_unsigned();
    if oid != element.oid() {
        let found = Type::from_oid(oid).map_or("???".to_owned(), |ty| ty.to_string());
        return Err(Error::new(
            SqlState::DATATYPE_MISMATCH,
            format!(
                "binary data has array element type {oid} ({found}) instead of expected {} ({element})",
                element.oid()
            ),
        ));
    }
    if dimensions > 1 {
        return Err(Error::unsupported("an array of several dimensions"));
    }
    let count = if dimensions == 0 {
        0
    } else {
        let count = take_int(&mut bytes, parameter)?;
        let _from = take_int(&mut bytes, parameter)?;
        count
    };
    if !(0..=ITEMS_MAX).contains(&count) {
        return Err(Error::new(
            SqlState("54000"),
            format!("array size exceeds the maximum allowed ({ITEMS_MAX})"),
        ));
    }
    let mut values = Vec::new();
    for _ in 0..count {
        let length = take_int(&mut bytes, parameter)?;
        if length == -1 {
            values.push(Value::Null);
            continue;
        }
        let item = usize::try_from(length).ok();
        let Some((value, rest)) = item.and_then(|length| bytes.split_at_checked(length)) else {
            return broken("insufficient data left in message".to_owned());
        };
        bytes = rest;
        values.push(from_binary(element, value, parameter)?);
    }
    if !bytes.is_empty() {
        return Err(wrong_format(parameter));
    }
    Ok(Value::Array(values.into()))
}

/// What stands for the sign of a numeric that has no digits.
const NAN: u16 = 0xc000;
const INFINITY: u16 = 0xd000;
const MINUS_INFINITY: u16 = 0xf000;

fn write_numeric(value: Numeric, out: &mut Vec<u8>) {
    let special = match value {
        nan if nan.is_nan() => Some(NAN),
        high if high == Numeric::infinity(false) => Some(INFINITY),
        low if low == Numeric::infinity(true) => Some(MINUS_INFINITY),
        _ => None,
    };
    if let Some(sign) = special {
        for word in [0, 0, sign, 0] {
            out.extend_from_slice(&word.to_be_bytes());
        }
        return;
    }
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

fn read_timestamp(bytes: &[u8], parameter: usize) -> Result<i64> {
    let micros = i64::from_be_bytes(array(bytes, parameter)?);
    in_range(micros).ok_or_else(|| out_of_range("timestamp"))
}

fn out_of_range(what: &str) -> Error {
    Error::new(
        SqlState::DATETIME_FIELD_OVERFLOW,
        format!("{what} out of range"),
    )
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
        Type::Float4 => Value::Real(f32::from_be_bytes(array(bytes, parameter)?)),
        ty if ty.is_catalog_number() || ty.is_named() => {
            Value::Int(u32::from_be_bytes(array(bytes, parameter)?).into())
        }
        Type::Numeric => read_numeric(bytes, parameter)?,
        Type::Text | Type::Varchar | Type::Name | Type::Char | Type::Unknown | Type::Void => {
            Value::text(valid_text(bytes)?)
        }
        Type::Bpchar => Value::Padded(valid_text(bytes)?.into()),
        Type::Json => super::from_text(Type::Json, valid_text(bytes)?, &super::Reading::default())?,
        Type::Jsonb => match bytes.split_first() {
            Some((1, text)) => Value::Json(Arc::new(Json::parse(valid_text(text)?)?)),
            _ => return Err(wrong_format(parameter)),
        },
        Type::Bytea => Value::Bytes(bytes.into()),
        Type::Array(element) => read_array(*element, bytes, parameter)?,
        Type::Date => match i32::from_be_bytes(array(bytes, parameter)?) {
            days @ (i32::MIN | i32::MAX | -2_451_545..2_145_031_949) => Value::Date(days),
            _ => return Err(out_of_range("date")),
        },
        Type::Time => match i64::from_be_bytes(array(bytes, parameter)?) {
            micros @ 0..=MICROS_PER_DAY => Value::Time(micros),
            _ => return Err(out_of_range("time")),
        },
        Type::Timestamp => Value::Local(read_timestamp(bytes, parameter)?),
        Type::Timestamptz => Value::Timestamp(read_timestamp(bytes, parameter)?),
        Type::Int2vector | Type::Oidvector => {
            let element = ty.element().unwrap_or(Type::Oid);
            match read_array(element, bytes, parameter)? {
                Value::Array(values) => Value::Vector(values),
                other => other,
            }
        }
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
        _ => {
            return Err(Error::unsupported(format!("binary input of type {ty}")));
        }
    })
}

/// Text must be UTF-8 without a NUL. What is not is shown for as long as its
/// first byte says that it is.
pub(in crate::postgres) fn valid_text(bytes: &[u8]) -> Result<&str> {
    let text = std::str::from_utf8(bytes);
    let broken = text.as_ref().err().map(Utf8Error::valid_up_to);
    let valid = &bytes[..broken.unwrap_or(bytes.len())];
    let Some(from) = valid.iter().position(|byte| *byte == 0).or(broken) else {
        return Ok(text.unwrap_or_default());
    };
    let length = match bytes[from] {
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf7 => 4,
        _ => 1,
    };
    let shown = bytes[from..].iter().take(length);
    let shown: Vec<String> = shown.map(|byte| format!("0x{byte:02x}")).collect();
    let shown = shown.join(" ");
    Err(Error::new(
        SqlState::CHARACTER_NOT_IN_REPERTOIRE,
        format!("invalid byte sequence for encoding \"UTF8\": {shown}"),
    ))
}

fn read_numeric(bytes: &[u8], parameter: usize) -> Result<Value> {
    let mut words = bytes
        .chunks(2)
        .map(|pair| Ok(i16::from_be_bytes(array(pair, parameter)?)));
    let mut next = || words.next().unwrap_or_else(|| Err(wrong_format(parameter)));
    let (count, weight, sign, scale) = (next()?, next()?, next()?, next()?);
    let special = match sign.cast_unsigned() {
        NAN => Some(Numeric::NAN),
        INFINITY => Some(Numeric::infinity(false)),
        MINUS_INFINITY => Some(Numeric::infinity(true)),
        _ => None,
    };
    if let Some(special) = special {
        return Ok(Value::Numeric(Arc::new(special)));
    }
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
