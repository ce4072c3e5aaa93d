//! Timestamps: calendar arithmetic in whole numbers, in UTC.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

/// Microseconds in a second.
pub(super) const MICROS_PER_SECOND: i64 = 1_000_000;
/// Microseconds in a day.
pub(in crate::postgres) const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;
/// Microseconds from 1970-01-01 to 2000-01-01, PostgreSQL's epoch.
pub(super) const EPOCH_MICROS: i64 = 946_684_800 * MICROS_PER_SECOND;

/// PostgreSQL's timestamp for a time since the Unix epoch.
pub(in crate::postgres) fn from_unix(since_epoch: Duration) -> i64 {
    i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX) - EPOCH_MICROS
}

/// The Julian day of 2000-01-01.
const JULIAN_EPOCH: i64 = 2_451_545;

/// The timestamps that there are, without the infinite ones: from 4713 BC on.
const TIMESTAMPS: Range<i64> = -211_813_488_000_000_000..9_223_371_331_200_000_000;

/// True for `infinity` and `-infinity`.
pub(in crate::postgres) fn is_infinite(micros: i64) -> bool {
    matches!(micros, i64::MAX | i64::MIN)
}

/// A timestamp, if there is such a one.
pub(in crate::postgres) fn in_range(micros: i64) -> Option<i64> {
    (is_infinite(micros) || TIMESTAMPS.contains(&micros)).then_some(micros)
}

/// A date, if there is such a one: from 4713 BC to 5874897.
pub(in crate::postgres) fn date_in_range(days: i64) -> Option<i32> {
    let there = (-2_451_545..2_145_031_949).contains(&days);
    i32::try_from(days).ok().filter(|_| there)
}

/// The date of a year before Christ, if it is negative, or after.
pub(in crate::postgres) fn date_of(year: i64, month: i64, day: i64) -> Option<i32> {
    let there = year != 0 && (1..=12).contains(&month);
    let year = if year < 0 { year + 1 } else { year };
    let there = there && (1..=days_in_month(year, month)).contains(&day);
    date_in_range(days_from_civil(year, month, day)).filter(|_| there)
}

/// The first instant of a date, if a timestamp reaches it.
pub(in crate::postgres) fn midnight(days: i32) -> Option<i64> {
    match days {
        i32::MAX => Some(i64::MAX),
        i32::MIN => Some(i64::MIN),
        days => in_range(i64::from(days).checked_mul(MICROS_PER_DAY)?),
    }
}

/// Days since 2000-01-01 of a date of the proleptic Gregorian calendar.
pub(super) fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 730_425
}

pub(super) fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 730_425;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

pub(super) fn days_in_month(year: i64, month: i64) -> i64 {
    let (next_year, next_month) = if month == 12 {
        (year + 1, 1)
    } else {
        (year, month + 1)
    };
    days_from_civil(next_year, next_month, 1) - days_from_civil(year, month, 1)
}

/// Writes `2026-11-23 12:00:00.5`, and what `zone` says after it.
pub(super) fn write_timestamp(micros: i64, zone: &str, out: &mut impl fmt::Write) -> fmt::Result {
    match micros {
        i64::MAX => return out.write_str("infinity"),
        i64::MIN => return out.write_str("-infinity"),
        _ => {}
    }
    let (year, month, day) = civil_from_days(micros.div_euclid(MICROS_PER_DAY));
    let shown = if year > 0 { year } else { 1 - year };
    write!(out, "{shown:04}-{month:02}-{day:02} ")?;
    write_time(micros.rem_euclid(MICROS_PER_DAY), out)?;
    out.write_str(zone)?;
    if year <= 0 {
        out.write_str(" BC")?;
    }
    Ok(())
}

/// Writes `2026-11-23`.
pub(super) fn write_date(days: i32, out: &mut impl fmt::Write) -> fmt::Result {
    match days {
        i32::MAX => return out.write_str("infinity"),
        i32::MIN => return out.write_str("-infinity"),
        _ => {}
    }
    let (year, month, day) = civil_from_days(days.into());
    let (shown, era) = if year > 0 {
        (year, "")
    } else {
        (1 - year, " BC")
    };
    write!(out, "{shown:04}-{month:02}-{day:02}{era}")
}

/// Writes `12:30:00.25`.
pub(super) fn write_time(micros: i64, out: &mut impl fmt::Write) -> fmt::Result {
    let seconds = micros / MICROS_PER_SECOND;
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    write!(out, "{hours:02}:{minutes:02}:{:02}", seconds % 60)?;
    let fraction = micros % MICROS_PER_SECOND;
    if fraction > 0 {
        let digits = format!("{fraction:06}");
        write!(out, ".{}", digits.trim_end_matches('0'))?;
    }
    Ok(())
}

/// A part of a date or time, as extract and date_trunc name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::postgres) enum Field {
    Microseconds,
    Milliseconds,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
    Decade,
    Century,
    Millennium,
    DayOfWeek,
    IsoDayOfWeek,
    DayOfYear,
    IsoYear,
    Epoch,
    /// The day as astronomers count, with its fraction.
    Julian,
    Timezone,
    TimezoneHour,
    TimezoneMinute,
}

