//! The gateway in front of the service: a load balancer or a driver that
//! sends a request again when its connection is reset before the answer, as
//! nginx does with `proxy_next_upstream ... non_idempotent`. It does so only
//! for connections that a fault has picked.

use std::collections::BTreeSet;

use parking_lot::Mutex;

/// Shared by the fault that resets a connection and the client that sees it.
#[derive(Debug, Default)]
pub struct Gateway(Mutex<BTreeSet<u64>>);

impl Gateway {
    /// Has the request on this connection sent again once it is reset.
    pub fn resend(&self, connection: u64) {
        self.0.lock().insert(connection);
    }

    /// Whether that is so; once for each time that it was asked for.
    pub(super) fn resends(&self, connection: Option<u64>) -> bool {
        connection.is_some_and(|connection| self.0.lock().remove(&connection))
    }
}
