//! Runs the handler of one command, whoever calls it.
//!
//! A client, a transaction, a script, a disk or a primary calls a command,
//! and each may do so under conditions of its own. Those of a client are the
//! engine's business, who asks for [`attempt`] once they are met; those of a
//! transaction and of a script are checked here, when its turn comes.
//!
//! Whoever calls it, before a command runs the keys that it finds stale are
//! forgotten, while it runs its effects are noted for the copies of the data,
//! and afterwards what it has read is noted for a client that tracks it, and
//! it is shown to those who monitor. What it answers goes to the caller, who
//! counts it and sends it on.

use bytes::Bytes;

use super::acl::Called;
use super::blocked::Attempt;
use super::bug::Bug;
use super::commands::{self, Command, Flags, Handler};
use super::context::{Caller, Context};
use super::gate;
use super::propagation::call;
use super::reply::Reply;
use super::scripts::{Permit, Scripts};
use super::transaction::Queued;
use super::wall_clock_ms;

/// Runs a command for a client, which waits if it has to. It is monitored once
/// it has run, but for what runs scripts: that comes before what they call.
pub(super) fn attempt(
    context: &mut Context<'_>,
    scripts: &mut Scripts,
    command: &'static Command,
    args: &[&[u8]],
) -> Attempt {
    begin(context, command, args);
    declare_keys(context, command, args);
    if command.flags.has(Flags::SKIP_MONITOR) && matches!(command.handler, Handler::Script(_)) {
        context
            .server
            .show_at_once(context.client, command, args, false);
    }
    let attempt = dispatch(context, scripts, command, args);
    remember_reads(context, command, args);
    if !matches!(attempt, Attempt::Unfinished) {
        context.server.show(context.client, command, args, false);
    }
    attempt
}

/// Runs a command of a transaction.
pub(super) fn execute_queued(
    context: &mut Context<'_>,
    scripts: &mut Scripts,
    queued: &Queued,
) -> Attempt {
    let args: Vec<&[u8]> = queued.args.iter().map(|arg| &arg[..]).collect();
    context.now = wall_clock_ms();
    let Context {
        keyspace,
        server,
        client,
        ..
    } = context;
    match server.denied(
        keyspace,
        client,
        queued.command,
        &args,
        Called::InTransaction,
    ) {
        Some(denied) => Attempt::Done(denied.since_queued()),
        None => attempt(context, scripts, queued.command, &args),
    }
}

/// Runs one command of a script: as a client would, less what scripts may not
/// do, with the words that Redis has for it. `wrote` says whether the script
/// has written: then it goes on to its end, whatever becomes of the server.
pub(super) fn execute_in_script(
    context: &mut Context<'_>,
    permit: Permit,
    wrote: &mut bool,
    args: &[&[u8]],
) -> Reply {
    let command = match allowed_in_script(context, permit, *wrote, args) {
        Ok(command) => command,
        Err(reply) => {
            let name = commands::find(args).map(|command| command.name);
            context.server.counts.refused(name, &reply);
            return reply;
        }
    };
    *wrote |= command.flags.has(Flags::WRITE);
    if context.keyspace.planted(Bug::ExpiryNotFrozenInScript) {
        context.now = wall_clock_ms();
    }
    debug_assert!(!command.flags.has(Flags::NO_SCRIPT));
    let reply = run_now(command, context, args);
    remember_reads(context, command, args);
    context.server.show(context.client, command, args, true);
    context.server.counts.ran(command.name, &reply);
    reply
}

fn allowed_in_script(
    context: &mut Context<'_>,
    permit: Permit,
    wrote: bool,
    args: &[&[u8]],
) -> Result<&'static Command, Reply> {
    let command =
        commands::find(args).ok_or(Reply::error("ERR Unknown Redis command called from script"))?;
    if !command.accepts(args.len()) {
        return Err(Reply::error(
            "ERR Wrong number of args calling Redis command from script",
        ));
    }
    let flags = command.flags;
    let runs = matches!(command.handler, Handler::Plain(_) | Handler::Blocking(_));
    if !runs || flags.has(Flags::NO_SCRIPT) {
        return Err(Reply::error(
            "ERR This Redis command is not allowed from script",
        ));
    }
    if gate::is_stale(context.keyspace, context.server) && !flags.has(Flags::STALE) {
        return Err(Reply::error(
            "ERR Can not execute the command on a stale replica",
        ));
    }
    let Context {
        keyspace,
        server,
        client,
        ..
    } = context;
    if let Some(denied) = server.denied(keyspace, client, command, args, Called::InScript) {
        return Err(denied.in_script());
    }
    if permit.read_only && flags.has(Flags::WRITE.and(Flags::MAY_REPLICATE)) {
        return Err(Reply::error(
            "ERR Write commands are not allowed from read-only scripts.",
        ));
    }
    if flags.has(Flags::WRITE)
        && !wrote
        && !context.is_applying()
        && let Some(refusal) = gate::of_writes(context.keyspace, context.server)
    {
        return Err(refusal);
    }
    let is_full = context.keyspace.full_at.is_some() && !permit.ignores_memory;
    if is_full && !wrote && flags.has(Flags::DENY_OOM) {
        return Err(Reply::OUT_OF_MEMORY);
    }
    Ok(command)
}

