//! COPY's text format: fields between delimiters, bytes that would be taken
//! for something else after a backslash.

use super::format::Format;

/// Appends a value's text.
pub(super) fn write(format: &Format, text: &[u8], out: &mut Vec<u8>) {
    for byte in text {
        match escape(*byte) {
            Some(letter) => out.extend_from_slice(&[b'\\', letter]),
            None if *byte == format.delimiter => out.extend_from_slice(&[b'\\', *byte]),
            None => out.push(*byte),
        }
    }
}

/// The fields of a line; None is NULL.
pub(super) fn fields(format: &Format, line: &[u8]) -> Vec<Option<Vec<u8>>> {
    let mut fields = Vec::new();
    let mut start = 0;
    let mut at = 0;
    loop {
        match line.get(at) {
            Some(byte) if *byte != format.delimiter => {
                at += if *byte == b'\\' { 2 } else { 1 };
                continue;
            }
            found => {
                let field = &line[start..at.min(line.len())];
                let is_null = field == format.null.as_bytes();
                fields.push((!is_null).then(|| unescaped(field)));
                if found.is_none() {
                    return fields;
                }
                at += 1;
                start = at;
            }
        }
    }
}

/// The letter that stands for a byte after a backslash.
fn escape(byte: u8) -> Option<u8> {
    Some(match byte {
        8 => b'b',
        12 => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        11 => b'v',
        b'\\' => b'\\',
        _ => return None,
    })
}

type Bytes<'a> = std::iter::Peekable<std::slice::Iter<'a, u8>>;

fn digit(bytes: &mut Bytes<'_>, radix: u32) -> Option<u32> {
    char::from(**bytes.peek()?).to_digit(radix)
}

/// A number of up to two more digits, as a byte.
fn number(bytes: &mut Bytes<'_>, radix: u32, first: u32) -> u8 {
    let mut number = first;
    for _ in 0..2 {
        let Some(digit) = digit(bytes, radix) else {
            break;
        };
        number = number * radix + digit;
        bytes.next();
    }
    u8::try_from(number & 0xff).unwrap_or(0)
}

fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut bytes: Bytes<'_> = field.iter().peekable();
    while let Some(byte) = bytes.next() {
        if *byte != b'\\' {
            out.push(*byte);
            continue;
        }
        match bytes.next() {
            None => {}
            Some(b'b') => out.push(8),
            Some(b'f') => out.push(12),
            Some(b'n') => out.push(b'\n'),
            Some(b'r') => out.push(b'\r'),
            Some(b't') => out.push(b'\t'),
            Some(b'v') => out.push(11),
            Some(octal @ b'0'..=b'7') => {
                out.push(number(&mut bytes, 8, u32::from(octal - b'0')));
            }
            Some(b'x') if digit(&mut bytes, 16).is_some() => out.push(number(&mut bytes, 16, 0)),
            Some(other) => out.push(*other),
        }
    }
    out
}
