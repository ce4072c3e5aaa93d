//! CLUSTER and its kin, on a server that is not in cluster mode.

use super::{Command, Flags, Handler::Container, Handler::Plain, command};
use crate::redis::context::Context;
use crate::redis::reply::Reply;

const ANY: Flags = Flags::FAST.and(Flags::LOADING).and(Flags::STALE);

#[rustfmt::skip]
pub(super) const COMMANDS: &[Command] = &[
    command!("asking", "ASKING", 1, Flags::FAST, (0, 0, 0), Plain(disabled)),
    command!("cluster", "CLUSTER", -2, Flags::NONE, (0, 0, 0), Container(CLUSTER)),
    command!("readonly", "READONLY", 1, ANY, (0, 0, 0), Plain(disabled)),
    command!("readwrite", "READWRITE", 1, ANY, (0, 0, 0), Plain(disabled)),
];

const ADMIN: Flags = Flags::ADMIN.and(Flags::STALE);
const CHANGE: Flags = ADMIN.and(Flags::NO_ASYNC_LOADING);

#[rustfmt::skip]
const CLUSTER: &[Command] = &[
    command!("cluster|addslots", "CLUSTER", -3, CHANGE, (0, 0, 0), Plain(disabled)),
    command!("cluster|addslotsrange", "CLUSTER", -4, CHANGE, (0, 0, 0), Plain(disabled)),
    command!("cluster|bumpepoch", "CLUSTER", 2, CHANGE, (0, 0, 0), Plain(disabled)),
    command!("cluster|count-failure-reports", "CLUSTER", 3, ADMIN, (0, 0, 0), Plain(disabled)),
    command!("cluster|countkeysinslot", "CLUSTER", 3, Flags::STALE, (0, 0, 0), Plain(disabled)),
    command!("cluster|delslots", "CLUSTER", -3, CHANGE, (0, 0, 0), Plain(disabled)),
    command!("cluster|delslotsrange", "CLUSTER", -4, CHANGE, (0, 0, 0), Plain(disabled)),
    command!("cluster|failover", "CLUSTER", -2, CHANGE, (0, 0, 0), Plain(disabled)),
    command!("cluster|flushslots", "CLUSTER", 2, CHANGE, (0, 0, 0), Plain(disabled)),
    command!("cluster|forget", "CLUSTER", 3, CHANGE, (0, 0, 0), Plain(disabled)),
    command!("cluster|getkeysinslot", "CLUSTER", 4, Flags::STALE, (0, 0, 0), Plain(disabled)),
    command!("cluster|help", "CLUSTER", 2, Flags::LOADING.and(Flags::STALE), (0, 0, 0), Plain(disabled)),
    command!("cluster|info", "CLUSTER", 2, Flags::STALE, (0, 0, 0), Plain(disabled)),
    command!("cluster|keyslot", "CLUSTER", 3, Flags::STALE, (0, 0, 0), Plain(disabled)),
    command!("cluster|links", "CLUSTER", 2, Flags::STALE, (0, 0, 0), Plain(disabled)),
    command!("cluster|meet", "CLUSTER", -4, CHANGE, (0, 0, 0), Plain(disabled)),
    command!("cluster|myid", "CLUSTER", 2, Flags::STALE, (0, 0, 0), Plain(disabled)),
    command!("cluster|nodes", "CLUSTER", 2, Flags::STALE, (0, 0, 0), Plain(disabled)),
    command!("cluster|replicas", "CLUSTER", 3, ADMIN, (0, 0, 0), Plain(disabled)),
    command!("cluster|replicate", "CLUSTER", 3, CHANGE, (0, 0, 0), Plain(disabled)),
    command!("cluster|reset", "CLUSTER", -2, ADMIN.and(Flags::NO_SCRIPT), (0, 0, 0), Plain(disabled)),
    command!("cluster|saveconfig", "CLUSTER", 2, CHANGE, (0, 0, 0), Plain(disabled)),
    command!("cluster|set-config-epoch", "CLUSTER", 3, CHANGE, (0, 0, 0), Plain(disabled)),
    command!("cluster|setslot", "CLUSTER", -4, CHANGE, (0, 0, 0), Plain(disabled)),
    command!("cluster|shards", "CLUSTER", 2, Flags::STALE, (0, 0, 0), Plain(disabled)),
    command!("cluster|slaves", "CLUSTER", 3, ADMIN, (0, 0, 0), Plain(disabled)),
    command!("cluster|slots", "CLUSTER", 2, Flags::STALE, (0, 0, 0), Plain(disabled)),
];

fn disabled(_: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::error("ERR This instance has cluster support disabled")
}
