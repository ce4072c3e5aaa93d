//! Dates, times of day, and both together.

use super::fields::{Field, Kind, split};
use super::words::{Label, Word};
use super::{Reading, Unreadable, zone};
use crate::postgres::settings::DateOrder;
use crate::postgres::types::datetime::{
    EPOCH_MICROS, MICROS_PER_DAY, MICROS_PER_SECOND, civil_from_days, date_in_range,
    days_from_civil, days_in_month, in_range,
};

/// Which parts a field tells.
type Parts = u32;
const YEAR: Parts = 1;
const MONTH: Parts = 1 << 1;
const DAY: Parts = 1 << 2;
const YEAR_MONTH: Parts = YEAR | MONTH;
const MONTH_DAY: Parts = MONTH | DAY;
const DATE: Parts = YEAR | MONTH | DAY;
const HOUR: Parts = 1 << 3;
const MINUTE: Parts = 1 << 4;
const SECOND: Parts = 1 << 5;
const FRACTION: Parts = 1 << 6;
const TIME: Parts = HOUR | MINUTE | SECOND | FRACTION;
const ZONE: Parts = 1 << 7;
const SUMMER: Parts = 1 << 8;
const SUMMER_ADDED: Parts = 1 << 9;
const DAY_OF_YEAR: Parts = 1 << 10;
const HALF_DAY: Parts = 1 << 11;
const ERA: Parts = 1 << 12;
const WEEKDAY: Parts = 1 << 13;
const SPECIAL: Parts = 1 << 14;

/// The day that Julian days are counted from.
const JULIAN_ZERO: i64 = -2_451_545;

/// Reads a timestamp. Without a zone it is in that of the session, UTC; one of
/// the type without a zone leaves it out of count.
pub(in crate::postgres::types) fn parse_timestamp(
    text: &str,
    zoned: bool,
    reading: &Reading,
) -> Result<i64, Unreadable> {
    let moment = Moment::read(text, false, reading)?;
    let micros = match moment.special {
        Some(Special::Infinity) => return Ok(i64::MAX),
        Some(Special::MinusInfinity) => return Ok(i64::MIN),
        Some(Special::Epoch) => return Ok(-EPOCH_MICROS),
        None => {
            let offset = if zoned { moment.offset } else { 0 };
            let midnight = moment.days().checked_mul(MICROS_PER_DAY);
            midnight.and_then(|at| at.checked_add(moment.time() - offset * MICROS_PER_SECOND))
        }
    };
    let finite = micros.filter(|at| !matches!(*at, i64::MAX | i64::MIN));
    finite.and_then(in_range).ok_or(Unreadable::Ends)
}

/// Reads a date; a time after it is left out of count.
pub(in crate::postgres::types) fn parse_date(
    text: &str,
    reading: &Reading,
) -> Result<i32, Unreadable> {
    let moment = Moment::read(text, false, reading)?;
    let days = match moment.special {
        Some(Special::Infinity) => return Ok(i32::MAX),
        Some(Special::MinusInfinity) => return Ok(i32::MIN),
        Some(Special::Epoch) => -EPOCH_MICROS / MICROS_PER_DAY,
        None => moment.days(),
    };
    date_in_range(days).ok_or(Unreadable::Ends)
}

/// Reads a time of day; a zone is left out of count.
pub(in crate::postgres::types) fn parse_clock(
    text: &str,
    reading: &Reading,
) -> Result<i64, Unreadable> {
    Ok(Moment::read(text, true, reading)?.time())
}

/// What is a point in time without a date.
#[derive(Debug, Clone, Copy)]
enum Special {
    Epoch,
    Infinity,
    MinusInfinity,
}

/// What the fields so far have told.
struct Moment<'a> {
    reading: &'a Reading,
    /// A time of day is wanted: numbers are of it, not of a date.
    clock: bool,
    seen: Parts,
    year: i64,
    month: i64,
    day: i64,
    day_of_year: i64,
    hour: i64,
    minute: i64,
    second: i64,
    micros: i64,
    /// Seconds east of Greenwich.
    offset: i64,
    /// The year has no more than two digits: its century is understood.
    short_year: bool,
    month_by_name: bool,
    julian: bool,
    bc: bool,
    afternoon: Option<bool>,
    special: Option<Special>,
    label: Option<Label>,
}

