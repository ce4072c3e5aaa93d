//! One set of permissions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use bytes::Bytes;

use super::Denied;
use crate::redis::commands::{Command, Flags, every, facts};
use crate::redis::glob;

/// Commands, keys and channels that go together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::redis) struct Selector {
    /// The full names of those that are allowed.
    pub(super) commands: Arc<BTreeSet<&'static str>>,
    /// All are, and those that may yet come.
    pub(super) all_commands: bool,
    /// It began with all, and some were taken away.
    pub(super) future_commands: bool,
    /// Words that are allowed as the first argument of a command that is not.
    pub(super) first_args: BTreeMap<&'static str, Vec<String>>,
    pub(super) all_keys: bool,
    pub(super) keys: Vec<KeyPattern>,
    pub(super) all_channels: bool,
    pub(super) channels: Vec<Bytes>,
}

/// Keys, and what may be done to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeyPattern {
    pub(super) reads: bool,
    pub(super) writes: bool,
    pub(super) pattern: Bytes,
}

impl Selector {
    pub(super) fn everything() -> Selector {
        let mut all = Selector {
            all_keys: true,
            all_channels: true,
            ..Selector::default()
        };
        all.allow_all();
        all
    }

    /// What a selector begins with.
    pub(super) fn nothing_but(all_channels: bool) -> Selector {
        Selector {
            all_channels,
            ..Selector::default()
        }
    }

    pub(super) fn is_everything(&self) -> bool {
        self.all_commands && self.all_keys && self.all_channels
    }

    pub(super) fn allow_all(&mut self) {
        static EVERY: LazyLock<Arc<BTreeSet<&str>>> =
            LazyLock::new(|| Arc::new(every().map(|command| command.name).collect()));
        self.commands = EVERY.clone();
        self.all_commands = true;
        self.future_commands = true;
        self.first_args.clear();
    }

    pub(super) fn allow_none(&mut self) {
        self.commands = Arc::default();
        self.all_commands = false;
        self.future_commands = false;
        self.first_args.clear();
    }

    /// Allows a command and its subcommands, or does not.
    pub(super) fn permit(&mut self, command: &'static Command, allow: bool) {
        self.permit_alone(command, allow);
        for own in command.subcommands() {
            self.permit_alone(own, allow);
        }
    }

    /// Does so with a category; false if there is none of that name.
    pub(super) fn permit_category(&mut self, category: &[u8], allow: bool) -> bool {
        let mut found = false;
        for command in every().filter(|command| command.is_in(category)) {
            found = true;
            self.permit_alone(command, allow);
        }
        found
    }

    fn permit_alone(&mut self, command: &'static Command, allow: bool) {
        self.first_args.remove(command.name);
        let commands = Arc::make_mut(&mut self.commands);
        if allow {
            commands.insert(command.name);
        } else {
            commands.remove(command.name);
            self.all_commands = false;
        }
    }

    /// Why a call is not allowed, if so.
    pub(super) fn denied(&self, command: &Command, args: &[&[u8]]) -> Option<Denied> {
        let is_allowed = self.all_commands
            || command.flags.has(Flags::NO_AUTH)
            || self.commands.contains(command.name)
            || self.allows_first_arg(command, args);
        if !is_allowed {
            return Some(Denied::Command);
        }
        let key = (!self.all_keys).then(|| self.denied_key(command, args));
        let channel = || (!self.all_channels).then(|| self.denied_channel(command, args));
        key.flatten()
            .map(Denied::Key)
            .or_else(|| channel().flatten().map(Denied::Channel))
    }

    /// Whether it allows a call, and to read whatever key there is.
    pub(super) fn reads_everything(&self, command: &Command, args: &[&[u8]]) -> bool {
        let is_all = |keys: &KeyPattern| keys.reads && keys.pattern == "*";
        self.denied(command, args).is_none() && (self.all_keys || self.keys.iter().any(is_all))
    }

    fn allows_first_arg(&self, command: &Command, args: &[&[u8]]) -> bool {
        let words = self.first_args.get(command.name);
        words.zip(args.get(1)).is_some_and(|(words, arg)| {
            let mut words = words.iter();
            words.any(|word| arg.eq_ignore_ascii_case(word.as_bytes()))
        })
    }

    fn denied_key(&self, command: &Command, args: &[&[u8]]) -> Option<usize> {
        let keys = facts(command.name)?.keys(args);
        let is_denied = |key: &usize, reads: bool, writes: bool| {
            !self.keys.iter().any(|pattern| {
                (pattern.reads || !reads)
                    && (pattern.writes || !writes)
                    && glob::matches(&pattern.pattern, args[*key])
            })
        };
        let mut keys = keys.into_iter();
        let denied = keys.find(|key| is_denied(&key.index, key.reads, key.writes));
        denied.map(|key| key.index)
    }

    fn denied_channel(&self, command: &Command, args: &[&[u8]]) -> Option<usize> {
        let (names, are_patterns) = match command.name {
            "publish" | "spublish" => (1..2, false),
            "subscribe" | "ssubscribe" => (1..args.len(), false),
            "psubscribe" => (1..args.len(), true),
            _ => return None,
        };
        let mut names = names;
        names.find(|index| {
            let name = args.get(*index).copied().unwrap_or_default();
            !allows_channel(self.channels.iter(), name, are_patterns)
        })
    }
}

/// Whether one of the patterns allows a channel, or names a pattern.
pub(super) fn allows_channel<'a>(
    mut patterns: impl Iterator<Item = &'a Bytes>,
    name: &[u8],
    is_pattern: bool,
) -> bool {
    patterns.any(|pattern| match is_pattern {
        true => pattern == name,
        false => glob::matches(pattern, name),
    })
}
