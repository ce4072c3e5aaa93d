//! The expressions of a table that is being defined: checks, defaults, keys
//! and predicates of indexes.

use std::sync::Arc;

use sqlparser::ast::Expr as Ast;

use super::scope::Relation;
use super::{Analyser, Typed};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::sql::expr::Expr;
use crate::postgres::sql::plan::SYSTEM_COLUMNS;
use crate::postgres::storage::catalog::ViewColumn;
use crate::postgres::storage::table::{Column, Formula, Generated, TableDef, TableId};
use crate::postgres::types::{Type, Value};

/// What the query of a view comes to.
pub(in crate::postgres) struct ViewQuery {
    pub(in crate::postgres) columns: Vec<ViewColumn>,
    /// What it reads itself, and which columns of that.
    pub(in crate::postgres) needs: Vec<(TableId, Option<Arc<str>>)>,
}

impl Analyser<'_> {
    /// The columns of this table are in sight.
    pub(in crate::postgres) fn for_table(mut self, table: &Arc<TableDef>) -> Self {
        let relation = Relation::of_table(table.name.to_string(), 0, table.clone());
        let scope = self.scope();
        scope.visible = relation.visible();
        scope.relations.push(relation);
        self.next_slot = 1;
        self
    }

    /// Analyses something as it is evaluated, and as it was written.
    fn both(&mut self, mut analyse: impl FnMut(&mut Self) -> Result<Expr>) -> Result<Formula> {
        let expr = analyse(self)?;
        self.as_written = true;
        let written = analyse(self);
        self.as_written = false;
        Ok(Formula::new(expr, written?))
    }

    /// The condition of a CHECK constraint.
    pub(in crate::postgres) fn check(
        mut self,
        condition: &Ast,
        table: &TableDef,
    ) -> Result<Formula> {
        self.enter("check constraints");
        let condition = self.both(|a| a.condition(condition, "CHECK"))?;
        refuse_subqueries(&condition, "check constraint")?;
        if let Some(name) = system_column(&condition, table) {
            return Err(Error::new(
                SqlState::INVALID_COLUMN_REFERENCE,
                format!("system column \"{name}\" reference in check constraint is invalid"),
            ));
        }
        Ok(condition)
    }

    /// The default of a column; None if it is plainly NULL.
    pub(in crate::postgres) fn default(
        mut self,
        value: &Ast,
        column: &Column,
    ) -> Result<Option<Formula>> {
        self.enter("DEFAULT expressions");
        if matches!(value, Ast::Identifier(_) | Ast::CompoundIdentifier(_)) {
            return Err(Error::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                "cannot use column reference in DEFAULT expression",
            ));
        }
        let default = self.both(|a| {
            let value = a.expr(value)?;
            a.assign_default(value, column)
        })?;
        refuse_subqueries(&default, "DEFAULT expression")?;
        let null = match &default.written {
            Expr::Cast { operand, from, .. } => {
                *from == Type::Unknown && **operand == Expr::Const(Value::Null)
            }
            _ => false,
        };
        Ok((!null).then_some(default))
    }

    /// What a generated column is computed from: other columns of its row.
    pub(in crate::postgres) fn generation(
        mut self,
        value: &Ast,
        column: &Column,
        table: &TableDef,
    ) -> Result<Formula> {
        let invalid = |message| Error::new(SqlState::INVALID_OBJECT_DEFINITION, message);
        self.enter("column generation expressions");
        let expr = self.expr(value)?.expr;
        refuse_subqueries(&expr, "column generation expression")?;
        if let Some(name) = system_column(&expr, table) {
            return Err(Error::new(
                SqlState::INVALID_COLUMN_REFERENCE,
                format!("cannot use system column \"{name}\" in column generation expression"),
            ));
        }
        let is_generated =
            |index: &usize| table.columns[*index].generated == Some(Generated::Stored);
        if let Some(index) = expr.columns().into_iter().find(is_generated) {
            let name = &table.columns[index].name;
            let message =
                format!("cannot use generated column \"{name}\" in column generation expression");
            return Err(invalid(message)
                .detail("A generated column cannot reference another generated column."));
        }
        if is_mutable(&expr) {
            return Err(invalid("generation expression is not immutable".to_owned()));
        }
        self.both(|a| {
            let value = a.expr(value)?;
            a.assign_default(value, column)
        })
    }

    /// Converts a default for its column.
    fn assign_default(&mut self, value: Typed, column: &Column) -> Result<Expr> {
        let assigned = self.assign(value, column, "default expression");
        assigned.map_err(|error| match error.code() {
            SqlState::DATATYPE_MISMATCH => error.unplaced(),
            _ => error,
        })
    }

    /// A key of an index.
    pub(in crate::postgres) fn index_key(mut self, key: &Ast) -> Result<(Formula, Type)> {
        self.enter("index expressions");
        let mut ty = Type::Unknown;
        let value = self.both(|a| {
            let value = a.expr(key)?;
            let value = a.settle(value)?;
            // How it is written may leave a type open, and comes last.
            if !a.as_written {
                ty = value.ty;
            }
            Ok(value.expr)
        })?;
        self.refuse_indexed_system_column(&value)?;
        immutable(&value, "index expression")?;
        Ok((value, ty))
    }

    /// The predicate of a partial index.
    pub(in crate::postgres) fn predicate(mut self, predicate: &Ast) -> Result<Formula> {
        self.enter("index predicates");
        let condition = self.both(|a| a.condition(predicate, "WHERE"))?;
        self.refuse_indexed_system_column(&condition)?;
        immutable(&condition, "index predicate")?;
        Ok(condition)
    }

    fn refuse_indexed_system_column(&mut self, expr: &Expr) -> Result<()> {
        let relation = self.scope().relations.first();
        let table = relation.and_then(|relation| relation.table.clone());
        match table.and_then(|table| system_column(expr, &table)) {
            Some(_) => Err(Error::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                "index creation on system columns is not supported",
            )),
            None => Ok(()),
        }
    }

    /// The conversion of a column to another type.
    pub(in crate::postgres) fn conversion(mut self, using: &Ast, column: &Column) -> Result<Expr> {
        self.enter("transform expressions");
        let value = self.expr(using)?;
        let assigned = self.assign(value, column, "expression");
        assigned.map_err(Error::unplaced)
    }

    /// The default of a column that had type `from` until now.
    pub(in crate::postgres) fn converted_default(
        mut self,
        default: &Formula,
        from: Type,
        column: &Column,
    ) -> Result<Formula> {
        let converted = self.both(|a| {
            let expr = match a.as_written {
                true => &default.written,
                false => &**default,
            };
            let value = Typed::new(expr.clone(), from);
            a.assign(value, column, "default expression")
        });
        converted.map_err(|error| {
            if error.code() != SqlState::DATATYPE_MISMATCH {
                return error;
            }
            let (name, to) = (&column.name, column.ty);
            let what = match column.generated {
                Some(Generated::Stored) => "generation expression",
                _ => "default",
            };
            Error::new(
                SqlState::DATATYPE_MISMATCH,
                format!("{what} for column \"{name}\" cannot be cast automatically to type {to}"),
            )
        })
    }

    /// The query of a view.
    pub(in crate::postgres) fn view_query(
        &mut self,
        query: &sqlparser::ast::Query,
    ) -> Result<ViewQuery> {
        let (_, columns) = self.settled_query(query)?;
        let columns = columns.into_iter().map(|column| ViewColumn {
            name: column.name,
            ty: column.ty,
            modifier: column.modifier,
        });
        let column = |id, number: i16| match usize::try_from(number) {
            Ok(number) => self.catalog.column_name(id, number),
            Err(_) => None,
        };
        let reads = self.reads.iter();
        Ok(ViewQuery {
            columns: columns.collect(),
            needs: reads
                .map(|(id, number)| (*id, column(*id, *number)))
                .collect(),
        })
    }
}

