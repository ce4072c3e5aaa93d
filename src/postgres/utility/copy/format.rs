//! What the options of a COPY come to, and PostgreSQL's complaints about
//! those that do not go together.

use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::settings::Style;
use crate::postgres::sql::{CopyOption, CopyValue};
use crate::postgres::types::{Type, Value, write_styled_text};

use super::{binary, csv, text};

/// How values are written.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct Format {
    pub(super) mode: Mode,
    pub(super) delimiter: u8,
    pub(super) null: String,
    pub(super) header: Header,
}

#[derive(Debug, Clone)]
pub(super) enum Mode {
    Text,
    Csv(Csv),
    Binary,
}

#[derive(Debug, Clone)]
pub(super) struct Csv {
    pub(super) quote: u8,
    pub(super) escape: u8,
    /// Fields that are quoted in any case.
    pub(super) force_quote: Forced,
    /// Fields that are never NULL, and fields that are even if quoted.
    pub(super) force_not_null: Forced,
    pub(super) force_null: Forced,
}

/// Columns that an option names.
#[derive(Debug, Clone, Default)]
pub(super) enum Forced {
    #[default]
    None,
    All,
    Named(Vec<String>),
}

/// The first line: data, the names of the columns, or names to be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Header {
    No,
    Yes,
    Match,
}

impl Forced {
    pub(super) fn has(&self, column: &str) -> bool {
        match self {
            Forced::None => false,
            Forced::All => true,
            Forced::Named(names) => names.iter().any(|name| name == column),
        }
    }

    pub(super) fn named(&self) -> &[String] {
        match self {
            Forced::Named(names) => names,
            _ => &[],
        }
    }
}

pub(super) fn bad_format(message: impl Into<String>) -> Error {
    Error::new(SqlState("22P04"), message.into())
}

fn unavailable(message: impl Into<String>) -> Error {
    Error::new(SqlState::FEATURE_NOT_SUPPORTED, message.into())
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(SqlState::INVALID_PARAMETER_VALUE, message.into())
}

fn wrong(message: impl Into<String>) -> Error {
    Error::new(SqlState::SYNTAX_ERROR, message.into())
}

/// The options as they are given, each at most once.
#[derive(Default)]
struct Given {
    format: Option<String>,
    freeze: Option<bool>,
    delimiter: Option<String>,
    null: Option<String>,
    header: Option<Header>,
    quote: Option<String>,
    escape: Option<String>,
    force_quote: Option<Forced>,
    force_not_null: Option<Forced>,
    force_null: Option<Forced>,
    encoding: Option<()>,
}

impl Given {
    fn take(&mut self, option: &CopyOption, to: bool) -> Result<()> {
        match option.name.as_str() {
            "format" => once(&mut self.format, option, format_name),
            "freeze" => once(&mut self.freeze, option, boolean),
            "delimiter" => once(&mut self.delimiter, option, string),
            "null" => once(&mut self.null, option, string),
            "header" => once(&mut self.header, option, |option| header(option, to)),
            "quote" => once(&mut self.quote, option, string),
            "escape" => once(&mut self.escape, option, string),
            "force_quote" => once(&mut self.force_quote, option, |option| match option.value {
                Some(CopyValue::Star) => Ok(Forced::All),
                _ => columns(option),
            }),
            "force_not_null" => once(&mut self.force_not_null, option, columns),
            "force_null" => once(&mut self.force_null, option, columns),
            "encoding" => once(&mut self.encoding, option, encoding),
            name => {
                Err(wrong(format!("option \"{name}\" not recognized")).position(option.position))
            }
        }
    }
}

fn once<T>(
    slot: &mut Option<T>,
    option: &CopyOption,
    read: impl FnOnce(&CopyOption) -> Result<T>,
) -> Result<()> {
    if slot.is_some() {
        return Err(wrong("conflicting or redundant options").position(option.position));
    }
    *slot = Some(read(option)?);
    Ok(())
}

fn string(option: &CopyOption) -> Result<String> {
    match &option.value {
        Some(CopyValue::Text(text)) => Ok(text.clone()),
        Some(CopyValue::Star) => Ok("*".to_owned()),
        Some(CopyValue::List(names)) => Ok(names.join(".")),
        None => Err(wrong(format!("{} requires a parameter", option.name))),
    }
}

fn format_name(option: &CopyOption) -> Result<String> {
    let name = string(option)?;
    match name.as_str() {
        "text" | "csv" | "binary" => Ok(name),
        _ => {
            Err(invalid(format!("COPY format \"{name}\" not recognized")).position(option.position))
        }
    }
}

