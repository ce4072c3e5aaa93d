//! What is said of a statement, or of a session, that somebody else ends: a
//! cancel, a time-out, an administrator, a crash, a standby's replay.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use futures_util::future::{Either, select};

use super::backends::Interrupt;
use super::engine::{Shared, crashed};
use super::error::{Error, Result, SqlState};
use super::locks::Pid;
use crate::rt;

/// Runs something until it is done or the session is interrupted. It is
/// pinned by the caller: a statement is too large to be moved about.
pub(super) async fn interruptible<T>(
    shared: &Shared,
    pid: Pid,
    timeout: Duration,
    work: Pin<&mut impl Future<Output = Result<T>>>,
) -> Result<T> {
    let interrupted = pin!(interrupted(shared, pid, timeout));
    match select(work, interrupted).await {
        Either::Left((result, _)) => result,
        Either::Right((error, _)) => Err(error),
    }
}

/// Ends when the statement is to be given up, and says why.
async fn interrupted(shared: &Shared, pid: Pid, timeout: Duration) -> Error {
    let interrupt = poll_fn(|cx| {
        let interrupt = shared.lock().backends.poll_interrupt(pid, cx.waker());
        interrupt.map_or(Poll::Pending, Poll::Ready)
    });
    let interrupt = if timeout.is_zero() {
        Some(interrupt.await)
    } else {
        rt::timeout(timeout, interrupt).await.ok()
    };
    let canceled = |why| Error::new(SqlState::QUERY_CANCELED, why);
    match interrupt {
        Some(Interrupt::Conflict) => Error::new(
            SqlState::SERIALIZATION_FAILURE,
            "canceling statement due to conflict with recovery",
        )
        .detail(CONFLICT),
        Some(Interrupt::Cancel) => canceled("canceling statement due to user request"),
        Some(ends @ (Interrupt::Terminate | Interrupt::Crash)) => ended_by(ends),
        None => canceled("canceling statement due to statement timeout"),
    }
}

/// What stands in the way of replay.
const CONFLICT: &str = "User was holding a relation lock for too long.";

/// The error that ends a session from outside.
pub(super) fn ended_by(interrupt: Interrupt) -> Error {
    match interrupt {
        Interrupt::Crash => crashed(),
        Interrupt::Conflict => Error::new(
            SqlState::SERIALIZATION_FAILURE,
            "terminating connection due to conflict with recovery",
        )
        .detail(CONFLICT)
        .hint(
            "In a moment you should be able to reconnect to the database and repeat your command.",
        )
        .fatal(),
        Interrupt::Cancel | Interrupt::Terminate => Error::new(
            SqlState::ADMIN_SHUTDOWN,
            "terminating connection due to administrator command",
        )
        .fatal(),
    }
}
