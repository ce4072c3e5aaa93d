//! Labels what clients ask, for rules of the simulated network.
//!
//! The tap follows the shape of the requests, whatever pieces they come in,
//! and labels each with its command's name when that name is complete. It
//! changes no byte. Input that is no request ends the labelling: the server
//! is about to end the connection.

use std::borrow::Cow;

use bytes::{BufMut, BytesMut};

use super::commands;
use super::number::parse_integer;
use super::wire::short_length;
use crate::rt::{ClientTap, Label};

pub(super) fn new() -> Box<dyn ClientTap> {
    Box::new(Tap {
        state: State::Start,
        line: Vec::new(),
        arguments: 0,
        named: false,
    })
}

/// The longest line that is looked at: a length, or an inline command's name.
const LINE_MAX: usize = 32;

struct Tap {
    state: State,
    /// What came of a line or name that is not over, up to [`LINE_MAX`].
    line: Vec<u8>,
    /// Arguments of the current request still to come.
    arguments: u64,
    /// Whether the current request has been labelled.
    named: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between requests.
    Start,
    /// In `*3`.
    Count,
    /// In `$5`.
    Length,
    /// In a bulk string and its line break, so many bytes to go.
    Bulk(u64),
    /// In an inline command.
    Inline,
    /// In what is no request.
    Lost,
}

impl ClientTap for Tap {
    fn pass(&mut self, bytes: &[u8], out: &mut BytesMut, labels: &mut Vec<Label>) {
        out.put_slice(bytes);
        let mut rest = bytes;
        while !rest.is_empty() && self.state != State::Lost {
            rest = self.step(rest, labels);
        }
    }
}

impl Tap {
    fn step<'a>(&mut self, bytes: &'a [u8], labels: &mut Vec<Label>) -> &'a [u8] {
        match self.state {
            State::Start => {
                self.named = false;
                self.state = if bytes[0] == b'*' {
                    State::Count
                } else {
                    State::Inline
                };
                bytes
            }
            State::Bulk(left) => self.bulk(left, bytes, labels),
            State::Length if self.line.is_empty() => match short_length(bytes) {
                Some((length, rest)) => {
                    self.state = State::Bulk(length as u64 + 2);
                    rest
                }
                None => self.line(bytes, labels),
            },
            State::Count | State::Length | State::Inline => self.line(bytes, labels),
            State::Lost => &[],
        }
    }

    fn line<'a>(&mut self, bytes: &'a [u8], labels: &mut Vec<Label>) -> &'a [u8] {
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
            self.keep(bytes);
            return &[];
        };
        let (now, rest) = (&bytes[..end], &bytes[end + 1..]);
        let line = self.whole(now);
        match self.state {
            State::Inline => {
                let mut words = line.split(u8::is_ascii_whitespace);
                if let Some(name) = words.find(|word| !word.is_empty()) {
                    labels.push(commands::label(name));
                }
                self.state = State::Start;
            }
            State::Count => {
                self.arguments = number(&line).unwrap_or(0);
                self.next_argument();
            }
            _ if line.first() == Some(&b'$') => {
                let length = number(&line);
                self.state =
                    length.map_or(State::Lost, |length| State::Bulk(length.saturating_add(2)));
            }
            _ => self.state = State::Lost,
        }
        rest
    }

    fn bulk<'a>(&mut self, left: u64, bytes: &'a [u8], labels: &mut Vec<Label>) -> &'a [u8] {
        let taken = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let (now, rest) = bytes.split_at(taken);
        let left = left - u64::try_from(taken).unwrap_or(left);
        if left > 0 {
            self.state = State::Bulk(left);
            if !self.named {
                self.keep(now);
            }
            return rest;
        }
        if !std::mem::replace(&mut self.named, true) {
            let name = self.whole(now);
            labels.push(commands::label(name.strip_suffix(b"\r\n").unwrap_or(&name)));
        }
        self.arguments -= 1;
        self.next_argument();
        rest
    }

    fn next_argument(&mut self) {
        self.state = if self.arguments == 0 {
            State::Start
        } else {
            State::Length
        };
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = LINE_MAX - self.line.len();
        self.line.extend(&bytes[..bytes.len().min(room)]);
    }

    /// What was kept and its end, `now`, up to [`LINE_MAX`].
    fn whole<'a>(&mut self, now: &'a [u8]) -> Cow<'a, [u8]> {
        if self.line.is_empty() {
            return Cow::Borrowed(&now[..now.len().min(LINE_MAX)]);
        }
        self.keep(now);
        Cow::Owned(std::mem::take(&mut self.line))
    }
}

/// The number of a length line.
fn number(line: &[u8]) -> Option<u64> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    u64::try_from(parse_integer(line.get(1..)?)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels_of(pieces: &[&[u8]]) -> Vec<Label> {
        let (mut tap, mut out, mut labels) = (new(), BytesMut::new(), Vec::new());
        for piece in pieces {
            tap.pass(piece, &mut out, &mut labels);
        }
        assert_eq!(out, pieces.concat(), "no byte is lost or changed");
        labels
    }

    #[test]
    fn requests_are_labelled_however_they_are_cut() {
        let input =
            b"*3\r\n$3\r\nset\r\n$1\r\na\r\n$6\r\n*1\r\n$4\r\n*3\r\n$7\r\nEVALSHA\r\n$1\r\n\
            x\r\n$1\r\n0\r\nPING\r\n\r\n*0\r\n*1\r\n$4\r\nNOPE\r\n*2\r\n$3\r\nGET\r\n$1\r\na\r\n";
        let expected = ["SET", "EVAL", "PING", "unknown command", "GET"];
        assert_eq!(labels_of(&[input]), expected);
        let bytes: Vec<&[u8]> = input.chunks(1).collect();
        assert_eq!(labels_of(&bytes), expected);
        for cut in 0..input.len() {
            let (left, right) = input.split_at(cut);
            assert_eq!(labels_of(&[left, right]), expected, "cut at {cut}");
        }
    }

    #[test]
    fn what_is_no_request_ends_the_labels_and_loses_no_byte() {
        assert!(labels_of(&[b"*1\r\n+PING\r\n*1\r\n$4\r\nPING\r\n"]).is_empty());
    }
}
