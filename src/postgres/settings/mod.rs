//! The settings of a session: SET, SHOW, RESET and their transactional ends.

mod check;
mod known;
mod style;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use self::check::refuse_unhonoured;
use self::known::{Context, known};
use super::error::{Error, Result, SqlState};
use super::options::SynchronousCommit;
use super::transaction::{Isolation, Modes};

pub(super) use check::flag;
pub(super) use style::{DateForm, DateOrder, DateStyle, IntervalStyle, Style};

/// Values by name.
type Values = BTreeMap<Cow<'static, str>, String>;

/// How long a SET lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    Session,
    /// SET LOCAL: until the transaction ends.
    Local,
}

/// The settings of one session.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    pub(super) user: String,
    pub(super) database: String,
    pub(super) lock_timeout: Duration,
    pub(super) statement_timeout: Duration,
    pub(super) deadlock_timeout: Duration,
    pub(super) idle_in_transaction_timeout: Duration,
    pub(super) idle_session_timeout: Duration,
    pub(super) synchronous_commit: SynchronousCommit,
    /// The server is a standby: whatever is set, transactions only read.
    pub(super) hot_standby: bool,
    pub(super) style: Style,
    /// What start-up or SET gave; everything else has its default.
    values: Values,
    /// What RESET goes back to.
    at_start: Values,
    /// The values at the start of the transaction, once it has changed one.
    before: Option<Values>,
    /// The session's values of what SET LOCAL covers.
    covered: BTreeMap<Cow<'static, str>, Option<String>>,
    /// The modes that transactions begin with, and those of the one that runs.
    default_modes: Modes,
    modes: Option<Modes>,
    /// What clients were told, and whether that may be out of date.
    told: BTreeMap<&'static str, String>,
    unreported: bool,
}

/// The settings at a savepoint.
#[derive(Debug, Clone)]
pub(super) struct Mark {
    values: Values,
    covered: BTreeMap<Cow<'static, str>, Option<String>>,
}

impl Settings {
    pub(super) fn new(user: &str, database: &str) -> Settings {
        /// What every session begins with.
        static FRESH: LazyLock<Settings> = LazyLock::new(|| {
            let mut settings = Settings::default();
            settings.refresh();
            settings
        });
        Settings {
            user: user.to_owned(),
            database: database.to_owned(),
            ..FRESH.clone()
        }
    }

    /// Takes the settings of a start-up message. What is not known there is
    /// ignored rather than fatal.
    pub(super) fn start_up(&mut self, parameters: &[(String, String)]) {
        for (name, value) in parameters {
            self.start_with(name, value);
        }
        self.refresh();
    }

    /// Takes one of them; `options` has several, as `-c name=value`.
    fn start_with(&mut self, name: &str, value: &str) {
        if name == "options" {
            let words = value.split_ascii_whitespace().filter(|word| *word != "-c");
            for word in words {
                let setting = word.trim_start_matches("--").trim_start_matches("-c");
                if let Some((name, value)) = setting.split_once('=') {
                    self.start_with(name, value);
                }
            }
        } else if let Ok((name, value)) = self.checked(name, value, true) {
            self.values.insert(name.clone(), value.clone());
            self.at_start.insert(name, value);
        }
    }

    /// A default of the server's own, as in its postgresql.conf.
    pub(super) fn configure(&mut self, name: &'static str, value: &str) {
        let values = [&mut self.values, &mut self.at_start];
        for values in values {
            values
                .entry(name.into())
                .or_insert_with(|| value.to_owned());
        }
        self.refresh();
    }

    /// SET, or with no value SET TO DEFAULT.
    pub(super) fn set(&mut self, name: &str, value: Option<&str>, scope: Scope) -> Result<()> {
        let (name, value) = match value {
            Some(value) => self.checked(name, value, false)?,
            None => self.at_first(name)?,
        };
        if self.before.is_none() {
            self.before = Some(self.values.clone());
        }
        let previous = self.values.insert(name.clone(), value);
        match scope {
            Scope::Local => {
                self.covered.entry(name).or_insert(previous);
            }
            Scope::Session => {
                self.covered.remove(&name);
            }
        }
        self.refresh();
        Ok(())
    }

