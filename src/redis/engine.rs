//! The synchronous heart: one command in, one reply out.
//!
//! Everything a server knows sits behind one lock, and a command runs from
//! its first to its last effect without letting go of it; that is what makes
//! Redis commands atomic. Nothing here waits, reads a socket, or knows that
//! there are tasks.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::blocked::{Attempt, Ticket, Waiter};
use super::bug::Bug;
use super::client::Client;
use super::commands::{self, Command, Flags, Handler};
use super::gate;
use super::keyspace::Keyspace;
use super::mailbox::Message;
use super::observer::Observer;
use super::persistence::{self, Aof, Mounted, Persistence, Store};
use super::propagation::{Unit, call};
use super::reply::Reply;
use super::scripts::Scripts;
use super::{Options, wall_clock_ms};
use crate::rt::{self, Instant};

/// A whole server, but for its sockets.
pub(super) struct Engine {
    pub(super) keyspace: Keyspace,
    scripts: Scripts,
    clients_made: u64,
    /// How long the disk takes to sync the append-only file.
    pub(super) fsync_time: Duration,
    /// Until then it answers that it is loading.
    loads_until: Option<Instant>,
}

/// The clock of a command that is applied, not asked for: nothing has expired.
const APPLYING: i64 = i64::MIN;

/// What a command works on.
pub(super) struct Context<'a> {
    pub(super) keyspace: &'a mut Keyspace,
    pub(super) client: &'a mut Client,
    /// The clock by which keys expire: read before the command, and inside a
    /// script before the script.
    pub(super) now: i64,
    pub(super) caller: Caller,
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
pub(super) enum Outcome {
    /// It is answered.
    Reply(Reply),
    /// Its client waits, so long at most, and the answer comes by its mailbox.
    Blocked(Option<Duration>),
}

