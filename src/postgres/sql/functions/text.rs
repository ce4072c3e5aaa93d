//! Functions of strings.

use super::{Builtin, Kind, count, int, text};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::sql::Context;
use crate::postgres::sql::reserved::is_keyword;
use crate::postgres::types::{Type, Value, from_text};

use Type::{Any, Bytea, Int4, Text};

pub(super) const FUNCTIONS: &[Builtin] = &[
    Builtin::new("||", &[Text, Text], Text, concat_two),
    Builtin::new("||", &[Bytea, Bytea], Bytea, |a, _| match a {
        [Value::Bytes(a), Value::Bytes(b)] => Ok(Value::Bytes([&**a, &**b].concat().into())),
        _ => Err(super::unexpected()),
    }),
    Builtin::new("lower", &[Text], Text, |a, _| {
        map(&a[0], str::to_ascii_lowercase)
    }),
    Builtin::new("upper", &[Text], Text, |a, _| {
        map(&a[0], str::to_ascii_uppercase)
    }),
    Builtin::new("initcap", &[Text], Text, |a, _| map(&a[0], initcap)),
    Builtin::new("length", &[Text], Int4, |a, _| {
        Ok(count(text(&a[0])?.chars().count()))
    }),
    Builtin::new("length", &[Type::Bpchar], Int4, |a, _| padded_length(&a[0])),
    Builtin::new("char_length", &[Type::Bpchar], Int4, |a, _| {
        padded_length(&a[0])
    }),
    Builtin::new("character_length", &[Type::Bpchar], Int4, |a, _| {
        padded_length(&a[0])
    }),
    Builtin::new("length", &[Bytea], Int4, |a, _| bytes_length(&a[0])),
    Builtin::new("char_length", &[Text], Int4, |a, _| {
        Ok(count(text(&a[0])?.chars().count()))
    }),
    Builtin::new("character_length", &[Text], Int4, |a, _| {
        Ok(count(text(&a[0])?.chars().count()))
    }),
    Builtin::new("octet_length", &[Text], Int4, |a, _| {
        Ok(count(text(&a[0])?.len()))
    }),
    Builtin::new("octet_length", &[Type::Bpchar], Int4, |a, _| {
        Ok(count(text(&a[0])?.len()))
    }),
    Builtin::new("octet_length", &[Bytea], Int4, |a, _| bytes_length(&a[0])),
    Builtin::new("substring", &[Text, Int4], Text, |a, _| {
        substring(&a[0], int(&a[1])?, None)
    }),
    Builtin::new("substring", &[Text, Int4, Int4], Text, |a, _| {
        substring(&a[0], int(&a[1])?, Some(int(&a[2])?))
    }),
    Builtin::new("substr", &[Text, Int4], Text, |a, _| {
        substring(&a[0], int(&a[1])?, None)
    }),
    Builtin::new("substr", &[Text, Int4, Int4], Text, |a, _| {
        substring(&a[0], int(&a[1])?, Some(int(&a[2])?))
    }),
    Builtin::new("btrim", &[Text], Text, |a, _| trim(a, true, true)),
    Builtin::new("btrim", &[Text, Text], Text, |a, _| trim(a, true, true)),
    Builtin::new("ltrim", &[Text], Text, |a, _| trim(a, true, false)),
    Builtin::new("ltrim", &[Text, Text], Text, |a, _| trim(a, true, false)),
    Builtin::new("rtrim", &[Text], Text, |a, _| trim(a, false, true)),
    Builtin::new("rtrim", &[Text, Text], Text, |a, _| trim(a, false, true)),
    Builtin::new("replace", &[Text, Text, Text], Text, replace),
    Builtin::new("translate", &[Text, Text, Text], Text, translate),
    Builtin::new("position", &[Text, Text], Int4, |a, _| {
        position(&a[0], &a[1])
    }),
    Builtin::new("strpos", &[Text, Text], Int4, |a, _| position(&a[0], &a[1])),
    Builtin::new("left", &[Text, Int4], Text, |a, _| side(a, true)),
    Builtin::new("right", &[Text, Int4], Text, |a, _| side(a, false)),
    Builtin::new("lpad", &[Text, Int4], Text, |a, _| pad(a, true)),
    Builtin::new("lpad", &[Text, Int4, Text], Text, |a, _| pad(a, true)),
    Builtin::new("rpad", &[Text, Int4], Text, |a, _| pad(a, false)),
    Builtin::new("rpad", &[Text, Int4, Text], Text, |a, _| pad(a, false)),
    Builtin::new("repeat", &[Text, Int4], Text, |a, _| {
        let times = usize::try_from(int(&a[1])?).unwrap_or(0);
        let text = text(&a[0])?;
        refuse_large(text.len().saturating_mul(times))?;
        Ok(Value::Text(text.repeat(times).into()))
    }),
    Builtin::new("reverse", &[Text], Text, |a, _| {
        map(&a[0], |text| text.chars().rev().collect())
    }),
    Builtin::new("starts_with", &[Text, Text], Type::Bool, |a, _| {
        Ok(Value::Bool(text(&a[0])?.starts_with(text(&a[1])?)))
    }),
    Builtin::new("ascii", &[Text], Int4, |a, _| {
        Ok(Value::Int(
            text(&a[0])?
                .chars()
                .next()
                .map_or(0, |c| u32::from(c).into()),
        ))
    }),
    Builtin::new("chr", &[Int4], Text, |a, _| chr(int(&a[0])?)),
    Builtin::new("split_part", &[Text, Text, Int4], Text, split_part),
    Builtin::new("quote_literal", &[Text], Text, |a, _| {
        map(&a[0], quote_literal)
    }),
    Builtin::new("quote_ident", &[Text], Text, |a, _| map(&a[0], quote_ident)),
    Builtin::new("to_hex", &[Int4], Text, |a, _| {
        let bits = i32::try_from(int(&a[0])?).map(i32::cast_unsigned);
        Ok(Value::Text(format!("{:x}", bits.unwrap_or(0)).into()))
    }),
    Builtin::new("to_hex", &[Type::Int8], Text, |a, _| {
        Ok(Value::Text(format!("{:x}", int(&a[0])?).into()))
    }),
    Builtin::new("concat", &[Any], Text, |a, c| join("", a, c))
        .with(Kind::Variadic)
        .for_nulls(),
    Builtin::new("concat_ws", &[Text, Any], Text, |a, c| {
        match a[0].as_str() {
            Some(separator) => join(separator, &a[1..], c),
            None => Ok(Value::Null),
        }
    })
    .with(Kind::Variadic)
    .for_nulls(),
    Builtin::new("format", &[Text], Text, format_text).for_nulls(),
    Builtin::new("format", &[Text, Any], Text, format_text)
        .with(Kind::Variadic)
        .for_nulls(),
    Builtin::new("overlay", &[Text, Text, Int4], Text, |a, _| overlay(a)),
    Builtin::new("overlay", &[Text, Text, Int4, Int4], Text, |a, _| {
        overlay(a)
    }),
    Builtin::new("bit_length", &[Text], Int4, |a, _| {
        Ok(count(text(&a[0])?.len() * 8))
    }),
    Builtin::new("bit_length", &[Bytea], Int4, |a, _| match &a[0] {
        Value::Bytes(bytes) => Ok(count(bytes.len() * 8)),
        _ => Err(super::unexpected()),
    }),
];

