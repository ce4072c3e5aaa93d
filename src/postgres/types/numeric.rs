//! numeric: exact decimals, up to the 38 digits of an i128, the infinities, and
//! what is not a number.
//!
//! PostgreSQL's own go to 131,072 digits; what does not fit here is refused,
//! never rounded.

use std::cmp::Ordering;
use std::fmt;

use crate::postgres::error::{Error, Result, SqlState};

/// `unscaled / 10^scale`. The scale is the number of decimals shown. That of
/// the infinities and of NaN is [`SPECIAL`], and what they have for digits is
/// their sign.
#[derive(Debug, Clone, Copy)]
pub struct Numeric {
    unscaled: i128,
    scale: u8,
}

/// More decimals than an i128 has digits cannot be held.
const SCALE_MAX: u8 = 38;
/// The scale of what has no digits.
const SPECIAL: u8 = u8::MAX;
/// PostgreSQL gives a quotient or a root at least this many significant digits.
const SIGNIFICANT_DIGITS: i32 = 16;
/// The most digits before the decimal point that PostgreSQL takes.
const WHOLE_DIGITS_MAX: u32 = 131_072;

fn too_long() -> Error {
    Error::unsupported("a numeric of more than 38 digits")
}

fn power(exponent: u32) -> Result<i128> {
    10i128.checked_pow(exponent).ok_or_else(too_long)
}

fn division_by_zero() -> Error {
    Error::new(SqlState::DIVISION_BY_ZERO, "division by zero")
}

impl Numeric {
    pub(in crate::postgres) fn from_int(value: i64) -> Numeric {
        Numeric {
            unscaled: value.into(),
            scale: 0,
        }
    }

    /// What is not a number.
    pub(in crate::postgres) const NAN: Numeric = Numeric::special(0);

    /// NaN, or infinity of a sign.
    const fn special(sign: i128) -> Numeric {
        Numeric {
            unscaled: sign,
            scale: SPECIAL,
        }
    }

    /// Infinity, or what is below all numbers.
    pub(in crate::postgres) fn infinity(negative: bool) -> Numeric {
        Numeric::special(if negative { -1 } else { 1 })
    }

    pub(in crate::postgres) fn is_nan(self) -> bool {
        self.is_special() && self.unscaled == 0
    }

    pub(in crate::postgres) fn is_infinite(self) -> bool {
        self.is_special() && self.unscaled != 0
    }

    fn is_special(self) -> bool {
        self.scale == SPECIAL
    }

    /// -1, 0 or 1; NaN has none but itself.
    pub(in crate::postgres) fn sign(self) -> Numeric {
        match self.is_nan() {
            true => self,
            false => Numeric {
                unscaled: self.unscaled.signum(),
                scale: 0,
            },
        }
    }

    /// How many decimals it shows, if it has digits.
    pub(in crate::postgres) fn decimals(self) -> Option<u8> {
        (!self.is_special()).then_some(self.scale)
    }

    fn named(text: &str) -> Option<Numeric> {
        let (sign, word) = match text.as_bytes().first()? {
            b'-' => (-1, &text[1..]),
            b'+' => (1, &text[1..]),
            _ => (1, text),
        };
        match word.to_ascii_lowercase().as_str() {
            "nan" if word == text => Some(Numeric::NAN),
            "infinity" | "inf" => Some(Numeric::special(sign)),
            _ => None,
        }
    }

    /// Reads `-12.50`, `1e3` or `Infinity`; None for what is no number.
    pub(in crate::postgres) fn parse(text: &str) -> Option<Result<Numeric>> {
        if let Some(named) = Numeric::named(text) {
            return Some(Ok(named));
        }
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (negative, digits) = match mantissa.as_bytes().first()? {
            b'-' => (true, &mantissa[1..]),
            b'+' => (false, &mantissa[1..]),
            _ => (false, mantissa),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction)
        {
            return None;
        }
        Some(Numeric::from_parts(negative, whole, fraction, exponent))
    }

