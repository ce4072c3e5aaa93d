//! The walsender: a connection that asks for the log instead of for rows.
//!
//! It understands IDENTIFY_SYSTEM and START_REPLICATION, and from then on
//! sends every record once it is safe here, in order, and hears how far the
//! standby is.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BufMut};
use futures_util::future::{Either, select};

use super::frontend::Message;
use super::{Block, Connection, Gone, valid_text};
use crate::postgres::engine::Shared;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::locks::Pid;
use crate::postgres::replication::{Sender, Standby};
use crate::postgres::session::Tag;
use crate::postgres::sql::current_timestamp;
use crate::postgres::wal::{Logged, Lsn};
use crate::rt;

/// The label of segments with records of the log.
pub(in crate::postgres) const LABEL: rt::Label = "WAL";

/// Records sent at once.
const BATCH: usize = 64;

/// Serves a standby on a connection until it goes.
pub(super) async fn serve(
    connection: &mut Connection,
    shared: &Arc<Shared>,
    name: String,
) -> std::result::Result<(), Gone> {
    let pid = shared.lock().backends.next_pid();
    connection.out.authentication_ok();
    connection.out.backend_key(pid, 0);
    connection.out.ready(Block::None);
    connection.flush().await?;
    loop {
        let (kind, body) = connection.message().await?;
        let command = match Message::decode(kind, &body) {
            Ok(Message::Query(text)) => text,
            Ok(Message::Terminate) => return Ok(()),
            Ok(_) => continue,
            Err(error) => return connection.fatal(error).await,
        };
        match parse(command) {
            Ok(Command::Identify) => identify(connection, shared),
            Ok(Command::Start { at, timeline }) => match check(shared, at, timeline) {
                Ok(()) => {
                    let _listed = Listed { shared, pid };
                    return stream(connection, shared, pid, name, at).await;
                }
                Err(error) => connection.out.error(&error),
            },
            Err(error) => connection.out.error(&error),
        }
        connection.out.ready(Block::None);
        connection.flush().await?;
    }
}

enum Command {
    Identify,
    Start { at: Lsn, timeline: u32 },
}

fn parse(command: &[u8]) -> Result<Command> {
    let text = valid_text(command)?.trim().trim_end_matches(';');
    let words: Vec<&str> = text.split_whitespace().collect();
    let syntax = || Error::new(SqlState::SYNTAX_ERROR, "syntax error");
    match words.as_slice() {
        ["IDENTIFY_SYSTEM"] => Ok(Command::Identify),
        ["START_REPLICATION", at, "TIMELINE", timeline] => Ok(Command::Start {
            at: at.parse().map_err(|()| syntax())?,
            timeline: timeline.parse().map_err(|_| syntax())?,
        }),
        _ => Err(syntax()),
    }
}

fn identify(connection: &mut Connection, shared: &Shared) {
    let (_, flushed) = shared.log.inserted_and_flushed();
    let timeline = shared.log.timeline().to_string();
    let row = ["7000000000000000000", &timeline, &flushed.to_string(), ""];
    connection.out.text_row(
        &["systemid", "timeline", "xlogpos", "dbname"],
        &row.map(Some),
    );
    connection
        .out
        .command_complete(Tag::Word("IDENTIFY_SYSTEM"));
}

/// Refuses a standby whose log is not a beginning of this server's.
fn check(shared: &Shared, at: Lsn, timeline: u32) -> Result<()> {
    if shared.replication.in_recovery() {
        return Err(Error::unsupported("replication from a standby"));
    }
    let (_, flushed) = shared.log.inserted_and_flushed();
    let own = shared.log.timeline();
    if timeline == own {
        return match at <= flushed {
            true => Ok(()),
            false => Err(Error::new(
                SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
                format!(
                    "requested starting point {at} is ahead of the WAL flush position of this \
                     server {flushed}"
                ),
            )),
        };
    }
    let left = shared.log.cluster().left(own, timeline);
    if left.is_some_and(|left| at <= left) {
        return Ok(());
    }
    let error = Error::new(
        SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
        format!(
            "requested starting point {at} on timeline {timeline} is not in this server's history"
        ),
    );
    Err(match left {
        Some(left) => error.detail(format!(
            "This server's history forked from timeline {timeline} at {left}."
        )),
        None => error,
    })
}