/// The blanks that pad a text are no part of it.
fn padded_length(value: &Value) -> Result<Value> {
    let significant = text(value)?.trim_end_matches(' ');
    Ok(count(significant.chars().count()))
}

/// PostgreSQL's limit on one text: 1 GB with its header.
const SIZE_MAX: usize = (1 << 30) - 5;
/// What room PostgreSQL makes for a character.
const CHARACTER_MAX: usize = 4;

fn refuse_large(size: usize) -> Result<()> {
    if size > SIZE_MAX {
        return Err(Error::new(SqlState("54000"), "requested length too large"));
    }
    Ok(())
}

/// Adds to a text that is being built, as long as PostgreSQL would.
pub(in crate::postgres) fn append(out: &mut String, more: &str) -> Result<()> {
    if out.len().saturating_add(more.len()) > SIZE_MAX {
        let detail = format!(
            "Cannot enlarge string buffer containing {} bytes by {} more bytes.",
            out.len(),
            more.len()
        );
        return Err(Error::new(SqlState("54000"), "out of memory").detail(detail));
    }
    out.push_str(more);
    Ok(())
}

fn replace(a: &[Value], _: &Context<'_>) -> Result<Value> {
    let (whole, from, to) = (text(&a[0])?, text(&a[1])?, text(&a[2])?);
    if from.is_empty() {
        return Ok(a[0].clone());
    }
    let mut out = String::new();
    for (index, part) in whole.split(from).enumerate() {
        if index > 0 {
            append(&mut out, to)?;
        }
        append(&mut out, part)?;
    }
    Ok(Value::Text(out.into()))
}

