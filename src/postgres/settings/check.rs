//! What a setting takes, how it is written, and how it is shown.

use std::fmt;

use super::DateStyle;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::types::UTC;

/// How a setting's value is checked.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// Any text.
    Text,
    /// on or off.
    Flag,
    /// One of these words.
    Choice(Vec<&'static str>),
    Integer {
        unit: Option<Unit>,
        low: i32,
        high: i32,
    },
    Real {
        unit: Option<Unit>,
        low: f64,
        high: f64,
    },
    DateStyle,
    TimeZone,
    Encoding,
}

/// The unit that a number is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Bytes,
    Kilobytes,
    /// Of 8 kB.
    Blocks,
    Megabytes,
    Milliseconds,
    Seconds,
    Minutes,
}

/// Units that may be written, the largest first, in microseconds.
const TIMES: [(&str, f64); 6] = [
    ("d", 86_400e6),
    ("h", 3_600e6),
    ("min", 60e6),
    ("s", 1e6),
    ("ms", 1e3),
    ("us", 1.0),
];

/// The same of memory, in bytes.
const SIZES: [(&str, f64); 5] = [
    ("TB", 1_099_511_627_776.0),
    ("GB", 1_073_741_824.0),
    ("MB", 1_048_576.0),
    ("kB", 1_024.0),
    ("B", 1.0),
];

impl Unit {
    pub(super) fn named(name: &str) -> Option<Unit> {
        Some(match name {
            "B" => Unit::Bytes,
            "kB" => Unit::Kilobytes,
            "8kB" => Unit::Blocks,
            "MB" => Unit::Megabytes,
            "ms" => Unit::Milliseconds,
            "s" => Unit::Seconds,
            "min" => Unit::Minutes,
            _ => return None,
        })
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Unit::Bytes => "B",
            Unit::Kilobytes => "kB",
            Unit::Blocks => "8kB",
            Unit::Megabytes => "MB",
            Unit::Milliseconds => "ms",
            Unit::Seconds => "s",
            Unit::Minutes => "min",
        }
    }

    /// How many bytes or microseconds it is.
    fn size(self) -> f64 {
        match self {
            Unit::Bytes => 1.0,
            Unit::Kilobytes => 1_024.0,
            Unit::Blocks => 8_192.0,
            Unit::Megabytes => 1_048_576.0,
            Unit::Milliseconds => 1e3,
            Unit::Seconds => 1e6,
            Unit::Minutes => 60e6,
        }
    }

    fn written(self) -> &'static [(&'static str, f64)] {
        match self {
            Unit::Milliseconds | Unit::Seconds | Unit::Minutes => &TIMES,
            _ => &SIZES,
        }
    }

    fn hint(self) -> &'static str {
        match self {
            Unit::Milliseconds | Unit::Seconds | Unit::Minutes => {
                "Valid units for this parameter are \"us\", \"ms\", \"s\", \"min\", \"h\", and \"d\"."
            }
            _ => "Valid units for this parameter are \"B\", \"kB\", \"MB\", \"GB\", and \"TB\".",
        }
    }

    /// A number of this unit, in the largest one that divides it.
    pub(super) fn show(unit: Option<Unit>, number: f64) -> String {
        let Some(unit) = unit.filter(|_| number > 0.0) else {
            return General(number).to_string();
        };
        let total = number * unit.size();
        let whole = |(_, size): &&(&str, f64)| total % size == 0.0;
        match unit.written().iter().find(whole) {
            Some((name, size)) => format!("{}{name}", General(total / size)),
            None => format!("{}{}", General(number), unit.name()),
        }
    }

    /// The number that a text with a unit is of this one: rounded to the next
    /// smaller unit that could have been written.
    fn read(self, number: f64, written: &str) -> Option<f64> {
        let units = self.written();
        let at = units.iter().position(|(name, _)| *name == written)?;
        let (mut total, size) = (number * units[at].1, units[at].1);
        if let Some((_, smaller)) = units.get(at + 1)
            && size > self.size()
        {
            total = (total / smaller).round_ties_even() * smaller;
        }
        Some(total / self.size())
    }
}

