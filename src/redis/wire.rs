//! Requests off the wire: arrays of bulk strings, and inline commands.
//!
//! A request is read as Redis 7.0 reads it, with its limits and its words for
//! what is wrong. That is why it is not read with a general RESP decoder:
//! those take any RESP value for a request, know no inline commands, and
//! reserve memory for whatever count a client claims.

use std::ops::Range;

use bytes::Bytes;
use smallvec::SmallVec;

use super::number::parse_integer;
use super::reply::Reply;

/// The longest inline command, and the longest length line.
const LINE_MAX: usize = 64 * 1024;
/// The most arguments of a command.
const ARGUMENTS_MAX: i64 = i32::MAX as i64;
/// The longest string, unless `proto-max-bulk-len` says otherwise.
pub(super) const BULK_MAX: usize = 512 << 20;

/// What a client may send before it gave the password.
const UNAUTHENTICATED_ARGUMENTS_MAX: i64 = 10;
const UNAUTHENTICATED_BULK_MAX: usize = 16 * 1024;

/// What a client may send.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The longest string, `proto-max-bulk-len`.
    pub(super) bulk_max: usize,
    pub(super) authenticated: bool,
}

impl Limits {
    /// For what the server itself wrote.
    pub(super) const NONE: Limits = Limits {
        bulk_max: usize::MAX / 2,
        authenticated: true,
    };
}

/// What a connection's input holds.
#[derive(Debug)]
pub(super) enum Request {
    /// A command, its arguments in [`Parser::arguments`] and the bytes it
    /// took.
    Command(usize),
    /// Nothing to run, such as an empty line; the bytes it took.
    Empty(usize),
    /// Not all of a request.
    Partial,
}

/// Reads requests from a buffer that keeps what is not consumed. It remembers
/// how far it got in a request that came in part.
#[derive(Debug, Default)]
pub(super) struct Parser {
    /// Where each argument lies, counted from the start of the request.
    ranges: Vec<Range<usize>>,
    /// Arguments of an inline command, which quoting can change.
    inline: Vec<Vec<u8>>,
    /// Bytes of the request that need no second look.
    scanned: usize,
    /// Arguments that are still to come; none outside an array.
    missing: Option<usize>,
}

impl Parser {
    /// Reads the request at the start of `input`.
    pub(super) fn next(&mut self, input: &[u8], limits: Limits) -> Result<Request, Reply> {
        match (self.missing, input.first()) {
            (None, None) => return Ok(Request::Partial),
            (None, Some(b'*')) => {
                let Some((count, after)) = count(input, limits)? else {
                    return Ok(Request::Partial);
                };
                if count == 0 {
                    return Ok(Request::Empty(after));
                }
                self.ranges.clear();
                self.inline.clear();
                self.scanned = after;
                self.missing = Some(count);
            }
            (None, Some(_)) => return self.inline(input),
            (Some(_), _) => {}
        }
        while let Some(missing) = self.missing.filter(|missing| *missing > 0) {
            let Some(range) = bulk(input, self.scanned, limits)? else {
                return Ok(Request::Partial);
            };
            self.scanned = range.end + 2;
            self.ranges.push(range);
            self.missing = Some(missing - 1);
        }
        self.missing = None;
        Ok(Request::Command(self.scanned))
    }

    /// The arguments of the command that [`next`](Parser::next) found.
    pub(super) fn arguments<'a>(&'a self, input: &'a [u8]) -> SmallVec<[&'a [u8]; 8]> {
        if self.inline.is_empty() {
            let mut arguments = SmallVec::new();
            for range in &self.ranges {
                arguments.push(&input[range.clone()]);
            }
            arguments
        } else {
            self.inline.iter().map(Vec::as_slice).collect()
        }
    }

    fn inline(&mut self, input: &[u8]) -> Result<Request, Reply> {
        let Some(end) = find(input, b'\n') else {
            if input.len() > LINE_MAX {
                return Err(protocol_error("too big inline request"));
            }
            return Ok(Request::Partial);
        };
        let line = &input[..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        self.inline =
            split_words(line).ok_or_else(|| protocol_error("unbalanced quotes in request"))?;
        Ok(if self.inline.is_empty() {
            Request::Empty(end + 1)
        } else {
            Request::Command(end + 1)
        })
    }
}

/// The number of arguments of the array at the start, and where it goes on.
fn count(input: &[u8], limits: Limits) -> Result<Option<(usize, usize)>, Reply> {
    let Some((line, after)) = length_line(input, 0, "too big mbulk count string")? else {
        return Ok(None);
    };
    let count = parse_integer(line)
        .filter(|count| *count <= ARGUMENTS_MAX)
        .ok_or_else(|| protocol_error("invalid multibulk length"))?;
    if !limits.authenticated && count > UNAUTHENTICATED_ARGUMENTS_MAX {
        return Err(protocol_error("unauthenticated multibulk length"));
    }
    Ok(Some((usize::try_from(count).unwrap_or(0), after)))
}

