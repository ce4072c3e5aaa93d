//! Statements that touch no rows: transaction control, SET and SHOW, LOCK,
//! LISTEN and NOTIFY, VACUUM and ANALYZE.

mod constraints;
mod control;
mod copy;
mod create_as;
mod cursor;
mod lock;
mod notify;
mod prepare;
mod reindex;
mod set;
mod vacuum;

use sqlparser::ast::Statement;

use super::error::{Error, Result};
use super::session::{Answer, Prepared, Session};
use super::sql::{Command, OutputColumn, Source, fold, is_move_only};

pub(super) use copy::{Copy, CopyIn, Format, Rows, Writer};
pub(super) use cursor::{Formats, Portal, Portals};
pub(super) use lock::lock_tables;
pub(super) use prepare::{Statements, not_prepared};

pub(super) fn unsupported(statement: &Statement) -> Error {
    let text = statement.to_string();
    let words: Vec<&str> = text.split_whitespace().take(2).collect();
    Error::unsupported(words.join(" "))
}

/// The columns of a statement that is not planned.
pub(super) fn columns(session: &Session, command: &Command) -> Result<Vec<OutputColumn>> {
    let Some(statement) = command.as_sql() else {
        return Ok(Vec::new());
    };
    let of = |prepared: &Prepared| prepared.output().to_vec();
    match statement {
        Statement::ShowVariable { variable } => set::shown_columns(variable),
        Statement::Execute {
            name: Some(name), ..
        } => Ok(session
            .executed(name)
            .map_or_else(|_| Vec::new(), |p| of(&p))),
        Statement::Fetch { name, .. } if !is_move_only(statement) => {
            let portal = session.portals.get(&fold(name));
            Ok(portal.map_or_else(Vec::new, |portal| of(&portal.prepared)))
        }
        _ => Ok(Vec::new()),
    }
}

/// The query inside of a statement that is analysed together with it.
pub(super) fn query_within(command: &Command) -> Result<Option<Source>> {
    match command.as_sql() {
        Some(Statement::Declare { stmts }) => Ok(cursor::query(stmts)),
        Some(statement) => create_as::query(statement),
        None => Ok(None),
    }
}

/// Runs what runs a query of the session's; None for other statements.
pub(super) async fn run_query(
    session: &mut Session,
    statement: &Statement,
) -> Result<Option<Answer>> {
    Ok(Some(match statement {
        Statement::Execute {
            name: Some(name),
            parameters,
            ..
        } => session.execute(name, parameters).await?,
        Statement::Prepare {
            name,
            data_types,
            statement,
        } => {
            session
                .prepare_statement(name, data_types, statement)
                .await?
        }
        Statement::Declare { stmts } => match stmts.as_slice() {
            [declare] => session.declare(declare).await?,
            _ => return Ok(None),
        },
        _ => return Ok(None),
    }))
}

/// Runs FETCH and MOVE; None for other statements.
pub(super) async fn run_cursor(
    session: &mut Session,
    statement: &Statement,
) -> Result<Option<Answer>> {
    match statement {
        Statement::Fetch {
            name, direction, ..
        } => session.fetch(statement, name, direction).await.map(Some),
        _ => Ok(None),
    }
}

/// Runs what concerns the session alone; None for other statements.
pub(super) fn run(session: &mut Session, statement: &Statement) -> Result<Option<Answer>> {
    Ok(Some(match statement {
        Statement::Set(set) => set::set(session, set)?,
        Statement::Reset(reset) => set::reset(session, reset)?,
        Statement::ShowVariable { variable } => set::show(session, variable)?,
        Statement::Discard { object_type } => set::discard(session, *object_type)?,
        Statement::Deallocate { name, .. } => session.deallocate(name)?,
        Statement::Close { cursor } => session.close(cursor)?,
        _ => return notify::run(session, statement),
    }))
}
