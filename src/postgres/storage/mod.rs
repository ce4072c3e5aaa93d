//! What is stored: versions of rows, their indexes, the commit log.

pub(super) mod catalog;
pub(super) mod clog;
pub(super) mod depend;
pub(super) mod heap;
pub(super) mod index;
pub(super) mod row_lock;
pub(super) mod sequence;
pub(super) mod table;

pub use clog::Xid;
pub use row_lock::RowLockMode;
