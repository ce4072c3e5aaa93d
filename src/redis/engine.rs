//! The synchronous heart: one command in, one reply out.
//!
//! Everything a server knows sits behind one lock, and a command runs from
//! its first to its last effect without letting go of it; that is what makes
//! Redis commands atomic. Nothing here waits, reads a socket, or knows that
//! there are tasks.

use std::sync::Arc;

use super::bug::Bug;
use super::client::Client;
use super::commands::{self, Command, Flags, Handler};
use super::keyspace::Keyspace;
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
    pub(super) fn execute(&mut self, client: &mut Client, args: &[&[u8]]) -> (Reply, &'static str) {
        let command = match commands::resolve(args) {
            Ok(command) => command,
            Err(reply) => return (reply, commands::UNKNOWN_REPLY_LABEL),
        };
        let mut context = Context {
            keyspace: &mut self.keyspace,
            client,
            now: wall_clock_ms(),
        };
        let reply = match command.handler {
            Handler::Plain(run) => run(&mut context, args),
            Handler::Script(run) => {
                assert!(
                    !context.keyspace.planted(Bug::PanicHoldingLock),
                    "planted: a script met a locked keyspace"
                );
                run(&mut context, &mut self.scripts, args)
            }
            Handler::Container(_) => Reply::SYNTAX,
        };
        (reply, command.reply_label)
    }
}

/// Runs one command of a script: as a client would, less what scripts may not
/// do, with the words that Redis has for it.
pub(super) fn execute_in_script(
    context: &mut Context<'_>,
    read_only: bool,
    args: &[&[u8]],
) -> Reply {
    let (command, run) = match allowed_in_script(read_only, args) {
        Ok(allowed) => allowed,
        Err(reply) => return reply,
    };
    if context.keyspace.planted(Bug::ExpiryNotFrozenInScript) {
        context.now = wall_clock_ms();
    }
    debug_assert!(!command.flags.has(Flags::NO_SCRIPT));
    run(context, args)
}

fn allowed_in_script(
    read_only: bool,
    args: &[&[u8]],
) -> Result<(&'static Command, commands::PlainHandler), Reply> {
    let command =
        commands::find(args).ok_or(Reply::error("ERR Unknown Redis command called from script"))?;
    if !command.accepts(args.len()) {
        return Err(Reply::error(
            "ERR Wrong number of args calling Redis command from script",
        ));
    }
    match command.handler {
        Handler::Plain(_) if command.flags.has(Flags::WRITE) && read_only => Err(Reply::error(
            "ERR Write commands are not allowed from read-only scripts.",
        )),
        Handler::Plain(run) if !command.flags.has(Flags::NO_SCRIPT) => Ok((command, run)),
        _ => Err(Reply::error(
            "ERR This Redis command is not allowed from script",
        )),
    }
}
