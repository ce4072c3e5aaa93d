//! What a command answers, and how it looks on the wire.
//!
//! A reply is a value, not bytes, so that a script can read it and a
//! transaction can hold it. It is encoded for the protocol version of the
//! client that gets it: what RESP2 lacks is written as Redis 7.0 writes it
//! there, maps as flat arrays, doubles as strings, booleans as 1 and 0.

use bytes::{BufMut, Bytes, BytesMut};

use super::number::format_double;

/// The protocol version of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Resp {
    /// RESP2, until a client says otherwise.
    #[default]
    V2,
    /// RESP3.
    V3,
}

impl Resp {
    pub(super) fn either<T>(self, v2: T, v3: T) -> T {
        match self {
            Resp::V2 => v2,
            Resp::V3 => v3,
        }
    }
}

/// The answer to one command.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Reply {
    /// `+OK`
    Status(Bytes),
    /// `-ERR ...`, without the dash.
    Error(Bytes),
    Integer(i64),
    Bulk(Bytes),
    /// A missing value: `$-1`, or `_` in RESP3.
    Null,
    /// A missing array: `*-1`, or `_` in RESP3.
    NullArray,
    Array(Vec<Reply>),
    Map(Vec<(Reply, Reply)>),
    Set(Vec<Reply>),
    /// What was not asked for, such as a published message; an array in RESP2.
    Push(Vec<Reply>),
    Double(f64),
    /// A double as it is written.
    Decimal(Bytes),
    Boolean(bool),
    BigNumber(Bytes),
    /// A text with its three-letter format.
    Verbatim([u8; 3], Bytes),
    /// Replies one after the other, as SUBSCRIBE gives for each channel; none
    /// where a command answers nothing.
    Several(Vec<Reply>),
}

impl Reply {
    pub(super) const OK: Reply = Reply::status("OK");
    /// Of a command that answers nothing.
    pub(super) const NONE: Reply = Reply::Several(Vec::new());
    pub(super) const SYNTAX: Reply = Reply::error("ERR syntax error");
    pub(super) const LOADING: Reply =
        Reply::error("LOADING Redis is loading the dataset in memory");
    pub(super) const OUT_OF_MEMORY: Reply =
        Reply::error("OOM command not allowed when used memory > 'maxmemory'.");
    pub(super) const WRONG_TYPE: Reply =
        Reply::error("WRONGTYPE Operation against a key holding the wrong kind of value");
    pub(super) const NO_SUCH_KEY: Reply = Reply::error("ERR no such key");
    pub(super) const NOT_AN_INTEGER: Reply =
        Reply::error("ERR value is not an integer or out of range");

    /// Whether it is a count of something.
    pub(super) fn is_positive(&self) -> bool {
        matches!(self, Reply::Integer(1..))
    }

    pub(super) const fn status(text: &'static str) -> Reply {
        Reply::Status(Bytes::from_static(text.as_bytes()))
    }

    pub(super) const fn error(text: &'static str) -> Reply {
        Reply::Error(Bytes::from_static(text.as_bytes()))
    }

    pub(super) const fn bulk(text: &'static str) -> Reply {
        Reply::Bulk(Bytes::from_static(text.as_bytes()))
    }

    /// An error whose text comes from input: one line, whatever is in it.
    pub(super) fn error_from(mut text: Vec<u8>) -> Reply {
        let is_break = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let kept = text.iter().rposition(|byte| !is_break(byte));
        text.truncate(kept.map_or(0, |last| last + 1));
        one_line(&mut text);
        Reply::Error(text.into())
    }

    pub(super) fn unknown_subcommand(command: &str, subcommand: &[u8]) -> Reply {
        let subcommand = String::from_utf8_lossy(&subcommand[..subcommand.len().min(128)]);
        let text = format!(
            "ERR unknown subcommand or wrong number of arguments for '{subcommand}'. Try {command} HELP."
        );
        Reply::error_from(text.into_bytes())
    }

