//! Dates and timestamps as DateStyle has them, where that is not ISO, and
//! intervals as IntervalStyle has them.

use std::fmt;

use super::Interval;
use super::datetime::{
    MICROS_PER_DAY, MICROS_PER_SECOND, civil_from_days, weekday, write_date, write_time,
    write_timestamp,
};
use crate::postgres::settings::{DateForm, DateOrder, DateStyle, IntervalStyle};

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

/// An interval in the units that are shown. All parts of its time have one
/// sign; its years and months do too.
struct Shown {
    years: i64,
    months: i64,
    days: i64,
    hours: i64,
    minutes: i64,
    seconds: i64,
    micros: i64,
}

impl Shown {
    fn of(span: Interval) -> Shown {
        let seconds = span.micros / MICROS_PER_SECOND;
        Shown {
            years: (span.months / 12).into(),
            months: (span.months % 12).into(),
            days: span.days.into(),
            hours: seconds / 3_600,
            minutes: seconds / 60 % 60,
            seconds: seconds % 60,
            micros: span.micros % MICROS_PER_SECOND,
        }
    }

    /// Seconds without a sign, in at least so many digits.
    fn write_seconds(&self, width: usize, out: &mut impl fmt::Write) -> fmt::Result {
        write!(out, "{:0width$}", self.seconds.abs())?;
        if self.micros != 0 {
            let digits = format!("{:06}", self.micros.abs());
            write!(out, ".{}", digits.trim_end_matches('0'))?;
        }
        Ok(())
    }

    /// `4:05:06`, its hours in at least so many digits.
    fn write_clock(&self, width: usize, out: &mut impl fmt::Write) -> fmt::Result {
        let (hours, minutes) = (self.hours.abs(), self.minutes.abs());
        write!(out, "{hours:0width$}:{minutes:02}:")?;
        self.write_seconds(2, out)
    }
}

/// Writes an interval.
pub(super) fn write_styled_interval(
    span: Interval,
    style: IntervalStyle,
    out: &mut impl fmt::Write,
) -> fmt::Result {
    match style {
        IntervalStyle::Postgres => write_postgres(span, out),
        IntervalStyle::PostgresVerbose => write_verbose(span, out),
        IntervalStyle::SqlStandard => write_standard(span, out),
        IntervalStyle::Iso8601 => write_iso(span, out),
    }
}

/// `1 year 2 mons -3 days +04:05:06`: after a negative part a positive one
/// shows its sign.
fn write_postgres(span: Interval, out: &mut impl fmt::Write) -> fmt::Result {
    let shown = Shown::of(span);
    let (mut separator, mut negative) = ("", false);
    let parts = [
        (shown.years, "year"),
        (shown.months, "mon"),
        (shown.days, "day"),
    ];
    for (amount, unit) in parts {
        if amount != 0 {
            let plural = if amount == 1 { "" } else { "s" };
            let sign = if negative && amount > 0 { "+" } else { "" };
            write!(out, "{separator}{sign}{amount} {unit}{plural}")?;
            (separator, negative) = (" ", amount < 0);
        }
    }
    if span.micros != 0 || separator.is_empty() {
        let sign = match span.micros {
            ..0 => "-",
            _ if negative => "+",
            _ => "",
        };
        write!(out, "{separator}{sign}")?;
        shown.write_clock(2, out)?;
    }
    Ok(())
}

/// `@ 1 year 2 mons -3 days 4 secs ago`: the first part has no sign; ago turns
/// all of them around.
fn write_verbose(span: Interval, out: &mut impl fmt::Write) -> fmt::Result {
    let shown = Shown::of(span);
    let mut ago = None;
    let mut turned = |amount: i64| match *ago.get_or_insert(amount < 0) {
        true => -amount,
        false => amount,
    };
    out.write_str("@")?;
    let parts = [
        (shown.years, "year"),
        (shown.months, "mon"),
        (shown.days, "day"),
        (shown.hours, "hour"),
        (shown.minutes, "min"),
    ];
    for (amount, unit) in parts {
        if amount != 0 {
            let amount = turned(amount);
            let plural = if amount == 1 { "" } else { "s" };
            write!(out, " {amount} {unit}{plural}")?;
        }
    }
    let rest = span.micros % (60 * MICROS_PER_SECOND);
    if rest != 0 {
        let sign = if turned(rest) < 0 { "-" } else { "" };
        write!(out, " {sign}")?;
        shown.write_seconds(1, out)?;
        let one = rest.abs() == MICROS_PER_SECOND;
        out.write_str(if one { " sec" } else { " secs" })?;
    }
    out.write_str(match ago {
        None => " 0",
        Some(true) => " ago",
        Some(false) => "",
    })
}

/// `1-2`, `3 4:05:06`; what SQL has no literal for has all parts, each with a
/// sign.
fn write_standard(span: Interval, out: &mut impl fmt::Write) -> fmt::Result {
    let shown = Shown::of(span);
    let all = [shown.years, shown.months, shown.days, span.micros];
    let negative = all.iter().any(|part| *part < 0);
    let positive = all.iter().any(|part| *part > 0);
    let (of_months, of_days) = (span.months != 0, span.days != 0);
    if !negative && !positive {
        return out.write_str("0");
    }
    if negative && positive || of_months && (of_days || span.micros != 0) {
        let sign = |negative: bool| if negative { '-' } else { '+' };
        let (years, months) = (shown.years.abs(), shown.months.abs());
        write!(out, "{}{years}-{months} ", sign(span.months < 0))?;
        write!(out, "{}{} ", sign(span.days < 0), shown.days.abs())?;
        out.write_char(sign(span.micros < 0))?;
        return shown.write_clock(1, out);
    }
    if negative {
        out.write_str("-")?;
    }
    if of_months {
        return write!(out, "{}-{}", shown.years.abs(), shown.months.abs());
    }
    if of_days {
        write!(out, "{} ", shown.days.abs())?;
    }
    shown.write_clock(1, out)
}

/// `P1Y2M-3DT4H5M6S`
fn write_iso(span: Interval, out: &mut impl fmt::Write) -> fmt::Result {
    let shown = Shown::of(span);
    if (span.months, span.days, span.micros) == (0, 0, 0) {
        return out.write_str("PT0S");
    }
    let date = [(shown.years, 'Y'), (shown.months, 'M'), (shown.days, 'D')];
    let time = [(shown.hours, 'H'), (shown.minutes, 'M')];
    let write = |parts: &[(i64, char)], out: &mut dyn fmt::Write| {
        let there = parts.iter().filter(|(amount, _)| *amount != 0);
        there
            .into_iter()
            .try_for_each(|(amount, unit)| write!(out, "{amount}{unit}"))
    };
    out.write_str("P")?;
    write(&date, out)?;
    if span.micros != 0 {
        out.write_str("T")?;
        write(&time, out)?;
    }
    let rest = span.micros % (60 * MICROS_PER_SECOND);
    if rest != 0 {
        out.write_str(if rest < 0 { "-" } else { "" })?;
        shown.write_seconds(1, out)?;
        out.write_str("S")?;
    }
    Ok(())
}
