//! Keepalive: a socket that has heard nothing for a while asks whether its
//! peer is still there, and gives up when several questions stay unanswered.
//!
//! Off unless a socket asks for it, as on Linux. A question and its answer
//! are no events of their own: rules and links decide about both when it is
//! asked.

use std::io::ErrorKind;
use std::time::Duration;

use super::State;
use super::link::{Concern, Key};
use super::queue::Event;
use super::segment::{Action, Kind, Packet};
use super::slot::{Side, SlotId};

/// When a socket asks whether its peer is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keepalive {
    /// After so long without a word from the peer: `TCP_KEEPIDLE`.
    pub idle: Duration,
    /// Then again after each of these: `TCP_KEEPINTVL`.
    pub interval: Duration,
    /// So often, before the connection times out: `TCP_KEEPCNT`.
    pub probes: u32,
}

impl Keepalive {
    fn idle_ns(self) -> u64 {
        u64::try_from(self.idle.as_nanos()).unwrap_or(u64::MAX)
    }

    fn interval_ns(self) -> u64 {
        u64::try_from(self.interval.as_nanos()).unwrap_or(u64::MAX)
    }
}

/// What became of a question.
enum Probe {
    Answered,
    /// The peer's host is up and knows nothing of the connection.
    Unknown,
    Silence,
}

impl State {
    /// Sets or clears the keepalive of one end.
    pub(super) fn set_keepalive(
        &mut self,
        now: u64,
        slot: SlotId,
        side: Side,
        keepalive: Option<Keepalive>,
    ) {
        self.stop_probing(slot, side);
        if let Some(connection) = self.connection(slot)
            && let Some(keepalive) = keepalive
        {
            let end = connection.end(side);
            end.keepalive = Some(keepalive);
            let at = end.heard_ns.max(now).saturating_add(keepalive.idle_ns());
            self.probe_at(at, slot, side);
        }
    }

    pub(super) fn stop_probing(&mut self, slot: SlotId, side: Side) {
        let Some(connection) = self.connection(slot) else {
            return;
        };
        let end = connection.end(side);
        end.keepalive = None;
        if let Some(ticket) = end.probe.take() {
            connection.pending -= 1;
            self.queue.cancel(ticket);
        }
    }

    fn probe_at(&mut self, at: u64, slot: SlotId, side: Side) {
        let ticket = self.queue.push(at, Event::Probe { slot, side });
        if let Some(connection) = self.connection(slot) {
            connection.end(side).probe = Some(ticket);
            connection.pending += 1;
        }
    }

    /// It is time to ask, if nothing was heard meanwhile.
    pub(super) fn probe(&mut self, now: u64, slot: SlotId, side: Side) {
        let Some(connection) = self.connection(slot) else {
            return;
        };
        connection.pending -= 1;
        let end = connection.end(side);
        end.probe = None;
        let Some(keepalive) = end.keepalive else {
            return self.reap(slot);
        };
        let idle_until = end.heard_ns.saturating_add(keepalive.idle_ns());
        if idle_until > now {
            end.probes = 0;
            return self.probe_at(idle_until, slot, side);
        }
        // What is sent again asks the same question.
        if end.lane.is_recovering() {
            return self.probe_at(now.saturating_add(keepalive.idle_ns()), slot, side);
        }
        if end.probes >= keepalive.probes {
            self.fail_end(slot, side, ErrorKind::TimedOut);
            self.send_bare(now, slot, side, Kind::Rst);
            return self.reap(slot);
        }
        end.probes += 1;
        match self.ask(now, slot, side) {
            Probe::Answered => {
                if let Some(connection) = self.connection(slot) {
                    connection.end(side).heard_ns = now;
                    connection.end(side).probes = 0;
                }
                self.probe_at(now.saturating_add(keepalive.idle_ns()), slot, side);
            }
            Probe::Unknown => {
                self.send_bare(now, slot, side.peer(), Kind::Rst);
                self.probe_at(now.saturating_add(keepalive.interval_ns()), slot, side);
            }
            Probe::Silence => {
                self.probe_at(now.saturating_add(keepalive.interval_ns()), slot, side);
            }
        }
    }

    fn ask(&mut self, now: u64, slot: SlotId, side: Side) -> Probe {
        let seed = self.options.seed;
        let Some(connection) = self.connection(slot) else {
            return Probe::Silence;
        };
        let (asks, answers) = (connection.end(side).place, connection.end(side.peer()));
        let is_known = answers.error.is_none();
        let answers = answers.place;
        let name = connection.key;
        let key = Key::of(seed, name, side, now);
        let is_lost = |state: &mut State, from, to, concern| {
            let wire = state.wire(from, to);
            let lost = wire.link.loss.holds(|| key.word(concern));
            let verdict = state.judge(now, name, [from, to], &Packet::bare(Kind::Ack));
            lost || matches!(verdict, Action::Drop | Action::Reset)
        };
        if is_lost(self, asks.node, answers.node, Concern::Probe)
            || !self.node(answers.node).host_up
        {
            Probe::Silence
        } else if !is_known {
            Probe::Unknown
        } else if is_lost(self, answers.node, asks.node, Concern::Acknowledgement) {
            Probe::Silence
        } else {
            Probe::Answered
        }
    }
}
