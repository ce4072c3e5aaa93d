//! Intervals: how they reckon with timestamps, and the fields that a type may
//! limit them to.

use std::cmp::Ordering;
use std::fmt;

use super::datetime::{
    Field, MICROS_PER_DAY, MICROS_PER_SECOND, civil_from_days, days_from_civil, days_in_month,
    in_range, is_infinite,
};
use super::style::write_styled_interval;
use crate::postgres::settings::IntervalStyle;

/// The doubles that an i64 holds.
const INT8: std::ops::Range<f64> = -9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0;

/// A span of time. Months and days are kept apart: they have no fixed length.
#[derive(Debug, Clone, Copy, Default)]
pub struct Interval {
    /// Months.
    pub months: i32,
    /// Days.
    pub days: i32,
    /// Microseconds.
    pub micros: i64,
}

impl Interval {
    pub(in crate::postgres) fn negate(self) -> Option<Interval> {
        Some(Interval {
            months: self.months.checked_neg()?,
            days: self.days.checked_neg()?,
            micros: self.micros.checked_neg()?,
        })
    }

    pub(in crate::postgres) fn add(self, other: Interval) -> Option<Interval> {
        Some(Interval {
            months: self.months.checked_add(other.months)?,
            days: self.days.checked_add(other.days)?,
            micros: self.micros.checked_add(other.micros)?,
        })
    }

    /// The span with whole days in place of their hours.
    pub(in crate::postgres) fn justify_hours(self) -> Option<Interval> {
        let (mut days, mut micros) = (self.micros / MICROS_PER_DAY, self.micros % MICROS_PER_DAY);
        days += i64::from(self.days);
        lend(&mut days, &mut micros, MICROS_PER_DAY);
        Some(Interval {
            days: i32::try_from(days).ok()?,
            micros,
            ..self
        })
    }

    /// The span with months of 30 days in place of these.
    pub(in crate::postgres) fn justify_days(self) -> Option<Interval> {
        let (mut months, mut days) = (i64::from(self.days / 30), i64::from(self.days % 30));
        months += i64::from(self.months);
        lend(&mut months, &mut days, 30);
        Some(Interval {
            months: i32::try_from(months).ok()?,
            days: i32::try_from(days).ok()?,
            ..self
        })
    }

    /// The span with both in place of the smaller ones, all of one sign.
    pub(in crate::postgres) fn justify(self) -> Option<Interval> {
        let mut micros = self.micros % MICROS_PER_DAY;
        let days = i64::from(self.days) + self.micros / MICROS_PER_DAY;
        let mut months = i64::from(self.months) + days / 30;
        let mut days = days % 30;
        if months > 0 && (days < 0 || days == 0 && micros < 0) {
            (months, days) = (months - 1, days + 30);
        } else if months < 0 && (days > 0 || days == 0 && micros > 0) {
            (months, days) = (months + 1, days - 30);
        }
        lend(&mut days, &mut micros, MICROS_PER_DAY);
        Some(Interval {
            months: i32::try_from(months).ok()?,
            days: i32::try_from(days).ok()?,
            micros,
        })
    }

    /// The span cut to the precision of a field; None if one cannot.
    pub(in crate::postgres) fn truncate(self, field: Field) -> Option<Interval> {
        let months = |unit: i32| Interval {
            months: self.months / unit * unit,
            ..Interval::default()
        };
        let micros = |unit: i64| Interval {
            micros: self.micros / unit * unit,
            ..self
        };
        let minute = 60 * MICROS_PER_SECOND;
        Some(match field {
            Field::Millennium => months(12_000),
            Field::Century => months(1_200),
            Field::Decade => months(120),
            Field::Year => months(12),
            Field::Quarter => months(3),
            Field::Month => months(1),
            Field::Day => Interval { micros: 0, ..self },
            Field::Hour => micros(60 * minute),
            Field::Minute => micros(minute),
            Field::Second => micros(MICROS_PER_SECOND),
            Field::Milliseconds => micros(1_000),
            Field::Microseconds => self,
            _ => return None,
        })
    }

