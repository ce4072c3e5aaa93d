//! LISTEN, UNLISTEN and NOTIFY: what a transaction asks for, done in its
//! order when it commits. The same message twice is told once.

use super::Transaction;
use crate::postgres::backends::Notification;
use crate::postgres::engine::Engine;
use crate::postgres::error::{Error, Result, SqlState};

#[derive(Debug)]
pub(super) enum Message {
    Listen(String),
    /// From one channel, or from all.
    Unlisten(Option<String>),
    Notify {
        channel: String,
        payload: String,
    },
}

/// PostgreSQL's limits, in bytes.
const CHANNEL_MAX: usize = 63;
const PAYLOAD_MAX: usize = 7_999;

fn invalid(message: &'static str) -> Error {
    Error::new(SqlState::INVALID_PARAMETER_VALUE, message)
}

impl Transaction {
    pub(in crate::postgres) fn listen(&mut self, channel: &str) {
        self.messages.push(Message::Listen(channel.to_owned()));
    }

    pub(in crate::postgres) fn unlisten(&mut self, channel: Option<&str>) {
        let channel = channel.map(str::to_owned);
        self.messages.push(Message::Unlisten(channel));
    }

    pub(in crate::postgres) fn notify(&mut self, channel: &str, payload: &str) -> Result<()> {
        if channel.is_empty() {
            return Err(invalid("channel name cannot be empty"));
        }
        if channel.len() > CHANNEL_MAX {
            return Err(invalid("channel name too long"));
        }
        if payload.len() > PAYLOAD_MAX {
            return Err(invalid("payload string too long"));
        }
        let told = self.messages.iter().any(|message| {
            matches!(message, Message::Notify { channel: c, payload: p } if c == channel && p == payload)
        });
        if !told {
            self.messages.push(Message::Notify {
                channel: channel.to_owned(),
                payload: payload.to_owned(),
            });
        }
        Ok(())
    }

    /// True if it is to make its session a listener, and there are messages in
    /// the queue that are not known to be committed: a snapshot is taken to
    /// look at them.
    pub(in crate::postgres) fn looks_at_messages(&self, engine: &Engine) -> bool {
        let listen = |message: &Message| matches!(message, Message::Listen(_));
        self.messages.iter().any(listen) && engine.backends.has_unread(self.pid)
    }

    /// Listening changes first: one hears what one's own transaction says.
    pub(super) fn send_messages(&mut self, engine: &mut Engine) {
        let mut notifications = Vec::new();
        for message in self.messages.drain(..) {
            match message {
                Message::Listen(channel) => engine.backends.listen(self.pid, channel),
                Message::Unlisten(channel) => {
                    engine.backends.unlisten(self.pid, channel.as_deref())
                }
                Message::Notify { channel, payload } => notifications.push(Notification {
                    pid: self.pid,
                    channel,
                    payload,
                }),
            }
        }
        for notification in notifications {
            engine.backends.notify(&notification);
        }
    }
}