impl<'a> Moment<'a> {
    fn read(text: &str, clock: bool, reading: &'a Reading) -> Result<Moment<'a>, Unreadable> {
        let fields = split(text)?;
        let mut moment = Moment {
            reading,
            clock,
            seen: 0,
            year: 0,
            month: 0,
            day: 0,
            day_of_year: 0,
            hour: 0,
            minute: 0,
            second: 0,
            micros: 0,
            offset: 0,
            short_year: false,
            month_by_name: false,
            julian: false,
            bc: false,
            afternoon: None,
            special: None,
            label: None,
        };
        for index in 0..fields.len() {
            let told = moment.field(&fields, index)?;
            moment.tell(told)?;
        }
        moment.finish_date()?;
        moment.finish_time()?;
        moment.complete()?;
        Ok(moment)
    }

    fn all(&self, parts: Parts) -> bool {
        self.seen & parts == parts
    }

    /// Nothing is told twice.
    fn tell(&mut self, parts: Parts) -> Result<(), Unreadable> {
        if self.seen & parts != 0 {
            return Err(Unreadable::Syntax);
        }
        self.seen |= parts;
        Ok(())
    }

    fn days(&self) -> i64 {
        days_from_civil(self.year, self.month, self.day)
    }

    /// Microseconds since midnight.
    fn time(&self) -> i64 {
        let seconds = (self.hour * 60 + self.minute) * 60 + self.second;
        seconds * MICROS_PER_SECOND + self.micros
    }

    fn set_days(&mut self, days: i64) {
        (self.year, self.month, self.day) = civil_from_days(days);
    }

    fn set_time(&mut self, micros: i64) {
        let seconds = micros / MICROS_PER_SECOND;
        (self.hour, self.minute) = (seconds / 3_600, seconds / 60 % 60);
        (self.second, self.micros) = (seconds % 60, micros % MICROS_PER_SECOND);
    }

    fn field(&mut self, fields: &[Field], index: usize) -> Result<Parts, Unreadable> {
        let text = fields[index].text.as_str();
        let last_is_date = fields.len() > 1 && fields[fields.len() - 1].kind == Kind::Date;
        match fields[index].kind {
            Kind::Date => {
                let clock_follows = fields.get(1).is_some_and(|next| next.kind == Kind::Time);
                let is_date = match self.clock {
                    true => index == 0 && (last_is_date || clock_follows),
                    false => self.label.is_none() && !self.all(MONTH | DAY),
                };
                match is_date {
                    true => self.date(text),
                    false => self.run_together(text),
                }
            }
            Kind::Time => match self.label.take() {
                None | Some(Label::Time) => self.time_of_day(text),
                Some(_) => Err(Unreadable::Syntax),
            },
            Kind::Signed => {
                self.offset = zone::offset(text)?;
                Ok(ZONE)
            }
            Kind::Number => match self.label.take() {
                Some(label) => self.labelled(label, text),
                None => self.number(text, index == 0 && last_is_date),
            },
            Kind::Word | Kind::SignedWord => {
                self.word(text, fields.get(index + 1).map(|next| next.kind))
            }
        }
    }

    /// Three parts with something between them; a month by name is one at
    /// whatever place.
    fn date(&mut self, text: &str) -> Result<Parts, Unreadable> {
        let mut told = 0;
        let before = self.seen;
        let mut parts = split_parts(text)?;
        let mut by_name = false;
        for part in &mut parts {
            if part.starts_with(|c: char| c.is_ascii_alphabetic()) {
                match Word::of(part) {
                    Some(Word::Filler) => continue,
                    Some(Word::Month(month)) => self.month = month,
                    _ => return Err(Unreadable::Syntax),
                }
                by_name = true;
                *part = "";
                self.tell(MONTH)?;
                told |= MONTH;
            }
        }
        let micros = self.micros;
        for part in parts.iter().filter(|part| !part.is_empty()) {
            let more = self.part_of_date(part, by_name, self.seen)?;
            self.tell(more)?;
            told |= more;
        }
        self.micros = micros;
        if self.seen & !(DAY_OF_YEAR | ZONE) != DATE {
            return Err(Unreadable::Syntax);
        }
        self.seen = before;
        Ok(told)
    }

    /// What looks like a date where none can be: a time with a zone after it,
    /// or the name of a zone.
    fn run_together(&mut self, text: &str) -> Result<Parts, Unreadable> {
        let label = if self.clock { None } else { self.label.take() };
        if label == Some(Label::Julian) {
            let end = text.find(|c: char| !c.is_ascii_digit());
            let (days, zone) = text.split_at(end.unwrap_or(text.len()));
            self.julian_day(days)?;
            self.offset = zone::offset(zone)?;
            return Ok(DATE | TIME | ZONE);
        }
        if label.is_some() || text.starts_with(|c: char| c.is_ascii_digit()) {
            let at = text.find('-').ok_or(Unreadable::Syntax)?;
            if !matches!(label, None | Some(Label::Time)) || self.all(TIME) {
                return Err(Unreadable::Syntax);
            }
            self.offset = zone::offset(&text[at..])?;
            return Ok(self.digits(&text[..at], self.seen_of_clock())? | ZONE);
        }
        self.offset = zone::named(text).ok_or_else(|| Unreadable::Zone(text.to_owned()))?;
        Ok(ZONE)
    }

    /// Where a time of day is wanted, there is no date to be told.
    fn seen_of_clock(&self) -> Parts {
        self.seen | if self.clock { DATE } else { 0 }
    }

    /// `12:30`, `12:30:15.25`
    fn time_of_day(&mut self, text: &str) -> Result<Parts, Unreadable> {
        let clock = Clock::read(text, false)?;
        (self.hour, self.minute) = (clock.hours, clock.minutes);
        (self.second, self.micros) = (clock.seconds, clock.micros);
        self.within_day()?;
        Ok(TIME)
    }

    fn within_day(&self) -> Result<(), Unreadable> {
        let fields = self.hour <= 24 && self.minute <= 59 && self.second <= 60;
        match fields && self.time() <= MICROS_PER_DAY {
            true => Ok(()),
            false => Err(Unreadable::Field),
        }
    }

    fn julian_day(&mut self, digits: &str) -> Result<(), Unreadable> {
        let days = integer(digits)?;
        self.set_days(JULIAN_ZERO + days);
        self.julian = true;
        Ok(())
    }

    /// A number after a word that says what it is.
    fn labelled(&mut self, label: Label, text: &str) -> Result<Parts, Unreadable> {
        let (whole, fraction) = match text.split_once('.') {
            Some((whole, fraction)) => (whole, Some(fraction)),
            None => (text, None),
        };
        let value = integer(whole)?;
        let may_have_fraction = matches!(label, Label::Julian | Label::Time | Label::Second);
        if fraction.is_some() && !may_have_fraction {
            return Err(Unreadable::Syntax);
        }
        Ok(match label {
            Label::Year => {
                self.year = value;
                YEAR
            }
            Label::Month if self.all(MONTH | HOUR) => {
                self.minute = value;
                MINUTE
            }
            Label::Month => {
                self.month = value;
                MONTH
            }
            Label::Day => {
                self.day = value;
                DAY
            }
            Label::Hour => {
                self.hour = value;
                HOUR
            }
            Label::Minute => {
                self.minute = value;
                MINUTE
            }
            Label::Second => {
                self.second = value;
                match fraction {
                    Some(fraction) => {
                        self.micros = millionths(fraction, 1)?;
                        SECOND | FRACTION
                    }
                    None => SECOND,
                }
            }
            Label::Julian => {
                self.julian_day(whole)?;
                match fraction {
                    Some(fraction) => {
                        self.set_time(millionths(fraction, 86_400)?);
                        DATE | TIME
                    }
                    None => DATE,
                }
            }
            Label::Time => match self.digits(text, self.seen | DATE)? {
                TIME => TIME,
                _ => return Err(Unreadable::Syntax),
            },
            Label::Never => return Err(Unreadable::Syntax),
        })
    }

    /// A number that nothing else is said of.
    fn number(&mut self, text: &str, before_date: bool) -> Result<Parts, Unreadable> {
        let seen = self.seen_of_clock();
        let point = text.find('.');
        let open = self.seen & DATE == 0 || self.seen & TIME == 0;
        match point {
            Some(_) if self.clock && before_date => self.date(text),
            Some(_) if !self.clock && self.seen & DATE == 0 => self.date(text),
            Some(point) if point > 2 => self.digits(text, seen),
            Some(_) if self.clock => Err(Unreadable::Syntax),
            None if self.clock && text.len() > 4 => self.digits(text, seen),
            None if !self.clock && text.len() >= 6 && open => self.digits(text, seen),
            _ => self.part_of_date(text, self.month_by_name, seen),
        }
    }

    /// A year, month or day, by what is known and in the order of DateStyle.
    fn part_of_date(
        &mut self,
        text: &str,
        by_name: bool,
        seen: Parts,
    ) -> Result<Parts, Unreadable> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let value = integer(whole)?;
        if whole.len() < text.len() {
            if whole.len() > 2 {
                return self.digits(text, seen | DATE);
            }
            self.micros = millionths(fraction, 1)?;
        }
        let (all, seen) = (seen, seen & DATE);
        if text.len() == 3 && seen == YEAR && (1..=366).contains(&value) {
            self.day_of_year = value;
            return Ok(DAY_OF_YEAR | MONTH | DAY);
        }
        let long = text.len() >= 3;
        let told = match seen {
            0 if long => YEAR,
            0 => match self.reading.order() {
                DateOrder::Ymd => YEAR,
                DateOrder::Dmy => DAY,
                DateOrder::Mdy => MONTH,
            },
            YEAR | DAY => MONTH,
            MONTH if by_name && (long || self.reading.order() == DateOrder::Ymd) => YEAR,
            MONTH => DAY,
            // What was taken for the year was the day.
            YEAR_MONTH if by_name && long && self.short_year => {
                self.day = self.year;
                self.year = value;
                self.short_year = false;
                return Ok(DAY);
            }
            YEAR_MONTH => DAY,
            MONTH_DAY => YEAR,
            DATE => return self.digits(text, all),
            _ => return Err(Unreadable::Syntax),
        };
        match told {
            YEAR => {
                self.year = value;
                self.short_year = text.len() <= 2;
            }
            MONTH => self.month = value,
            _ => self.day = value,
        }
        Ok(told)
    }

