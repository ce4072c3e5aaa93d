//! A node's clocks over the one virtual time.

use std::time::Duration;

/// The monotonic clock runs with virtual time. The wall clock starts where
/// the world does, with an offset of this node's own.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Clock {
    wall_offset_ns: i64,
}

impl Clock {
    pub(super) fn jump(&mut self, by_ns: i64) {
        self.wall_offset_ns = self.wall_offset_ns.saturating_add(by_ns);
    }

    pub(super) fn monotonic(&self, virtual_ns: u64) -> Duration {
        Duration::from_nanos(virtual_ns)
    }

    pub(super) fn unix_time(&self, virtual_ns: u64, epoch: Duration) -> Duration {
        let base = epoch + Duration::from_nanos(virtual_ns);
        let offset = Duration::from_nanos(self.wall_offset_ns.unsigned_abs());
        if self.wall_offset_ns < 0 {
            base.saturating_sub(offset)
        } else {
            base + offset
        }
    }
}
