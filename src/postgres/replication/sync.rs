//! Synchronous replication: a commit that waits for a standby.
//!
//! It is safe here by then, and not yet visible. Whoever gives up waiting
//! learns that it is committed all the same, with a warning.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use futures_util::future::{Either, select};

use crate::postgres::backends::Interrupt;
use crate::postgres::engine::Shared;
use crate::postgres::error::{Error, SqlState};
use crate::postgres::locks::Pid;
use crate::postgres::options::SynchronousCommit;
use crate::postgres::wal::Lsn;

/// Waits until a synchronous standby is as far as `level` asks for, if the
/// server wants one. A warning says that the wait was given up.
pub(in crate::postgres) async fn wait_for_standby(
    shared: &Shared,
    pid: Pid,
    lsn: Lsn,
    level: SynchronousCommit,
) -> Option<Error> {
    let names = &shared.options.replication.synchronous_standby_names;
    if level <= SynchronousCommit::Local || names.is_empty() {
        return None;
    }
    let replication = &shared.replication;
    let confirmed = pin!(replication.until(|| replication.confirms(lsn, level)));
    let interrupted = poll_fn(|cx| {
        let interrupt = shared.lock().backends.poll_interrupt(pid, cx.waker());
        interrupt.map_or(Poll::Pending, Poll::Ready)
    });
    match select(confirmed, interrupted).await {
        Either::Left(_) => None,
        Either::Right((interrupt, _)) => Some(given_up(interrupt)),
    }
}

fn given_up(interrupt: Interrupt) -> Error {
    let (code, why, ends) = match interrupt {
        Interrupt::Cancel | Interrupt::Conflict => (
            SqlState::WARNING,
            "canceling wait for synchronous replication due to user request",
            false,
        ),
        Interrupt::Terminate | Interrupt::Crash => (
            SqlState::ADMIN_SHUTDOWN,
            "canceling the wait for synchronous replication and terminating connection due to \
             administrator command",
            true,
        ),
    };
    let error = Error::new(code, why).detail(
        "The transaction has already committed locally, but might not have been replicated to \
         the standby.",
    );
    if ends { error.fatal() } else { error }
}
