//! A failover, from the election to the new address.

use std::cmp::Reverse;

use super::instance::{Instance, Reconf};
use super::primary::order;
use super::{Own, Periods, Primary};
use crate::redis::wall_clock_ms;

/// How far a failover is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::redis) enum State {
    None,
    /// It waits to be elected.
    WaitStart,
    SelectReplica,
    SendReplicaOfNoOne,
    /// It waits until the replica says that it leads.
    WaitPromotion,
    /// It tells the others whom to follow.
    ReconfReplicas,
    /// The new primary is to be watched from now on.
    UpdateConfig,
}

impl State {
    pub(in crate::redis) fn name(self) -> &'static str {
        match self {
            State::None => "none",
            State::WaitStart => "wait_start",
            State::SelectReplica => "select_slave",
            State::SendReplicaOfNoOne => "send_slaveof_noone",
            State::WaitPromotion => "wait_promotion",
            State::ReconfReplicas => "reconf_slaves",
            State::UpdateConfig => "update_config",
        }
    }
}

/// The failover of a primary, if one is under way.
#[derive(Debug)]
pub(in crate::redis) struct Failover {
    pub(in crate::redis) state: State,
    changed_at: i64,
    /// When the last one began, here or elsewhere.
    pub(super) started_at: i64,
    pub(super) epoch: u64,
    pub(in crate::redis) timeout: i64,
    /// An operator asked for it: no votes are needed.
    pub(in crate::redis) forced: bool,
    /// The replica that is to lead.
    pub(in crate::redis) promoted: Option<String>,
}

impl Failover {
    pub(super) fn new(timeout: i64) -> Failover {
        Failover {
            state: State::None,
            changed_at: 0,
            started_at: 0,
            epoch: 0,
            timeout,
            forced: false,
            promoted: None,
        }
    }

    pub(in crate::redis) fn is_under_way(&self) -> bool {
        self.state != State::None
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.changed_at = wall_clock_ms();
    }

    fn takes_too_long(&self) -> bool {
        wall_clock_ms() - self.changed_at > self.timeout
    }

    /// None is under way, and the last one is long ago.
    pub(super) fn may_start(&self) -> bool {
        !self.is_under_way() && wall_clock_ms() - self.started_at >= self.timeout * 2
    }
}

impl Primary {
    pub(in crate::redis) fn start_failover(&mut self, own: &mut Own) {
        own.learn_epoch(own.epoch + 1);
        own.event("+try-failover", self.this.describe());
        self.failover.enter(State::WaitStart);
        self.failover.epoch = own.epoch;
        self.failover.started_at = wall_clock_ms() + Own::desync();
    }

    pub(super) fn go_on_with_failover(&mut self, own: &mut Own) {
        match self.failover.state {
            State::None | State::UpdateConfig => {}
            State::WaitStart => self.wait_start(own),
            State::SelectReplica => self.select(own),
            State::SendReplicaOfNoOne => self.promote(own),
            State::WaitPromotion => {
                if self.failover.takes_too_long() {
                    self.abort(own, "-failover-abort-slave-timeout");
                }
            }
            State::ReconfReplicas => self.reconf_replicas(own),
        }
    }

    fn abort(&mut self, own: &mut Own, why: &'static str) {
        own.event(why, self.this.describe());
        self.failover.enter(State::None);
        self.failover.forced = false;
        self.failover.promoted = None;
    }

    fn wait_start(&mut self, own: &mut Own) {
        let elected = self.elected(own);
        if elected.as_deref() == Some(&own.id) || self.failover.forced {
            own.event("+elected-leader", self.this.describe());
            self.failover.enter(State::SelectReplica);
            own.event("+failover-state-select-slave", self.this.describe());
            return;
        }
        let limit = own.periods.election.min(self.failover.timeout);
        if wall_clock_ms() - self.failover.started_at > limit {
            self.abort(own, "-failover-abort-not-elected");
        }
    }

    fn select(&mut self, own: &mut Own) {
        let Some(name) = self.best_replica(&own.periods) else {
            return self.abort(own, "-failover-abort-no-good-slave");
        };
        let replica = self.replicas.get(&name).map(Instance::describe);
        let what = self.beside(&replica.unwrap_or_default());
        own.event("+selected-slave", what.clone());
        self.failover.promoted = Some(name);
        self.failover.enter(State::SendReplicaOfNoOne);
        own.event("+failover-state-send-slaveof-noone", what);
    }

