//! to_char of times: the patterns of their format, in which all else stands
//! for itself.

use super::{Builtin, text};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::types::{
    Field, Interval, MICROS_PER_DAY, Type, Value, extract, is_infinite, weekday,
};

use Type::{Text, Timestamp, Timestamptz};

pub(super) const FUNCTIONS: &[Builtin] = &[
    Builtin::new("to_char", &[Timestamptz, Text], Text, |a, _| match &a[0] {
        Value::Timestamp(at) => to_char(*at, true, text(&a[1])?),
        _ => Err(super::unexpected()),
    }),
    Builtin::new("to_char", &[Timestamp, Text], Text, |a, _| match &a[0] {
        Value::Local(at) => to_char(*at, false, text(&a[1])?),
        _ => Err(super::unexpected()),
    }),
    Builtin::new("to_char", &[Type::Interval, Text], Text, |a, _| {
        match &a[0] {
            Value::Interval(span) => shown(&Moment::of_span(**span), text(&a[1])?),
            _ => Err(super::unexpected()),
        }
    }),
];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const DAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];
const ROMAN: [&str; 12] = [
    "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII",
];

/// The patterns, the longer before what they begin with. Those in capitals
/// have a twin in small letters.
const PATTERNS: [&str; 58] = [
    "Y,YYY", "SSSSS", "MONTH", "Month", "HH24", "HH12", "IDDD", "IYYY", "SSSS", "YYYY", "A.D.",
    "A.M.", "B.C.", "P.M.", "DAY", "Day", "DDD", "FF1", "FF2", "FF3", "FF4", "FF5", "FF6", "IYY",
    "MON", "Mon", "TZH", "TZM", "YYY", "AD", "AM", "BC", "CC", "DD", "DY", "Dy", "FX", "HH", "ID",
    "IW", "IY", "MI", "MM", "MS", "OF", "PM", "RM", "SS", "TZ", "US", "WW", "YY", "D", "I", "J",
    "Q", "W", "Y",
];

/// What those patterns begin with in whose digits a sign is counted.
const COUNTED: [&str; 6] = ["DD", "IDDD", "WW", "FF", "US", "MS"];

/// A time in the parts that patterns show.
struct Moment {
    /// A year is counted from 1 BC as 0, as PostgreSQL has it inside.
    year: i64,
    month: i64,
    day: i64,
    day_of_year: i64,
    hour: i64,
    minute: i64,
    second: i64,
    micros: i64,
    /// Days from 2000-01-01; None of an interval.
    date: Option<i64>,
    zoned: bool,
}

impl Moment {
    fn at(micros: i64, zoned: bool) -> Moment {
        let part = |field| i64::try_from(extract(field, micros).0).unwrap_or(0);
        let counted = part(Field::Year);
        Moment {
            year: if counted < 0 { counted + 1 } else { counted },
            month: part(Field::Month),
            day: part(Field::Day),
            day_of_year: part(Field::DayOfYear),
            hour: part(Field::Hour),
            minute: part(Field::Minute),
            second: part(Field::Microseconds) / 1_000_000,
            micros: part(Field::Microseconds) % 1_000_000,
            date: Some(micros.div_euclid(MICROS_PER_DAY)),
            zoned,
        }
    }

    fn of_span(span: Interval) -> Moment {
        let (year, month) = (i64::from(span.months / 12), i64::from(span.months % 12));
        let seconds = span.micros / 1_000_000;
        Moment {
            year,
            month,
            day: span.days.into(),
            day_of_year: i64::from(span.months) * 30 + i64::from(span.days),
            hour: seconds / 3_600,
            minute: seconds / 60 % 60,
            second: seconds % 60,
            micros: span.micros % 1_000_000,
            date: None,
            zoned: false,
        }
    }

    /// What only a date has.
    fn of_date(&self) -> Result<i64> {
        self.date.ok_or_else(|| {
            let message = "invalid format specification for an interval value";
            Error::new(SqlState("22007"), message)
                .hint("Intervals are not tied to specific calendar dates.")
        })
    }

    fn field(&self, field: Field) -> Result<i64> {
        let Some(date) = self.date else {
            return Err(Error::unsupported("this pattern in to_char of an interval"));
        };
        Ok(i64::try_from(extract(field, date * MICROS_PER_DAY).0).unwrap_or(0))
    }

    /// The year as it is shown: before Christ without a sign.
    fn shown_year(&self, year: i64) -> i64 {
        match self.date {
            Some(_) if year <= 0 => 1 - year,
            _ => year,
        }
    }

    fn iso_year(&self) -> Result<i64> {
        let year = self.field(Field::IsoYear)?;
        Ok(self.shown_year(if year < 0 { year + 1 } else { year }))
    }
}

