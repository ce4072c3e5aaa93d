//! `[clocks]`: how far the clocks of nodes are apart from the start, and how
//! fast they run; and what may be said of a clock at all.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::units::{as_text, ends, format_ns, parse_ns, span};
use crate::draw::Draw;
use crate::net::DRIFT_PPM;

/// The clocks of all nodes, each drawn by the node's name.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Clocks {
    /// How far a wall clock is ahead of the world's time, or behind it.
    pub offset: Shift,
    /// How much too fast clocks run.
    pub drift: Drift,
    /// Nodes whose clocks are different: `[clocks.node.redis]`.
    pub node: BTreeMap<Spanned<String>, NodeClock>,
}

/// The clock of one node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeClock {
    /// As for all nodes if it is left out.
    pub offset: Option<Shift>,
    /// As for all nodes if it is left out.
    pub drift: Option<Drift>,
}

impl Clocks {
    /// What a node's clock may be: its offset and its drift.
    pub fn of(&self, node: &str) -> (Shift, Drift) {
        let own = self.node.iter().find(|(name, _)| name.get_ref() == node);
        let own = own.map(|(_, clock)| clock);
        (
            own.and_then(|clock| clock.offset).unwrap_or(self.offset),
            own.and_then(|clock| clock.drift).unwrap_or(self.drift),
        )
    }
}

/// What a shift of a clock may be drawn from: `-50ms..50ms`, or `30s` for
/// always that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shift {
    /// The least, in nanoseconds.
    pub min_ns: i64,
    /// The most, in nanoseconds.
    pub max_ns: i64,
}

impl Shift {
    /// One of its shifts.
    pub fn draw(self, draw: &mut Draw) -> i64 {
        draw_signed(self.min_ns, self.max_ns, draw)
    }
}

/// Nanoseconds from `-40ms`.
pub fn parse_signed_ns(text: &str) -> Result<i64, String> {
    let (size, sign) = match text.strip_prefix('-') {
        Some(size) => (size, -1),
        None => (text, 1),
    };
    // A day of nanoseconds is far from the limits of an i64.
    parse_ns(size).map(|ns| sign * ns.cast_signed())
}

/// `-1500ms` as people would write it.
pub fn format_signed_ns(ns: i64) -> String {
    let sign = if ns < 0 { "-" } else { "" };
    format!("{sign}{}", format_ns(ns.unsigned_abs()))
}

impl FromStr for Shift {
    type Err = String;

    fn from_str(text: &str) -> Result<Shift, String> {
        let (min_ns, max_ns) = ends(text, parse_signed_ns)?;
        Ok(Shift { min_ns, max_ns })
    }
}

impl fmt::Display for Shift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        span(f, self.min_ns, self.max_ns, format_signed_ns)
    }
}

/// What the drift of a clock may be drawn from, in parts per million:
/// `-100ppm..100ppm`, or `200ppm` for always that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drift {
    /// The slowest.
    pub min_ppm: i64,
    /// The fastest.
    pub max_ppm: i64,
}

impl Drift {
    /// One of its drifts.
    pub fn draw(self, draw: &mut Draw) -> i64 {
        draw_signed(self.min_ppm, self.max_ppm, draw)
    }
}

fn parse_ppm(text: &str) -> Result<i64, String> {
    let (slowest, fastest) = (DRIFT_PPM.start(), DRIFT_PPM.end());
    text.strip_suffix("ppm")
        .and_then(|number| number.parse().ok())
        .filter(|ppm| DRIFT_PPM.contains(ppm))
        .ok_or_else(|| {
            format!(
                "'{text}' is no drift; write parts per million from {slowest}ppm to {fastest}ppm"
            )
        })
}

impl FromStr for Drift {
    type Err = String;

    fn from_str(text: &str) -> Result<Drift, String> {
        let (min_ppm, max_ppm) = ends(text, parse_ppm)?;
        Ok(Drift { min_ppm, max_ppm })
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        span(f, self.min_ppm, self.max_ppm, |ppm| format!("{ppm}ppm"))
    }
}

fn draw_signed(min: i64, max: i64, draw: &mut Draw) -> i64 {
    let width = max.abs_diff(min).saturating_add(1);
    min.saturating_add_unsigned(draw.within(0..width))
}

as_text!(Shift, Drift);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifts_and_drifts_keep_their_value() {
        for text in ["-50ms..50ms", "-30s", "0s", "-2s..-1s", "1m"] {
            assert_eq!(text.parse::<Shift>().expect(text).to_string(), text);
        }
        for text in ["-100ppm..100ppm", "0ppm", "-500000ppm", "1000000ppm"] {
            assert_eq!(text.parse::<Drift>().expect(text).to_string(), text);
        }
        for bad in ["100", "5ms", "-500001ppm", "1000001ppm", "2ppm..1ppm"] {
            assert!(bad.parse::<Drift>().is_err(), "{bad}");
        }
        for bad in ["--5ms", "5", "1ms..-1ms", "-25h"] {
            assert!(bad.parse::<Shift>().is_err(), "{bad}");
        }
    }

    #[test]
    fn both_ends_are_drawn() {
        let mut draw = Draw::new(1, "shifts");
        let shift: Shift = "-2ns..1ns".parse().expect("a shift");
        let drawn: std::collections::BTreeSet<i64> =
            (0..100).map(|_| shift.draw(&mut draw)).collect();
        assert_eq!(drawn, [-2, -1, 0, 1].into());
    }
}