    /// Digits without anything between them: a date if there is none yet, or
    /// a time of day.
    fn digits(&mut self, text: &str, seen: Parts) -> Result<Parts, Unreadable> {
        let (digits, fraction) = match text.split_once('.') {
            Some((digits, fraction)) => (digits, Some(fraction)),
            None => (text, None),
        };
        let pair = |at: usize| digits.get(at..at + 2).map_or(Ok(0), integer);
        if let Some(fraction) = fraction {
            self.micros = millionths(fraction, 1)?;
        } else if seen & DATE != DATE && digits.len() >= 6 {
            let year = digits.len() - 4;
            self.year = integer(&digits[..year])?;
            (self.month, self.day) = (pair(year)?, pair(year + 2)?);
            self.short_year |= year == 2;
            return Ok(DATE);
        }
        if seen & TIME == TIME || !matches!(digits.len(), 4 | 6) {
            return Err(Unreadable::Syntax);
        }
        (self.hour, self.minute, self.second) = (pair(0)?, pair(2)?, pair(4)?);
        Ok(TIME)
    }

    fn word(&mut self, text: &str, next: Option<Kind>) -> Result<Parts, Unreadable> {
        if let Some(found) = zone::abbreviation(text) {
            self.offset = found.offset;
            return Ok(if found.summer { ZONE | SUMMER } else { ZONE });
        }
        let Some(word) = Word::of(text) else {
            self.offset = zone::named(text).ok_or(Unreadable::Syntax)?;
            return Ok(ZONE);
        };
        let only_of_dates = matches!(
            word,
            Word::Month(_)
                | Word::Weekday
                | Word::Today(_)
                | Word::Epoch
                | Word::Infinity
                | Word::MinusInfinity
        );
        if self.clock && only_of_dates {
            return Err(Unreadable::Syntax);
        }
        Ok(match word {
            Word::Filler => 0,
            Word::Month(month) => return Ok(self.month_by_name(month)),
            Word::Weekday => WEEKDAY,
            Word::Era { bc } => {
                self.bc = bc;
                ERA
            }
            Word::HalfDay { afternoon } => {
                self.afternoon = Some(afternoon);
                HALF_DAY
            }
            Word::Label(label) => {
                self.announce(label, next)?;
                0
            }
            Word::Summer => {
                self.offset += 3_600;
                SUMMER | SUMMER_ADDED
            }
            Word::Now => {
                let now = self.reading.now()?;
                self.set_time(now.rem_euclid(MICROS_PER_DAY));
                if self.clock {
                    return Ok(TIME);
                }
                self.set_days(now.div_euclid(MICROS_PER_DAY));
                DATE | TIME | ZONE
            }
            Word::Today(later) => {
                let today = self.reading.now()?.div_euclid(MICROS_PER_DAY);
                self.set_days(today + later);
                DATE
            }
            Word::AllBalls => {
                self.set_time(0);
                self.offset = 0;
                TIME | ZONE
            }
            Word::Epoch => self.special(Special::Epoch),
            Word::Infinity => self.special(Special::Infinity),
            Word::MinusInfinity => self.special(Special::MinusInfinity),
        })
    }