fn to_char(at: i64, zoned: bool, format: &str) -> Result<Value> {
    if is_infinite(at) {
        return Ok(Value::Null);
    }
    shown(&Moment::at(at, zoned), format)
}

/// A pattern, and what stands around it.
struct Pattern {
    name: &'static str,
    small: bool,
    /// FM: nothing is filled up.
    bare: bool,
    /// TM: no name is, either.
    translated: bool,
    /// TH or th.
    ordinal: Option<bool>,
}

fn take<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    text.strip_prefix(word)
}

/// The pattern that a format begins with, in capitals or small letters alike.
pub(super) fn pattern(format: &str) -> Option<(&'static str, bool, &str)> {
    PATTERNS.iter().find_map(|name| {
        if let Some(rest) = take(format, name) {
            return Some((*name, false, rest));
        }
        let small = name.to_ascii_lowercase();
        let twin = **name == name.to_ascii_uppercase();
        let rest = take(format, &small).filter(|_| twin)?;
        Some((*name, true, rest))
    })
}

fn shown(moment: &Moment, format: &str) -> Result<Value> {
    if format.is_empty() {
        return Ok(Value::Null);
    }
    let (mut out, mut rest) = (String::new(), format);
    while !rest.is_empty() {
        let (mut bare, mut translated) = (false, false);
        for prefix in ["FM", "fm", "TM", "tm"] {
            if let Some(after) = take(rest, prefix) {
                (bare, translated) = match prefix {
                    "FM" | "fm" => (true, false),
                    _ => (false, true),
                };
                rest = after;
                break;
            }
        }
        let Some((name, small, after)) = pattern(rest) else {
            rest = literal(rest, &mut out);
            continue;
        };
        rest = after;
        let mut ordinal = None;
        for (suffix, small) in [("TH", false), ("th", true), ("SP", false)] {
            if let Some(after) = take(rest, suffix) {
                ordinal = Some(small).filter(|_| suffix != "SP");
                rest = after;
                break;
            }
        }
        let pattern = Pattern {
            name,
            small,
            bare,
            translated,
            ordinal,
        };
        write(moment, &pattern, &mut out)?;
    }
    Ok(Value::Text(out.into()))
}

/// Takes over what is no pattern: one character, or all between quotes.
pub(super) fn literal<'a>(format: &'a str, out: &mut String) -> &'a str {
    let mut chars = format.chars();
    match chars.next() {
        Some('"') => {
            while let Some(c) = chars.next() {
                match c {
                    '"' => break,
                    '\\' => out.push(chars.next().unwrap_or('\\')),
                    c => out.push(c),
                }
            }
        }
        Some('\\') if chars.as_str().starts_with('"') => {
            chars.next();
            out.push('"');
        }
        Some(c) => out.push(c),
        None => {}
    }
    chars.as_str()
}

fn write(moment: &Moment, pattern: &Pattern, out: &mut String) -> Result<()> {
    let number = number(moment, pattern.name)?;
    if let Some((number, width)) = number {
        let mut width = width;
        if pattern.bare && !pattern.name.starts_with(['F', 'U']) && pattern.name != "MS" {
            width = 0;
        }
        let mut shown = match pattern.name {
            "Y,YYY" => format!("{},{:03}", number / 1_000, number % 1_000),
            // In some the sign is not counted.
            name if number < 0
                && width > 1
                && !COUNTED.iter().any(|word| name.starts_with(word)) =>
            {
                format!("-{:0width$}", -number)
            }
            _ => format!("{number:0width$}"),
        };
        if let Some(small) = pattern.ordinal {
            let suffix = ordinal(&shown);
            shown += &if small {
                suffix.to_ascii_lowercase()
            } else {
                suffix.to_owned()
            };
        }
        out.push_str(&shown);
        return Ok(());
    }
    let word = word(moment, pattern)?;
    let word = match pattern.small {
        true => word.to_ascii_lowercase(),
        false => word,
    };
    out.push_str(&word);
    Ok(())
}

/// What ends the number of a place in a row.
pub(super) fn ordinal(number: &str) -> &'static str {
    let teen = number.len() > 1 && number[..number.len() - 1].ends_with('1');
    match number.chars().last() {
        Some('1') if !teen => "ST",
        Some('2') if !teen => "ND",
        Some('3') if !teen => "RD",
        _ => "TH",
    }
}

