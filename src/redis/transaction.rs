//! What MULTI queues.

use bytes::Bytes;

use super::commands::{Command, Flags};

/// The commands since MULTI.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    pub(super) queue: Vec<Queued>,
    /// A command was refused: EXEC will be too.
    pub(super) refused: bool,
}

/// A command that waits for EXEC.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) command: &'static Command,
    /// Those of this call.
    pub(super) flags: Flags,
    pub(super) args: Vec<Bytes>,
}