/// The bulk string whose header is at `start`, if all of it is there.
fn bulk(input: &[u8], start: usize, limits: Limits) -> Result<Option<Range<usize>>, Reply> {
    let (length, after) = match short_length(&input[start..]) {
        Some((length, rest)) => (length, input.len() - rest.len()),
        None => match long_length(input, start, limits)? {
            Some(found) => found,
            None => return Ok(None),
        },
    };
    let range = after..after + length;
    Ok((input.len() >= range.end + 2).then_some(range))
}

/// The length of a bulk string if it has one or two digits, as most have, and
/// what follows its line.
pub(super) fn short_length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let digit = |byte: u8| usize::from(byte - b'0');
    match bytes {
        [b'$', one @ b'0'..=b'9', b'\r', b'\n', rest @ ..] => Some((digit(*one), rest)),
        [
            b'$',
            ten @ b'1'..=b'9',
            one @ b'0'..=b'9',
            b'\r',
            b'\n',
            rest @ ..,
        ] => Some((digit(*ten) * 10 + digit(*one), rest)),
        _ => None,
    }
}

/// The length of the bulk string at `start`, whatever it is, and where its line
/// ends.
fn long_length(
    input: &[u8],
    start: usize,
    limits: Limits,
) -> Result<Option<(usize, usize)>, Reply> {
    let Some((line, after)) = length_line(input, start, "too big bulk count string")? else {
        return Ok(None);
    };
    if input[start] != b'$' {
        let mut text = b"ERR Protocol error: expected '$', got '".to_vec();
        text.extend([input[start], b'\'']);
        return Err(Reply::error_from(text));
    }
    let length = parse_integer(line)
        .and_then(|length| usize::try_from(length).ok())
        .filter(|length| *length <= limits.bulk_max)
        .ok_or_else(|| protocol_error("invalid bulk length"))?;
    if !limits.authenticated && length > UNAUTHENTICATED_BULK_MAX {
        return Err(protocol_error("unauthenticated bulk length"));
    }
    Ok(Some((length, after)))
}

/// The digits of the length line at `start`, and where the line ends.
fn length_line<'a>(
    input: &'a [u8],
    start: usize,
    too_long: &str,
) -> Result<Option<(&'a [u8], usize)>, Reply> {
    let rest = input.get(start..).unwrap_or_default();
    match find(rest, b'\r') {
        Some(end) if end + 1 < rest.len() => Ok(Some((&rest[1.min(end)..end], start + end + 2))),
        None if rest.len() > LINE_MAX => Err(protocol_error(too_long)),
        Some(_) | None => Ok(None),
    }
}

/// Where a byte is, as C's `strchr` finds it: not behind a NUL.
fn find(input: &[u8], wanted: u8) -> Option<usize> {
    let end = input.iter().position(|byte| [wanted, 0].contains(byte));
    end.filter(|end| input[*end] == wanted)
}

fn protocol_error(what: &str) -> Reply {
    Reply::Error(Bytes::from(format!("ERR Protocol error: {what}")))
}

/// Splits a line into words as redis-cli's prompt does: double quotes with
/// escapes, single quotes with `\'` only, and a quote must end a word. None
/// if the quotes do not match up.
pub(super) fn split_words(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = skip_space(line);
    while !rest.is_empty() {
        let mut word = Vec::new();
        while let Some((first, tail)) = rest.split_first() {
            rest = match first {
                b'"' => double_quoted(tail, &mut word)?,
                b'\'' => single_quoted(tail, &mut word)?,
                b' ' | b'\n' | b'\r' | b'\t' => break,
                byte => {
                    word.push(*byte);
                    tail
                }
            };
        }
        words.push(word);
        rest = skip_space(rest);
    }
    Some(words)
}

/// As C's `isspace`.
pub(super) fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == b'\x0b'
}

fn skip_space(line: &[u8]) -> &[u8] {
    let start = line.iter().position(|byte| !is_space(*byte));
    &line[start.unwrap_or(line.len())..]
}

/// A closing quote ends the word, or the line is wrong.
fn ends_word(rest: &[u8]) -> Option<&[u8]> {
    rest.first()
        .is_none_or(|byte| is_space(*byte))
        .then_some(rest)
}

fn double_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        rest = match rest {
            [b'\\', b'x', high, low, tail @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).ok()?;
                word.push(u8::from_str_radix(digits, 16).ok()?);
                tail
            }
            [b'\\', escaped, tail @ ..] => {
                word.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'a' => 7,
                    byte => *byte,
                });
                tail
            }
            [b'"', tail @ ..] => return ends_word(tail),
            [byte, tail @ ..] => {
                word.push(*byte);
                tail
            }
            [] => return None,
        }
    }
}

fn single_quoted<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        rest = match rest {
            [b'\\', b'\'', tail @ ..] => {
                word.push(b'\'');
                tail
            }
            [b'\'', tail @ ..] => return ends_word(tail),
            [byte, tail @ ..] => {
                word.push(*byte);
                tail
            }
            [] => return None,
        }
    }
}
