//! An instance as SENTINEL MASTER and its kin show it.

use super::instance::{Instance, Kind, Reconf};
use super::{Address, Primary};
use crate::redis::reply::Reply;
use crate::redis::wall_clock_ms;

/// Names and values, all of them text.
struct Fields(Vec<(Reply, Reply)>);

impl Fields {
    fn add(&mut self, name: &'static str, value: impl ToString) {
        let value = Reply::Bulk(value.to_string().into());
        self.0.push((Reply::bulk(name), value));
    }
}

/// An instance of `primary`, or that itself.
pub(in crate::redis) fn describe(primary: &Primary, instance: &Instance) -> Reply {
    let mut fields = Fields(Vec::new());
    common(&mut fields, primary, instance);
    if instance.kind != Kind::Sentinel {
        reported(&mut fields, instance);
    }
    match instance.kind {
        Kind::Primary => of_primary(&mut fields, primary),
        Kind::Replica => of_replica(&mut fields, instance),
        Kind::Sentinel => of_sentinel(&mut fields, instance),
    }
    Reply::Map(fields.0)
}

fn flags(primary: &Primary, instance: &Instance) -> String {
    let is = |kind: Kind| instance.kind == kind;
    let failover = &primary.failover;
    let promoted = is(Kind::Replica) && failover.promoted.as_ref() == Some(&instance.name);
    let all = [
        ("s_down", instance.is_down),
        ("o_down", is(Kind::Primary) && primary.is_down_for_all),
        (instance.kind.name(), true),
        ("disconnected", !instance.link.is_connected(instance.kind)),
        ("master_down", instance.peer.says_down),
        (
            "failover_in_progress",
            is(Kind::Primary) && failover.is_under_way(),
        ),
        ("promoted", promoted),
        ("reconf_sent", matches!(instance.reconf, Reconf::Sent(_))),
        ("reconf_inprog", instance.reconf == Reconf::InProgress),
        ("reconf_done", instance.reconf == Reconf::Done),
        ("force_failover", is(Kind::Primary) && failover.forced),
    ];
    let set = all.iter().filter(|(_, set)| *set);
    set.map(|(name, _)| *name).collect::<Vec<_>>().join(",")
}

fn common(fields: &mut Fields, primary: &Primary, instance: &Instance) {
    let (now, link) = (wall_clock_ms(), &instance.link);
    let Address { host, port } = &instance.address;
    fields.add("name", &instance.name);
    fields.add("ip", host);
    fields.add("port", port);
    fields.add("runid", instance.run_id.as_deref().unwrap_or_default());
    fields.add("flags", flags(primary, instance));
    fields.add("link-pending-commands", link.pending());
    fields.add("link-refcount", 1);
    let failover = &primary.failover;
    if instance.kind == Kind::Primary && failover.is_under_way() {
        fields.add("failover-state", failover.state.name());
    }
    let waits = match link.waits_since {
        0 => 0,
        since => now - since,
    };
    fields.add("last-ping-sent", waits);
    fields.add("last-ok-ping-reply", now - link.available_at);
    fields.add("last-ping-reply", now - link.answered_at);
    if instance.is_down {
        fields.add("s-down-time", now - instance.down_at);
    }
    if instance.kind == Kind::Primary && primary.is_down_for_all {
        fields.add("o-down-time", now - primary.down_for_all_at);
    }
    fields.add("down-after-milliseconds", instance.down_after);
}

fn reported(fields: &mut Fields, instance: &Instance) {
    let (now, reported) = (wall_clock_ms(), &instance.reported);
    let age = match reported.at {
        0 => 0,
        at => now - at,
    };
    fields.add("info-refresh", age);
    fields.add("role-reported", reported.role.name());
    fields.add("role-reported-time", now - reported.role_at);
}

fn of_primary(fields: &mut Fields, primary: &Primary) {
    fields.add("config-epoch", primary.config_epoch);
    fields.add("num-slaves", primary.replicas.len());
    fields.add("num-other-sentinels", primary.sentinels.len());
    fields.add("quorum", primary.quorum);
    fields.add("failover-timeout", primary.failover.timeout);
    fields.add("parallel-syncs", primary.parallel_syncs);
}

fn of_replica(fields: &mut Fields, instance: &Instance) {
    let reported = &instance.reported;
    let link = if reported.link_is_up { "ok" } else { "err" };
    let follows = reported.follows.as_ref();
    fields.add("master-link-down-time", reported.link_down_for);
    fields.add("master-link-status", link);
    fields.add(
        "master-host",
        follows.map_or("?", |primary| primary.host.as_str()),
    );
    fields.add("master-port", follows.map_or(0, |primary| primary.port));
    fields.add("slave-priority", reported.priority);
    fields.add("slave-repl-offset", reported.offset);
    fields.add("replica-announced", u8::from(reported.announced));
}

fn of_sentinel(fields: &mut Fields, instance: &Instance) {
    let peer = &instance.peer;
    fields.add("last-hello-message", wall_clock_ms() - peer.hello_at);
    fields.add("voted-leader", peer.leader.as_deref().unwrap_or("?"));
    fields.add("voted-leader-epoch", peer.leader_epoch);
}
