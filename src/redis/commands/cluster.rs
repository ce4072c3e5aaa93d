//! CLUSTER and its kin, on a server that is not in cluster mode.

use super::{Command, Flags, Handler::Container, Handler::Plain, command};
use crate::redis::engine::Context;
use crate::redis::reply::Reply;

const ANY: Flags = Flags::FAST.and(Flags::LOADING).and(Flags::STALE);

#[rustfmt::skip]
pub(super) const COMMANDS: &[Command] = &[
    command!("asking", "ASKING", 1, Flags::FAST, (0, 0, 0), Plain(disabled)),
    command!("cluster", "CLUSTER", -2, Flags::NONE, (0, 0, 0), Container(CLUSTER)),
    command!("readonly", "READONLY", 1, ANY, (0, 0, 0), Plain(disabled)),
    command!("readwrite", "READWRITE", 1, ANY, (0, 0, 0), Plain(disabled)),
];

macro_rules! subcommand {
    ($name:literal, $arity:literal) => {
        command!(
            $name,
            "CLUSTER",
            $arity,
            Flags::STALE,
            (0, 0, 0),
            Plain(disabled)
        )
    };
}

/// What cluster clients ask when they connect.
const CLUSTER: &[Command] = &[
    subcommand!("cluster|countkeysinslot", 3),
    subcommand!("cluster|getkeysinslot", 4),
    subcommand!("cluster|info", 2),
    subcommand!("cluster|keyslot", 3),
    subcommand!("cluster|links", 2),
    subcommand!("cluster|myid", 2),
    subcommand!("cluster|nodes", 2),
    subcommand!("cluster|shards", 2),
    subcommand!("cluster|slots", 2),
];

fn disabled(_: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::error("ERR This instance has cluster support disabled")
}
