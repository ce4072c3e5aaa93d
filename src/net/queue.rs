//! The one event queue: what happens when, and in which order at one instant.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::task::Waker;

use slab::Slab;

use super::NodeId;
use super::link::Link;
use super::segment::Packet;
use super::slot::{Side, SlotId};

/// Names an entry: its instant in virtual nanoseconds, then the order in
/// which entries for that instant were made, and where its event lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket {
    at: u64,
    number: u64,
    index: usize,
}

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
///
/// A heap of small entries says what is next; what happens lies beside it. An
/// entry that was taken back stays in the heap until it comes to the top, or
/// until such entries are the half of it.
#[derive(Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Reverse<Ticket>>,
    events: Slab<(u64, Event)>,
    made: u64,
}

impl Queue {
    pub(super) fn push(&mut self, at: u64, event: Event) -> Ticket {
        let number = self.made;
        self.made += 1;
        let index = self.events.insert((number, event));
        let ticket = Ticket { at, number, index };
        self.heap.push(Reverse(ticket));
        ticket
    }

    pub(super) fn cancel(&mut self, ticket: Ticket) {
        if self.is_waiting(ticket) {
            self.events.remove(ticket.index);
        }
        const FEW: usize = 64;
        if self.heap.len() > FEW.max(2 * self.events.len()) {
            let events = &self.events;
            self.heap.retain(|Reverse(ticket)| waits(events, *ticket));
        }
    }

    fn is_waiting(&self, ticket: Ticket) -> bool {
        waits(&self.events, ticket)
    }

    /// Puts the sleeper's newest waker in; false if the entry has fired.
    pub(super) fn refresh(&mut self, ticket: Ticket, waker: &Waker) -> bool {
        match self.events.get_mut(ticket.index) {
            Some((number, Event::Wake { waker: old, .. })) if *number == ticket.number => {
                old.clone_from(waker);
                true
            }
            _ => false,
        }
    }

    /// Takes out whoever sleeps on a node: its clocks no longer run as they
    /// did, so each has to ask anew when it is due.
    pub(super) fn take_sleepers(&mut self, on: NodeId) -> Vec<Waker> {
        let mut tickets: Vec<_> = self.heap.iter().map(|Reverse(ticket)| *ticket).collect();
        tickets.sort_unstable();
        let mut sleepers = Vec::new();
        for ticket in tickets {
            if self.is_waiting(ticket)
                && let (_, Event::Wake { node, waker }) = &self.events[ticket.index]
                && *node == on
            {
                sleepers.push(waker.clone());
                self.events.remove(ticket.index);
            }
        }
        sleepers
    }

    pub(super) fn next_at(&mut self) -> Option<u64> {
        loop {
            let Reverse(ticket) = *self.heap.peek()?;
            if self.is_waiting(ticket) {
                return Some(ticket.at);
            }
            self.heap.pop();
        }
    }

    pub(super) fn pop_due(&mut self, now: u64) -> Option<Event> {
        if self.next_at()? > now {
            return None;
        }
        let Reverse(ticket) = self.heap.pop()?;
        let (_, event) = self.events.remove(ticket.index);
        Some(event)
    }
}

fn waits(events: &Slab<(u64, Event)>, ticket: Ticket) -> bool {
    let entry = events.get(ticket.index);
    entry.is_some_and(|(number, _)| *number == ticket.number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue_of(ats: &[u64]) -> (Queue, Vec<Ticket>) {
        let mut queue = Queue::default();
        let push = |(index, at): (usize, &u64)| {
            let generation = 0;
            let slot = SlotId { index, generation };
            queue.push(*at, Event::GiveUp { slot })
        };
        let tickets = ats.iter().enumerate().map(push).collect();
        (queue, tickets)
    }

    fn drain(queue: &mut Queue) -> Vec<usize> {
        let pop = || match queue.pop_due(u64::MAX)? {
            Event::GiveUp { slot } => Some(slot.index),
            _ => None,
        };
        std::iter::from_fn(pop).collect()
    }

    #[test]
    fn the_earliest_comes_first_and_of_one_instant_the_first_made() {
        let (mut queue, tickets) = queue_of(&[5, 3, 5, 9, 3]);
        queue.cancel(tickets[1]);
        assert_eq!(queue.next_at(), Some(3));
        assert!(queue.pop_due(2).is_none());
        assert_eq!(drain(&mut queue), [4, 0, 2, 3]);
    }

    #[test]
    fn a_ticket_that_has_fired_takes_nothing_else_back() {
        let (mut queue, tickets) = queue_of(&[1]);
        assert_eq!(drain(&mut queue), [0]);
        let slot = SlotId {
            index: 7,
            generation: 0,
        };
        queue.push(2, Event::GiveUp { slot });
        queue.cancel(tickets[0]);
        assert_eq!(drain(&mut queue), [7]);
    }

    #[test]
    fn what_is_taken_back_does_not_pile_up() {
        let (mut queue, _) = queue_of(&[1_000_000; 10]);
        for at in 0..100_000 {
            let slot = SlotId {
                index: 0,
                generation: 0,
            };
            let ticket = queue.push(2_000_000 + at, Event::GiveUp { slot });
            queue.cancel(ticket);
        }
        assert!(queue.heap.len() <= 65, "{}", queue.heap.len());
        assert_eq!(drain(&mut queue).len(), 10);
    }
}
