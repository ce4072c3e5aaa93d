//! How segments leave: cut from what a task wrote, past the rules, onto the
//! link.

use std::time::Duration;

use super::link::{Key, Wire};
use super::queue::Event;
use super::segment::{Action, Kind, Labels, Packet, Segment};
use super::slot::{Side, SlotId};
use super::{Bug, NodeId, State};

/// What became of a segment that was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// It will arrive.
    OnItsWay,
    /// It will not, or not before it is sent again.
    Lost,
}

impl State {
    pub(super) fn mark_dirty(&mut self, slot: SlotId, side: Side) {
        let Some(connection) = self.connection(slot) else {
            return;
        };
        let end = connection.end(side);
        if !std::mem::replace(&mut end.dirty, true) {
            self.dirty.push_back((slot, side));
        }
    }

    /// Turns what a task wrote since the last cut into segments.
    pub(super) fn cut(&mut self, now: u64, slot: SlotId, side: Side) {
        let receive_buffer = self.options.receive_buffer;
        if let Some(connection) = self.connection(slot) {
            connection.end(side).dirty = false;
        }
        while let Some(connection) = self.connection(slot)
            && let Some((bytes, labels)) = connection.take_segment(side, receive_buffer)
        {
            let writer = connection.end(side).writer.take();
            self.woken.extend(writer);
            self.send_new(now, slot, side, Kind::Data, bytes, labels);
        }
        if let Some(connection) = self.connection(slot)
            && connection.take_fin(side)
        {
            self.send_bare(now, slot, side, Kind::Fin);
        }
        self.reap(slot);
    }

    /// Sends a segment without bytes.
    pub(super) fn send_bare(&mut self, now: u64, slot: SlotId, from: Side, kind: Kind) -> Sent {
        self.send_new(now, slot, from, kind, Box::default(), Labels::new())
    }

    fn send_new(
        &mut self,
        now: u64,
        slot: SlotId,
        from: Side,
        kind: Kind,
        bytes: Box<[u8]>,
        labels: Labels,
    ) -> Sent {
        if self.options.planted == Some(Bug::PanicHoldingLock) {
            // Once: what is dropped while this unwinds sends segments too.
            self.options.planted = None;
            panic!("planted: the network");
        }
        let Some(connection) = self.connection(slot) else {
            return Sent::Lost;
        };
        let lane = &mut connection.end(from).lane;
        let packet = lane.next_packet(kind, bytes, labels);
        if lane.is_behind_a_loss(&packet) {
            lane.lose(packet);
            return Sent::Lost;
        }
        self.transmit(now, slot, from, packet)
    }

    /// Puts a segment on its link, past the rules.
    pub(super) fn transmit(
        &mut self,
        now: u64,
        slot: SlotId,
        from: Side,
        mut packet: Packet,
    ) -> Sent {
        packet.left = true;
        let Some(connection) = self.connection(slot) else {
            return Sent::Lost;
        };
        let key = connection.key;
        let source = connection.end(from).place.node;
        let target = connection.end(from.peer()).place.node;
        let delay = match self.judge(now, key, [source, target], &packet) {
            Action::Pass => Duration::ZERO,
            Action::Delay(delay) => delay,
            Action::Drop => {
                self.lose(now, slot, from, packet);
                return Sent::Lost;
            }
            Action::Reset => {
                self.reset(now, slot);
                return Sent::Lost;
            }
        };
        self.travel(now, slot, from, packet, delay)
    }

    /// Lets a segment arrive after its link's latency and `delay`, and not
    /// before what was sent earlier.
    fn travel(
        &mut self,
        now: u64,
        slot: SlotId,
        from: Side,
        packet: Packet,
        delay: Duration,
    ) -> Sent {
        let seed = self.options.seed;
        let Some(connection) = self.connection(slot) else {
            return Sent::Lost;
        };
        let key = Key {
            seed,
            connection: connection.key,
            side: from,
            number: packet.number,
            attempt: packet.attempt.into(),
        };
        let source = connection.end(from).place.node;
        let target = connection.end(from.peer()).place.node;
        let drawn_by = self.drawn_by(key);
        let wire = self.wire(source, target);
        let delay = delay.saturating_add(wire.delay);
        let Some((left_at, latency_ns)) = wire.travel(now, packet.bytes.len(), drawn_by) else {
            self.note_drawn(key, None);
            self.lose(now, slot, from, packet);
            return Sent::Lost;
        };
        let way = (key.connection, from);
        let slower_ns = self.searcher.slower_ns(way, latency_ns);
        let delay_ns = u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX);
        let latency_ns = latency_ns.saturating_add(slower_ns);
        self.note_drawn(key, Some(latency_ns));
        let soonest = left_at.saturating_add(latency_ns).saturating_add(delay_ns);
        if let Some(connection) = self.connection(slot) {
            connection.pending += 1;
            let lane = &mut connection.end(from).lane;
            lane.last_arrival = soonest.max(lane.last_arrival);
            let at = lane.last_arrival;
            self.searcher.sent(way, at);
            self.queue.push(at, Event::Arrive { slot, from, packet });
        }
        Sent::OnItsWay
    }

    /// The link from one node to another.
    pub(super) fn wire(&mut self, from: NodeId, to: NodeId) -> &mut Wire {
        let (from, to) = (usize::from(from.0), usize::from(to.0));
        let link = self.options.link;
        let wires = &mut self.nodes[from].wires;
        if wires.len() <= to {
            wires.resize_with(to + 1, || Wire::new(link));
        }
        &mut wires[to]
    }

    /// What the rules do to a segment: each of them sees it, and the first
    /// answer that is not [`Action::Pass`] counts.
    pub(super) fn judge(
        &mut self,
        now: u64,
        connection: u64,
        [from, to]: [NodeId; 2],
        packet: &Packet,
    ) -> Action {
        if self.rules.is_empty() {
            return Action::Pass;
        }
        let segment = Segment {
            at_ns: now,
            connection,
            from: &self.nodes[usize::from(from.0)].name,
            to: &self.nodes[usize::from(to.0)].name,
            kind: packet.kind,
            labels: &packet.labels,
            bytes: &packet.bytes,
            attempt: packet.attempt.into(),
        };
        let mut verdict = Action::Pass;
        for (_, rule) in &mut self.rules {
            let answer = rule.on_segment(&segment);
            if verdict == Action::Pass {
                verdict = answer;
            }
        }
        verdict
    }

    /// Something on the way ends the connection for both sides.
    pub(super) fn reset(&mut self, now: u64, slot: SlotId) {
        for from in [Side::Server, Side::Client] {
            let Some(connection) = self.connection(slot) else {
                return;
            };
            let lane = &mut connection.end(from).lane;
            let packet = lane.next_packet(Kind::Rst, Box::default(), Labels::new());
            self.travel(now, slot, from, packet, Duration::ZERO);
        }
    }
}
