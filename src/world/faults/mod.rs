//! Faults: each waits for its trigger, strikes, lasts, and ends. One file a
//! kind.
//!
//! A fault that is dropped ends at once and leaves nothing behind: its rules
//! go with their guards, and healing boots, resumes and relieves every node.
//! That is how the fault phase is closed. A calm closes what is at work when
//! it begins, and holds back what would begin in it.

mod clock_drift;
mod clock_jump;
mod exhaust_connections;
mod failover;
mod kill;
mod latency;
mod lose_answer;
mod partition;
mod pause;
mod resend;
mod restart_loop;
mod sides;
mod slow;
mod swizzle;
mod trigger;

pub(super) use failover::Replicated;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use super::database::Database;
use super::machine::Machines;
use super::redis_servers::RedisServers;
use crate::buyers::Gateway;
use crate::history::{Event, Recorder};
use crate::net::Network;
use crate::plan::{Effect, Fault, Plan};
use crate::rt;

/// Where faults strike.
pub(super) struct Stage<'a> {
    pub(super) plan: &'a Plan,
    pub(super) machines: &'a Machines,
    pub(super) database: &'a Database,
    pub(super) redis: &'a RedisServers,
    pub(super) network: &'a Network,
    pub(super) recorder: &'a Recorder,
    pub(super) gateway: &'a Arc<Gateway>,
}

/// Lives through every fault of the plan.
pub(super) async fn strike_all(stage: &Stage<'_>) {
    let faults = stage.plan.faults.iter();
    let strikes: Vec<Strike<'_>> = faults.map(|fault| Strike { fault, stage }).collect();
    join_all(strikes.iter().map(Strike::live)).await;
}

/// One fault at work.
struct Strike<'a> {
    fault: &'a Fault,
    stage: &'a Stage<'a>,
}

impl Strike<'_> {
    async fn live(&self) {
        let fault = self.fault;
        // What loses a message has to be there before the message is.
        if !fault.effect.kind().loses_a_message() {
            trigger::wait(self).await;
        }
        match &fault.effect {
            Effect::Pause { node } => pause::strike(self, node).await,
            Effect::Kill { node, death } => kill::strike(self, node, *death).await,
            Effect::RestartLoop {
                node,
                death,
                times,
                up_ns,
            } => restart_loop::strike(self, node, *death, *times, *up_ns).await,
            Effect::Slow { node, times } => slow::strike(self, node, *times).await,
            Effect::ClockJump { node, by_ns } => clock_jump::strike(self, node, *by_ns),
            Effect::ClockDrift { node, rate_ppm } => {
                clock_drift::strike(self, node, *rate_ppm).await;
            }
            Effect::Partition {
                between,
                and,
                one_way,
            } => partition::strike(self, between, and, *one_way).await,
            Effect::Swizzle {
                cut,
                back,
                every_ns,
            } => swizzle::strike(self, cut, back, *every_ns).await,
            Effect::LoseAnswer => lose_answer::strike(self).await,
            Effect::Resend => resend::strike(self).await,
            Effect::Latency {
                between,
                and,
                by_ns,
            } => latency::strike(self, between, and, *by_ns).await,
            Effect::Failover {
                node,
                down,
                after_ns,
                rejoins,
            } => failover::strike(self, node, *down, *after_ns, *rejoins).await,
            Effect::ExhaustConnections { sessions } => {
                exhaust_connections::strike(self, *sessions).await;
            }
        }
    }

    fn began(&self) {
        self.began_as(self.fault.what());
    }

    fn began_as(&self, what: String) {
        self.record(Event::FaultBegan {
            fault: self.fault.id,
            kind: self.fault.effect.kind().to_string(),
            what,
        });
    }

    fn died_again(&self, node: &str) {
        self.record(Event::DiedAgain {
            fault: self.fault.id,
            node: node.to_owned(),
        });
    }

    fn ended(&self) {
        let fault = self.fault.id;
        self.record(Event::FaultEnded { fault });
    }

    fn record(&self, event: Event) {
        let stage = self.stage;
        stage.recorder.record(stage.network.now_ns(), event);
    }

    /// Waits for as long as the fault lasts; false if a calm cuts it short.
    async fn lasts(&self) -> bool {
        self.stays(self.fault.lasts_ns).await
    }

    /// Waits so long; false if a calm begins before, and the fault is over.
    async fn stays(&self, wait_ns: u64) -> bool {
        let now_ns = self.stage.network.now_ns();
        let calms = self.stage.plan.calms.iter().map(|calm| calm.at_ns);
        let calm_ns = calms.filter(|at_ns| *at_ns > now_ns).min();
        let calm_ns = calm_ns.map_or(u64::MAX, |at_ns| at_ns - now_ns);
        rt::sleep(Duration::from_nanos(wait_ns.min(calm_ns))).await;
        wait_ns <= calm_ns
    }
}
