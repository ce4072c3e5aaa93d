//! What crosses a link, and who may interfere with it.

use std::fmt;
use std::time::Duration;

use bytes::BytesMut;
use smallvec::SmallVec;

/// What some bytes mean to the one who wrote them: "COMMIT", "answer to
/// COMMIT". Faults are aimed at labels; the bytes stay as they are.
pub type Label = &'static str;

/// The part a segment plays in its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Asks for a connection.
    Syn = 1,
    /// Grants it.
    SynAck = 2,
    /// Carries bytes.
    Data = 3,
    /// The sender will send no more.
    Fin = 4,
    /// The connection is gone. Sent once, never repeated.
    Rst = 5,
    /// Acknowledges, and carries nothing else. Rules see it, as what a
    /// one-way partition loses; who observes deliveries does not.
    Ack = 6,
}

impl Kind {
    /// TCP sends it again if it is lost.
    pub(super) fn is_repeated(self) -> bool {
        !matches!(self, Kind::Rst | Kind::Ack)
    }
}

/// A segment as it leaves its sender.
#[derive(Debug)]
pub struct Segment<'a> {
    /// When it leaves, in virtual nanoseconds.
    pub at_ns: u64,
    /// The connection's stable name, hashed.
    pub connection: u64,
    /// The sending node.
    pub from: &'a str,
    /// The receiving node.
    pub to: &'a str,
    /// Its part in the connection.
    pub kind: Kind,
    /// What its bytes mean, in the order written.
    pub labels: &'a [Label],
    /// Its bytes.
    pub bytes: &'a [u8],
    /// How often it was sent before: because it was lost, or because nobody
    /// acknowledged it.
    pub attempt: u64,
}

/// A segment that reached its receiver: what the digest is made of.
#[derive(Debug)]
pub struct Delivery<'a> {
    /// When, in virtual nanoseconds.
    pub at_ns: u64,
    /// The connection's stable name, hashed.
    pub connection: u64,
    /// True from the side that connected, false from the side that listened.
    pub from_client: bool,
    /// The sending node.
    pub from: &'a str,
    /// The receiving node.
    pub to: &'a str,
    /// What its bytes mean.
    pub labels: &'a [Label],
    /// Its part in the connection.
    pub kind: Kind,
    /// Its bytes.
    pub bytes: &'a [u8],
}

/// What is done to a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing.
    Pass,
    /// It takes this much longer.
    Delay(Duration),
    /// It is lost; TCP will send it again.
    Drop,
    /// It is lost and both ends are told that the connection is gone.
    Reset,
}

/// Something between sender and receiver; gone when its guard is dropped.
///
/// Rules are asked in the order in which they were added, and the first answer
/// that is not [`Action::Pass`] is what happens. The rules after it see the
/// segment all the same, retransmissions and bare acknowledgements among them,
/// so that what one counts does not depend on the others. What makes a link
/// slow is no rule but a [delay](super::Network::add_delay), so that it cannot
/// answer before a partition does. Rules run while the network is locked: one
/// that wants to act on the world sends itself a message.
pub trait Rule: Send {
    /// Decides about one segment.
    fn on_segment(&mut self, segment: &Segment<'_>) -> Action;
}

impl<F: FnMut(&Segment<'_>) -> Action + Send> Rule for F {
    fn on_segment(&mut self, segment: &Segment<'_>) -> Action {
        self(segment)
    }
}

/// Reads what one client writes to a server, before the network measures it.
///
/// A server that knows its protocol uses it for two things: to label
/// requests, and to give names that a driver takes from a counter of the
/// whole process the same form in every run.
pub trait ClientTap: Send {
    /// Appends to `out` what is to be sent for `bytes`, and to `labels` what
    /// it means.
    fn pass(&mut self, bytes: &[u8], out: &mut BytesMut, labels: &mut Vec<Label>);
}

/// What a segment means: mostly one thing, or nothing.
pub(super) type Labels = SmallVec<[Label; 1]>;

/// A segment on its way or waiting to be sent again.
pub(super) struct Packet {
    pub(super) kind: Kind,
    /// Counts what one side sends; with `attempt` it keys every draw.
    pub(super) number: u64,
    pub(super) attempt: u32,
    /// It was on the link before; false while it waits behind a loss.
    pub(super) left: bool,
    pub(super) bytes: Box<[u8]>,
    pub(super) labels: Labels,
}

impl Packet {
    /// A segment that is never kept.
    pub(super) fn bare(kind: Kind) -> Packet {
        Packet {
            kind,
            number: 0,
            attempt: 0,
            left: false,
            bytes: Box::default(),
            labels: Labels::new(),
        }
    }
}

impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}#{}", self.kind, self.number)
    }
}
