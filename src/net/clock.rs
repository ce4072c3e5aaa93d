//! A node's clocks over the one virtual time.
//!
//! One oscillator drives both, as on a real machine: the monotonic clock
//! counts it, never goes back and never jumps; the wall clock is the same
//! count from the world's date on, less or more an offset that can be set.
//! Drift makes the oscillator fast or slow, and with it every sleep.

use std::task::Waker;
use std::time::Duration;

/// Parts in a million: what drift is measured in.
const MILLION: i64 = 1_000_000;

/// The drifts that a clock can have, in parts per million: down to half
/// speed, up to double speed. Real ones stay within some hundred.
pub const DRIFT_PPM: std::ops::RangeInclusive<i64> = -500_000..=1_000_000;

#[derive(Debug, Default)]
pub(super) struct Clock {
    /// The virtual time since which the drift is what it is.
    since_ns: u64,
    /// What the monotonic clock read then.
    reading_ns: u64,
    drift_ppm: i64,
    wall_offset_ns: i64,
    jumps: u64,
    /// Who waits for the wall clock to jump.
    watchers: Vec<Waker>,
}

impl Clock {
    /// Moves the wall clock; gives back whom to wake for it.
    pub(super) fn jump(&mut self, by_ns: i64) -> Vec<Waker> {
        self.wall_offset_ns = self.wall_offset_ns.saturating_add(by_ns);
        self.jumps += 1;
        std::mem::take(&mut self.watchers)
    }

    /// How often the wall clock has jumped.
    pub(super) fn jumps(&self) -> u64 {
        self.jumps
    }

    /// Wakes this task at the next jump.
    pub(super) fn watch(&mut self, waker: &Waker) {
        if !self.watchers.iter().any(|one| one.will_wake(waker)) {
            self.watchers.push(waker.clone());
        }
    }

    /// Nobody is left who could be woken.
    pub(super) fn forget_watchers(&mut self) {
        self.watchers.clear();
    }

    /// Changes how fast the clocks run, from now on; false if that is how fast
    /// they run. What they read stays.
    pub(super) fn set_drift(&mut self, now_ns: u64, drift_ppm: i64) -> bool {
        let drift_ppm = drift_ppm.clamp(*DRIFT_PPM.start(), *DRIFT_PPM.end());
        if drift_ppm == self.drift_ppm {
            return false;
        }
        self.reading_ns = self.monotonic_ns(now_ns);
        self.since_ns = now_ns;
        self.drift_ppm = drift_ppm;
        true
    }

    /// What the monotonic clock reads at a virtual time.
    pub(super) fn monotonic_ns(&self, virtual_ns: u64) -> u64 {
        let passed = virtual_ns.saturating_sub(self.since_ns);
        let counted = match self.drift_ppm {
            0 => passed,
            _ => scaled(passed, self.speed(), MILLION.unsigned_abs()),
        };
        self.reading_ns.saturating_add(counted)
    }

    /// The first virtual time at which the monotonic clock reads at least
    /// this, if the drift stays as it is.
    pub(super) fn due_ns(&self, reading_ns: u64) -> u64 {
        let missing = reading_ns.saturating_sub(self.reading_ns);
        let takes = match self.drift_ppm {
            0 => missing,
            _ => scaled_up(missing, MILLION.unsigned_abs(), self.speed()),
        };
        self.since_ns.saturating_add(takes)
    }

    pub(super) fn unix_time(&self, virtual_ns: u64, epoch: Duration) -> Duration {
        let base = epoch + Duration::from_nanos(self.monotonic_ns(virtual_ns));
        let offset = Duration::from_nanos(self.wall_offset_ns.unsigned_abs());
        match self.wall_offset_ns < 0 {
            true => base.saturating_sub(offset),
            false => base + offset,
        }
    }

    /// Nanoseconds counted in a million of virtual time.
    fn speed(&self) -> u64 {
        (MILLION + self.drift_ppm).unsigned_abs()
    }
}

fn scaled(ns: u64, times: u64, over: u64) -> u64 {
    let product = u128::from(ns) * u128::from(times);
    u64::try_from(product / u128::from(over)).unwrap_or(u64::MAX)
}

fn scaled_up(ns: u64, times: u64, over: u64) -> u64 {
    let product = u128::from(ns) * u128::from(times);
    u64::try_from(product.div_ceil(u128::from(over))).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_fast_clock_counts_more_and_its_sleeps_end_sooner() {
        let mut clock = Clock::default();
        clock.set_drift(0, 250_000);
        assert_eq!(clock.monotonic_ns(4 * SECOND), 5 * SECOND);
        assert_eq!(clock.due_ns(5 * SECOND), 4 * SECOND);
    }

    #[test]
    fn the_monotonic_clock_never_goes_back_and_a_deadline_is_never_early() {
        let mut clock = Clock::default();
        let mut last = 0;
        let mut now = 0;
        for (step, drift) in (1..).zip([0, -500_000, 1_000_000, 7, -3, 0, 333_333, -1]) {
            clock.set_drift(now, drift);
            assert_eq!(clock.monotonic_ns(now), last, "setting the drift shows");
            for offset in [1, 999, SECOND, SECOND + step] {
                let at = clock.due_ns(last + offset);
                assert!(clock.monotonic_ns(at) >= last + offset);
                assert!(clock.monotonic_ns(at - 1) < last + offset);
            }
            now += SECOND * step + 12_345;
            assert!(clock.monotonic_ns(now) > last);
            last = clock.monotonic_ns(now);
        }
    }

    #[test]
    fn jumps_move_the_wall_clock_alone() {
        let epoch = Duration::from_secs(100);
        let mut clock = Clock::default();
        clock.jump(-(3 * SECOND as i64));
        assert_eq!(clock.unix_time(SECOND, epoch), Duration::from_secs(98));
        clock.jump(30 * SECOND as i64);
        assert_eq!(clock.unix_time(SECOND, epoch), Duration::from_secs(128));
        assert_eq!((clock.monotonic_ns(SECOND), clock.jumps()), (SECOND, 2));
    }
}