    fn special(&mut self, special: Special) -> Parts {
        self.special = Some(special);
        SPECIAL
    }

    /// A number that was taken for the month is the day, if a name follows.
    fn month_by_name(&mut self, month: i64) -> Parts {
        let number_before = self.all(MONTH) && !self.month_by_name && !self.all(DAY);
        let told = if number_before && (1..=31).contains(&self.month) {
            self.day = self.month;
            DAY
        } else {
            MONTH
        };
        self.month_by_name = true;
        self.month = month;
        told
    }

    fn announce(&mut self, label: Label, next: Option<Kind>) -> Result<(), Unreadable> {
        if label == Label::Time {
            let time_follows = matches!(next, Some(Kind::Number | Kind::Time | Kind::Date));
            if !time_follows || !self.clock && !self.all(DATE) {
                return Err(Unreadable::Syntax);
            }
        }
        self.label = Some(label);
        Ok(())
    }

    /// Settles the year, and finds fault with what no calendar has.
    fn finish_date(&mut self) -> Result<(), Unreadable> {
        if self.all(YEAR) && !self.julian {
            if self.short_year && !self.bc {
                self.year += match self.year {
                    ..70 => 2_000,
                    70..100 => 1_900,
                    _ => 0,
                };
            } else if self.year <= 0 {
                return Err(Unreadable::Field);
            } else if self.bc {
                self.year = 1 - self.year;
            }
        }
        if self.all(DAY_OF_YEAR) {
            self.set_days(days_from_civil(self.year, 1, 1) + self.day_of_year - 1);
        }
        let month = !self.all(MONTH) || (1..=12).contains(&self.month);
        let day = !self.all(DAY) || (1..=31).contains(&self.day);
        if !month || !day {
            return Err(Unreadable::Order);
        }
        if self.all(DATE) && self.day > days_in_month(self.year, self.month) {
            return Err(Unreadable::Field);
        }
        Ok(())
    }

