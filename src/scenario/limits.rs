//! What counts can be, in a scenario and in a plan: more would not end, or
//! not fit in memory.

use std::ops::RangeInclusive;

/// `search.change_points`.
pub(crate) const CHANGE_POINTS: RangeInclusive<u64> = 0..=1_000;
/// `search.deliveries`.
pub(crate) const DELIVERIES: RangeInclusive<u64> = 1..=1_000_000_000;
/// How often a restart loop kills.
pub(crate) const DEATHS: RangeInclusive<u64> = 1..=1_000;
/// How many times as long work takes.
pub(crate) const SLOWNESS: RangeInclusive<u64> = 1..=1_000_000;
/// Sessions that a fault takes.
pub(crate) const SESSIONS: RangeInclusive<u64> = 1..=10_000;

/// Says what `what` can be, if this is outside of it.
pub(crate) fn within(what: &str, value: u64, range: &RangeInclusive<u64>) -> Result<(), String> {
    match range.contains(&value) {
        true => Ok(()),
        false => {
            let (min, max) = (range.start(), range.end());
            Err(format!("{what} is {value}; it can be {min} to {max}"))
        }
    }
}
