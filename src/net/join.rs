//! Waiting for a task to end.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use parking_lot::Mutex;
use pin_project_lite::pin_project;

use super::task::{Tag, Work};

/// The task ended without a value: it was aborted, or its node was killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the task was cancelled")]
pub struct Cancelled;

/// What became of a task.
pub(super) enum Outcome<T> {
    /// Nothing yet; who waits for it.
    Running(Option<Waker>),
    Ended(Result<T, Cancelled>),
    /// It was told.
    Told,
}

type Shared<T> = Arc<Mutex<Outcome<T>>>;

/// A future that keeps its output for whoever waits, and the place for it. It
/// goes to its box at once, and once: futures are large, and each move is a
/// copy.
#[inline]
pub(super) fn split<F>(future: F) -> (Work, Shared<F::Output>)
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let outcome = Arc::new(Mutex::new(Outcome::Running(None)));
    let ending = Ending(outcome.clone());
    let kept = Box::write(Box::new_uninit(), Kept { future, ending });
    (Box::into_pin(kept), outcome)
}

pin_project! {
    struct Kept<F: Future> {
        #[pin]
        future: F,
        ending: Ending<F::Output>,
    }
}

impl<F: Future> Future for Kept<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let output = ready!(this.future.poll(cx));
        this.ending.end(Ok(output));
        Poll::Ready(())
    }
}

/// A task that is dropped before it is done was cancelled.
struct Ending<T>(Shared<T>);

impl<T> Ending<T> {
    fn end(&self, result: Result<T, Cancelled>) {
        let mut outcome = self.0.lock();
        if let Outcome::Running(waiting) = &mut *outcome {
            let waiting = waiting.take();
            *outcome = Outcome::Ended(result);
            drop(outcome);
            waiting.into_iter().for_each(Waker::wake);
        }
    }
}

impl<T> Drop for Ending<T> {
    fn drop(&mut self) {
        self.end(Err(Cancelled));
    }
}

/// A task that was spawned. Dropping the handle leaves the task running.
pub struct JoinHandle<T> {
    tag: Arc<Tag>,
    outcome: Shared<T>,
}

impl<T> JoinHandle<T> {
    pub(super) fn new(tag: Arc<Tag>, outcome: Shared<T>) -> JoinHandle<T> {
        JoinHandle { tag, outcome }
    }

    /// Has the task dropped at its next await.
    pub fn abort(&self) {
        self.tag.abort();
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, Cancelled>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, Cancelled>> {
        let mut outcome = self.outcome.lock();
        match std::mem::replace(&mut *outcome, Outcome::Told) {
            Outcome::Ended(result) => Poll::Ready(result),
            Outcome::Running(_) => {
                *outcome = Outcome::Running(Some(cx.waker().clone()));
                Poll::Pending
            }
            Outcome::Told => panic!("a JoinHandle was polled after it was ready"),
        }
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JoinHandle")
    }
}