fn refuse_subqueries(expr: &Expr, what: &str) -> Result<()> {
    let found = expr.any(&mut |part| matches!(part, Expr::Subquery(..)));
    if found {
        return Err(Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!("cannot use subquery in {what}"),
        ));
    }
    Ok(())
}

/// The name of a system column that an expression reads.
fn system_column(expr: &Expr, table: &TableDef) -> Option<&'static str> {
    let system = |column: usize| column.checked_sub(table.columns.len());
    let mut columns = expr.columns().into_iter().filter_map(system);
    columns.next().map(|column| SYSTEM_COLUMNS[column].0)
}

/// What an index stores must not depend on when it is asked.
fn immutable(expr: &Expr, what: &str) -> Result<()> {
    refuse_subqueries(expr, what)?;
    if is_mutable(expr) {
        return Err(Error::new(
            SqlState::INVALID_OBJECT_DEFINITION,
            format!("functions in {what} must be marked IMMUTABLE"),
        ));
    }
    Ok(())
}

/// True if its value may depend on when and by whom it is asked.
fn is_mutable(expr: &Expr) -> bool {
    expr.is_volatile()
        || expr.any(&mut |part| match part {
            Expr::Call(builtin, _) => !builtin.is_immutable(),
            Expr::Param(_) => true,
            Expr::Cast { from, to, .. } => {
                *from == Type::Timestamptz || (*to == Type::Timestamptz && *from != Type::Unknown)
            }
            _ => false,
        })
}
