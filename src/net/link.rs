//! Links: how what one node sends to another travels, one direction each.
//!
//! A segment waits until the link is free, takes as long as its bits take,
//! then travels its latency. It may be lost on the way, or sent twice: TCP
//! hides the second one, and its bits have cost their time. Every choice is
//! drawn by (seed, connection, direction, segment number, attempt, concern),
//! in integers, so that whatever is added or taken out elsewhere leaves it as
//! it was. Bandwidth is shared by the connections of a link, as it is outside.

use std::time::Duration;

use super::queue::Event;
use super::slot::Side;
use super::{Network, NodeId};
use crate::draw;

/// How long a segment travels, one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Latency {
    /// From `min_ns` up to and without `max_ns`, each as likely; always
    /// `min_ns` if `max_ns` is not above it.
    Uniform {
        /// The shortest, in nanoseconds.
        min_ns: u64,
        /// The longest, in nanoseconds.
        max_ns: u64,
    },
    /// Exponential above a shortest time, with a heavy tail: of the excess
    /// over it, one in a hundred is drawn ten times as long.
    Exponential {
        /// The shortest, in nanoseconds.
        min_ns: u64,
        /// The mean, tail and all, in nanoseconds; not below `min_ns`.
        mean_ns: u64,
    },
}

impl Latency {
    /// Machines of one rack.
    pub const LAN: Latency = Latency::exponential_us(20, 50);
    /// Machines of one zone of a cloud.
    pub const SAME_ZONE: Latency = Latency::exponential_us(100, 250);
    /// Machines of two regions of one continent and the next.
    pub const CROSS_REGION: Latency = Latency::exponential_us(30_000, 32_000);

    /// Always the same.
    pub const fn fixed(ns: u64) -> Latency {
        Latency::Uniform {
            min_ns: ns,
            max_ns: ns,
        }
    }

    const fn exponential_us(min_us: u64, mean_us: u64) -> Latency {
        Latency::Exponential {
            min_ns: min_us * 1_000,
            mean_ns: mean_us * 1_000,
        }
    }

    /// The latency that two random words stand for.
    fn draw(self, word: u64, tail: impl FnOnce() -> u64) -> u64 {
        match self {
            Latency::Uniform { min_ns, max_ns } => draw::scale(word, min_ns..max_ns),
            Latency::Exponential { min_ns, mean_ns } => {
                // 99 parts of one length and 1 of ten: 109 hundredths.
                let usual_ns = mean_ns.saturating_sub(min_ns) / 109 * 100;
                let is_tail = draw::scale(tail(), 0..100) == 0;
                let scale_ns = if is_tail { usual_ns * 10 } else { usual_ns };
                min_ns.saturating_add(draw::exponential(word, scale_ns))
            }
        }
    }
}

/// How often something happens, in a million.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PerMillion(pub u32);

impl PerMillion {
    pub(super) fn holds(self, word: impl FnOnce() -> u64) -> bool {
        self.0 > 0 && draw::scale(word(), 0..1_000_000) < u64::from(self.0)
    }
}

/// How much fits through a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bandwidth {
    /// Bits a second.
    pub bits_per_s: u64,
    /// Bytes that may wait for the link; what comes on top is dropped. A
    /// segment that finds nobody waiting always fits.
    pub queue_bytes: u64,
}

/// One direction between two nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// How long a segment travels.
    pub latency: Latency,
    /// How many segments do not arrive.
    pub loss: PerMillion,
    /// How many segments arrive twice.
    pub duplicates: PerMillion,
    /// What fits through; anything if None.
    pub bandwidth: Option<Bandwidth>,
}

impl Link {
    /// Nothing lost, no limit.
    pub const fn of(latency: Latency) -> Link {
        Link {
            latency,
            loss: PerMillion(0),
            duplicates: PerMillion(0),
            bandwidth: None,
        }
    }
}

impl Default for Link {
    fn default() -> Link {
        Link::of(Latency::Uniform {
            min_ns: 100_000,
            max_ns: 500_000,
        })
    }
}

/// What a draw decides; part of its key.
#[derive(Clone, Copy)]
#[repr(u8)]
pub(super) enum Concern {
    Latency = 0,
    Tail = 1,
    Loss = 2,
    Duplicate = 3,
    Read = 4,
    Write = 5,
    Acknowledgement = 6,
    Probe = 7,
}

/// What names the draws of one segment.
#[derive(Clone, Copy)]
pub(super) struct Key {
    pub(super) seed: u64,
    pub(super) connection: u64,
    pub(super) side: Side,
    pub(super) number: u64,
    pub(super) attempt: u64,
}

