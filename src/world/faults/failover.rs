//! `failover`: the primary goes down, or is only taken for dead, and after a
//! while its replica is promoted. What had not reached the replica is lost.
//! When the fault is over the old primary comes back: as a replica of the new
//! one, its own tail forgotten, or as it was, a second primary. If there is no
//! replica to promote just then, nothing happens.

use std::time::Duration;

use super::Strike;
use crate::net::{Death, Network};
use crate::plan::death_of;
use crate::rt;
use crate::scenario::Down;
use crate::world::machine::Machines;

/// Servers of which one leads.
pub(in crate::world) trait Replicated {
    /// The node that is the primary, and the one that could take its place.
    fn primary_and_replica(&self) -> (String, Option<String>);

    /// Promotes a replica, which must be up.
    fn promote(&self, machines: &Machines, network: &Network, node: &str);

    /// Has an old primary follow its successor when it starts again.
    fn rejoins(&self, node: &str);
}

pub(super) async fn strike(
    strike: &Strike<'_>,
    node: &str,
    down: Option<Down>,
    after_ns: u64,
    rejoins: bool,
) {
    let stage = strike.stage;
    let servers: &dyn Replicated = match node {
        "redis" => stage.redis,
        _ => stage.database,
    };
    let (old, Some(new)) = servers.primary_and_replica() else {
        return;
    };
    let dies = down.is_some_and(|down| stage.machines.kill(&old, death_of(down)));
    strike.began_as(strike.fault.failing_over(&old).what());
    rt::sleep(Duration::from_nanos(after_ns)).await;
    servers.promote(stage.machines, stage.network, &new);
    if rejoins {
        servers.rejoins(&old);
    }
    strike.lasts().await;
    if rejoins && !dies {
        stage.machines.kill(&old, Death::Process);
    }
    if rejoins || dies {
        stage.machines.boot(&old);
    }
    strike.ended();
}
