//! What a session takes for a date, a time or an interval: appendix B of PostgreSQL's
//! documentation.
//!
//! Text is split into fields by the characters that it is made of; what each
//! field means follows from its kind, its words, and what came before it.

mod fields;
mod moment;
mod span;
mod words;
mod zone;

use std::cell::Cell;

use super::Type;
use crate::postgres::error::{Error, SqlState};
use crate::postgres::settings::{DateOrder, IntervalStyle, Style};

pub(in crate::postgres) use zone::{UTC, fixed as fixed_zone};

pub(super) use moment::{parse_clock, parse_date, parse_timestamp};
pub(super) use span::parse_interval;

/// What the meaning of a text depends on, besides the text, and what a text
/// is to look like.
#[derive(Debug, Clone, Default)]
pub(in crate::postgres) struct Reading {
    style: Style,
    /// When the transaction began; None where none runs.
    now: Option<i64>,
    asked: Cell<bool>,
    lacked_clock: Cell<bool>,
}

impl Reading {
    pub(in crate::postgres) fn new(style: Style, now: Option<i64>) -> Reading {
        Reading {
            style,
            now,
            ..Reading::default()
        }
    }

    /// True once something was read that another session, or a later
    /// transaction, may read otherwise.
    pub(in crate::postgres) fn was_asked(&self) -> bool {
        self.asked.get()
    }

    /// True if what was read last needs the time, and no transaction runs.
    pub(in crate::postgres) fn lacked_clock(&self) -> bool {
        self.lacked_clock.take()
    }

    /// How the session writes what it reads.
    pub(in crate::postgres) fn style(&self) -> Style {
        self.style
    }

    fn order(&self) -> DateOrder {
        self.asked.set(true);
        self.style.date.order
    }

    /// True if the sign of an interval is that of all its fields, unless they
    /// have their own.
    fn shares_sign(&self) -> bool {
        self.asked.set(true);
        self.style.interval == IntervalStyle::SqlStandard
    }

    fn now(&self) -> Result<i64, Unreadable> {
        self.asked.set(true);
        self.lacked_clock.set(self.now.is_none());
        self.now.ok_or(Unreadable::Clock)
    }
}

/// Why a date or time could not be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It is none.
    Syntax,
    /// It has a field that no calendar or clock has.
    Field,
    /// It has a month or day that there is none of, which may be its order.
    Order,
    /// It is beyond the ends of its type.
    Ends,
    /// It is too far from Greenwich.
    Displacement,
    /// It names a zone that is not known.
    Zone(String),
    /// It depends on the time, and no transaction runs.
    Clock,
}

impl Unreadable {
    /// What a client is told of it.
    pub(super) fn error(self, ty: Type, text: &str) -> Error {
        let name = match ty {
            Type::Timestamp => "timestamp",
            Type::Time => "time",
            other => other.name(),
        };
        let overflow = |message| Error::new(SqlState::DATETIME_FIELD_OVERFLOW, message);
        let out_of_range = || overflow(format!("date/time field value out of range: \"{text}\""));
        match self {
            Unreadable::Syntax => Error::new(
                SqlState::INVALID_DATETIME_FORMAT,
                format!("invalid input syntax for type {name}: \"{text}\""),
            ),
            Unreadable::Field if ty == Type::Interval => Error::new(
                SqlState::INTERVAL_FIELD_OVERFLOW,
                format!("interval field value out of range: \"{text}\""),
            ),
            Unreadable::Field => out_of_range(),
            Unreadable::Order => {
                out_of_range().hint("Perhaps you need a different \"datestyle\" setting.")
            }
            Unreadable::Ends if ty == Type::Interval => {
                overflow("interval out of range".to_owned())
            }
            Unreadable::Ends => {
                let name = if ty == Type::Date {
                    "date"
                } else {
                    "timestamp"
                };
                overflow(format!("{name} out of range: \"{text}\""))
            }
            Unreadable::Displacement => Error::new(
                SqlState::INVALID_TIME_ZONE_DISPLACEMENT_VALUE,
                format!("time zone displacement out of range: \"{text}\""),
            ),
            Unreadable::Zone(zone) if zone::is_elsewhere(&zone) => {
                Error::unsupported(format!("the time zone \"{zone}\""))
            }
            Unreadable::Zone(zone) => Error::new(
                SqlState::INVALID_PARAMETER_VALUE,
                format!("time zone \"{zone}\" not recognized"),
            ),
            Unreadable::Clock => Error::unsupported("the current time where nothing may change"),
        }
    }
}