fn boolean(option: &CopyOption) -> Result<bool> {
    if option.value.is_none() {
        return Ok(true);
    }
    match string(option)?.to_ascii_lowercase().as_str() {
        "true" | "on" | "1" => Ok(true),
        "false" | "off" | "0" => Ok(false),
        _ => Err(wrong(format!("{} requires a Boolean value", option.name))),
    }
}

fn header(option: &CopyOption, to: bool) -> Result<Header> {
    let is_match = |text: &String| text.eq_ignore_ascii_case("match");
    match &option.value {
        Some(CopyValue::Text(text)) if is_match(text) && to => Err(unavailable(format!(
            "cannot use \"{text}\" with HEADER in COPY TO"
        ))),
        Some(CopyValue::Text(text)) if is_match(text) => Ok(Header::Match),
        _ => match boolean(option) {
            Ok(true) => Ok(Header::Yes),
            Ok(false) => Ok(Header::No),
            Err(_) => Err(wrong("header requires a Boolean value or \"match\"")),
        },
    }
}

fn columns(option: &CopyOption) -> Result<Forced> {
    match &option.value {
        Some(CopyValue::List(names)) => Ok(Forced::Named(names.clone())),
        _ => Err(invalid(format!(
            "argument to option \"{}\" must be a list of column names",
            option.name
        ))
        .position(option.position)),
    }
}

fn encoding(option: &CopyOption) -> Result<()> {
    let name = string(option)?;
    let spelt = name.replace(['-', '_'], "").to_ascii_lowercase();
    match spelt.as_str() {
        "utf8" | "unicode" => Ok(()),
        _ => Err(Error::unsupported(format!("COPY with the encoding {name}"))),
    }
}

/// The byte that a string is, as it has to be.
fn single(what: &str, text: &str) -> Result<u8> {
    match text.as_bytes() {
        [byte] => Ok(*byte),
        _ => Err(unavailable(format!(
            "COPY {what} must be a single one-byte character"
        ))),
    }
}

impl Format {
    /// What the options of a COPY come to.
    pub(super) fn of(options: &[CopyOption], to: bool) -> Result<Format> {
        let mut given = Given::default();
        for option in options {
            given.take(option, to)?;
        }
        let is_csv = given.format.as_deref() == Some("csv");
        let is_binary = given.format.as_deref() == Some("binary");
        if is_binary && given.delimiter.is_some() {
            return Err(wrong("cannot specify DELIMITER in BINARY mode"));
        }
        if is_binary && given.null.is_some() {
            return Err(wrong("cannot specify NULL in BINARY mode"));
        }
        let usual = if is_csv { ("", ",") } else { ("\\N", "\t") };
        let null = given.null.take().unwrap_or_else(|| usual.0.to_owned());
        let delimiter = single("delimiter", given.delimiter.as_deref().unwrap_or(usual.1))?;
        check_delimiter(delimiter, &null, is_csv)?;
        let header = given.header.unwrap_or(Header::No);
        if is_binary && header != Header::No {
            return Err(unavailable("cannot specify HEADER in BINARY mode"));
        }
        let mode = match is_csv {
            true => Mode::Csv(csv_of(given, delimiter, to)?),
            false => {
                no_csv(&given)?;
                if is_binary { Mode::Binary } else { Mode::Text }
            }
        };
        if null.as_bytes().contains(&delimiter) {
            return Err(unavailable(
                "COPY delimiter must not appear in the NULL specification",
            ));
        }
        if let Mode::Csv(csv) = &mode
            && null.as_bytes().contains(&csv.quote)
        {
            return Err(unavailable(
                "CSV quote character must not appear in the NULL specification",
            ));
        }
        Ok(Format {
            mode,
            delimiter,
            null,
            header,
        })
    }

    pub(in crate::postgres) fn is_binary(&self) -> bool {
        matches!(self.mode, Mode::Binary)
    }

    pub(super) fn csv(&self) -> Option<&Csv> {
        match &self.mode {
            Mode::Csv(csv) => Some(csv),
            _ => None,
        }
    }
}