fn map(value: &Value, map: impl FnOnce(&str) -> String) -> Result<Value> {
    Ok(Value::Text(map(text(value)?).into()))
}

fn concat_two(a: &[Value], _: &Context<'_>) -> Result<Value> {
    Ok(Value::Text([text(&a[0])?, text(&a[1])?].concat().into()))
}

fn bytes_length(value: &Value) -> Result<Value> {
    match value {
        Value::Bytes(bytes) => Ok(count(bytes.len())),
        _ => Err(super::unexpected()),
    }
}

fn initcap(text: &str) -> String {
    let mut inside = false;
    let mut out = String::new();
    for c in text.chars() {
        // In the collation C there are the letters of ASCII alone.
        out.push(match inside {
            true => c.to_ascii_lowercase(),
            false => c.to_ascii_uppercase(),
        });
        inside = c.is_ascii_alphanumeric();
    }
    out
}

/// Characters from `start`, counted from 1, `length` of them.
fn substring(value: &Value, start: i64, length: Option<i64>) -> Result<Value> {
    let end = match length {
        Some(length) if length < 0 => {
            return Err(Error::new(
                SqlState("22011"),
                "negative substring length not allowed",
            ));
        }
        Some(length) => start.saturating_add(length),
        None => i64::MAX,
    };
    let from = start.max(1);
    let skip = usize::try_from(from - 1).unwrap_or(usize::MAX);
    let take = usize::try_from(end.saturating_sub(from)).unwrap_or(0);
    map(value, |text| text.chars().skip(skip).take(take).collect())
}

fn trim(a: &[Value], start: bool, end: bool) -> Result<Value> {
    let set: Vec<char> = match a.get(1) {
        Some(set) => text(set)?.chars().collect(),
        None => vec![' '],
    };
    let mut rest = text(&a[0])?;
    if start {
        rest = rest.trim_start_matches(|c| set.contains(&c));
    }
    if end {
        rest = rest.trim_end_matches(|c| set.contains(&c));
    }
    Ok(Value::text(rest))
}

fn translate(a: &[Value], _: &Context<'_>) -> Result<Value> {
    let from: Vec<char> = text(&a[1])?.chars().collect();
    let to: Vec<char> = text(&a[2])?.chars().collect();
    map(&a[0], |text| {
        let replaced = text
            .chars()
            .filter_map(|c| match from.iter().position(|f| *f == c) {
                None => Some(c),
                Some(at) => to.get(at).copied(),
            });
        replaced.collect()
    })
}

fn position(haystack: &Value, needle: &Value) -> Result<Value> {
    let haystack = text(haystack)?;
    Ok(match haystack.find(text(needle)?) {
        Some(at) => count(haystack[..at].chars().count() + 1),
        None => Value::Int(0),
    })
}

/// left() and right(): a negative count leaves that many out.
fn side(a: &[Value], left: bool) -> Result<Value> {
    let (wanted, all) = (int(&a[1])?, text(&a[0])?.chars().count());
    let length = i64::try_from(all).unwrap_or(i64::MAX);
    let kept = if wanted < 0 {
        length + wanted
    } else {
        wanted.min(length)
    };
    let kept = usize::try_from(kept).unwrap_or(0);
    map(&a[0], |text| {
        let skipped = if left { 0 } else { all - kept };
        text.chars().skip(skipped).take(kept).collect()
    })
}

