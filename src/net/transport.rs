//! What TCP does with segments: send, lose, send again, deliver, refuse.

use std::io::ErrorKind;
use std::time::Duration;

use bytes::Bytes;

use super::connection::{CONNECT_NS, Connection};
use super::link::{Key, Wire};
use super::queue::Event;
use super::segment::{Action, Delivery, Kind, Packet, Segment};
use super::slot::{Side, SlotId};
use super::{Death, Node, NodeId, Place, State};

impl State {
    pub(super) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[usize::from(id.0)]
    }

    pub(super) fn is_alive(&self, place: Place) -> bool {
        let node = self.node(place.node);
        node.host_up && node.incarnation == place.incarnation
    }

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

    pub(super) fn mark_dirty(&mut self, slot: SlotId, side: Side) {
        let Some(connection) = self.connection(slot) else {
            return;
        };
        let end = connection.end(side);
        if !std::mem::replace(&mut end.dirty, true) {
            self.dirty.push((slot, side));
        }
    }

    /// Turns what a task wrote since the last cut into a segment.
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
            self.send_new(now, slot, side, Kind::Fin, Bytes::new(), Vec::new());
        }
        self.reap(slot);
    }

    pub(super) fn send_new(
        &mut self,
        now: u64,
        slot: SlotId,
        from: Side,
        kind: Kind,
        bytes: Bytes,
        labels: Vec<super::Label>,
    ) {
        assert!(!std::mem::take(&mut self.sabotaged), "planted: the network");
        let Some(connection) = self.connection(slot) else {
            return;
        };
        let lane = &mut connection.end(from).lane;
        let packet = lane.next_packet(kind, bytes, labels);
        if lane.is_behind_a_loss(&packet) {
            lane.lose(packet);
        } else {
            self.transmit(now, slot, from, packet);
        }
    }

    /// Puts a segment on its link, past the rules.
    fn transmit(&mut self, now: u64, slot: SlotId, from: Side, mut packet: Packet) {
        packet.left = true;
        let Some(connection) = self.connection(slot) else {
            return;
        };
        let source = connection.end(from).place.node;
        let target = connection.end(from.peer()).place.node;
        let delay = match self.judge(source, target, &packet) {
            Action::Pass => Duration::ZERO,
            Action::Delay(delay) => delay,
            Action::Drop => return self.lose(now, slot, from, packet),
            Action::Reset => {
                self.connection_reset(now, slot);
                return;
            }
        };
        self.travel(now, slot, from, packet, delay);
    }

    /// Lets a segment arrive after its link's latency and `delay`, and not
    /// before what was sent earlier.
    fn travel(&mut self, now: u64, slot: SlotId, from: Side, packet: Packet, delay: Duration) {
        let seed = self.options.seed;
        let Some(connection) = self.connection(slot) else {
            return;
        };
        let key = Key {
            seed,
            connection: connection.key,
            side: from,
            number: packet.number,
            attempt: packet.attempt,
        };
        let source = connection.end(from).place.node;
        let target = connection.end(from.peer()).place.node;
        let connection = connection.key;
        let wire = self.wire(source, target);
        let Some((left_at, latency_ns)) = wire.travel(now, packet.bytes.len(), key) else {
            return self.lose(now, slot, from, packet);
        };
        let slower_ns = self.searcher.sent((connection, from), latency_ns);
        let delay_ns = u64::try_from(delay.as_nanos()).unwrap_or(u64::MAX);
        let latency_ns = latency_ns.saturating_add(slower_ns);
        let soonest = left_at.saturating_add(latency_ns).saturating_add(delay_ns);
        if let Some(connection) = self.connection(slot) {
            connection.pending += 1;
            let lane = &mut connection.end(from).lane;
            lane.last_arrival = soonest.max(lane.last_arrival);
            let at = lane.last_arrival;
            self.queue.push(at, Event::Arrive { slot, from, packet });
        }
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

    fn judge(&mut self, from: NodeId, to: NodeId, packet: &Packet) -> Action {
        if self.rules.is_empty() {
            return Action::Pass;
        }
        let segment = Segment {
            from: &self.nodes[usize::from(from.0)].name,
            to: &self.nodes[usize::from(to.0)].name,
            kind: packet.kind,
            labels: &packet.labels,
            bytes: &packet.bytes,
            attempt: packet.attempt,
        };
        self.rules
            .iter_mut()
            .map(|(_, rule)| rule.on_segment(&segment))
            .fold(Action::Pass, Action::and)
    }

    /// A segment did not arrive. TCP will repeat it, and what follows waits.
    fn lose(&mut self, now: u64, slot: SlotId, from: Side, packet: Packet) {
        if packet.kind == Kind::Rst {
            return self.reap(slot);
        }
        let Some(connection) = self.connection(slot) else {
            return;
        };
        connection.end(from).lane.lose(packet);
        self.arm_retransmit(now, slot, from);
    }

    fn arm_retransmit(&mut self, now: u64, slot: SlotId, from: Side) {
        let Some(connection) = self.connection(slot) else {
            return;
        };
        let end = connection.end(from);
        let Some(kind) = end.lane.lost.front().map(|packet| packet.kind) else {
            return;
        };
        if end.lane.retransmit.is_some() {
            return;
        }
        match end.lane.next_timeout_ns(kind) {
            Some(timeout_ns) => {
                end.lane.retries += 1;
                connection.pending += 1;
                let at = now.saturating_add(timeout_ns);
                let ticket = self.queue.push(at, Event::Retransmit { slot, from });
                if let Some(connection) = self.connection(slot) {
                    connection.end(from).lane.retransmit = Some(ticket);
                }
            }
            None => self.fail_end(slot, from, ErrorKind::TimedOut),
        }
    }

    pub(super) fn retransmit(&mut self, now: u64, slot: SlotId, from: Side) {
        let Some(connection) = self.connection(slot) else {
            return;
        };
        connection.pending -= 1;
        let end = connection.end(from);
        end.lane.retransmit = None;
        let first = end.lane.lost.front().map(|packet| packet.kind);
        if first.is_some_and(|kind| end.lane.next_timeout_ns(kind).is_none()) {
            self.fail_end(slot, from, ErrorKind::TimedOut);
            return self.reap(slot);
        }
        let node = end.place.node;
        let mut lost = std::mem::take(&mut end.lane.lost);
        if self.node(node).host_up {
            while let Some(mut packet) = lost.pop_front() {
                packet.attempt += u64::from(packet.left);
                self.transmit(now, slot, from, packet);
                // Lost again: what follows stays behind it, in order.
                if let Some(connection) = self.connection(slot)
                    && !connection.end(from).lane.lost.is_empty()
                {
                    connection.end(from).lane.lost.append(&mut lost);
                }
            }
        }
        self.reap(slot);
    }

    /// A segment arrives, unless others are to go first.
    pub(super) fn due(&mut self, now: u64, slot: SlotId, from: Side, packet: Packet) {
        let Some(key) = self.connection(slot).map(|connection| connection.key) else {
            return;
        };
        match self.searcher.due((key, from), now) {
            Some(until) => {
                let event = Event::Arrive { slot, from, packet };
                self.queue.push(until, event);
            }
            None => self.arrive(now, slot, from, packet),
        }
    }

    /// A segment reaches its target, or finds it dead.
    fn arrive(&mut self, now: u64, slot: SlotId, from: Side, packet: Packet) {
        let Some(connection) = self.connection(slot) else {
            return;
        };
        connection.pending -= 1;
        let target = connection.end(from.peer()).place;
        let behind_a_loss = connection.end(from).lane.is_behind_a_loss(&packet);
        if !self.node(target.node).host_up || behind_a_loss {
            return self.lose(now, slot, from, packet);
        }
        let lane = &mut self.connection(slot).expect("found above").end(from).lane;
        lane.retries = 0;
        lane.in_flight = lane.in_flight.saturating_sub(packet.bytes.len());
        self.report(now, slot, from, &packet);
        match packet.kind {
            Kind::Syn => self.on_syn(now, slot),
            Kind::SynAck => self.on_syn_ack(now, slot),
            Kind::Rst => self.on_rst(slot, from.peer()),
            Kind::Data | Kind::Fin => self.on_data(now, slot, from.peer(), packet),
        }
        self.reap(slot);
    }

    fn report(&mut self, now: u64, slot: SlotId, from: Side, packet: &Packet) {
        let Some(connection) = self.connection(slot) else {
            return;
        };
        let key = connection.key;
        let source = connection.end(from).place.node;
        let target = connection.end(from.peer()).place.node;
        if let Some(observer) = &mut self.observer {
            observer.delivered(&Delivery {
                at_ns: now,
                connection: key,
                from_client: from == Side::Client,
                from: &self.nodes[usize::from(source.0)].name,
                to: &self.nodes[usize::from(target.0)].name,
                labels: &packet.labels,
                kind: packet.kind,
                bytes: &packet.bytes,
            });
        }
    }

    fn on_syn(&mut self, now: u64, slot: SlotId) {
        let Some(connection) = self.connection(slot) else {
            return;
        };
        let (node, port) = (connection.end(Side::Server).place.node, connection.port);
        let node = &mut self.nodes[usize::from(node.0)];
        let incarnation = node.incarnation;
        let Some(backlog) = node.listeners.get_mut(&port) else {
            return self.send_rst(now, slot, Side::Server);
        };
        backlog.waiting.push_back(slot);
        let tap = backlog.tap.map(|tap| tap());
        let acceptor = backlog.acceptor.take();
        self.woken.extend(acceptor);
        if let Some(connection) = self.connection(slot) {
            connection.tap = tap;
            let end = connection.end(Side::Server);
            end.place.incarnation = incarnation;
            end.open = true;
        }
        self.send_new(
            now,
            slot,
            Side::Server,
            Kind::SynAck,
            Bytes::new(),
            Vec::new(),
        );
    }

    fn on_syn_ack(&mut self, now: u64, slot: SlotId) {
        let Some(connection) = self.connection(slot) else {
            return;
        };
        connection.established = true;
        self.stop_connecting(slot);
        let Some(connection) = self.connection(slot) else {
            return;
        };
        let end = connection.end(Side::Client);
        if !end.open {
            return self.send_rst(now, slot, Side::Client);
        }
        let reader = end.reader.take();
        self.woken.extend(reader);
        // The server may have written before its SYN-ACK arrived.
        self.mark_dirty(slot, Side::Server);
    }

    fn on_rst(&mut self, slot: SlotId, side: Side) {
        let Some(connection) = self.connection(slot) else {
            return;
        };
        let error = if connection.established || side == Side::Server {
            ErrorKind::ConnectionReset
        } else {
            ErrorKind::ConnectionRefused
        };
        if side == Side::Client {
            self.stop_connecting(slot);
        }
        self.fail_end(slot, side, error);
    }

    fn on_data(&mut self, now: u64, slot: SlotId, side: Side, packet: Packet) {
        let Some(connection) = self.connection(slot) else {
            return;
        };
        let end = connection.end(side);
        if end.error.is_some() || (!end.open && packet.kind == Kind::Data) {
            return self.send_rst(now, slot, side);
        }
        if packet.kind == Kind::Fin {
            end.finished = true;
        } else {
            end.received += packet.bytes.len();
            end.inbox.push_back(packet.bytes);
        }
        let reader = end.reader.take();
        self.woken.extend(reader);
    }

    /// Sends the SYN, and sets the time by which it must have worked.
    pub(super) fn start_connecting(&mut self, now: u64, slot: SlotId) {
        let at = now.saturating_add(CONNECT_NS);
        let ticket = self.queue.push(at, Event::GiveUp { slot });
        if let Some(connection) = self.connection(slot) {
            connection.give_up = Some(ticket);
            connection.pending += 1;
        }
        self.send_new(now, slot, Side::Client, Kind::Syn, Bytes::new(), Vec::new());
    }

    /// It worked, or it never will.
    fn stop_connecting(&mut self, slot: SlotId) {
        let Some(connection) = self.connection(slot) else {
            return;
        };
        if let Some(ticket) = connection.give_up.take() {
            connection.pending -= 1;
            self.queue.cancel(ticket);
        }
    }

    pub(super) fn give_up(&mut self, slot: SlotId) {
        let Some(connection) = self.connection(slot) else {
            return;
        };
        connection.give_up = None;
        connection.pending -= 1;
        self.fail_end(slot, Side::Client, ErrorKind::TimedOut);
        self.reap(slot);
    }

    pub(super) fn send_rst(&mut self, now: u64, slot: SlotId, from: Side) {
        self.send_new(now, slot, from, Kind::Rst, Bytes::new(), Vec::new());
    }

    /// Something on the way ends the connection for both sides.
    fn connection_reset(&mut self, now: u64, slot: SlotId) {
        for from in [Side::Server, Side::Client] {
            let Some(connection) = self.connection(slot) else {
                return;
            };
            let lane = &mut connection.end(from).lane;
            let packet = lane.next_packet(Kind::Rst, Bytes::new(), Vec::new());
            self.travel(now, slot, from, packet, Duration::ZERO);
        }
    }

    fn fail_end(&mut self, slot: SlotId, side: Side, error: ErrorKind) {
        let (generation, connection) = &mut self.slots[slot.index];
        if *generation == slot.generation
            && let Some(connection) = connection
        {
            connection.end(side).fail(error, &mut self.woken);
        }
    }

    /// A task let go of its socket: what it wrote still goes out, then FIN;
    /// RST if it left something unread.
    pub(super) fn close(&mut self, now: u64, slot: SlotId, side: Side) {
        let Some(connection) = self.connection(slot) else {
            return;
        };
        let connecting = side == Side::Client && !connection.established;
        let end = connection.end(side);
        if !end.open {
            return;
        }
        let unread = !end.inbox.is_empty();
        let failed = end.error.is_some();
        end.close();
        if connecting {
            // Nobody waits for it any more: no more SYNs.
            self.stop_connecting(slot);
            self.fail_end(slot, side, ErrorKind::TimedOut);
        } else if unread && !failed {
            end.outbox.clear();
            self.fail_end(slot, side, ErrorKind::ConnectionReset);
            self.send_rst(now, slot, side);
        } else if !failed {
            end.shutdown = true;
            self.mark_dirty(slot, side);
        }
        // Who waits for room in this end's buffer learns that nobody reads.
        self.mark_dirty(slot, side.peer());
        self.reap(slot);
    }

    /// Nobody will accept this connection.
    pub(super) fn refuse(&mut self, now: u64, slot: SlotId) {
        if let Some(connection) = self.connection(slot) {
            connection.end(Side::Server).close();
            self.fail_end(slot, Side::Server, ErrorKind::ConnectionReset);
            self.send_rst(now, slot, Side::Server);
            self.reap(slot);
        }
    }

    pub(super) fn kill(&mut self, now: u64, node: NodeId, death: Death) {
        let index = usize::from(node.0);
        self.nodes[index].listeners.clear();
        self.nodes[index].clock.forget_watchers();
        let ends = self.ends_on(node);
        for (slot, side) in ends {
            let Some(connection) = self.connection(slot) else {
                continue;
            };
            let end = connection.end(side);
            // A SYN on its way here will find what it finds; and what a task
            // closed before its process died is the host's to bring to an end.
            let unreached = side == Side::Server && end.lane.sent == 0;
            if !end.open && (unreached || death == Death::Process) {
                continue;
            }
            let told = end.open && end.error.is_none();
            end.close();
            if side == Side::Client {
                self.stop_connecting(slot);
            }
            self.fail_end(slot, side, ErrorKind::ConnectionReset);
            if told && death == Death::Process {
                self.send_rst(now, slot, side);
            }
            self.mark_dirty(slot, side.peer());
            self.reap(slot);
        }
        self.nodes[index].incarnation += 1;
        self.nodes[index].host_up = death == Death::Process;
    }

    fn ends_on(&self, node: NodeId) -> Vec<(SlotId, Side)> {
        let mut ends = Vec::new();
        for (index, (generation, connection)) in self.slots.iter().enumerate() {
            let Some(connection) = connection else {
                continue;
            };
            for side in [Side::Client, Side::Server] {
                if connection.ends[side as usize].place.node == node {
                    let generation = *generation;
                    ends.push((SlotId { index, generation }, side));
                }
            }
        }
        ends
    }
}
