//! to_date and to_timestamp of a text: PostgreSQL takes texts that fit their
//! format in part; here they have to fit it digit by digit, and all else is
//! refused.

use super::to_char::{literal, pattern};
use super::{Builtin, text};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::types::{MICROS_PER_DAY, Type, Value, date_of, in_range};

use Type::{Date, Text, Timestamptz};

pub(super) const FUNCTIONS: &[Builtin] = &[
    Builtin::new("to_date", &[Text, Text], Date, |a, _| {
        let read = read(text(&a[0])?, text(&a[1])?)?;
        Ok(Value::Date(read.date(text(&a[0])?)?))
    }),
    Builtin::new("to_timestamp", &[Text, Text], Timestamptz, |a, _| {
        let read = read(text(&a[0])?, text(&a[1])?)?;
        read.timestamp(text(&a[0])?).map(Value::Timestamp)
    }),
];

/// What has been read of a text.
struct Read {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    micros: i64,
}

fn refused() -> Error {
    Error::unsupported("a text that does not fit its format digit by digit")
}

fn out_of_range(shown: &str) -> Error {
    let message = format!("date/time field value out of range: \"{shown}\"");
    Error::new(SqlState::DATETIME_FIELD_OVERFLOW, message)
}

fn read(shown: &str, format: &str) -> Result<Read> {
    let mut read = Read {
        year: 0,
        month: 1,
        day: 1,
        hour: 0,
        minute: 0,
        second: 0,
        micros: 0,
    };
    let (mut left, mut rest) = (shown, format);
    while !rest.is_empty() {
        let modified = ["FM", "fm", "TM", "tm"]
            .iter()
            .any(|word| rest.starts_with(word));
        if modified {
            return Err(Error::unsupported("a modifier where a text is read"));
        }
        let Some((name, _, after)) = pattern(rest) else {
            let mut out = String::new();
            rest = literal(rest, &mut out);
            left = left.strip_prefix(&out).ok_or_else(refused)?;
            continue;
        };
        rest = after;
        let ordinal = ["TH", "th", "SP"].iter().any(|word| rest.starts_with(word));
        if ordinal {
            return Err(Error::unsupported("a modifier where a text is read"));
        }
        let (field, width, factor) = match name {
            "YYYY" => (&mut read.year, 4, 1),
            "MM" => (&mut read.month, 2, 1),
            "DD" => (&mut read.day, 2, 1),
            "HH24" => (&mut read.hour, 2, 1),
            "MI" => (&mut read.minute, 2, 1),
            "SS" => (&mut read.second, 2, 1),
            "MS" => (&mut read.micros, 3, 1_000),
            "US" => (&mut read.micros, 6, 1),
            _ => {
                let message = format!("the pattern {name} where a text is read");
                return Err(Error::unsupported(message));
            }
        };
        let (digits, more) = left.split_at_checked(width).ok_or_else(refused)?;
        let all = digits.bytes().all(|byte| byte.is_ascii_digit());
        let goes_on = more.starts_with(|c: char| c.is_ascii_digit()) && pattern(rest).is_none();
        if !all || goes_on {
            return Err(refused());
        }
        *field = digits.parse::<i64>().map_err(|_| refused())? * factor;
        left = more;
    }
    // What is 0 would be what nothing is said of.
    let whole = left.is_empty() && read.year > 0 && read.month > 0 && read.day > 0;
    whole.then_some(read).ok_or_else(refused)
}

impl Read {
    fn date(&self, shown: &str) -> Result<i32> {
        let date = date_of(self.year, self.month, self.day);
        let there = self.hour < 24 && self.minute < 60 && self.second < 60;
        date.filter(|_| there).ok_or_else(|| out_of_range(shown))
    }

    fn timestamp(&self, shown: &str) -> Result<i64> {
        let days = i64::from(self.date(shown)?);
        let seconds = self.hour * 3_600 + self.minute * 60 + self.second;
        in_range(days * MICROS_PER_DAY + seconds * 1_000_000 + self.micros)
            .ok_or_else(|| out_of_range(shown))
    }
}
