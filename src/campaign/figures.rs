//! Figures for people: counts that can be read, and what "never seen in so
//! many seeds" is worth.

use std::fmt;

/// A count with its thousands set apart: `12,345`.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The upper bound, at 95%, of how often something happens that was not seen
/// in so many independent tries: three in their number. It is rounded up, to
/// two digits: `at most 0.30%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtMost {
    /// In how many tries it was not seen.
    pub tries: u64,
}

impl fmt::Display for AtMost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Three in `tries` is 300 / tries percent.
        let tries = u128::from(self.tries);
        if tries <= 3 {
            return f.write_str("at most 100%");
        }
        let (mut scaled, mut digits) = (300, 0);
        while scaled < 10 * tries {
            scaled *= 10;
            digits += 1;
        }
        let mut value = scaled.div_ceil(tries);
        if value == 100 && digits > 0 {
            (value, digits) = (10, digits - 1);
        }
        if digits == 0 {
            return write!(f, "at most {value}%");
        }
        let unit = 10_u128.pow(digits);
        let width = digits as usize;
        write!(f, "at most {}.{:0width$}%", value / unit, value % unit)
    }
}

#[cfg(test)]
mod tests {
    use super::{AtMost, grouped};

    #[test]
    fn thousands_are_set_apart() {
        for (count, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(count), text);
        }
    }

    #[test]
    fn the_bound_has_two_digits_and_is_never_too_small() {
        for (tries, text) in [
            (0, "100%"),
            (1, "100%"),
            (3, "100%"),
            (4, "75%"),
            (7, "43%"),
            (30, "10%"),
            (31, "9.7%"),
            (100, "3.0%"),
            (300, "1.0%"),
            (301, "1.0%"),
            (1_000, "0.30%"),
            (10_000, "0.030%"),
            (30_001, "0.010%"),
            (700, "0.43%"),
        ] {
            let expected = format!("at most {text}");
            assert_eq!(AtMost { tries }.to_string(), expected, "{tries}");
        }
        assert!(
            AtMost { tries: u64::MAX }
                .to_string()
                .starts_with("at most 0.0")
        );
    }
}
