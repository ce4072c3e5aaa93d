//! Sequences: numbers handed out outside of any transaction.
//!
//! As in PostgreSQL a sequence logs 32 numbers ahead, so a crash skips what
//! was reserved and not handed out, and never hands a number out twice.

use std::collections::BTreeMap;

use crate::postgres::error::{Error, Result, SqlState};

/// Numbers that one log record reserves.
const LOG_AHEAD: i64 = 32;

/// A sequence's number in the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::postgres) struct SequenceId(pub(in crate::postgres) u32);

#[derive(Debug, Clone, Copy, Default)]
struct Sequence {
    last: i64,
    reserved: i64,
}

/// Every sequence of the server.
#[derive(Debug, Default)]
pub(in crate::postgres) struct Sequences {
    sequences: BTreeMap<SequenceId, Sequence>,
    unlogged: Vec<(SequenceId, i64)>,
}

impl Sequences {
    pub(in crate::postgres) fn create(&mut self, id: SequenceId) {
        self.sequences.insert(id, Sequence::default());
    }

    pub(in crate::postgres) fn remove(&mut self, id: SequenceId) {
        self.sequences.remove(&id);
    }

    /// Starts after what the log had reserved.
    pub(in crate::postgres) fn restore(&mut self, id: SequenceId, reserved: i64) {
        let sequence = Sequence {
            last: reserved,
            reserved,
        };
        self.sequences.insert(id, sequence);
    }

    pub(in crate::postgres) fn next(&mut self, id: SequenceId) -> Result<i64> {
        let sequence = self.sequences.get_mut(&id).ok_or_else(|| {
            Error::new(
                SqlState::UNDEFINED_TABLE,
                "the sequence of this column does not exist",
            )
        })?;
        sequence.last = sequence.last.saturating_add(1);
        if sequence.last > sequence.reserved {
            sequence.reserved = sequence.last.saturating_add(LOG_AHEAD);
            self.unlogged.push((id, sequence.reserved));
        }
        Ok(sequence.last)
    }

    /// What must reach the log before the next commit.
    pub(in crate::postgres) fn take_unlogged(&mut self) -> Vec<(SequenceId, i64)> {
        std::mem::take(&mut self.unlogged)
    }
}
