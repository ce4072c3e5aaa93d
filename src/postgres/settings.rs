//! The settings of a session: SET, SHOW, RESET and their transactional ends.

use std::collections::BTreeMap;
use std::time::Duration;

use super::error::{Error, Result, SqlState};
use super::options::SynchronousCommit;
use super::sql::SERVER_VERSION;
use super::transaction::{Isolation, Modes};

/// How a setting's value is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Any text.
    Text,
    /// Milliseconds, or a number with a unit.
    Time,
    /// on or off.
    Flag,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// What cannot be changed.
    Fixed,
}

const ISOLATION: &[&str] = &[
    "read uncommitted",
    "read committed",
    "repeatable read",
    "serializable",
];

/// Name, kind, default value, and whether clients are told of changes.
const KNOWN: &[(&str, Kind, &str, bool)] = &[
    ("application_name", Kind::Text, "", true),
    (
        "bytea_output",
        Kind::Choice(&["hex", "escape"]),
        "hex",
        false,
    ),
    ("client_encoding", Kind::Choice(&["UTF8"]), "UTF8", true),
    (
        "client_min_messages",
        Kind::Choice(&["debug5", "debug1", "log", "notice", "warning", "error"]),
        "notice",
        false,
    ),
    (
        "DateStyle",
        Kind::Choice(&["ISO, MDY", "ISO", "Postgres, MDY"]),
        "ISO, MDY",
        true,
    ),
    ("deadlock_timeout", Kind::Time, "1s", false),
    (
        "default_transaction_isolation",
        Kind::Choice(ISOLATION),
        "read committed",
        false,
    ),
    ("default_transaction_deferrable", Kind::Flag, "off", false),
    ("default_transaction_read_only", Kind::Flag, "off", true),
    ("extra_float_digits", Kind::Text, "1", false),
    (
        "idle_in_transaction_session_timeout",
        Kind::Time,
        "0",
        false,
    ),
    ("idle_session_timeout", Kind::Time, "0", false),
    ("in_hot_standby", Kind::Fixed, "off", true),
    ("integer_datetimes", Kind::Fixed, "on", true),
    (
        "IntervalStyle",
        Kind::Choice(&["postgres"]),
        "postgres",
        true,
    ),
    ("is_superuser", Kind::Fixed, "on", true),
    ("lock_timeout", Kind::Time, "0", false),
    ("max_connections", Kind::Fixed, "100", false),
    ("search_path", Kind::Text, "\"$user\", public", false),
    ("server_encoding", Kind::Fixed, "UTF8", true),
    ("server_version", Kind::Fixed, SERVER_VERSION, true),
    ("server_version_num", Kind::Fixed, "150018", false),
    ("session_authorization", Kind::Fixed, "postgres", true),
    (
        "standard_conforming_strings",
        Kind::Choice(&["on"]),
        "on",
        true,
    ),
    ("statement_timeout", Kind::Time, "0", false),
    (
        "synchronous_commit",
        Kind::Choice(&["on", "off", "local", "remote_write", "remote_apply"]),
        "on",
        false,
    ),
    ("transaction_deferrable", Kind::Fixed, "off", false),
    (
        "transaction_isolation",
        Kind::Fixed,
        "read committed",
        false,
    ),
    ("transaction_read_only", Kind::Fixed, "off", false),
    (
        "TimeZone",
        Kind::Choice(&["UTC", "GMT", "Etc/UTC"]),
        "UTC",
        true,
    ),
];

type Known = (&'static str, Kind, &'static str, bool);

fn known(name: &str) -> Result<&'static Known> {
    KNOWN
        .iter()
        .find(|(known, ..)| known.eq_ignore_ascii_case(name))
        .ok_or_else(|| {
            Error::new(
                SqlState::UNDEFINED_OBJECT,
                format!("unrecognized configuration parameter \"{name}\""),
            )
        })
}

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
    /// Dates are shown as PostgreSQL showed them before ISO 8601.
    pub(super) traditional_dates: bool,
    /// What start-up or SET gave; everything else has its default.
    values: BTreeMap<&'static str, String>,
    /// What RESET goes back to.
    at_start: BTreeMap<&'static str, String>,
    /// The values at the start of the transaction, once it has changed one.
    before: Option<BTreeMap<&'static str, String>>,
    /// The session's values of what SET LOCAL covers.
    covered: BTreeMap<&'static str, Option<String>>,
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
    values: BTreeMap<&'static str, String>,
    covered: BTreeMap<&'static str, Option<String>>,
}

impl Settings {
    pub(super) fn new(user: &str, database: &str) -> Settings {
        let mut settings = Settings {
            user: user.to_owned(),
            database: database.to_owned(),
            ..Settings::default()
        };
        settings.refresh();
        settings
    }

    /// Takes a setting from the start-up message; `options` has several, as
    /// `-c name=value`. What is not known there is ignored rather than fatal.
    pub(super) fn start_up(&mut self, name: &str, value: &str) {
        if name == "options" {
            let words = value.split_ascii_whitespace().filter(|word| *word != "-c");
            for word in words {
                let setting = word.trim_start_matches("--").trim_start_matches("-c");
                if let Some((name, value)) = setting.split_once('=') {
                    self.start_up(name, value);
                }
            }
        } else if let Ok((name, kind, ..)) = known(name)
            && let Ok(value) = check(name, *kind, value)
        {
            self.values.insert(name, value.clone());
            self.at_start.insert(name, value);
            self.refresh();
        }
    }

    /// A default of the server's own, as in its postgresql.conf.
    pub(super) fn configure(&mut self, name: &'static str, value: &str) {
        let values = [&mut self.values, &mut self.at_start];
        for values in values {
            values.entry(name).or_insert_with(|| value.to_owned());
        }
        self.refresh();
    }

