//! What happened at the server, told to whoever wants to know the truth.
//!
//! The calls come from inside the engine's critical section, in the order in
//! which things became so. An observer takes notes; it must not call back
//! into the server.

use std::sync::Arc;

use super::error::SqlState;
use super::locks::Pid;
use super::storage::Xid;
use super::storage::table::TableDef;
use super::types::{Row, Value};
use super::wal::Lsn;

/// Takes notes of what becomes true at a server.
pub trait Observer: Send + Sync {
    /// A transaction that wrote became visible to everybody: as it committed,
    /// or because recovery found it in the log though it never got so far.
    fn committed(&self, _commit: &Commit<'_>) {}

    /// A session begins to wait for another.
    fn waited(&self, _wait: &Wait<'_>) {}

    /// A transaction ended without effect.
    fn aborted(&self, _abort: &Abort) {}

    /// A transaction that had become visible did not survive: the server
    /// crashed before its log was safe, and has found that out.
    fn lost(&self, _xid: Xid, _pid: Pid) {}

    /// A standby has replayed a transaction: it is visible there.
    fn replayed(&self, _commit: &Commit<'_>) {}

    /// A query on a standby is about to see what is replayed up to here.
    fn read(&self, _pid: Pid, _replayed: Lsn) {}

    /// A standby is a primary now; its log goes on from here.
    fn promoted(&self, _at: Lsn) {}

    /// A client was sent away: all sessions are taken.
    fn refused(&self) {}
}

/// Nobody wants to know.
impl Observer for () {}

/// A commit.
#[derive(Debug)]
pub struct Commit<'a> {
    /// The transaction.
    pub xid: Xid,
    /// The session that ran it.
    pub pid: Pid,
    /// Where it ends in the log.
    pub lsn: Lsn,
    /// What it changed, in order.
    pub changes: &'a [Change],
}

/// A row before and after.
#[derive(Debug, Clone)]
pub struct Change {
    pub(super) def: Arc<TableDef>,
    /// The row before: None for an insert.
    pub old: Option<NamedRow>,
    /// The row after: None for a delete.
    pub new: Option<NamedRow>,
}

impl Change {
    pub(super) fn of(def: &Arc<TableDef>, old: Option<Row>, new: Option<Row>) -> Change {
        let named = |row: Option<Row>| {
            row.map(|row| NamedRow {
                def: def.clone(),
                row,
            })
        };
        Change {
            def: def.clone(),
            old: named(old),
            new: named(new),
        }
    }

    /// The table's name.
    pub fn table(&self) -> &str {
        &self.def.name
    }
}

/// A row whose values can be asked for by column name.
#[derive(Debug, Clone)]
pub struct NamedRow {
    pub(super) def: Arc<TableDef>,
    pub(super) row: Row,
}

impl NamedRow {
    /// The value of a column, if there is one of that name.
    pub fn get(&self, column: &str) -> Option<&Value> {
        self.row.get(self.def.column(column)?)
    }

    /// An integer of a column, if it is one.
    pub fn int(&self, column: &str) -> Option<i64> {
        self.get(column)?.as_int()
    }

    /// A string of a column, if it is one.
    pub fn text(&self, column: &str) -> Option<&str> {
        self.get(column)?.as_str()
    }

    /// Columns and values, in the table's order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.def
            .columns
            .iter()
            .map(|column| &*column.name)
            .zip(self.row.iter())
    }
}

/// The beginning of a wait.
#[derive(Debug)]
pub struct Wait<'a> {
    /// Who waits.
    pub waiter: Pid,
    /// Who holds what it waits for; none if it only waits in line.
    pub holders: &'a [Pid],
    /// The table that it is about.
    pub relation: &'a str,
}

/// The end of a transaction without effect.
#[derive(Debug, Clone, Copy)]
pub struct Abort {
    /// Whose transaction it was.
    pub pid: Pid,
    /// Why: None if the client wanted it, or went away.
    pub reason: Option<SqlState>,
}
