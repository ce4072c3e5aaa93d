//! `kill`: a node goes down, its memory lost, and is started again after the
//! fault's time. A process that dies resets its connections; a host that dies
//! says nothing. A node that is down already is left alone.

use super::Strike;
use crate::net::Death;

pub(super) async fn strike(strike: &Strike<'_>, node: &str, death: Death) {
    let machines = strike.stage.machines;
    if !machines.kill(node, death) {
        return;
    }
    strike.began();
    strike.lasts().await;
    machines.boot(node);
    strike.ended();
}
