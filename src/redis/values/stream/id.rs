//! The name of a stream's entry: a millisecond and a number within it.

use std::fmt;

use bytes::Bytes;

/// An entry's ID, `ms-seq`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(in crate::redis) struct StreamId {
    pub(in crate::redis) ms: u64,
    pub(in crate::redis) seq: u64,
}

impl StreamId {
    pub(in crate::redis) const MIN: StreamId = StreamId { ms: 0, seq: 0 };
    pub(in crate::redis) const MAX: StreamId = StreamId {
        ms: u64::MAX,
        seq: u64::MAX,
    };

    /// The ID after this one; none after the last.
    pub(in crate::redis) fn next(self) -> Option<StreamId> {
        match self.seq.checked_add(1) {
            Some(seq) => Some(StreamId { seq, ..self }),
            None => Some(StreamId {
                ms: self.ms.checked_add(1)?,
                seq: 0,
            }),
        }
    }

    /// The ID before this one; none before the first.
    pub(in crate::redis) fn previous(self) -> Option<StreamId> {
        match self.seq.checked_sub(1) {
            Some(seq) => Some(StreamId { seq, ..self }),
            None => Some(StreamId {
                ms: self.ms.checked_sub(1)?,
                seq: u64::MAX,
            }),
        }
    }

    pub(in crate::redis) fn to_bytes(self) -> Bytes {
        self.to_string().into()
    }

    /// Sixteen bytes that sort as the IDs do.
    pub(in crate::redis) fn key(self) -> [u8; 16] {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&self.ms.to_be_bytes());
        key[8..].copy_from_slice(&self.seq.to_be_bytes());
        key
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}
