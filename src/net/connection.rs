//! The two ends of a connection and what each knows.

use std::collections::VecDeque;
use std::io;
use std::task::Waker;

use bytes::{Buf, BytesMut};

use super::keepalive::Keepalive;
use super::queue::Ticket;
use super::segment::{ClientTap, Kind, Label, Labels, Packet};
use super::slot::Side;
use super::{NodeId, Place};

/// How long connecting may take: 1 + 2 + ... + 64 s, as six repetitions of a
/// SYN take on Linux.
pub(super) const CONNECT_NS: u64 = 127_000_000_000;

/// Connections that may wait for `accept`; tokio asks for as many.
pub(super) const BACKLOG: usize = 1024;

/// The most that a segment carries: an Ethernet frame without its headers.
const SEGMENT_BYTES: usize = 1460;

/// What a segment carries, and what it means.
pub(super) type Load = (Box<[u8]>, Labels);

pub(super) struct Connection {
    /// Hash of (who connected, to where, for the how-manieth time).
    pub(super) key: u64,
    pub(super) port: u16,
    pub(super) established: bool,
    /// The listening side has it too: it waits for `accept`, or did.
    pub(super) queued: bool,
    /// When the connecting end gives up.
    pub(super) give_up: Option<Ticket>,
    pub(super) ends: [End; 2],
    /// Entries of the event queue that name this connection.
    pub(super) pending: usize,
    pub(super) tap: Option<Box<dyn ClientTap>>,
}

impl Connection {
    pub(super) fn end(&mut self, side: Side) -> &mut End {
        &mut self.ends[side as usize]
    }

    /// True when nobody can reach this connection any more.
    pub(super) fn is_over(&self) -> bool {
        self.pending == 0 && self.ends.iter().all(|end| !end.open && !end.dirty)
    }

    /// May `side` put more bytes on the wire?
    pub(super) fn window_open(&self, side: Side, receive_buffer: usize) -> bool {
        let peer = &self.ends[side.peer() as usize];
        !peer.open || self.ends[side as usize].lane.in_flight + peer.inbox.len() < receive_buffer
    }

    fn is_sending(&self, side: Side) -> bool {
        let end = &self.ends[side as usize];
        self.established && end.error.is_none() && !end.lane.is_recovering()
    }

    /// The next bytes that `side` may send, and what they mean.
    pub(super) fn take_segment(&mut self, side: Side, receive_buffer: usize) -> Option<Load> {
        let sends = self.is_sending(side) && self.window_open(side, receive_buffer);
        let end = self.end(side);
        if !sends || end.outbox.is_empty() {
            return None;
        }
        // A copy costs less than to share the buffer and grow another.
        let length = end.outbox.len().min(SEGMENT_BYTES);
        let bytes = Box::from(&end.outbox[..length]);
        skip(&mut end.outbox, length);
        Some((bytes, end.take_labels(length)))
    }

    /// True once, when `side` has sent everything and is to send FIN.
    pub(super) fn take_fin(&mut self, side: Side) -> bool {
        let sends = self.is_sending(side);
        let end = self.end(side);
        let is_due = sends && end.outbox.is_empty() && end.shutdown && !end.fin_sent;
        end.fin_sent |= is_due;
        is_due
    }
}

/// Takes bytes off the front. What follows the last of them begins where they
/// did, so that a buffer that is emptied each time never moves anything.
pub(super) fn skip(buffer: &mut BytesMut, length: usize) {
    match length == buffer.len() {
        true => buffer.clear(),
        false => buffer.advance(length),
    }
}

pub(super) struct End {
    pub(super) place: Place,
    /// A task holds the socket, or will: a backlog counts.
    pub(super) open: bool,
    /// What arrived and was not read yet.
    pub(super) inbox: BytesMut,
    /// The peer's FIN arrived.
    pub(super) finished: bool,
    pub(super) error: Option<io::ErrorKind>,
    /// The task was told of `error`; it is told once.
    pub(super) told: bool,
    /// Closing sends RST at once: `SO_LINGER` with zero.
    pub(super) no_linger: bool,
    /// When the peer's last segment arrived.
    pub(super) heard_ns: u64,
    pub(super) keepalive: Option<Keepalive>,
    /// When it is asked next whether the peer is there.
    pub(super) probe: Option<Ticket>,
    /// Questions that stayed unanswered.
    pub(super) probes: u32,
    pub(super) reader: Option<Waker>,
    pub(super) outbox: BytesMut,
    /// What the bytes from this place in `outbox` on mean.
    pub(super) labels: Vec<(usize, Label)>,
    /// Empty but while a tap says what is written.
    pub(super) tapped: Vec<Label>,
    pub(super) writer: Option<Waker>,
    /// The task asked for FIN; `fin_sent` says that it left.
    pub(super) shutdown: bool,
    pub(super) fin_sent: bool,
    /// On the list of ends that have something to send.
    pub(super) dirty: bool,
    /// Calls of `read` and `write`: they key whether one is cut short.
    pub(super) reads: u64,
    pub(super) writes: u64,
    pub(super) lane: Lane,
}

