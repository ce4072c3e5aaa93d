//! `failover`: the primary goes down, or is only taken for dead, and after a
//! while its replica is promoted. What had not reached the replica is lost.
//! When the fault is over the old primary comes back: as a replica of the new
//! one, its own tail forgotten, or as it was, a second primary. If there is no
//! replica to promote just then, nothing happens.

use std::time::Duration;

use super::Strike;
use crate::net::Death;
use crate::plan::death_of;
use crate::rt;
use crate::scenario::Down;

pub(super) async fn strike(strike: &Strike<'_>, down: Option<Down>, after_ns: u64, rejoins: bool) {
    let stage = strike.stage;
    let (old, Some(new)) = stage.database.primary_and_replica() else {
        return;
    };
    let dies = down.is_some_and(|down| stage.machines.kill(&old, death_of(down)));
    strike.began();
    rt::sleep(Duration::from_nanos(after_ns)).await;
    if rejoins {
        stage.database.rejoins(&old);
    }
    stage.database.promote(stage.machines, stage.network, &new);
    strike.lasts().await;
    if rejoins && !dies {
        stage.machines.kill(&old, Death::Process);
    }
    if rejoins || dies {
        stage.machines.boot(&old);
    }
    strike.ended();
}
