//! ACL, as far as a client asks who it is: there is one user, who may do
//! everything.

use super::{Command, Flags, Handler::Container, Handler::Plain, command};
use crate::redis::engine::Context;
use crate::redis::reply::Reply;

const ANY: Flags = Flags::NO_SCRIPT.and(Flags::LOADING).and(Flags::STALE);
const ADMIN: Flags = ANY.and(Flags::ADMIN);

#[rustfmt::skip]
pub(super) const COMMANDS: &[Command] = &[
    command!("acl", "ACL", -2, Flags::NONE, (0, 0, 0), Container(ACL)),
];

#[rustfmt::skip]
const ACL: &[Command] = &[
    command!("acl|users", "ACL", 2, ADMIN, (0, 0, 0), Plain(users)),
    command!("acl|whoami", "ACL", 2, ANY, (0, 0, 0), Plain(whoami)),
];

fn users(_: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::Array(vec![Reply::bulk("default")])
}

fn whoami(_: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    Reply::bulk("default")
}
