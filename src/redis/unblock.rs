//! How a client that waits gets its answer.
//!
//! When what it waits for has come about, its command is tried again, between
//! two others and on its behalf; it is answered if that came to something.
//! It is also answered if its time is up, or if somebody else ends its wait.

use std::time::Duration;

use super::blocked::{Attempt, Ticket, Waiter};
use super::client::Client;
use super::commands;
use super::context::Context;
use super::keyspace::Keyspace;
use super::propagation::{Unit, call};
use super::reply::Reply;
use super::state::ServerState;

/// Answers clients that wait for keys which became ready, or for replicas.
/// Their commands can make other keys ready.
pub(super) fn serve_ready(keyspace: &mut Box<Keyspace>, server: &mut Box<ServerState>) {
    for ticket in keyspace.blocked.take_waiting_for_replicas() {
        serve(keyspace, server, ticket, b"");
    }
    while keyspace.blocked.is_anything_ready() {
        for place in keyspace.blocked.take_ready() {
            let was_there = keyspace.holds(place.0, &place.1);
            for ticket in keyspace.blocked.waiting_for(&place) {
                let served = serve(keyspace, server, ticket, &place.1);
                if served && was_there && !keyspace.holds(place.0, &place.1) {
                    break;
                }
            }
        }
    }
}

/// Tries a waiting command again; true if it was answered.
fn serve(
    keyspace: &mut Box<Keyspace>,
    server: &mut Box<ServerState>,
    ticket: Ticket,
    key: &[u8],
) -> bool {
    let Some(waiter) = keyspace.blocked.waiter(ticket) else {
        return false;
    };
    let Waiter { client, run, .. } = *waiter;
    let args = waiter.args.clone();
    let args: Vec<&[u8]> = args.iter().map(|arg| &arg[..]).collect();
    let Some(mut client) = server.clients.take(client) else {
        return false;
    };
    keyspace.lookups.counted = false;
    let tracking = &mut keyspace.tracking;
    tracking.writer = Some(client.id);
    let caller = tracking.current.replace(client.id);
    let mut context = Context::of_client(keyspace, server, &mut client);
    let attempt = call(&mut context, &args, |context| {
        run(context, &args, Some(key))
    });
    keyspace.propagation.flush(Unit::Whole);
    server.publish_events(keyspace, &mut client);
    let served = matches!(attempt, Attempt::Done(_));
    if let Attempt::Done(reply) = attempt {
        if let Some(command) = commands::find(&args) {
            server.counts.failed_late(command.name, &reply);
            server.note_time(&client, command, &args, Duration::ZERO);
        }
        unblock(keyspace, &mut client, &reply);
    }
    server.tell_later(keyspace, &mut client);
    keyspace.tracking.current = caller;
    server.clients.put_back(client);
    served
}

/// Answers a blocked client; false if it is not blocked.
pub(super) fn unblock(keyspace: &mut Keyspace, client: &mut Client, reply: &Reply) -> bool {
    let waiting = client.blocked.take();
    let waiter = waiting.and_then(|waiting| keyspace.blocked.remove(waiting.ticket));
    if let Some(waiter) = &waiter {
        match reply {
            Reply::NullArray if waiter.is_for_replicas() => {
                let replication = &keyspace.propagation.replication;
                let count = replication.acknowledged(client.write_offset);
                client.answer(&Reply::count(count), waiter.label);
            }
            reply => client.answer(reply, waiter.label),
        }
        client.wake.notify_one();
    }
    waiter.is_some()
}
