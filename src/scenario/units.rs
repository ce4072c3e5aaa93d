//! Values with units, as scenario files write them: `250us`, `1s..2s`, `30%`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::de::{self, Deserialize, Deserializer};

use crate::draw::Draw;
use crate::net::PerMillion;

/// What a plan may draw a duration from: `1s..2s`, or `1s` for always that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The shortest, in nanoseconds.
    pub min_ns: u64,
    /// The longest, in nanoseconds.
    pub max_ns: u64,
}

impl Span {
    /// Always `ms` milliseconds.
    pub const fn ms(ms: u64) -> Span {
        Span {
            min_ns: ms * 1_000_000,
            max_ns: ms * 1_000_000,
        }
    }

    /// One of its durations.
    pub fn draw(self, draw: &mut Draw) -> u64 {
        draw.within(self.min_ns..self.max_ns.saturating_add(1))
    }

    /// As two durations.
    pub fn durations(self) -> std::ops::Range<Duration> {
        Duration::from_nanos(self.min_ns)..Duration::from_nanos(self.max_ns)
    }

    /// From the shortest up to and without the longest; never empty.
    pub fn range_ns(self) -> std::ops::Range<u64> {
        self.min_ns..self.max_ns.max(self.min_ns + 1)
    }
}

/// Units with their nanoseconds, the largest first.
const UNITS: [(&str, u64); 5] = [
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// The longest duration that may be asked for: a day of virtual time.
const LONGEST_NS: u64 = 24 * 60 * UNITS[0].1;

const HOW: &str = "write a whole number and a unit: 250us, 40ms, 2s, 1m";

/// Nanoseconds from `40ms`.
pub fn parse_ns(text: &str) -> Result<u64, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    if text.starts_with('-') {
        return Err(format!("'{text}' is negative; {HOW}"));
    }
    let bad = || format!("'{text}' is no duration; {HOW}");
    let number: u64 = number.parse().map_err(|_| bad())?;
    let &(_, unit_ns) = UNITS
        .iter()
        .find(|(name, _)| *name == unit)
        .ok_or_else(bad)?;
    number
        .checked_mul(unit_ns)
        .filter(|ns| *ns <= LONGEST_NS)
        .ok_or_else(|| format!("'{text}' is longer than a day"))
}

/// `1500ms` as people would write it.
pub fn format_ns(ns: u64) -> String {
    let (unit, unit_ns) = UNITS
        .iter()
        .find(|(_, unit_ns)| ns >= *unit_ns && ns.is_multiple_of(*unit_ns))
        .unwrap_or(&UNITS[1]);
    format!("{}{unit}", ns / unit_ns)
}

/// How long something takes, to three digits after the point.
pub fn readable_ns(ns: u64) -> String {
    let (whole, part, unit) = match ns {
        1_000_000_000.. => (ns / 1_000_000_000, ns / 1_000_000 % 1_000, "s"),
        1_000_000.. => (ns / 1_000_000, ns / 1_000 % 1_000, "ms"),
        _ => (ns / 1_000, ns % 1_000, "us"),
    };
    match part {
        0 => format!("{whole} {unit}"),
        _ => format!("{whole}.{part:03} {unit}"),
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Span, String> {
        let (min_ns, max_ns) = ends(text, parse_ns)?;
        Ok(Span { min_ns, max_ns })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        span(f, self.min_ns, self.max_ns, format_ns)
    }
}

/// The ends of `1s..2s`, or twice the same of `1s`.
pub(super) fn ends<T: PartialOrd>(
    text: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<(T, T), String> {
    let (min, max) = text.split_once("..").unwrap_or((text, text));
    let (min, max) = (parse(min.trim())?, parse(max.trim())?);
    match min <= max {
        true => Ok((min, max)),
        false => Err(format!("'{text}' runs backwards; the smaller comes first")),
    }
}

/// Writes `1s..2s`, or `1s` if both ends are that.
pub(super) fn span<T: PartialEq + Copy>(
    f: &mut fmt::Formatter<'_>,
    min: T,
    max: T,
    format: impl Fn(T) -> String,
) -> fmt::Result {
    match min == max {
        true => f.write_str(&format(min)),
        false => write!(f, "{}..{}", format(min), format(max)),
    }
}

/// One duration: `2s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub Duration);

impl Time {
    /// `ms` milliseconds.
    pub const fn ms(ms: u64) -> Time {
        Time(Duration::from_millis(ms))
    }

    /// `us` microseconds.
    pub const fn us(us: u64) -> Time {
        Time(Duration::from_micros(us))
    }

    /// `ns` nanoseconds.
    pub const fn nanos(ns: u64) -> Time {
        Time(Duration::from_nanos(ns))
    }

    /// In nanoseconds.
    pub fn ns(self) -> u64 {
        u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX)
    }
}

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Time, String> {
        parse_ns(text).map(|ns| Time(Duration::from_nanos(ns)))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format_ns(self.ns()))
    }
}

