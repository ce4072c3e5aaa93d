//! Users, and what each may do.
//!
//! There is always `default`, who needs no password and may do everything
//! until told otherwise, and that costs a look at one flag. Everybody else is
//! made by ACL SETUSER, with rules: a list of selectors, each with its
//! commands, key patterns and channel patterns, any one of which is enough.

mod describe;
mod log;
mod rules;
mod selector;

use std::collections::BTreeMap;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::client::Client;
use super::commands::Command;
use super::reply::Reply;
pub(super) use log::{Called, Entry, Log};
pub(super) use rules::has_spaces;
pub(super) use selector::Selector;

/// The user whom every client is to begin with.
pub(super) const DEFAULT: &[u8] = b"default";

/// Everybody who can be authenticated.
#[derive(Debug)]
pub(super) struct Acl {
    users: BTreeMap<Bytes, User>,
    /// The default user may do everything.
    default_is_free: bool,
    pub(super) log: Log,
}

/// One user.
#[derive(Debug, Clone, Default)]
pub(super) struct User {
    enabled: bool,
    /// Any password will do.
    no_password: bool,
    /// Whether payloads of RESTORE are looked at closely, once that is said.
    sanitizing: Option<bool>,
    /// SHA-256 in hexadecimal, in the order in which they were given.
    passwords: Vec<String>,
    root: Selector,
    selectors: Vec<Selector>,
}

/// Why a user may not call a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Denied {
    Command,
    /// The argument with the key.
    Key(usize),
    Channel(usize),
}

impl Denied {
    /// What the caller is told.
    pub(super) fn reply(self, command: &Command) -> Reply {
        match self {
            Denied::Command => Reply::error_from(
                format!(
                    "NOPERM this user has no permissions to run the '{}' command",
                    command.name
                )
                .into(),
            ),
            Denied::Key(_) => Reply::error(
                "NOPERM this user has no permissions to access one of the keys used as arguments",
            ),
            Denied::Channel(_) => Reply::error(
                "NOPERM this user has no permissions to access one of the channels used as \
                 arguments",
            ),
        }
    }

    /// What a script is told.
    pub(super) fn in_script(self) -> Reply {
        let why = self.reason();
        Reply::error_from(format!("ERR The user executing the script {why}").into())
    }

    /// What EXEC answers for a command that could be queued.
    pub(super) fn since_queued(self) -> Reply {
        let why = match self {
            Denied::Command => "no permission to execute the command or subcommand",
            Denied::Key(_) => "no permission to touch the specified keys",
            Denied::Channel(_) => {
                "no permission to access one of the channels used as arguments to the command"
            }
        };
        Reply::error_from(
            format!(
                "NOPERM ACLs rules changed between the moment the transaction was accumulated and \
                 the EXEC call. This command is no longer allowed for the following reason: {why}"
            )
            .into(),
        )
    }

    fn reason(self) -> &'static str {
        match self {
            Denied::Command => "can't run this command or subcommand",
            Denied::Key(_) => {
                "can't access at least one of the keys mentioned in the command arguments"
            }
            Denied::Channel(_) => "can't publish to the channel mentioned in the command",
        }
    }
}

impl Default for Acl {
    fn default() -> Acl {
        let default = User {
            enabled: true,
            no_password: true,
            root: Selector::everything(),
            ..User::default()
        };
        Acl {
            users: BTreeMap::from([(Bytes::from_static(DEFAULT), default)]),
            default_is_free: true,
            log: Log::default(),
        }
    }
}

