//! Intervals: numbers and their units, the forms of the SQL standard, and
//! those of ISO 8601.

use super::fields::{Field, Kind, split};
use super::moment::{Clock, fraction};
use super::{Reading, Unreadable};
use crate::postgres::types::datetime::{MICROS_PER_DAY, MICROS_PER_SECOND};
use crate::postgres::types::interval::{Interval, Limits, Part};

/// What a number is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// So many microseconds.
    Micros(i64),
    /// So many days.
    Days(i64),
    Month,
    /// So many years.
    Years(i64),
    /// What nothing can be of: the direction of time.
    Ago,
}

const SECOND: Unit = Unit::Micros(MICROS_PER_SECOND);
const MINUTE: Unit = Unit::Micros(60 * MICROS_PER_SECOND);
const HOUR: Unit = Unit::Micros(3_600 * MICROS_PER_SECOND);
const DAY: Unit = Unit::Days(1);
const WEEK: Unit = Unit::Days(7);
const YEAR: Unit = Unit::Years(1);

/// How many letters of a word count.
const LETTERS: usize = 10;

const UNITS: &[(&[&str], Unit)] = &[
    (
        &["us", "usec", "usecs", "useconds", "microsecon"],
        Unit::Micros(1),
    ),
    (
        &["ms", "msec", "msecs", "mseconds", "millisecon"],
        Unit::Micros(1_000),
    ),
    (&["s", "sec", "secs", "second", "seconds"], SECOND),
    (&["m", "min", "mins", "minute", "minutes"], MINUTE),
    (&["h", "hr", "hrs", "hour", "hours"], HOUR),
    (&["d", "day", "days"], DAY),
    (&["w", "week", "weeks"], WEEK),
    (&["mon", "mons", "month", "months"], Unit::Month),
    (&["y", "yr", "yrs", "year", "years"], YEAR),
    (&["dec", "decs", "decade", "decades"], Unit::Years(10)),
    (&["c", "cent", "century", "centuries"], Unit::Years(100)),
    (
        &["mil", "mils", "millennium", "millennia"],
        Unit::Years(1_000),
    ),
    (&["ago"], Unit::Ago),
];

/// The place of a unit in the table, by its word.
fn unit(word: &str) -> Option<Unit> {
    let word = word.get(..LETTERS).unwrap_or(word);
    let row = UNITS.iter().find(|(words, _)| words.contains(&word));
    row.map(|(_, unit)| *unit)
}

/// Which units are told: a bit for each row of the table.
fn bit(unit: Unit) -> u32 {
    let row = UNITS.iter().position(|(_, known)| *known == unit);
    1 << row.unwrap_or(0)
}

/// Every unit that a clock shows.
const CLOCK: u32 = 0b1_1111;
/// Seconds and their parts.
const SECONDS: u32 = 0b111;

/// Reads an interval of a type with such limits.
pub(in crate::postgres::types) fn parse_interval(
    text: &str,
    limits: Limits,
    reading: &Reading,
) -> Result<Interval, Unreadable> {
    let of_fields = |fields: Vec<Field>| Span::of_fields(&fields, limits, reading);
    let span = match split(text).and_then(of_fields) {
        Err(Unreadable::Syntax) => Span::of_iso(text)?,
        read => read?,
    };
    let months = i64::from(span.years) * 12 + i64::from(span.months);
    Ok(Interval {
        months: i32::try_from(months).map_err(|_| Unreadable::Ends)?,
        days: span.days,
        micros: span.micros,
    })
}

/// What has been told of an interval.
#[derive(Default)]
struct Span {
    years: i32,
    months: i32,
    days: i32,
    micros: i64,
    /// Every number counts backwards, whatever its sign.
    negative: bool,
    /// Two numbers of a clock are minutes and seconds.
    minutes_first: bool,
}

/// What a number without a unit is of.
fn unit_of(part: Part) -> Unit {
    match part {
        Part::Year => YEAR,
        Part::Month => Unit::Month,
        Part::Day => DAY,
        Part::Hour => HOUR,
        Part::Minute => MINUTE,
        Part::Second => SECOND,
    }
}

/// True if a sign before the first field is that of all: the others have none.
fn all_negative(fields: &[Field], reading: &Reading) -> bool {
    let starts = |field: &Field, sign: &[char]| field.text.starts_with(sign);
    match fields.split_first() {
        Some((first, rest)) if starts(first, &['-']) => {
            reading.shares_sign() && !rest.iter().any(|field| starts(field, &['-', '+']))
        }
        _ => false,
    }
}

