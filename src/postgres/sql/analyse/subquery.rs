//! Subqueries in expressions.

use std::sync::Arc;

use sqlparser::ast::{BinaryOperator, Expr as Ast, Query as AstQuery};

use super::coerce::Coercion;
use super::{Analyser, Typed};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::sql::expr::{Comparison, Expr, Sublink};
use crate::postgres::sql::plan::{Distinct, Node};
use crate::postgres::sql::plan::{OutputColumn, Query, RowSource, Rows, Select, SubPlan};
use crate::postgres::types::Type;

impl Analyser<'_> {
    /// `(SELECT ...)` as a value.
    pub(super) fn scalar(&mut self, ast: &AstQuery) -> Result<Typed> {
        let (plan, columns) = self.sub_query(ast)?;
        let column = only_column(&columns)?;
        let (ty, modifier) = (column.ty, column.modifier);
        Ok(Typed {
            expr: Expr::Subquery(Arc::new(plan), Sublink::Scalar),
            ty,
            modifier,
            at: 0,
        })
    }

    pub(super) fn exists(&mut self, ast: &AstQuery, negated: bool) -> Result<Typed> {
        let (plan, _) = self.sub_query(ast)?;
        let exists = Expr::Subquery(Arc::new(plan), Sublink::Exists);
        Ok(Typed::boolean(if negated {
            Expr::Not(Box::new(exists))
        } else {
            exists
        }))
    }

    /// `ARRAY(SELECT ...)`
    pub(super) fn array_of(&mut self, ast: &AstQuery) -> Result<Typed> {
        let (plan, columns) = self.sub_query(ast)?;
        let ty = only_column(&columns)?.ty;
        let array = ty
            .array()
            .ok_or_else(|| Error::unsupported("an array of several dimensions"))?;
        Ok(Typed::new(
            Expr::Subquery(Arc::new(plan), Sublink::Array),
            array,
        ))
    }

    /// `operand op ANY (SELECT ...)` and ALL; IN is `= ANY`.
    pub(super) fn quantified(
        &mut self,
        operand: &Ast,
        comparison: Comparison,
        sign: &str,
        ast: &AstQuery,
        all: bool,
    ) -> Result<Typed> {
        let operands: Vec<&Ast> = match operand {
            Ast::Tuple(list) => list.iter().collect(),
            Ast::Nested(inner) => match &**inner {
                Ast::Tuple(list) => list.iter().collect(),
                other => vec![other],
            },
            other => vec![other],
        };
        let operands: Vec<Typed> = operands
            .into_iter()
            .map(|one| self.expr(one))
            .collect::<Result<_>>()?;
        let base = self.next_slot;
        let (mut query, mut columns) = self.query(ast)?;
        if columns.len() != operands.len() {
            let many = if columns.len() > operands.len() {
                "many"
            } else {
                "few"
            };
            return Err(Error::new(
                SqlState::SYNTAX_ERROR,
                format!("subquery has too {many} columns"),
            ));
        }
        if operands.len() > 1 && !matches!(comparison, Comparison::Equal | Comparison::NotEqual) {
            return Err(Error::unsupported(
                "this comparison of rows with a subquery",
            ));
        }
        let mut exprs = Vec::new();
        let mut types = Vec::new();
        for (operand, column) in operands.into_iter().zip(&columns) {
            let ty = match Analyser::common(operand.ty, column.ty) {
                Some(Type::Unknown) => Type::Text,
                Some(ty) => ty,
                None => return Err(super::operator::no_operator(operand.ty, sign, column.ty)),
            };
            exprs.push(self.coerce(operand, ty, Coercion::Implicit)?);
            types.push(ty);
        }
        self.retype(&mut query, &mut columns, &types)?;
        let plan = self.hoisted(query, &columns, base)?;
        self.note_text(plan.id, ast)?;
        let link = Sublink::Quantified {
            comparison,
            operands: exprs,
            all,
        };
        Ok(Typed::boolean(Expr::Subquery(Arc::new(plan), link)))
    }

    fn sub_query(&mut self, ast: &AstQuery) -> Result<(SubPlan, Vec<OutputColumn>)> {
        let base = self.next_slot;
        let (query, columns) = self.settled_query(ast)?;
        let plan = self.hoisted(query, &columns, base)?;
        self.note_text(plan.id, ast)?;
        Ok((plan, columns))
    }

    /// A subquery that locks rows runs before the statement, and is read from
    /// there.
    fn hoisted(&mut self, query: Query, columns: &[OutputColumn], base: usize) -> Result<SubPlan> {
        let plan = match self.query_rows(query, base)? {
            Rows::Query(plan) => plan,
            rows => {
                let width = columns.len();
                let output = (0..width).map(|column| Expr::Column { slot: base, column });
                let select = Select {
                    base,
                    output: output.collect(),
                    from: Some(Node::Rows(RowSource {
                        slot: base,
                        width,
                        rows,
                        filter: Vec::new(),
                    })),
                    filter: Vec::new(),
                    grouping: None,
                    windows: None,
                    distinct: Distinct::No,
                    order: Vec::new(),
                    presorted: false,
                    limit: None,
                    with_ties: false,
                    offset: None,
                    locks: Vec::new(),
                };
                self.subplan(Query::Select(Box::new(select)), base)
            }
        };
        Ok(plan)
    }
}

fn only_column(columns: &[OutputColumn]) -> Result<&OutputColumn> {
    match columns {
        [column] => Ok(column),
        _ => Err(Error::new(
            SqlState::SYNTAX_ERROR,
            "subquery must return only one column",
        )),
    }
}

/// The comparison that an operator stands for.
pub(super) fn comparison(op: &BinaryOperator) -> Option<Comparison> {
    Some(match op {
        BinaryOperator::Eq => Comparison::Equal,
        BinaryOperator::NotEq => Comparison::NotEqual,
        BinaryOperator::Lt => Comparison::Less,
        BinaryOperator::LtEq => Comparison::LessOrEqual,
        BinaryOperator::Gt => Comparison::Greater,
        BinaryOperator::GtEq => Comparison::GreaterOrEqual,
        _ => return None,
    })
}
