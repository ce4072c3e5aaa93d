//! From SQL text to a plan: parse, analyse, evaluate.
//!
//! Parsing is pure and shared by the whole process; analysis looks names up
//! in one server's catalog and gives every expression its type.

mod analyse;
mod client;
mod command;
mod deparse;
mod depth;
mod eval;
mod expr;
mod functions;
mod grammar;
mod like;
mod literal;
mod numbers;
mod opened;
mod options;
mod overriding;
mod parse;
mod plan;
mod registry;
mod reserved;
mod system;
mod target;

pub(super) use analyse::{Analyser, Renamed, ViewQuery, column_type, figure_name, find_rows};
pub(super) use analyse::{NAME_MAX, clipped, fold, located, object_name};
pub(super) use client::{Direction, is_move_only};
pub(super) use command::{AlterConstraint, AlterRelation, RelationChange, RelationKind};
pub(super) use command::{AlterSequence, SequenceOf, SequenceOption};
pub(super) use command::{Command, Maintenance, MaintenanceOption, Reindex, SetConstraints};
pub(super) use command::{Copy, CopyOption, CopySource, CopyTarget, CopyValue};
pub(super) use deparse::{Deparser, Names};
pub(super) use eval::{Context, Database, SessionView, arithmetic, current_timestamp};
pub(super) use eval::{eval, eval_all, eval_row, holds};
pub(super) use expr::{Arithmetic, Comparison, Expr};
pub(super) use functions::{append, json_key, json_pair, json_text, quote_ident, to_json};
pub(super) use like::Like;
pub(super) use parse::{Keyword, Source, parse};
pub(super) use plan::*;
pub(super) use registry::{Registry, relation_name};
pub(super) use system::{AdvisoryLock, Call, Calls, System};

/// What version() answers; server_version shows its number.
pub(super) const VERSION: &str = "PostgreSQL 15.18 (simulated by doublebuy)";