impl Field {
    /// The field of this name.
    pub(in crate::postgres) fn named(name: &str) -> Option<Field> {
        let name = name.to_ascii_lowercase();
        let singular = match name.strip_suffix('s') {
            Some(rest) if !matches!(name.as_str(), "s" | "us" | "ms") => rest,
            _ => &name,
        };
        Some(match singular {
            "microsecond" | "us" | "usec" => Field::Microseconds,
            "millisecond" | "ms" | "msec" => Field::Milliseconds,
            "second" | "sec" | "s" => Field::Second,
            "minute" | "min" | "m" => Field::Minute,
            "hour" | "hr" | "h" => Field::Hour,
            "day" | "d" => Field::Day,
            "week" | "w" => Field::Week,
            "month" | "mon" => Field::Month,
            "quarter" => Field::Quarter,
            "year" | "yr" | "y" => Field::Year,
            "decade" => Field::Decade,
            "century" | "centurie" => Field::Century,
            "millennium" | "millennia" => Field::Millennium,
            "dow" => Field::DayOfWeek,
            "isodow" => Field::IsoDayOfWeek,
            "doy" => Field::DayOfYear,
            "isoyear" => Field::IsoYear,
            "epoch" => Field::Epoch,
            "julian" => Field::Julian,
            "timezone" => Field::Timezone,
            "timezone_hour" | "timezone_h" => Field::TimezoneHour,
            "timezone_minute" | "timezone_m" => Field::TimezoneMinute,
            _ => return None,
        })
    }
}

/// Days from a Monday.
pub(in crate::postgres) fn weekday(days: i64) -> i64 {
    // 2000-01-01 was a Saturday.
    (days + 5).rem_euclid(7)
}

/// The ISO 8601 year and week.
fn iso_week(days: i64) -> (i64, i64) {
    let thursday = days - weekday(days) + 3;
    let (year, _, _) = civil_from_days(thursday);
    (year, (thursday - days_from_civil(year, 1, 1)) / 7 + 1)
}

fn ceiling(value: i64, by: i64) -> i64 {
    (value + by - 1).div_euclid(by)
}

/// The year, century or millennium as it is counted: there is none of number 0.
fn counted(number: i64) -> i64 {
    if number > 0 { number } else { number - 1 }
}

/// A field of a point in time, as a number and its decimals.
pub(in crate::postgres) fn extract(field: Field, micros: i64) -> (i128, u8) {
    let days = micros.div_euclid(MICROS_PER_DAY);
    let time = micros.rem_euclid(MICROS_PER_DAY);
    let (year, month, day) = civil_from_days(days);
    let within_minute = time % (60 * MICROS_PER_SECOND);
    let whole = match field {
        Field::Microseconds => within_minute,
        Field::Milliseconds => return (within_minute.into(), 3),
        Field::Second => return (within_minute.into(), 6),
        // The last of them are beyond what 64 bits count from 1970.
        Field::Epoch => {
            let epoch = EPOCH_MICROS;
            return (i128::from(micros) + i128::from(epoch), 6);
        }
        Field::Minute => time / (60 * MICROS_PER_SECOND) % 60,
        Field::Hour => time / (3_600 * MICROS_PER_SECOND),
        Field::Day => day,
        Field::Week => iso_week(days).1,
        Field::Month => month,
        Field::Quarter => (month - 1) / 3 + 1,
        Field::Year => counted(year),
        Field::Decade => year.div_euclid(10),
        Field::Century => counted(ceiling(year, 100)),
        Field::Millennium => counted(ceiling(year, 1_000)),
        Field::DayOfWeek => (weekday(days) + 1) % 7,
        Field::IsoDayOfWeek => weekday(days) + 1,
        Field::DayOfYear => days - days_from_civil(year, 1, 1) + 1,
        Field::IsoYear => counted(iso_week(days).0),
        Field::Julian => days + JULIAN_EPOCH,
        // The session's zone is UTC.
        Field::Timezone | Field::TimezoneHour | Field::TimezoneMinute => 0,
    };
    (whole.into(), 0)
}

/// A point in time cut to the precision of a field; None if one cannot.
pub(in crate::postgres) fn truncate(field: Field, micros: i64) -> Option<i64> {
    if is_infinite(micros) {
        return Some(micros);
    }
    let days = micros.div_euclid(MICROS_PER_DAY);
    let (year, month, _) = civil_from_days(days);
    let first = |year: i64| days_from_civil(year, 1, 1) * MICROS_PER_DAY;
    let down = |unit: i64| micros - micros.rem_euclid(unit);
    Some(match field {
        Field::Microseconds => micros,
        Field::Milliseconds => down(1_000),
        Field::Second => down(MICROS_PER_SECOND),
        Field::Minute => down(60 * MICROS_PER_SECOND),
        Field::Hour => down(3_600 * MICROS_PER_SECOND),
        Field::Day => down(MICROS_PER_DAY),
        Field::Week => (days - weekday(days)) * MICROS_PER_DAY,
        Field::Month => days_from_civil(year, month, 1) * MICROS_PER_DAY,
        Field::Quarter => days_from_civil(year, (month - 1) / 3 * 3 + 1, 1) * MICROS_PER_DAY,
        Field::Year => first(year),
        Field::Decade => first(year.div_euclid(10) * 10),
        Field::Century => first((ceiling(year, 100) - 1) * 100 + 1),
        Field::Millennium => first((ceiling(year, 1_000) - 1) * 1_000 + 1),
        Field::DayOfWeek
        | Field::IsoDayOfWeek
        | Field::DayOfYear
        | Field::IsoYear
        | Field::Epoch
        | Field::Julian
        | Field::Timezone
        | Field::TimezoneHour
        | Field::TimezoneMinute => return None,
    })
}
