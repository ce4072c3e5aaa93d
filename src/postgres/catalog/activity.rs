//! What a session does, as pg_stat_activity tells others.

use std::sync::Arc;

use crate::postgres::locks::LockTag;

/// PostgreSQL's track_activity_query_size, but for its last byte.
const QUERY_BYTES_MAX: usize = 1_023;

/// Where a session stands between its statements, and in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::postgres) enum State {
    Active,
    Idle,
    InTransaction,
    Aborted,
}

impl State {
    pub(super) fn name(self) -> &'static str {
        match self {
            State::Active => "active",
            State::Idle => "idle",
            State::InTransaction => "idle in transaction",
            State::Aborted => "idle in transaction (aborted)",
        }
    }
}

/// What a session waits for: the kind of it, and its name.
pub(in crate::postgres) type WaitEvent = Option<(&'static str, &'static str)>;

/// What a session does. Times are PostgreSQL's microseconds.
#[derive(Debug)]
pub(in crate::postgres) struct Activity {
    /// The lowest number that no other session had when it came, from the
    /// first that a client of PostgreSQL gets.
    pub(super) backend: u32,
    pub(super) user: Arc<str>,
    pub(super) database: Arc<str>,
    pub(in crate::postgres) application: Arc<str>,
    pub(super) connected: i64,
    pub(super) state: State,
    pub(super) changed: i64,
    /// The statement that runs, or the last that did, and since when.
    pub(super) query: Arc<str>,
    pub(super) query_start: Option<i64>,
    /// When the transaction began.
    pub(super) transaction: Option<i64>,
    /// How many transactions there were, the one that runs included.
    pub(super) transactions: u64,
    /// What it waits for that is no lock.
    pub(in crate::postgres) waits_for: WaitEvent,
}

impl Activity {
    /// A session that has just come.
    pub(in crate::postgres) fn new(backend: u32, user: &str, database: &str, at: i64) -> Activity {
        Activity {
            backend,
            user: user.into(),
            database: database.into(),
            application: "".into(),
            connected: at,
            state: State::Idle,
            changed: at,
            query: "".into(),
            query_start: None,
            transaction: None,
            transactions: 0,
            waits_for: None,
        }
    }

    /// The number that no other session has.
    pub(in crate::postgres) fn backend(&self) -> u32 {
        self.backend
    }

    /// A statement begins.
    pub(in crate::postgres) fn begin(&mut self, query: Arc<str>, at: i64) {
        self.state = State::Active;
        self.waits_for = None;
        self.changed = at;
        self.query = if query.len() > QUERY_BYTES_MAX {
            query[..query.floor_char_boundary(QUERY_BYTES_MAX)].into()
        } else {
            query
        };
        self.query_start = Some(at);
    }

    /// The session waits for its client.
    pub(in crate::postgres) fn rest(&mut self, state: State, at: i64) {
        self.state = state;
        self.changed = at;
    }

    pub(in crate::postgres) fn in_transaction(&self) -> bool {
        self.transaction.is_some()
    }

    /// A transaction begins.
    pub(in crate::postgres) fn begin_transaction(&mut self, at: i64) {
        self.transaction = Some(at);
        self.transactions += 1;
    }

    /// The lock that the transaction holds on itself, if one runs.
    pub(in crate::postgres) fn transaction_lock(&self) -> Option<LockTag> {
        self.transaction?;
        Some(LockTag::Virtual(self.backend, self.transactions))
    }

    pub(in crate::postgres) fn end_transaction(&mut self) {
        self.transaction = None;
    }

    /// The transaction as locks name their holder: the session's number and
    /// its own count, 0 between transactions.
    pub(super) fn virtual_transaction(&self) -> String {
        let local = self.transaction.map_or(0, |_| self.transactions);
        format!("{}/{local}", self.backend)
    }
}
