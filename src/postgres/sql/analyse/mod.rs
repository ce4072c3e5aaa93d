//! Analysis: names are looked up, types decided, access paths chosen.
//!
//! A literal or parameter without a type takes the one that its context
//! wants, as in PostgreSQL; what can never run is refused here, before
//! anything is touched.

mod aggregate;
mod call;
mod coerce;
mod conflict;
mod construct;
mod dml;
mod expr;
mod from;
mod implied;
mod join;
mod locks;
mod name;
mod operator;
mod output;
mod presort;
mod pull_up;
mod quals;
mod query;
mod scope;
mod select;
mod subquery;
mod table;
mod types;
mod viewdef;
mod window;
mod with;

use std::collections::BTreeSet;
use std::sync::Arc;

use sqlparser::ast::{Expr as Ast, Ident, ObjectName, ObjectNamePart, SetExpr, Statement};
use sqlparser::tokenizer::Span;

use self::scope::Scope;
use self::with::Named;
use super::command::Command;
use super::expr::Expr;
use super::plan::{Action, Cte, OutputColumn, Plan, Query, is_volatile};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::locks::LockMode;
use crate::postgres::storage::catalog::Catalog;
use crate::postgres::storage::clog::{Clog, Xid};
use crate::postgres::storage::table::{TableDef, TableId};
use crate::postgres::types::{Reading, Type, Value};

pub(in crate::postgres) use join::find_rows;
pub(in crate::postgres) use name::{NAME_MAX, clipped, fold, object_name};
pub(in crate::postgres) use output::figure_name;
pub(in crate::postgres) use table::ViewQuery;
pub(in crate::postgres) use types::column_type;
pub(in crate::postgres) use viewdef::Renamed;

/// An expression with its type.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct Typed {
    pub(in crate::postgres) expr: Expr,
    pub(in crate::postgres) ty: Type,
    pub(in crate::postgres) modifier: i32,
    /// The character of the text that it begins with, from 1; 0 if that is
    /// not known.
    at: usize,
}

impl Typed {
    fn new(expr: Expr, ty: Type) -> Typed {
        Typed {
            expr,
            ty,
            modifier: -1,
            at: 0,
        }
    }

    fn boolean(expr: Expr) -> Typed {
        Typed::new(expr, Type::Bool)
    }
}

/// Analyses one statement.
pub(in crate::postgres) struct Analyser<'a> {
    catalog: &'a Catalog,
    clog: &'a Clog,
    /// The transaction whose view of the catalog counts.
    top: Xid,
    /// How the session reads dates and times.
    reading: Reading,
    params: Vec<Type>,
    /// Parameters that had no type where any would do.
    untyped: Vec<usize>,
    /// The names in sight, those of the innermost query last.
    scopes: Vec<Scope>,
    /// The first slot that no relation in sight has.
    next_slot: usize,
    /// True for a part of FROM that an outer join may fill with NULLs.
    nullable: bool,
    /// How many subqueries have an id.
    subplans: usize,
    /// Every query of WITH, and the names that are in sight.
    ctes: Vec<Cte>,
    named: Vec<Named>,
    /// True once one of them was read that depends on the query around it.
    reads_local: bool,
    tables: Vec<(TableId, LockMode)>,
    /// The cursors on whose rows it works, each with the table.
    cursors: Vec<(Arc<str>, TableId)>,
    /// The columns that the statement names, and the relations by number 0:
    /// not those inside of the views that it reads.
    reads: BTreeSet<(TableId, i16)>,
    /// The views inside of whose queries we are.
    views: Vec<TableId>,
    /// Keeps an expression as it was written, to be shown: nothing is
    /// computed beforehand, and every conversion stands in it.
    as_written: bool,
    /// What is to be the text of a view.
    shown: Option<viewdef::Shown>,
    /// What refuses the plan, beside errors of the statement itself.
    refused: Option<Error>,
}

/// The slot that stands for a list of aggregates until they have a place.
const AGGREGATES: usize = 63;

