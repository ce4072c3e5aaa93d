//! The truth tap: what really happened to the keys, told as it happens.
//!
//! Checks compare it with what clients were told. It is called in the order
//! in which commands take effect, while the keyspace is locked: an observer
//! notes and returns, and never calls back into the server.

use super::reply::Reply;

/// Told about every change of the keyspace. All deadlines are milliseconds
/// since the Unix epoch on the server's wall clock.
pub trait Observer: Send + Sync {
    /// A key holds a new string, and the deadline that goes with it.
    fn set(&self, change: &Change<'_>, expires_at_ms: Option<i64>) {
        let _ = (change, expires_at_ms);
    }

    /// A key kept its value and got another deadline, or lost it.
    fn deadline_changed(&self, database: usize, key: &[u8], expires_at_ms: Option<i64>) {
        let _ = (database, key, expires_at_ms);
    }

    /// A command removed a key.
    fn deleted(&self, change: &Change<'_>) {
        let _ = change;
    }

    /// A key's deadline passed. Told when the server notices, which for a
    /// running server is at that instant, and always before anything else
    /// happens to the key.
    fn expired(&self, change: &Change<'_>) {
        let _ = change;
    }

    /// A key was dropped to make room.
    fn evicted(&self, change: &Change<'_>) {
        let _ = change;
    }

    /// What a server has, at a moment at which that is not what it was told
    /// of before.
    fn took_stock(&self, moment: Moment, keys: &mut dyn Iterator<Item = Held<'_>>) {
        let _ = (moment, keys);
    }

    /// A script ended; what it changed was told before.
    fn script_ran(&self, run: &ScriptRun<'_>) {
        let _ = run;
    }
}

/// Tells nobody.
impl Observer for () {}

/// When a server has other keys than it had, or others than its primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// It starts as a primary, with what its disk kept.
    Start,
    /// It starts as a replica, with what its disk kept.
    StartAsReplica,
    /// It was a replica, and leads from now on.
    Promotion,
    /// It put a snapshot of its primary in the place of everything.
    Resync,
}

/// A key, what it holds if that is a string, and its deadline.
#[derive(Debug, Clone, Copy)]
pub struct Held<'a> {
    /// The number of its database.
    pub database: usize,
    /// Its name.
    pub key: &'a [u8],
    /// The value of a string, and empty for other types.
    pub value: &'a [u8],
    /// In milliseconds since the Unix epoch.
    pub expires_at_ms: Option<i64>,
}

/// What happened to one key.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// The number of its database.
    pub database: usize,
    /// The key.
    pub key: &'a [u8],
    /// The value of a string, the new one or the last; empty for other types.
    pub value: &'a [u8],
    /// Whose command did it, as CLIENT LIST has the address; None if the
    /// server did it by itself.
    pub client: Option<&'a str>,
}

/// One run of a script.
#[derive(Debug)]
pub struct ScriptRun<'a> {
    /// The SHA-1 of its text, in hexadecimal.
    pub sha: &'a str,
    /// KEYS.
    pub keys: &'a [&'a [u8]],
    /// ARGV.
    pub args: &'a [&'a [u8]],
    /// What it answered, in short.
    pub outcome: Outcome<'a>,
}

/// A reply in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// Nothing.
    Nil,
    /// An integer, such as the count that DEL answers.
    Integer(i64),
    /// A status or a string.
    Text(&'a [u8]),
    /// An error, its code first.
    Error(&'a [u8]),
    /// An array, or anything else made of parts.
    Compound,
}

impl Outcome<'_> {
    pub(super) fn of(reply: &Reply) -> Outcome<'_> {
        match reply {
            Reply::Null | Reply::NullArray => Outcome::Nil,
            Reply::Integer(value) => Outcome::Integer(*value),
            Reply::Boolean(value) => Outcome::Integer((*value).into()),
            Reply::Status(text)
            | Reply::Bulk(text)
            | Reply::BigNumber(text)
            | Reply::Verbatim(_, text) => Outcome::Text(text),
            Reply::Error(text) => Outcome::Error(text),
            _ => Outcome::Compound,
        }
    }
}
