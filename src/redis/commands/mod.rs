//! The command table: one entry a command, one file a family.

mod acl;
mod args;
mod bits;
mod catalogue;
pub(super) mod client;
mod cluster;
mod config;
mod connection;
mod debug;
mod dump;
mod failover;
mod functions;
mod geo;
mod hashes;
mod hyperloglog;
mod info;
mod key_arguments;
mod keys;
mod lcs;
mod lists;
mod memory;
mod migrate;
mod monitoring;
mod moves;
mod objects;
mod persistence;
mod pubsub;
mod random;
mod replication;
mod scan;
mod scripting;
mod sentinel;
mod server;
mod sets;
mod shutdown;
mod sort;
mod sorted_sets;
mod streams;
mod strings;
mod tracking;
mod transactions;

pub(super) use catalogue::{CATEGORIES, facts};
pub(super) use key_arguments::keys_of;
pub(super) use scripting::flags as flags_of_call;
pub(super) use transactions::{Rest, go_on};

use std::sync::LazyLock;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::blocked::{Attempt, BlockingHandler};
use super::context::Context;
use super::reply::Reply;
use super::scripts::Scripts;
use crate::rt::Label;

/// Runs a command on checked arity. `args[0]` is its name.
pub(super) type PlainHandler = fn(&mut Context<'_>, &[&[u8]]) -> Reply;
/// Runs a command that runs scripts.
pub(super) type ScriptHandler = fn(&mut Context<'_>, &mut Scripts, &[&[u8]]) -> Attempt;

/// How a command is run.
#[derive(Debug, Clone, Copy)]
pub(super) enum Handler {
    Plain(PlainHandler),
    /// May wait for a key.
    Blocking(BlockingHandler),
    /// May run a script, and so never from one.
    Script(ScriptHandler),
    /// Has subcommands, and nothing of its own.
    Container(&'static [Command]),
}

/// What COMMAND says about a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flags(u32);

impl Flags {
    pub(super) const NONE: Flags = Flags(0);
    pub(super) const WRITE: Flags = Flags(1);
    pub(super) const READONLY: Flags = Flags(1 << 1);
    pub(super) const FAST: Flags = Flags(1 << 2);
    pub(super) const DENY_OOM: Flags = Flags(1 << 3);
    pub(super) const NO_SCRIPT: Flags = Flags(1 << 4);
    pub(super) const BLOCKING: Flags = Flags(1 << 5);
    pub(super) const ADMIN: Flags = Flags(1 << 6);
    pub(super) const PUBSUB: Flags = Flags(1 << 7);
    pub(super) const LOADING: Flags = Flags(1 << 8);
    pub(super) const STALE: Flags = Flags(1 << 9);
    pub(super) const SKIP_MONITOR: Flags = Flags(1 << 10);
    pub(super) const SKIP_SLOWLOG: Flags = Flags(1 << 11);
    /// Without the password too.
    pub(super) const NO_AUTH: Flags = Flags(1 << 12);
    pub(super) const MAY_REPLICATE: Flags = Flags(1 << 13);
    pub(super) const NO_MULTI: Flags = Flags(1 << 14);
    /// While a script runs and runs.
    pub(super) const ALLOW_BUSY: Flags = Flags(1 << 15);
    pub(super) const NO_MANDATORY_KEYS: Flags = Flags(1 << 18);
    pub(super) const NO_ASYNC_LOADING: Flags = Flags(1 << 21);
    pub(super) const MOVABLE_KEYS: Flags = Flags(1 << 19);
    /// Of a slot that is being moved to this server.
    pub(super) const ASKING: Flags = Flags(1 << 22);
    /// By a RESP2 client that subscribed; not among what COMMAND says.
    pub(super) const WHILE_SUBSCRIBED: Flags = Flags(1 << 16);
    /// Not queued by MULTI but run; not among what COMMAND says.
    pub(super) const ENDS_TRANSACTION: Flags = Flags(1 << 17);
    /// Runs what MULTI queued; not among what COMMAND says.
    pub(super) const EXECUTES: Flags = Flags(1 << 20);
    /// What it looks up counts as read, though it may write too; not among
    /// what COMMAND says.
    pub(super) const READS: Flags = Flags(1 << 23);
    /// Not shown to MONITOR, or when it runs: scripts are shown before.
    pub(super) const UNMONITORED: Flags = Flags::ADMIN.and(Flags::SKIP_MONITOR);

    const NAMES: [(Flags, &'static str); 19] = [
        (Flags::WRITE, "write"),
        (Flags::READONLY, "readonly"),
        (Flags::DENY_OOM, "denyoom"),
        (Flags::ADMIN, "admin"),
        (Flags::PUBSUB, "pubsub"),
        (Flags::NO_SCRIPT, "noscript"),
        (Flags::BLOCKING, "blocking"),
        (Flags::LOADING, "loading"),
        (Flags::STALE, "stale"),
        (Flags::SKIP_MONITOR, "skip_monitor"),
        (Flags::SKIP_SLOWLOG, "skip_slowlog"),
        (Flags::ASKING, "asking"),
        (Flags::FAST, "fast"),
        (Flags::NO_AUTH, "no_auth"),
        (Flags::NO_ASYNC_LOADING, "no_async_loading"),
        (Flags::NO_MULTI, "no_multi"),
        (Flags::NO_MANDATORY_KEYS, "no_mandatory_keys"),
        (Flags::ALLOW_BUSY, "allow_busy"),
        (Flags::MOVABLE_KEYS, "movablekeys"),
    ];

    pub(super) const fn and(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }

    pub(super) fn without(self, other: Flags) -> Flags {
        Flags(self.0 & !other.0)
    }

    pub(super) fn has(self, other: Flags) -> bool {
        self.0 & other.0 != 0
    }

    fn names(self) -> impl Iterator<Item = &'static str> {
        Flags::NAMES
            .into_iter()
            .filter(move |(flag, _)| self.has(*flag))
            .map(|(_, name)| name)
    }
}

/// Which arguments are keys: first, last (negative from the end), step.
pub(super) type Keys = (i64, i64, i64);

/// One command.
#[derive(Debug)]
pub(super) struct Command {
    /// In lower case; a subcommand's as `config|get`.
    pub(super) name: &'static str,
    /// Arguments with the name, or at least so many if negative.
    arity: i64,
    pub(super) flags: Flags,
    keys: Keys,
    /// What requests and replies are labelled.
    pub(super) label: Label,
    pub(super) reply_label: Label,
    pub(super) handler: Handler,
}

impl Command {
    fn is_named(&self, name: &[u8]) -> bool {
        name.eq_ignore_ascii_case(self.name.as_bytes())
    }

    /// Its subcommands, less what it does by itself.
    pub(super) fn subcommands(&self) -> impl Iterator<Item = &'static Command> + use<> {
        let name = self.name;
        let all: &[Command] = match self.handler {
            Handler::Container(subcommands) => subcommands,
            _ => &[],
        };
        all.iter().filter(move |own| own.name != name)
    }

    /// Whether it belongs to a category, which is named in any case.
    pub(super) fn is_in(&self, category: &[u8]) -> bool {
        let facts = facts(self.name);
        facts.is_some_and(|facts| {
            let mut names = facts.categories.iter();
            names.any(|name| category.eq_ignore_ascii_case(name.as_bytes()))
        })
    }

    pub(super) fn accepts(&self, count: usize) -> bool {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        if self.arity < 0 {
            count >= -self.arity
        } else {
            count == self.arity
        }
    }
}

/// One entry of the table: name, label, arity, flags, keys, handler.
macro_rules! command {
    ($name:literal, $label:literal, $arity:literal, $flags:expr, $keys:expr, $handler:expr) => {
        $crate::redis::commands::Command {
            name: $name,
            arity: $arity,
            flags: $flags,
            keys: $keys,
            label: $label,
            reply_label: concat!("reply to ", $label),
            handler: $handler,
        }
    };
}
use command;

/// The label of a request that no command answers to.
pub(super) const UNKNOWN_LABEL: Label = "unknown command";
/// And that of its reply.
pub(super) const UNKNOWN_REPLY_LABEL: Label = "reply to unknown command";

/// Every command by its name, in small and in capital letters. Written once,
/// and the same in every process.
static TABLE: LazyLock<IndexMap<Vec<u8>, &'static Command, FxBuildHasher>> = LazyLock::new(|| {
    let spelled = |command: &'static Command| {
        let name = command.name.as_bytes();
        [name.to_vec(), name.to_ascii_uppercase()].map(|name| (name, command))
    };
    all().flat_map(spelled).collect()
});

