//! What a parameter takes, and how it is written once it is kept.
//!
//! A value is checked as Redis checks it, with its words for what is wrong.
//! What is kept is what CONFIG GET shows: numbers without their units, words
//! as the table spells them.

use std::fmt::Display;

use super::Parameter;
use crate::redis::events::Class;
use crate::redis::number::{parse_double, parse_integer};

/// The least `repl-backlog-size`.
const BACKLOG_MIN: u64 = 16 * 1024;

/// What a parameter takes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Bool,
    Integer(i64, i64),
    /// Bytes, with an optional unit.
    Memory(u64, u64),
    MemoryOrPercent,
    OneOf(&'static [&'static str]),
    /// Some of these, or the first for none.
    SomeOf(&'static [&'static str]),
    Text,
}

impl Parameter {
    /// The value as it is kept, or what is wrong with it.
    pub(super) fn check(&self, value: &str) -> Result<String, String> {
        match self.kind {
            Kind::Bool => match &*value.to_ascii_lowercase() {
                word @ ("yes" | "no") => Ok(word.to_owned()),
                _ => Err("argument must be 'yes' or 'no'".to_owned()),
            },
            Kind::OneOf(words) => words
                .iter()
                .find(|word| word.eq_ignore_ascii_case(value))
                .map(|word| (*word).to_owned())
                .ok_or_else(|| none_of(words)),
            Kind::SomeOf(words) => some_of(words, value),
            Kind::Integer(least, most) => {
                let number = parse_integer(value.as_bytes())
                    .ok_or("argument couldn't be parsed into an integer")?;
                within(number, least, most)
            }
            Kind::Memory(least, most) => {
                let bytes = parse_memory(value).ok_or("argument must be a memory value")?;
                let kept = within(bytes, least, most)?;
                // A smaller backlog is taken, and made larger.
                Ok(match self.name {
                    "repl-backlog-size" => bytes.max(BACKLOG_MIN).to_string(),
                    _ => kept,
                })
            }
            Kind::MemoryOrPercent => {
                let percent = value
                    .strip_suffix('%')
                    .map(|percent| percent.parse::<i64>());
                match percent {
                    Some(Ok(percent @ 0..=100)) => Ok(format!("{percent}%")),
                    Some(Ok(101..)) => {
                        Err("percentage argument must be less or equal to 100".to_owned())
                    }
                    Some(_) => Err("argument must be a memory or percent value".to_owned()),
                    None => parse_memory(value)
                        .map(|bytes| bytes.to_string())
                        .ok_or("argument must be a memory or percent value".to_owned()),
                }
            }
            Kind::Text => self.check_text(value),
        }
    }

    fn check_text(&self, value: &str) -> Result<String, String> {
        match self.name {
            "notify-keyspace-events" => Class::parse(value)
                .map(Class::letters)
                .ok_or_else(|| "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.".to_owned()),
            "save" => save(value),
            "oom-score-adj-values" => oom_scores(value),
            "cluster-announce-hostname" => hostname(value),
            "latency-tracking-info-percentiles" => percentiles(value),
            _ => Ok(value.to_owned()),
        }
    }
}

/// Numbers up to a hundred, with no more than six digits behind the point.
fn percentiles(value: &str) -> Result<String, String> {
    let mut kept = Vec::new();
    for word in words(value) {
        let percentile = parse_double(word.as_bytes())
            .ok_or("Invalid latency-tracking-info-percentiles parameters")?;
        if !(0.0..=100.0).contains(&percentile) {
            let why = "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]";
            return Err(why.to_owned());
        }
        let digits = format!("{percentile:.6}");
        let digits = digits.trim_end_matches('0').trim_end_matches('.');
        kept.push(digits.to_owned());
    }
    Ok(kept.join(" "))
}

fn within<N: PartialOrd + Display + Copy>(number: N, least: N, most: N) -> Result<String, String> {
    if (least..=most).contains(&number) {
        Ok(number.to_string())
    } else {
        Err(format!(
            "argument must be between {least} and {most} inclusive"
        ))
    }
}