    /// The replica to promote: it answers, has not been cut off from the
    /// primary for too long, and among those has the lowest priority number,
    /// then the furthest offset, then the first run ID.
    pub(in crate::redis) fn best_replica(&self, periods: &Periods) -> Option<String> {
        let now = wall_clock_ms();
        let down_for = match self.this.is_down {
            true => now - self.this.down_at,
            false => 0,
        };
        let cut_off_max = down_for + self.this.down_after * 10;
        let info_max = match self.this.is_down {
            true => periods.ping * 5,
            false => periods.info * 3,
        };
        let fit = |replica: &&Instance| {
            let reported = &replica.reported;
            !replica.is_down
                && replica.link.is_connected(replica.kind)
                && now - replica.link.available_at <= periods.ping * 5
                && reported.priority != 0
                && now - reported.at <= info_max
                && reported.link_down_for <= cut_off_max
        };
        let best = self.replicas.values().filter(fit).min_by_key(|replica| {
            let reported = &replica.reported;
            let id = replica.run_id.clone();
            (
                reported.priority,
                Reverse(reported.offset),
                id.is_none(),
                id,
            )
        });
        best.map(|replica| replica.name.clone())
    }

    fn promote(&mut self, own: &mut Own) {
        let name = self.failover.promoted.clone().unwrap_or_default();
        let Some(replica) = self.replicas.get_mut(&name) else {
            return self.abort(own, "-failover-abort-slave-timeout");
        };
        if order(replica, None) {
            let what = replica.describe();
            own.event("+failover-state-wait-promotion", self.beside(&what));
            self.failover.enter(State::WaitPromotion);
        } else if self.failover.takes_too_long() {
            self.abort(own, "-failover-abort-slave-timeout");
        }
    }

    /// Whether this replica is the one to be promoted.
    pub(super) fn is_promoted(&self, name: &str) -> bool {
        self.failover.promoted.as_deref() == Some(name)
    }

    /// The replica says that it leads: from now on everyone is told so, under
    /// the epoch of the election.
    pub(super) fn promotion_seen(&mut self, own: &mut Own, what: String) {
        if self.failover.state != State::WaitPromotion {
            return;
        }
        self.config_epoch = self.failover.epoch;
        self.failover.enter(State::ReconfReplicas);
        own.event("+promoted-slave", what);
        own.event("+failover-state-reconf-slaves", self.this.describe());
        for instance in self.instances() {
            instance.force_hello(&own.periods);
        }
    }

    /// Tells the next replicas to follow the new primary, so many at once.
    fn reconf_replicas(&mut self, own: &mut Own) {
        let promoted = self.failover.promoted.clone().unwrap_or_default();
        let Some(primary) = self.replicas.get(&promoted).map(|r| r.address.clone()) else {
            return;
        };
        let (now, mut events) = (wall_clock_ms(), Vec::new());
        let under_way = |r: &Instance| matches!(r.reconf, Reconf::Sent(_) | Reconf::InProgress);
        let mut count = self.replicas.values().filter(|r| under_way(r)).count();
        for (name, replica) in &mut self.replicas {
            if count >= self.parallel_syncs {
                break;
            }
            if *name == promoted || replica.reconf == Reconf::Done {
                continue;
            }
            if let Reconf::Sent(at) = replica.reconf
                && now - at > own.periods.replica_reconf
            {
                replica.reconf = Reconf::Done;
                events.push(("-slave-reconf-sent-timeout", replica.describe()));
            }
            if replica.reconf == Reconf::None && order(replica, Some(&primary)) {
                replica.reconf = Reconf::Sent(now);
                events.push(("+slave-reconf-sent", replica.describe()));
                count += 1;
            }
        }
        for (event, what) in events {
            own.event(event, self.beside(&what));
        }
        self.end_if_done(own, &promoted);
    }

    /// It is over when every replica that can be reached follows the new
    /// primary, or after a while.
    fn end_if_done(&mut self, own: &mut Own, promoted: &str) {
        if self.replicas.get(promoted).is_none_or(|p| p.is_down) {
            return;
        }
        let mut others = self.replicas.iter().filter(|(name, _)| *name != promoted);
        let done = others.all(|(_, r)| r.reconf == Reconf::Done || r.is_down);
        let late = self.failover.takes_too_long();
        if late {
            own.event("+failover-end-for-timeout", self.this.describe());
        }
        if done || late {
            own.event("+failover-end", self.this.describe());
            self.failover.enter(State::UpdateConfig);
        }
        if late {
            self.order_the_rest(own, promoted);
        }
    }

    /// Tells those that were not told, and does not look what they do.
    fn order_the_rest(&mut self, own: &mut Own, promoted: &str) {
        let Some(primary) = self.replicas.get(promoted).map(|r| r.address.clone()) else {
            return;
        };
        let mut told = Vec::new();
        let others = self.replicas.iter_mut();
        for (_, replica) in others.filter(|(name, _)| *name != promoted) {
            if matches!(replica.reconf, Reconf::None | Reconf::InProgress)
                && order(replica, Some(&primary))
            {
                told.push(replica.describe());
            }
        }
        for what in told {
            own.event("+slave-reconf-sent-be", self.beside(&what));
        }
    }

    pub(super) fn switch_to_promoted(&mut self, own: &mut Own) {
        let promoted = self.failover.promoted.as_ref();
        let replica = promoted.and_then(|name| self.replicas.get(name));
        let address = replica.map_or(&self.this.address, |replica| &replica.address);
        self.switch_to(own, address.clone());
    }
}