/// The way from one end to the other.
#[derive(Default)]
pub(super) struct Lane {
    pub(super) sent: u64,
    /// Nothing arrives before what was sent earlier.
    pub(super) last_arrival: u64,
    pub(super) in_flight: usize,
    /// The number that the receiver has not seen yet.
    pub(super) expected: u64,
    /// Delivered, but its sender does not know.
    pub(super) unacknowledged: Option<Packet>,
    /// Lost, and everything sent behind it, waiting for the retransmission.
    pub(super) lost: VecDeque<Packet>,
    /// Time-outs since something was acknowledged.
    pub(super) retries: u32,
    pub(super) retransmit: Option<Ticket>,
}

impl Lane {
    /// Something was sent, and nothing is known of it.
    fn outstanding(&self) -> Option<Kind> {
        let first = self.lost.front().or(self.unacknowledged.as_ref());
        first.map(|packet| packet.kind)
    }

    /// How long to wait before sending again: doubles from 200 ms for data
    /// and 1 s for SYN, up to 2 minutes. None if nothing is outstanding.
    pub(super) fn timeout_ns(&self) -> Option<u64> {
        let first_ms = match self.outstanding()? {
            Kind::Syn | Kind::SynAck => 1_000,
            _ => 200,
        };
        Some((first_ms << self.retries).min(120_000) * 1_000_000)
    }

    /// A time-out has passed: counts it, and says whether it was the last of
    /// as many as Linux waits for.
    pub(super) fn give_up(&mut self) -> bool {
        let tries = match self.outstanding() {
            None => return false,
            Some(Kind::Syn | Kind::SynAck) => 6,
            Some(_) => 15,
        };
        self.retries += 1;
        self.retries > tries
    }

    /// A time-out has passed and nothing was acknowledged since: only what is
    /// outstanding is sent, nothing new.
    pub(super) fn is_recovering(&self) -> bool {
        self.retries > 0
    }

    /// The next segment to be sent.
    pub(super) fn next_packet(&mut self, kind: Kind, bytes: Box<[u8]>, labels: Labels) -> Packet {
        let number = self.sent;
        self.sent += 1;
        self.in_flight += bytes.len();
        Packet {
            kind,
            number,
            attempt: 0,
            left: false,
            bytes,
            labels,
        }
    }

    /// Keeps what was lost in the order in which it was sent.
    pub(super) fn lose(&mut self, packet: Packet) {
        let behind = self
            .lost
            .partition_point(|lost| lost.number < packet.number);
        self.lost.insert(behind, packet);
    }

    /// Something that was sent before this was lost.
    pub(super) fn is_behind_a_loss(&self, packet: &Packet) -> bool {
        let first = self.lost.front();
        packet.kind != Kind::Rst && first.is_some_and(|lost| lost.number < packet.number)
    }
}

impl End {
    pub(super) fn new(node: NodeId, incarnation: u32, open: bool) -> End {
        End {
            place: Place { node, incarnation },
            open,
            inbox: BytesMut::new(),
            finished: false,
            error: None,
            told: false,
            no_linger: false,
            heard_ns: 0,
            keepalive: None,
            probe: None,
            probes: 0,
            reader: None,
            outbox: BytesMut::new(),
            labels: Vec::new(),
            tapped: Vec::new(),
            writer: None,
            shutdown: false,
            fin_sent: false,
            dirty: false,
            reads: 0,
            writes: 0,
            lane: Lane::default(),
        }
    }

    /// What the first `length` bytes that left `outbox` mean.
    fn take_labels(&mut self, length: usize) -> Labels {
        if self.labels.is_empty() {
            return Labels::new();
        }
        // A label behind the last byte is that byte's too.
        let is_all = self.outbox.is_empty();
        let of_these = |(at, _): &(usize, Label)| is_all || *at < length;
        let count = self.labels.partition_point(of_these);
        let mut labels = Labels::new();
        for (_, label) in self.labels.drain(..count) {
            labels.push(label);
        }
        for (at, _) in &mut self.labels {
            *at -= length;
        }
        labels
    }

    /// The connection is gone for this end. What arrived can still be read.
    pub(super) fn fail(&mut self, error: io::ErrorKind, woken: &mut Vec<Waker>) {
        self.error.get_or_insert(error);
        self.outbox.clear();
        self.lane.lost.clear();
        self.lane.unacknowledged = None;
        woken.extend(self.reader.take());
        woken.extend(self.writer.take());
    }

    /// The error that ended the connection, once: Linux hands it to the first
    /// call that asks, and is then as after a FIN.
    pub(super) fn take_error(&mut self) -> Option<io::ErrorKind> {
        let told = std::mem::replace(&mut self.told, self.error.is_some());
        self.error.filter(|_| !told)
    }

    /// Nobody will read or write here again.
    pub(super) fn close(&mut self) {
        self.open = false;
        self.inbox = BytesMut::new();
        self.reader = None;
        self.writer = None;
    }
}