impl Span {
    /// Reads fields from the last to the first: a unit stands behind its
    /// number.
    fn of_fields(fields: &[Field], limits: Limits, reading: &Reading) -> Result<Span, Unreadable> {
        let mut span = Span {
            negative: all_negative(fields, reading),
            minutes_first: limits.minutes_first(),
            ..Span::default()
        };
        let (mut current, mut told, mut ago) = (unit_of(limits.last()), 0, false);
        for Field { kind, text } in fields.iter().rev() {
            let clock = match kind {
                Kind::Time => Some(span.add_clock(text)?),
                // Out of range, it is no clock at all.
                Kind::Signed if text.contains(':') => {
                    Some(span.add_clock(text).map_err(|_| Unreadable::Syntax)?)
                }
                _ => None,
            };
            let more = match kind {
                _ if clock.is_some() => {
                    current = DAY;
                    CLOCK
                }
                Kind::Word | Kind::SignedWord => {
                    current = unit(text).ok_or(Unreadable::Syntax)?;
                    ago |= current == Unit::Ago;
                    0
                }
                _ => span.add_number(text, &mut current)?,
            };
            if told & more != 0 {
                return Err(Unreadable::Syntax);
            }
            told |= more;
        }
        match (told, ago) {
            (0, _) => Err(Unreadable::Syntax),
            (_, false) => Ok(span),
            (_, true) => span.negate().ok_or(Unreadable::Field),
        }
    }

    fn negate(self) -> Option<Span> {
        Some(Span {
            years: self.years.checked_neg()?,
            months: self.months.checked_neg()?,
            days: self.days.checked_neg()?,
            micros: self.micros.checked_neg()?,
            ..self
        })
    }

    /// `4:05:06.7`, perhaps with a sign.
    fn add_clock(&mut self, text: &str) -> Result<(), Unreadable> {
        let (sign, text) = signed(text);
        let clock = Clock::read(text, self.minutes_first)?;
        let sign = if self.negative { -1 } else { sign };
        let parts = [
            (clock.hours, HOUR),
            (clock.minutes, MINUTE),
            (clock.seconds, SECOND),
            (clock.micros, Unit::Micros(1)),
        ];
        for (number, unit) in parts {
            self.add(unit, sign * number, 0.0)?;
        }
        Ok(())
    }

    /// `1`, `-1.5`, or years and months: `1-2`. What stands before hours
    /// without a unit is days.
    fn add_number(&mut self, text: &str, current: &mut Unit) -> Result<u32, Unreadable> {
        let (sign, digits) = signed(text);
        let end = digits.find(|c: char| !c.is_ascii_digit());
        let (whole, rest) = digits.split_at(end.unwrap_or(digits.len()));
        // With its sign, so that the least of all numbers is one too.
        let minus = if sign < 0 { "-" } else { "" };
        let mut number: i64 = match whole {
            "" => 0,
            whole => format!("{minus}{whole}")
                .parse()
                .map_err(|_| Unreadable::Field)?,
        };
        let mut part = 0.0;
        if let Some(months) = rest.strip_prefix('-') {
            let months: i64 = match months.parse() {
                Ok(months @ 0..12) => months,
                Ok(_) => return Err(Unreadable::Field),
                Err(_) => return Err(Unreadable::Syntax),
            };
            let years = number.checked_mul(12);
            let sum = years.and_then(|years| years.checked_add(sign * months));
            number = sum.ok_or(Unreadable::Field)?;
            *current = Unit::Month;
        } else if let Some(decimals) = rest.strip_prefix('.') {
            part = fraction(decimals)?;
        } else if !rest.is_empty() {
            return Err(Unreadable::Syntax);
        }
        let unit = *current;
        let part = if sign < 0 { -part } else { part };
        match self.negative {
            true => self.add(unit, number.wrapping_abs().wrapping_neg(), -part.abs())?,
            false => self.add(unit, number, part)?,
        }
        if unit == HOUR {
            *current = DAY;
        }
        Ok(match unit {
            SECOND if part != 0.0 => SECONDS,
            unit => bit(unit),
        })
    }

