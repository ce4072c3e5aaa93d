//! COPY between a table and the client, in text format.
//!
//! COPY FROM STDIN runs an INSERT for each line; COPY TO STDOUT is a query
//! whose rows are written as lines. The conversation itself is `wire`'s.

use sqlparser::ast::{CopyLegacyOption, CopyOption, CopySource, CopyTarget, Ident, Statement};

use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::session::{Prepared, Session};
use crate::postgres::sql::{Source, fold, is_client, is_moot, object_name, parse};
use crate::postgres::types::{Value, from_text, valid_text, write_text};

/// How values are written.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct Format {
    delimiter: u8,
    null: String,
}

/// A COPY that is ready to run.
pub(in crate::postgres) enum Copy {
    /// From the client.
    In(CopyIn),
    /// To the client: a query.
    Out(Prepared, Format),
}

/// COPY FROM: what each line's values are given to.
pub(in crate::postgres) struct CopyIn {
    pub(in crate::postgres) insert: Prepared,
    table: String,
    columns: Vec<String>,
    format: Format,
}

/// What ends the data inside of it.
const END_OF_DATA: &[u8] = b"\\.";

impl Session {
    /// Prepares a COPY; None for another statement.
    pub(in crate::postgres) fn prepare_copy(&self, statement: &Statement) -> Result<Option<Copy>> {
        let Statement::Copy {
            source,
            to,
            target,
            options,
            legacy_options,
            ..
        } = statement
        else {
            return Ok(None);
        };
        self.refuse_if_failed(crate::postgres::sql::Keyword::Other)?;
        if !is_client(target) {
            return Err(not_the_client(target));
        }
        let format = Format::of(options, legacy_options)?;
        let prepared = |source| self.prepare(Some(source), None, &[]);
        let parsed = |sql: &str| -> Result<Prepared> {
            let parsed = parse(sql)?;
            let source = Source::all(&parsed).next();
            source.map_or_else(|| Err(Error::unsupported("this COPY")), prepared)
        };
        Ok(Some(match source {
            CopySource::Query(query) => {
                let source = Source::of(Statement::Query(query.clone()));
                Copy::Out(prepared(source)?, format)
            }
            CopySource::Table {
                table_name,
                columns,
            } => {
                let table = object_name(table_name)?;
                let columns = self.copied_columns(&table, columns)?;
                let names: Vec<String> = columns.iter().map(|name| quoted(name)).collect();
                let (target, list) = (quoted(&table), names.join(", "));
                if *to {
                    Copy::Out(parsed(&format!("SELECT {list} FROM {target}"))?, format)
                } else {
                    let values: Vec<String> =
                        (1..=columns.len()).map(|n| format!("${n}")).collect();
                    let values = values.join(", ");
                    let sql = format!("INSERT INTO {target} ({list}) VALUES ({values})");
                    Copy::In(CopyIn {
                        insert: parsed(&sql)?,
                        table,
                        columns,
                        format,
                    })
                }
            }
        }))
    }

