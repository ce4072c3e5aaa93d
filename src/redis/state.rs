//! What a server knows besides its keys: clients, channels, settings, counts.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use indexmap::{IndexMap, IndexSet};
use rustc_hash::FxBuildHasher;

use super::acl::{Acl, Called, Denied, Entry};
use super::client::{Client, ClientId};
use super::clients::Clients;
use super::commands::{self, Command, Flags};
use super::config::Config;
use super::events::Event;
use super::keyspace::Keyspace;
use super::pubsub::PubSub;
use super::redaction::redacted;
use super::replication::HistoryId;
use super::reply::Reply;
use super::sentinel::Sentinel;
use super::slow_log::SlowLog;
use super::{acl, wall_clock_ms};
use crate::rt::{self, Instant};

#[derive(Debug, Default)]
pub(super) struct ServerState {
    pub(super) clients: Clients,
    pub(super) pubsub: PubSub,
    pub(super) config: Config,
    pub(super) acl: Acl,
    pub(super) slow_log: SlowLog,
    /// Clients that see every command, as MONITOR asks.
    pub(super) monitors: IndexSet<ClientId, FxBuildHasher>,
    pub(super) counts: Counts,
    /// Set on a sentinel.
    pub(super) sentinel: Option<Box<Sentinel>>,
    /// SHUTDOWN was called.
    pub(super) ends: bool,
}

/// What INFO counts.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) started_at: Option<Instant>,
    /// Drawn when it is first asked for.
    run_id: OnceLock<HistoryId>,
    pub(super) commands: u64,
    /// Connections that `maxclients` left no room for.
    pub(super) turned_away: u64,
    /// Scripts in the cache.
    pub(super) scripts: usize,
    /// Errors by their code.
    pub(super) errors: BTreeMap<String, u64>,
    pub(super) by_command: IndexMap<&'static str, CommandCounts, FxBuildHasher>,
    /// The error that the running script answers is that of a command, which
    /// has been counted.
    pub(super) was_counted: bool,
}

/// What INFO counts for each command.
#[derive(Debug, Default)]
pub(super) struct CommandCounts {
    pub(super) calls: u64,
    /// Refused before they ran.
    pub(super) rejected: u64,
    /// Answered with an error.
    pub(super) failed: u64,
}

impl Counts {
    /// Names the process.
    pub(super) fn run_id(&self) -> HistoryId {
        *self.run_id.get_or_init(HistoryId::new)
    }

    fn of_command(&mut self, name: &'static str) -> &mut CommandCounts {
        let all = &mut self.by_command;
        let known = all.get_index_of(name);
        let index = known.unwrap_or_else(|| all.insert_full(name, Default::default()).0);
        &mut all[index]
    }

    /// A command ran and answered.
    pub(super) fn ran(&mut self, name: &'static str, reply: &Reply) {
        self.commands += 1;
        self.of_command(name).calls += 1;
        let was_counted = std::mem::take(&mut self.was_counted);
        if let Reply::Error(text) = reply {
            self.of_command(name).failed += 1;
            if !was_counted {
                self.error(text);
            }
        }
    }

    /// A command was refused.
    pub(super) fn refused(&mut self, name: Option<&'static str>, reply: &Reply) {
        if let Some(name) = name {
            self.of_command(name).rejected += 1;
        }
        if let Reply::Error(text) = reply {
            self.error(text);
        }
    }

    /// A command began to wait.
    pub(super) fn waits(&mut self, name: &'static str) {
        self.commands += 1;
        self.of_command(name).calls += 1;
    }

    /// A command that had to wait ended with an error.
    pub(super) fn failed_late(&mut self, name: &'static str, reply: &Reply) {
        if let Reply::Error(text) = reply {
            self.of_command(name).failed += 1;
            self.error(text);
        }
    }

    fn error(&mut self, text: &[u8]) {
        let code = text.split(|byte| *byte == b' ').next().unwrap_or_default();
        let code = String::from_utf8_lossy(code).into_owned();
        *self.errors.entry(code).or_default() += 1;
    }

    /// CONFIG RESETSTAT.
    pub(super) fn reset(&mut self) {
        *self = Counts {
            started_at: self.started_at,
            run_id: self.run_id.clone(),
            scripts: self.scripts,
            ..Counts::default()
        };
    }
}

impl ServerState {
    /// Why a client may not call a command, if so. It is noted.
    pub(super) fn denied(
        &mut self,
        keyspace: &Keyspace,
        client: &Client,
        command: &Command,
        args: &[&[u8]],
        called: Called,
    ) -> Option<Denied> {
        let denied = self.acl.denies(client.user.as_ref(), command, args)?;
        let (reason, object) = match denied {
            Denied::Command => ("command", command.name.as_bytes()),
            Denied::Key(index) => ("key", args[index]),
            Denied::Channel(index) => ("channel", args[index]),
        };
        let user = client.user.as_deref().unwrap_or(acl::DEFAULT);
        self.note_denial(keyspace, client, user, reason, object, called);
        Some(denied)
    }

