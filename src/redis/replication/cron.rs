//! What replication does once a second, as long as there is a stream.

use std::sync::Weak;
use std::time::Duration;

use crate::redis::Shared;
use crate::rt;

const PERIOD: Duration = Duration::from_secs(1);

/// Runs until nobody has to be kept informed any more.
pub(in crate::redis) async fn tend(server: Weak<Shared>) {
    for second in 1.. {
        rt::sleep(PERIOD).await;
        let Some(shared) = server.upgrade() else {
            return;
        };
        let mut engine = shared.engine.lock();
        if !engine.keyspace.propagation.replication.stream.is_kept() {
            shared.replication_cron.ends();
            return;
        }
        engine.tend_replicas(second);
        shared.settle(engine);
    }
}
