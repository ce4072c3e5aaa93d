//! What replication does once a second, as long as there is a stream.

use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use crate::redis::Shared;
use crate::rt;

const PERIOD: Duration = Duration::from_secs(1);

/// Whether the task runs.
#[derive(Default)]
pub(in crate::redis) struct Cron {
    running: Mutex<bool>,
}

impl Cron {
    /// Sees to it that the task runs.
    pub(in crate::redis) fn wake(&self, shared: &Arc<Shared>) {
        let running = std::mem::replace(&mut *self.running.lock(), true);
        if !running {
            rt::spawn(run(Arc::downgrade(shared)));
        }
    }
}

/// Runs until nobody has to be kept informed any more.
async fn run(server: Weak<Shared>) {
    for second in 1.. {
        rt::sleep(PERIOD).await;
        let Some(shared) = server.upgrade() else {
            return;
        };
        let mut engine = shared.engine.lock();
        if !engine.keyspace.propagation.replication.stream.is_kept() {
            *shared.replication_cron.running.lock() = false;
            return;
        }
        engine.tend_replicas(second);
        shared.settle(engine);
    }
}