/// Runs what another server, or this one in an earlier life, has already done.
pub(super) fn apply(context: &mut Context<'_>, scripts: &mut Scripts, args: &[&[u8]]) {
    let Ok(command) = commands::resolve(args) else {
        return;
    };
    context.keyspace.quiet = true;
    match command.handler {
        Handler::Script(run) => call(context, args, |c| drop(run(c, scripts, args))),
        _ => drop(run_now(command, context, args)),
    }
    context.keyspace.quiet = false;
}

fn dispatch(
    context: &mut Context<'_>,
    scripts: &mut Scripts,
    command: &'static Command,
    args: &[&[u8]],
) -> Attempt {
    Attempt::Done(match command.handler {
        Handler::Plain(run) => call(context, args, |context| run(context, args)),
        Handler::Blocking(run) => match call(context, args, |c| run(c, args, None)) {
            Attempt::Wait(wait) if context.client.deny_blocking => wait.otherwise,
            attempt => return attempt,
        },
        Handler::Script(run) => {
            assert!(
                !context.keyspace.planted(Bug::PanicHoldingLock),
                "planted: a script met a locked keyspace"
            );
            return match command.flags.has(Flags::WRITE) {
                true => call(context, args, |context| run(context, scripts, args)),
                // What a script or a transaction does is called one by one.
                false => run(context, scripts, args),
            };
        }
        Handler::Container(_) => Reply::SYNTAX,
    })
}

/// Runs a command for somebody who cannot wait.
fn run_now(command: &Command, context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    begin(context, command, args);
    match command.handler {
        Handler::Plain(run) => call(context, args, |context| run(context, args)),
        Handler::Blocking(run) => match call(context, args, |c| run(c, args, None)) {
            Attempt::Done(reply) => reply,
            Attempt::Wait(wait) => wait.otherwise,
            Attempt::Unfinished => Reply::SYNTAX,
        },
        Handler::Script(_) | Handler::Container(_) => Reply::SYNTAX,
    }
}

fn begin(context: &mut Context<'_>, command: &Command, args: &[&[u8]]) {
    let reads = Flags::READONLY.and(Flags::READS);
    context.keyspace.lookups.counted = command.flags.has(reads);
    let is_client = context.caller == Caller::Client;
    context.keyspace.tracking.writer = is_client.then_some(context.client.id);
    forget_stale_keys(context, command, args);
}

/// Notes the keys of a command that runs a script, if its client tracks: they
/// count as read once the script has called anything that reads.
fn declare_keys(context: &mut Context<'_>, command: &Command, args: &[&[u8]]) {
    let tracking = &mut context.keyspace.tracking;
    if matches!(command.handler, Handler::Script(_)) && tracking.mode(context.client.id).is_some() {
        let keys = commands::keys_of(command, args).unwrap_or_default();
        let keys = keys.into_iter().map(Bytes::copy_from_slice);
        tracking.declared = keys.collect();
    }
}

/// Notes what a client that tracks has read.
fn remember_reads(context: &mut Context<'_>, command: &Command, args: &[&[u8]]) {
    let (tracking, client) = (&mut context.keyspace.tracking, context.client.id);
    if !command.flags.has(Flags::READONLY) || !tracking.remembers(client) {
        return;
    }
    match (context.caller, command.handler) {
        (Caller::Client, Handler::Script(_)) => {}
        (Caller::Script, _) => tracking.remember_declared(client),
        (Caller::Client, _) => {
            for key in commands::keys_of(command, args).unwrap_or_default() {
                tracking.remember(client, key);
            }
        }
    }
}

/// A replica hides a key past its deadline and keeps it; but where its own
/// clients may write, a write finds it gone.
fn forget_stale_keys(context: &mut Context<'_>, command: &Command, args: &[&[u8]]) {
    let is_replica = context.keyspace.propagation.replication.is_replica();
    if !is_replica || context.is_applying() || !command.flags.has(Flags::WRITE) {
        return;
    }
    for key in commands::keys_of(command, args).unwrap_or_default() {
        let database = context.client.database;
        context
            .keyspace
            .expire_before_write(database, key, context.now);
    }
}
