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
use super::blocked::{Attempt, Ticket, Waiter};
use super::bug::Bug;
use super::client::{Client, ClientId, Waiting};
use super::commands::{self, Command, Flags, Handler};
use super::eviction::EvictionPolicy;
use super::gate;
use super::keyspace::Keyspace;
use super::observer::{Moment, Observer};
use super::persistence::{self, Aof, Mounted, Persistence, Store};
use super::propagation::{Unit, call};
use super::replication::HistoryId;
use super::reply::{Reply, Resp};
use super::scripts::{Permit, Progress, Scripts};
use super::sentinel::Sentinel;
use super::state::ServerState;
use super::transaction::Queued;
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

/// A command whose script is not over.
#[derive(Debug)]
struct Unfinished {
    client: ClientId,
    command: &'static Command,
    args: Vec<Bytes>,
    began: Instant,
    /// From when on others are told that the server is busy; none is never.
    busy_at: Option<Instant>,
}

/// The clock of a command that is applied, not asked for: nothing has expired.
const APPLYING: i64 = i64::MIN;

/// How often a client looks again that a failover holds back.
const FAILOVER_PERIOD: Duration = Duration::from_secs(3600);

/// What a command works on; in boxes, so that a script can take all of it
/// along at the cost of three pointers.
pub(super) struct Context<'a> {
    pub(super) keyspace: &'a mut Box<Keyspace>,
    /// Clients, channels, settings.
    pub(super) server: &'a mut Box<ServerState>,
    pub(super) client: &'a mut Box<Client>,
    /// The clock by which keys expire: read before the command, and inside a
    /// script before the script.
    pub(super) now: i64,
    pub(super) caller: Caller,
}

impl<'a> Context<'a> {
    /// Of a command that a client calls now.
    fn of_client(
        keyspace: &'a mut Box<Keyspace>,
        server: &'a mut Box<ServerState>,
        client: &'a mut Box<Client>,
    ) -> Context<'a> {
        Context {
            keyspace,
            server,
            client,
            now: wall_clock_ms(),
            caller: Caller::Client,
        }
    }
}

/// Who runs a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    /// A client, which can wait.
    Client,
    /// A script.
    Script,
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
        let Ok(command) = commands::resolve(&args) else {
            return;
        };
        let mut context = Context {
            keyspace: &mut self.keyspace,
            server: &mut self.server,
            client,
            now: APPLYING,
            caller: Caller::Script,
        };
        context.keyspace.quiet = true;
        match command.handler {
            Handler::Script(run) => {
                let scripts = &mut self.scripts;
                call(&mut context, &args, |c| drop(run(c, scripts, &args)));
            }
            _ => drop(run_now(command, &mut context, &args)),
        }
        self.keyspace.quiet = false;
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
        if let Some(until) = self.postponed(client, flags) {
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
        let restricted = client.resp == Resp::V2 && client.subscribes();
        if restricted && !flags.has(Flags::WHILE_SUBSCRIBED) {
            return Some(Reply::error_from(
                format!(
                    "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT \
                     / RESET are allowed in this context",
                    command.name
                )
                .into(),
            ));
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

    /// Until when CLIENT PAUSE or a failover holds the command back.
    fn postponed(&mut self, client: &Client, flags: Flags) -> Option<Instant> {
        let pause = self.keyspace.paused();
        let fails_over = self.keyspace.propagation.replication.failover.is_some();
        if pause.is_none() && !fails_over {
            return None;
        }
        let writes = Flags::WRITE.and(Flags::MAY_REPLICATE);
        let all = pause.is_some_and(|pause| !pause.writes_only);
        let held = all || gate::any_has(client, flags, writes);
        // A failover has no end that is known: who is held is woken by it.
        let until = pause.map_or_else(|| rt::now() + FAILOVER_PERIOD, |pause| pause.until);
        held.then_some(until)
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
        let attempt = attempt(&mut context, &mut self.scripts, command, args);
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
                let patience = u64::try_from(self.server.config.busy_after_ms).ok();
                let patience = patience.filter(|ms| *ms > 0).map(Duration::from_millis);
                self.unfinished = Some(Unfinished {
                    client: client.id,
                    command,
                    args: args.iter().map(|arg| Bytes::copy_from_slice(arg)).collect(),
                    began,
                    busy_at: patience.map(|patience| began + patience),
                });
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
        let busy_at = self.unfinished.as_ref()?.busy_at;
        let is_busy = busy_at.is_some_and(|busy_at| busy_at <= rt::now());
        (!is_busy).then_some(busy_at)
    }

    /// Whether the server still loads its data.
    fn is_loading(&mut self) -> bool {
        let loads = self.loads_until.is_some_and(|until| rt::now() < until);
        if !loads {
            self.loads_until = None;
        }
        loads
    }

    /// Answers clients that wait for keys which became ready. Their commands
    /// can make other keys ready.
    pub(super) fn serve_blocked(&mut self) {
        for ticket in self.keyspace.blocked.take_waiting_for_replicas() {
            self.serve(ticket, b"");
        }
        while self.keyspace.blocked.is_anything_ready() {
            for place in self.keyspace.blocked.take_ready() {
                let was_there = self.keyspace.holds(place.0, &place.1);
                for ticket in self.keyspace.blocked.waiting_for(&place) {
                    let served = self.serve(ticket, &place.1);
                    if served && was_there && !self.keyspace.holds(place.0, &place.1) {
                        break;
                    }
                }
            }
        }
    }

    /// Tries a waiting command again; true if it was answered.
    fn serve(&mut self, ticket: Ticket, key: &[u8]) -> bool {
        let Some(waiter) = self.keyspace.blocked.waiter(ticket) else {
            return false;
        };
        let Waiter { client, run, .. } = *waiter;
        let args = waiter.args.clone();
        let args: Vec<&[u8]> = args.iter().map(|arg| &arg[..]).collect();
        let Some(mut client) = self.server.clients.take(client) else {
            return false;
        };
        self.keyspace.lookups.counted = false;
        let tracking = &mut self.keyspace.tracking;
        tracking.writer = Some(client.id);
        let caller = tracking.current.replace(client.id);
        let mut context = Context::of_client(&mut self.keyspace, &mut self.server, &mut client);
        let attempt = call(&mut context, &args, |context| {
            run(context, &args, Some(key))
        });
        self.keyspace.propagation.flush(Unit::Whole);
        self.server.publish_events(&mut self.keyspace, &mut client);
        let served = matches!(attempt, Attempt::Done(_));
        if let Attempt::Done(reply) = attempt {
            if let Some(command) = commands::find(&args) {
                self.server.counts.failed_late(command.name, &reply);
                self.server
                    .note_time(&client, command, &args, Duration::ZERO);
            }
            unblock(&mut self.keyspace, &mut client, &reply);
        }
        self.server.tell_later(&mut self.keyspace, &mut client);
        self.keyspace.tracking.current = caller;
        self.server.clients.put_back(client);
        served
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

/// Runs a command for a client, which waits if it has to. It is monitored once
/// it has run, but for what runs scripts: that comes before what they call.
fn attempt(
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

impl Context<'_> {
    /// Whether the command comes from a disk or a primary, and not from a
    /// client.
    pub(super) fn is_applying(&self) -> bool {
        self.now == APPLYING
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
