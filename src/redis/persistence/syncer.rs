//! Syncs the append-only file once a second (`appendfsync everysec`), as long
//! as there is something to sync.

use std::sync::Weak;
use std::time::Duration;

use crate::redis::Shared;
use crate::rt;

const PERIOD: Duration = Duration::from_secs(1);

/// Runs until a second passes in which nothing was written.
pub(in crate::redis) async fn sync_later(server: Weak<Shared>) {
    loop {
        rt::sleep(PERIOD).await;
        let Some(cost) = server.upgrade().and_then(|shared| begin(&shared)) else {
            return;
        };
        if !cost.is_zero() {
            rt::work(cost).await;
        }
        let Some(shared) = server.upgrade() else {
            return;
        };
        if let Some(aof) = &mut shared.engine.lock().keyspace.propagation.aof {
            aof.end_sync();
        }
    }
}

/// How long the sync takes that begins now; none ends the task.
fn begin(shared: &Shared) -> Option<Duration> {
    let mut engine = shared.engine.lock();
    let cost = engine.fsync_time;
    let aof = engine.keyspace.propagation.aof.as_mut();
    let aof = aof.filter(|aof| aof.needs_sync());
    if let Some(aof) = aof {
        aof.begin_sync();
        return Some(cost);
    }
    shared.syncer.ends();
    None
}