    /// The span multiplied or divided: a fraction of a month goes to days of
    /// which it has 30, a fraction of a day to seconds. As in PostgreSQL both
    /// are rounded to microseconds on their way.
    pub(in crate::postgres) fn scale(self, by: impl Fn(f64) -> f64) -> Option<Interval> {
        const DAY: f64 = 86_400.0;
        let rounded = |value: f64| (value * 1e6).round_ties_even() / 1e6;
        let months = by(f64::from(self.months));
        let month_days = rounded(months.fract() * 30.0);
        let days = by(f64::from(self.days));
        let seconds = rounded((days.fract() + month_days.fract()) * DAY);
        let carried = (seconds / DAY).trunc();
        let days = days.trunc() + month_days.trunc() + carried;
        #[expect(clippy::cast_precision_loss, reason = "as PostgreSQL multiplies")]
        let micros = by(self.micros as f64) + (seconds - carried * DAY) * 1e6;
        let whole = |value: f64| {
            let fits = (f64::from(i32::MIN)..f64::from(i32::MAX) + 1.0).contains(&value);
            #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
            fits.then_some(value as i32)
        };
        let micros = micros.round_ties_even();
        #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
        let micros = INT8.contains(&micros).then_some(micros as i64);
        Some(Interval {
            months: whole(months)?,
            days: whole(days)?,
            micros: micros?,
        })
    }

    /// The span between two points in time in years, months and days.
    /// None if one of them is infinite.
    pub(in crate::postgres) fn age(later: i64, earlier: i64) -> Option<Interval> {
        if is_infinite(later) || is_infinite(earlier) {
            return None;
        }
        if later < earlier {
            return Interval::age(earlier, later)?.negate();
        }
        let parts = |micros: i64| {
            let (year, month, day) = civil_from_days(micros.div_euclid(MICROS_PER_DAY));
            (
                year * 12 + month - 1,
                day,
                micros.rem_euclid(MICROS_PER_DAY),
            )
        };
        let (late, early) = (parts(later), parts(earlier));
        let (mut months, mut days, mut micros) =
            (late.0 - early.0, late.1 - early.1, late.2 - early.2);
        if micros < 0 {
            micros += MICROS_PER_DAY;
            days -= 1;
        }
        if days < 0 {
            months -= 1;
            days += days_in_month(early.0.div_euclid(12), early.0.rem_euclid(12) + 1);
        }
        Some(Interval {
            months: i32::try_from(months).ok()?,
            days: i32::try_from(days).ok()?,
            micros,
        })
    }

    /// The timestamp this much later.
    pub(in crate::postgres) fn after(self, timestamp: i64) -> Option<i64> {
        if is_infinite(timestamp) {
            return Some(timestamp);
        }
        let mut at = timestamp;
        if self.months != 0 {
            let (year, month, day) = civil_from_days(at.div_euclid(MICROS_PER_DAY));
            let months = year * 12 + month - 1 + i64::from(self.months);
            let (year, month) = (months.div_euclid(12), months.rem_euclid(12) + 1);
            let day = day.min(days_in_month(year, month));
            at = days_from_civil(year, month, day)
                .checked_mul(MICROS_PER_DAY)?
                .checked_add(at.rem_euclid(MICROS_PER_DAY))?;
        }
        let days = i64::from(self.days).checked_mul(MICROS_PER_DAY)?;
        let at = at.checked_add(days)?;
        in_range(at.checked_add(self.micros)?).filter(|at| !is_infinite(*at))
    }

    /// The span from `earlier` to `later`, in days and microseconds.
    pub(in crate::postgres) fn between(earlier: i64, later: i64) -> Option<Interval> {
        if is_infinite(earlier) || is_infinite(later) {
            return None;
        }
        let micros = later.checked_sub(earlier)?;
        Some(Interval {
            months: 0,
            days: i32::try_from(micros / MICROS_PER_DAY).ok()?,
            micros: micros % MICROS_PER_DAY,
        })
    }

    fn comparable(self) -> i128 {
        let days = i128::from(self.months) * 30 + i128::from(self.days);
        days * i128::from(MICROS_PER_DAY) + i128::from(self.micros)
    }
}

/// Lends one of the larger to the smaller, if their signs differ.
fn lend(larger: &mut i64, smaller: &mut i64, unit: i64) {
    if *larger > 0 && *smaller < 0 {
        (*larger, *smaller) = (*larger - 1, *smaller + unit);
    } else if *larger < 0 && *smaller > 0 {
        (*larger, *smaller) = (*larger + 1, *smaller - unit);
    }
}

impl Ord for Interval {
    fn cmp(&self, other: &Interval) -> Ordering {
        self.comparable().cmp(&other.comparable())
    }
}

impl PartialOrd for Interval {
    fn partial_cmp(&self, other: &Interval) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Interval {
    fn eq(&self, other: &Interval) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Interval {}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_styled_interval(*self, IntervalStyle::Postgres, f)
    }
}

/// A field of an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
}

