//! Every setting of PostgreSQL 15.18, what it takes, and what it is at first.
//!
//! `known.tsv` has them as `pg_settings` of a new server on Linux lists them:
//! name, context, type, unit, value, least, greatest, and the words that an
//! enum takes; of those of TCP the unit is left out, as SHOW does. Most change
//! nothing here, as most change no answer there: they are checked, kept and
//! shown.

use std::sync::LazyLock;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::check::{Kind, Unit};
use crate::postgres::error::{Error, Result, SqlState};

const TABLE: &str = include_str!("known.tsv");

/// Who may change a setting, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Context {
    /// Nobody.
    Internal,
    /// Whoever starts the server.
    Postmaster,
    /// The server's configuration file.
    Sighup,
    /// The start of a connection.
    Backend,
    /// A session.
    User,
}

/// One setting.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) name: &'static str,
    pub(super) context: Context,
    pub(super) kind: Kind,
    /// As SHOW shows it.
    pub(super) default: String,
    /// Clients are told of changes.
    pub(super) reported: bool,
    /// SHOW ALL leaves it out.
    pub(super) hidden: bool,
}

const REPORTED: [&str; 13] = [
    "application_name",
    "client_encoding",
    "DateStyle",
    "default_transaction_read_only",
    "in_hot_standby",
    "integer_datetimes",
    "IntervalStyle",
    "is_superuser",
    "server_encoding",
    "server_version",
    "session_authorization",
    "standard_conforming_strings",
    "TimeZone",
];

const HIDDEN: [&str; 3] = ["is_superuser", "role", "session_authorization"];

/// All of them by their names in lower case, in the order of those.
static ALL: LazyLock<IndexMap<String, Known, FxBuildHasher>> = LazyLock::new(|| {
    let all = TABLE.lines().filter_map(read);
    all.map(|known| (known.name.to_ascii_lowercase(), known))
        .collect()
});

/// All of them, by name without regard to case.
pub(super) fn all() -> impl Iterator<Item = &'static Known> {
    ALL.values()
}

/// Those of whose changes clients are told.
pub(super) fn reported() -> impl Iterator<Item = &'static Known> {
    static TOLD: LazyLock<Vec<&Known>> =
        LazyLock::new(|| all().filter(|known| known.reported).collect());
    TOLD.iter().copied()
}

fn read(line: &'static str) -> Option<Known> {
    let mut fields = line.split('\t');
    let mut next = || fields.next();
    let (name, context, ty, unit) = (next()?, next()?, next()?, next()?);
    let (value, low, high, words) = (next()?, next()?, next()?, next()?);
    let kind = match ty {
        "bool" => Kind::Flag,
        "enum" => Kind::Choice(words.split(',').collect()),
        "integer" => Kind::Integer {
            unit: Unit::named(unit),
            low: low.parse().ok()?,
            high: high.parse().ok()?,
        },
        "real" => Kind::Real {
            unit: Unit::named(unit),
            low: low.parse().ok()?,
            high: high.parse().ok()?,
        },
        _ => Kind::of_text(name),
    };
    let default = match (&kind, value.parse()) {
        // These two are shown as modes of a file.
        (Kind::Integer { .. }, _) if value.starts_with('0') => value.to_owned(),
        (Kind::Integer { unit, .. }, Ok(number)) => Unit::show(*unit, number),
        // What is 0 is so in any unit.
        (Kind::Real { .. }, Ok(0.0)) => value.to_owned(),
        (Kind::Real { unit, .. }, Ok(_)) => unit.map_or_else(
            || value.to_owned(),
            |unit| format!("{value}{}", unit.name()),
        ),
        _ => value.to_owned(),
    };
    Some(Known {
        name,
        context: match context {
            "internal" => Context::Internal,
            "postmaster" => Context::Postmaster,
            "sighup" => Context::Sighup,
            "backend" | "superuser-backend" => Context::Backend,
            _ => Context::User,
        },
        kind,
        default,
        reported: REPORTED.contains(&name),
        hidden: HIDDEN.contains(&name),
    })
}

/// The setting of this name, however it is capitalised.
pub(super) fn known(name: &str) -> Result<&'static Known> {
    let found = ALL.get(name);
    let found = found.or_else(|| ALL.get(&name.to_ascii_lowercase()));
    found.ok_or_else(|| {
        Error::new(
            SqlState::UNDEFINED_OBJECT,
            format!("unrecognized configuration parameter \"{name}\""),
        )
    })
}
