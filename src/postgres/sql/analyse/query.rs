//! Queries: SELECT, VALUES, and what UNION and its kin make of them.

use sqlparser::ast::{Query as AstQuery, SetExpr, SetOperator, SetQuantifier, Statement, Values};

use super::locks::{cannot_be_applied, not_allowed, strength_of};
use super::output::check_width;
use super::{Analyser, Typed};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::sql::command::Command;
use crate::postgres::sql::expr::Expr;
use crate::postgres::sql::parse::parse;
use crate::postgres::sql::plan::{
    Distinct, Node, OutputColumn, Query, RowSource, Rows, Select, SetKind, SetOperation, SubPlan,
};
use crate::postgres::types::Type;

/// A query that is nothing but its body.
pub(super) fn bare(body: SetExpr) -> AstQuery {
    AstQuery {
        with: None,
        body: Box::new(body),
        order_by: None,
        limit_clause: None,
        fetch: None,
        locks: Vec::new(),
        for_clause: None,
        settings: None,
        format_clause: None,
        pipe_operators: Vec::new(),
    }
}

impl Analyser<'_> {
    /// A query whose literals without a type have become text.
    pub(super) fn settled_query(&mut self, ast: &AstQuery) -> Result<(Query, Vec<OutputColumn>)> {
        let (mut query, mut columns) = self.query(ast)?;
        let settle = |ty: Type| match ty {
            Type::Unknown => Type::Text,
            Type::Array(Type::Unknown) => Type::Array(&Type::Text),
            other => other,
        };
        let types: Vec<Type> = columns.iter().map(|column| settle(column.ty)).collect();
        self.retype(&mut query, &mut columns, &types)?;
        Ok((query, columns))
    }

    /// A query; literals and parameters in its output may still be without a
    /// type.
    pub(super) fn query(&mut self, ast: &AstQuery) -> Result<(Query, Vec<OutputColumn>)> {
        let in_sight = self.named.len();
        if let Some(with) = &ast.with {
            self.with(with)?;
        }
        let mut result = match &*ast.body {
            SetExpr::Select(select) => self.select(ast, select),
            body => {
                if let Some(lock) = ast.locks.first() {
                    let strength = strength_of(lock);
                    return Err(match body {
                        SetExpr::Values(_) => cannot_be_applied(strength, "VALUES"),
                        _ => not_allowed(strength, "UNION/INTERSECT/EXCEPT"),
                    });
                }
                let base = self.next_slot;
                let (query, columns) = self.set_expr(body)?;
                let bare =
                    ast.order_by.is_none() && ast.limit_clause.is_none() && ast.fetch.is_none();
                if bare {
                    Ok((query, columns))
                } else {
                    self.sorted(ast, query, columns, base)
                }
            }
        };
        let named = self.named.split_off(in_sight);
        if let Ok((query, _)) = &mut result {
            self.keep_local(query, &named)?;
        }
        result
    }

    fn set_expr(&mut self, body: &SetExpr) -> Result<(Query, Vec<OutputColumn>)> {
        match body {
            SetExpr::Select(select) => self.select(&bare(SetExpr::Select(select.clone())), select),
            SetExpr::Query(inner) => self.query(inner),
            SetExpr::Values(values) => self.values(values),
            SetExpr::SetOperation {
                op,
                set_quantifier,
                left,
                right,
            } => self.set_operation(*op, *set_quantifier, left, right),
            SetExpr::Table(table) => {
                let name = table.table_name.clone().unwrap_or_default();
                let text = match &table.schema_name {
                    Some(schema) => format!("SELECT * FROM {schema}.{name}"),
                    None => format!("SELECT * FROM {name}"),
                };
                match parse(&text)?.statements.first().and_then(Command::as_sql) {
                    // A place in this text is none in the statement's.
                    Some(Statement::Query(query)) => self.query(query).map_err(Error::unplaced),
                    _ => Err(Error::unsupported(format!("TABLE {name}"))),
                }
            }
            other => Err(Error::unsupported(format!("the query {other}"))),
        }
    }

    fn values(&mut self, values: &Values) -> Result<(Query, Vec<OutputColumn>)> {
        self.scopes.push(super::Scope::default());
        self.enter("VALUES");
        let rows = values.rows.iter().map(|row| {
            let row = row.content.iter().map(|value| self.expr(value));
            row.collect::<Result<Vec<Typed>>>()
        });
        let rows = rows.collect::<Result<Vec<_>>>();
        self.scopes.pop();
        let rows = rows?;
        let width = rows.first().map_or(0, Vec::len);
        check_width(width)?;
        if rows.iter().any(|row| row.len() != width) {
            return Err(Error::new(
                SqlState::SYNTAX_ERROR,
                "VALUES lists must all be the same length",
            ));
        }
        let mut output = Vec::new();
        let mut columns = Vec::new();
        for index in 0..width {
            let values: Vec<Typed> = rows.iter().map(|row| row[index].clone()).collect();
            let unknown = values.iter().all(|value| value.ty == Type::Unknown);
            let (exprs, ty) = if unknown {
                (
                    values.into_iter().map(|value| value.expr).collect(),
                    Type::Unknown,
                )
            } else {
                self.unify(values, "VALUES")?
            };
            columns.push(exprs.into_iter());
            output.push(OutputColumn {
                name: format!("column{}", index + 1),
                ty,
                modifier: -1,
                origin: None,
            });
        }
        let rows = rows
            .iter()
            .map(|_| columns.iter_mut().filter_map(Iterator::next).collect())
            .collect();
        Ok((Query::Values(rows), output))
    }

    fn set_operation(
        &mut self,
        op: SetOperator,
        quantifier: SetQuantifier,
        left: &SetExpr,
        right: &SetExpr,
    ) -> Result<(Query, Vec<OutputColumn>)> {
        let (mut left, mut columns) = self.set_expr(left)?;
        let (mut right, mut others) = self.set_expr(right)?;
        let (kind, word) = match op {
            SetOperator::Union => (SetKind::Union, "UNION"),
            SetOperator::Intersect => (SetKind::Intersect, "INTERSECT"),
            SetOperator::Except | SetOperator::Minus => (SetKind::Except, "EXCEPT"),
        };
        let all = match quantifier {
            SetQuantifier::All => true,
            SetQuantifier::None | SetQuantifier::Distinct => false,
            other => return Err(Error::unsupported(format!("{word} {other}"))),
        };
        if columns.len() != others.len() {
            return Err(Error::new(
                SqlState::SYNTAX_ERROR,
                format!("each {word} query must have the same number of columns"),
            ));
        }
        let types = set_types(&columns, &others, word)?;
        for (column, other) in columns.iter_mut().zip(&others) {
            if column.modifier != other.modifier || column.ty != other.ty {
                column.modifier = -1;
            }
            column.origin = None;
        }
        self.retype(&mut left, &mut columns, &types)?;
        self.retype(&mut right, &mut others, &types)?;
        let operation = SetOperation {
            kind,
            all,
            left,
            right,
        };
        Ok((Query::Set(Box::new(operation)), columns))
    }

    /// Brings the columns of a query to other types.
    pub(super) fn retype(
        &mut self,
        query: &mut Query,
        columns: &mut [OutputColumn],
        types: &[Type],
    ) -> Result<()> {
        for (index, ty) in types.iter().enumerate() {
            if columns[index].ty == *ty {
                continue;
            }
            self.retype_column(query, index, columns[index].ty, *ty)?;
            columns[index].ty = *ty;
            columns[index].modifier = -1;
        }
        Ok(())
    }

    fn retype_column(
        &mut self,
        query: &mut Query,
        index: usize,
        from: Type,
        to: Type,
    ) -> Result<()> {
        match query {
            Query::Select(select) => {
                let expr = select.output[index].clone();
                select.output[index] = self.implicit(Typed::new(expr.clone(), from), to)?;
                // What sorts by the column sorts by what it has become.
                let replaced = select.output[index].clone();
                for key in &mut select.order {
                    if from == Type::Unknown && key.expr == expr {
                        key.expr = replaced.clone();
                    }
                }
            }
            Query::Values(rows) => {
                for row in rows {
                    let expr = row[index].clone();
                    row[index] = self.implicit(Typed::new(expr, from), to)?;
                }
            }
            Query::Set(operation) => {
                self.retype_column(&mut operation.left, index, from, to)?;
                self.retype_column(&mut operation.right, index, from, to)?;
            }
            Query::With(with) => self.retype_column(&mut with.query, index, from, to)?,
        }
        Ok(())
    }

    /// ORDER BY and LIMIT of what is no SELECT: by its columns alone.
    fn sorted(
        &mut self,
        ast: &AstQuery,
        query: Query,
        columns: Vec<OutputColumn>,
        base: usize,
    ) -> Result<(Query, Vec<OutputColumn>)> {
        let rows = self.query_rows(query, base)?;
        let slot = self.new_slot()?;
        let output: Vec<Expr> = (0..columns.len())
            .map(|column| Expr::Column { slot, column })
            .collect();
        self.scopes.push(super::Scope::default());
        let order = self.order_columns(ast, &columns, &output);
        let limit = self.limit(ast);
        self.scopes.pop();
        self.next_slot = base;
        let (limit, offset, with_ties) = limit?;
        let select = Select {
            base,
            from: Some(Node::Rows(RowSource {
                slot,
                width: columns.len(),
                rows,
                filter: Vec::new(),
            })),
            filter: Vec::new(),
            grouping: None,
            windows: None,
            output,
            distinct: Distinct::No,
            order: order?,
            presorted: false,
            limit,
            with_ties,
            offset,
            locks: Vec::new(),
        };
        Ok((Query::Select(Box::new(select)), columns))
    }

    /// A query as a source of rows: one that locks rows runs once, before the
    /// rest.
    pub(super) fn query_rows(&mut self, query: Query, base: usize) -> Result<Rows> {
        if locks_rows(&query) {
            return self.hoist(query, base).map(Rows::Cte);
        }
        Ok(Rows::Query(self.subplan(query, base)))
    }

    pub(super) fn subplan(&mut self, query: Query, base: usize) -> SubPlan {
        self.subplans += 1;
        let correlated = query.slots() & ((1 << base) - 1) != 0;
        SubPlan {
            id: self.subplans,
            base,
            correlated,
            query,
        }
    }

    /// Has a query run once, before the statement: its number.
    fn hoist(&mut self, query: Query, base: usize) -> Result<usize> {
        if query.slots() & ((1 << base) - 1) != 0 {
            return Err(Error::unsupported(
                "FOR UPDATE in a subquery that depends on the query around it",
            ));
        }
        self.ctes.push(super::Cte {
            body: super::super::plan::CteBody::Action(Box::new(super::Action::Select(query))),
            read: true,
        });
        Ok(self.ctes.len() - 1)
    }
}