/// `100`, `64kb`, `1g`: k, m and g count in thousands, with a b in 1024s. As
/// in C, no digits are 0, and too many are the largest number there is.
pub(in crate::redis) fn parse_memory(text: &str) -> Option<u64> {
    let digits = text
        .bytes()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let (number, unit) = text.split_at(digits);
    let scale: u64 = match &*unit.to_ascii_lowercase() {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1024,
        "m" => 1_000_000,
        "mb" => 1024 * 1024,
        "g" => 1_000_000_000,
        "gb" => 1024 * 1024 * 1024,
        _ => return None,
    };
    let number = match number {
        "" => 0,
        number => number.parse().unwrap_or(u64::MAX),
    };
    (digits < 128).then(|| number.wrapping_mul(scale))
}

/// The words of a value, one space apart; an empty value has none.
fn words(value: &str) -> impl Iterator<Item = &str> {
    value.split(' ').filter(move |_| !value.is_empty())
}

/// A number as C's `strtoll` reads it.
fn c_integer(word: &str) -> Option<i64> {
    match word {
        "" => Some(0),
        word => word.trim_ascii_start().parse().ok(),
    }
}

fn none_of(words: &[&str]) -> String {
    let words = words.join(", ");
    format!("argument(s) must be one of the following: {words}")
}

fn some_of(known: &[&str], value: &str) -> Result<String, String> {
    let asked: Vec<&str> = value.split(' ').collect();
    let is = |word: &str, other: &str| word.eq_ignore_ascii_case(other);
    if !asked.iter().all(|word| known.iter().any(|k| is(k, word))) {
        return Err(none_of(known));
    }
    let (none, some) = known.split_first().unwrap_or((&"", &[]));
    let kept = some.iter().filter(|k| asked.iter().any(|word| is(k, word)));
    let kept: Vec<&str> = kept.copied().collect();
    if kept.contains(&"save") && kept.contains(&"nosave") {
        return Err("shutdown options SAVE and NOSAVE can't be used simultaneously".to_owned());
    }
    match kept.is_empty() {
        true => Ok((*none).to_owned()),
        false => Ok(kept.join(" ")),
    }
}

/// Pairs of seconds and changes.
fn save(value: &str) -> Result<String, String> {
    let numbers: Option<Vec<i64>> = words(value).map(c_integer).collect();
    let numbers = numbers.filter(|numbers| {
        let (pairs, rest) = numbers.as_chunks::<2>();
        let is_right = |[seconds, changes]: &[i64; 2]| *seconds >= 1 && *changes >= 0;
        rest.is_empty() && pairs.iter().all(is_right)
    });
    let numbers = numbers.ok_or("Invalid save parameters")?;
    Ok(spaced(&numbers))
}

fn oom_scores(value: &str) -> Result<String, String> {
    let scores: Vec<Option<i64>> = value.split(' ').map(c_integer).collect();
    if scores.len() != 3 {
        return Err("wrong number of arguments".to_owned());
    }
    let scores: Option<Vec<i64>> = scores
        .into_iter()
        .map(|score| score.filter(|score| (-2000..=2000).contains(score)))
        .collect();
    let why = "Invalid oom-score-adj-values, elements must be between -2000 and 2000.";
    Ok(spaced(&scores.ok_or(why)?))
}

fn spaced(numbers: &[i64]) -> String {
    let texts: Vec<String> = numbers.iter().map(i64::to_string).collect();
    texts.join(" ")
}

fn hostname(value: &str) -> Result<String, String> {
    let is_right = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    if value.len() >= 256 {
        return Err("Hostnames must be less than 256 characters".to_owned());
    }
    match value.bytes().all(is_right) {
        true => Ok(value.to_owned()),
        false => {
            Err("Hostnames may only contain alphanumeric characters, hyphens or dots".to_owned())
        }
    }
}
