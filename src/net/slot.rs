//! The table of connections, and how a connection and its ends are named.

use super::State;
use super::connection::Connection;

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

impl State {
    /// The connection at `slot`, unless it is over and its place reused.
    pub(super) fn connection(&mut self, slot: SlotId) -> Option<&mut Connection> {
        let (generation, connection) = &mut self.slots[slot.index];
        (*generation == slot.generation)
            .then_some(connection.as_mut())
            .flatten()
    }

    pub(super) fn insert(&mut self, connection: Connection) -> SlotId {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push((0, None));
            self.slots.len() - 1
        });
        let (generation, slot) = &mut self.slots[index];
        *slot = Some(connection);
        SlotId {
            index,
            generation: *generation,
        }
    }

    /// Frees the slot once nobody can reach the connection any more.
    pub(super) fn reap(&mut self, slot: SlotId) {
        if self.connection(slot).is_some_and(|c| c.is_over()) {
            let (generation, connection) = &mut self.slots[slot.index];
            *connection = None;
            *generation = generation.wrapping_add(1);
            self.free.push(slot.index);
        }
    }
}
