//! What the server knows about one connected client.

use bytes::Bytes;

use super::blocked::Ticket;
use super::mailbox::Mailbox;
use super::reply::Resp;

/// A connection's state between commands.
#[derive(Debug, Clone, Default)]
pub(super) struct Client {
    pub(super) id: u64,
    pub(super) name: Bytes,
    pub(super) database: usize,
    pub(super) resp: Resp,
    /// To be closed once it has read its replies.
    pub(super) closing: bool,
    /// Where others leave what it is to be told.
    pub(super) mailbox: Mailbox,
    /// Its place among those who wait for a key.
    pub(super) blocked: Option<Ticket>,
}