    fn finish_time(&mut self) -> Result<(), Unreadable> {
        if let Some(afternoon) = self.afternoon {
            if self.hour > 12 {
                return Err(Unreadable::Field);
            }
            self.hour = self.hour % 12 + if afternoon { 12 } else { 0 };
        }
        match self.clock {
            true => self.within_day(),
            false => Ok(()),
        }
    }

    /// All that is needed has to be there.
    fn complete(&self) -> Result<(), Unreadable> {
        let needed = match (self.clock, self.special) {
            (true, _) => TIME,
            (false, Some(_)) => return Ok(()),
            (false, None) => DATE,
        };
        let summer_of_none = self.all(SUMMER_ADDED) && !self.all(ZONE);
        match self.all(needed) && !summer_of_none {
            true => Ok(()),
            false => Err(Unreadable::Syntax),
        }
    }
}

/// The parts of a date: digits or letters, and one sign or more after each.
fn split_parts(text: &str) -> Result<Vec<&str>, Unreadable> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        rest = rest.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
        let first = rest.chars().next().ok_or(Unreadable::Syntax)?;
        let same = |c: char| c.is_ascii_digit() == first.is_ascii_digit();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() || !same(c));
        let (part, after) = rest.split_at(end.unwrap_or(rest.len()));
        parts.push(part);
        // The character after a part is gone, whatever it is.
        rest = after.get(1..).unwrap_or_default();
    }
    Ok(parts)
}