    fn from_parts(negative: bool, whole: &str, fraction: &str, exponent: i32) -> Result<Numeric> {
        let mut unscaled: i128 = 0;
        for digit in whole.bytes().chain(fraction.bytes()) {
            unscaled = unscaled
                .checked_mul(10)
                .and_then(|value| value.checked_add(i128::from(digit - b'0')))
                .ok_or_else(too_long)?;
        }
        let scale = i64::try_from(fraction.len()).unwrap_or(i64::MAX) - i64::from(exponent);
        let numeric = if scale < 0 {
            let shift = u32::try_from(-scale).unwrap_or(u32::MAX);
            if shift >= WHOLE_DIGITS_MAX && unscaled != 0 {
                return Err(Error::new(
                    SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
                    "value overflows numeric format",
                ));
            }
            let factor = if unscaled == 0 { 1 } else { power(shift)? };
            Numeric {
                unscaled: unscaled.checked_mul(factor).ok_or_else(too_long)?,
                scale: 0,
            }
        } else {
            Numeric {
                unscaled,
                scale: u8::try_from(scale)
                    .ok()
                    .filter(|scale| *scale <= SCALE_MAX)
                    .ok_or_else(too_long)?,
            }
        };
        Ok(if negative { numeric.negate() } else { numeric })
    }

    pub(in crate::postgres) fn negate(self) -> Numeric {
        Numeric {
            unscaled: -self.unscaled,
            ..self
        }
    }

    pub(in crate::postgres) fn is_zero(self) -> bool {
        self.unscaled == 0 && !self.is_special()
    }

    fn aligned(self, other: Numeric) -> Result<(i128, i128, u8)> {
        let scale = self.scale.max(other.scale);
        Ok((self.at(scale)?, other.at(scale)?, scale))
    }

    fn at(self, scale: u8) -> Result<i128> {
        self.unscaled
            .checked_mul(power(u32::from(scale - self.scale))?)
            .ok_or_else(too_long)
    }

    pub(in crate::postgres) fn add(self, other: Numeric) -> Result<Numeric> {
        if self.is_special() || other.is_special() {
            let weight = |n: Numeric| if n.is_special() { n.unscaled } else { 0 };
            return Ok(match self.is_nan() || other.is_nan() {
                true => Numeric::NAN,
                false => Numeric::special((weight(self) + weight(other)).signum()),
            });
        }
        let (a, b, scale) = self.aligned(other)?;
        let unscaled = a.checked_add(b).ok_or_else(too_long)?;
        Ok(Numeric { unscaled, scale })
    }

    pub(in crate::postgres) fn multiply(self, other: Numeric) -> Result<Numeric> {
        if self.is_special() || other.is_special() {
            // Infinity times 0 is not a number.
            let sign = self.unscaled.signum() * other.unscaled.signum();
            return Ok(Numeric::special(sign));
        }
        let unscaled = self
            .unscaled
            .checked_mul(other.unscaled)
            .ok_or_else(too_long)?;
        let scale = self.scale + other.scale;
        if scale > SCALE_MAX {
            return Err(too_long());
        }
        Ok(Numeric { unscaled, scale })
    }

    /// The quotient with PostgreSQL's choice of decimals: enough for 16
    /// significant digits, counted in its groups of four, and no fewer than
    /// either operand shows.
    pub(in crate::postgres) fn divide(self, other: Numeric) -> Result<Numeric> {
        if self.is_nan() || other.is_nan() {
            return Ok(Numeric::NAN);
        }
        if other.is_zero() {
            return Err(division_by_zero());
        }
        match (self.is_special(), other.is_special()) {
            (true, true) => return Ok(Numeric::NAN),
            (true, false) => return self.multiply(other),
            (false, true) => return Ok(Numeric::from_int(0)),
            (false, false) => {}
        }
        let scale = self.quotient_scale(other)?;
        let shift = i32::from(scale) + i32::from(other.scale) - i32::from(self.scale);
        let factor = power(shift.unsigned_abs())?;
        let unscaled = if shift >= 0 {
            match self.unscaled.checked_mul(factor) {
                Some(dividend) => divide_rounding(dividend, other.unscaled),
                None => divide_by_digits(self.unscaled, other.unscaled, shift)?,
            }
        } else {
            let divisor = other.unscaled.checked_mul(factor).ok_or_else(too_long)?;
            divide_rounding(self.unscaled, divisor)
        };
        Ok(Numeric { unscaled, scale })
    }

    fn quotient_scale(self, other: Numeric) -> Result<u8> {
        let (weight1, first1) = self.leading_group();
        let (weight2, first2) = other.leading_group();
        let mut weight = weight1 - weight2;
        if first1 <= first2 {
            weight -= 1;
        }
        let wanted = (SIGNIFICANT_DIGITS - weight * 4).max(self.scale.into());
        scale(wanted.max(other.scale.into()))
    }