/// Every label that requests and replies carry.
pub(super) fn labels() -> Vec<Label> {
    let every = all().chain([&sentinel::SENTINEL]);
    let of_commands = every.flat_map(|command| [command.label, command.reply_label]);
    of_commands
        .chain([UNKNOWN_LABEL, UNKNOWN_REPLY_LABEL])
        .collect()
}

fn all() -> impl Iterator<Item = &'static Command> {
    [
        acl::COMMANDS,
        bits::COMMANDS,
        client::COMMANDS,
        cluster::COMMANDS,
        config::COMMANDS,
        connection::COMMANDS,
        debug::COMMANDS,
        dump::COMMANDS,
        failover::COMMANDS,
        functions::COMMANDS,
        geo::COMMANDS,
        hashes::COMMANDS,
        hyperloglog::COMMANDS,
        info::COMMANDS,
        keys::COMMANDS,
        lcs::COMMANDS,
        lists::COMMANDS,
        memory::COMMANDS,
        migrate::COMMANDS,
        monitoring::COMMANDS,
        moves::COMMANDS,
        objects::COMMANDS,
        persistence::COMMANDS,
        pubsub::COMMANDS,
        replication::COMMANDS,
        scripting::COMMANDS,
        server::COMMANDS,
        sets::COMMANDS,
        shutdown::COMMANDS,
        sort::COMMANDS,
        sorted_sets::COMMANDS,
        streams::COMMANDS,
        strings::COMMANDS,
        transactions::COMMANDS,
    ]
    .into_iter()
    .flatten()
}

