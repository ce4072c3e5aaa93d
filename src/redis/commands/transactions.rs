//! MULTI, EXEC, DISCARD, WATCH and UNWATCH.
//!
//! Between MULTI and EXEC commands are queued, and refused ones make EXEC
//! refuse as well. EXEC runs the queue with nothing in between, and does
//! nothing if a watched key changed or expired.

use super::{Command, Flags, Handler::Plain, Handler::Script, command};
use crate::redis::engine::{Context, execute_queued};
use crate::redis::reply::Reply;
use crate::redis::scripts::Scripts;
use crate::redis::transaction::Transaction;

const SERVER: Flags = Flags::NO_SCRIPT.and(Flags::LOADING).and(Flags::STALE);
const AT_ONCE: Flags = SERVER
    .and(Flags::FAST)
    .and(Flags::ALLOW_BUSY)
    .and(Flags::ENDS_TRANSACTION);

pub(super) const COMMANDS: &[Command] = &[
    command!("discard", "DISCARD", 1, AT_ONCE, (0, 0, 0), Plain(discard)),
    command!(
        "exec",
        "EXEC",
        1,
        SERVER.and(Flags::SKIP_SLOWLOG).and(Flags::ENDS_TRANSACTION),
        (0, 0, 0),
        Script(exec)
    ),
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

fn exec(context: &mut Context<'_>, scripts: &mut Scripts, _: &[&[u8]]) -> Reply {
    if context.client.transaction.is_none() {
        return Reply::error("ERR EXEC without MULTI");
    }
    let dirty = context.keyspace.is_dirty(context.client.id, context.now);
    let Some(transaction) = context.leave_transaction() else {
        return Reply::NullArray;
    };
    if transaction.refused {
        return Reply::error("EXECABORT Transaction discarded because of previous errors.");
    }
    if dirty {
        return Reply::NullArray;
    }
    let could_block = !std::mem::replace(&mut context.client.deny_blocking, true);
    let replies = transaction
        .queue
        .iter()
        .map(|queued| execute_queued(context, scripts, queued))
        .collect();
    context.client.deny_blocking = !could_block;
    Reply::Array(replies)
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