fn check_delimiter(delimiter: u8, null: &str, is_csv: bool) -> Result<()> {
    if matches!(delimiter, b'\r' | b'\n') {
        return Err(invalid(
            "COPY delimiter cannot be newline or carriage return",
        ));
    }
    if null.contains(['\r', '\n']) {
        return Err(invalid(
            "COPY null representation cannot use newline or carriage return",
        ));
    }
    // Those that mean something after a backslash.
    let unsafe_in_text = matches!(delimiter, b'\\' | b'.' | b'a'..=b'z' | b'0'..=b'9');
    if !is_csv && unsafe_in_text {
        return Err(invalid(format!(
            "COPY delimiter cannot be \"{}\"",
            char::from(delimiter)
        )));
    }
    Ok(())
}

/// Refuses what only CSV knows.
fn no_csv(given: &Given) -> Result<()> {
    let only = [
        (given.quote.is_some(), "quote"),
        (given.escape.is_some(), "escape"),
        (given.force_quote.is_some(), "force quote"),
        (given.force_not_null.is_some(), "force not null"),
        (given.force_null.is_some(), "force null"),
    ];
    match only.iter().find(|(given, _)| *given) {
        Some((_, what)) => Err(unavailable(format!(
            "COPY {what} available only in CSV mode"
        ))),
        None => Ok(()),
    }
}

fn csv_of(given: Given, delimiter: u8, to: bool) -> Result<Csv> {
    let quote = given.quote.as_deref().unwrap_or("\"");
    let escape = given.escape.as_deref().unwrap_or(quote);
    let quote = single("quote", quote)?;
    if delimiter == quote {
        return Err(invalid("COPY delimiter and quote must be different"));
    }
    let escape = single("escape", escape)?;
    let one_way = [
        (given.force_quote.is_some() && !to, "quote", "TO"),
        (given.force_not_null.is_some() && to, "not null", "FROM"),
        (given.force_null.is_some() && to, "null", "FROM"),
    ];
    if let Some((_, what, way)) = one_way.iter().find(|(wrong, ..)| *wrong) {
        return Err(unavailable(format!(
            "COPY force {what} only available using COPY {way}"
        )));
    }
    Ok(Csv {
        quote,
        escape,
        force_quote: given.force_quote.unwrap_or_default(),
        force_not_null: given.force_not_null.unwrap_or_default(),
        force_null: given.force_null.unwrap_or_default(),
    })
}

/// The rows of a COPY TO, as they are written.
pub(in crate::postgres) struct Writer<'a> {
    pub(in crate::postgres) format: &'a Format,
    /// The columns' names and types.
    pub(in crate::postgres) columns: Vec<(&'a str, Type)>,
    pub(in crate::postgres) style: Style,
}

impl Writer<'_> {
    /// The line of names, if there is to be one.
    pub(in crate::postgres) fn header(&self, out: &mut Vec<u8>) {
        if self.format.header != Header::No {
            let names = self.columns.iter().map(|(name, _)| Some(name.as_bytes()));
            self.line(names, false, out);
        }
    }

    /// A row, or the end; before the first of them is what the binary format
    /// starts with.
    pub(in crate::postgres) fn row(&self, first: bool, row: Option<&[Value]>, out: &mut Vec<u8>) {
        if self.format.is_binary() && first {
            binary::write_header(out);
        }
        match (row, self.format.is_binary()) {
            (Some(row), true) => {
                let types = self.columns.iter().map(|(_, ty)| *ty);
                binary::write_row(types, row, out);
            }
            (Some(row), false) => self.values(row, out),
            (None, true) => binary::write_end(out),
            (None, false) => {}
        }
    }

    fn values(&self, row: &[Value], out: &mut Vec<u8>) {
        let text = |value: &Value| {
            let mut text = Vec::new();
            write_styled_text(value, self.style, &mut text);
            (!value.is_null()).then_some(text)
        };
        let texts: Vec<Option<Vec<u8>>> = row.iter().map(text).collect();
        self.line(texts.iter().map(Option::as_deref), true, out);
    }

    fn line<'t>(
        &self,
        fields: impl Iterator<Item = Option<&'t [u8]>>,
        is_data: bool,
        out: &mut Vec<u8>,
    ) {
        let alone = self.columns.len() == 1;
        for (index, (field, (name, _))) in fields.zip(&self.columns).enumerate() {
            if index > 0 {
                out.push(self.format.delimiter);
            }
            match (field, &self.format.mode) {
                (None, _) => out.extend_from_slice(self.format.null.as_bytes()),
                (Some(field), Mode::Csv(csv)) => {
                    let forced = is_data && csv.force_quote.has(name);
                    csv::write(self.format, csv, field, (forced, alone), out);
                }
                (Some(field), _) => text::write(self.format, field, out),
            }
        }
        out.push(b'\n');
    }
}