    /// The columns that are named, or all of the table.
    fn copied_columns(&self, name: &str, named: &[Ident]) -> Result<Vec<String>> {
        let engine = self.shared.lock();
        let table = engine.catalog.find(name, &engine.clog, self.top());
        let def = &table
            .ok_or_else(|| {
                Error::new(
                    SqlState::UNDEFINED_TABLE,
                    format!("relation \"{name}\" does not exist"),
                )
            })?
            .def;
        if named.is_empty() {
            let columns = def.columns.iter().filter(|c| c.computed().is_none());
            return Ok(columns.map(|column| column.name.to_string()).collect());
        }
        let known = |column: &Ident| {
            let column = fold(column);
            match def.column(&column) {
                Some(index) if def.columns[index].computed().is_some() => Err(Error::new(
                    SqlState::INVALID_COLUMN_REFERENCE,
                    format!("column \"{column}\" is a generated column"),
                )
                .detail("Generated columns cannot be used in COPY.")),
                Some(_) => Ok(column),
                None => Err(Error::new(
                    SqlState::UNDEFINED_COLUMN,
                    format!("column \"{column}\" of relation \"{name}\" does not exist"),
                )),
            }
        };
        named.iter().map(known).collect()
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn not_the_client(target: &CopyTarget) -> Error {
    let what = match target {
        CopyTarget::Program { .. } => "COPY with a program",
        _ => "COPY with a file of the server",
    };
    Error::unsupported(what).hint("COPY from STDIN or to STDOUT instead.")
}

impl Format {
    fn of(options: &[CopyOption], legacy: &[CopyLegacyOption]) -> Result<Format> {
        let mut format = Format {
            delimiter: b'\t',
            null: "\\N".to_owned(),
        };
        for option in options {
            match option {
                CopyOption::Delimiter(delimiter) => format.delimiter = single(*delimiter)?,
                CopyOption::Null(null) => format.null.clone_from(null),
                moot if is_moot(moot) => {}
                other => return Err(Error::unsupported(format!("COPY with {other}"))),
            }
        }
        for option in legacy {
            match option {
                CopyLegacyOption::Delimiter(delimiter) => format.delimiter = single(*delimiter)?,
                CopyLegacyOption::Null(null) => format.null.clone_from(null),
                other => return Err(Error::unsupported(format!("COPY with {other}"))),
            }
        }
        Ok(format)
    }

    /// Appends a row as a line.
    pub(in crate::postgres) fn write(&self, row: &[Value], out: &mut Vec<u8>) {
        let mut text = Vec::new();
        for (index, value) in row.iter().enumerate() {
            if index > 0 {
                out.push(self.delimiter);
            }
            if value.is_null() {
                out.extend_from_slice(self.null.as_bytes());
                continue;
            }
            text.clear();
            write_text(value, &mut text);
            for byte in &text {
                match escape(*byte) {
                    Some(letter) => out.extend_from_slice(&[b'\\', letter]),
                    None if *byte == self.delimiter => out.extend_from_slice(&[b'\\', *byte]),
                    None => out.push(*byte),
                }
            }
        }
        out.push(b'\n');
    }

    /// The first field, as it is written, and what follows its delimiter.
    fn field<'a>(&self, text: &'a [u8]) -> (&'a [u8], Option<&'a [u8]>) {
        let mut at = 0;
        while let Some(byte) = text.get(at) {
            if *byte == self.delimiter {
                return (&text[..at], Some(&text[at + 1..]));
            }
            at += if *byte == b'\\' { 2 } else { 1 };
        }
        (text, None)
    }
}

impl CopyIn {
    /// The values of a line, without its end, and the number that it has. None
    /// at the end of the data.
    pub(in crate::postgres) fn read(&self, line: &[u8], number: u64) -> Result<Option<Vec<Value>>> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line == END_OF_DATA {
            return Ok(None);
        }
        if valid_text(line).is_err() {
            // What is shown of it may reach into the end of the line.
            let whole = [line, b"\n"].concat();
            valid_text(&whole).map_err(|error| error.context(self.place(number)))?;
        }
        let values = self.values(line, number);
        let values = values.map_err(|error| match error.fields().context {
            None => error.context(format!("{}: \"{}\"", self.place(number), excerpt(line))),
            Some(_) => error,
        });
        values.map(Some)
    }

    /// Says at which line a row was refused; those that it breaks a
    /// constraint of its own with are shown.
    pub(in crate::postgres) fn refused(&self, error: Error, line: &[u8], number: u64) -> Error {
        let place = self.place(number);
        match error.code() {
            SqlState::UNIQUE_VIOLATION => error.context(place),
            SqlState::NOT_NULL_VIOLATION | SqlState::CHECK_VIOLATION => {
                error.context(format!("{place}: \"{}\"", excerpt(line)))
            }
            _ => error,
        }
    }

    fn place(&self, number: u64) -> String {
        format!("COPY {}, line {number}", self.table)
    }

    fn values(&self, line: &[u8], number: u64) -> Result<Vec<Value>> {
        let types = self.insert.params();
        let mut fields = Vec::with_capacity(types.len());
        let mut rest = Some(line);
        while let Some(text) = rest {
            let (field, after) = self.format.field(text);
            rest = after;
            let Some(ty) = types.get(fields.len()) else {
                return Err(bad_format(
                    "extra data after last expected column".to_owned(),
                ));
            };
            fields.push(if field == self.format.null.as_bytes() {
                Value::Null
            } else {
                let bytes = unescaped(field);
                let text = valid_text(&bytes)?;
                from_text(*ty, text).map_err(|error| {
                    error.context(format!(
                        "{}, column {}: \"{}\"",
                        self.place(number),
                        self.columns[fields.len()],
                        excerpt(text.as_bytes())
                    ))
                })?
            });
        }
        if let Some(missing) = self.columns.get(fields.len()) {
            return Err(bad_format(format!("missing data for column \"{missing}\"")));
        }
        Ok(fields)
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

fn bad_format(message: String) -> Error {
    Error::new(SqlState("22P04"), message)
}

fn single(delimiter: char) -> Result<u8> {
    u8::try_from(delimiter).map_err(|_| {
        Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            "COPY delimiter must be a single one-byte character",
        )
    })
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
            None => out.push(b'\\'),
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