    /// The name and the value as they are kept, if the value may be set.
    fn checked(
        &self,
        name: &str,
        value: &str,
        starting: bool,
    ) -> Result<(Cow<'static, str>, String)> {
        let found = match known(name) {
            Ok(found) => found,
            // A name with a dot is the application's own.
            Err(_) if is_custom(name) => {
                return Ok((name.to_ascii_lowercase().into(), value.to_owned()));
            }
            Err(error) => return Err(changeable(name, error)),
        };
        let name = found.name;
        let why = match found.context {
            Context::User => None,
            Context::Internal => Some("cannot be changed"),
            Context::Postmaster => Some("cannot be changed without restarting the server"),
            Context::Sighup => Some("cannot be changed now"),
            Context::Backend if starting => None,
            Context::Backend => Some("cannot be set after connection start"),
        };
        if let Some(why) = why {
            return Err(Error::new(
                SqlState::CANT_CHANGE_RUNTIME_PARAM,
                format!("parameter \"{name}\" {why}"),
            ));
        }
        let value = found.kind.check(name, value, self.value(name))?;
        refuse_unhonoured(name, &value)?;
        Ok((name.into(), value))
    }

    /// What a setting is without SET.
    fn at_first(&self, name: &str) -> Result<(Cow<'static, str>, String)> {
        let (name, default) = match known(name) {
            Ok(found) => (Cow::Borrowed(found.name), found.default.as_str()),
            Err(_) if is_custom(name) => (name.to_ascii_lowercase().into(), ""),
            Err(error) => return Err(changeable(name, error)),
        };
        let value = self.at_start.get(&name).map_or(default, String::as_str);
        let value = value.to_owned();
        Ok((name, value))
    }

    /// RESET ALL.
    pub(super) fn reset_all(&mut self) {
        if self.before.is_none() {
            self.before = Some(self.values.clone());
        }
        self.values = self.at_start.clone();
        self.covered.clear();
        self.refresh();
    }

    /// The transaction has ended: SET LOCAL is over, and after a rollback
    /// every SET is.
    pub(super) fn end_transaction(&mut self, committed: bool) {
        self.modes = None;
        let Some(before) = self.before.take() else {
            return;
        };
        let covered = std::mem::take(&mut self.covered);
        if committed {
            for (name, value) in covered {
                match value {
                    Some(value) => self.values.insert(name, value),
                    None => self.values.remove(&name),
                };
            }
        } else {
            self.values = before;
        }
        self.refresh();
    }

    /// The settings as they are, to come back to.
    pub(super) fn mark(&self) -> Mark {
        Mark {
            values: self.values.clone(),
            covered: self.covered.clone(),
        }
    }

    /// What was set since is forgotten.
    pub(super) fn return_to(&mut self, mark: Mark) {
        self.values = mark.values;
        self.covered = mark.covered;
        self.refresh();
    }

    /// The modes of the transaction that runs; None between transactions.
    pub(super) fn set_modes(&mut self, modes: Option<Modes>) {
        self.modes = modes;
    }

    /// The modes that a transaction begins with.
    pub(super) fn default_modes(&self) -> Modes {
        let mut modes = self.default_modes;
        if self.hot_standby {
            modes.read_only = Some(true);
        }
        modes
    }

    /// The server has begun to be a standby, or has ceased to.
    pub(super) fn set_hot_standby(&mut self, hot_standby: bool) {
        self.hot_standby = hot_standby;
        self.unreported = true;
    }

    fn read_default_modes(&self) -> Modes {
        let isolation = self.value("default_transaction_isolation");
        let is_on = |name| Some(self.value(name) == "on");
        Modes {
            isolation: Isolation::ALL
                .into_iter()
                .find(|level| level.name() == isolation),
            read_only: is_on("default_transaction_read_only"),
            deferrable: is_on("default_transaction_deferrable"),
        }
    }

    fn value(&self, name: &str) -> &str {
        match self.values.get(name) {
            Some(value) => value,
            None => known(name).map_or("", |known| &known.default),
        }
    }

    pub(super) fn show(&self, name: &str) -> Result<String> {
        let name = match known(name) {
            Ok(known) => known.name,
            Err(error) => {
                let custom = self.values.get(name.to_ascii_lowercase().as_str());
                return custom.cloned().ok_or(error);
            }
        };
        let modes = self.modes.unwrap_or_else(|| self.default_modes());
        let flag = |on: Option<bool>| if on == Some(true) { "on" } else { "off" };
        Ok(match name {
            "transaction_isolation" => modes.isolation.map_or("", Isolation::name),
            "transaction_read_only" => flag(modes.read_only),
            "transaction_deferrable" => flag(modes.deferrable),
            "session_authorization" => &self.user,
            "in_hot_standby" => flag(Some(self.hot_standby)),
            name => self.value(name),
        }
        .to_owned())
    }

