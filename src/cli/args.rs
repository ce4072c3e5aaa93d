//! What arguments can say, and what is answered to those that cannot.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;

use super::Stop;
use crate::checks::Invariant;
use crate::report::Rerun;
use crate::scenario::{Expect, Scenario, Setting};

/// What is laid over a scenario.
#[derive(Debug, Clone, Args)]
pub(super) struct Overrides {
    /// Lay a value over the scenario, such as shop.stock=atomic-sql; may be
    /// given more than once.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(super) settings: Vec<Setting>,
    /// Replace the scenario's whole [expect] table: `holds`, or
    /// `violates:INVARIANT[,..]`, and `may:INVARIANT[,..]` for what is not
    /// judged. What the table says of probes goes with it.
    #[arg(long = "expect", value_name = "EXPECTATION")]
    expectations: Vec<Expectation>,
}

impl Overrides {
    /// Puts what `--expect` says in the place of what the scenario says.
    pub(super) fn lay_over(&self, scenarios: &mut [Scenario]) -> Result<(), Stop> {
        if self.expectations.is_empty() {
            return Ok(());
        }
        let mut expect = Expect::default();
        for expectation in &self.expectations {
            match expectation {
                Expectation::Holds => expect.holds = Some(true),
                Expectation::Violates(those) => expect.violates.extend(those),
                Expectation::May(those) => expect.may.extend(those),
            }
        }
        if expect.holds.is_some() && !expect.violates.is_empty() {
            let message = "--expect holds and --expect violates contradict each other; give one";
            return Err(Stop::Usage(message.to_owned()));
        }
        if let Some(both) = expect.violates.iter().find(|one| expect.may.contains(one)) {
            let message = format!("--expect has '{both}' in violates and in may; it can be in one");
            return Err(Stop::Usage(message));
        }
        for scenario in scenarios {
            scenario.expect = expect.clone();
        }
        Ok(())
    }

    /// How to run a seed again under the same overrides.
    pub(super) fn rerun(&self) -> Rerun {
        let program = std::env::args().next();
        let settings = self.settings.iter().map(|one| ("--set", one.to_string()));
        let expectations = self.expectations.iter();
        let expectations = expectations.map(|one| ("--expect", one.to_string()));
        Rerun {
            program: program.unwrap_or_else(|| "doublebuy".to_owned()),
            options: settings
                .chain(expectations)
                .flat_map(|(flag, value)| [flag.to_owned(), value])
                .collect(),
        }
    }
}

/// One `--expect`.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Expectation {
    Holds,
    Violates(Vec<Invariant>),
    May(Vec<Invariant>),
}

impl FromStr for Expectation {
    type Err = String;

    fn from_str(text: &str) -> Result<Expectation, String> {
        let named = |names: &str| -> Result<Vec<Invariant>, String> {
            let names = names.split(',').map(str::parse);
            names
                .map(|one| one.map_err(|error: crate::named::UnknownName| error.to_string()))
                .collect()
        };
        match text.split_once(':') {
            None if text == "holds" => Ok(Expectation::Holds),
            Some(("violates", names)) => named(names).map(Expectation::Violates),
            Some(("may", names)) => named(names).map(Expectation::May),
            _ => Err(format!(
                "there are: holds, violates:INVARIANT[,..], may:INVARIANT[,..]; invariants are: {}",
                Invariant::ALL
                    .iter()
                    .map(|one| one.name())
                    .collect::<Vec<_>>()
                    .join(", ")
            )),
        }
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, those) = match self {
            Expectation::Holds => return f.write_str("holds"),
            Expectation::Violates(those) => ("violates", those),
            Expectation::May(those) => ("may", those),
        };
        let names: Vec<_> = those.iter().map(|one| one.name()).collect();
        write!(f, "{what}:{}", names.join(","))
    }
}

/// A seed.
pub(super) fn seed(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| format!("a seed is a whole number from 0 to {}", u64::MAX))
}

/// A digest as it is printed: 16 hexadecimal digits.
pub(super) fn digest(text: &str) -> Result<String, String> {
    let is_digest = text.len() == 16 && text.chars().all(|c| c.is_ascii_hexdigit());
    match is_digest {
        true => Ok(text.to_ascii_lowercase()),
        false => Err("a digest is 16 hexadecimal digits, such as 02b6afa4c4e95e18".to_owned()),
    }
}

/// `A..B`: seeds from A up to B, which is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seeds(pub(super) Range<u64>);

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Seeds, String> {
        let how = "write A..B, with B left out: 0..100 are a hundred seeds";
        let (start, end) = text.split_once("..").ok_or(how)?;
        let range = match (start.parse(), end.parse()) {
            (Ok(start), Ok(end)) => start..end,
            _ => {
                let most = u64::MAX;
                return Err(format!("{how}; A and B are whole numbers from 0 to {most}"));
            }
        };
        match range.start <= range.end {
            true => Ok(Seeds(range)),
            false => Err(format!("it runs backwards; {how}, so A is at most B")),
        }
    }
}

/// A stretch of real time: `90s`, `10m`, `2h`.
pub(super) fn real_time(text: &str) -> Result<Duration, String> {
    let how = "write a whole number from 1 and a unit: 500ms, 90s, 10m, 2h";
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(how.to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| how)?;
    let ms = number
        .checked_mul(unit_ms)
        .filter(|ms| *ms > 0)
        .ok_or(how)?;
    // Some clocks cannot count to what a u64 of milliseconds can say.
    let most_ms = 1_000 * 3_600_000;
    match ms <= most_ms {
        true => Ok(Duration::from_millis(ms)),
        false => Err("it is longer than 1000h".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_leave_their_end_out_and_may_be_empty() {
        assert_eq!("0..300".parse(), Ok(Seeds(0..300)));
        assert_eq!("5..5".parse(), Ok(Seeds(5..5)));
        let most = format!("{}..{}", u64::MAX - 1, u64::MAX);
        assert_eq!(most.parse(), Ok(Seeds(u64::MAX - 1..u64::MAX)));
        for bad in [
            "",
            "7",
            "9..3",
            "a..b",
            "..5",
            "5..",
            "-1..5",
            "0..=5",
            "0..99999999999999999999",
        ] {
            let error = bad.parse::<Seeds>().expect_err(bad);
            assert!(error.contains("A..B"), "{bad}: {error}");
        }
    }

    #[test]
    fn real_time_has_a_unit_and_is_never_nothing() {
        assert_eq!(real_time("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(real_time("2h"), Ok(Duration::from_secs(7200)));
        for bad in [
            "",
            "10",
            "m",
            "0s",
            "-5s",
            "5 s",
            "1d",
            "99999999999999999h",
            "9999h",
        ] {
            assert!(real_time(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn expectations_survive_being_printed() {
        for text in [
            "holds",
            "violates:no-oversell",
            "may:conservation,completes",
        ] {
            let parsed: Expectation = text.parse().expect(text);
            assert_eq!(parsed.to_string(), text);
        }
        let error = "violates:nope".parse::<Expectation>().expect_err("no such");
        assert!(error.contains("no-oversell"), "{error}");
        let error = "breaks".parse::<Expectation>().expect_err("no such");
        assert!(error.contains("holds, violates:INVARIANT"), "{error}");
    }
}