impl<'a> Analyser<'a> {
    pub(in crate::postgres) fn new(
        catalog: &'a Catalog,
        clog: &'a Clog,
        top: Xid,
        reading: Reading,
        params: &[Type],
    ) -> Analyser<'a> {
        Analyser {
            catalog,
            clog,
            top,
            reading,
            params: params.to_vec(),
            untyped: Vec::new(),
            scopes: Vec::new(),
            next_slot: 0,
            nullable: false,
            subplans: 0,
            ctes: Vec::new(),
            named: Vec::new(),
            reads_local: false,
            tables: Vec::new(),
            cursors: Vec::new(),
            reads: BTreeSet::new(),
            views: Vec::new(),
            as_written: false,
            shown: None,
            refused: None,
        }
    }

    /// Plans a statement that reads or writes rows; None for another kind.
    pub(in crate::postgres) fn plan(&mut self, command: &Command) -> Result<Option<Plan>> {
        let Some(statement) = command.as_sql() else {
            return Ok(None);
        };
        let Some((action, output)) = self.action(statement)? else {
            return Ok(None);
        };
        self.all_typed()?;
        let ctes = std::mem::take(&mut self.ctes);
        Ok(Some(Plan {
            volatile: is_volatile(&action, &ctes),
            action,
            ctes,
            params: std::mem::take(&mut self.params),
            output,
            tables: std::mem::take(&mut self.tables),
            cursors: std::mem::take(&mut self.cursors),
            catalog_version: self.catalog.version(),
            refused: self.refused.take(),
        }))
    }

    /// True if the plan is of use to this session only, and only now.
    pub(in crate::postgres) fn read_as_session(&self) -> bool {
        self.reading.was_asked()
    }

    /// The tables that it has come to before an error.
    pub(in crate::postgres) fn into_tables(self) -> Vec<(TableId, LockMode)> {
        self.tables
    }

    fn action(&mut self, statement: &Statement) -> Result<Option<(Action, Vec<OutputColumn>)>> {
        Ok(Some(match statement {
            Statement::Query(query) => match &*query.body {
                // SELECT INTO makes a table first.
                SetExpr::Select(select) if select.into.is_some() => return Ok(None),
                SetExpr::Insert(change) | SetExpr::Update(change) | SetExpr::Delete(change) => {
                    if let Some(with) = &query.with {
                        self.with(with)?;
                    }
                    return self.action(change);
                }
                _ => {
                    let (query, output) = self.settled_query(query)?;
                    (Action::Select(query), output)
                }
            },
            Statement::Insert(insert) => {
                let (insert, output) = self.insert(insert)?;
                (Action::Insert(insert), output)
            }
            Statement::Update(update) => {
                let (update, output) = self.update(update)?;
                (Action::Update(update), output)
            }
            Statement::Delete(delete) => {
                let (delete, output) = self.delete(delete)?;
                (Action::Delete(delete), output)
            }
            Statement::Explain {
                analyze: false,
                statement,
                ..
            } => return self.explain(statement),
            _ => return Ok(None),
        }))
    }

    /// EXPLAIN: the statement is analysed, and the answer is one line.
    fn explain(&mut self, statement: &Statement) -> Result<Option<(Action, Vec<OutputColumn>)>> {
        let word = match self.action(statement)? {
            None => return Ok(None),
            Some((Action::Select(_), _)) => "Result",
            Some((Action::Insert(_), _)) => "Insert",
            Some((Action::Update(_), _)) => "Update",
            Some((Action::Delete(_), _)) => "Delete",
        };
        let rows = vec![vec![Expr::Const(Value::text(word))]];
        let output = OutputColumn {
            name: "QUERY PLAN".to_owned(),
            ty: Type::Text,
            modifier: -1,
            origin: None,
        };
        self.ctes.clear();
        Ok(Some((Action::Select(Query::Values(rows)), vec![output])))
    }

    fn table(&mut self, name: &ObjectName, mode: LockMode) -> Result<Arc<TableDef>> {
        let text = object_name(name)?;
        let table = self
            .catalog
            .find(&text, self.clog, self.top)
            .ok_or_else(|| match self.catalog.view(&text, self.clog, self.top) {
                Some(_) => Error::unsupported("a change of a view, or a lock on it,"),
                None => name::undefined_table(name),
            })?;
        let def = table.seen_by(self.clog, self.top);
        self.lock(def.id, mode);
        Ok(def)
    }

    /// A table that is met again in another part of the statement is locked
    /// again, in the mode of that part.
    fn lock(&mut self, table: TableId, mode: LockMode) {
        if !self.tables.contains(&(table, mode)) {
            self.tables.push((table, mode));
        }
    }

    /// FOR UPDATE stands after the FROM of its table, which it is to be locked
    /// for from the start.
    fn lock_for_rows(&mut self, table: TableId) {
        let wanted = (table, LockMode::RowShare);
        let mut read = self.tables.iter_mut().rev();
        let read = read.find(|held| **held == (table, LockMode::AccessShare));
        match read {
            Some(read) => *read = wanted,
            None => self.lock(table, LockMode::RowShare),
        }
    }

    /// A slot for one more relation.
    fn new_slot(&mut self) -> Result<usize> {
        let slot = self.next_slot;
        if slot >= AGGREGATES {
            return Err(Error::unsupported("a query of more than 63 relations"));
        }
        self.next_slot += 1;
        Ok(slot)
    }

    /// Refuses a parameter that has no type, or had none where it was used.
    fn all_typed(&self) -> Result<()> {
        let unknown = |index: &usize| self.params[*index] == Type::Unknown;
        let undetermined = |index: usize, state: SqlState| {
            let message = format!("could not determine data type of parameter ${}", index + 1);
            Err(Error::new(state, message))
        };
        if let Some(index) = self.untyped.iter().find(|index| !unknown(index)) {
            return undetermined(*index, SqlState::AMBIGUOUS_PARAMETER);
        }
        match (0..self.params.len()).find(unknown) {
            Some(index) => undetermined(index, SqlState::INDETERMINATE_DATATYPE),
            None => Ok(()),
        }
    }

    /// The type of a parameter, counted from 0.
    fn param(&mut self, index: usize) -> Type {
        if self.params.len() <= index {
            self.params.resize(index + 1, Type::Unknown);
        }
        self.params[index]
    }
}

/// Points an error at a name in the text.
pub(in crate::postgres) fn located(error: Error, ident: Option<&Ident>) -> Error {
    placed(error, ident.map_or(0, |ident| character(ident.span)))
}

/// Points an error at a character of the text, if that is known.
fn placed(error: Error, at: usize) -> Error {
    match at {
        0 => error,
        at => error.position(at),
    }
}

/// The character that a name begins with.
fn first_character(name: &ObjectName) -> usize {
    let first = name.0.first().and_then(ObjectNamePart::as_ident);
    first.map_or(0, |ident| character(ident.span))
}

/// The character that an expression begins with, if it is one that tells.
fn begins(ast: &Ast) -> Option<usize> {
    match ast {
        Ast::Value(value) => Some(character(value.span)),
        Ast::Identifier(name) => Some(character(name.span)),
        Ast::CompoundIdentifier(parts) => parts.first().map(|part| character(part.span)),
        Ast::Function(function) => Some(first_character(&function.name)),
        _ => None,
    }
}

/// The character of the text that something begins with, from 1; 0 if it is
/// not of the text.
fn character(span: Span) -> usize {
    usize::try_from(span.start.column).unwrap_or(0)
}