fn hash(password: &[u8]) -> String {
    let digest = Sha256::digest(password);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Acl {
    /// All users by their names.
    pub(super) fn users(&self) -> impl Iterator<Item = (&Bytes, &User)> {
        self.users.iter()
    }

    pub(super) fn user(&self, name: &[u8]) -> Option<&User> {
        self.users.get(name)
    }

    /// Whether a client needs no password to be the default user.
    pub(super) fn is_open(&self) -> bool {
        let default = self.user(DEFAULT);
        default.is_some_and(|user| user.enabled && user.no_password)
    }

    /// Whether the default user needs no password.
    pub(super) fn needs_no_password(&self) -> bool {
        self.user(DEFAULT).is_some_and(|user| user.no_password)
    }

    /// Whether that is a user, and the password one of theirs.
    pub(super) fn lets_in(&self, name: &[u8], password: &[u8]) -> bool {
        let user = self.user(name).filter(|user| user.enabled);
        user.is_some_and(|user| user.no_password || user.passwords.contains(&hash(password)))
    }

    /// `requirepass`: the one password of the default user, none if empty.
    pub(super) fn require(&mut self, password: &str) {
        if let Some(user) = self.users.get_mut(DEFAULT) {
            user.no_password = password.is_empty();
            user.passwords.clear();
            if !password.is_empty() {
                user.passwords.push(hash(password.as_bytes()));
            }
        }
    }

    /// Makes or changes a user by rules, by all or by none. `all_channels` is
    /// whether selectors begin with all of them.
    pub(super) fn set(
        &mut self,
        name: &[u8],
        rules: &[&[u8]],
        all_channels: bool,
    ) -> Result<(), Reply> {
        let known = self.users.get(name).cloned();
        let mut user = known.unwrap_or_else(|| User {
            root: Selector::nothing_but(all_channels),
            ..User::default()
        });
        rules::apply(&mut user, rules, all_channels)?;
        self.users.insert(Bytes::copy_from_slice(name), user);
        let default = self.user(DEFAULT);
        self.default_is_free = default.is_some_and(|user| user.root.is_everything());
        Ok(())
    }

    /// Forgets a user; false if there is none.
    pub(super) fn remove(&mut self, name: &[u8]) -> bool {
        self.users.remove(name).is_some()
    }

    /// Why a user may not call a command, if so.
    pub(super) fn denies(
        &self,
        name: Option<&Bytes>,
        command: &Command,
        args: &[&[u8]],
    ) -> Option<Denied> {
        if name.is_none() && self.default_is_free {
            return None;
        }
        let user = self.user(name.map_or(DEFAULT, |name| &name[..]));
        user.map_or(Some(Denied::Command), |user| user.denied(command, args))
    }

    /// Whether a user may call a command and read whatever key there is.
    pub(super) fn reads_everything(
        &self,
        name: Option<&Bytes>,
        command: &Command,
        args: &[&[u8]],
    ) -> bool {
        let user = self.user(name.map_or(DEFAULT, |name| &name[..]));
        user.is_some_and(|user| {
            let mut selectors = user.all_selectors();
            selectors.any(|selector| selector.reads_everything(command, args))
        })
    }
}

impl User {
    /// The words for what it is, as ACL GETUSER has them.
    pub(super) fn flags(&self) -> Vec<&'static str> {
        let mut flags = vec![if self.enabled { "on" } else { "off" }];
        if self.no_password {
            flags.push("nopass");
        }
        flags.extend(self.sanitizing.map(|sanitizing| match sanitizing {
            true => "sanitize-payload",
            false => "skip-sanitize-payload",
        }));
        flags
    }

    pub(super) fn passwords(&self) -> &[String] {
        &self.passwords
    }

    pub(super) fn root(&self) -> &Selector {
        &self.root
    }

    pub(super) fn selectors(&self) -> &[Selector] {
        &self.selectors
    }

    fn all_selectors(&self) -> impl Iterator<Item = &Selector> {
        std::iter::once(&self.root).chain(&self.selectors)
    }

    fn channels(&self) -> impl Iterator<Item = &Bytes> {
        self.all_selectors().flat_map(|selector| &selector.channels)
    }

    /// Whether it may have lost channels that it had as `old`.
    pub(super) fn may_have_lost_channels(&self, old: &User) -> bool {
        let has_all = |user: &User| user.all_selectors().any(|selector| selector.all_channels);
        let keeps = |channel: &Bytes| self.channels().any(|own| own == channel);
        !has_all(self) && (has_all(old) || !old.channels().all(keeps))
    }

    /// Whether it may listen to everything that a client listens to.
    pub(super) fn may_go_on_listening(&self, client: &Client) -> bool {
        let mut channels = client.channels.iter().chain(&client.shard_channels);
        let allows =
            |name: &Bytes, is_pattern| selector::allows_channel(self.channels(), name, is_pattern);
        channels.all(|name| allows(name, false))
            && client.patterns.iter().all(|name| allows(name, true))
    }

    /// Why it may not call a command: what the selector says that comes
    /// nearest to allowing it.
    pub(super) fn denied(&self, command: &Command, args: &[&[u8]]) -> Option<Denied> {
        let mut nearest = Denied::Command;
        for selector in self.all_selectors() {
            nearest = nearest.max(selector.denied(command, args)?);
        }
        Some(nearest)
    }
}
