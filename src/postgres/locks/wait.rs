//! Waiting for a lock: the future, its guard, and its time limits.

use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::{Pid, WaitId};
use crate::draw::scale;
use crate::postgres::engine::Shared;
use crate::postgres::error::{Error, Result, SqlState};
use crate::rt;

/// How long a session waits for a lock; zero is for ever.
#[derive(Debug, Clone, Copy)]
pub(in crate::postgres) struct WaitLimits {
    pub(in crate::postgres) lock_timeout: Duration,
    pub(in crate::postgres) deadlock_timeout: Duration,
}

/// A place in a queue. Dropped before the grant was seen, it gives the place,
/// or the lock itself, back.
struct Place<'a> {
    shared: &'a Shared,
    id: WaitId,
    done: bool,
}

impl Future for Place<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut engine = self.shared.lock();
        if !engine.locks.poll(self.id, cx.waker()) {
            return Poll::Pending;
        }
        engine.locks.finish(self.id);
        drop(engine);
        self.done = true;
        Poll::Ready(())
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.shared.lock().locks.abandon(self.id);
        }
    }
}

/// How late, in nanoseconds, the timer of a deadlock check can be: of two
/// sessions that begin to wait at the same moment either may look first.
const TIMER_SLACK: Range<u64> = 0..2_000;

/// Waits until the lock is granted. After deadlock_timeout the session looks
/// for a deadlock, once: a cycle that closes later is found by whoever closed
/// it.
pub(in crate::postgres) async fn wait(
    shared: &Shared,
    pid: Pid,
    id: WaitId,
    limits: WaitLimits,
) -> Result<()> {
    let mut place = Place {
        shared,
        id,
        done: false,
    };
    let lock_limit = (!limits.lock_timeout.is_zero()).then_some(limits.lock_timeout);
    let first = lock_limit.map_or(limits.deadlock_timeout, |limit| {
        limit.min(limits.deadlock_timeout)
    });
    if rt::timeout(first, &mut place).await.is_ok() {
        return Ok(());
    }
    if first == limits.deadlock_timeout {
        let late = Duration::from_nanos(scale(rt::random_u64(), TIMER_SLACK));
        if rt::timeout(late, &mut place).await.is_ok() {
            return Ok(());
        }
        if let Some(error) = shared.lock().locks.check_deadlock(pid) {
            return Err(error);
        }
    }
    match lock_limit {
        None => place.await,
        Some(limit) => {
            let rest = limit.saturating_sub(first);
            rt::timeout(rest, &mut place).await.map_err(|_| {
                Error::new(
                    SqlState::LOCK_NOT_AVAILABLE,
                    "canceling statement due to lock timeout",
                )
            })?;
        }
    }
    Ok(())
}
