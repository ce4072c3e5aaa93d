//! Where the lines of COPY FROM end. The first line decides how all others
//! have to; the data may say itself that it ends.

use super::format::{Csv, bad_format};
use crate::postgres::error::{Error, Result};

/// What ends the data inside of it.
pub(super) const END_OF_DATA: &[u8] = b"\\.";

/// How lines end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Newline,
    CarriageReturn,
    Both,
}

/// What there is to read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A line of so many bytes; the next one begins after `next`, and it took
    /// up `lines` of the file.
    Line {
        length: usize,
        next: usize,
        lines: u64,
    },
    /// The data ends after a last line of so many bytes.
    End(usize),
    /// Nothing whole yet.
    More,
}

/// A line that is being looked for.
struct Search<'a> {
    rest: &'a [u8],
    /// There will be no more bytes.
    last: bool,
    csv: Option<&'a Csv>,
}

/// Finds the end of the line that `rest` starts with.
pub(super) fn find(
    rest: &[u8],
    last: bool,
    csv: Option<&Csv>,
    ending: &mut Option<Ending>,
) -> Result<Found> {
    Search { rest, last, csv }.find(ending)
}

impl Search<'_> {
    fn find(&self, ending: &mut Option<Ending>) -> Result<Found> {
        let mut lines = 1;
        let (mut in_quotes, mut escaped) = (false, false);
        let mut at = 0;
        while let Some(byte) = self.rest.get(at) {
            if let Some(csv) = self.csv {
                // A quote that is doubled closes the field and opens it again.
                let escapes = csv.escape != csv.quote && *byte == csv.escape;
                if in_quotes && escapes {
                    escaped = !escaped;
                }
                if *byte == csv.quote && !escaped {
                    in_quotes = !in_quotes;
                }
                if !escapes {
                    escaped = false;
                }
                let counted = match ending {
                    None | Some(Ending::Newline) => b'\n',
                    Some(_) => b'\r',
                };
                lines += u64::from(in_quotes && *byte == counted);
            }
            let found = match byte {
                b'\r' if !in_quotes => self.carriage_return(at, ending)?,
                b'\n' if !in_quotes => self.newline(at, ending)?,
                b'\\' if self.csv.is_none() || at == 0 => match self.backslash(at, *ending)? {
                    None => {
                        // What follows is no end of a line.
                        at += if self.csv.is_none() { 2 } else { 1 };
                        continue;
                    }
                    found => found,
                },
                _ => None,
            };
            match found {
                None => at += 1,
                Some(Found::Line { length, next, .. }) => {
                    return Ok(Found::Line {
                        length,
                        next,
                        lines,
                    });
                }
                Some(found) => return Ok(found),
            }
        }
        let length = self.rest.len();
        Ok(if self.last && length > 0 {
            Found::Line {
                length,
                next: length,
                lines,
            }
        } else {
            Found::More
        })
    }

    fn line(length: usize, next: usize) -> Option<Found> {
        Some(Found::Line {
            length,
            next,
            lines: 1,
        })
    }

    fn carriage_return(&self, at: usize, ending: &mut Option<Ending>) -> Result<Option<Found>> {
        if *ending == Some(Ending::CarriageReturn) {
            return Ok(Search::line(at, at + 1));
        }
        if *ending == Some(Ending::Newline) {
            return Err(self.literal("carriage return", "\\r"));
        }
        match self.rest.get(at + 1) {
            None if !self.last => Ok(Some(Found::More)),
            Some(b'\n') => {
                *ending = Some(Ending::Both);
                Ok(Search::line(at, at + 2))
            }
            _ if *ending == Some(Ending::Both) => Err(self.literal("carriage return", "\\r")),
            _ => {
                *ending = Some(Ending::CarriageReturn);
                Ok(Search::line(at, at + 1))
            }
        }
    }

    fn newline(&self, at: usize, ending: &mut Option<Ending>) -> Result<Option<Found>> {
        if matches!(ending, Some(Ending::CarriageReturn | Ending::Both)) {
            return Err(self.literal("newline", "\\n"));
        }
        *ending = Some(Ending::Newline);
        Ok(Search::line(at, at + 1))
    }

    fn literal(&self, what: &str, escape: &str) -> Error {
        match self.csv {
            None => bad_format(format!("literal {what} found in data"))
                .hint(format!("Use \"{escape}\" to represent {what}.")),
            Some(_) => bad_format(format!("unquoted {what} found in data"))
                .hint(format!("Use quoted CSV field to represent {what}.")),
        }
    }

    /// A backslash: the data ends here if a dot and the end of a line follow.
    fn backslash(&self, at: usize, ending: Option<Ending>) -> Result<Option<Found>> {
        let wanted: &[u8] = match ending {
            Some(Ending::Both) => b"\r\n",
            Some(Ending::CarriageReturn) => b"\r",
            Some(Ending::Newline) => b"\n",
            None => b"",
        };
        let Some(dot) = self.rest.get(at + 1) else {
            return Ok((!self.last).then_some(Found::More));
        };
        if *dot != b'.' {
            return Ok(None);
        }
        let after = &self.rest[at + 2..];
        if after.starts_with(wanted) && !wanted.is_empty() {
            return Ok(Some(Found::End(at)));
        }
        match after.first() {
            None if !self.last => Ok(Some(Found::More)),
            Some(b'\r' | b'\n') if ending.is_none() => Ok(Some(Found::End(at))),
            Some(b'\r') if wanted == b"\r\n" && after.len() == 1 && !self.last => {
                Ok(Some(Found::More))
            }
            Some(b'\n') if self.csv.is_some() && wanted == b"\r\n" => Ok(None),
            Some(b'\r' | b'\n') => Err(bad_format(
                "end-of-copy marker does not match previous newline style",
            )),
            _ if self.csv.is_some() => Ok(None),
            _ => Err(bad_format("end-of-copy marker corrupt")),
        }
    }
}
