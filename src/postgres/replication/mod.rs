//! Streaming replication: a primary sends its log as it becomes safe, and a
//! standby writes it down, replays it, and answers queries meanwhile.
//!
//! The walsender is a conversation on the primary's port, over whatever
//! network there is. The walreceiver connects, resumes after the last record
//! that it has, and connects again when it is cut off. Replay is a task of
//! its own, so a standby may have what it does not show yet.

mod receiver;
mod replay;
mod state;
mod sync;

pub(super) use receiver::{STATUS_LABEL, receive};
pub(super) use replay::replay;
pub(super) use state::{Replication, Sender, Standby};
pub(super) use sync::wait_for_standby;
