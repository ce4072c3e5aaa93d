//! How connections begin and end.

use std::io::ErrorKind;

use super::connection::CONNECT_NS;
use super::queue::Event;
use super::segment::Kind;
use super::slot::{Side, SlotId};
use super::task::Tasks;
use super::{Death, Network, Node, NodeId, Place, State};

impl Network {
    /// Ends a node's process: every connection and listener, then its tasks,
    /// which are dropped before anything else runs. What they still do to
    /// their sockets is ignored.
    pub fn kill(&self, node: NodeId, death: Death) {
        self.with(|state, now| state.kill(now, node, death));
        Tasks::with(|tasks| tasks.kill(node));
    }

    /// Resets every connection between two nodes, as a firewall does that has
    /// forgotten them: both ends are told, as far as RST gets through.
    pub fn reset(&self, one: NodeId, other: NodeId) {
        self.with(|state, now| {
            for (slot, side) in state.ends_on(one) {
                let peer = |connection: &mut super::Connection| connection.end(side.peer()).place;
                let peer = state.connection(slot).map(peer);
                // Both ends of what a node has with itself are on it.
                let is_second = one == other && side == Side::Server;
                if peer.is_some_and(|place| place.node == other) && !is_second {
                    state.reset(now, slot);
                }
            }
        });
    }
}

impl State {
    pub(super) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[usize::from(id.0)]
    }

    pub(super) fn is_alive(&self, place: Place) -> bool {
        let node = self.node(place.node);
        node.host_up && node.incarnation == place.incarnation
    }

    /// Sends the SYN, and sets the time by which it must have worked.
    pub(super) fn start_connecting(&mut self, now: u64, slot: SlotId) {
        let at = now.saturating_add(CONNECT_NS);
        let ticket = self.queue.push(at, Event::GiveUp { slot });
        if let Some(connection) = self.connection(slot) {
            connection.give_up = Some(ticket);
            connection.pending += 1;
        }
        self.send_bare(now, slot, Side::Client, Kind::Syn);
    }

    /// It worked, or it never will.
    pub(super) fn stop_connecting(&mut self, slot: SlotId) {
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

    pub(super) fn fail_end(&mut self, slot: SlotId, side: Side, error: ErrorKind) {
        let (generation, connection) = &mut self.slots[slot.index];
        if *generation == slot.generation
            && let Some(connection) = connection
        {
            connection.end(side).fail(error, &mut self.woken);
            self.stop_probing(slot, side);
        }
    }

    /// A task let go of its socket: what it wrote still goes out, then FIN;
    /// RST if it left something unread, or wants one.
    pub(super) fn close(&mut self, now: u64, slot: SlotId, side: Side) {
        let Some(connection) = self.connection(slot) else {
            return;
        };
        let connecting = side == Side::Client && !connection.established;
        let end = connection.end(side);
        if !end.open {
            return;
        }
        let aborts = !end.inbox.is_empty() || end.no_linger;
        let failed = end.error.is_some();
        end.close();
        self.stop_probing(slot, side);
        if connecting {
            // Nobody waits for it any more: no more SYNs.
            self.stop_connecting(slot);
            self.fail_end(slot, side, ErrorKind::TimedOut);
        } else if aborts && !failed {
            self.fail_end(slot, side, ErrorKind::ConnectionReset);
            self.send_bare(now, slot, side, Kind::Rst);
        } else if !failed {
            if let Some(connection) = self.connection(slot) {
                connection.end(side).shutdown = true;
            }
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
            self.send_bare(now, slot, Side::Server, Kind::Rst);
            self.reap(slot);
        }
    }

    fn kill(&mut self, now: u64, node: NodeId, death: Death) {
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
                self.send_bare(now, slot, side, Kind::Rst);
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
