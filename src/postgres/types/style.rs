//! Dates and timestamps as DateStyle has them, where that is not ISO.

use std::fmt;

use super::datetime::{
    MICROS_PER_DAY, civil_from_days, weekday, write_date, write_time, write_timestamp,
};
use crate::postgres::settings::{DateForm, DateOrder, DateStyle};

const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// The year as it is shown, and what says that it is before Christ.
fn era(year: i64) -> (i64, &'static str) {
    if year > 0 {
        (year, "")
    } else {
        (1 - year, " BC")
    }
}

/// Writes month, day and year as numbers.
fn write_numbers(
    date: (i64, i64, i64),
    style: DateStyle,
    out: &mut impl fmt::Write,
) -> fmt::Result {
    let (year, month, day) = date;
    let (year, _) = era(year);
    let (separator, day_first) = match style.form {
        DateForm::Iso => return write!(out, "{year:04}-{month:02}-{day:02}"),
        DateForm::Postgres => ('-', style.order == DateOrder::Dmy),
        DateForm::Sql => ('/', style.order == DateOrder::Dmy),
        DateForm::German => ('.', true),
    };
    let (first, second) = if day_first {
        (day, month)
    } else {
        (month, day)
    };
    write!(out, "{first:02}{separator}{second:02}{separator}{year:04}")
}

/// Writes a date.
pub(super) fn write_styled_date(
    days: i32,
    style: DateStyle,
    out: &mut impl fmt::Write,
) -> fmt::Result {
    if matches!(days, i32::MAX | i32::MIN) {
        return write_date(days, out);
    }
    let date = civil_from_days(days.into());
    write_numbers(date, style, out)?;
    out.write_str(era(date.0).1)
}

/// Writes a timestamp, with the zone if it has one.
pub(super) fn write_styled_timestamp(
    micros: i64,
    zoned: bool,
    style: DateStyle,
    out: &mut impl fmt::Write,
) -> fmt::Result {
    if matches!(micros, i64::MAX | i64::MIN) {
        return write_timestamp(micros, "", out);
    }
    let days = micros.div_euclid(MICROS_PER_DAY);
    let time = micros.rem_euclid(MICROS_PER_DAY);
    let date = civil_from_days(days);
    let (year, era) = era(date.0);
    if style.form == DateForm::Postgres {
        let index = |number: i64| usize::try_from(number).unwrap_or(0);
        let (weekday, month) = (WEEKDAYS[index(weekday(days))], MONTHS[index(date.1 - 1)]);
        let day = date.2;
        match style.order {
            DateOrder::Dmy => write!(out, "{weekday} {day:02} {month} ")?,
            _ => write!(out, "{weekday} {month} {day:02} ")?,
        }
        write_time(time, out)?;
        write!(out, " {year:04}")?;
    } else {
        write_numbers(date, style, out)?;
        out.write_str(" ")?;
        write_time(time, out)?;
    }
    if zoned {
        out.write_str(if style.form == DateForm::Iso {
            "+00"
        } else {
            " UTC"
        })?;
    }
    out.write_str(era)
}
