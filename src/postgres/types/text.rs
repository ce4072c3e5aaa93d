//! The text format of every type, both ways, and PostgreSQL's complaints
//! about what it cannot read.

use std::fmt::Write;
use std::sync::Arc;

use super::array::{parse_array, write_array};
use super::datetime::{write_date, write_time, write_timestamp};
use super::reading::{
    Reading, Unreadable, parse_clock, parse_date, parse_interval, parse_timestamp,
};
use super::style::{write_styled_date, write_styled_interval, write_styled_timestamp};
use super::{Json, Limits, Numeric, Type, Value};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::settings::Style;

/// Lets `write!` append to bytes.
struct Bytes<'a>(&'a mut Vec<u8>);

impl Write for Bytes<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// Appends a value's text; nothing for NULL.
pub(in crate::postgres) fn write_text(value: &Value, out: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let _infallible = match value {
        Value::Null => Ok(()),
        Value::Bool(value) => Bytes(out).write_str(if *value { "t" } else { "f" }),
        Value::Int(value) => return write_int(*value, out),
        Value::Float(value) => write_float(*value, 15, &mut Bytes(out)),
        Value::Real(value) => write_real(*value, &mut Bytes(out)),
        Value::Numeric(value) => write!(Bytes(out), "{value}"),
        Value::Text(value) | Value::Padded(value) => Bytes(out).write_str(value),
        Value::Timestamp(micros) => write_timestamp(*micros, "+00", &mut Bytes(out)),
        Value::Local(micros) => write_timestamp(*micros, "", &mut Bytes(out)),
        Value::Date(days) => write_date(*days, &mut Bytes(out)),
        Value::Time(micros) => write_time(*micros, &mut Bytes(out)),
        Value::Json(value) => write!(Bytes(out), "{value}"),
        Value::Bytes(bytes) => write_bytes(bytes, &mut Bytes(out)),
        Value::Array(values) => write_array(values, Style::default(), &mut Bytes(out)),
        Value::Vector(values) => return write_vector(values, out),
        Value::Object(object) => Bytes(out).write_str(&object.name),
        Value::Interval(value) => write!(Bytes(out), "{value}"),
        Value::Uuid(bytes) => write_uuid(bytes, &mut Bytes(out)),
    };
}

/// Appends a value's text, dates and intervals as the session has them.
pub(in crate::postgres) fn write_styled_text(value: &Value, style: Style, out: &mut Vec<u8>) {
    // Writing to memory does not fail.
    let _infallible = match value {
        Value::Date(days) => write_styled_date(*days, style.date, &mut Bytes(out)),
        Value::Local(micros) => write_styled_timestamp(*micros, false, style.date, &mut Bytes(out)),
        Value::Timestamp(micros) => {
            write_styled_timestamp(*micros, true, style.date, &mut Bytes(out))
        }
        Value::Interval(span) => write_styled_interval(**span, style.interval, &mut Bytes(out)),
        Value::Array(values) => write_array(values, style, &mut Bytes(out)),
        other => return write_text(other, out),
    };
}

/// `1 2 3`
fn write_vector(values: &[Value], out: &mut Vec<u8>) {
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        write_text(value, out);
    }
}

fn write_int(value: i64, out: &mut Vec<u8>) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}

/// The shortest digits that read back the same, in `%g`'s form: exponents
/// from `digits` on are shown as such.
fn write_float(value: f64, digits: i32, out: &mut impl Write) -> std::fmt::Result {
    write_shortest(
        value,
        &format!("{value:e}"),
        &value.to_string(),
        digits,
        out,
    )
}

fn write_real(value: f32, out: &mut impl Write) -> std::fmt::Result {
    let (scientific, plain) = (format!("{value:e}"), value.to_string());
    write_shortest(value.into(), &scientific, &plain, 6, out)
}

fn write_shortest(
    value: f64,
    scientific: &str,
    plain: &str,
    digits: i32,
    out: &mut impl Write,
) -> std::fmt::Result {
    if value.is_nan() {
        return out.write_str("NaN");
    }
    if value.is_infinite() {
        return out.write_str(if value > 0.0 { "Infinity" } else { "-Infinity" });
    }
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..digits).contains(&exponent) {
        return out.write_str(plain);
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    write!(out, "{mantissa}e{sign}{:02}", exponent.abs())
}

fn write_bytes(bytes: &[u8], out: &mut impl Write) -> std::fmt::Result {
    out.write_str("\\x")?;
    bytes.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
}

fn write_uuid(bytes: &[u8; 16], out: &mut impl Write) -> std::fmt::Result {
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            out.write_char('-')?;
        }
        write!(out, "{byte:02x}")?;
    }
    Ok(())
}

