//! The synchronous heart: one command in, one reply out.
//!
//! Everything a server knows sits behind one lock, and a command runs from
//! its first to its last effect without letting go of it; that is what makes
//! Redis commands atomic. Nothing here waits, reads a socket, or knows that
//! there are tasks.

use std::sync::Arc;
use std::time::Duration;

use super::blocked::{Attempt, Ticket, Waiter};
use super::bug::Bug;
use super::client::Client;
use super::commands::{self, Command, Flags, Handler};
use super::keyspace::Keyspace;
use super::mailbox::Message;
use super::observer::Observer;
use super::reply::Reply;
use super::scripts::Scripts;
use super::{Options, wall_clock_ms};

/// A whole server, but for its sockets.
pub(super) struct Engine {
    pub(super) keyspace: Keyspace,
    scripts: Scripts,
    clients_made: u64,
}

/// What a command works on.
pub(super) struct Context<'a> {
    pub(super) keyspace: &'a mut Keyspace,
    pub(super) client: &'a mut Client,
    /// The clock by which keys expire: read before the command, and inside a
    /// script before the script.
    pub(super) now: i64,
    #[expect(dead_code, reason = "the families that use it follow")]
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
        }
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
        let mut context = Context {
            keyspace: &mut self.keyspace,
            client,
            now: wall_clock_ms(),
            caller: Caller::Client,
        };
        let reply = match command.handler {
            Handler::Plain(run) => run(&mut context, args),
            Handler::Blocking(run) => match run(&mut context, args, None) {
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
        self.serve_blocked();
        (Outcome::Reply(reply), command.reply_label)
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
        let Attempt::Done(reply) = run(&mut context, &args, Some(key)) else {
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
        Handler::Plain(run) => run(context, args),
        Handler::Blocking(run) => match run(context, args, None) {
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