    /// What HELP of a container answers.
    pub(super) fn help(command: &str, lines: &[&'static str]) -> Reply {
        let first = format!("{command} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
        let last = ["HELP", "    Prints this help."];
        let lines = lines.iter().chain(&last).map(|line| Reply::status(line));
        Reply::Array(
            std::iter::once(Reply::Status(first.into()))
                .chain(lines)
                .collect(),
        )
    }

    /// A length, or how many there were.
    pub(super) fn count(number: usize) -> Reply {
        Reply::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }

    pub(super) fn wrong_arity(command: &str) -> Reply {
        Reply::error_from(
            format!("ERR wrong number of arguments for '{command}' command").into_bytes(),
        )
    }

    pub(super) fn invalid_expire_time(command: &str) -> Reply {
        Reply::error_from(format!("ERR invalid expire time in '{command}' command").into_bytes())
    }

    /// Appends the reply as a client of `resp` reads it.
    pub(super) fn encode(&self, resp: Resp, out: &mut BytesMut) {
        match self {
            Reply::Status(text) => line(out, b'+', text),
            Reply::Error(text) => line(out, b'-', text),
            Reply::Integer(value) => number(out, b':', *value),
            Reply::Bulk(bytes) => bulk(out, b'$', bytes),
            Reply::Null => out.put_slice(match resp {
                Resp::V2 => b"$-1\r\n",
                Resp::V3 => b"_\r\n",
            }),
            Reply::NullArray => out.put_slice(match resp {
                Resp::V2 => b"*-1\r\n",
                Resp::V3 => b"_\r\n",
            }),
            Reply::Array(items) => sequence(out, b'*', items, resp),
            Reply::Set(items) => sequence(out, resp.either(b'*', b'~'), items, resp),
            Reply::Push(items) => sequence(out, resp.either(b'*', b'>'), items, resp),
            Reply::Map(pairs) => encode_map(pairs, resp, out),
            Reply::Several(replies) => {
                for reply in replies {
                    reply.encode(resp, out);
                }
            }
            Reply::Double(value) => encode_double(format_double(*value).as_bytes(), resp, out),
            Reply::Decimal(digits) => encode_double(digits, resp, out),
            Reply::Boolean(value) => out.put_slice(match (resp, value) {
                (Resp::V2, true) => b":1\r\n",
                (Resp::V2, false) => b":0\r\n",
                (Resp::V3, true) => b"#t\r\n",
                (Resp::V3, false) => b"#f\r\n",
            }),
            Reply::BigNumber(digits) => match resp {
                Resp::V2 => bulk(out, b'$', digits),
                Resp::V3 => line(out, b'(', digits),
            },
            Reply::Verbatim(format, text) => match resp {
                Resp::V2 => bulk(out, b'$', text),
                Resp::V3 => {
                    number(out, b'=', text.len() + 4);
                    out.put_slice(format);
                    out.put_u8(b':');
                    out.put_slice(text);
                    out.put_slice(b"\r\n");
                }
            },
        }
    }
}

/// Replaces line breaks, which would end a status or an error early.
pub(super) fn one_line(text: &mut [u8]) {
    for byte in text {
        if matches!(byte, b'\r' | b'\n') {
            *byte = b' ';
        }
    }
}

fn line(out: &mut BytesMut, kind: u8, text: &[u8]) {
    out.reserve(text.len() + 3);
    out.put_u8(kind);
    out.put_slice(text);
    out.put_slice(b"\r\n");
}

/// Writes a line with a number, such as a length.
pub(super) fn number(out: &mut BytesMut, kind: u8, value: impl itoa::Integer) {
    line(out, kind, itoa::Buffer::new().format(value).as_bytes());
}

/// Writes bytes with their length in front.
pub(super) fn bulk(out: &mut BytesMut, kind: u8, bytes: &[u8]) {
    out.reserve(bytes.len() + 16);
    number(out, kind, bytes.len());
    out.put_slice(bytes);
    out.put_slice(b"\r\n");
}

fn sequence(out: &mut BytesMut, kind: u8, items: &[Reply], resp: Resp) {
    number(out, kind, items.len());
    for item in items {
        item.encode(resp, out);
    }
}

fn encode_map(pairs: &[(Reply, Reply)], resp: Resp, out: &mut BytesMut) {
    match resp {
        Resp::V2 => number(out, b'*', pairs.len() * 2),
        Resp::V3 => number(out, b'%', pairs.len()),
    }
    for (key, value) in pairs {
        key.encode(resp, out);
        value.encode(resp, out);
    }
}

fn encode_double(digits: &[u8], resp: Resp, out: &mut BytesMut) {
    match resp {
        Resp::V2 => bulk(out, b'$', digits),
        Resp::V3 => line(out, b',', digits),
    }
}
