//! SHUTDOWN: the server ends, and with it every connection.
//!
//! It keeps what the append-only file keeps, and with SAVE a dump. It does not
//! wait for replicas to catch up.

use super::args::is;
use super::{Command, Flags, Handler::Script, command};
use crate::redis::blocked::Attempt;
use crate::redis::context::Context;
use crate::redis::reply::Reply;
use crate::redis::scripts::Scripts;

const FLAGS: Flags = Flags::ADMIN
    .and(Flags::NO_SCRIPT)
    .and(Flags::LOADING)
    .and(Flags::STALE)
    .and(Flags::NO_MULTI)
    .and(Flags::ALLOW_BUSY);

pub(super) const COMMANDS: &[Command] = &[command!(
    "shutdown",
    "SHUTDOWN",
    -1,
    FLAGS,
    (0, 0, 0),
    Script(shutdown)
)];

fn shutdown(context: &mut Context<'_>, scripts: &mut Scripts, args: &[&[u8]]) -> Attempt {
    let has = |word| args[1..].iter().any(|arg| is(arg, word));
    let (saves, saves_not, aborts) = (has("SAVE"), has("NOSAVE"), has("ABORT"));
    let known = ["SAVE", "NOSAVE", "NOW", "FORCE", "ABORT"];
    let is_known = |arg: &&[u8]| known.iter().any(|word| is(arg, word));
    if !args[1..].iter().all(is_known) || saves && saves_not || aborts && args.len() > 2 {
        return Attempt::Done(Reply::SYNTAX);
    }
    if aborts {
        return Attempt::Done(Reply::error("ERR No shutdown in progress."));
    }
    if let Some(script) = scripts.paused().filter(|_| !saves_not) {
        return Attempt::Done(script.kind().busy());
    }
    if saves {
        context.keyspace.save();
    }
    context.server.ends = true;
    context.client.killed = true;
    Attempt::Done(Reply::NONE)
}
