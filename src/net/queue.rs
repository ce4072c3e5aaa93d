//! The one event queue: what happens when, and in which order at one instant.

use std::collections::BTreeMap;
use std::task::Waker;

use super::NodeId;
use super::link::Link;
use super::segment::Packet;
use super::slot::{Side, SlotId};

/// Names an entry: its instant in virtual nanoseconds, then the order in
/// which entries for that instant were made.
pub(super) type Ticket = (u64, u64);

pub(super) enum Event {
    /// A segment reaches the end opposite `from`.
    Arrive {
        slot: SlotId,
        from: Side,
        packet: Packet,
    },
    /// What `from` sent and lost is due again.
    Retransmit { slot: SlotId, from: Side },
    /// A connection that is not there by now never will be.
    GiveUp { slot: SlotId },
    /// `side` asks whether its peer is still there.
    Probe { slot: SlotId, side: Side },
    /// A link changes.
    SetLink {
        from: NodeId,
        to: NodeId,
        link: Link,
    },
    /// A task that sleeps on this node is due.
    Wake { node: NodeId, waker: Waker },
}

/// Entries can be taken back, so a deadline that was met costs nothing later.
#[derive(Default)]
pub(super) struct Queue {
    entries: BTreeMap<Ticket, Event>,
    made: u64,
}

impl Queue {
    pub(super) fn push(&mut self, at: u64, event: Event) -> Ticket {
        let ticket = (at, self.made);
        self.made += 1;
        self.entries.insert(ticket, event);
        ticket
    }

    pub(super) fn cancel(&mut self, ticket: Ticket) {
        self.entries.remove(&ticket);
    }

    /// Puts the sleeper's newest waker in; false if the entry has fired.
    pub(super) fn refresh(&mut self, ticket: Ticket, waker: &Waker) -> bool {
        match self.entries.get_mut(&ticket) {
            Some(Event::Wake { waker: old, .. }) => {
                old.clone_from(waker);
                true
            }
            _ => false,
        }
    }

    /// Takes out whoever sleeps on a node: its clocks no longer run as they
    /// did, so each has to ask anew when it is due.
    pub(super) fn take_sleepers(&mut self, on: NodeId) -> Vec<Waker> {
        let sleepers = self.entries.extract_if(
            ..,
            |_, event| matches!(event, Event::Wake { node, .. } if *node == on),
        );
        sleepers
            .filter_map(|(_, event)| match event {
                Event::Wake { waker, .. } => Some(waker),
                _ => None,
            })
            .collect()
    }

    pub(super) fn next_at(&self) -> Option<u64> {
        self.entries.first_key_value().map(|(&(at, _), _)| at)
    }

    pub(super) fn pop_due(&mut self, now: u64) -> Option<Event> {
        let first = self.entries.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }
}
