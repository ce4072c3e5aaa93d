//! Numbers as Redis reads and writes them.

use rustc_apfloat::ieee::Double;
use rustc_apfloat::{Float, Round, Status};

use super::reply::Reply;

/// Reads a signed 64-bit integer with no liberties taken: no plus sign, no
/// spaces, no leading zeros, no `-0`.
pub(super) fn parse_integer(text: &[u8]) -> Option<i64> {
    let (is_negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] => return (!is_negative).then_some(0),
        [b'1'..=b'9', ..] => {}
        _ => return None,
    }
    // Downwards, where there is one number more.
    let mut value = 0_i64;
    for digit in digits {
        let digit = i64::from(digit.wrapping_sub(b'0'));
        if digit > 9 {
            return None;
        }
        value = value.checked_mul(10)?.checked_sub(digit)?;
    }
    match is_negative {
        true => Some(value),
        false => value.checked_neg(),
    }
}

/// [`parse_integer`], or the error that a client gets.
pub(super) fn integer_argument(text: &[u8]) -> Result<i64, Reply> {
    parse_integer(text).ok_or(Reply::NOT_AN_INTEGER)
}

/// Reads a double as C's `strtod` does, all of the text and no leading space;
/// what is too large or too small for a double is refused.
pub(super) fn parse_double(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    if let Some(value) = parse_hexadecimal::<Double>(text) {
        return Some(f64::from_bits(value?.to_bits() as u64));
    }
    let value: f64 = text.parse().ok()?;
    let named = text.contains(['n', 'N']);
    let is_zero = |text: &str| {
        let digits = text.split(['e', 'E']).next().unwrap_or_default();
        !digits.contains(|digit: char| matches!(digit, '1'..='9'))
    };
    let overflows = value.is_infinite() && !named;
    let underflows = value == 0.0 && !is_zero(text);
    (!value.is_nan() && !overflows && !underflows).then_some(value)
}

/// Reads a double as C's `strtod` does for a range of scores: leading space
/// is skipped, nothing is 0, and what is too large is infinite.
pub(super) fn parse_double_loosely(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    if text.is_empty() {
        return Some(0.0);
    }
    let text = text.trim_ascii_start();
    if let Some(value) = parse_hexadecimal::<Double>(text) {
        return Some(f64::from_bits(value?.to_bits() as u64));
    }
    let value: f64 = text.parse().ok()?;
    (!value.is_nan()).then_some(value)
}

/// Reads a number such as `-0x1F.8p3`; none if it is not in hexadecimal, and
/// no value if it is wrong or does not fit.
pub(super) fn parse_hexadecimal<F: Float>(text: &str) -> Option<Option<F>> {
    let body = text.strip_prefix(['+', '-']).unwrap_or(text);
    let body = body
        .strip_prefix("0x")
        .or_else(|| body.strip_prefix("0X"))?;
    let (digits, exponent) = body.split_once(['p', 'P']).unwrap_or((body, "0"));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let has_digits = whole.len() + fraction.len() > 0 && are_digits(whole) && are_digits(fraction);
    let Ok(exponent) = exponent.parse::<i16>() else {
        return Some(None);
    };
    let sign = if text.starts_with('-') { "-" } else { "" };
    let spelled = format!("{sign}0x{whole}.{fraction}p{exponent}");
    let parsed = F::from_str_r(&spelled, Round::NearestTiesToEven).ok();
    Some(parsed.filter(|_| has_digits).and_then(|parsed| {
        let underflows = parsed.value.is_zero() && parsed.status.contains(Status::UNDERFLOW);
        (parsed.value.is_finite() && !underflows).then_some(parsed.value)
    }))
}

/// Writes a double as C's `%.17g` does.
pub(super) fn format_double(value: f64) -> String {
    format_general(value, 17)
}