    /// Every setting with its value, as SHOW ALL lists them.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'static str, String)> {
        let shown = known::all().filter(|known| !known.hidden);
        shown.map(|known| (known.name, self.show(known.name).unwrap_or_default()))
    }

    /// Every setting with its value as a number of its unit, if it has one:
    /// what pg_settings lists.
    pub(super) fn raw(&self) -> impl Iterator<Item = (&'static str, String, Option<&'static str>)> {
        let shown = known::all().filter(|known| !known.hidden);
        shown.map(|known| {
            let value = self.show(known.name).unwrap_or_default();
            let value = known.kind.raw(&value);
            (known.name, value, known.kind.unit())
        })
    }

    /// The name as PostgreSQL writes it.
    pub(super) fn canonical(name: &str) -> Result<Cow<'static, str>> {
        match known(name) {
            Ok(known) => Ok(known.name.into()),
            Err(_) if is_custom(name) => Ok(name.to_ascii_lowercase().into()),
            Err(error) => Err(error),
        }
    }

    /// What clients have not been told yet, by name.
    pub(super) fn take_reports(&mut self) -> Vec<(&'static str, String)> {
        if !std::mem::take(&mut self.unreported) {
            return Vec::new();
        }
        let now: BTreeMap<&'static str, String> = self
            .reported()
            .map(|(name, value)| (name, value.to_owned()))
            .collect();
        let before = std::mem::replace(&mut self.told, now);
        let changed = self.told.iter();
        changed
            .filter(|(name, value)| before.get(*name).is_some_and(|before| before != *value))
            .map(|(name, value)| (*name, value.clone()))
            .collect()
    }

    /// What clients are told at the start, by name.
    pub(super) fn reported(&self) -> impl Iterator<Item = (&'static str, &str)> {
        known::reported().map(|known| {
            let value = match known.name {
                "session_authorization" => &self.user,
                "in_hot_standby" if self.hot_standby => "on",
                name => self.value(name),
            };
            (known.name, value)
        })
    }

    /// True if the client wants to hear of what is no error:
    /// client_min_messages.
    pub(super) fn tells(&self, severity: &str) -> bool {
        match self.value("client_min_messages") {
            "error" => false,
            "warning" => severity == "WARNING",
            _ => true,
        }
    }

    fn refresh(&mut self) {
        self.unreported = true;
        self.default_modes = self.read_default_modes();
        let time = |name| milliseconds(self.value(name));
        let lock = time("lock_timeout");
        let statement = time("statement_timeout");
        let deadlock = time("deadlock_timeout");
        let idle = time("idle_in_transaction_session_timeout");
        let idle_session = time("idle_session_timeout");
        self.lock_timeout = lock.unwrap_or_default();
        self.statement_timeout = statement.unwrap_or_default();
        self.deadlock_timeout = deadlock.unwrap_or_default();
        self.idle_in_transaction_timeout = idle.unwrap_or_default();
        self.idle_session_timeout = idle_session.unwrap_or_default();
        self.style = Style {
            date: DateStyle::shown(self.value("DateStyle")),
            interval: IntervalStyle::shown(self.value("IntervalStyle")),
        };
        let commit = self.value("synchronous_commit").parse();
        self.synchronous_commit = commit.unwrap_or(SynchronousCommit::On);
    }
}

/// Reads `250`, `250ms`, `2s`, `1min`, `1h`, `1d`.
fn milliseconds(value: &str) -> Option<Duration> {
    let value = value.trim();
    let split = value
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(value.len());
    let number: u64 = value[..split].parse().ok()?;
    let factor = match value[split..].trim() {
        "" | "ms" => 1,
        "s" => 1_000,
        "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let millis = number.checked_mul(factor)?;
    (millis <= i32::MAX as u64).then(|| Duration::from_millis(millis))
}

/// Why there is no such setting to change: the application's own have names
/// of a form.
fn changeable(name: &str, unknown: Error) -> Error {
    if !name.contains('.') {
        return unknown;
    }
    let message = format!("invalid configuration parameter name \"{name}\"");
    let detail = "Custom parameter names must be two or more simple identifiers separated by dots.";
    Error::new(SqlState("42602"), message).detail(detail)
}

/// True for a name that no setting of PostgreSQL's could have.
fn is_custom(name: &str) -> bool {
    let word = |part: &str| {
        let mut letters = part.chars();
        letters
            .next()
            .is_some_and(|c| c.is_alphabetic() || c == '_')
            && letters.all(|c| c.is_alphanumeric() || c == '_' || c == '$')
    };
    name.contains('.') && name.split('.').all(word)
}