/// A standby in pg_stat_replication, as long as it is there.
struct Listed<'a> {
    shared: &'a Shared,
    pid: Pid,
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        self.shared.replication.remove_sender(self.pid);
    }
}

async fn stream(
    connection: &mut Connection,
    shared: &Shared,
    pid: Pid,
    name: String,
    at: Lsn,
) -> std::result::Result<(), Gone> {
    let options = &shared.options.replication;
    let names = &options.synchronous_standby_names;
    let mut sender = Sender {
        synchronous: names.iter().any(|one| *one == name || one == "*"),
        name,
        sent: at,
        standby: Standby {
            write: at,
            flush: at,
            apply: at,
        },
    };
    shared.replication.set_sender(pid, sender.clone());
    connection.out.copy_response(b'W', 0, false);
    connection.flush().await?;
    let timeout = Duration::from_nanos(options.wal_sender_timeout_ns);
    let (mut heard, mut asked) = (rt::now(), false);
    loop {
        let moved = pin!(shared.replication.moved.notified());
        if shared.replication.is_closed() {
            return Ok(());
        }
        if send(connection, shared, &mut sender).await? {
            shared.replication.set_sender(pid, sender.clone());
            continue;
        }
        let due = heard + if asked { timeout } else { timeout / 2 };
        let due = pin!(rt::sleep_until(due));
        let message = {
            let message = pin!(connection.message());
            match select(message, select(moved, due)).await {
                Either::Left((message, _)) => Some(message?),
                Either::Right((Either::Left(_), _)) => continue,
                Either::Right((Either::Right(_), _)) => None,
            }
        };
        let message = message.as_ref();
        match message.map(|(kind, body)| Message::decode(*kind, body)) {
            Some(Ok(Message::CopyData(body))) => {
                (heard, asked) = (rt::now(), false);
                if let Some(standby) = status(body) {
                    sender.standby = standby;
                    shared.replication.set_sender(pid, sender.clone());
                }
            }
            None if !asked => {
                asked = true;
                keepalive(connection, sender.sent);
                connection.flush().await?;
            }
            // It says goodbye, or nothing at all.
            Some(_) | None => return Ok(()),
        }
    }
}

/// Sends what is safe and has not been sent; false if there is nothing.
async fn send(
    connection: &mut Connection,
    shared: &Shared,
    sender: &mut Sender,
) -> std::result::Result<bool, Gone> {
    let (timeline, cluster) = (shared.log.timeline(), shared.log.cluster());
    let from = sender.sent;
    for _ in 0..BATCH {
        let Some(logged) = shared.log.next(sender.sent) else {
            break;
        };
        record(connection, sender.sent, &logged);
        cluster.send(timeline, logged.end, logged.record.clone());
        sender.sent = logged.end;
    }
    if sender.sent == from {
        return Ok(false);
    }
    connection.labels.push(LABEL);
    connection.flush().await?;
    Ok(true)
}

fn record(connection: &mut Connection, start: Lsn, logged: &Logged) {
    let bytes = usize::try_from(logged.end.0 - start.0).unwrap_or(0);
    connection.out.copy_data(|out| {
        out.put_u8(b'w');
        out.put_u64(start.0);
        out.put_u64(logged.end.0);
        out.put_i64(current_timestamp());
        out.put_bytes(0, bytes);
    });
}

fn keepalive(connection: &mut Connection, at: Lsn) {
    connection.out.copy_data(|out| {
        out.put_u8(b'k');
        out.put_u64(at.0);
        out.put_i64(current_timestamp());
        out.put_u8(1);
    });
}

/// A standby status update; None for other messages.
fn status(mut body: &[u8]) -> Option<Standby> {
    if body.try_get_u8().ok()? != b'r' {
        return None;
    }
    let mut lsn = || body.try_get_u64().ok().map(Lsn);
    Some(Standby {
        write: lsn()?,
        flush: lsn()?,
        apply: lsn()?,
    })
}