    /// Adds so many of a unit; a fraction goes to the next smaller ones.
    fn add(&mut self, unit: Unit, number: i64, fraction: f64) -> Result<(), Unreadable> {
        let add = |sum: i32, number: i64, factor: i64| {
            let number = i32::try_from(number).ok()?;
            let more = i64::from(number).checked_mul(factor)?;
            sum.checked_add(i32::try_from(more).ok()?)
        };
        match unit {
            Unit::Micros(scale) => {
                let more = number.checked_mul(scale).ok_or(Unreadable::Field)?;
                self.add_micros(more)?;
                self.add_part(fraction, scale)
            }
            Unit::Days(scale) => {
                self.days = add(self.days, number, scale).ok_or(Unreadable::Field)?;
                self.add_part_of_days(fraction, scale)
            }
            Unit::Month => {
                self.months = add(self.months, number, 1).ok_or(Unreadable::Field)?;
                self.add_part_of_days(fraction, 30)
            }
            Unit::Years(scale) => {
                self.years = add(self.years, number, scale).ok_or(Unreadable::Field)?;
                #[expect(
                    clippy::cast_precision_loss,
                    clippy::cast_possible_truncation,
                    reason = "it is less than a few thousand years"
                )]
                let months = (fraction * scale as f64 * 12.0).round_ties_even() as i64;
                self.months = add(self.months, months, 1).ok_or(Unreadable::Field)?;
                Ok(())
            }
            Unit::Ago => Err(Unreadable::Syntax),
        }
    }

    fn add_micros(&mut self, more: i64) -> Result<(), Unreadable> {
        self.micros = self.micros.checked_add(more).ok_or(Unreadable::Field)?;
        Ok(())
    }

    /// Adds a fraction of so many microseconds, to the nearest one.
    fn add_part(&mut self, fraction: f64, scale: i64) -> Result<(), Unreadable> {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "it is less than a day"
        )]
        let more = {
            let part = fraction * scale as f64;
            let rest = part.fract();
            let step = if rest.abs() > 0.5 { rest.signum() } else { 0.0 };
            (part.trunc() + step) as i64
        };
        self.add_micros(more)
    }

    /// Adds a fraction of so many days, as days and microseconds.
    fn add_part_of_days(&mut self, fraction: f64, scale: i64) -> Result<(), Unreadable> {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "it is less than a month"
        )]
        let (days, rest) = {
            let part = fraction * scale as f64;
            (part.trunc() as i32, part.fract())
        };
        self.days = self.days.checked_add(days).ok_or(Unreadable::Field)?;
        self.add_part(rest, MICROS_PER_DAY)
    }

    /// Reads `P1Y2M3DT4H5M6S`, `P0001-02-03T04:05:06`, `P00010203T040506`.
    fn of_iso(text: &str) -> Result<Span, Unreadable> {
        let rest = text.strip_prefix('P').filter(|rest| !rest.is_empty());
        let rest = rest.ok_or(Unreadable::Syntax)?;
        let (date, time) = match rest.split_once('T') {
            Some((date, time)) => (date, Some(time)),
            None => (rest, None),
        };
        let mut span = Span::default();
        let of_date = [('Y', YEAR), ('M', Unit::Month), ('W', WEEK), ('D', DAY)];
        span.add_iso(date, &of_date, '-', &[YEAR, Unit::Month, DAY])?;
        let of_time = [('H', HOUR), ('M', MINUTE), ('S', SECOND)];
        let time = time.unwrap_or_default();
        span.add_iso(time, &of_time, ':', &[HOUR, MINUTE, SECOND])?;
        Ok(span)
    }

    /// Adds numbers that letters follow, numbers with something between them,
    /// or digits without.
    fn add_iso(
        &mut self,
        text: &str,
        letters: &[(char, Unit)],
        between: char,
        order: &[Unit],
    ) -> Result<(), Unreadable> {
        let width = text.bytes().take_while(u8::is_ascii_digit).count();
        let run_together = if between == '-' { 8 } else { 6 };
        let mut rest = text;
        let mut first = true;
        while !rest.is_empty() {
            let (number, part) = iso_number(&mut rest)?;
            let mut chars = rest.chars();
            let letter = chars.next();
            let named = letters.iter().find(|(known, _)| Some(*known) == letter);
            if let Some((_, unit)) = named {
                self.add(*unit, number, part)?;
                (rest, first) = (chars.as_str(), false);
            } else if !first {
                return Err(Unreadable::Syntax);
            } else if letter.is_none() && width == run_together {
                self.add(order[0], number / 10_000, 0.0)?;
                self.add(order[1], number / 100 % 100, 0.0)?;
                // As PostgreSQL has it, seconds have no decimals here.
                let part = if between == ':' { 0.0 } else { part };
                return self.add(order[2], number % 100, part);
            } else {
                self.add(order[0], number, part)?;
                for unit in &order[1..] {
                    if rest.is_empty() {
                        return Ok(());
                    }
                    rest = rest.strip_prefix(between).ok_or(Unreadable::Syntax)?;
                    let (number, part) = iso_number(&mut rest)?;
                    self.add(*unit, number, part)?;
                }
                return if rest.is_empty() {
                    Ok(())
                } else {
                    Err(Unreadable::Syntax)
                };
            }
        }
        Ok(())
    }
}

fn signed(text: &str) -> (i64, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    }
}

/// Takes a number from the beginning of a text: what is whole of it, and what
/// is not.
fn iso_number(text: &mut &str) -> Result<(i64, f64), Unreadable> {
    let (_, unsigned) = signed(text);
    let end = unsigned.find(|c: char| !c.is_ascii_digit() && c != '.');
    let mut end = end.unwrap_or(unsigned.len());
    if let Some(exponent) = unsigned[end..].strip_prefix(['e', 'E']) {
        let (_, power) = signed(exponent);
        let digits = power.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 {
            end += 1 + (exponent.len() - power.len()) + digits;
        }
    }
    let length = text.len() - unsigned.len() + end;
    let (number, rest) = text.split_at(length);
    let number: f64 = match number.starts_with('+') {
        true => return Err(Unreadable::Syntax),
        false => number.parse().map_err(|_| Unreadable::Syntax)?,
    };
    if number.abs() > 1e15 {
        return Err(Unreadable::Field);
    }
    *text = rest;
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    Ok((number.trunc() as i64, number.fract()))
}
