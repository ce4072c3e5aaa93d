//! CLIENT PAUSE: commands are held back, and the data stays as it is.
//!
//! Nothing expires and nothing is evicted while clients are paused, or while
//! a failover holds writes back: who takes over shall have what there is. A
//! key past its deadline is hidden, and goes when the pause is over.

use super::keyspace::Keyspace;
use super::wall_clock_ms;
use crate::rt::{self, Instant};

#[derive(Debug, Clone, Copy)]
pub(super) struct Pause {
    pub(super) until: Instant,
    /// Commands that write nothing go on.
    pub(super) writes_only: bool,
}

impl Keyspace {
    /// The pause that holds commands back, if it has not ended.
    pub(super) fn paused(&self) -> Option<Pause> {
        self.pause.filter(|pause| pause.until > rt::now())
    }

    fn fails_over(&self) -> bool {
        self.propagation.replication.failover.is_some()
    }

    /// Whether no key may go by itself.
    pub(super) fn stands_still(&self) -> bool {
        self.paused().is_some() || self.fails_over()
    }

    /// The first instant, in Unix milliseconds, at which one due at `first`
    /// may go. A failover has no end that is known.
    pub(super) fn not_before_pause_ends(&self, first: i64) -> Option<i64> {
        let resumes = self.paused().map_or(i64::MIN, |pause| {
            let left = pause.until.since(rt::now());
            let left = i64::try_from(left.as_millis()).unwrap_or(i64::MAX);
            wall_clock_ms().saturating_add(left).saturating_add(1)
        });
        (!self.fails_over()).then(|| first.max(resumes))
    }
}