fn invalid(ty: Type, text: &str) -> Error {
    Error::new(
        SqlState::INVALID_TEXT_REPRESENTATION,
        format!("invalid input syntax for type {ty}: \"{text}\""),
    )
}

fn out_of_range(ty: Type, text: &str) -> Error {
    Error::new(
        SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
        format!("value \"{text}\" is out of range for type {ty}"),
    )
}

/// Reads a value of type `ty`, as the session reads it.
pub(in crate::postgres) fn from_text(ty: Type, text: &str, reading: &Reading) -> Result<Value> {
    let time = |why: Unreadable| why.error(ty, text);
    match ty {
        Type::Bool => parse_bool(text)
            .map(Value::Bool)
            .ok_or_else(|| invalid(ty, text)),
        Type::Int2 | Type::Int4 | Type::Int8 => parse_int(ty, text),
        Type::Oid => parse_oid(text),
        Type::Xid | Type::Cid => parse_int(Type::Int8, text)
            .ok()
            .filter(|value| value.as_int().is_some_and(|oid| u32::try_from(oid).is_ok()))
            .ok_or_else(|| invalid(ty, text)),
        Type::Float8 => parse_float(ty, text),
        Type::Float4 => parse_real(text),
        Type::Numeric => Numeric::parse(text.trim())
            .ok_or_else(|| invalid(ty, text))?
            .map(|value| Value::Numeric(Arc::new(value))),
        Type::Bpchar => Ok(Value::Padded(text.into())),
        Type::Json => Json::check(text).map(|()| Value::text(text)),
        Type::Jsonb => Json::parse(text).map(|value| Value::Json(Arc::new(value))),
        Type::Bytea => parse_bytes(text),
        Type::Array(element) => parse_array(*element, text, reading),
        Type::Timestamptz => parse_timestamp(text, true, reading)
            .map(Value::Timestamp)
            .map_err(time),
        Type::Timestamp => parse_timestamp(text, false, reading)
            .map(Value::Local)
            .map_err(time),
        Type::Date => parse_date(text, reading).map(Value::Date).map_err(time),
        Type::Time => parse_clock(text, reading).map(Value::Time).map_err(time),
        Type::Interval => read_interval(text, -1, reading),
        Type::Uuid => parse_uuid(text)
            .map(Value::Uuid)
            .ok_or_else(|| invalid(ty, text)),
        Type::Void => Ok(Value::text("")),
        Type::Int2vector => parse_vector(Type::Int2, text),
        Type::Oidvector => parse_vector(Type::Oid, text),
        Type::Tid
        | Type::Regclass
        | Type::Regtype
        | Type::Regproc
        | Type::Regnamespace
        | Type::Regrole
        | Type::Text
        | Type::Varchar
        | Type::Name
        | Type::Char
        | Type::Unknown => Ok(Value::text(text)),
        Type::Record
        | Type::Any
        | Type::AnyArray
        | Type::AnyElement
        | Type::PgNodeTree
        | Type::Aclitem => Err(Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!("input of a value of type {ty} is not supported by this server"),
        )),
    }
}

/// Reads an interval of a type with such a modifier.
pub(in crate::postgres) fn read_interval(
    text: &str,
    modifier: i32,
    reading: &Reading,
) -> Result<Value> {
    let limits = Limits::of(modifier);
    let span = parse_interval(text, limits, reading);
    let span = span.map_err(|why| why.error(Type::Interval, text))?;
    Ok(Value::Interval(Arc::new(limits.hold(span))))
}

fn parse_vector(element: Type, text: &str) -> Result<Value> {
    let words = text.split_ascii_whitespace();
    let values = words.map(|word| from_text(element, word, &Reading::default()));
    Ok(Value::Vector(values.collect::<Result<_>>()?))
}

/// `\x` with two digits for each byte, or text in which a backslash stands
/// before three octal digits or another one.
fn parse_bytes(text: &str) -> Result<Value> {
    let bad = || {
        Error::new(
            SqlState::INVALID_TEXT_REPRESENTATION,
            "invalid input syntax for type bytea",
        )
    };
    let mut bytes = Vec::new();
    if let Some(digits) = text.strip_prefix("\\x") {
        let mut high = None;
        for digit in digits.chars().filter(|c| !c.is_ascii_whitespace()) {
            let value = digit.to_digit(16).ok_or_else(|| {
                let message = format!("invalid hexadecimal digit: \"{digit}\"");
                Error::new(SqlState::INVALID_PARAMETER_VALUE, message)
            })?;
            let value = u8::try_from(value).unwrap_or(0);
            match high.take() {
                None => high = Some(value),
                Some(high) => bytes.push(high << 4 | value),
            }
        }
        if high.is_some() {
            let message = "invalid hexadecimal data: odd number of digits";
            return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
        }
        return Ok(Value::Bytes(bytes.into()));
    }
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        match rest.next() {
            Some(b'\\') => bytes.push(b'\\'),
            Some(first @ b'0'..=b'3') => {
                let mut value = first - b'0';
                for _ in 0..2 {
                    match rest.next() {
                        Some(digit @ b'0'..=b'7') => value = value << 3 | (digit - b'0'),
                        _ => return Err(bad()),
                    }
                }
                bytes.push(value);
            }
            _ => return Err(bad()),
        }
    }
    Ok(Value::Bytes(bytes.into()))
}