fn set_types(columns: &[OutputColumn], others: &[OutputColumn], word: &str) -> Result<Vec<Type>> {
    columns
        .iter()
        .zip(others)
        .map(|(left, right)| match Analyser::common(left.ty, right.ty) {
            Some(Type::Unknown) => Ok(Type::Text),
            Some(ty) => Ok(ty),
            None => Err(Error::new(
                SqlState::DATATYPE_MISMATCH,
                format!(
                    "{word} types {} and {} cannot be matched",
                    left.ty, right.ty
                ),
            )),
        })
        .collect()
}

/// True if a query or one in its FROM locks rows.
pub(super) fn locks_rows(query: &Query) -> bool {
    match query {
        Query::Select(select) => {
            !select.locks.is_empty() || select.from.as_ref().is_some_and(node_locks)
        }
        Query::Values(_) => false,
        Query::Set(operation) => locks_rows(&operation.left) || locks_rows(&operation.right),
        Query::With(with) => locks_rows(&with.query),
    }
}

fn node_locks(node: &Node) -> bool {
    match node {
        Node::Scan(_) => false,
        Node::Rows(source) => matches!(&source.rows, Rows::Query(plan) if locks_rows(&plan.query)),
        Node::Join(join) => node_locks(&join.left) || node_locks(&join.right),
    }
}
