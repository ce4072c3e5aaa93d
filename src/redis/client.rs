//! What the server knows about one connected client.

use bytes::Bytes;

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
}
