//! What TCP does about loss: keeps what was lost, sends it again, each time
//! later, and gives up in the end.
//!
//! An acknowledgement without data is no event of its own: whether it gets
//! through is decided when the data arrives. One that does not leaves its
//! data unacknowledged although it was delivered; the sender then sends it
//! again and again, its receiver hides the copies, and nothing new leaves
//! until an acknowledgement comes. So what is cut off one way comes to a stop
//! the other way too, and ends in a time-out.

use std::collections::VecDeque;
use std::io::ErrorKind;

use super::State;
use super::connection::Connection;
use super::link::{Concern, Key};
use super::queue::Event;
use super::segment::{Action, Kind, Packet};
use super::sending::Sent;
use super::slot::{Side, SlotId};

impl State {
    /// A segment did not arrive. TCP will repeat it, and what follows waits.
    pub(super) fn lose(&mut self, now: u64, slot: SlotId, from: Side, packet: Packet) {
        if !packet.kind.is_repeated() {
            return self.reap(slot);
        }
        let Some(connection) = self.connection(slot) else {
            return;
        };
        let lane = &mut connection.end(from).lane;
        match packet.number < lane.expected {
            true => lane.unacknowledged = Some(packet),
            false => lane.lose(packet),
        }
        self.arm_retransmit(now, slot, from);
    }

    fn arm_retransmit(&mut self, now: u64, slot: SlotId, from: Side) {
        let Some(connection) = self.connection(slot) else {
            return;
        };
        let lane = &mut connection.end(from).lane;
        if lane.retransmit.is_none()
            && let Some(timeout_ns) = lane.timeout_ns()
        {
            let at = now.saturating_add(timeout_ns);
            let ticket = self.queue.push(at, Event::Retransmit { slot, from });
            if let Some(connection) = self.connection(slot) {
                connection.end(from).lane.retransmit = Some(ticket);
                connection.pending += 1;
            }
        }
    }

    pub(super) fn retransmit(&mut self, now: u64, slot: SlotId, from: Side) {
        let Some(connection) = self.connection(slot) else {
            return;
        };
        connection.pending -= 1;
        let end = connection.end(from);
        end.lane.retransmit = None;
        let node = end.place.node;
        if end.lane.give_up() {
            self.fail_end(slot, from, ErrorKind::TimedOut);
        } else if self.node(node).host_up {
            self.repeat(now, slot, from);
        }
        self.reap(slot);
    }

    /// Sends again what was not acknowledged and what was lost, until the
    /// first is lost again.
    fn repeat(&mut self, now: u64, slot: SlotId, from: Side) {
        let Some(connection) = self.connection(slot) else {
            return;
        };
        let lane = &mut connection.end(from).lane;
        let delivered = lane.unacknowledged.take();
        let mut again = std::mem::take(&mut lane.lost);
        if let Some(mut packet) = delivered {
            packet.attempt += 1;
            if self.transmit(now, slot, from, packet) == Sent::Lost {
                self.put_back(slot, from, &mut again);
            }
        }
        while let Some(mut packet) = again.pop_front() {
            packet.attempt += u32::from(packet.left);
            if self.transmit(now, slot, from, packet) == Sent::Lost {
                self.put_back(slot, from, &mut again);
            }
        }
    }

    /// What follows a loss stays behind it, in order.
    fn put_back(&mut self, slot: SlotId, from: Side, again: &mut VecDeque<Packet>) {
        if let Some(connection) = self.connection(slot)
            && connection.end(from).error.is_none()
        {
            connection.end(from).lane.lost.append(again);
        }
        again.clear();
    }

    /// The receiver of a segment acknowledges it: does its sender get to know?
    pub(super) fn is_acknowledged(
        &mut self,
        now: u64,
        slot: SlotId,
        from: Side,
        packet: &Packet,
    ) -> bool {
        let seed = self.options.seed;
        let Some(connection) = self.connection(slot) else {
            return false;
        };
        let key = Key {
            seed,
            connection: connection.key,
            side: from,
            number: packet.number,
            attempt: packet.attempt.into(),
        };
        let sender = connection.end(from).place.node;
        let receiver = connection.end(from.peer()).place.node;
        let loss = self.wire(receiver, sender).link.loss;
        let is_lost = loss.holds(|| key.word(Concern::Acknowledgement));
        let ack = Packet::bare(Kind::Ack);
        match self.judge(now, key.connection, [receiver, sender], &ack) {
            Action::Pass | Action::Delay(_) => !is_lost,
            Action::Drop => false,
            Action::Reset => {
                self.reset(now, slot);
                false
            }
        }
    }

    /// A segment was delivered, and its sender does not know.
    pub(super) fn unacknowledged(&mut self, now: u64, slot: SlotId, from: Side, packet: Packet) {
        if let Some(connection) = self.connection(slot) {
            let lane = &mut connection.end(from).lane;
            lane.unacknowledged.get_or_insert(packet);
            self.arm_retransmit(now, slot, from);
        }
    }

    /// What the peer sends acknowledges what it has.
    pub(super) fn acknowledged_by_data(&mut self, slot: SlotId, from: Side) {
        let lane = |connection: &mut Connection| connection.end(from).lane.unacknowledged.is_some();
        if self.connection(slot).is_some_and(lane) {
            self.acknowledged(slot, from);
        }
    }

    /// The sender knows that everything delivered so far was.
    pub(super) fn acknowledged(&mut self, slot: SlotId, from: Side) {
        let Some(connection) = self.connection(slot) else {
            return;
        };
        let lane = &mut connection.end(from).lane;
        lane.unacknowledged = None;
        let backed_off = std::mem::take(&mut lane.retries) > 0;
        if lane.lost.is_empty()
            && let Some(ticket) = lane.retransmit.take()
        {
            connection.pending -= 1;
            self.queue.cancel(ticket);
        }
        if backed_off {
            self.mark_dirty(slot, from);
        }
    }
}