fn pad(a: &[Value], left: bool) -> Result<Value> {
    let mut wanted = usize::try_from(int(&a[1])?).unwrap_or(0);
    let fill: Vec<char> = match a.get(2) {
        Some(fill) => text(fill)?.chars().collect(),
        None => vec![' '],
    };
    if fill.is_empty() {
        wanted = wanted.min(text(&a[0])?.chars().count());
    }
    refuse_large(wanted.saturating_mul(CHARACTER_MAX))?;
    map(&a[0], |text| {
        let length = text.chars().count();
        if length >= wanted {
            return text.chars().take(wanted).collect();
        }
        let padding: String = fill.iter().cycle().take(wanted - length).collect();
        if left {
            padding + text
        } else {
            text.to_owned() + &padding
        }
    })
}

fn chr(code: i64) -> Result<Value> {
    if code == 0 {
        return Err(Error::new(
            SqlState("54000"),
            "null character not permitted",
        ));
    }
    let c = u32::try_from(code).ok().and_then(char::from_u32);
    c.map(|c| Value::text(c.encode_utf8(&mut [0; 4])))
        .ok_or_else(|| {
            Error::new(
                SqlState("54000"),
                "requested character too large for encoding: ".to_owned() + &code.to_string(),
            )
        })
}

fn split_part(a: &[Value], _: &Context<'_>) -> Result<Value> {
    let (text, separator, wanted) = (text(&a[0])?, text(&a[1])?, int(&a[2])?);
    if wanted == 0 {
        return Err(Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            "field position must not be zero",
        ));
    }
    let parts: Vec<&str> = if separator.is_empty() {
        vec![text]
    } else {
        text.split(separator).collect()
    };
    let length = i64::try_from(parts.len()).unwrap_or(i64::MAX);
    let index = if wanted < 0 {
        length + wanted
    } else {
        wanted - 1
    };
    let part = usize::try_from(index)
        .ok()
        .and_then(|index| parts.get(index));
    Ok(Value::text(part.unwrap_or(&"")))
}

/// A name as SQL has to have it: in quotes if it would not be read as one.
pub(in crate::postgres) fn quote_ident(name: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let starts = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    if starts && name.chars().all(plain) && !is_keyword(name) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

fn join(separator: &str, values: &[Value], context: &Context<'_>) -> Result<Value> {
    let mut out = String::new();
    for (index, value) in values.iter().filter(|v| !v.is_null()).enumerate() {
        if index > 0 {
            append(&mut out, separator)?;
        }
        append(&mut out, &context.shown(value))?;
    }
    Ok(Value::Text(out.into()))
}

/// A text as a literal: with a backslash in it, an escape string.
fn quote_literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    match quoted.contains('\\') {
        true => format!("E'{}'", quoted.replace('\\', "\\\\")),
        false => format!("'{quoted}'"),
    }
}

/// What format() is told after a percent sign: which argument, how wide, on
/// which side, and as what.
struct Specifier {
    argument: Option<usize>,
    left: bool,
    width: Width,
    kind: char,
}

enum Width {
    None,
    Fixed(usize),
    /// That of an argument: the next one, or one by its place.
    Argument(Option<usize>),
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(SqlState::INVALID_PARAMETER_VALUE, message.into())
}

/// The number that a text begins with, if with any.
fn leading(chars: &mut std::str::Chars<'_>) -> Result<Option<usize>> {
    let rest = chars.as_str();
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    *chars = rest[end..].chars();
    match &rest[..end] {
        "" => Ok(None),
        digits => match digits.parse::<i32>() {
            Ok(number) => Ok(usize::try_from(number).ok()),
            Err(_) => Err(Error::new(
                SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
                "number is out of range",
            )),
        },
    }
}

/// What is left after a sign, if it comes next.
fn after<'a>(chars: &std::str::Chars<'a>, sign: char) -> Option<&'a str> {
    chars.as_str().strip_prefix(sign)
}

fn not_the_first(place: Option<usize>) -> Result<Option<usize>> {
    match place {
        Some(0) => Err(invalid(
            "format specifies argument 0, but arguments are numbered from 1",
        )),
        place => Ok(place),
    }
}

