//! Statements that touch no rows: transaction control, SET and SHOW, LOCK,
//! LISTEN and NOTIFY.

mod control;
mod lock;
mod notify;
mod set;

use sqlparser::ast::Statement;

use super::error::{Error, Result};
use super::session::{Answer, Session};
use super::sql::OutputColumn;

pub(super) use lock::lock_tables;

pub(super) fn unsupported(statement: &Statement) -> Error {
    let text = statement.to_string();
    let words: Vec<&str> = text.split_whitespace().take(2).collect();
    Error::unsupported(words.join(" "))
}

/// The columns of a statement that is not planned.
pub(super) fn columns(statement: &Statement) -> Result<Vec<OutputColumn>> {
    match statement {
        Statement::ShowVariable { variable } => set::shown_columns(variable),
        _ => Ok(Vec::new()),
    }
}

/// Runs what concerns the session alone; None for other statements.
pub(super) fn run(session: &mut Session, statement: &Statement) -> Result<Option<Answer>> {
    Ok(Some(match statement {
        Statement::Set(set) => set::set(session, set)?,
        Statement::Reset(reset) => set::reset(session, reset)?,
        Statement::ShowVariable { variable } => set::show(session, variable)?,
        Statement::Discard { object_type } => set::discard(session, *object_type)?,
        _ => return notify::run(session, statement),
    }))
}
