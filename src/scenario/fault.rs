//! Faults as a scenario writes them.

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::clocks::{Drift, Shift};
use super::units::{Count, Percent, Span};
use crate::named::named;

named! {
    /// What can go wrong. Each kind has a file of its own under `world/faults`.
    pub enum FaultKind: "fault kind" {
        /// A node's process stops and later goes on, as if nothing had been.
        Pause = "pause",
        /// A node goes down and comes back, its memory lost.
        Kill = "kill",
        /// A node dies again and again.
        RestartLoop = "restart-loop",
        /// What a node does takes longer.
        Slow = "slow",
        /// A wall clock is set to another time.
        ClockJump = "clock-jump",
        /// Clocks run too fast or too slow.
        ClockDrift = "clock-drift",
        /// Nodes cannot reach each other.
        Partition = "partition",
        /// Nodes are cut off one by one and let back in another order.
        Swizzle = "swizzle",
        /// An answer is lost and its connection reset.
        LoseAnswer = "lose-answer",
        /// An answer is lost, and a gateway sends its request again.
        Resend = "resend",
        /// Segments take longer.
        Latency = "latency",
        /// Somebody else takes the database's sessions.
        ExhaustConnections = "exhaust-connections",
        /// A replica takes the place of its primary.
        Failover = "failover",
    }
}

impl FaultKind {
    /// It is about the message that triggers it, which is lost.
    pub fn loses_a_message(self) -> bool {
        matches!(self, FaultKind::LoseAnswer | FaultKind::Resend)
    }

    /// False for what happens at once.
    pub fn takes_time(self) -> bool {
        self != FaultKind::ClockJump && !self.loses_a_message()
    }
}

named! {
    /// How a killed node goes down.
    pub enum Down: "way to go down" {
        /// The process dies: its host sends RST.
        Process = "process",
        /// The host dies: silence.
        Host = "host",
    }
}

/// One `[[fault]]`. Which keys a kind takes is checked when the file is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultSpec {
    /// What goes wrong.
    pub kind: Spanned<FaultKind>,
    /// The node that it is about.
    pub node: Option<Spanned<String>>,
    /// The nodes that are cut off one by one.
    pub nodes: Option<Spanned<Vec<Spanned<String>>>>,
    /// One side of a partition or of a slow link.
    pub between: Option<Spanned<Vec<Spanned<String>>>>,
    /// The other side; every other node if it is left out.
    pub and: Option<Spanned<Vec<Spanned<String>>>>,
    /// Only what `between` sends to `and` is cut off.
    pub one_way: Option<Spanned<bool>>,
    /// How a killed node goes down.
    pub down: Option<Spanned<Down>>,
    /// How much longer segments take, or how far a clock jumps: back if it is
    /// negative.
    pub by: Option<Spanned<Shift>>,
    /// How much faster clocks run, slower if it is negative.
    pub rate: Option<Spanned<Drift>>,
    /// How often a node dies, or how many times as long its work takes.
    pub times: Option<Spanned<Count>>,
    /// The time between two deaths, or from one node to the next.
    pub every: Option<Spanned<Span>>,
    /// How many of the database's sessions are taken.
    pub sessions: Option<Spanned<Count>>,
    /// How long it takes until the replica takes over.
    pub after: Option<Spanned<Span>>,
    /// The old primary comes back as a replica of the new one; else it comes
    /// back as it was, and there are two primaries.
    pub rejoins: Option<Spanned<bool>>,
    /// It begins at this time.
    pub at: Option<Spanned<Span>>,
    /// It begins with a message of this label, such as "answer to COMMIT".
    pub on: Option<Spanned<String>>,
    /// Who sends that message; anyone if it is left out.
    pub from: Option<Spanned<String>>,
    /// Who is to receive it; anyone if it is left out.
    pub to: Option<Spanned<String>>,
    /// Which of those messages it is, from 1.
    pub nth: Option<Spanned<Count>>,
    /// How long it lasts; for a restart loop, how long each death does.
    pub lasts: Option<Spanned<Span>>,
    /// How many of 100 plans have it; all if it is left out.
    pub chance: Option<Percent>,
}
