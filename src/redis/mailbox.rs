//! What others leave for a client while its own task sleeps.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::reply::Reply;
use crate::rt::Label;

/// A client's mailbox; clones are handles to the same one.
#[derive(Debug, Clone, Default)]
pub(super) struct Mailbox(Arc<Inbox>);

#[derive(Debug, Default)]
struct Inbox {
    messages: Mutex<Vec<Message>>,
    arrived: Notify,
}

/// Something to write to the client.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) reply: Reply,
    pub(super) label: Label,
    /// It answers the command for which the client is blocked.
    pub(super) unblocks: bool,
}

impl Mailbox {
    /// Leaves a message and wakes its reader.
    pub(super) fn put(&self, message: Message) {
        self.0.messages.lock().push(message);
        self.0.arrived.notify_one();
    }

    /// Empties it.
    pub(super) fn take(&self) -> Vec<Message> {
        std::mem::take(&mut *self.0.messages.lock())
    }

    /// Returns when something may have arrived.
    pub(super) async fn arrived(&self) {
        self.0.arrived.notified().await;
    }
}
