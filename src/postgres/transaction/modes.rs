//! The modes of a transaction: isolation level, READ ONLY, DEFERRABLE, and
//! until when they may be changed.

use super::Transaction;
use crate::postgres::error::{Error, Result, SqlState};

/// An isolation level. READ UNCOMMITTED is READ COMMITTED in PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::postgres) enum Isolation {
    ReadUncommitted,
    ReadCommitted,
    RepeatableRead,
    Serializable,
}

impl Isolation {
    pub(in crate::postgres) const ALL: [Isolation; 4] = [
        Isolation::ReadUncommitted,
        Isolation::ReadCommitted,
        Isolation::RepeatableRead,
        Isolation::Serializable,
    ];

    /// True if one snapshot serves the whole transaction.
    pub(in crate::postgres) fn keeps_snapshot(self) -> bool {
        self >= Isolation::RepeatableRead
    }

    pub(in crate::postgres) fn name(self) -> &'static str {
        match self {
            Isolation::ReadUncommitted => "read uncommitted",
            Isolation::ReadCommitted => "read committed",
            Isolation::RepeatableRead => "repeatable read",
            Isolation::Serializable => "serializable",
        }
    }
}

/// What BEGIN or SET TRANSACTION ask for; None leaves it as it is.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::postgres) struct Modes {
    pub(in crate::postgres) isolation: Option<Isolation>,
    pub(in crate::postgres) read_only: Option<bool>,
    pub(in crate::postgres) deferrable: Option<bool>,
}

impl Modes {
    /// The settings that make these modes those of the next transactions.
    pub(in crate::postgres) fn as_defaults(self) -> Vec<(&'static str, &'static str)> {
        let flag = |on: bool| if on { "on" } else { "off" };
        let isolation = self.isolation.map(Isolation::name);
        [
            ("default_transaction_isolation", isolation),
            ("default_transaction_read_only", self.read_only.map(flag)),
            ("default_transaction_deferrable", self.deferrable.map(flag)),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }
}

fn too_late(message: &'static str) -> Error {
    Error::new(SqlState::ACTIVE_SQL_TRANSACTION, message)
}

impl Transaction {
    pub(in crate::postgres) fn modes(&self) -> Modes {
        Modes {
            isolation: Some(self.isolation),
            read_only: Some(self.read_only),
            deferrable: Some(self.deferrable),
        }
    }

    /// The modes that ROLLBACK AND CHAIN hands on: those outside of every
    /// savepoint, all of which it undoes first.
    pub(in crate::postgres) fn outer_modes(&self) -> Modes {
        let outermost = self.levels.first();
        Modes {
            read_only: Some(outermost.map_or(self.read_only, |level| level.read_only)),
            ..self.modes()
        }
    }

    /// Changes the modes, where that is still possible.
    pub(in crate::postgres) fn set_modes(&mut self, modes: Modes) -> Result<()> {
        let inside = !self.levels.is_empty();
        if let Some(isolation) = modes.isolation
            && isolation != self.isolation
        {
            if self.queried {
                return Err(too_late(
                    "SET TRANSACTION ISOLATION LEVEL must be called before any query",
                ));
            }
            if inside {
                return Err(too_late(
                    "SET TRANSACTION ISOLATION LEVEL must not be called in a subtransaction",
                ));
            }
            self.isolation = isolation;
        }
        if let Some(read_only) = modes.read_only {
            if !read_only && self.read_only {
                if inside {
                    return Err(too_late(
                        "cannot set transaction read-write mode inside a read-only transaction",
                    ));
                }
                if self.queried {
                    return Err(too_late(
                        "transaction read-write mode must be set before any query",
                    ));
                }
            }
            self.read_only = read_only;
        }
        if let Some(deferrable) = modes.deferrable {
            if inside {
                return Err(too_late(
                    "SET TRANSACTION [NOT] DEFERRABLE cannot be called within a subtransaction",
                ));
            }
            if self.queried {
                return Err(too_late(
                    "SET TRANSACTION [NOT] DEFERRABLE must be called before any query",
                ));
            }
            self.deferrable = deferrable;
        }
        Ok(())
    }
}
