//! Eviction: keys that go because `maxmemory` is reached.
//!
//! As in Redis, the key that goes is the best of a sample, `maxmemory-samples`
//! from every database, kept together with the good ones of earlier samples in
//! a pool of sixteen. Nothing is known of the keys that were not drawn, so a
//! key in use can go: a lock among them. LRU counts whole seconds of the wall
//! clock since the last access; LFU is Redis's logarithmic counter, lowered by
//! one every `lfu-decay-time` minutes.

use bytes::Bytes;

use super::keyspace::{DATABASES, Entry, Keyspace};
use crate::named::named;
use crate::rt;

named! {
    /// Which keys go when `maxmemory` is reached.
    #[derive(Default)]
    pub enum EvictionPolicy: "eviction policy" {
        /// None: what needs memory is refused.
        #[default]
        NoEviction = "noeviction",
        /// The one that was not used for the longest time.
        AllKeysLru = "allkeys-lru",
        /// The one that is used least often.
        AllKeysLfu = "allkeys-lfu",
        /// Any.
        AllKeysRandom = "allkeys-random",
        /// As `allkeys-lru`, of those with a deadline.
        VolatileLru = "volatile-lru",
        /// As `allkeys-lfu`, of those with a deadline.
        VolatileLfu = "volatile-lfu",
        /// Any with a deadline.
        VolatileRandom = "volatile-random",
        /// The one whose deadline is next.
        VolatileTtl = "volatile-ttl",
    }
}

/// Which of the keys of a sample goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Never,
    Lru,
    Lfu,
    Ttl,
    Random,
}

impl EvictionPolicy {
    pub(super) fn order(self) -> Order {
        match self {
            EvictionPolicy::NoEviction => Order::Never,
            EvictionPolicy::AllKeysLru | EvictionPolicy::VolatileLru => Order::Lru,
            EvictionPolicy::AllKeysLfu | EvictionPolicy::VolatileLfu => Order::Lfu,
            EvictionPolicy::AllKeysRandom | EvictionPolicy::VolatileRandom => Order::Random,
            EvictionPolicy::VolatileTtl => Order::Ttl,
        }
    }

    /// Only keys with a deadline go.
    pub(super) fn is_volatile(self) -> bool {
        self.name().starts_with("volatile")
    }
}

/// What CONFIG says about memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Limit {
    /// In bytes; 0 is none.
    pub(super) bytes: usize,
    pub(super) policy: EvictionPolicy,
    pub(super) samples: usize,
    pub(super) lfu_log_factor: u64,
    pub(super) lfu_decay_minutes: i64,
}

/// When and how often a key was used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Usage {
    /// Unix milliseconds.
    at: i64,
    /// Redis's logarithmic counter.
    frequency: u8,
    /// The minute of the last decay.
    decayed: i64,
}

/// What a new key starts with, so that it is not the first to go.
const FREQUENCY_AT_FIRST: u8 = 5;

const MINUTE_MS: i64 = 60_000;

impl Usage {
    pub(super) fn new(now: i64) -> Usage {
        Usage {
            at: now,
            frequency: FREQUENCY_AT_FIRST,
            decayed: now.div_euclid(MINUTE_MS),
        }
    }

    /// Of a key that was not used for so many seconds, or so often.
    pub(super) fn restored(now: i64, idle: Option<i64>, frequency: Option<u8>) -> Usage {
        let idle_ms = idle.unwrap_or(0).saturating_mul(1000);
        Usage {
            at: now.saturating_sub(idle_ms),
            frequency: frequency.unwrap_or(FREQUENCY_AT_FIRST),
            ..Usage::new(now)
        }
    }

    /// Notes an access.
    pub(super) fn touch(&mut self, now: i64, limit: &Limit) {
        if limit.policy.order() == Order::Lfu {
            self.frequency = self.frequency(now, limit);
            self.decayed = now.div_euclid(MINUTE_MS);
            let over = u64::from(self.frequency.saturating_sub(FREQUENCY_AT_FIRST));
            let one_in = over * limit.lfu_log_factor + 1;
            if rt::random_u64().is_multiple_of(one_in) {
                self.frequency = self.frequency.saturating_add(1);
            }
        }
        self.at = now;
    }

