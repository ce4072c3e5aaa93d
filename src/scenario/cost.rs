//! What the database's work takes.

use serde::{Deserialize, Serialize};

use super::units::Time;
use crate::postgres;

/// What each part of a statement's work takes. The defaults are those of data
/// that is in memory; what a disk has to be asked for takes a thousand times
/// as long.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cost {
    /// A statement: taking it in, planning it, answering it.
    pub statement: Time,
    /// A version of a row that the scan of a whole table reads.
    pub seq_tuple: Time,
    /// A descent of an index, to where a key is or a range begins.
    pub index_scan: Time,
    /// A version of a row to which an index leads.
    pub index_tuple: Time,
    /// A row that is inserted, updated, deleted or locked.
    pub write: Time,
    /// An entry that is added to an index.
    pub index_write: Time,
}

impl Default for Cost {
    fn default() -> Cost {
        Cost {
            statement: Time::us(50),
            seq_tuple: Time::nanos(100),
            index_scan: Time::us(1),
            index_tuple: Time::nanos(500),
            write: Time::us(2),
            index_write: Time::us(1),
        }
    }
}

impl Cost {
    /// As the server takes it.
    pub fn of_server(&self) -> postgres::Cost {
        postgres::Cost {
            statement_ns: self.statement.ns(),
            seq_tuple_ns: self.seq_tuple.ns(),
            index_scan_ns: self.index_scan.ns(),
            index_tuple_ns: self.index_tuple.ns(),
            write_ns: self.write.ns(),
            index_write_ns: self.index_write.ns(),
        }
    }
}
