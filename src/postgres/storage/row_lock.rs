//! The four strengths of row locks, and which of them exclude each other.

use crate::postgres::locks::LockMode;

/// How strongly a transaction holds a row, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowLockMode {
    /// FOR KEY SHARE: the key must stay.
    KeyShare,
    /// FOR SHARE: the row must stay.
    Share,
    /// FOR NO KEY UPDATE, and UPDATE of columns outside every key.
    NoKeyUpdate,
    /// FOR UPDATE, DELETE, and UPDATE of a key.
    Update,
}

impl RowLockMode {
    /// PostgreSQL's table of conflicting row-level locks.
    pub(in crate::postgres) fn conflicts(self, other: RowLockMode) -> bool {
        match self {
            RowLockMode::KeyShare => other == RowLockMode::Update,
            RowLockMode::Share => other >= RowLockMode::NoKeyUpdate,
            RowLockMode::NoKeyUpdate => other >= RowLockMode::Share,
            RowLockMode::Update => true,
        }
    }

    /// The mode of the tuple lock under which one waits for the row.
    pub(in crate::postgres) fn tuple_lock(self) -> LockMode {
        match self {
            RowLockMode::KeyShare => LockMode::AccessShare,
            RowLockMode::Share => LockMode::RowShare,
            RowLockMode::NoKeyUpdate => LockMode::Exclusive,
            RowLockMode::Update => LockMode::AccessExclusive,
        }
    }
}