/// The number that a pattern shows, and in how many digits.
fn number(moment: &Moment, name: &str) -> Result<Option<(i64, usize)>> {
    let year = moment.shown_year(moment.year);
    Ok(Some(match name {
        "HH" | "HH12" => match moment.hour % 12 {
            0 => (12, 2),
            hour => (hour, 2),
        },
        "HH24" => (moment.hour, 2),
        "MI" => (moment.minute, 2),
        "SS" => (moment.second, 2),
        "FF1" => (moment.micros / 100_000, 1),
        "FF2" => (moment.micros / 10_000, 2),
        "FF3" | "MS" => (moment.micros / 1_000, 3),
        "FF4" => (moment.micros / 100, 4),
        "FF5" => (moment.micros / 10, 5),
        "FF6" | "US" => (moment.micros, 6),
        "SSSS" | "SSSSS" => (moment.hour * 3_600 + moment.minute * 60 + moment.second, 0),
        "MM" => (moment.month, 2),
        "DDD" => (moment.day_of_year, 3),
        "IDDD" => {
            let (week, day) = (
                moment.field(Field::Week)?,
                moment.field(Field::IsoDayOfWeek)?,
            );
            ((week - 1) * 7 + day, 3)
        }
        "DD" => (moment.day, 2),
        "D" => (moment.of_date().map(|date| (weekday(date) + 1) % 7 + 1)?, 0),
        "ID" => (moment.of_date().map(|date| weekday(date) + 1)?, 0),
        "WW" => ((moment.day_of_year - 1) / 7 + 1, 2),
        "IW" => (moment.field(Field::Week)?, 2),
        "Q" => (moment.field(Field::Quarter)?, 0),
        "CC" if moment.date.is_none() => (moment.year / 100, 2),
        "CC" if moment.year > 0 => ((moment.year - 1) / 100 + 1, 2),
        "CC" => (moment.year / 100 - 1, 2),
        "Y,YYY" => (year, 0),
        "YYYY" => (year, 4),
        "YYY" => (year % 1_000, 3),
        "YY" => (year % 100, 2),
        "Y" => (year % 10, 1),
        "IYYY" => (moment.iso_year()?, 4),
        "IYY" => (moment.iso_year()? % 1_000, 3),
        "IY" => (moment.iso_year()? % 100, 2),
        "I" => (moment.iso_year()? % 10, 1),
        "W" => ((moment.day - 1) / 7 + 1, 0),
        "J" => (moment.field(Field::Julian)?, 0),
        _ => return Ok(None),
    }))
}

/// The word that a pattern shows.
fn word(moment: &Moment, pattern: &Pattern) -> Result<String> {
    let bare = pattern.bare || pattern.translated && pattern.name != "RM";
    let filled = |word: String, width: usize| match bare {
        true => word,
        false => format!("{word:width$}"),
    };
    let index = |number: i64| usize::try_from(number).unwrap_or(0);
    let month = |moment: &Moment| MONTHS[index(moment.month - 1)];
    let day = |date: i64| DAYS[index(weekday(date))];
    let afternoon = moment.hour % 24 >= 12;
    Ok(match pattern.name {
        "AM" | "PM" => if afternoon { "PM" } else { "AM" }.to_owned(),
        "A.M." | "P.M." => if afternoon { "P.M." } else { "A.M." }.to_owned(),
        "AD" | "BC" => {
            moment.of_date()?;
            if moment.year <= 0 { "BC" } else { "AD" }.to_owned()
        }
        "A.D." | "B.C." => {
            moment.of_date()?;
            if moment.year <= 0 { "B.C." } else { "A.D." }.to_owned()
        }
        "MONTH" => moment
            .of_date()
            .map(|_| filled(month(moment).to_uppercase(), 9))?,
        "Month" => moment
            .of_date()
            .map(|_| filled(month(moment).to_owned(), 9))?,
        "MON" => moment
            .of_date()
            .map(|_| month(moment)[..3].to_uppercase())?,
        "Mon" => moment.of_date().map(|_| month(moment)[..3].to_owned())?,
        "DAY" => moment
            .of_date()
            .map(|date| filled(day(date).to_uppercase(), 9))?,
        "Day" => moment
            .of_date()
            .map(|date| filled(day(date).to_owned(), 9))?,
        "DY" => moment.of_date().map(|date| day(date)[..3].to_uppercase())?,
        "Dy" => moment.of_date().map(|date| day(date)[..3].to_owned())?,
        "RM" => {
            moment.field(Field::Month)?;
            filled(ROMAN[index(moment.month - 1)].to_owned(), 4)
        }
        "TZ" => moment
            .of_date()
            .map(|_| if moment.zoned { "UTC" } else { "" }.to_owned())?,
        "TZH" | "OF" => moment.of_date().map(|_| {
            if pattern.bare && pattern.name == "OF" {
                "+0"
            } else {
                "+00"
            }
            .to_owned()
        })?,
        "TZM" => moment.of_date().map(|_| "00".to_owned())?,
        _ => String::new(),
    })
}