    /// Whole seconds without an access.
    pub(super) fn idle_seconds(&self, now: i64) -> i64 {
        (now.div_euclid(1000) - self.at.div_euclid(1000)).max(0)
    }

    /// The counter as it is by now.
    pub(super) fn frequency(&self, now: i64, limit: &Limit) -> u8 {
        if limit.lfu_decay_minutes == 0 {
            return self.frequency;
        }
        let minutes = now.div_euclid(MINUTE_MS) - self.decayed;
        let periods = (minutes / limit.lfu_decay_minutes).clamp(0, 255);
        self.frequency
            .saturating_sub(u8::try_from(periods).unwrap_or(u8::MAX))
    }
}

/// How many candidates are remembered.
const POOL: usize = 16;

#[derive(Debug, Default)]
pub(super) struct Pool {
    /// The good candidates so far, the best last.
    candidates: Vec<(i64, usize, Bytes)>,
    /// Which database had to give a random key last.
    database: usize,
}

impl Pool {
    fn add(&mut self, candidate: (i64, usize, Bytes)) {
        // It may have aged since it was drawn before.
        self.candidates
            .retain(|(_, database, key)| (*database, key) != (candidate.1, &candidate.2));
        let place = self
            .candidates
            .partition_point(|other| other.0 < candidate.0);
        if self.candidates.len() == POOL {
            if place == 0 {
                return;
            }
            self.candidates.remove(0);
            self.candidates.insert(place - 1, candidate);
        } else {
            self.candidates.insert(place, candidate);
        }
    }
}

/// How much a key deserves to go.
fn score(entry: &Entry, limit: &Limit, now: i64) -> i64 {
    match limit.policy.order() {
        Order::Lfu => i64::from(255 - entry.usage.frequency(now, limit)),
        Order::Ttl => i64::MAX - entry.expires_at.unwrap_or(i64::MAX).max(0),
        _ => entry.usage.idle_seconds(now),
    }
}

impl Keyspace {
    /// Evicts until the data fits; false if it does not and nothing more can
    /// go. While nothing may go by itself, it need not fit.
    pub(super) fn make_room(&mut self, now: i64) -> bool {
        if self.limit.bytes > 0 && self.stands_still() {
            return true;
        }
        while self.limit.bytes > 0 && self.used_memory() > self.limit.bytes {
            let victim = match self.limit.policy.order() {
                Order::Never => None,
                Order::Random => self.random_victim(),
                _ => self.best_victim(now),
            };
            let Some((database, key)) = victim else {
                return false;
            };
            self.evict(database, &key);
        }
        true
    }

    /// Of one database after the other.
    fn random_victim(&mut self) -> Option<(usize, Bytes)> {
        (0..DATABASES).find_map(|_| {
            self.pool.database = (self.pool.database + 1) % DATABASES;
            let database = self.pool.database;
            let key = self.draw_key(database, self.limit.policy.is_volatile())?;
            Some((database, key))
        })
    }

    fn best_victim(&mut self, now: i64) -> Option<(usize, Bytes)> {
        let limit = self.limit;
        for database in 0..DATABASES {
            for _ in 0..limit.samples {
                let Some(key) = self.draw_key(database, limit.policy.is_volatile()) else {
                    break;
                };
                if let Some(entry) = self.entry(database, &key) {
                    let candidate = (score(entry, &limit, now), database, key);
                    self.pool.add(candidate);
                }
            }
        }
        // What was a candidate may be gone, or no longer be one.
        while let Some((_, database, key)) = self.pool.candidates.pop() {
            let entry = self.entry(database, &key);
            if entry.is_some_and(|entry| !limit.policy.is_volatile() || entry.expires_at.is_some())
            {
                return Some((database, key));
            }
        }
        None
    }
}