fn parse_int(ty: Type, text: &str) -> Result<Value> {
    let trimmed = text.trim();
    let digits = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid(ty, text));
    }
    let range = match ty {
        Type::Int2 => i64::from(i16::MIN)..=i64::from(i16::MAX),
        Type::Int4 => i64::from(i32::MIN)..=i64::from(i32::MAX),
        _ => i64::MIN..=i64::MAX,
    };
    trimmed
        .parse()
        .ok()
        .filter(|value| range.contains(value))
        .map(Value::Int)
        .ok_or_else(|| out_of_range(ty, text))
}

/// The number of an object: a negative one counts from the end.
fn parse_oid(text: &str) -> Result<Value> {
    let number = match parse_int(Type::Int8, text) {
        Ok(Value::Int(number)) => number,
        Err(error) if error.code() != SqlState::NUMERIC_VALUE_OUT_OF_RANGE => {
            return Err(invalid(Type::Oid, text));
        }
        _ => return Err(out_of_range(Type::Oid, text)),
    };
    let wrapped = match number {
        ..0 => i32::try_from(number).map(i32::cast_unsigned),
        _ => u32::try_from(number),
    };
    wrapped
        .map(|oid| Value::Int(oid.into()))
        .map_err(|_| out_of_range(Type::Oid, text))
}

fn parse_real(text: &str) -> Result<Value> {
    let Value::Float(value) = parse_float(Type::Float4, text)? else {
        return Err(invalid(Type::Float4, text));
    };
    to_real(value)
        .filter(|real| *real != 0.0 || value == 0.0)
        .map(Value::Real)
        .ok_or_else(|| {
            let message = format!("\"{text}\" is out of range for type real");
            Error::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message)
        })
}

/// The nearest float of half the size, if there is one.
pub(super) fn to_real(value: f64) -> Option<f32> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "rounding is what is asked for"
    )]
    let real = value as f32;
    (real.is_finite() || !value.is_finite()).then_some(real)
}

fn parse_float(ty: Type, text: &str) -> Result<Value> {
    let trimmed = text.trim();
    let valid = trimmed
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let value: f64 = match trimmed.parse() {
        Ok(value) if valid => value,
        _ => return Err(invalid(ty, text)),
    };
    let digits = || trimmed.bytes().take_while(|byte| !b"eE".contains(byte));
    let vanished = value == 0.0 && digits().any(|byte| (b'1'..=b'9').contains(&byte));
    if vanished || value.is_infinite() && digits().any(|byte| byte.is_ascii_digit()) {
        return Err(Error::new(
            SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
            format!("\"{text}\" is out of range for type {ty}"),
        ));
    }
    Ok(Value::Float(value))
}

/// Any unique prefix of true, false, yes, no, on, off, or a bit.
fn parse_bool(text: &str) -> Option<bool> {
    let word = text.trim().to_ascii_lowercase();
    match word.as_str() {
        "" | "o" => None,
        "on" | "1" => Some(true),
        "0" => Some(false),
        word if "true".starts_with(word) || "yes".starts_with(word) => Some(true),
        word if "false".starts_with(word) || "no".starts_with(word) => Some(false),
        word if "off".starts_with(word) => Some(false),
        _ => None,
    }
}

fn parse_uuid(text: &str) -> Option<[u8; 16]> {
    let inner = match text.strip_prefix('{') {
        Some(rest) => rest.strip_suffix('}')?,
        None => text,
    };
    let mut bytes = [0u8; 16];
    let mut count = 0;
    for part in inner.split('-') {
        if part.is_empty() || part.len() % 4 != 0 {
            return None;
        }
        for digit in part.chars() {
            let digit = u8::try_from(digit.to_digit(16)?).ok()?;
            let byte = bytes.get_mut(count / 2)?;
            *byte = *byte << 4 | digit;
            count += 1;
        }
    }
    (count == 32).then_some(bytes)
}