/// A number as C's `%g` writes those that settings take.
struct General(f64);

impl fmt::Display for General {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: usize = 6;
        if self.0 == self.0.trunc() && self.0.abs() < 1e15 {
            return write!(f, "{}", self.0);
        }
        let scientific = format!("{:.*e}", DIGITS - 1, self.0);
        let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        let trim = |text: &str| {
            let text = text.trim_end_matches('0');
            text.trim_end_matches('.').to_owned()
        };
        if (-4..6).contains(&exponent) {
            let places = usize::try_from(5 - exponent).unwrap_or(0);
            return f.write_str(&trim(&format!("{:.places$}", self.0)));
        }
        let sign = if exponent < 0 { '-' } else { '+' };
        write!(f, "{}e{sign}{:02}", trim(mantissa), exponent.abs())
    }
}

pub(super) fn invalid(name: &str, value: &str) -> Error {
    Error::new(
        SqlState::INVALID_PARAMETER_VALUE,
        format!("invalid value for parameter \"{name}\": \"{value}\""),
    )
}

/// Reads a Boolean setting: any beginning of a word that tells it apart.
pub(in crate::postgres) fn flag(name: &str, value: &str) -> Result<bool> {
    let value = value.to_ascii_lowercase();
    let begins = |word: &str, least: usize| value.len() >= least && word.starts_with(&value);
    match () {
        () if begins("true", 1) || begins("yes", 1) || value == "on" || value == "1" => Ok(true),
        () if begins("false", 1) || begins("no", 1) || begins("off", 2) || value == "0" => {
            Ok(false)
        }
        () => Err(Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("parameter \"{name}\" requires a Boolean value"),
        )),
    }
}

impl Kind {
    /// The kind of a setting whose type is a string.
    pub(super) fn of_text(name: &str) -> Kind {
        match name {
            "DateStyle" => Kind::DateStyle,
            "TimeZone" => Kind::TimeZone,
            "client_encoding" => Kind::Encoding,
            _ => Kind::Text,
        }
    }

    /// The unit that numbers are counted in.
    pub(super) fn unit(&self) -> Option<&'static str> {
        match self {
            Kind::Integer { unit, .. } | Kind::Real { unit, .. } => unit.map(Unit::name),
            _ => None,
        }
    }

    /// A value that is shown with a unit, as a bare number.
    pub(super) fn raw(&self, shown: &str) -> String {
        match self {
            Kind::Integer { unit, .. } | Kind::Real { unit, .. } if unit.is_some() => {
                number("", *unit, shown, false)
                    .map_or_else(|_| shown.to_owned(), |number| General(number).to_string())
            }
            _ => shown.to_owned(),
        }
    }

    /// The value as it is kept and shown; `now` is what it was.
    pub(super) fn check(&self, name: &str, value: &str, now: &str) -> Result<String> {
        match self {
            Kind::Text => Ok(value.to_owned()),
            Kind::Flag => flag(name, value).map(|on| if on { "on" } else { "off" }.to_owned()),
            Kind::Choice(words) => choice(name, words, value),
            Kind::Integer { unit, low, high } => {
                let (low, high) = (f64::from(*low), f64::from(*high));
                let number = number(name, *unit, value, true)?;
                in_range(name, *unit, number, low, high)?;
                Ok(Unit::show(*unit, number))
            }
            Kind::Real { unit, low, high } => {
                let number = number(name, *unit, value, false)?;
                in_range(name, *unit, number, *low, *high)?;
                Ok(Unit::show(*unit, number))
            }
            Kind::DateStyle => DateStyle::read(value, now).map(|style| style.to_string()),
            Kind::TimeZone => zone(value),
            Kind::Encoding => encoding(name, value),
        }
    }
}

fn choice(name: &str, words: &[&str], value: &str) -> Result<String> {
    let same = |word: &&&str| word.eq_ignore_ascii_case(value);
    if let Some(word) = words.iter().find(same) {
        return Ok((*word).to_owned());
    }
    // Where on and off are among the words, other Booleans mean them.
    if let Ok(on) = flag(name, value) {
        let word = if on { "on" } else { "off" };
        if words.contains(&word) {
            return Ok(word.to_owned());
        }
    }
    let hint = format!("Available values: {}.", words.join(", "));
    Err(invalid(name, value).hint(hint))
}

