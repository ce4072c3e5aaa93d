//! DateStyle: how dates are written, and in which order an ambiguous one is
//! read. IntervalStyle: the same of intervals.

use std::fmt;

use super::check::invalid;
use crate::postgres::error::{Error, Result};

/// How a session has dates and intervals written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::postgres) struct Style {
    pub(in crate::postgres) date: DateStyle,
    pub(in crate::postgres) interval: IntervalStyle,
}

impl Style {
    /// True if all is written as a new session has it.
    pub(in crate::postgres) fn is_plain(self) -> bool {
        self.date.form == DateForm::Iso && self.interval == IntervalStyle::Postgres
    }
}

/// The value of IntervalStyle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::postgres) enum IntervalStyle {
    #[default]
    Postgres,
    PostgresVerbose,
    SqlStandard,
    Iso8601,
}

impl IntervalStyle {
    /// Reads what the setting is shown as.
    pub(super) fn shown(text: &str) -> IntervalStyle {
        match text {
            "postgres_verbose" => IntervalStyle::PostgresVerbose,
            "sql_standard" => IntervalStyle::SqlStandard,
            "iso_8601" => IntervalStyle::Iso8601,
            _ => IntervalStyle::Postgres,
        }
    }
}

/// The shape of a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::postgres) enum DateForm {
    #[default]
    Iso,
    Postgres,
    Sql,
    German,
}

/// Which part of a date comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::postgres) enum DateOrder {
    #[default]
    Mdy,
    Dmy,
    Ymd,
}

/// The value of DateStyle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::postgres) struct DateStyle {
    pub(in crate::postgres) form: DateForm,
    pub(in crate::postgres) order: DateOrder,
}

impl DateStyle {
    /// Reads a list of words; what they leave open is as it was.
    pub(super) fn read(value: &str, now: &str) -> Result<DateStyle> {
        let (mut form, mut order) = (None, None);
        let conflict =
            || invalid("DateStyle", value).detail("Conflicting \"datestyle\" specifications.");
        for word in value.split(',').map(str::trim) {
            let found = Words::of(word).ok_or_else(|| unknown(value, word))?;
            let (more_form, more_order) = match found {
                Words::Default => (Some(DateForm::Iso), Some(DateOrder::Mdy)),
                Words::Form(found) => (Some(found), None),
                Words::Order(found) => (None, Some(found)),
            };
            // DEFAULT fills in what nothing else says.
            let default = found == Words::Default;
            for clash in [
                form.is_some() && more_form.is_some() && form != more_form,
                order.is_some() && more_order.is_some() && order != more_order,
            ] {
                if clash && !default {
                    return Err(conflict());
                }
            }
            form = form.or(more_form);
            order = order.or(more_order);
        }
        // German dates begin with the day, unless something else is said.
        if form == Some(DateForm::German) && order.is_none() {
            order = Some(DateOrder::Dmy);
        }
        let now = DateStyle::shown(now);
        Ok(DateStyle {
            form: form.unwrap_or(now.form),
            order: order.unwrap_or(now.order),
        })
    }

    /// Reads what [`DateStyle`] shows itself as.
    pub(super) fn shown(text: &str) -> DateStyle {
        let mut style = DateStyle::default();
        for word in text.split(',').map(str::trim) {
            match Words::of(word) {
                Some(Words::Form(form)) => style.form = form,
                Some(Words::Order(order)) => style.order = order,
                _ => {}
            }
        }
        style
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Words {
    Default,
    Form(DateForm),
    Order(DateOrder),
}

impl Words {
    fn of(word: &str) -> Option<Words> {
        let word = word.to_ascii_lowercase();
        Some(match word.as_str() {
            "default" => Words::Default,
            "iso" => Words::Form(DateForm::Iso),
            "sql" => Words::Form(DateForm::Sql),
            "german" => Words::Form(DateForm::German),
            "ymd" => Words::Order(DateOrder::Ymd),
            "dmy" => Words::Order(DateOrder::Dmy),
            "mdy" | "us" => Words::Order(DateOrder::Mdy),
            _ if word.starts_with("postgres") => Words::Form(DateForm::Postgres),
            _ if word.starts_with("euro") => Words::Order(DateOrder::Dmy),
            _ if word.starts_with("noneuro") => Words::Order(DateOrder::Mdy),
            _ => return None,
        })
    }
}

fn unknown(value: &str, word: &str) -> Error {
    invalid("DateStyle", value).detail(format!("Unrecognized key word: \"{word}\"."))
}

impl fmt::Display for DateStyle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = match self.form {
            DateForm::Iso => "ISO",
            DateForm::Postgres => "Postgres",
            DateForm::Sql => "SQL",
            DateForm::German => "German",
        };
        let order = match self.order {
            DateOrder::Mdy => "MDY",
            DateOrder::Dmy => "DMY",
            DateOrder::Ymd => "YMD",
        };
        write!(f, "{form}, {order}")
    }
}