/// How often something is so: `30%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Percent(pub u64);

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Percent, String> {
        text.strip_suffix('%')
            .and_then(|number| number.parse().ok())
            .filter(|percent| *percent <= 100)
            .map(Percent)
            .ok_or_else(|| format!("'{text}' is no share; write a whole number from 0% to 100%"))
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

/// How often something rare happens: `0.1%`, to four places.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Share(pub PerMillion);

/// What a percent is, in a million.
const PERCENT: u32 = 10_000;

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Share, String> {
        let parse = || {
            let number = text.strip_suffix('%')?;
            let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
            if part.is_empty() || part.len() > 4 || !part.bytes().all(|c| c.is_ascii_digit()) {
                return None;
            }
            let part: u32 = format!("{part:0<4}").parse().ok()?;
            let whole: u32 = whole.parse().ok().filter(|whole| *whole <= 100)?;
            let per_million = whole * PERCENT + part;
            (per_million <= 100 * PERCENT).then_some(Share(PerMillion(per_million)))
        };
        parse().ok_or_else(|| {
            format!("'{text}' is no share; write 0% to 100%, such as 0.1%, to four places")
        })
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Share(PerMillion(per_million)) = *self;
        write!(f, "{}", per_million / PERCENT)?;
        let part = format!("{:04}", per_million % PERCENT);
        match part.trim_end_matches('0') {
            "" => f.write_str("%"),
            part => write!(f, ".{part}%"),
        }
    }
}

/// A number before one of some units; None if it is not.
fn counted(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

/// The number in the largest unit that leaves it whole; the last unit is 1.
fn write_counted(f: &mut fmt::Formatter<'_>, value: u64, units: &[(&str, u64)]) -> fmt::Result {
    let fits = |unit: &&(&str, u64)| value >= unit.1 && value.is_multiple_of(unit.1);
    let (unit, factor) = units.iter().find(fits).unwrap_or(&units[units.len() - 1]);
    write!(f, "{}{unit}", value / factor)
}

/// Bits a second: `10Mbit/s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BitRate(pub u64);

const BIT_RATES: [(&str, u64); 4] = [
    ("Gbit/s", 1_000_000_000),
    ("Mbit/s", 1_000_000),
    ("kbit/s", 1_000),
    ("bit/s", 1),
];

impl FromStr for BitRate {
    type Err = String;

    fn from_str(text: &str) -> Result<BitRate, String> {
        counted(text, &BIT_RATES)
            .filter(|rate| (1_000..=1_000_000_000_000).contains(rate))
            .map(BitRate)
            .ok_or_else(|| {
                format!("'{text}' is no bandwidth; write 1kbit/s to 1000Gbit/s, such as 10Mbit/s")
            })
    }
}

impl fmt::Display for BitRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_counted(f, self.0, &BIT_RATES)
    }
}

/// Bytes: `64KiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(pub u64);

