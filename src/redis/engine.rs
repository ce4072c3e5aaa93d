//! The synchronous heart: one command in, one reply out.
//!
//! Everything a server knows sits behind one lock, and a command runs from
//! its first to its last effect without letting go of it; that is what makes
//! Redis commands atomic. Nothing here waits, reads a socket, or knows that
//! there are tasks.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::acl::Called;
use super::blocked::Attempt;
use super::client::{Client, ClientId, Waiting};
use super::commands::{self, Command, Flags, Handler};
use super::context::{Caller, Context};
use super::dispatch;
use super::eviction::EvictionPolicy;
use super::gate;
use super::keyspace::Keyspace;
use super::observer::{Moment, Observer};
use super::persistence::{self, Aof, Mounted, Persistence, Store};
use super::propagation::Unit;
use super::replication::HistoryId;
use super::reply::Reply;
use super::scripts::{Progress, Scripts};
use super::sentinel::Sentinel;
use super::state::ServerState;
use super::transaction::Queued;
use super::unblock::{self, unblock};
use super::unfinished::Unfinished;
use super::{Options, wall_clock_ms};
use crate::rt::{self, Instant, Label};

/// A whole server, but for its sockets.
pub(super) struct Engine {
    pub(super) keyspace: Box<Keyspace>,
    pub(super) server: Box<ServerState>,
    pub(super) scripts: Scripts,
    /// The command whose script is not over.
    unfinished: Option<Unfinished>,
    /// How long the disk takes to sync the append-only file.
    pub(super) fsync_time: Duration,
    /// Until then it answers that it is loading.
    loads_until: Option<Instant>,
}

/// What becomes of a request.
#[derive(Debug)]
pub(super) enum Executed {
    /// It is answered, or will be when its client is unblocked.
    Done,
    /// It has to come again: no command runs before this instant.
    Postponed(Instant),
}

impl Engine {
    pub(super) fn new(options: &Options, observer: Arc<dyn Observer>) -> Engine {
        let mut server = Box::<ServerState>::default();
        server.counts.started_at = Some(rt::now());
        let mut keyspace = Box::new(Keyspace::new(options.planted, observer));
        keyspace.propagation.replication.stream.id = HistoryId::new();
        let memory = (options.maxmemory, options.maxmemory_policy);
        if memory != <(u64, EvictionPolicy)>::default() {
            let (bytes, policy) = (memory.0.to_string(), memory.1.name());
            let settings = [("maxmemory", &*bytes), ("maxmemory-policy", policy)];
            let set = server.config.set(&settings);
            set.expect("a number of bytes and a policy can be set");
        }
        for (name, value) in &options.parameters {
            let set = server.config.set(&[(*name, value.as_str())]);
            set.expect("whoever starts a server knows its parameters");
        }
        keyspace.limit_memory(server.config.memory);
        Engine {
            keyspace,
            server,
            scripts: Scripts::new(options.script_instructions_max),
            unfinished: None,
            fsync_time: options.fsync_time,
            loads_until: None,
        }
    }

    /// Takes up what an earlier server left, and where this one will leave
    /// what it does.
    pub(super) fn start_on(&mut self, disk: &Mounted, options: &Options) {
        persistence::load(self, disk, options.persistence != Persistence::None);
        self.keyspace.propagation.aof = Aof::open(disk, options.persistence);
        self.keyspace.store = Some(Store::new(disk));
        let saved = disk.sentinel().or_else(|| options.sentinel.clone());
        self.server.sentinel = saved.map(|saved| Box::new(Sentinel::new(&saved, options.planted)));
        let primary = match disk.config() {
            Some(file) => file.primary,
            None => options.replica_of.clone(),
        };
        let moment = match primary {
            None => Moment::Start,
            Some((host, port)) => {
                let replication = &mut self.keyspace.propagation.replication;
                replication.begin_to_follow(host, port);
                Moment::StartAsReplica
            }
        };
        self.keyspace.tell_of_stock(moment);
        if !options.load_time.is_zero() && !self.keyspace.is_empty() {
            self.loads_until = Some(rt::now() + options.load_time);
        }
    }

    /// Does what an operator would with REPLICAOF and CONFIG REWRITE: the
    /// server follows this primary, or leads.
    pub(super) fn replicate(&mut self, primary: Option<(String, u16)>) {
        if let Some(store) = &self.keyspace.store {
            store.rewrite_config(primary.clone());
        }
        self.as_nobody(|context| match primary {
            Some((host, port)) => context.follow(host, port),
            None => context.lead(),
        });
    }

