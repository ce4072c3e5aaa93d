//! MULTI, EXEC, DISCARD, WATCH and UNWATCH.
//!
//! Between MULTI and EXEC commands are queued, and refused ones make EXEC
//! refuse as well. EXEC runs the queue with nothing in between, and does
//! nothing if a watched key changed or expired.

use super::{Command, Flags, Handler::Plain, Handler::Script, command};
use crate::redis::blocked::Attempt;
use crate::redis::context::Context;
use crate::redis::dispatch::execute_queued;
use crate::redis::reply::Reply;
use crate::redis::scripts::Scripts;
use crate::redis::transaction::{Queued, Transaction};

const SERVER: Flags = Flags::NO_SCRIPT.and(Flags::LOADING).and(Flags::STALE);
const AT_ONCE: Flags = SERVER
    .and(Flags::FAST)
    .and(Flags::ALLOW_BUSY)
    .and(Flags::ENDS_TRANSACTION);

const EXEC: Flags = SERVER
    .and(Flags::SKIP_SLOWLOG)
    .and(Flags::ENDS_TRANSACTION)
    .and(Flags::EXECUTES);

pub(super) const COMMANDS: &[Command] = &[
    command!("discard", "DISCARD", 1, AT_ONCE, (0, 0, 0), Plain(discard)),
    command!("exec", "EXEC", 1, EXEC, (0, 0, 0), Script(exec)),
    command!("multi", "MULTI", 1, AT_ONCE, (0, 0, 0), Plain(multi)),
    command!(
        "unwatch",
        "UNWATCH",
        1,
        SERVER.and(Flags::FAST).and(Flags::ALLOW_BUSY),
        (0, 0, 0),
        Plain(unwatch)
    ),
    command!("watch", "WATCH", -2, AT_ONCE, (1, -1, 1), Plain(watch)),
];

fn multi(context: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    if context.client.transaction.is_some() {
        return Reply::error("ERR MULTI calls can not be nested");
    }
    context.client.transaction = Some(Transaction::default());
    Reply::OK
}

impl Context<'_> {
    /// Leaves the transaction and forgets what was watched.
    pub(super) fn leave_transaction(&mut self) -> Option<Transaction> {
        self.keyspace.watches.remove(self.client.id);
        self.client.transaction.take()
    }
}

fn discard(context: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    if context.client.transaction.is_none() {
        return Reply::error("ERR DISCARD without MULTI");
    }
    context.leave_transaction();
    Reply::OK
}

fn exec(context: &mut Context<'_>, scripts: &mut Scripts, _: &[&[u8]]) -> Attempt {
    if context.client.transaction.is_none() {
        return Attempt::Done(Reply::error("ERR EXEC without MULTI"));
    }
    let dirty = context.keyspace.is_dirty(context.client.id, context.now);
    let Some(transaction) = context.leave_transaction() else {
        return Attempt::Done(Reply::NullArray);
    };
    if transaction.refused {
        return Attempt::Done(Reply::error(
            "EXECABORT Transaction discarded because of previous errors.",
        ));
    }
    if dirty {
        return Attempt::Done(Reply::NullArray);
    }
    context.client.executing = Some(transaction.queue.len());
    let replies = Vec::with_capacity(transaction.queue.len());
    let queue = transaction.queue.into_iter();
    let rest = Rest {
        replies,
        queue,
        running: None,
    };
    go_on(context, scripts, rest, None)
}

/// An EXEC that is under way.
pub(in crate::redis) struct Rest {
    replies: Vec<Reply>,
    queue: std::vec::IntoIter<Queued>,
    /// The command whose script is not over.
    running: Option<&'static str>,
}

/// Runs what there is of a transaction, up to a script that is not over, after
/// one that is.
pub(in crate::redis) fn go_on(
    context: &mut Context<'_>,
    scripts: &mut Scripts,
    mut rest: Rest,
    reply: Option<Reply>,
) -> Attempt {
    if let (Some(name), Some(reply)) = (rest.running.take(), reply) {
        context.server.counts.ran(name, &reply);
        rest.replies.push(after_pushes(context, reply));
    }
    let could_block = !std::mem::replace(&mut context.client.deny_blocking, true);
    let attempt = loop {
        let Some(queued) = rest.queue.next() else {
            break Attempt::Done(Reply::Array(rest.replies));
        };
        let reply = match execute_queued(context, scripts, &queued) {
            Attempt::Done(reply) => reply,
            Attempt::Wait(wait) => wait.otherwise,
            Attempt::Unfinished => {
                rest.running = Some(queued.command.name);
                scripts.transaction = Some(rest);
                break Attempt::Unfinished;
            }
        };
        context.server.counts.ran(queued.command.name, &reply);
        rest.replies.push(after_pushes(context, reply));
    };
    context.client.deny_blocking = !could_block;
    if !matches!(attempt, Attempt::Unfinished) {
        context.client.executing = None;
    }
    attempt
}

/// A reply, after what the client sent itself meanwhile.
fn after_pushes(context: &mut Context<'_>, reply: Reply) -> Reply {
    let mut pushes = context.server.take_pushes(context.keyspace, context.client);
    if pushes.is_empty() {
        return reply;
    }
    pushes.push(reply);
    Reply::Several(pushes)
}

fn watch(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    if context.client.transaction.is_some() {
        return Reply::error("ERR WATCH inside MULTI is not allowed");
    }
    let (client, database) = (context.client.id, context.client.database);
    for key in &args[1..] {
        context.keyspace.watch(database, key, context.now, client);
    }
    Reply::OK
}

fn unwatch(context: &mut Context<'_>, _: &[&[u8]]) -> Reply {
    context.keyspace.watches.remove(context.client.id);
    Reply::OK
}
