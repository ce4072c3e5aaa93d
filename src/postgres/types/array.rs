//! The text format of arrays: `{1,2,NULL,"a b"}`. One dimension only.

use std::fmt::{self, Write};

use super::{Reading, Type, Value, from_text, write_styled_text};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::settings::Style;

/// Writes an array as PostgreSQL does.
pub(super) fn write_array(values: &[Value], style: Style, out: &mut impl Write) -> fmt::Result {
    out.write_char('{')?;
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            out.write_char(',')?;
        }
        if value.is_null() {
            out.write_str("NULL")?;
            continue;
        }
        let mut bytes = Vec::new();
        write_styled_text(value, style, &mut bytes);
        write_element(&String::from_utf8_lossy(&bytes), out)?;
    }
    out.write_char('}')
}

fn write_element(text: &str, out: &mut impl Write) -> fmt::Result {
    let special = |c: char| matches!(c, '{' | '}' | ',' | '"' | '\\') || c.is_ascii_whitespace();
    if !text.is_empty() && !text.contains(special) && !text.eq_ignore_ascii_case("null") {
        return out.write_str(text);
    }
    out.write_char('"')?;
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.write_char('\\')?;
        }
        out.write_char(c)?;
    }
    out.write_char('"')
}

fn malformed(text: &str, detail: &'static str) -> Error {
    Error::new(
        SqlState::INVALID_TEXT_REPRESENTATION,
        format!("malformed array literal: \"{text}\""),
    )
    .detail(detail)
}

/// Reads an array of `element`.
pub(super) fn parse_array(element: Type, text: &str, reading: &Reading) -> Result<Value> {
    let trimmed = text.trim();
    // Bounds: what they count from, and how far.
    if trimmed.starts_with('[') && trimmed.contains("]=") {
        return Err(Error::unsupported("an array that is not counted from 1"));
    }
    let inner = trimmed.strip_prefix('{').ok_or_else(|| {
        malformed(
            text,
            "Array value must start with \"{\" or dimension information.",
        )
    })?;
    let mut chars = inner.chars().peekable();
    let mut values = Vec::new();
    loop {
        while chars.next_if(|c| c.is_ascii_whitespace()).is_some() {}
        match chars.peek() {
            None => return Err(malformed(text, "Unexpected end of input.")),
            Some('}') if values.is_empty() => {
                chars.next();
                break;
            }
            Some('{') => return Err(Error::unsupported("an array of several dimensions")),
            Some('}' | ',') => {
                let detail = if chars.peek() == Some(&',') {
                    "Unexpected \",\" character."
                } else {
                    "Unexpected \"}\" character."
                };
                return Err(malformed(text, detail));
            }
            Some(_) => {}
        }
        let (item, quoted) = item(&mut chars, text)?;
        values.push(if !quoted && item.eq_ignore_ascii_case("null") {
            Value::Null
        } else {
            from_text(element, &item, reading)?
        });
        match chars.next() {
            Some(',') => {}
            Some('}') => break,
            _ => return Err(malformed(text, "Unexpected end of input.")),
        }
    }
    if chars.any(|c| !c.is_ascii_whitespace()) {
        return Err(malformed(text, "Junk after closing right brace."));
    }
    Ok(Value::Array(values.into()))
}

/// One element up to its `,` or `}`, and whether it was quoted.
fn item(
    chars: &mut std::iter::Peekable<std::str::Chars<'_>>,
    text: &str,
) -> Result<(String, bool)> {
    let mut item = String::new();
    let quoted = chars.next_if_eq(&'"').is_some();
    loop {
        let next = match chars.peek() {
            None => return Err(malformed(text, "Unexpected end of input.")),
            Some(',' | '}') if !quoted => {
                let end = item.trim_end().len();
                item.truncate(end);
                return Ok((item, false));
            }
            Some(_) => chars.next(),
        };
        match next {
            Some('\\') => item.extend(chars.next()),
            Some('"') if quoted => {
                while chars.next_if(|c| c.is_ascii_whitespace()).is_some() {}
                if !matches!(chars.peek(), Some(',' | '}')) {
                    return Err(malformed(text, "Incorrectly quoted array element."));
                }
                return Ok((item, true));
            }
            Some(c) => item.push(c),
            None => {}
        }
    }
}