    /// Does what no client asked for.
    pub(super) fn as_nobody<T>(&mut self, work: impl FnOnce(&mut Context<'_>) -> T) -> T {
        let client = &mut Box::default();
        work(&mut Context::of_client(
            &mut self.keyspace,
            &mut self.server,
            client,
        ))
    }

    /// Lets the sentinel do something, if this is one.
    pub(super) fn with_sentinel<T>(&mut self, work: impl FnOnce(&mut Sentinel) -> T) -> Option<T> {
        let output = self.server.sentinel.as_deref_mut().map(work);
        self.tell_of_sentinel();
        output
    }

    /// Publishes what the sentinel did, and has its disk keep what it knows.
    fn tell_of_sentinel(&mut self) {
        let Some(sentinel) = &mut self.server.sentinel else {
            return;
        };
        let events = std::mem::take(&mut sentinel.own.events);
        if events.is_empty() {
            return;
        }
        if let Some(store) = &self.keyspace.store
            && let Some(saved) = sentinel.take_unsaved()
        {
            store.save_sentinel(saved);
        }
        for (channel, message) in events {
            tracing::info!("{channel} {message}");
            let (channel, message) = (channel.as_bytes(), message.as_bytes());
            let clients = &mut self.server.clients;
            self.server.pubsub.publish(clients, channel, message);
        }
    }

    /// Runs what another server, or this one in an earlier life, has already
    /// done.
    pub(super) fn apply(&mut self, client: &mut Box<Client>, args: &[Bytes]) {
        let args: Vec<&[u8]> = args.iter().map(|arg| &arg[..]).collect();
        let mut context = Context::of_the_past(&mut self.keyspace, &mut self.server, client);
        dispatch::apply(&mut context, &mut self.scripts, &args);
    }

    /// Whether there is room for one more client.
    pub(super) fn admits(&mut self) -> bool {
        let has_room = self.server.clients.len() < self.server.config.clients_max;
        self.server.counts.turned_away += u64::from(!has_room);
        has_room
    }

    pub(super) fn connect(&mut self, address: String, local_address: String) -> ClientId {
        let now = wall_clock_ms();
        self.server.clients.connect(Client {
            address: address.into(),
            local_address,
            authenticated: self.server.acl.is_open(),
            connected_at: now,
            active_at: now,
            ..Client::default()
        })
    }

    /// Forgets a client that left.
    pub(super) fn disconnect(&mut self, id: ClientId) {
        let Some(mut client) = self.server.clients.disconnect(id) else {
            return;
        };
        if let Some(Waiting { ticket, .. }) = client.blocked {
            self.keyspace.blocked.remove(ticket);
        }
        self.keyspace.watches.remove(id);
        self.keyspace.tracking.disable(id);
        self.server.pubsub.forget(&mut client);
        self.server.monitors.shift_remove(&id);
        self.keyspace.propagation.replication.detach(id);
    }

    /// Runs one request of a client.
    pub(super) fn execute(&mut self, client: &mut Box<Client>, args: &[&[u8]]) -> Executed {
        let executed = self.run_or_refuse(client, args);
        let tracking = &mut self.keyspace.tracking;
        if !tracking.is_idle()
            && matches!(executed, Executed::Done)
            && client.transaction.is_none()
            && !args[0].eq_ignore_ascii_case(b"CLIENT")
            && let Some(mode) = tracking.mode_mut(client.id)
        {
            mode.caching = false;
        }
        executed
    }

    fn run_or_refuse(&mut self, client: &mut Box<Client>, args: &[&[u8]]) -> Executed {
        let admitted = self.admit(client, args);
        // What was evicted for it.
        self.server.clients.hand_over(client);
        let (command, flags) = match admitted {
            Ok(admitted) => admitted,
            Err((reply, label)) => {
                let reply = gate::refuse(&mut self.keyspace, client, args, reply);
                self.server
                    .counts
                    .refused(commands::find(args).map(|c| c.name), &reply);
                client.answer(&reply, label);
                return Executed::Done;
            }
        };
        if let Some(until) = gate::holds_back(&self.keyspace, client, flags) {
            return Executed::Postponed(until);
        }
        client.active_at = wall_clock_ms();
        if !flags.has(Flags::ENDS_TRANSACTION)
            && let Some(transaction) = &mut client.transaction
        {
            let args = args.iter().map(|arg| Bytes::copy_from_slice(arg)).collect();
            transaction.queue.push(Queued {
                command,
                flags,
                args,
            });
            client.answer(&Reply::status("QUEUED"), command.reply_label);
            return Executed::Done;
        }
        self.run(client, command, args);
        Executed::Done
    }

    /// The command and the flags of this call, if this client may call it now.
    fn admit(
        &mut self,
        client: &mut Client,
        args: &[&[u8]],
    ) -> Result<(&'static Command, Flags), (Reply, Label)> {
        let resolved = match self.server.sentinel {
            None => commands::resolve(args),
            Some(_) => commands::resolve_for_sentinel(args),
        };
        client.last_command = match &resolved {
            Ok(command) => Some(command.name),
            Err(_) => commands::find(args).map(|command| command.name),
        };
        let command = resolved.map_err(|error| (error, commands::UNKNOWN_REPLY_LABEL))?;
        let flags = match command.handler {
            Handler::Script(_) => commands::flags_of_call(&self.scripts, command, args),
            _ => command.flags,
        };
        match self.refusal(client, command, flags, args) {
            Some(reply) => Err((reply, command.reply_label)),
            None => Ok((command, flags)),
        }
    }

    /// Why this client may not call a command now.
    fn refusal(
        &mut self,
        client: &Client,
        command: &Command,
        flags: Flags,
        args: &[&[u8]],
    ) -> Option<Reply> {
        if !client.authenticated && !flags.has(Flags::NO_AUTH) {
            return Some(Reply::error("NOAUTH Authentication required."));
        }
        let called = match client.transaction {
            Some(_) => Called::InTransaction,
            None => Called::Directly,
        };
        let denied = self
            .server
            .denied(&self.keyspace, client, command, args, called);
        if let Some(denied) = denied {
            return Some(denied.reply(command));
        }
        if let Some(refusal) = gate::by_role(&self.keyspace, &self.server, client, flags) {
            return Some(refusal);
        }
        if self.is_loading() && !gate::runs_while_loading(command) {
            return Some(Reply::LOADING);
        }
        if client.transaction.is_some() && flags.has(Flags::NO_MULTI) {
            return Some(Reply::error("ERR Command not allowed inside a transaction"));
        }
        if self.is_out_of_memory(client, flags) {
            return Some(Reply::OUT_OF_MEMORY);
        }
        if let Some(refusal) = gate::while_subscribed(client, command, flags) {
            return Some(refusal);
        }
        let script = self.scripts.paused();
        let script = script.filter(|_| !flags.has(Flags::ALLOW_BUSY));
        script.map(|script| script.kind().busy())
    }

    /// Makes room for a command; true if it needs some and there is none.
    fn is_out_of_memory(&mut self, client: &Client, flags: Flags) -> bool {
        if self.unfinished.is_some() {
            return false;
        }
        let has_room = self.make_room();
        self.keyspace.full_at = (!has_room).then(|| self.keyspace.dirty());
        let queued = client.transaction.is_some() && !flags.has(Flags::ENDS_TRANSACTION);
        !has_room && (queued || gate::any_has(client, flags, Flags::DENY_OOM))
    }

    /// Evicts what there is no room for; false if that is not enough.
    fn make_room(&mut self) -> bool {
        // A replica has what its primary has, whatever it takes.
        let is_replica = self.keyspace.propagation.replication.is_replica();
        if self.keyspace.limit.bytes == 0 || is_replica || self.is_loading() {
            return true;
        }
        let has_room = self.keyspace.make_room(wall_clock_ms());
        self.tell_of_removed();
        has_room
    }

    /// Keeps a `maxmemory` that was set, before anybody else asks for
    /// anything.
    pub(super) fn keep_new_limit(&mut self) {
        if self.keyspace.has_new_limit && !self.is_in_script() {
            self.keyspace.has_new_limit = false;
            self.make_room();
            self.serve_blocked();
        }
    }

    fn run(&mut self, client: &mut Box<Client>, command: &'static Command, args: &[&[u8]]) {
        let now = client.active_at;
        let mut context = Context {
            keyspace: &mut self.keyspace,
            server: &mut self.server,
            client,
            now,
            caller: Caller::Client,
        };
        let attempt = dispatch::attempt(&mut context, &mut self.scripts, command, args);
        if self.server.config.slow_after_us == 0 && matches!(attempt, Attempt::Done(_)) {
            self.server.note_time(client, command, args, Duration::ZERO);
        }
        self.conclude(client, command, args, attempt);
    }

    /// Does what follows an attempt to run a command.
    fn conclude(
        &mut self,
        client: &mut Client,
        command: &'static Command,
        args: &[&[u8]],
        attempt: Attempt,
    ) {
        match attempt {
            Attempt::Done(reply) => {
                // What a script has done so far goes out when it is over.
                if self.unfinished.is_none() {
                    self.keyspace.propagation.flush(Unit::Whole);
                }
                client.write_offset = self.keyspace.propagation.replication.stream.offset;
                self.tell_of_sentinel();
                self.server.publish_events(&mut self.keyspace, client);
                self.server.counts.ran(command.name, &reply);
                self.server.counts.scripts = self.scripts.len();
                client.answer(&reply, command.reply_label);
                self.server.tell_later(&mut self.keyspace, client);
                if self.unfinished.is_none() {
                    self.serve_blocked();
                    self.server.clients.hand_over(client);
                }
            }
            Attempt::Wait(wait) => {
                let Handler::Blocking(run) = command.handler else {
                    return;
                };
                let until = wait.timeout.map(|timeout| rt::now() + timeout);
                let blocked = &mut self.keyspace.blocked;
                let ticket = blocked.add(client, run, args, command.reply_label, wait);
                client.blocked = Some(Waiting { ticket, until });
                self.server.counts.waits(command.name);
            }
            Attempt::Unfinished => {
                self.server.publish_events(&mut self.keyspace, client);
                let began = self
                    .scripts
                    .paused()
                    .map_or(rt::now(), |script| script.began);
                let patience_ms = self.server.config.busy_after_ms;
                self.unfinished = Some(Unfinished::new(
                    client.id,
                    command,
                    args,
                    began,
                    patience_ms,
                ));
            }
        }
    }

    /// Goes on with the command whose script is not over.
    pub(super) fn go_on_with_script(&mut self) {
        let Some(unfinished) = self.unfinished.take() else {
            return;
        };
        // It goes on if its client has left.
        let client = self.server.clients.take(unfinished.client);
        let mut client = client.unwrap_or_default();
        self.keyspace.client = Some(client.address.clone());
        self.keyspace.tracking.current = Some(unfinished.client);
        let mut context = Context::of_client(&mut self.keyspace, &mut self.server, &mut client);
        let attempt = match self.scripts.go_on(&mut context) {
            Progress::Paused => Attempt::Unfinished,
            Progress::Ended(reply) => match self.scripts.transaction.take() {
                Some(rest) => commands::go_on(&mut context, &mut self.scripts, rest, Some(reply)),
                None => Attempt::Done(reply),
            },
        };
        let args: Vec<&[u8]> = unfinished.args.iter().map(|arg| &arg[..]).collect();
        if matches!(attempt, Attempt::Done(_)) {
            let (command, took) = (unfinished.command, unfinished.began.elapsed());
            self.server.note_time(&client, command, &args, took);
            self.server.show(&client, command, &args, false);
        }
        self.conclude(&mut client, unfinished.command, &args, attempt);
        self.keyspace.client = None;
        self.keyspace.tracking.current = None;
        client.wake.notify_one();
        self.server.clients.put_back(client);
        if self.unfinished.is_none() {
            self.server.clients.wake_all();
        }
    }

    /// Whether a script is not over.
    pub(super) fn is_in_script(&self) -> bool {
        self.unfinished.is_some()
    }

    /// Whether this client's script is.
    pub(super) fn runs_script_of(&self, client: ClientId) -> bool {
        let script = self.unfinished.as_ref();
        script.is_some_and(|script| script.client == client)
    }

    /// Whether a script lets nobody do anything, and until when; none is until
    /// it is over.
    pub(super) fn stands_still(&self) -> Option<Option<Instant>> {
        self.unfinished.as_ref()?.stands_still()
    }

    /// Whether the server still loads its data.
    fn is_loading(&mut self) -> bool {
        let loads = self.loads_until.is_some_and(|until| rt::now() < until);
        if !loads {
            self.loads_until = None;
        }
        loads
    }

    /// Answers clients that wait for what has come about.
    pub(super) fn serve_blocked(&mut self) {
        unblock::serve_ready(&mut self.keyspace, &mut self.server);
    }

    /// Removes the keys whose deadline has passed.
    pub(super) fn expire_due(&mut self) {
        if self.is_in_script() {
            return;
        }
        self.keyspace.expire_due(wall_clock_ms());
        self.tell_of_removed();
        self.serve_blocked();
    }

    /// Tells the file, the replicas and who listens of keys that went by
    /// themselves.
    fn tell_of_removed(&mut self) {
        self.keyspace.propagation.flush(Unit::Loose);
        self.publish_events();
    }

    /// Publishes what happened to keys on no client's behalf.
    pub(super) fn publish_events(&mut self) {
        self.server.tell(&mut self.keyspace, None);
    }

    /// Tells those who track keys what they are told between two batches.
    pub(super) fn tell_trackers(&mut self) {
        let tracking = &mut self.keyspace.tracking;
        if !tracking.is_idle() {
            let clients = &mut self.server.clients;
            tracking.limit(clients, self.server.config.tracked_keys_max);
            tracking.broadcast(clients);
        }
    }

    /// Ends the wait of a client whose time is up.
    pub(super) fn give_up(&mut self, client: &mut Client) {
        if self.is_in_script() {
            return;
        }
        let due = client.blocked.and_then(|waiting| waiting.until);
        if due.is_some_and(|until| until <= rt::now()) {
            unblock(&mut self.keyspace, client, &Reply::NullArray);
        }
    }
}
