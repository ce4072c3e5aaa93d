//! Hashes: fields in the order in which they came while a hash is small, as
//! in Redis's listpack, and in none once it has been large.

use bytes::Bytes;

use super::{Compact, Table};

/// The fields of a hash.
#[derive(Debug, Clone, Default)]
pub(in crate::redis) struct Hash {
    fields: Table<Bytes>,
    /// It has been too large for a listpack, and stays what it became.
    large: bool,
}

impl Hash {
    pub(in crate::redis) fn fields(&self) -> &Table<Bytes> {
        &self.fields
    }

    pub(in crate::redis) fn is_small(&self) -> bool {
        !self.large
    }

    /// True if the field is new.
    pub(in crate::redis) fn set(&mut self, field: &[u8], value: Bytes, compact: &Compact) -> bool {
        self.large |= field.len().max(value.len()) > compact.hash_bytes;
        let old = match self.fields.get_mut(field) {
            Some(old) => Some(std::mem::replace(old, value)),
            None => self.fields.insert(Bytes::copy_from_slice(field), value),
        };
        self.large |= self.fields.len() > compact.hash_fields;
        old.is_none()
    }

    /// True if the field was there.
    pub(in crate::redis) fn remove(&mut self, field: &[u8]) -> bool {
        let taken = if self.large {
            self.fields.take(field)
        } else {
            self.fields.take_in_order(field)
        };
        taken.is_some()
    }

    pub(in crate::redis) fn scan(&mut self, cursor: u64, count: usize) -> (u64, Vec<Bytes>) {
        self.fields.scan(cursor, count)
    }
}
