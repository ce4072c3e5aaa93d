//! Removes keys at their deadline, whether or not anybody looks.
//!
//! Redis samples ten times a second. Here one task sleeps until the first
//! deadline, so that the observer is told of an expiry when it happens, and a
//! server without deadlines costs nothing: the task starts with the first one.
//! It sleeps on the monotonic clock and reads the wall clock when it wakes, as
//! deadlines are wall time; a jump of that clock it sees within one cycle, as
//! Redis does.

use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::future::{Either, select};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::Shared;
use crate::rt;

/// Redis looks for expired keys ten times a second (`hz 10`).
const CYCLE: Duration = Duration::from_millis(100);

/// What the task and those who set deadlines share.
#[derive(Default)]
pub(super) struct Expirer {
    alarm: Arc<Notify>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: bool,
    /// When the task will wake by itself.
    wakes_at: Option<i64>,
}

impl Expirer {
    /// Sees to it that the task is awake at `next_expiry`. A task that wakes
    /// too early is left to find that out: most locks are released before
    /// their deadline, and the next one's is later.
    pub(super) fn watch(&self, shared: &Arc<Shared>, next_expiry: Option<i64>) {
        let Some(next) = next_expiry else {
            return;
        };
        let mut state = self.state.lock();
        let early_enough = state.wakes_at.is_some_and(|at| at <= next);
        if early_enough {
            return;
        }
        state.wakes_at = Some(next);
        if state.running {
            self.alarm.notify_one();
        } else {
            state.running = true;
            rt::spawn(run(Arc::downgrade(shared), self.alarm.clone()));
        }
    }
}

impl Drop for Expirer {
    fn drop(&mut self) {
        self.alarm.notify_one();
    }
}

/// Runs until the server is gone.
async fn run(server: Weak<Shared>, alarm: Arc<Notify>) {
    let mut jumps = rt::WallClockJumps::watch();
    while let Some(shared) = server.upgrade() {
        let next = expire_due(&shared);
        drop(shared);
        let alarm = pin!(alarm.notified());
        match next {
            Some(wait) => {
                let due = pin!(rt::sleep(wait));
                let jump = pin!(jumps.next());
                if let Either::Right((Either::Right(_), _)) = select(alarm, select(due, jump)).await
                {
                    rt::sleep(CYCLE).await;
                }
            }
            None => alarm.await,
        }
    }
}

/// Expires what is due and says how long to wait for the next deadline.
fn expire_due(shared: &Arc<Shared>) -> Option<Duration> {
    let mut engine = shared.engine.lock();
    engine.expire_due();
    // What is due while a script runs is seen to when it is over.
    let in_script = engine.is_in_script();
    let next = engine.keyspace.next_expiry().filter(|_| !in_script);
    shared.settle(engine);
    shared.expirer.state.lock().wakes_at = next;
    let next = Duration::from_millis(u64::try_from(next?).unwrap_or(0));
    Some(next.saturating_sub(rt::unix_time()))
}
