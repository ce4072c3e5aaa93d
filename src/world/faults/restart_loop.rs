//! `restart-loop`: a node dies, is started again, and dies again, as under a
//! supervisor that restarts what crashes on start. Each death lasts as long as
//! the fault says; between two of them the node is up. If something else has
//! taken it down, that death is left out.

use super::Strike;
use crate::net::Death;

pub(super) async fn strike(strike: &Strike<'_>, node: &str, death: Death, times: u32, up_ns: u64) {
    let machines = strike.stage.machines;
    let mut began = false;
    for time in 1..=times {
        let dies = machines.kill(node, death);
        match (dies, began) {
            (true, false) => strike.began(),
            (true, true) => strike.died_again(node),
            (false, _) => {}
        }
        began |= dies;
        let goes_on = strike.lasts().await;
        if dies {
            machines.boot(node);
        }
        if !goes_on || (time < times && !strike.stays(up_ns).await) {
            break;
        }
    }
    if began {
        strike.ended();
    }
}