/// Writes a double as C's `%.*g` does, with so many significant digits.
pub(super) fn format_general(value: f64, significant: i32) -> String {
    if value.is_nan() {
        return if value.is_sign_negative() {
            "-nan"
        } else {
            "nan"
        }
        .into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.into();
    }
    let after_point = usize::try_from(significant - 1).unwrap_or(0);
    let scientific = format!("{value:.after_point$e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..significant).contains(&exponent) {
        let decimals = usize::try_from(significant - 1 - exponent).unwrap_or(0);
        return without_trailing_zeros(&format!("{value:.decimals$}")).into();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    let mantissa = without_trailing_zeros(mantissa);
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

/// Reads the double at the start of a text, and how long it is, as C's
/// `strtod` does: with a sign, in hexadecimal, an infinity, not a number.
pub(super) fn parse_double_prefix(text: &[u8]) -> Option<(f64, usize)> {
    let sign_length = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let negative = text.first() == Some(&b'-');
    let body = &text[sign_length..];
    let starts = |word: &[u8]| {
        let start = body.get(..word.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    let (value, length) = if starts(b"infinity") {
        (f64::INFINITY, 8)
    } else if starts(b"inf") {
        (f64::INFINITY, 3)
    } else if starts(b"nan") {
        (f64::NAN, 3)
    } else if starts(b"0x") && body.get(2).is_some_and(u8::is_ascii_hexdigit) {
        hexadecimal_prefix(body)
    } else {
        let length = decimal_length(body)?;
        let digits = std::str::from_utf8(&body[..length]).ok()?;
        (digits.parse().ok()?, length)
    };
    let value = if negative { -value } else { value };
    Some((value, sign_length + length))
}

/// The length of the decimal number at the start of a text.
fn decimal_length(text: &[u8]) -> Option<usize> {
    let digits = |from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let whole = digits(0);
    let mut length = whole;
    if text.get(whole) == Some(&b'.') {
        let fraction = digits(whole + 1);
        if whole + fraction > 0 {
            length = whole + 1 + fraction;
        }
    }
    if length == 0 {
        return None;
    }
    if matches!(text.get(length), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(length + 1), Some(b'+' | b'-')));
        let exponent = digits(length + 1 + sign);
        if exponent > 0 {
            length += 1 + sign + exponent;
        }
    }
    Some(length)
}

/// Whole hexadecimal numbers only: nobody writes fractions so.
fn hexadecimal_prefix(text: &[u8]) -> (f64, usize) {
    let digits = text[2..]
        .iter()
        .map_while(|byte| char::from(*byte).to_digit(16));
    let (value, count) = digits.fold((0.0, 0), |(value, count), digit| {
        (value * 16.0 + f64::from(digit), count + 1)
    });
    (value, 2 + count)
}

fn without_trailing_zeros(digits: &str) -> &str {
    if digits.contains('.') {
        digits.trim_end_matches('0').trim_end_matches('.')
    } else {
        digits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_strictly() {
        for (text, value) in [
            ("0", Some(0)),
            ("-1", Some(-1)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("", None),
            ("-", None),
            ("-0", None),
            ("+1", None),
            ("01", None),
            (" 1", None),
            ("1 ", None),
            ("1.0", None),
        ] {
            assert_eq!(parse_integer(text.as_bytes()), value, "{text:?}");
        }
    }

    #[test]
    fn doubles_are_read_in_hexadecimal_too() {
        for (text, value) in [
            ("0x10", Some(16.0)),
            ("-0X1f", Some(-31.0)),
            ("+0x.8", Some(0.5)),
            ("0x1.8p3", Some(12.0)),
            ("0x1p-1", Some(0.5)),
            ("0x0", Some(0.0)),
            ("0x20000000000001", Some(9_007_199_254_740_992.0)),
            ("0x", None),
            ("0x.", None),
            ("0xg", None),
            ("0x1p", None),
            ("0x1.1.1", None),
            ("0x1p2000", None),
            ("0x1p-2000", None),
            ("0x-1", None),
            (" 0x1", None),
        ] {
            assert_eq!(parse_double(text.as_bytes()), value, "{text:?}");
        }
    }

    #[test]
    fn doubles_are_written_as_c_does() {
        for (value, text) in [
            (0.1, "0.10000000000000001"),
            (1.5, "1.5"),
            (0.0, "0"),
            (-0.0, "-0"),
            (1e17, "1e+17"),
            (123_456_789_012_345_680.0, "1.2345678901234568e+17"),
            (1e16, "10000000000000000"),
            (0.0001, "0.0001"),
            (0.00001, "1.0000000000000001e-05"),
            (1e300, "1.0000000000000001e+300"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(format_double(value), text);
        }
    }
}
