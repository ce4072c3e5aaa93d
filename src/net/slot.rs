//! How a connection and its ends are named in the table of connections.

/// The end that connected, or the end that listened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    Client = 0,
    Server = 1,
}

impl Side {
    pub(super) fn peer(self) -> Side {
        match self {
            Side::Client => Side::Server,
            Side::Server => Side::Client,
        }
    }
}

/// A place in the table of connections. The generation tells a connection
/// from an earlier one at the same index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SlotId {
    pub(super) index: usize,
    pub(super) generation: u32,
}