/// What a request that begins with this word is labelled.
pub(super) fn label(name: &[u8]) -> Label {
    match named(name) {
        Some(command) => command.label,
        None if sentinel::SENTINEL.is_named(name) => sentinel::SENTINEL.label,
        None => UNKNOWN_LABEL,
    }
}

/// Every command and subcommand.
pub(super) fn every() -> impl Iterator<Item = &'static Command> {
    all().flat_map(|command| std::iter::once(command).chain(command.subcommands()))
}

/// The command, or the subcommand of a name such as `config|get`.
pub(super) fn by_full_name(name: &[u8]) -> Option<&'static Command> {
    let mut words = name.splitn(2, |byte| *byte == b'|');
    let command = named(words.next()?)?;
    match (words.next(), command.handler) {
        (None, _) => Some(command),
        (Some(word), Handler::Container(subcommands)) => subcommand(command, subcommands, word),
        (Some(_), _) => None,
    }
}

/// The command of that name, in any case.
pub(super) fn named(name: &[u8]) -> Option<&'static Command> {
    let known = TABLE.get(name);
    let known = known.or_else(|| TABLE.get(&*name.to_ascii_lowercase()));
    known.copied()
}

/// The command or subcommand that `args` call, whatever their number.
pub(super) fn find(args: &[&[u8]]) -> Option<&'static Command> {
    let command = named(args.first()?)?;
    match (command.handler, args.get(1)) {
        (Handler::Container(subcommands), Some(name)) => subcommand(command, subcommands, name),
        // Some do something by themselves too.
        (Handler::Container(subcommands), None) => {
            let own = subcommands.iter().find(|own| own.name == command.name);
            own.or(Some(command))
        }
        _ => Some(command),
    }
}

fn subcommand(
    container: &Command,
    subcommands: &'static [Command],
    name: &[u8],
) -> Option<&'static Command> {
    let skip = container.name.len() + 1;
    subcommands.iter().find(|c| {
        let own = c.name.as_bytes().get(skip..);
        own.is_some_and(|own| own.eq_ignore_ascii_case(name))
    })
}

/// The command that `args` call, or the error that a client gets.
pub(super) fn resolve(args: &[&[u8]]) -> Result<&'static Command, Reply> {
    let command = match find(args) {
        Some(command) => command,
        None => return Err(unknown(args)),
    };
    if matches!(command.handler, Handler::Container(_)) || !command.accepts(args.len()) {
        return Err(Reply::wrong_arity(command.name));
    }
    Ok(command)
}

/// As [`resolve`], for a sentinel: it has a command of its own, and few of the
/// others.
pub(super) fn resolve_for_sentinel(args: &[&[u8]]) -> Result<&'static Command, Reply> {
    let name = args.first().copied().unwrap_or_default();
    if !sentinel::SENTINEL.is_named(name) {
        let mut shared = sentinel::SHARED.iter();
        return match shared.any(|shared| name.eq_ignore_ascii_case(shared.as_bytes())) {
            true => resolve(args),
            false => Err(unknown_command(args)),
        };
    }
    let (Handler::Container(subcommands), Some(subcommand_name)) =
        (sentinel::SENTINEL.handler, args.get(1))
    else {
        return Err(Reply::wrong_arity(sentinel::SENTINEL.name));
    };
    let command = subcommand(&sentinel::SENTINEL, subcommands, subcommand_name)
        .ok_or_else(|| unknown_subcommand(&sentinel::SENTINEL, subcommand_name))?;
    match command.accepts(args.len()) {
        true => Ok(command),
        false => Err(Reply::wrong_arity(command.name)),
    }
}

fn unknown(args: &[&[u8]]) -> Reply {
    let name = args.first().copied().unwrap_or_default();
    match (named(name), args.get(1)) {
        (Some(container), Some(subcommand)) => unknown_subcommand(container, subcommand),
        _ => unknown_command(args),
    }
}

/// So much of an argument is shown.
const SHOWN: usize = 128;

fn unknown_subcommand(container: &Command, subcommand: &[u8]) -> Reply {
    let mut text = b"ERR unknown subcommand '".to_vec();
    text.extend(printable(subcommand, SHOWN));
    text.extend(b"'. Try ");
    text.extend(container.name.to_ascii_uppercase().bytes());
    text.extend(b" HELP.");
    Reply::error_from(text)
}

fn unknown_command(args: &[&[u8]]) -> Reply {
    let name = args.first().copied().unwrap_or_default();
    let mut shown = Vec::new();
    for arg in &args[1..] {
        if shown.len() >= SHOWN {
            break;
        }
        let room = SHOWN - shown.len();
        shown.push(b'\'');
        shown.extend(printable(arg, room));
        shown.extend(b"' ");
    }
    let mut text = b"ERR unknown command '".to_vec();
    text.extend(printable(name, SHOWN));
    text.extend(b"', with args beginning with: ");
    text.extend(shown);
    Reply::error_from(text)
}

/// What C's `%.*s` prints of a string.
fn printable(text: &[u8], most: usize) -> &[u8] {
    let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
    &text[..text.len().min(most)]
}
