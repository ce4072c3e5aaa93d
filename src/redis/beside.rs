//! A task that runs beside a server while it has something to do.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::Shared;
use crate::rt;

/// Whether the task runs.
#[derive(Default)]
pub(super) struct Beside {
    running: Mutex<bool>,
}

impl Beside {
    /// Sees to it that the task runs. It says with [`ends`](Beside::ends) that
    /// it has nothing more to do.
    pub(super) fn wake<F>(&self, shared: &Arc<Shared>, task: impl FnOnce(Weak<Shared>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let running = std::mem::replace(&mut *self.running.lock(), true);
        if !running {
            rt::spawn(task(Arc::downgrade(shared)));
        }
    }

    /// The task is about to end.
    pub(super) fn ends(&self) {
        *self.running.lock() = false;
    }
}
