//! One number for a whole run.
//!
//! xxh3-64 over a binary encoding of its own: what is printed for people may
//! change without changing a digest. The encoding has a version; a change of
//! it changes every digest and the golden ones with it.

use std::fmt;

use xxhash_rust::xxh3::{Xxh3Default, xxh3_64};

use crate::net::Delivery;

/// Goes into every digest first.
const VERSION: u8 = 1;

/// What a record begins with.
const EVENT: u8 = 1;
const DELIVERY: u8 = 2;

/// Records between two checkpoints.
const INTERVAL: u64 = 1_000;

/// The digest after so many records: where two runs still agreed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// Records so far.
    pub records: u64,
    /// Their digest.
    pub value: u64,
}

/// The running digest of a history.
#[derive(Clone)]
pub struct Digest {
    hash: Xxh3Default,
    records: u64,
    checkpoints: Vec<Checkpoint>,
}

impl Default for Digest {
    fn default() -> Digest {
        let mut hash = Xxh3Default::new();
        hash.update(&[VERSION]);
        Digest {
            hash,
            records: 0,
            checkpoints: Vec::new(),
        }
    }
}

impl Digest {
    /// Takes an encoded event in.
    pub(super) fn event(&mut self, at_ns: u64, encoded: &[u8]) {
        self.hash.update(&[EVENT]);
        self.hash.update(&at_ns.to_le_bytes());
        self.hash.update(encoded);
        self.count();
    }

    /// Takes a delivery in: when, which connection, what kind, how long, and
    /// a hash of its bytes.
    pub(super) fn delivery(&mut self, delivery: &Delivery<'_>) {
        let mut record = [0; 31];
        record[0] = DELIVERY;
        record[1..9].copy_from_slice(&delivery.at_ns.to_le_bytes());
        record[9..17].copy_from_slice(&delivery.connection.to_le_bytes());
        record[17] = u8::from(delivery.from_client);
        record[18] = delivery.kind as u8;
        let length = u32::try_from(delivery.bytes.len()).unwrap_or(u32::MAX);
        record[19..23].copy_from_slice(&length.to_le_bytes());
        record[23..31].copy_from_slice(&xxh3_64(delivery.bytes).to_le_bytes());
        self.hash.update(&record);
        self.count();
    }

    fn count(&mut self) {
        self.records += 1;
        if self.records.is_multiple_of(INTERVAL) {
            self.checkpoints.push(Checkpoint {
                records: self.records,
                value: self.hash.digest(),
            });
        }
    }

    /// The digest of all records so far.
    pub fn value(&self) -> u64 {
        self.hash.digest()
    }

    /// How many events and deliveries it stands for.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// The digest after every thousandth record.
    pub fn checkpoints(&self) -> &[Checkpoint] {
        &self.checkpoints
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Digest) -> bool {
        (self.records, self.value()) == (other.records, other.value())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self} of {} records)", self.records)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.value())
    }
}
