//! FAILOVER: a primary hands over to one of its replicas.

use std::time::Duration;

use super::args::{answer, is};
use super::{Command, Flags, Handler::Plain, command};
use crate::redis::context::Context;
use crate::redis::number::integer_argument;
use crate::redis::replication::{Failover, Stage};
use crate::redis::reply::Reply;
use crate::rt;

const ADMIN: Flags = Flags::ADMIN.and(Flags::NO_SCRIPT).and(Flags::STALE);

#[rustfmt::skip]
pub(super) const COMMANDS: &[Command] = &[
    command!("failover", "FAILOVER", -1, ADMIN, (0, 0, 0), Plain(failover)),
];

fn failover(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(match args {
        [_, word] if is(word, "ABORT") => abort(context),
        _ => begin(context, &args[1..]),
    })
}

fn abort(context: &mut Context<'_>) -> Result<Reply, Reply> {
    if context.keyspace.propagation.replication.failover.is_none() {
        return Err(Reply::error("ERR No failover in progress."));
    }
    context.abort_failover();
    Ok(Reply::OK)
}

#[derive(Default)]
struct Options {
    target: Option<(String, i64)>,
    timeout: Option<Duration>,
    force: bool,
}

fn options(mut args: &[&[u8]]) -> Result<Options, Reply> {
    let mut options = Options::default();
    loop {
        args = match args {
            [] => return Ok(options),
            [word, millis, rest @ ..] if is(word, "TIMEOUT") && options.timeout.is_none() => {
                let millis = u64::try_from(integer_argument(millis)?).unwrap_or_default();
                if millis == 0 {
                    return Err(Reply::error("ERR FAILOVER timeout must be greater than 0"));
                }
                options.timeout = Some(Duration::from_millis(millis));
                rest
            }
            [word, host, port, rest @ ..] if is(word, "TO") && options.target.is_none() => {
                let port = integer_argument(port)?;
                options.target = Some((String::from_utf8_lossy(host).into_owned(), port));
                rest
            }
            [word, rest @ ..] if is(word, "FORCE") && !options.force => {
                options.force = true;
                rest
            }
            _ => return Err(Reply::SYNTAX),
        }
    }
}

fn begin(context: &mut Context<'_>, args: &[&[u8]]) -> Result<Reply, Reply> {
    let Options {
        target,
        timeout,
        force,
    } = options(args)?;
    let replication = &mut context.keyspace.propagation.replication;
    let refused = |why| Err(Reply::error(why));
    if replication.failover.is_some() {
        return refused("ERR FAILOVER already in progress.");
    }
    if replication.is_replica() {
        return refused("ERR FAILOVER is not valid when server is a replica.");
    }
    if replication.replicas.is_empty() {
        return refused("ERR FAILOVER requires connected replicas.");
    }
    if force && (timeout.is_none() || target.is_none()) {
        return refused(
            "ERR FAILOVER with force option requires both a timeout and target HOST and IP.",
        );
    }
    if let Some((host, port)) = &target {
        match replication.replica_at(host, *port) {
            None => return refused("ERR FAILOVER target HOST and PORT is not a replica."),
            Some(replica) if replica.stage != Stage::Online => {
                return refused("ERR FAILOVER target replica is not online.");
            }
            Some(_) => {}
        }
    }
    let until = timeout.map(|timeout| rt::now() + timeout);
    replication.failover = Some(Failover::new(target, until, force));
    Ok(Reply::OK)
}
