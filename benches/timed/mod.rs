//! How long some work takes: in CPU time of the process, so that what else
//! the machine does in the meantime does not count.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// The CPU time of `work`.
pub fn timed(work: impl FnOnce()) -> Duration {
    let start = used();
    work();
    used() - start
}

fn used() -> Duration {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(used).expect("no less than nothing")
}
