//! The arithmetic of INCRBYFLOAT: C's `long double` of x86-64, with 64 bits
//! of mantissa, written as `%.17Lf` with no zeros at the end.

use std::fmt;

use rustc_apfloat::ieee::X87DoubleExtended;
use rustc_apfloat::{Float, Round, Status};

use super::number::parse_hexadecimal;
use super::reply::Reply;

/// An 80-bit float that is a number.
#[derive(Debug, Clone, Copy)]
pub(super) struct LongDouble(X87DoubleExtended);

/// Digits behind the point.
const DECIMALS: usize = 17;
/// Bits between the exponent of the mantissa and that of its lowest bit, and
/// the bias of the exponent.
const EXPONENT_OFFSET: i32 = 16_383 + 63;

impl LongDouble {
    pub(super) const ZERO: LongDouble = LongDouble(X87DoubleExtended::ZERO);

    /// Reads one as C's `strtold` does, all of the text and no leading space;
    /// what does not fit is refused.
    pub(super) fn parse(text: &[u8]) -> Option<LongDouble> {
        let text = std::str::from_utf8(text).ok()?;
        if let Some(value) = parse_hexadecimal(text) {
            return value.map(LongDouble);
        }
        let like_a_double: f64 = text.parse().ok()?;
        if like_a_double.is_nan() {
            return None;
        }
        if text.contains(['n', 'N']) {
            let infinity = X87DoubleExtended::INFINITY;
            let negative = like_a_double < 0.0;
            return Some(LongDouble(if negative { -infinity } else { infinity }));
        }
        let parsed = X87DoubleExtended::from_str_r(text, Round::NearestTiesToEven).ok()?;
        let lost = parsed.value.is_infinite()
            || (parsed.value.is_zero() && parsed.status.contains(Status::UNDERFLOW));
        (!lost).then_some(LongDouble(parsed.value))
    }

    /// The argument of INCRBYFLOAT.
    pub(super) fn increment(text: &[u8]) -> Result<LongDouble, Reply> {
        LongDouble::parse(text).ok_or(Reply::error("ERR value is not a valid float"))
    }

    /// As thousandths, rounded up; none if they are too many for an integer.
    pub(super) fn thousandths(self) -> Option<i64> {
        let thousand = X87DoubleExtended::from_u128(1000).value;
        let product = self.0.mul_r(thousand, Round::NearestTiesToEven).value;
        let rounded = product.to_i128_r(64, Round::TowardPositive, &mut false);
        let fits = !rounded.status.contains(Status::INVALID_OP);
        i64::try_from(rounded.value).ok().filter(|_| fits)
    }

    pub(super) fn is_infinite(self) -> bool {
        self.0.is_infinite()
    }

    /// The sum, or the error that a client gets if it is none.
    pub(super) fn plus(self, other: LongDouble) -> Result<LongDouble, Reply> {
        let sum = self.0.add_r(other.0, Round::NearestTiesToEven).value;
        if sum.is_finite() {
            Ok(LongDouble(sum))
        } else {
            Err(Reply::error("ERR increment would produce NaN or Infinity"))
        }
    }
}

impl fmt::Display for LongDouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.0.to_bits();
        let mantissa = (bits & u128::from(u64::MAX)) as u64;
        let exponent = ((bits >> 64) & 0x7fff) as i32 - EXPONENT_OFFSET;
        let digits = if exponent >= 0 {
            shifted_left(mantissa, exponent.unsigned_abs())
        } else {
            with_decimals(mantissa, exponent.unsigned_abs())
        };
        if self.0.is_negative() && digits != "0" {
            f.write_str("-")?;
        }
        f.write_str(&digits)
    }
}

/// `mantissa` halved so many times, to [`DECIMALS`] digits, ties to even.
fn with_decimals(mantissa: u64, halvings: u32) -> String {
    const SCALE: u128 = 10_u128.pow(DECIMALS as u32);
    let scaled = u128::from(mantissa) * SCALE;
    let Some(quotient) = scaled.checked_shr(halvings) else {
        return "0".into();
    };
    let rest = scaled - (quotient << halvings);
    let half = 1_u128 << (halvings - 1);
    let up = rest > half || (rest == half && quotient % 2 == 1);
    let rounded = quotient + u128::from(up);
    let decimals = format!("{:017}", rounded % SCALE);
    let whole = rounded / SCALE;
    match decimals.trim_end_matches('0') {
        "" => whole.to_string(),
        decimals => format!("{whole}.{decimals}"),
    }
}

/// `mantissa` doubled so many times: up to 4933 digits, nine in a limb.
fn shifted_left(mantissa: u64, doublings: u32) -> String {
    const LIMB: u64 = 1_000_000_000;
    const STEP: u32 = 32;
    let mut limbs = Vec::new();
    let mut rest = mantissa;
    while rest > 0 {
        limbs.push(rest % LIMB);
        rest /= LIMB;
    }
    let mut left = doublings;
    while left > 0 {
        let step = left.min(STEP);
        let mut carry = 0;
        for limb in &mut limbs {
            let value = (*limb << step) + carry;
            *limb = value % LIMB;
            carry = value / LIMB;
        }
        while carry > 0 {
            limbs.push(carry % LIMB);
            carry /= LIMB;
        }
        left -= step;
    }
    let mut digits = limbs.last().map_or_else(|| "0".into(), u64::to_string);
    for limb in limbs.iter().rev().skip(1) {
        digits.push_str(&format!("{limb:09}"));
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::LongDouble;

    #[test]
    fn sums_are_those_of_long_doubles() {
        for (left, right, sum) in [
            ("0", "0", "0"),
            ("1", "0.1", "1.1"),
            ("0.1", "0.2", "0.3"),
            ("-1.5", "1.5", "0"),
            ("3", "-1.1", "1.9"),
            ("1e19", "1", "10000000000000000001"),
            ("1e20", "1", "100000000000000000000"),
            ("17179869184", "1.5", "17179869185.5"),
            ("5.0e3", "2.0e2", "5200"),
            ("0x10", "-0x1p-1", "15.5"),
            ("-1e-17", "0", "-0.00000000000000001"),
            ("1e-19", "0", "0"),
            (
                "1e64",
                "0",
                "9999999999999999999830660035002966504798826279980126578522718208",
            ),
        ] {
            let [left, right] = [left, right].map(|t| LongDouble::parse(t.as_bytes()).unwrap());
            assert_eq!(left.plus(right).unwrap().to_string(), sum);
        }
        for text in ["", " 1", "1 ", "abc", "nan", "1e5000", "1e-5000", "0x"] {
            assert!(LongDouble::parse(text.as_bytes()).is_none(), "{text:?}");
        }
    }
}
