//! What the server knows about one connected client.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;
use tokio::sync::Notify;

use super::blocked::Ticket;
use super::replication::Announced;
use super::reply::{Reply, Resp};
use super::transaction::Transaction;
use crate::rt::{Instant, Label};

/// The number of a connection, never used twice by one server.
pub(super) type ClientId = u64;

/// Names in the order in which they came.
pub(super) type Names = IndexSet<Bytes, FxBuildHasher>;

/// A connection's state between commands.
#[derive(Debug, Default)]
pub(super) struct Client {
    pub(super) id: ClientId,
    pub(super) name: Bytes,
    /// Both ends of its connection, as CLIENT LIST shows them.
    pub(super) address: Arc<str>,
    pub(super) local_address: String,
    pub(super) database: usize,
    pub(super) resp: Resp,
    /// Gave the password, or needed none when it came.
    pub(super) authenticated: bool,
    /// Whom it is known as; none is the default user.
    pub(super) user: Option<Bytes>,
    /// Its command must answer at once, as in a script or a transaction.
    pub(super) deny_blocking: bool,
    /// The commands since MULTI.
    pub(super) transaction: Option<Transaction>,
    /// How many commands its EXEC has, while that is under way.
    pub(super) executing: Option<usize>,
    pub(super) channels: Names,
    pub(super) patterns: Names,
    pub(super) shard_channels: Names,
    pub(super) replies: Replies,
    pub(super) no_evict: bool,
    /// It waits for a key.
    pub(super) blocked: Option<Waiting>,
    /// A pause or a failover holds its command back.
    pub(super) postponed: bool,
    /// To be closed once it has read its replies.
    pub(super) closing: bool,
    /// To be closed now.
    pub(super) killed: bool,
    /// How much it has sent that has not run yet, the running command among it.
    pub(super) unread: usize,
    /// Written, and not yet sent.
    pub(super) output: BytesMut,
    /// What [`output`](Client::output) consists of.
    pub(super) labels: Vec<Label>,
    /// Wakes the connection's task to look at its client again.
    pub(super) wake: Arc<Notify>,
    /// What it said of itself, should it be a replica.
    pub(super) announced: Box<Announced>,
    /// The offset of the stream after its last command: what WAIT waits for.
    pub(super) write_offset: u64,
    /// Unix milliseconds of its coming, and of its last command or what was
    /// last sent to it.
    pub(super) connected_at: i64,
    pub(super) active_at: i64,
    /// The name of its last command.
    pub(super) last_command: Option<&'static str>,
}

/// A client's place among those who wait for a key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waiting {
    pub(super) ticket: Ticket,
    /// When it gives up; none is never.
    pub(super) until: Option<Instant>,
}

/// What CLIENT REPLY asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Replies {
    #[default]
    On,
    Off,
    /// The next command's is left out.
    SkipNext,
    /// This command's is left out.
    Skip,
}

/// What a client is sent without having asked.
#[derive(Debug, Clone)]
pub(super) enum Push {
    Message(Reply),
    /// The parts of a push that RESP2 has nothing like.
    OnlyV3(Vec<Reply>),
    /// Keys that changed. In RESP2, whom another client redirects to gets them
    /// as a message if it subscribes to anything.
    Invalid {
        keys: Reply,
        redirected: bool,
    },
}

impl Client {
    /// What is sent, if anything is.
    pub(super) fn form_of(&self, push: Push) -> Option<Reply> {
        let is_v3 = self.resp == Resp::V3;
        match push {
            Push::Message(message) => Some(message),
            Push::OnlyV3(parts) => is_v3.then_some(Reply::Push(parts)),
            Push::Invalid { keys, .. } if is_v3 => {
                Some(Reply::Push(vec![Reply::bulk("invalidate"), keys]))
            }
            Push::Invalid { keys, redirected } => {
                let channel = Reply::bulk("__redis__:invalidate");
                let message = Reply::Push(vec![Reply::bulk("message"), channel, keys]);
                (redirected && self.subscribes()).then_some(message)
            }
        }
    }

    /// Writes the reply to a command.
    pub(super) fn answer(&mut self, reply: &Reply, label: Label) {
        match self.replies {
            Replies::On => self.write(reply, label),
            Replies::SkipNext => self.replies = Replies::Skip,
            Replies::Skip => {
                self.replies = Replies::On;
                self.write_pushes_of(reply, label);
            }
            Replies::Off => self.write_pushes_of(reply, label),
        }
    }

    /// Who wants no replies still gets what is pushed, confirmations of
    /// SUBSCRIBE among it.
    fn write_pushes_of(&mut self, reply: &Reply, label: Label) {
        match reply {
            Reply::Push(_) => self.write(reply, label),
            Reply::Several(replies) | Reply::Array(replies) => {
                for reply in replies {
                    self.write_pushes_of(reply, label);
                }
            }
            _ => {}
        }
    }

    /// Writes what was not asked for, such as a published message.
    pub(super) fn push(&mut self, message: &Reply, label: Label) {
        self.write(message, label);
        self.wake.notify_one();
    }

    /// Writes what is no reply, such as the stream that a replica follows.
    pub(super) fn send(&mut self, bytes: &[u8], label: Label) {
        self.output.extend_from_slice(bytes);
        self.labels.push(label);
        self.wake.notify_one();
    }

    fn write(&mut self, reply: &Reply, label: Label) {
        let before = self.output.len();
        reply.encode(self.resp, &mut self.output);
        if self.output.len() > before {
            self.labels.push(label);
        }
    }

    /// Whether it waits for anything, as INFO counts.
    pub(super) fn waits(&self) -> bool {
        self.blocked.is_some() || self.postponed
    }

    /// Ends its connection, whatever it is doing.
    pub(super) fn kill(&mut self) {
        self.killed = true;
        self.wake.notify_one();
    }

    /// How many channels and patterns it listens to, as SUBSCRIBE counts.
    pub(super) fn subscriptions(&self) -> usize {
        self.channels.len() + self.patterns.len()
    }

    /// Whether it is in the mode that RESP2 clients enter by subscribing.
    pub(super) fn subscribes(&self) -> bool {
        self.subscriptions() + self.shard_channels.len() > 0
    }
}
