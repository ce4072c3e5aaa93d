//! What happened in one run, as typed events in order, and its digest.
//!
//! Two kinds of witness write here. Buyers say what they asked for and what
//! they were told: invoke, ok (placed), fail (definitely not placed), info
//! (nobody knows), as Jepsen has them. The servers say what is true: commits
//! in order, locks taken, released and expired. Checks read nothing else.

mod digest;
mod event;
mod holders;
mod lost;
mod told;

use std::sync::Arc;

use parking_lot::Mutex;

pub use digest::{Checkpoint, Digest};
pub use event::{Entry, Event};
pub use holders::{Lapse, Tenure, TwoHolders, two_holders};
pub use told::Told;

use crate::net::{Delivery, Drawn, Observer};

/// The history of a run, complete.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// Units in stock at the start.
    pub initial_units: i64,
    /// How many Redis servers have to grant a lock before it is held.
    pub lock_quorum: usize,
    /// What happened, in order.
    pub entries: Vec<Entry>,
    /// What the network carried that had a label, if it was asked to be kept.
    pub messages: Vec<Message>,
    /// What the network drew for each segment, if it was asked to be kept.
    pub drawn: Vec<Drawn>,
    /// Stands for every event and every delivery of the run.
    pub digest: Digest,
}

/// A labelled segment that arrived: for telling the story, not for checks.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// When, in virtual nanoseconds.
    pub at_ns: u64,
    /// Who sent it.
    pub from: String,
    /// Who received it.
    pub to: String,
    /// What it means.
    pub label: &'static str,
}

/// Writes a history while the run goes on. Handles share one history.
#[derive(Clone)]
pub struct Recorder(Arc<Mutex<Recording>>);

struct Recording {
    entries: Vec<Entry>,
    messages: Option<Vec<Message>>,
    digest: Digest,
    buffer: Vec<u8>,
}

impl Recorder {
    /// An empty history. Messages are kept only if `keep_messages`; the
    /// digest is the same either way.
    pub fn new(keep_messages: bool) -> Recorder {
        Recorder(Arc::new(Mutex::new(Recording {
            entries: Vec::new(),
            messages: keep_messages.then(Vec::new),
            digest: Digest::default(),
            buffer: Vec::with_capacity(256),
        })))
    }

    /// Adds an event that happened at `at_ns`.
    pub fn record(&self, at_ns: u64, event: Event) {
        let recording = &mut *self.0.lock();
        recording.buffer.clear();
        event.encode(&mut recording.buffer);
        recording.digest.event(at_ns, &recording.buffer);
        recording.entries.push(Entry { at_ns, event });
    }

    /// The orders, with their keys, that the latest transaction of this number
    /// and session committed.
    pub fn orders_of(&self, xid: u64, session: u64) -> Vec<(String, String)> {
        let recording = self.0.lock();
        let of_xid = |entry: &Entry| match &entry.event {
            Event::OrderCommitted {
                order,
                key,
                xid: its_xid,
                session: its_session,
                ..
            } if (*its_xid, *its_session) == (xid, session) => {
                Some((entry.at_ns, (order.clone(), key.clone())))
            }
            _ => None,
        };
        let mut committed = recording.entries.iter().rev().filter_map(of_xid).peekable();
        let latest_ns = committed.peek().map(|(at_ns, _)| *at_ns);
        let latest = committed.take_while(|(at_ns, _)| Some(*at_ns) == latest_ns);
        latest.map(|(_, order)| order).collect()
    }

    /// The history so far, taken out.
    pub fn finish(&self, initial_units: i64) -> History {
        let recording = &mut *self.0.lock();
        History {
            initial_units,
            lock_quorum: 1,
            entries: std::mem::take(&mut recording.entries),
            messages: recording.messages.take().unwrap_or_default(),
            drawn: Vec::new(),
            digest: std::mem::take(&mut recording.digest),
        }
    }
}

impl Observer for Recorder {
    fn delivered(&mut self, delivery: &Delivery<'_>) {
        let recording = &mut *self.0.lock();
        recording.digest.delivery(delivery);
        if let Some(messages) = &mut recording.messages {
            messages.extend(delivery.labels.iter().map(|label| Message {
                at_ns: delivery.at_ns,
                from: delivery.from.to_owned(),
                to: delivery.to.to_owned(),
                label,
            }));
        }
    }
}
