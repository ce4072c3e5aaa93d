//! Times in a plan, written as a scenario writes them, and exact.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

use crate::scenario::clocks::{format_signed_ns, parse_signed_ns};
use crate::scenario::units::{format_ns, parse_ns};

fn parsed<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<T, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).map_err(D::Error::custom)
}

pub(super) fn serialize<S: Serializer>(ns: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format_ns(*ns))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    parsed(from, parse_ns)
}

/// The same for times that may be negative.
pub(super) mod signed {
    use super::{Deserializer, Serializer, format_signed_ns, parse_signed_ns, parsed};

    pub(in crate::plan) fn serialize<S: Serializer>(
        ns: &i64,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format_signed_ns(*ns))
    }

    pub(in crate::plan) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<i64, D::Error> {
        parsed(from, parse_signed_ns)
    }
}