impl Key {
    /// The key of what happens for the `number`th time.
    pub(super) fn of(seed: u64, connection: u64, side: Side, number: u64) -> Key {
        Key {
            seed,
            connection,
            side,
            number,
            attempt: 0,
        }
    }

    pub(super) fn word(self, concern: Concern) -> u64 {
        let what = self.side as u64 | (concern as u64) << 8;
        draw::hash(
            self.seed,
            [self.connection, what, self.number, self.attempt],
        )
    }
}

/// How much of `length` bytes one read or write gets.
pub(super) fn part(partial: PerMillion, length: usize, word: impl Fn() -> u64) -> usize {
    if length < 2 || partial.0 == 0 {
        return length;
    }
    // One word says whether, and its low half how much.
    let word = word();
    match partial.holds(|| word) {
        true => {
            let bytes = draw::scale(word.rotate_left(32), 1..length as u64);
            usize::try_from(bytes).unwrap_or(length)
        }
        false => length,
    }
}

/// IPv4 and TCP, without options.
const HEADER_BYTES: u64 = 40;

/// A link in use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wire {
    pub(super) link: Link,
    /// Faults that make it slower add up here.
    pub(super) delay: Duration,
    /// When the last bit of what waits has left.
    free_at: u64,
}

impl Wire {
    pub(super) fn new(link: Link) -> Wire {
        Wire {
            link,
            delay: Duration::ZERO,
            free_at: 0,
        }
    }

    /// When the last bit of a segment of `length` bytes has left, and how long
    /// it then travels by the link alone; None if it is lost.
    pub(super) fn travel(&mut self, now: u64, length: usize, key: Key) -> Option<(u64, u64)> {
        let left_at = self.occupy(now, length)?;
        let link = self.link;
        if link.loss.holds(|| key.word(Concern::Loss)) {
            return None;
        }
        if link.duplicates.holds(|| key.word(Concern::Duplicate)) {
            // A copy that does not fit any more is one that nobody misses.
            let _copy = self.occupy(now, length);
        }
        let word = key.word(Concern::Latency);
        let latency_ns = link.latency.draw(word, || key.word(Concern::Tail));
        Some((left_at, latency_ns))
    }

    /// Takes its turn on the link; None if the queue is full.
    fn occupy(&mut self, now: u64, length: usize) -> Option<u64> {
        let Some(bandwidth) = self.link.bandwidth else {
            return Some(now);
        };
        let bits_per_s = u128::from(bandwidth.bits_per_s.max(1));
        let waits_ns = u128::from(self.free_at.saturating_sub(now));
        let waiting_bytes = waits_ns * bits_per_s / 8_000_000_000;
        let bytes = u128::from(HEADER_BYTES + length as u64);
        if waits_ns > 0 && waiting_bytes + bytes > u128::from(bandwidth.queue_bytes) {
            return None;
        }
        let takes_ns = bytes * 8_000_000_000 / bits_per_s;
        let takes_ns = u64::try_from(takes_ns).unwrap_or(u64::MAX);
        self.free_at = self.free_at.max(now).saturating_add(takes_ns);
        Some(self.free_at)
    }
}

impl Network {
    /// From now on this is how what `from` sends travels to `to`. What is on
    /// its way already arrives when it would have.
    pub fn set_link(&self, from: NodeId, to: NodeId, link: Link) {
        self.0.state.lock().wire(from, to).link = link;
    }

    /// As [`set_link`](Network::set_link), at this virtual time.
    pub fn set_link_at(&self, at_ns: u64, from: NodeId, to: NodeId, link: Link) {
        self.with(|state, _| state.queue.push(at_ns, Event::SetLink { from, to, link }));
    }

    /// Has whatever these nodes send to those, from the first of each pair to
    /// the second, travel so much longer. Delays add up.
    pub fn add_delay(&self, pairs: Vec<(NodeId, NodeId)>, by: Duration) -> DelayGuard {
        let mut state = self.0.state.lock();
        for &(from, to) in &pairs {
            state.wire(from, to).delay += by;
        }
        DelayGuard {
            network: self.clone(),
            pairs,
            by,
        }
    }
}

/// Takes a delay away when dropped.
#[must_use = "the delay is gone when its guard is dropped"]
#[derive(Debug)]
pub struct DelayGuard {
    network: Network,
    pairs: Vec<(NodeId, NodeId)>,
    by: Duration,
}

impl Drop for DelayGuard {
    fn drop(&mut self) {
        let mut state = self.network.0.state.lock();
        for &(from, to) in &self.pairs {
            state.wire(from, to).delay -= self.by;
        }
    }
}
