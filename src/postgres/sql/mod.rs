//! From SQL text to a plan: parse, analyse, evaluate.
//!
//! Parsing is pure and shared by the whole process; analysis looks names up
//! in one server's catalog and gives every expression its type.

mod analyse;
mod client;
mod eval;
mod expr;
mod parse;
mod plan;
mod system;

pub(super) use analyse::{Analyser, column_type, fold, object_name};
pub(super) use client::{Direction, is_client, is_moot, is_move_only};
pub(super) use eval::arithmetic;
pub(super) use eval::{Context, current_timestamp, eval, holds};
pub(super) use expr::{Arithmetic, Expr};
pub(super) use parse::{Keyword, Source, parse};
pub(super) use plan::*;
pub(super) use system::{AdvisoryLock, Call, Calls, System};

/// What version() answers, and with its number what server_version shows.
pub(super) const VERSION: &str = "PostgreSQL 15.18 (simulated by doublebuy)";
/// The version of PostgreSQL whose behaviour is simulated.
pub(super) const SERVER_VERSION: &str = "15.18";

/// `nextval` of a sequence, as the default of a column.
pub(super) fn function_next_value(id: super::storage::sequence::SequenceId) -> Expr {
    Expr::Call(expr::Function::NextValue(id), Vec::new())
}
