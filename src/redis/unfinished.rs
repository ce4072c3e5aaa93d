//! The command whose script is not over.
//!
//! Until it is, nobody else's command runs. For `busy-reply-threshold` others
//! wait in silence, and after that they are told that the server is busy.

use std::time::Duration;

use bytes::Bytes;

use super::client::ClientId;
use super::commands::Command;
use crate::rt::{self, Instant};

#[derive(Debug)]
pub(super) struct Unfinished {
    pub(super) client: ClientId,
    pub(super) command: &'static Command,
    pub(super) args: Vec<Bytes>,
    pub(super) began: Instant,
    /// From when on others are told that the server is busy; none is never.
    busy_at: Option<Instant>,
}

impl Unfinished {
    /// A call that began then, with so many milliseconds of patience for it;
    /// none or less is without end.
    pub(super) fn new(
        client: ClientId,
        command: &'static Command,
        args: &[&[u8]],
        began: Instant,
        patience_ms: i64,
    ) -> Unfinished {
        let patience = u64::try_from(patience_ms).ok();
        let patience = patience.filter(|ms| *ms > 0).map(Duration::from_millis);
        Unfinished {
            client,
            command,
            args: args.iter().map(|arg| Bytes::copy_from_slice(arg)).collect(),
            began,
            busy_at: patience.map(|patience| began + patience),
        }
    }

    /// Whether it lets nobody do anything, and until when; none is until it
    /// is over.
    pub(super) fn stands_still(&self) -> Option<Option<Instant>> {
        let is_busy = self.busy_at.is_some_and(|busy_at| busy_at <= rt::now());
        (!is_busy).then_some(self.busy_at)
    }
}
