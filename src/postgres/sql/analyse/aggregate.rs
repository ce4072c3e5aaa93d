//! Aggregates and GROUP BY.

use sqlparser::ast::{
    DuplicateTreatment, Function as Call, FunctionArg, FunctionArgExpr, FunctionArguments,
};

use super::function::plain_arguments;
use super::{AGGREGATES, Analyser, Typed};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::sql::expr::Expr;
use crate::postgres::sql::plan::{Aggregate, AggregateFunction};
use crate::postgres::types::Type;

fn by_name(name: &str) -> Option<AggregateFunction> {
    Some(match name {
        "count" => AggregateFunction::Count,
        "sum" => AggregateFunction::Sum,
        "avg" => AggregateFunction::Avg,
        "min" => AggregateFunction::Min,
        "max" => AggregateFunction::Max,
        "bool_and" | "every" => AggregateFunction::BoolAnd,
        "bool_or" => AggregateFunction::BoolOr,
        _ => return None,
    })
}

impl Analyser<'_> {
    /// The call as an aggregate, if it is one: a column of the grouped row.
    pub(super) fn aggregate(&mut self, name: &str, call: &Call) -> Result<Option<Typed>> {
        let Some(function) = by_name(name) else {
            return Ok(None);
        };
        let Some(outer) = self.aggregates.take() else {
            return Err(Error::new(
                SqlState::GROUPING_ERROR,
                format!(
                    "aggregate functions are not allowed in {}",
                    self.no_aggregates
                ),
            ));
        };
        self.no_aggregates = "the argument of an aggregate";
        let aggregate = self.aggregate_call(function, name, call);
        let aggregates = self.aggregates.insert(outer);
        let aggregate = aggregate?;
        let ty = aggregate.ty;
        let column = match aggregates.iter().position(|other| *other == aggregate) {
            Some(column) => column,
            None => {
                aggregates.push(aggregate);
                aggregates.len() - 1
            }
        };
        let expr = Expr::Column {
            relation: AGGREGATES,
            column,
        };
        Ok(Some(Typed::new(expr, ty)))
    }

    fn aggregate_call(
        &mut self,
        function: AggregateFunction,
        name: &str,
        call: &Call,
    ) -> Result<Aggregate> {
        let filter = match &call.filter {
            Some(filter) => Some(self.condition(filter, "FILTER")?),
            None => None,
        };
        let distinct = match &call.args {
            FunctionArguments::List(list) => {
                if !list.clauses.is_empty() {
                    return Err(Error::unsupported("ORDER BY in an aggregate"));
                }
                list.duplicate_treatment == Some(DuplicateTreatment::Distinct)
            }
            _ => false,
        };
        if function == AggregateFunction::Count && is_star(call) {
            return Ok(Aggregate {
                function,
                argument: None,
                distinct: false,
                filter,
                ty: Type::Int8,
            });
        }
        let argument = match plain_arguments(call)?.as_slice() {
            [argument] => self.expr(argument)?,
            _ => return Err(no_aggregate(name, "")),
        };
        let argument = self.settle(argument)?;
        let (operand, ty) = result_type(function, argument.ty)
            .ok_or_else(|| no_aggregate(name, argument.ty.name()))?;
        Ok(Aggregate {
            function,
            argument: Some(self.implicit(argument, operand)?),
            distinct,
            filter,
            ty,
        })
    }

    /// Turns an expression over the joined rows into one over the grouped
    /// row: keys first, then aggregates.
    pub(super) fn over_groups(&self, expr: &mut Expr, keys: &[Expr]) -> Result<()> {
        let mut ungrouped = None;
        expr.rewrite(&mut |part| {
            if let Some(column) = keys.iter().position(|key| key == part) {
                return Some(Expr::Column {
                    relation: 0,
                    column,
                });
            }
            if let Expr::Column { relation, column } = *part {
                if relation == AGGREGATES {
                    return Some(Expr::Column {
                        relation: 0,
                        column: keys.len() + column,
                    });
                }
                ungrouped.get_or_insert((relation, column));
            }
            None
        });
        let Some((relation, column)) = ungrouped else {
            return Ok(());
        };
        let relation = &self.relations[relation];
        let column = &relation.table.columns[column].name;
        Err(Error::new(
            SqlState::GROUPING_ERROR,
            format!(
                "column \"{}.{column}\" must appear in the GROUP BY clause or be used in an aggregate function",
                relation.name
            ),
        ))
    }
}

fn is_star(call: &Call) -> bool {
    matches!(&call.args, FunctionArguments::List(list)
        if matches!(list.args.as_slice(), [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)]))
}

fn no_aggregate(name: &str, ty: &str) -> Error {
    Error::new(
        SqlState::UNDEFINED_FUNCTION,
        format!("function {name}({ty}) does not exist"),
    )
    .hint("No function matches the given name and argument types. You might need to add explicit type casts.")
}

/// The type that the argument is brought to, and that of the result.
fn result_type(function: AggregateFunction, argument: Type) -> Option<(Type, Type)> {
    use AggregateFunction::{Avg, BoolAnd, BoolOr, Count, Max, Min, Sum};
    Some(match (function, argument) {
        (Count, _) => (argument, Type::Int8),
        (Sum, Type::Int2 | Type::Int4) => (argument, Type::Int8),
        (Sum | Avg, Type::Int8 | Type::Numeric) | (Avg, Type::Int2 | Type::Int4) => {
            (Type::Numeric, Type::Numeric)
        }
        (Sum | Avg, Type::Float8) => (argument, argument),
        (Min | Max, Type::Varchar) => (Type::Text, Type::Text),
        (Min | Max, Type::Bool | Type::Uuid | Type::Void) => return None,
        (Min | Max, _) => (argument, argument),
        (BoolAnd | BoolOr, Type::Bool) => (Type::Bool, Type::Bool),
        _ => return None,
    })
}
