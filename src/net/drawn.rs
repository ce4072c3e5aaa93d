//! What was drawn for each segment, to compare two runs of one seed: whatever
//! is in one of them only, a segment that both send has the same draws.

use super::link::Key;
use super::slot::Side;
use super::{Bug, Network, State};

/// A segment, and what was drawn for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drawn {
    /// The connection's stable name, hashed.
    pub connection: u64,
    /// True from the side that connected, false from the side that listened.
    pub from_client: bool,
    /// Counts the segments of that side, from 0.
    pub number: u64,
    /// How often it was sent before.
    pub attempt: u64,
    /// How long it travels by its link and by the search policy, without what
    /// faults add; None if the link loses it.
    pub latency_ns: Option<u64>,
}

impl Network {
    /// From now on keeps what is drawn, for [`drawn`](Network::drawn).
    pub fn keep_drawn(&self) {
        self.0.state.lock().drawn.get_or_insert_default();
    }

    /// What was drawn since it is kept, in the order in which it was; nothing
    /// if it is not.
    pub fn drawn(&self) -> Vec<Drawn> {
        self.0.state.lock().drawn.take().unwrap_or_default()
    }
}

impl State {
    pub(super) fn note_drawn(&mut self, key: Key, latency_ns: Option<u64>) {
        if let Some(drawn) = &mut self.drawn {
            drawn.push(Drawn {
                connection: key.connection,
                from_client: key.side == Side::Client,
                number: key.number,
                attempt: key.attempt,
                latency_ns,
            });
        }
    }

    /// The key by which the draws of a segment are made: its own, unless a
    /// bug is planted.
    pub(super) fn drawn_by(&mut self, key: Key) -> Key {
        match self.options.planted {
            Some(Bug::SharedStream) => Key {
                connection: self.nodes[0].draw.u64(),
                ..key
            },
            _ => key,
        }
    }
}