const SIZES: [(&str, u64); 3] = [("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl Size {
    /// `kib` times 1,024 bytes.
    pub const fn kib(kib: u64) -> Size {
        Size(kib << 10)
    }

    /// As a length.
    pub fn bytes(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Size, String> {
        counted(text, &SIZES)
            .filter(|bytes| (1..=1 << 30).contains(bytes))
            .map(Size)
            .ok_or_else(|| format!("'{text}' is no size; write 1B to 1024MiB, such as 64KiB"))
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_counted(f, self.0, &SIZES)
    }
}

/// A count or a range of counts: `2`, or `"0..3"` with both ends in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// The smallest.
    pub min: u64,
    /// The largest.
    pub max: u64,
}

impl Count {
    /// Always `number`.
    pub const fn of(number: u64) -> Count {
        Count {
            min: number,
            max: number,
        }
    }

    /// One of its numbers.
    pub fn draw(self, draw: &mut Draw) -> u64 {
        draw.within(self.min..self.max.saturating_add(1))
    }
}

impl FromStr for Count {
    type Err = String;

    fn from_str(text: &str) -> Result<Count, String> {
        let (min, max) = ends(text, |text| {
            text.parse::<u64>()
                .map_err(|_| format!("'{text}' is no count; write 2, or \"0..3\" for a range"))
        })?;
        Ok(Count { min, max })
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        span(f, self.min, self.max, |number| number.to_string())
    }
}

/// Reads and writes a type as its text form.
macro_rules! as_text {
    ($($kind:ty),*) => {$(
        impl<'de> serde::Deserialize<'de> for $kind {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::scenario::units::text(deserializer)
            }
        }

        impl serde::Serialize for $kind {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )*};
}
pub(super) use as_text;
as_text!(Span, Time, Percent, Count, Share, BitRate, Size);

/// Reads anything that parses from text; a bare number counts as its digits.
pub fn text<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    #[derive(serde::Deserialize)]
    #[serde(untagged, expecting = "expected text such as \"40ms\"")]
    enum Raw {
        Text(String),
        Number(i64),
    }
    let raw = match Raw::deserialize(deserializer)? {
        Raw::Text(text) => text,
        Raw::Number(number) => number.to_string(),
    };
    raw.parse().map_err(de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_keep_their_value() {
        for text in ["250us", "40ms", "2s", "1m", "1s..2s", "0s", "1500ms"] {
            assert_eq!(text.parse::<Span>().expect(text).to_string(), text);
        }
    }

    #[test]
    fn shares_rates_and_sizes_keep_their_value() {
        for text in ["0%", "0.1%", "0.0001%", "12.5%", "100%"] {
            assert_eq!(text.parse::<Share>().expect(text).to_string(), text);
        }
        for text in ["1Gbit/s", "1500kbit/s", "9600bit/s"] {
            assert_eq!(text.parse::<BitRate>().expect(text).to_string(), text);
        }
        for text in ["64KiB", "1500B", "3MiB"] {
            assert_eq!(text.parse::<Size>().expect(text).to_string(), text);
        }
        for text in ["100.1%", "0.00001%", "-1%", "1", "1.%", "4294967296%"] {
            let error = text.parse::<Share>().expect_err(text);
            assert!(error.contains("0% to 100%"), "{error}");
        }
        for text in ["0Mbit/s", "10MB", "9999Gbit/s", "99999999999999999999bit/s"] {
            text.parse::<BitRate>().expect_err(text);
        }
        for text in ["0B", "2048MiB", "64KB", "-1B"] {
            text.parse::<Size>().expect_err(text);
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_the_reason() {
        for (text, reason) in [
            ("-5ms", "negative"),
            ("5", "unit"),
            ("ms", "unit"),
            ("5 ms", "unit"),
            ("2s..1s", "backwards"),
            ("25h", "unit"),
            ("99999m", "longer than a day"),
        ] {
            let error = text.parse::<Span>().expect_err(text);
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
