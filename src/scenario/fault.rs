//! Faults as a scenario writes them.

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::units::{Count, Percent, Span};
use crate::named::named;

named! {
    /// What can go wrong. Each kind has a file of its own under `world/faults`.
    pub enum FaultKind: "fault kind" {
        /// A node's process stops and later goes on, as if nothing had been.
        Pause = "pause",
        /// A node goes down and comes back, its memory lost.
        Kill = "kill",
        /// Nodes cannot reach each other.
        Partition = "partition",
        /// An answer is lost and its connection reset.
        LoseAnswer = "lose-answer",
        /// Segments take longer.
        Latency = "latency",
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
    /// The node that is paused or killed.
    pub node: Option<Spanned<String>>,
    /// One side of a partition or of a slow link.
    pub between: Option<Spanned<Vec<Spanned<String>>>>,
    /// The other side; every other node if it is left out.
    pub and: Option<Spanned<Vec<Spanned<String>>>>,
    /// Only what `between` sends to `and` is cut off.
    pub one_way: Option<Spanned<bool>>,
    /// How a killed node goes down.
    pub down: Option<Spanned<Down>>,
    /// How much longer segments take.
    pub by: Option<Spanned<Span>>,
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
    /// How long it lasts.
    pub lasts: Option<Spanned<Span>>,
    /// How many of 100 plans have it; all if it is left out.
    pub chance: Option<Percent>,
}