/// What follows `interval` in a type: the words, the bits that a modifier has
/// for them, and the last field that is kept.
const FIELDS: [(&str, i32, Part); 13] = [
    ("year", YEAR, Part::Year),
    ("month", MONTH, Part::Month),
    ("day", DAY, Part::Day),
    ("hour", HOUR, Part::Hour),
    ("minute", MINUTE, Part::Minute),
    ("second", SECOND, Part::Second),
    ("year to month", YEAR | MONTH, Part::Month),
    ("day to hour", DAY | HOUR, Part::Hour),
    ("day to minute", DAY | HOUR | MINUTE, Part::Minute),
    ("day to second", DAY | HOUR | MINUTE | SECOND, Part::Second),
    ("hour to minute", HOUR | MINUTE, Part::Minute),
    ("hour to second", HOUR | MINUTE | SECOND, Part::Second),
    ("minute to second", MINUTE | SECOND, Part::Second),
];

const MONTH: i32 = 1 << 1;
const YEAR: i32 = 1 << 2;
const DAY: i32 = 1 << 3;
const HOUR: i32 = 1 << 10;
const MINUTE: i32 = 1 << 11;
const SECOND: i32 = 1 << 12;
/// The bits of a modifier that leaves the fields open.
const ANY_FIELDS: i32 = 0x7fff;
/// The decimals of one that leaves them open.
const ANY_DECIMALS: i32 = 0xffff;

/// What the modifier of an interval type limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::postgres) struct Limits {
    fields: Option<(&'static str, i32, Part)>,
    decimals: Option<i32>,
}

impl Limits {
    /// The limits of such words and decimals.
    pub(in crate::postgres) fn named(words: Option<&str>, decimals: Option<i32>) -> Limits {
        let known = |words: &str| FIELDS.into_iter().find(|(name, ..)| *name == words);
        Limits {
            fields: words.and_then(known),
            decimals,
        }
    }

    /// The limits that a modifier says.
    pub(in crate::postgres) fn of(modifier: i32) -> Limits {
        let (bits, decimals) = (modifier >> 16 & ANY_FIELDS, modifier & ANY_DECIMALS);
        let limited = modifier >= 0;
        let known = FIELDS.into_iter().find(|(_, known, _)| *known == bits);
        Limits {
            fields: known.filter(|_| limited),
            decimals: Some(decimals).filter(|decimals| limited && *decimals != ANY_DECIMALS),
        }
    }

    /// The modifier that says so; -1 if there is nothing to say.
    pub(in crate::postgres) fn modifier(self) -> i32 {
        let fields = self.fields.map_or(ANY_FIELDS, |(_, bits, _)| bits);
        match self.decimals {
            None if self.fields.is_none() => -1,
            decimals => fields << 16 | decimals.unwrap_or(ANY_DECIMALS),
        }
    }

    /// The fields in words, if there are any.
    pub(in crate::postgres) fn words(self) -> Option<&'static str> {
        self.fields.map(|(words, ..)| words)
    }

    /// How many decimals the seconds have.
    pub(in crate::postgres) fn decimals(self) -> Option<i32> {
        self.decimals
    }

    /// The last field that is kept: what a number without a unit is of.
    pub(super) fn last(self) -> Part {
        self.fields.map_or(Part::Second, |(.., last)| last)
    }

    /// True if of a clock's two numbers the first is of minutes.
    pub(super) fn minutes_first(self) -> bool {
        self.words() == Some("minute to second")
    }

    /// The span without what is smaller than its last field; larger fields are
    /// never lost.
    pub(in crate::postgres) fn hold(self, span: Interval) -> Interval {
        let whole = |micros: i64, unit: i64| micros / unit * unit;
        let minute = 60 * MICROS_PER_SECOND;
        let (months, days) = match self.last() {
            Part::Year => (span.months / 12 * 12, 0),
            Part::Month => (span.months, 0),
            _ => (span.months, span.days),
        };
        let micros = match self.last() {
            Part::Year | Part::Month | Part::Day => 0,
            Part::Hour => whole(span.micros, 60 * minute),
            Part::Minute => whole(span.micros, minute),
            Part::Second => self.rounded(span.micros),
        };
        Interval {
            months,
            days,
            micros,
        }
    }

    fn rounded(self, micros: i64) -> i64 {
        let Some(decimals) = self.decimals.and_then(|digits| u32::try_from(digits).ok()) else {
            return micros;
        };
        let unit = 10i64.pow(6u32.saturating_sub(decimals));
        let away = (unit / 2) * micros.signum();
        micros
            .checked_add(away)
            .map_or(micros, |micros| micros / unit * unit)
    }
}

/// What a type has behind its name: ` minute to second(2)`.
impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(words) = self.words() {
            write!(f, " {words}")?;
        }
        match self.decimals {
            Some(decimals) => write!(f, "({decimals})"),
            None => Ok(()),
        }
    }
}