    /// Notes in ACL LOG that a client was denied something as that user, or to
    /// be that user.
    pub(super) fn note_denial(
        &mut self,
        keyspace: &Keyspace,
        client: &Client,
        user: &[u8],
        reason: &'static str,
        object: &[u8],
        called: Called,
    ) {
        let now = wall_clock_ms();
        let entry = Entry {
            count: 1,
            reason,
            context: called.name(),
            object: Bytes::copy_from_slice(object),
            username: Bytes::copy_from_slice(user),
            at: now,
            client: commands::client::describe(keyspace, self, now, client),
        };
        self.acl.log.note(entry, self.config.acl_log_max);
    }

    /// Notes a command that has taken so long, if that is too long.
    pub(super) fn note_time<T: AsRef<[u8]>>(
        &mut self,
        client: &Client,
        command: &Command,
        args: &[T],
        took: Duration,
    ) {
        let limit = u64::try_from(self.config.slow_after_us);
        let is_slow = limit.is_ok_and(|limit| took >= Duration::from_micros(limit));
        if is_slow && !command.flags.has(Flags::SKIP_SLOWLOG) {
            let most = self.config.slow_log_max;
            self.slow_log
                .note(client, &redacted(command, args), took, most);
        }
    }

    /// Tells everybody what happened to keys. The running client is told what
    /// to forget of them once it has its reply.
    pub(super) fn tell(&mut self, keyspace: &mut Keyspace, running: Option<ClientId>) {
        let Keyspace {
            events, tracking, ..
        } = keyspace;
        let (clients, selected) = (&mut self.clients, events.selected);
        for event in events.pending.drain(..) {
            match event {
                Event::OfKey(event) => self.pubsub.publish_event(clients, selected, &event),
                Event::Stale(stale) => tracking.tell(clients, running, stale),
            }
        }
    }

    /// Tells everybody, and hands the running client what was sent to it.
    pub(super) fn publish_events(&mut self, keyspace: &mut Keyspace, running: &mut Client) {
        self.tell(keyspace, Some(running.id));
        self.clients.hand_over(running);
    }

    /// Tells a client that has its reply what it had to be told later.
    pub(super) fn tell_later(&mut self, keyspace: &mut Keyspace, client: &mut Client) {
        if !keyspace.tracking.has_told_all() {
            keyspace.tracking.tell_later(&mut self.clients, client.id);
            self.clients.hand_over(client);
        }
    }

    /// What was sent to the running client, published by what it has done so
    /// far among it, instead of handing it over at the end.
    pub(super) fn take_pushes(
        &mut self,
        keyspace: &mut Keyspace,
        running: &mut Client,
    ) -> Vec<Reply> {
        self.tell(keyspace, Some(running.id));
        self.clients.take_pushes(running)
    }

    /// Shows those who monitor a command that has run.
    pub(super) fn show(
        &mut self,
        client: &Client,
        command: &Command,
        args: &[&[u8]],
        in_script: bool,
    ) {
        if !command.flags.has(Flags::UNMONITORED) {
            self.show_at_once(client, command, args, in_script);
        }
    }

    pub(super) fn show_at_once(
        &mut self,
        client: &Client,
        command: &Command,
        args: &[&[u8]],
        in_script: bool,
    ) {
        if self.monitors.is_empty() {
            return;
        }
        let now = rt::unix_time();
        let address = if in_script { "lua" } else { &client.address };
        let mut line = format!(
            "{}.{:06} [{} {address}]",
            now.as_secs(),
            now.subsec_micros(),
            client.database
        )
        .into_bytes();
        for arg in redacted(command, args) {
            line.extend(b" \"");
            for byte in arg {
                escape(&mut line, *byte);
            }
            line.push(b'"');
        }
        let line = Reply::Status(line.into());
        for monitor in &self.monitors {
            self.clients.push(*monitor, &line, "monitored command");
        }
    }
}

/// A byte as `redis-cli` quotes it.
fn escape(out: &mut Vec<u8>, byte: u8) {
    match byte {
        b'\\' | b'"' => out.extend([b'\\', byte]),
        b'\n' => out.extend(b"\\n"),
        b'\r' => out.extend(b"\\r"),
        b'\t' => out.extend(b"\\t"),
        7 => out.extend(b"\\a"),
        8 => out.extend(b"\\b"),
        b' '..=b'~' => out.push(byte),
        byte => out.extend(format!("\\x{byte:02x}").bytes()),
    }
}
