//! The write-ahead log: what is in it, and how much of it is safe.
//!
//! Records are logical: one for each committed transaction, with its DDL and
//! its rows, and one for each reservation of sequence numbers. A record
//! passes three points: it is inserted, in the memory of the server; written,
//! in that of the operating system, where it outlives the server; and
//! flushed, on the disk, where it outlives the host.

mod cluster;
mod disk;
mod image;
mod record;
mod writer;

pub use disk::Disk;
pub(super) use disk::{Log, Logged, Recovered};
pub(super) use image::Image;
pub use record::Lsn;
pub(super) use record::{CommitRecord, Entry, Record, RowEntry};
pub(super) use writer::{WalWriter, flush_later};