fn number(name: &str, unit: Option<Unit>, value: &str, whole: bool) -> Result<f64> {
    let text = value.trim();
    let digits = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+');
    let exponent = |at: usize| {
        let rest = text[at..].strip_prefix(['e', 'E'])?;
        let signed = rest.strip_prefix(['-', '+']).unwrap_or(rest);
        let length = signed.find(|c: char| !c.is_ascii_digit());
        let length = length.unwrap_or(signed.len());
        (length > 0).then(|| at + text[at..].len() - signed.len() + length)
    };
    let end = text.find(|c| !digits(c)).unwrap_or(text.len());
    let end = exponent(end).unwrap_or(end);
    let number: f64 = text[..end].parse().map_err(|_| invalid(name, value))?;
    if !number.is_finite() {
        return Err(invalid(name, value));
    }
    let written = text[end..].trim();
    let mut number = match (unit, written) {
        (_, "") => number,
        (None, _) => return Err(invalid(name, value)),
        (Some(unit), written) => unit
            .read(number, written)
            .ok_or_else(|| invalid(name, value).hint(unit.hint()))?,
    };
    if whole {
        number = number.round_ties_even();
        if number > f64::from(i32::MAX) || number < f64::from(i32::MIN) {
            return Err(invalid(name, value).hint("Value exceeds integer range."));
        }
    }
    Ok(number)
}

fn in_range(name: &str, unit: Option<Unit>, number: f64, low: f64, high: f64) -> Result<()> {
    if (low..=high).contains(&number) {
        return Ok(());
    }
    let unit = unit.map_or_else(String::new, |unit| format!(" {}", unit.name()));
    Err(Error::new(
        SqlState::INVALID_PARAMETER_VALUE,
        format!(
            "{}{unit} is outside the valid range for parameter \"{name}\" ({} .. {})",
            General(number),
            General(low),
            General(high)
        ),
    ))
}

/// The one encoding that there is; those of PostgreSQL by how they begin.
fn encoding(name: &str, value: &str) -> Result<String> {
    let plain: String = value.chars().filter(|c| c.is_alphanumeric()).collect();
    let plain = plain.to_ascii_lowercase();
    let others = [
        "sqlascii", "latin", "iso8859", "win", "euc", "big5", "gb", "johab", "koi8", "mule",
        "sjis", "shift", "uhc",
    ];
    match plain.as_str() {
        "utf8" | "unicode" => Ok("UTF8".to_owned()),
        _ if others.iter().any(|other| plain.starts_with(other)) => {
            Err(Error::unsupported(format!("the client encoding {value}")))
        }
        _ => Err(invalid(name, value)),
    }
}

/// The names of the one zone that there is.
fn zone(value: &str) -> Result<String> {
    let same = |name: &&&str| name.eq_ignore_ascii_case(value);
    match UTC.iter().find(same) {
        Some(name) => Ok((*name).to_owned()),
        None => Err(Error::unsupported(format!("the time zone {value}"))),
    }
}

/// Settings of which one value is what this server does.
const ONLY: [(&str, &[&str]); 10] = [
    ("array_nulls", &["on"]),
    ("bytea_output", &["hex"]),
    ("default_table_access_method", &["heap"]),
    ("default_tablespace", &["", "pg_default"]),
    ("extra_float_digits", &["1", "2", "3"]),
    ("lc_monetary", &["C", "POSIX"]),
    ("lc_numeric", &["C", "POSIX"]),
    ("session_replication_role", &["origin", "local"]),
    ("standard_conforming_strings", &["on"]),
    ("transform_null_equals", &["off"]),
];

/// Refuses a value that would have to change what statements give.
pub(super) fn refuse_unhonoured(name: &str, value: &str) -> Result<()> {
    match ONLY.iter().find(|(known, _)| *known == name) {
        Some((_, values)) if !values.contains(&value) => {
            Err(Error::unsupported(format!("{name} = {value}")))
        }
        _ => Ok(()),
    }
}
