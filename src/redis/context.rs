//! What a command works on, and on whose behalf it runs.
//!
//! A [`Context`] is all that a handler is given beside its arguments: the
//! keys, the server, the client, and the one clock that its keys expire by.
//! Who calls a command makes a context for it. The modules of the server add
//! to it what their part lets a command do.

use super::client::Client;
use super::keyspace::Keyspace;
use super::state::ServerState;
use super::wall_clock_ms;

/// The clock of a command that is applied, not asked for: nothing has expired.
const APPLYING: i64 = i64::MIN;

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
    pub(super) fn of_client(
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

    /// Of a command that this server, or another, has done before.
    pub(super) fn of_the_past(
        keyspace: &'a mut Box<Keyspace>,
        server: &'a mut Box<ServerState>,
        client: &'a mut Box<Client>,
    ) -> Context<'a> {
        Context {
            keyspace,
            server,
            client,
            now: APPLYING,
            caller: Caller::Script,
        }
    }

    /// Whether the command comes from a disk or a primary, and not from a
    /// client.
    pub(super) fn is_applying(&self) -> bool {
        self.now == APPLYING
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