    /// SET, or with no value SET TO DEFAULT.
    pub(super) fn set(&mut self, name: &str, value: Option<&str>, scope: Scope) -> Result<()> {
        let (name, kind, default, _) = known(name)?;
        let value = match value {
            Some(value) => check(name, *kind, value)?,
            None => self
                .at_start
                .get(name)
                .map_or(*default, String::as_str)
                .to_owned(),
        };
        if self.before.is_none() {
            self.before = Some(self.values.clone());
        }
        let previous = self.values.insert(name, value);
        match scope {
            Scope::Local => {
                self.covered.entry(name).or_insert(previous);
            }
            Scope::Session => {
                self.covered.remove(name);
            }
        }
        self.refresh();
        Ok(())
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
                    None => self.values.remove(name),
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
        self.default_modes
    }

    fn read_default_modes(&self) -> Modes {
        let value = |name| self.value(name);
        Modes {
            isolation: Isolation::ALL
                .into_iter()
                .find(|level| level.name() == value("default_transaction_isolation")),
            read_only: Some(value("default_transaction_read_only") == "on"),
            deferrable: Some(value("default_transaction_deferrable") == "on"),
        }
    }

    fn value(&self, name: &str) -> &str {
        let default = known(name).map_or("", |(_, _, default, _)| *default);
        self.values.get(name).map_or(default, String::as_str)
    }

    pub(super) fn show(&self, name: &str) -> Result<String> {
        let (name, ..) = known(name)?;
        let modes = self.modes.unwrap_or_else(|| self.default_modes());
        let flag = |on: Option<bool>| if on == Some(true) { "on" } else { "off" };
        Ok(match *name {
            "transaction_isolation" => modes.isolation.map_or("", Isolation::name),
            "transaction_read_only" => flag(modes.read_only),
            "transaction_deferrable" => flag(modes.deferrable),
            "session_authorization" => &self.user,
            name => self.value(name),
        }
        .to_owned())
    }

    /// Every setting with its value, as SHOW ALL lists them.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'static str, String)> {
        KNOWN
            .iter()
            .map(|(name, ..)| (*name, self.show(name).unwrap_or_default()))
    }

    /// The name as PostgreSQL writes it.
    pub(super) fn canonical(name: &str) -> Result<&'static str> {
        known(name).map(|(name, ..)| *name)
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
        KNOWN
            .iter()
            .filter(|(.., reported)| *reported)
            .map(|(name, _, default, _)| {
                let value = if *name == "session_authorization" {
                    &self.user
                } else {
                    self.values.get(name).map_or(*default, String::as_str)
                };
                (*name, value)
            })
    }

    fn refresh(&mut self) {
        self.unreported = true;
        self.default_modes = self.read_default_modes();
        let time = |name| self.show(name).ok().and_then(|value| milliseconds(&value));
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
        let style = self.show("DateStyle");
        self.traditional_dates = style.is_ok_and(|style| style.starts_with("Postgres"));
        let commit = self.show("synchronous_commit").ok();
        let commit = commit.and_then(|value| value.parse().ok());
        self.synchronous_commit = commit.unwrap_or(SynchronousCommit::On);
    }
}

const UNITS: &str =
    "Valid units for this parameter are \"us\", \"ms\", \"s\", \"min\", \"h\", and \"d\".";

fn invalid(name: &str, value: &str) -> Error {
    Error::new(
        SqlState::INVALID_PARAMETER_VALUE,
        format!("invalid value for parameter \"{name}\": \"{value}\""),
    )
}

fn check(name: &'static str, kind: Kind, value: &str) -> Result<String> {
    match kind {
        Kind::Text => Ok(value.to_owned()),
        Kind::Fixed => Err(Error::new(
            SqlState::CANT_CHANGE_RUNTIME_PARAM,
            format!("parameter \"{name}\" cannot be changed"),
        )),
        Kind::Choice(choices) => choices
            .iter()
            .find(|choice| choice.eq_ignore_ascii_case(value) || is_alias(choice, value))
            .map(|choice| (*choice).to_owned())
            .ok_or_else(|| invalid(name, value)),
        Kind::Flag => flag(name, value).map(|on| if on { "on" } else { "off" }.to_owned()),
        Kind::Time => milliseconds(value).map(show_time).ok_or_else(|| {
            let error = invalid(name, value);
            if value.trim().starts_with(|c: char| c.is_ascii_digit()) {
                error.hint(UNITS)
            } else {
                error
            }
        }),
    }
}

/// Reads a Boolean setting.
pub(super) fn flag(name: &str, value: &str) -> Result<bool> {
    match value.to_ascii_lowercase().as_str() {
        "on" | "true" | "yes" | "1" => Ok(true),
        "off" | "false" | "no" | "0" => Ok(false),
        _ => Err(Error::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("parameter \"{name}\" requires a Boolean value"),
        )),
    }
}

/// Other words for the same choice.
fn is_alias(choice: &str, value: &str) -> bool {
    let value = value.to_ascii_lowercase();
    match choice {
        "UTF8" => matches!(value.as_str(), "utf-8" | "unicode"),
        "on" | "off" => flag("", &value).is_ok_and(|on| on == (choice == "on")),
        _ => false,
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

/// The largest unit that divides it, as SHOW does.
fn show_time(time: Duration) -> String {
    let millis = time.as_millis();
    if millis == 0 {
        return "0".to_owned();
    }
    let units = [
        (86_400_000, "d"),
        (3_600_000, "h"),
        (60_000, "min"),
        (1_000, "s"),
    ];
    match units
        .into_iter()
        .find(|(size, _)| millis.is_multiple_of(*size))
    {
        Some((size, unit)) => format!("{}{unit}", millis / size),
        None => format!("{millis}ms"),
    }
}
