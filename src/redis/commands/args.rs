//! Arguments as Redis reads them, with its words for what is wrong, and the
//! ways a command reaches a value.

use std::time::Duration;

use bytes::Bytes;

use crate::redis::context::Context;
use crate::redis::events::Class;
use crate::redis::long_double::LongDouble;
use crate::redis::number::{parse_double, parse_integer};
use crate::redis::reply::{Reply, Resp};
use crate::redis::values::{Edit, Kind};

/// Longer than any run: such a wait has no end.
const LONG_WAIT_MS: i64 = 30 * 365 * 24 * 3600 * 1000;

/// An error is an answer too.
pub(super) fn answer(result: Result<Reply, Reply>) -> Reply {
    result.unwrap_or_else(|error| error)
}

/// A word that matters in any case.
pub(super) fn is(arg: &[u8], word: &str) -> bool {
    arg.eq_ignore_ascii_case(word.as_bytes())
}

pub(super) fn bulk(bytes: &[u8]) -> Reply {
    Reply::Bulk(Bytes::copy_from_slice(bytes))
}

/// Members with what belongs to them: one after the other in RESP2, pairs in
/// RESP3.
pub(super) fn pairs(pairs: impl Iterator<Item = (Reply, Reply)>, resp: Resp) -> Reply {
    Reply::Array(match resp {
        Resp::V2 => pairs.flat_map(|(member, value)| [member, value]).collect(),
        Resp::V3 => pairs
            .map(|(member, value)| Reply::Array(vec![member, value]))
            .collect(),
    })
}

/// A number of at least `least`, or `error`.
pub(super) fn at_least(least: i64, arg: &[u8], error: &'static str) -> Result<usize, Reply> {
    parse_integer(arg)
        .filter(|number| *number >= least)
        .and_then(|number| usize::try_from(number).ok())
        .ok_or(Reply::error(error))
}

/// How many elements to pop.
pub(super) fn positive(arg: &[u8]) -> Result<usize, Reply> {
    at_least(0, arg, "ERR value is out of range, must be positive")
}

/// A number that can be negated.
pub(super) fn negatable(arg: &[u8]) -> Result<i64, Reply> {
    match parse_integer(arg) {
        Some(i64::MIN) => Err(Reply::error(
            "ERR value is out of range, value must between -9223372036854775807 and \
             9223372036854775807",
        )),
        Some(number) => Ok(number),
        None => Err(Reply::NOT_AN_INTEGER),
    }
}

pub(super) fn double(arg: &[u8]) -> Result<f64, Reply> {
    parse_double(arg).ok_or(Reply::error("ERR value is not a valid float"))
}

/// A timeout in seconds, rounded up to milliseconds; none if it is 0, for
/// ever.
pub(super) fn timeout_seconds(arg: &[u8]) -> Result<Option<Duration>, Reply> {
    let seconds = LongDouble::parse(arg);
    let seconds = seconds.ok_or(Reply::error("ERR timeout is not a float or out of range"))?;
    // In C what does not fit is the least integer.
    timeout(seconds.thousandths().unwrap_or(i64::MIN))
}

/// A timeout in milliseconds.
pub(super) fn timeout_milliseconds(arg: &[u8]) -> Result<Option<Duration>, Reply> {
    timeout(parse_integer(arg).ok_or(Reply::error(
        "ERR timeout is not an integer or out of range",
    ))?)
}

fn timeout(milliseconds: i64) -> Result<Option<Duration>, Reply> {
    match u64::try_from(milliseconds) {
        Err(_) => Err(Reply::error("ERR timeout is negative")),
        Ok(0) => Ok(None),
        Ok(_) if milliseconds > LONG_WAIT_MS => Ok(None),
        Ok(milliseconds) => Ok(Some(Duration::from_millis(milliseconds))),
    }
}

/// The part of a sequence that `first` and `last` mean, negative ones from
/// the end; none if it is empty.
pub(super) fn span(first: i64, last: i64, length: usize) -> Option<std::ops::Range<usize>> {
    let length = i64::try_from(length).ok()?;
    let from_end = |index: i64| {
        if index < 0 {
            index.saturating_add(length)
        } else {
            index
        }
    };
    let first = from_end(first).max(0);
    let last = from_end(last).min(length - 1);
    if first > last {
        return None;
    }
    Some(usize::try_from(first).ok()?..usize::try_from(last).ok()? + 1)
}

impl Context<'_> {
    /// The value of that type at `key`, if there is one.
    pub(super) fn read<K: Kind>(&mut self, key: &[u8]) -> Result<Option<&K>, Reply> {
        match self.lookup(key) {
            None => Ok(None),
            Some(entry) => K::of(&entry.value).map(Some).ok_or(Reply::WRONG_TYPE),
        }
    }

    /// Whether there is a value of that type at `key`.
    pub(super) fn has<K: Kind>(&mut self, key: &[u8]) -> Result<bool, Reply> {
        Ok(self.read::<K>(key)?.is_some())
    }

    /// Says that something was taken out of a key, and if nothing is left,
    /// that the key is gone.
    pub(super) fn notify_removal(&mut self, class: Class, name: &'static str, key: &[u8]) {
        self.notify(class, name, key);
        if !self.keyspace.holds(self.client.database, key) {
            self.notify(Class::GENERIC, "del", key);
        }
    }

    /// Changes the value at `key`: made if it is missing, gone if it ends up
    /// empty.
    pub(super) fn edit<K: Kind, T>(
        &mut self,
        key: &[u8],
        change: impl FnOnce(&mut K) -> Edit<T>,
    ) -> Result<T, Reply> {
        self.lookup_to_write(key);
        let empty = || K::default().wrap();
        self.keyspace
            .modify(self.client.database, key, empty, |value| {
                match K::of_mut(value) {
                    Some(value) => {
                        let edit = change(value);
                        Edit::when(edit.changed, Ok(edit.output))
                    }
                    None => Edit::unchanged(Err(Reply::WRONG_TYPE)),
                }
            })
    }
}
