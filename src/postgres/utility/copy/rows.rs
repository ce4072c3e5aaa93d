//! The rows of a COPY FROM, as their bytes come in.

use std::ops::Range;

use super::CopyIn;
use super::binary::{Input, Short};
use super::format::{Csv, Header, Mode, bad_format};
use super::lines::{Ending, Found, find};
use super::{csv, text};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::types::{Reading, Type, Value, from_text, valid_text};

/// What the client has sent, and what has been read of it.
pub(in crate::postgres) struct Rows<'a> {
    copy: &'a CopyIn,
    reading: Reading,
    bytes: Vec<u8>,
    at: usize,
    /// The line or row that was read last, and the number that it has.
    line: Range<usize>,
    number: u64,
    ending: Option<Ending>,
    /// The header is still to come.
    before_header: bool,
    ended: bool,
}

type Fields = Vec<Option<Vec<u8>>>;

impl<'a> Rows<'a> {
    pub(super) fn new(copy: &'a CopyIn, reading: Reading) -> Rows<'a> {
        let format = &copy.format;
        Rows {
            copy,
            reading,
            bytes: Vec::new(),
            at: 0,
            line: 0..0,
            number: 0,
            ending: None,
            before_header: format.is_binary() || format.header != Header::No,
            ended: false,
        }
    }

    /// Takes what the client has sent.
    pub(in crate::postgres) fn feed(&mut self, data: &[u8]) {
        self.bytes.drain(..self.at);
        self.at = 0;
        self.bytes.extend_from_slice(data);
    }

    /// The next row that is there as a whole. `last` says that there will be
    /// no more bytes.
    pub(in crate::postgres) fn next(&mut self, last: bool) -> Result<Option<Vec<Value>>> {
        let row = match self.copy.format.mode {
            Mode::Binary => self.next_binary(last),
            _ => self.next_line(last),
        };
        row.map_err(|error| match error.fields().context {
            None => error.context(self.place()),
            Some(_) => error,
        })
    }

    fn next_line(&mut self, last: bool) -> Result<Option<Vec<Value>>> {
        while !self.ended {
            let rest = &self.bytes[self.at..];
            let csv = self.copy.format.csv();
            let number = self.number;
            self.number += 1;
            let (length, next, lines) = match find(rest, last, csv, &mut self.ending)? {
                Found::Line {
                    length,
                    next,
                    lines,
                } => (length, next, lines),
                Found::End(length) => {
                    self.ended = true;
                    if length == 0 {
                        break;
                    }
                    (length, rest.len(), 1)
                }
                Found::More => {
                    self.number = number;
                    return Ok(None);
                }
            };
            self.number = number + lines;
            self.line = self.at..self.at + length;
            self.at += next;
            let values = self.read();
            let shown = |error: Error| match error.fields().context {
                None => error.context(self.shown()),
                Some(_) => error,
            };
            if let Some(values) = values.map_err(shown)? {
                return Ok(Some(values));
            }
        }
        // What follows the end is not read.
        self.at = self.bytes.len();
        Ok(None)
    }

    /// The values of the line; None if it is the header.
    fn read(&mut self) -> Result<Option<Vec<Value>>> {
        let line = &self.bytes[self.line.clone()];
        if valid_text(line).is_err() {
            // What is shown of it may reach into the end of the line.
            let whole = [line, b"\n"].concat();
            valid_text(&whole).map_err(|error| error.context(self.place()))?;
        }
        let format = &self.copy.format;
        if self.before_header && format.header == Header::Yes {
            self.before_header = false;
            return Ok(None);
        }
        let columns = &self.copy.columns;
        if columns.is_empty() && line.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let fields = match format.csv() {
            Some(csv) => csv::fields(format, csv, line)?,
            None => text::fields(format, line),
        };
        if self.before_header {
            self.before_header = false;
            return self.check_header(&fields).map(|()| None);
        }
        if fields.len() > columns.len() {
            return Err(bad_format("extra data after last expected column"));
        }
        if let Some(missing) = columns.get(fields.len()) {
            let message = format!("missing data for column \"{missing}\"");
            return Err(bad_format(message));
        }
        self.values(fields).map(Some)
    }

    fn values(&self, fields: Fields) -> Result<Vec<Value>> {
        let types = self.copy.insert.params();
        let columns = &self.copy.columns;
        let csv = self.copy.format.csv();
        let columns = columns.iter().zip(types).zip(fields);
        let values = columns.map(|((column, ty), field)| {
            let field = match csv {
                Some(csv) => self.forced(csv, column, field),
                None => field,
            };
            field.map_or(Ok(Value::Null), |field| self.value(column, *ty, &field))
        });
        values.collect()
    }

    /// A field as the options of CSV have it.
    fn forced(&self, csv: &Csv, column: &str, field: Option<Vec<u8>>) -> Option<Vec<u8>> {
        let null = self.copy.format.null.as_bytes();
        match field {
            None => csv.force_not_null.has(column).then(|| null.to_vec()),
            Some(field) => (field != null || !csv.force_null.has(column)).then_some(field),
        }
    }

    fn value(&self, column: &str, ty: Type, field: &[u8]) -> Result<Value> {
        let text = valid_text(field)?;
        from_text(ty, text, &self.reading).map_err(|error| {
            let shown = excerpt(text.as_bytes());
            error.context(format!("{}, column {column}: \"{shown}\"", self.place()))
        })
    }

    fn check_header(&self, fields: &Fields) -> Result<()> {
        let columns = &self.copy.columns;
        if fields.len() != columns.len() {
            return Err(bad_format(format!(
                "wrong number of fields in header line: got {}, expected {}",
                fields.len(),
                columns.len()
            )));
        }
        for (index, (field, column)) in fields.iter().zip(columns).enumerate() {
            let got = match field {
                Some(field) if field == column.as_bytes() => continue,
                Some(field) => format!("\"{}\"", String::from_utf8_lossy(field)),
                None => format!("null value (\"{}\")", self.copy.format.null),
            };
            return Err(bad_format(format!(
                "column name mismatch in header line field {}: got {got}, expected \"{column}\"",
                index + 1
            )));
        }
        Ok(())
    }

    fn next_binary(&mut self, last: bool) -> Result<Option<Vec<Value>>> {
        let mut input = Input {
            rest: &self.bytes[self.at..],
        };
        if self.before_header {
            match input.header(last) {
                Err(Short) => return Ok(None),
                Ok(header) => header?,
            }
            self.before_header = false;
            self.at = self.bytes.len() - input.rest.len();
        }
        if self.ended {
            return match input.rest {
                [] => Ok(None),
                _ => Err(bad_format("received copy data after EOF marker")),
            };
        }
        self.number += 1;
        match self.binary_row(&mut input) {
            Ok(row) => {
                let row = row?;
                self.at = self.bytes.len() - input.rest.len();
                self.ended = row.is_none();
                if self.ended && self.at < self.bytes.len() {
                    return Err(bad_format("received copy data after EOF marker"));
                }
                Ok(row)
            }
            Err(Short) if last && self.at < self.bytes.len() => {
                Err(bad_format("unexpected EOF in COPY data"))
            }
            Err(Short) => {
                self.number -= 1;
                Ok(None)
            }
        }
    }

    /// A row; None if there is none left.
    fn binary_row(
        &self,
        input: &mut Input<'_>,
    ) -> std::result::Result<Result<Option<Vec<Value>>>, Short> {
        let Some(count) = input.fields()? else {
            return Ok(Ok(None));
        };
        let types = self.copy.insert.params();
        if usize::try_from(count) != Ok(types.len()) {
            return Ok(Err(bad_format(format!(
                "row field count is {count}, expected {}",
                types.len()
            ))));
        }
        let mut values = Vec::new();
        for (ty, column) in types.iter().zip(&self.copy.columns) {
            match input.field(*ty)? {
                Ok(value) => values.push(value),
                Err(error) => {
                    let context = format!("{}, column {column}", self.place());
                    return Ok(Err(error.context(context)));
                }
            }
        }
        Ok(Ok(Some(values)))
    }

    /// Says at which line a row was refused; those that it breaks a
    /// constraint of its own with are shown.
    pub(in crate::postgres) fn refused(&self, error: Error) -> Error {
        match error.code() {
            SqlState::UNIQUE_VIOLATION => error.context(self.place()),
            SqlState::NOT_NULL_VIOLATION | SqlState::CHECK_VIOLATION => error.context(self.shown()),
            _ => error,
        }
    }

    fn place(&self) -> String {
        format!("COPY {}, line {}", self.copy.table, self.number)
    }

    fn shown(&self) -> String {
        if self.copy.format.is_binary() {
            return self.place();
        }
        let line = excerpt(&self.bytes[self.line.clone()]);
        format!("{}: \"{line}\"", self.place())
    }
}

/// The first hundred bytes of what contexts show.
fn excerpt(text: &[u8]) -> String {
    const SHOWN: usize = 100;
    let text = String::from_utf8_lossy(text);
    match text
        .char_indices()
        .find(|(at, c)| at + c.len_utf8() > SHOWN)
    {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.into_owned(),
    }
}
