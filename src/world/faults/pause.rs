//! `pause`: a process stops where it stands, as in a long garbage collection,
//! and goes on as if no time had passed. Its timers run out meanwhile, its
//! sockets fill, its leases end. A node that is down is left alone.

use super::Strike;

pub(super) async fn strike(strike: &Strike<'_>, node: &str) {
    let machines = strike.stage.machines;
    let Some(life) = machines.pause(node) else {
        return;
    };
    strike.began();
    strike.lasts().await;
    machines.resume(node, life);
    strike.ended();
}