    /// The square root, with PostgreSQL's choice of decimals. None of what is
    /// negative.
    pub(in crate::postgres) fn square_root(self) -> Result<Option<Numeric>> {
        if self.unscaled < 0 {
            return Ok(None);
        }
        if self.is_special() {
            return Ok(Some(self));
        }
        let (weight, _) = self.leading_group();
        let wanted = SIGNIFICANT_DIGITS - ((weight + 1) * 2 - 1);
        let decimals = scale(wanted.max(self.scale.into()))?;
        let square = self
            .unscaled
            .checked_mul(power(u32::from(2 * decimals - self.scale))?);
        let square = square.ok_or_else(too_long)?;
        let root = square.isqrt();
        let nearest = if square - root * root > root {
            root + 1
        } else {
            root
        };
        Ok(Some(Numeric {
            unscaled: nearest,
            scale: decimals,
        }))
    }

    /// The weight and value of the first group of four digits.
    fn leading_group(self) -> (i32, u128) {
        let mut value = self.unscaled.unsigned_abs();
        if value == 0 {
            return (0, 0);
        }
        let padding = (4 - self.scale % 4) % 4;
        let mut weight = -i32::from((self.scale + padding) / 4);
        value = value.saturating_mul(10u128.pow(padding.into()));
        while value >= 10_000 {
            value /= 10_000;
            weight += 1;
        }
        (weight, value)
    }

    pub(in crate::postgres) fn remainder(self, other: Numeric) -> Result<Numeric> {
        if self.is_nan() || other.is_nan() {
            return Ok(Numeric::NAN);
        }
        if other.is_zero() {
            return Err(division_by_zero());
        }
        if self.is_special() || other.is_special() {
            return Ok(if self.is_special() {
                Numeric::NAN
            } else {
                self
            });
        }
        let (a, b, scale) = self.aligned(other)?;
        Ok(Numeric {
            unscaled: a % b,
            scale,
        })
    }

    /// Rounds half away from zero to `scale` decimals.
    pub(in crate::postgres) fn round(self, scale: u8) -> Result<Numeric> {
        if self.is_special() {
            return Ok(self);
        }
        let unscaled = if scale >= self.scale {
            if scale > SCALE_MAX {
                return Err(too_long());
            }
            self.at(scale)?
        } else {
            divide_rounding(self.unscaled, power(u32::from(self.scale - scale))?)
        };
        Ok(Numeric { unscaled, scale })
    }

    /// Cuts off what is beyond `scale` decimals.
    pub(in crate::postgres) fn truncate(self, scale: u8) -> Result<Numeric> {
        if scale >= self.scale || self.is_special() {
            return self.round(scale);
        }
        let unscaled = self.unscaled / power(u32::from(self.scale - scale))?;
        Ok(Numeric { unscaled, scale })
    }

    /// Applies `change`, which works on decimals, `places` to the left of the
    /// decimal point.
    pub(in crate::postgres) fn at_left(
        self,
        places: u64,
        change: fn(Numeric, u8) -> Result<Numeric>,
    ) -> Result<Numeric> {
        if self.is_special() {
            return Ok(self);
        }
        let Some(shifted) = u8::try_from(places)
            .ok()
            .and_then(|places| self.scale.checked_add(places))
            .filter(|scale| *scale <= SCALE_MAX)
        else {
            return Ok(Numeric::from_int(0));
        };
        let small = Numeric {
            unscaled: self.unscaled,
            scale: shifted,
        };
        let changed = change(small, 0)?;
        let factor = power(u32::try_from(places).unwrap_or(u32::MAX))?;
        let unscaled = changed.unscaled.checked_mul(factor).ok_or_else(too_long)?;
        Ok(Numeric { unscaled, scale: 0 })
    }

    /// `unscaled / 10^scale`.
    pub(in crate::postgres) fn scaled(unscaled: i128, scale: u8) -> Numeric {
        Numeric { unscaled, scale }
    }

    /// True if it is less than 10 to the power of `digits`, whatever its sign.
    pub(in crate::postgres) fn fits(self, digits: i32) -> bool {
        let digits = u32::try_from(digits + i32::from(self.scale)).unwrap_or(0);
        10u128
            .checked_pow(digits)
            .is_none_or(|limit| self.unscaled.unsigned_abs() < limit)
    }