impl Specifier {
    fn read(chars: &mut std::str::Chars<'_>) -> Result<Specifier> {
        let unterminated = || {
            invalid("unterminated format() type specifier").hint("For a single \"%\" use \"%%\".")
        };
        let mut specifier = Specifier {
            argument: None,
            left: false,
            width: Width::None,
            kind: ' ',
        };
        let mut number = leading(chars)?;
        if let (Some(_), Some(rest)) = (number, after(chars, '$')) {
            *chars = rest.chars();
            specifier.argument = not_the_first(number.take())?;
        }
        if number.is_none() {
            while let Some(rest) = after(chars, '-') {
                *chars = rest.chars();
                specifier.left = true;
            }
            if let Some(rest) = after(chars, '*') {
                *chars = rest.chars();
                let place = not_the_first(leading(chars)?)?;
                if place.is_some() {
                    let rest = after(chars, '$')
                        .ok_or_else(|| invalid("width argument position must be ended by \"$\""))?;
                    *chars = rest.chars();
                }
                specifier.width = Width::Argument(place);
            } else {
                number = leading(chars)?;
            }
        }
        if let Some(width) = number {
            specifier.width = Width::Fixed(width);
        }
        specifier.kind = chars.next().ok_or_else(unterminated)?;
        if !matches!(specifier.kind, 's' | 'I' | 'L') {
            let message = format!(
                "unrecognized format() type specifier \"{}\"",
                specifier.kind
            );
            return Err(invalid(message).hint("For a single \"%\" use \"%%\"."));
        }
        Ok(specifier)
    }
}

/// format() with `%s`, `%I`, `%L` and `%%`.
fn format_text(a: &[Value], context: &Context<'_>) -> Result<Value> {
    let Some(pattern) = a[0].as_str() else {
        return Ok(Value::Null);
    };
    // The place of the argument that was taken last.
    let mut last = 0;
    let mut argument = |place: Option<usize>| {
        last = place.unwrap_or(last + 1);
        a.get(last)
            .ok_or_else(|| invalid("too few arguments for format()"))
    };
    let mut out = String::new();
    let mut chars = pattern.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        if let Some(rest) = chars.as_str().strip_prefix('%') {
            chars = rest.chars();
            out.push('%');
            continue;
        }
        let specifier = Specifier::read(&mut chars)?;
        let (mut left, mut width) = (specifier.left, 0);
        match specifier.width {
            Width::None => {}
            Width::Fixed(fixed) => width = fixed,
            Width::Argument(place) => {
                let value = argument(place)?;
                let wanted = match value {
                    Value::Null => 0,
                    value => {
                        let shown = context.shown(value);
                        int(&from_text(Int4, &shown, &context.reading())?)?
                    }
                };
                left |= wanted < 0;
                width = usize::try_from(wanted.unsigned_abs()).unwrap_or(0);
            }
        }
        let value = argument(specifier.argument)?;
        let shown = match (specifier.kind, value) {
            ('L', Value::Null) => "NULL".to_owned(),
            ('L', value) => quote_literal(&context.shown(value)),
            ('I', Value::Null) => {
                return Err(Error::new(
                    SqlState("22004"),
                    "null values cannot be formatted as an SQL identifier",
                ));
            }
            ('I', value) => quote_ident(&context.shown(value)),
            (_, value) => context.shown(value),
        };
        refuse_large(width)?;
        let blanks = " ".repeat(width.saturating_sub(shown.chars().count()));
        append(&mut out, if left { "" } else { &blanks })?;
        append(&mut out, &shown)?;
        append(&mut out, if left { &blanks } else { "" })?;
    }
    Ok(Value::Text(out.into()))
}

/// A text with a part of it, from a character on, replaced by another: as
/// long as that, if nothing else is said.
fn overlay(a: &[Value]) -> Result<Value> {
    let (whole, new) = (text(&a[0])?, text(&a[1])?);
    let from = int(&a[2])?;
    let length = match a.get(3) {
        Some(length) => int(length)?,
        None => i64::try_from(new.chars().count()).unwrap_or(i64::MAX),
    };
    if from <= 0 {
        let message = "negative substring length not allowed";
        return Err(Error::new(SqlState("22011"), message));
    }
    let after = from.saturating_add(length).max(1) - 1;
    let at = |character: i64| {
        let character = usize::try_from(character).unwrap_or(usize::MAX);
        let place = whole.char_indices().nth(character);
        place.map_or(whole.len(), |(at, _)| at)
    };
    let mut out = whole[..at(from - 1)].to_owned();
    append(&mut out, new)?;
    append(&mut out, &whole[at(after)..])?;
    Ok(Value::Text(out.into()))
}