impl Engine {
    pub(super) fn new(options: &Options, observer: Arc<dyn Observer>) -> Engine {
        Engine {
            keyspace: Keyspace::new(options.planted, observer),
            scripts: Scripts::new(options.script_instructions_max),
            clients_made: 0,
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
        if !options.load_time.is_zero() && !self.keyspace.is_empty() {
            self.loads_until = Some(rt::now() + options.load_time);
        }
    }

    /// Runs what another server, or this one in an earlier life, has already
    /// done.
    pub(super) fn apply(&mut self, client: &mut Client, args: &[Bytes]) {
        let args: Vec<&[u8]> = args.iter().map(|arg| &arg[..]).collect();
        let Ok(command) = commands::resolve(&args) else {
            return;
        };
        let mut context = Context {
            keyspace: &mut self.keyspace,
            client,
            now: APPLYING,
            caller: Caller::Script,
        };
        context.keyspace.quiet = true;
        match command.handler {
            Handler::Script(run) => run(&mut context, &mut self.scripts, &args),
            _ => run_now(command, &mut context, &args),
        };
        self.keyspace.quiet = false;
    }

    pub(super) fn connect(&mut self) -> Client {
        self.clients_made += 1;
        Client {
            id: self.clients_made,
            ..Client::default()
        }
    }

    /// Runs one request. The label is that of its reply.
    pub(super) fn execute(
        &mut self,
        client: &mut Client,
        args: &[&[u8]],
    ) -> (Outcome, &'static str) {
        let command = match commands::resolve(args) {
            Ok(command) => command,
            Err(reply) => return (Outcome::Reply(reply), commands::UNKNOWN_REPLY_LABEL),
        };
        if let Some(refusal) = self.refusal(command) {
            return (Outcome::Reply(refusal), command.reply_label);
        }
        let mut context = Context {
            keyspace: &mut self.keyspace,
            client,
            now: wall_clock_ms(),
            caller: Caller::Client,
        };
        let reply = match command.handler {
            Handler::Plain(run) => call(&mut context, args, |context| run(context, args)),
            Handler::Blocking(run) => match call(&mut context, args, |c| run(c, args, None)) {
                Attempt::Done(reply) => reply,
                Attempt::Wait(wait) => {
                    let timeout = wait.timeout;
                    let blocked = &mut context.keyspace.blocked;
                    let ticket = blocked.add(context.client, run, args, command.reply_label, wait);
                    context.client.blocked = Some(ticket);
                    return (Outcome::Blocked(timeout), command.reply_label);
                }
            },
            Handler::Script(run) => {
                assert!(
                    !context.keyspace.planted(Bug::PanicHoldingLock),
                    "planted: a script met a locked keyspace"
                );
                run(&mut context, &mut self.scripts, args)
            }
            Handler::Container(_) => Reply::SYNTAX,
        };
        self.keyspace.propagation.flush(Unit::Whole);
        self.serve_blocked();
        (Outcome::Reply(reply), command.reply_label)
    }

    /// Why the server, as it stands, does not run a command.
    fn refusal(&mut self, command: &Command) -> Option<Reply> {
        let loads = self.loads_until.is_some_and(|until| rt::now() < until);
        if !loads {
            self.loads_until = None;
        }
        (loads && !gate::runs_while_loading(command)).then_some(Reply::LOADING)
    }

    /// Answers clients that wait for keys which became ready. Their commands
    /// can make other keys ready.
    fn serve_blocked(&mut self) {
        while self.keyspace.blocked.is_anything_ready() {
            for place in self.keyspace.blocked.take_ready() {
                for ticket in self.keyspace.blocked.waiting_for(&place) {
                    let served = self.serve(ticket, &place.1);
                    if served && !self.keyspace.holds(place.0, &place.1) {
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
        let Waiter { run, label, .. } = *waiter;
        let mut client = waiter.client.clone();
        let args = waiter.args.clone();
        let args: Vec<&[u8]> = args.iter().map(|arg| &arg[..]).collect();
        let mut context = Context {
            keyspace: &mut self.keyspace,
            client: &mut client,
            now: wall_clock_ms(),
            caller: Caller::Client,
        };
        let attempt = call(&mut context, &args, |context| {
            run(context, &args, Some(key))
        });
        self.keyspace.propagation.flush(Unit::Whole);
        let Attempt::Done(reply) = attempt else {
            return false;
        };
        self.keyspace.blocked.remove(ticket);
        client.mailbox.put(Message {
            reply,
            label,
            unblocks: true,
        });
        true
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
/// do, with the words that Redis has for it.
pub(super) fn execute_in_script(
    context: &mut Context<'_>,
    read_only: bool,
    args: &[&[u8]],
) -> Reply {
    let command = match allowed_in_script(read_only, args) {
        Ok(command) => command,
        Err(reply) => return reply,
    };
    if context.keyspace.planted(Bug::ExpiryNotFrozenInScript) {
        context.now = wall_clock_ms();
    }
    debug_assert!(!command.flags.has(Flags::NO_SCRIPT));
    run_now(command, context, args)
}

/// Runs a command for somebody who cannot wait.
fn run_now(command: &Command, context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    match command.handler {
        Handler::Plain(run) => call(context, args, |context| run(context, args)),
        Handler::Blocking(run) => match call(context, args, |c| run(c, args, None)) {
            Attempt::Done(reply) => reply,
            Attempt::Wait(wait) => wait.otherwise,
        },
        Handler::Script(_) | Handler::Container(_) => Reply::SYNTAX,
    }
}

fn allowed_in_script(read_only: bool, args: &[&[u8]]) -> Result<&'static Command, Reply> {
    let command =
        commands::find(args).ok_or(Reply::error("ERR Unknown Redis command called from script"))?;
    if !command.accepts(args.len()) {
        return Err(Reply::error(
            "ERR Wrong number of args calling Redis command from script",
        ));
    }
    match command.handler {
        Handler::Plain(_) | Handler::Blocking(_)
            if command.flags.has(Flags::WRITE) && read_only =>
        {
            Err(Reply::error(
                "ERR Write commands are not allowed from read-only scripts.",
            ))
        }
        Handler::Plain(_) | Handler::Blocking(_) if !command.flags.has(Flags::NO_SCRIPT) => {
            Ok(command)
        }
        _ => Err(Reply::error(
            "ERR This Redis command is not allowed from script",
        )),
    }
}
