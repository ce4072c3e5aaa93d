//! COPY's CSV format: a field stands between quotes if it holds what would be
//! taken for something else. What is quoted is never NULL.

use super::format::{Csv, Format, bad_format};
use crate::postgres::error::Result;

/// Appends a field's text, quoted if `force` says so or it has to be. `alone`
/// is a field without others in its line.
pub(super) fn write(
    format: &Format,
    csv: &Csv,
    text: &[u8],
    (force, alone): (bool, bool),
    out: &mut Vec<u8>,
) {
    let special = |byte: &u8| {
        *byte == format.delimiter || *byte == csv.quote || matches!(byte, b'\n' | b'\r')
    };
    let quoted = force
        || text == format.null.as_bytes()
        || alone && text == super::lines::END_OF_DATA
        || text.iter().any(special);
    if !quoted {
        out.extend_from_slice(text);
        return;
    }
    out.push(csv.quote);
    for byte in text {
        if *byte == csv.quote || *byte == csv.escape {
            out.push(csv.escape);
        }
        out.push(*byte);
    }
    out.push(csv.quote);
}

/// The fields of a line; None is NULL.
pub(super) fn fields(format: &Format, csv: &Csv, line: &[u8]) -> Result<Vec<Option<Vec<u8>>>> {
    let mut fields = Vec::new();
    let mut rest = Some(line);
    while let Some(line) = rest {
        let (field, after) = field(format, csv, line)?;
        fields.push(field);
        rest = after;
    }
    Ok(fields)
}

type Field<'a> = (Option<Vec<u8>>, Option<&'a [u8]>);

/// The first field, and what follows its delimiter.
fn field<'a>(format: &Format, csv: &Csv, line: &'a [u8]) -> Result<Field<'a>> {
    let mut text = Vec::new();
    let (mut in_quotes, mut was_quoted) = (false, false);
    let mut at = 0;
    let mut after = None;
    while let Some(byte) = line.get(at) {
        at += 1;
        let next = line.get(at);
        if !in_quotes && *byte == format.delimiter {
            after = Some(&line[at..]);
            break;
        } else if !in_quotes && *byte == csv.quote {
            (in_quotes, was_quoted) = (true, true);
        } else if in_quotes
            && *byte == csv.escape
            && let Some(escaped) = next.filter(|next| **next == csv.escape || **next == csv.quote)
        {
            text.push(*escaped);
            at += 1;
        } else if in_quotes && *byte == csv.quote {
            in_quotes = false;
        } else {
            text.push(*byte);
        }
    }
    if in_quotes {
        return Err(bad_format("unterminated CSV quoted field"));
    }
    let is_null = !was_quoted && text == format.null.as_bytes();
    Ok(((!is_null).then_some(text), after))
}