    /// The nearest integer, if it has the width of an i64.
    pub(in crate::postgres) fn to_int(self) -> Option<i64> {
        let rounded = self.round(0).ok()?;
        i64::try_from(rounded.unscaled).ok()
    }

    /// The digits in groups of four, as the binary format has them: weight of
    /// the first group, groups, negative, scale.
    pub(super) fn groups(self) -> (i16, Vec<i16>, bool, u8) {
        if self.is_zero() {
            return (0, Vec::new(), false, self.scale);
        }
        let padding = (4 - self.scale % 4) % 4;
        let mut value = self.unscaled.unsigned_abs();
        let mut groups = Vec::new();
        if padding > 0 {
            // The last group is filled up: all of the value might not have room.
            let digits = 10u128.pow(u32::from(4 - padding));
            let last = i16::try_from(value % digits).unwrap_or(0);
            groups.push(last * 10i16.pow(padding.into()));
            value /= digits;
        }
        let fraction = i16::from((self.scale + padding) / 4);
        while value > 0 {
            groups.push(i16::try_from(value % 10_000).unwrap_or(0));
            value /= 10_000;
        }
        let weight = i16::try_from(groups.len()).unwrap_or(0) - fraction - 1;
        groups.reverse();
        while groups.last() == Some(&0) {
            groups.pop();
        }
        (weight, groups, self.unscaled < 0, self.scale)
    }
}

/// A scale that there is.
fn scale(wanted: i32) -> Result<u8> {
    let scale = u8::try_from(wanted.max(0)).ok();
    scale
        .filter(|scale| *scale <= SCALE_MAX)
        .ok_or_else(too_long)
}

/// The quotient with so many digits more, one by one: there is no room for
/// the dividend with all of them.
fn divide_by_digits(dividend: i128, divisor: i128, digits: i32) -> Result<i128> {
    let (mut quotient, mut rest) = (dividend / divisor, dividend % divisor);
    for _ in 0..digits {
        let ten = |value: i128| value.checked_mul(10).ok_or_else(too_long);
        let more = ten(rest)?;
        quotient = ten(quotient)?
            .checked_add(more / divisor)
            .ok_or_else(too_long)?;
        rest = more % divisor;
    }
    quotient
        .checked_add(divide_rounding(rest, divisor))
        .ok_or_else(too_long)
}

fn divide_rounding(dividend: i128, divisor: i128) -> i128 {
    let quotient = dividend / divisor;
    let remainder = (dividend % divisor).unsigned_abs();
    if remainder >= divisor.unsigned_abs() - remainder {
        quotient
            + if (dividend < 0) == (divisor < 0) {
                1
            } else {
                -1
            }
    } else {
        quotient
    }
}

impl Ord for Numeric {
    fn cmp(&self, other: &Numeric) -> Ordering {
        if self.is_special() || other.is_special() {
            // NaN equals itself, and is the greatest.
            let rank = |n: &Numeric| match n.is_special() {
                true if n.unscaled == 0 => 2,
                true => n.unscaled,
                false => 0,
            };
            return rank(self).cmp(&rank(other));
        }
        match self.aligned(*other) {
            Ok((a, b, _)) => a.cmp(&b),
            // Only reached when one is too large to show the other's
            // decimals: then the whole parts differ.
            Err(_) => {
                let whole = |n: &Numeric| n.unscaled / 10i128.pow(n.scale.into());
                whole(self).cmp(&whole(other))
            }
        }
    }
}

impl PartialOrd for Numeric {
    fn partial_cmp(&self, other: &Numeric) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Numeric {
    fn eq(&self, other: &Numeric) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Numeric {}

impl fmt::Display for Numeric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_special() {
            return f.write_str(match self.unscaled {
                0 => "NaN",
                1.. => "Infinity",
                ..0 => "-Infinity",
            });
        }
        let digits = self.unscaled.unsigned_abs().to_string();
        let scale = usize::from(self.scale);
        if self.unscaled < 0 {
            f.write_str("-")?;
        }
        if scale == 0 {
            return f.write_str(&digits);
        }
        let padded = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = padded.split_at(padded.len() - scale);
        write!(f, "{whole}.{fraction}")
    }
}
