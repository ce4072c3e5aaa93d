//! The stream of commands that replicas run: its history, how long it is by
//! now, and its last bytes.

use std::fmt;

use bytes::{Buf, Bytes, BytesMut};

use crate::redis::propagation::{Effect, Encoder, Unit, for_replicas};
use crate::rt;

/// The ID of a history: forty hexadecimal digits, that of no history zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::redis) struct HistoryId([u8; HistoryId::LENGTH]);

impl HistoryId {
    const LENGTH: usize = 40;
    const NONE: HistoryId = HistoryId([b'0'; HistoryId::LENGTH]);

    /// One that there has never been.
    pub(in crate::redis) fn new() -> HistoryId {
        let digits: String = (0..3)
            .map(|_| format!("{:016x}", rt::random_u64()))
            .collect();
        HistoryId::read(&digits.as_bytes()[..HistoryId::LENGTH]).unwrap_or_default()
    }

    pub(in crate::redis) fn read(text: &[u8]) -> Option<HistoryId> {
        let digits: [u8; HistoryId::LENGTH] = text.try_into().ok()?;
        let digits = digits.map(|digit| digit.to_ascii_lowercase());
        let valid = digits.iter().all(u8::is_ascii_hexdigit);
        valid.then_some(HistoryId(digits))
    }
}

impl Default for HistoryId {
    fn default() -> HistoryId {
        HistoryId::NONE
    }
}

impl fmt::Display for HistoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.0).unwrap_or_default())
    }
}

/// The last bytes of a stream.
#[derive(Debug)]
pub(in crate::redis) struct Backlog {
    /// The offset of the first byte: the first byte ever has 1.
    pub(in crate::redis) first: u64,
    bytes: BytesMut,
}

impl Backlog {
    pub(in crate::redis) fn len(&self) -> usize {
        self.bytes.len()
    }
}

/// A stream. Without a backlog nobody has ever read from it, and nothing is
/// written to it.
#[derive(Debug, Default)]
pub(in crate::redis) struct Stream {
    pub(in crate::redis) id: HistoryId,
    /// The history that this one continues, and the first offset at which it
    /// is no longer the same.
    pub(in crate::redis) earlier: Option<(HistoryId, u64)>,
    /// How many bytes were written since the history began.
    pub(in crate::redis) offset: u64,
    pub(in crate::redis) backlog: Option<Backlog>,
    encoder: Encoder,
}

impl Stream {
    pub(in crate::redis) fn is_kept(&self) -> bool {
        self.backlog.is_some()
    }

    /// Keeps what is written from now on.
    pub(super) fn keep(&mut self) {
        let first = self.offset + 1;
        self.backlog.get_or_insert_with(|| Backlog {
            first,
            bytes: BytesMut::new(),
        });
    }

    /// Begins a history that nobody has, and keeps nothing of the old one.
    pub(super) fn begin(&mut self) {
        self.id = HistoryId::new();
        self.earlier = None;
        self.backlog = None;
    }

    /// Takes up the history of a snapshot, as far as that goes.
    pub(super) fn take_up(&mut self, id: HistoryId, offset: u64) {
        self.id = id;
        self.earlier = None;
        self.offset = offset;
        self.backlog = None;
        self.keep();
    }

    /// Goes on under another ID: who has followed so far can follow on.
    pub(super) fn go_on_as(&mut self, id: HistoryId) {
        self.earlier = Some((std::mem::replace(&mut self.id, id), self.offset + 1));
    }

    /// The database that a reader of the stream is in.
    pub(super) fn database(&self) -> Option<usize> {
        self.encoder.selected()
    }

    /// Notes that the forwarded stream selected a database; None if the next
    /// effect is to say it again.
    pub(super) fn set_database(&mut self, database: Option<usize>) {
        self.encoder.select(database);
    }

    pub(super) fn feed(&mut self, effects: &[Effect], unit: Unit) {
        if let Some(backlog) = &mut self.backlog {
            let before = backlog.bytes.len();
            self.encoder
                .unit(for_replicas(effects), unit, &mut backlog.bytes);
            self.offset += (backlog.bytes.len() - before) as u64;
        }
    }

    /// Writes what is already in the form of the stream.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.offset += bytes.len() as u64;
        if let Some(backlog) = &mut self.backlog {
            backlog.bytes.extend_from_slice(bytes);
        }
    }

    /// What follows `offset`, if it is still there.
    pub(super) fn after(&self, offset: u64) -> Option<Bytes> {
        let backlog = self.backlog.as_ref()?;
        let skipped = usize::try_from((offset + 1).checked_sub(backlog.first)?).ok()?;
        let rest = backlog.bytes.get(skipped..)?;
        Some(Bytes::copy_from_slice(rest))
    }

    /// Whether somebody who has `id` and wants the byte at `from` next can go
    /// on.
    pub(super) fn continues(&self, id: HistoryId, from: u64) -> bool {
        let same = id == self.id
            || self
                .earlier
                .is_some_and(|(earlier, end)| id == earlier && from <= end);
        same && from
            .checked_sub(1)
            .is_some_and(|offset| self.after(offset).is_some())
    }

    /// Forgets all but the last `most` bytes.
    pub(super) fn trim(&mut self, most: usize) {
        if let Some(backlog) = &mut self.backlog
            && let Some(surplus) = backlog.bytes.len().checked_sub(most)
        {
            backlog.bytes.advance(surplus);
            backlog.first += surplus as u64;
        }
    }
}
