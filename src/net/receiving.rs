//! What a segment does when it arrives.

use std::io::ErrorKind;

use super::State;
use super::connection::BACKLOG;
use super::queue::Event;
use super::segment::{Delivery, Kind, Packet};
use super::sending::Sent;
use super::slot::{Side, SlotId};

impl State {
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
        let overrun = packet.kind == Kind::Syn && self.backlog_is_full(slot);
        if !self.node(target.node).host_up || behind_a_loss || overrun {
            return self.lose(now, slot, from, packet);
        }
        let connection = self.connection(slot).expect("found above");
        connection.end(from.peer()).heard_ns = now;
        let lane = &mut connection.end(from).lane;
        let is_copy = packet.number < lane.expected;
        if !is_copy {
            lane.expected = packet.number + 1;
            lane.in_flight = lane.in_flight.saturating_sub(packet.bytes.len());
            self.report(now, slot, from, &packet);
        }
        match packet.kind {
            Kind::Syn => self.on_syn(now, slot),
            Kind::SynAck => self.on_syn_ack(now, slot, packet),
            Kind::Ack => self.on_ack(now, slot),
            Kind::Rst => self.on_rst(slot, from.peer()),
            Kind::Data | Kind::Fin => self.on_data(now, slot, from, packet, is_copy),
        }
        self.reap(slot);
    }

    fn report(&mut self, now: u64, slot: SlotId, from: Side, packet: &Packet) {
        let Some(connection) = self.connection(slot).filter(|_| packet.kind != Kind::Ack) else {
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

    /// Nobody accepts what waits already: a SYN on top of that is dropped.
    fn backlog_is_full(&mut self, slot: SlotId) -> bool {
        let Some(connection) = self.connection(slot) else {
            return false;
        };
        let (node, port) = (connection.end(Side::Server).place.node, connection.port);
        let backlog = self.node(node).listeners.get(&port);
        backlog.is_some_and(|backlog| backlog.waiting.len() >= BACKLOG)
    }

    fn on_syn(&mut self, now: u64, slot: SlotId) {
        let Some(connection) = self.connection(slot) else {
            return;
        };
        let (node, port) = (connection.end(Side::Server).place.node, connection.port);
        let node = &self.nodes[usize::from(node.0)];
        let incarnation = node.incarnation;
        let Some(backlog) = node.listeners.get(&port) else {
            self.send_bare(now, slot, Side::Server, Kind::Rst);
            return;
        };
        let tap = backlog.tap.map(|tap| tap());
        if let Some(connection) = self.connection(slot) {
            connection.tap = tap;
            let end = connection.end(Side::Server);
            end.place.incarnation = incarnation;
            end.open = true;
        }
        self.send_bare(now, slot, Side::Server, Kind::SynAck);
    }

    fn on_syn_ack(&mut self, now: u64, slot: SlotId, packet: Packet) {
        let Some(connection) = self.connection(slot) else {
            return;
        };
        connection.established = true;
        self.stop_connecting(slot);
        self.acknowledged(slot, Side::Client);
        let Some(connection) = self.connection(slot) else {
            return;
        };
        let end = connection.end(Side::Client);
        if !end.open {
            self.send_bare(now, slot, Side::Client, Kind::Rst);
            return;
        }
        let reader = end.reader.take();
        self.woken.extend(reader);
        match self.send_bare(now, slot, Side::Client, Kind::Ack) {
            Sent::OnItsWay => self.acknowledged(slot, Side::Server),
            Sent::Lost => self.unacknowledged(now, slot, Side::Server, packet),
        }
    }

    /// The handshake is complete for the listening side too.
    fn on_ack(&mut self, now: u64, slot: SlotId) {
        let Some(connection) = self.connection(slot) else {
            return;
        };
        let (node, port) = (connection.end(Side::Server).place.node, connection.port);
        let end = connection.end(Side::Server);
        if !end.open || end.error.is_some() || std::mem::replace(&mut connection.queued, true) {
            return;
        }
        let node = &mut self.nodes[usize::from(node.0)];
        match node.listeners.get_mut(&port) {
            Some(backlog) => {
                backlog.waiting.push_back(slot);
                let acceptor = backlog.acceptor.take();
                self.woken.extend(acceptor);
            }
            None => self.refuse(now, slot),
        }
    }

    fn on_rst(&mut self, slot: SlotId, side: Side) {
        let Some(connection) = self.connection(slot) else {
            return;
        };
        let established = connection.established;
        let end = connection.end(side);
        let error = if end.finished {
            ErrorKind::BrokenPipe
        } else if established || side == Side::Server {
            ErrorKind::ConnectionReset
        } else {
            ErrorKind::ConnectionRefused
        };
        if side == Side::Client {
            self.stop_connecting(slot);
        }
        self.fail_end(slot, side, error);
    }

    fn on_data(&mut self, now: u64, slot: SlotId, from: Side, packet: Packet, is_copy: bool) {
        let side = from.peer();
        // Data completes a handshake whose last part was lost.
        if side == Side::Server {
            self.on_ack(now, slot);
        }
        let Some(connection) = self.connection(slot) else {
            return;
        };
        let end = connection.end(side);
        if end.error.is_some() || (!end.open && packet.kind == Kind::Data) {
            // A lost RST is asked for again.
            if self.send_bare(now, slot, side, Kind::Rst) == Sent::Lost {
                self.unacknowledged(now, slot, from, packet);
            }
            return;
        }
        let is_known = self.is_acknowledged(now, slot, from, &packet);
        if !is_copy {
            self.take_in(slot, side, &packet);
        }
        match is_known {
            true => self.acknowledged(slot, from),
            false => self.unacknowledged(now, slot, from, packet),
        }
        if !is_copy {
            // It acknowledges whatever went the other way.
            self.acknowledged_by_data(slot, side);
        }
    }

    fn take_in(&mut self, slot: SlotId, side: Side, packet: &Packet) {
        let Some(connection) = self.connection(slot) else {
            return;
        };
        let end = connection.end(side);
        match packet.kind {
            Kind::Fin => end.finished = true,
            _ => end.inbox.extend_from_slice(&packet.bytes),
        }
        let reader = end.reader.take();
        self.woken.extend(reader);
    }
}
