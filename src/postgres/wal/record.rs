//! Records of the log, and the positions between them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::postgres::locks::Pid;
use crate::postgres::storage::catalog::View;
use crate::postgres::storage::clog::Xid;
use crate::postgres::storage::heap::Tid;
use crate::postgres::storage::sequence::{SequenceDef, SequenceId};
use crate::postgres::storage::table::{TableDef, TableId};
use crate::postgres::types::{Row, Value};

/// One entry of the log.
#[derive(Debug)]
pub(in crate::postgres) enum Record {
    Commit(CommitRecord),
    /// A sequence will not hand out these numbers again.
    Sequence(SequenceId, i64),
}

/// A transaction that committed.
#[derive(Debug)]
pub(in crate::postgres) struct CommitRecord {
    pub(in crate::postgres) xid: Xid,
    pub(in crate::postgres) pid: Pid,
    /// When, in PostgreSQL's microseconds.
    pub(in crate::postgres) at: i64,
    /// Somebody waits for a standby to have replayed it.
    pub(in crate::postgres) feedback: bool,
    pub(in crate::postgres) entries: Vec<Entry>,
}

/// One step of a committed transaction.
#[derive(Debug)]
pub(in crate::postgres) enum Entry {
    /// A table was created, or has a new definition.
    Define(Arc<TableDef>),
    Drop(TableId),
    Truncate(TableId),
    Row(RowEntry),
    DefineSequence(Arc<SequenceDef>),
    DropSequence(SequenceId),
    DefineView(u32, View),
    DropView(u32),
}

/// A row that was inserted, updated or deleted.
#[derive(Debug)]
pub(in crate::postgres) struct RowEntry {
    pub(in crate::postgres) table: TableId,
    /// The version that is superseded; None for an insert.
    pub(in crate::postgres) old: Option<Tid>,
    /// The version that is there now; None for a delete.
    pub(in crate::postgres) new: Option<(Tid, Row)>,
}

/// A position in the log, in bytes: everything before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lsn(pub u64);

/// The size of a page of the log.
const PAGE_BYTES: u64 = 8_192;

impl Lsn {
    /// Before the first record, about where initdb leaves it.
    pub(in crate::postgres) const FIRST: Lsn = Lsn(0x15_0000);

    /// The start of the page that it lies in.
    pub(in crate::postgres) fn page_start(self) -> Lsn {
        Lsn(self.0 - self.0 % PAGE_BYTES)
    }
}

impl FromStr for Lsn {
    type Err = ();

    fn from_str(text: &str) -> Result<Lsn, ()> {
        let (high, low) = text.split_once('/').ok_or(())?;
        let part = |digits: &str| u32::from_str_radix(digits, 16).map_err(|_| ());
        Ok(Lsn(u64::from(part(high)?) << 32 | u64::from(part(low)?)))
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xffff_ffff)
    }
}

/// What a record, a tuple and a commit take beside their data.
const HEADER_BYTES: u64 = 24;
const TUPLE_BYTES: u64 = 52;
const COMMIT_BYTES: u64 = 40;
/// About what a definition takes in the rows of the system catalog.
const DEFINITION_BYTES: u64 = 1_024;

impl Record {
    /// The commit that it says, if it says one.
    pub(in crate::postgres) fn commit(&self) -> Option<&CommitRecord> {
        match self {
            Record::Commit(commit) => Some(commit),
            Record::Sequence(..) => None,
        }
    }

    /// About as many bytes as PostgreSQL's records for it take.
    pub(in crate::postgres) fn bytes(&self) -> u64 {
        let bytes = match self {
            Record::Sequence(..) => HEADER_BYTES + TUPLE_BYTES,
            Record::Commit(commit) => {
                COMMIT_BYTES + commit.entries.iter().map(Entry::bytes).sum::<u64>()
            }
        };
        bytes.next_multiple_of(8)
    }
}

impl Entry {
    fn bytes(&self) -> u64 {
        match self {
            Entry::Row(RowEntry { new, .. }) => {
                let data = new
                    .as_ref()
                    .map(|(_, row)| row.iter().map(value_bytes).sum());
                HEADER_BYTES + TUPLE_BYTES + data.unwrap_or(0)
            }
            Entry::Drop(_) | Entry::Truncate(_) | Entry::DropSequence(_) | Entry::DropView(_) => {
                HEADER_BYTES + TUPLE_BYTES
            }
            Entry::Define(_) | Entry::DefineSequence(_) | Entry::DefineView(..) => DEFINITION_BYTES,
        }
    }
}

fn value_bytes(value: &Value) -> u64 {
    match value {
        Value::Null => 0,
        value => value.as_str().map_or(8, |text| text.len() as u64 + 4),
    }
}