/// A number of nothing but digits.
fn integer(digits: &str) -> Result<i64, Unreadable> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Unreadable::Syntax);
    }
    let number: Result<i32, _> = digits.parse();
    number.map(i64::from).map_err(|_| Unreadable::Field)
}

/// Millionths of so many units, of which the digits are the decimals.
fn millionths(digits: &str, units: i64) -> Result<i64, Unreadable> {
    let fraction = fraction(digits)?;
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "it is less than the units, which are few"
    )]
    Ok(match units {
        1 => (fraction * 1e6).round_ties_even() as i64,
        units => (fraction * 1e6 * units as f64) as i64,
    })
}

/// What the digits after a decimal point come to.
pub(super) fn fraction(digits: &str) -> Result<f64, Unreadable> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Unreadable::Syntax);
    }
    let number = format!("0.{digits}0").parse();
    number.map_err(|_| Unreadable::Syntax)
}

/// What a clock shows, or a stopwatch.
pub(super) struct Clock {
    pub(super) hours: i64,
    pub(super) minutes: i64,
    pub(super) seconds: i64,
    pub(super) micros: i64,
}

impl Clock {
    /// Reads `12:30`, `12:30:15`, `12:30:15.25`; two numbers are minutes and
    /// seconds if the second has decimals, or if `minutes_first`.
    pub(super) fn read(text: &str, minutes_first: bool) -> Result<Clock, Unreadable> {
        let (whole, decimals) = match text.split_once('.') {
            Some((whole, decimals)) => (whole, Some(decimals)),
            None => (text, None),
        };
        let mut numbers = whole.split(':');
        let mut next = || numbers.next();
        let (Some(first), Some(second)) = (next(), next()) else {
            return Err(Unreadable::Syntax);
        };
        let third = next();
        if next().is_some() {
            return Err(Unreadable::Syntax);
        }
        let first: i64 = match first {
            digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().map_err(|_| Unreadable::Field)?
            }
            _ => return Err(Unreadable::Syntax),
        };
        // Between two colons there may be nothing.
        let number = |digits: &str| match digits {
            "" => Ok(0),
            digits => integer(digits),
        };
        let second = number(second)?;
        let (hours, minutes, seconds) = match third {
            Some(third) => (first, second, number(third)?),
            None if minutes_first || decimals.is_some() => (0, first, second),
            None => (first, second, 0),
        };
        let micros = millionths(decimals.unwrap_or_default(), 1)?;
        if minutes > 59 || seconds > 60 {
            return Err(Unreadable::Field);
        }
        Ok(Clock {
            hours,
            minutes,
            seconds,
            micros,
        })
    }
}
