//! Aggregates and GROUP BY.

use sqlparser::ast::{
    DuplicateTreatment, Function as Call, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArguments,
};

use super::call::plain_arguments;
use super::{AGGREGATES, Analyser, Typed, first_character, placed};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::sql::expr::Expr;
use crate::postgres::sql::plan::{Aggregate, AggregateFunction, Windows};
use crate::postgres::types::Type;

pub(super) fn by_name(name: &str) -> Option<AggregateFunction> {
    Some(match name {
        "count" => AggregateFunction::Count,
        "sum" => AggregateFunction::Sum,
        "avg" => AggregateFunction::Avg,
        "min" => AggregateFunction::Min,
        "max" => AggregateFunction::Max,
        "bool_and" | "every" => AggregateFunction::BoolAnd,
        "bool_or" => AggregateFunction::BoolOr,
        "string_agg" => AggregateFunction::StringAgg,
        "array_agg" => AggregateFunction::ArrayAgg,
        "json_agg" | "jsonb_agg" => AggregateFunction::JsonAgg,
        "json_object_agg" | "jsonb_object_agg" => AggregateFunction::JsonObjectAgg,
        _ => return None,
    })
}

impl Analyser<'_> {
    /// The call as an aggregate, if it is one: a column of the grouped row.
    pub(super) fn aggregate(&mut self, name: &str, call: &Call) -> Result<Option<Typed>> {
        let Some(function) = by_name(name) else {
            return Ok(None);
        };
        let scope = self.scope();
        let clause = scope.clause;
        let Some(outer) = scope.aggregates.take() else {
            if clause != AGGREGATE_ARGUMENT && self.is_of_outer(function, name, call) {
                return Err(outer_aggregate());
            }
            let message = match clause {
                AGGREGATE_ARGUMENT => "aggregate function calls cannot be nested".to_owned(),
                clause => format!("aggregate functions are not allowed in {clause}"),
            };
            let error = Error::new(SqlState::GROUPING_ERROR, message);
            return Err(placed(error, first_character(&call.name)));
        };
        let windows = scope.windows.take();
        scope.clause = AGGREGATE_ARGUMENT;
        let aggregate = self.aggregate_call(function, name, call);
        let own = self.own_slots();
        let scope = self.scope();
        scope.clause = clause;
        scope.windows = windows;
        let aggregates = scope.aggregates.insert(outer);
        let aggregate = aggregate?;
        // One over columns of the outer query alone would be that query's.
        let read = aggregate
            .arguments
            .iter()
            .chain(&aggregate.filter)
            .fold(0, |set, expr| set | expr.slots());
        if read != 0 && read & own == 0 {
            return Err(outer_aggregate());
        }
        let ty = aggregate.ty;
        let column = match aggregates.iter().position(|other| *other == aggregate) {
            Some(column) => column,
            None => {
                aggregates.push(aggregate);
                aggregates.len() - 1
            }
        };
        let expr = Expr::Column {
            slot: AGGREGATES,
            column,
        };
        Ok(Some(Typed::new(expr, ty)))
    }

    /// True for an aggregate over columns of an outer query alone, whose it is.
    fn is_of_outer(&mut self, function: AggregateFunction, name: &str, call: &Call) -> bool {
        let Ok(aggregate) = self.aggregate_call(function, name, call) else {
            return false;
        };
        let own = self.own_slots();
        let read = aggregate.arguments.iter().chain(&aggregate.filter);
        let read = read.fold(0, |set, expr| set | expr.slots());
        read != 0 && read & own == 0
    }

    /// The slots of the innermost query's FROM.
    pub(super) fn own_slots(&mut self) -> u64 {
        let relations = self.scope().relations.iter();
        relations.fold(0, |set, relation| set | 1 << relation.slot)
    }

    /// Analyses the call of an aggregate.
    pub(super) fn aggregate_call(
        &mut self,
        function: AggregateFunction,
        name: &str,
        call: &Call,
    ) -> Result<Aggregate> {
        let filter = match &call.filter {
            Some(filter) => {
                let clause = std::mem::replace(&mut self.scope().clause, "FILTER");
                let filter = self.condition(filter, "FILTER");
                self.scope().clause = clause;
                Some(filter?)
            }
            None => None,
        };
        let (distinct, order) = match &call.args {
            FunctionArguments::List(list) => {
                let mut order = Vec::new();
                for clause in &list.clauses {
                    let FunctionArgumentClause::OrderBy(keys) = clause else {
                        return Err(Error::unsupported(format!("{clause} in an aggregate")));
                    };
                    order = self.sort_keys(keys)?;
                }
                let distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
                (distinct, order)
            }
            _ => (false, Vec::new()),
        };
        let mut aggregate = Aggregate {
            function,
            arguments: Vec::new(),
            distinct,
            order,
            filter,
            ty: Type::Int8,
        };
        if function == AggregateFunction::Count && is_star(call) {
            return Ok(aggregate);
        }
        let mut arguments = Vec::new();
        for argument in plain_arguments(call)? {
            arguments.push(self.expr(argument)?);
        }
        let types: Vec<Type> = arguments.iter().map(|argument| argument.ty).collect();
        if function == AggregateFunction::ArrayAgg && matches!(types[..], [Type::Array(_)]) {
            return Err(Error::unsupported("an array of several dimensions"));
        }
        let unknown = arguments
            .iter()
            .any(|argument| argument.ty == Type::Unknown);
        let (wanted, ty) = result_type(function, name, &types).ok_or_else(|| {
            let names: Vec<&str> = types.iter().map(|ty| ty.name()).collect();
            let error = no_aggregate(name, &names.join(", "), unknown);
            placed(error, first_character(&call.name))
        })?;
        for (argument, ty) in arguments.into_iter().zip(wanted) {
            let argument = match ty {
                // PostgreSQL has them for every kind of number.
                _ if self.as_written && argument.ty.is_number() => argument.expr,
                Type::Unknown => self.any(argument)?.expr,
                Type::Json => self.as_any(argument),
                _ => self.implicit(argument, ty)?,
            };
            aggregate.arguments.push(argument);
        }
        if distinct
            && aggregate
                .order
                .iter()
                .any(|key| !aggregate.arguments.contains(&key.expr))
        {
            return Err(Error::new(
                SqlState::INVALID_COLUMN_REFERENCE,
                "in an aggregate with DISTINCT, ORDER BY expressions must appear in argument list",
            ));
        }
        aggregate.ty = ty;
        Ok(aggregate)
    }

    /// Turns expressions over the joined rows into ones over the grouped row:
    /// keys first, then aggregates. Other columns of a table whose primary
    /// key is among the keys become keys too.
    pub(super) fn over_groups(
        &mut self,
        mut exprs: Vec<&mut Expr>,
        mut windows: Option<&mut Windows>,
        keys: &mut Vec<Expr>,
        base: usize,
    ) -> Result<()> {
        let own = self.own_slots();
        let mut ungrouped = Vec::new();
        for expr in &exprs {
            ungrouped_columns(expr, keys, own, &mut ungrouped);
        }
        if let Some(windows) = &windows {
            for call in &windows.calls {
                call.visit_call(&mut |expr| ungrouped_columns(expr, keys, own, &mut ungrouped));
            }
        }
        for (slot, column) in ungrouped {
            self.depends_on_keys(slot, column, keys)?;
            keys.push(Expr::Column { slot, column });
        }
        let mut replace = |part: &Expr| grouped(part, keys, base);
        for expr in &mut exprs {
            expr.rewrite(&mut replace);
        }
        if let Some(windows) = &mut windows {
            for call in &mut windows.calls {
                call.visit_call_mut(&mut |expr| expr.rewrite(&mut replace));
            }
        }
        Ok(())
    }

    /// Refuses a column that may differ within a group.
    fn depends_on_keys(&mut self, slot: usize, column: usize, keys: &[Expr]) -> Result<()> {
        let relations = &self.scope().relations;
        let Some(relation) = relations.iter().find(|relation| relation.slot == slot) else {
            return Err(Error::unsupported("this column beside GROUP BY"));
        };
        let is_key = |column: usize| keys.contains(&Expr::Column { slot, column });
        let primary = relation.table.iter().flat_map(|table| &table.indexes);
        let mut primary = primary.filter(|index| index.is_primary());
        let determined = primary.any(|index| {
            let columns = index.columns();
            columns.is_some_and(|columns| columns.into_iter().all(is_key))
        });
        if determined {
            return Ok(());
        }
        let name = relation
            .columns
            .get(column)
            .map_or("?", |column| &column.name);
        Err(Error::new(
            SqlState::GROUPING_ERROR,
            format!(
                "column \"{}.{name}\" must appear in the GROUP BY clause or be used in an aggregate function",
                relation.name
            ),
        ))
    }
}

fn outer_aggregate() -> Error {
    Error::unsupported("an aggregate of an outer query's columns")
}

/// What is being read while the argument of an aggregate is.
const AGGREGATE_ARGUMENT: &str = "aggregate function calls";

fn grouped(part: &Expr, keys: &[Expr], base: usize) -> Option<Expr> {
    if let Some(column) = keys.iter().position(|key| key == part) {
        return Some(Expr::Column { slot: base, column });
    }
    match *part {
        Expr::Column { slot, column } if slot == AGGREGATES => Some(Expr::Column {
            slot: base,
            column: keys.len() + column,
        }),
        _ => None,
    }
}

/// Notes the columns of FROM that an expression reads outside of keys.
fn ungrouped_columns(expr: &Expr, keys: &[Expr], own: u64, found: &mut Vec<(usize, usize)>) {
    expr.clone().rewrite(&mut |part| {
        if keys.contains(part) {
            return Some(part.clone());
        }
        if let Expr::Column { slot, column } = *part
            && slot != AGGREGATES
            && own & 1 << slot != 0
            && !found.contains(&(slot, column))
        {
            found.push((slot, column));
        }
        None
    });
}

fn is_star(call: &Call) -> bool {
    matches!(&call.args, FunctionArguments::List(list)
        if matches!(list.args.as_slice(), [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)]))
}

fn no_aggregate(name: &str, types: &str, unknown: bool) -> Error {
    if unknown && !types.contains(',') {
        return Error::new(
            SqlState("42725"),
            format!("function {name}({types}) is not unique"),
        )
        .hint("Could not choose a best candidate function. You might need to add explicit type casts.");
    }
    Error::new(
        SqlState::UNDEFINED_FUNCTION,
        format!("function {name}({types}) does not exist"),
    )
    .hint("No function matches the given name and argument types. You might need to add explicit type casts.")
}

/// The types that the arguments are brought to, and that of the result.
fn result_type(
    function: AggregateFunction,
    name: &str,
    arguments: &[Type],
) -> Option<(Vec<Type>, Type)> {
    use AggregateFunction::{
        ArrayAgg, Avg, BoolAnd, BoolOr, Count, JsonAgg, JsonObjectAgg, Max, Min, StringAgg, Sum,
    };
    let text = |ty: Type| if ty == Type::Unknown { Type::Text } else { ty };
    let json = |name: &str| {
        if name.starts_with("jsonb") {
            Type::Jsonb
        } else {
            Type::Json
        }
    };
    let [first, rest @ ..] = arguments else {
        return None;
    };
    let one = |wanted: Type, result: Type| rest.is_empty().then(|| (vec![wanted], result));
    match (function, *first) {
        (Count, ty) => one(ty, Type::Int8),
        (Sum, Type::Int2 | Type::Int4) => one(*first, Type::Int8),
        (Sum | Avg, Type::Int8 | Type::Numeric) | (Avg, Type::Int2 | Type::Int4) => {
            one(Type::Numeric, Type::Numeric)
        }
        (Sum, Type::Float4) => one(Type::Float4, Type::Float4),
        (Avg, Type::Float4) => one(Type::Float8, Type::Float8),
        (Sum | Avg, Type::Float8 | Type::Interval) => one(*first, *first),
        (Min | Max, Type::Varchar | Type::Name | Type::Unknown) => one(Type::Text, Type::Text),
        (Min | Max, Type::Bool | Type::Uuid | Type::Void | Type::Json | Type::Jsonb) => None,
        (Min | Max, ty) => one(ty, ty),
        (BoolAnd | BoolOr, Type::Bool | Type::Unknown) => one(Type::Bool, Type::Bool),
        (StringAgg, ty) => match rest {
            [separator] if ty.is_string() && separator.is_string() => {
                Some((vec![Type::Text, Type::Text], Type::Text))
            }
            [Type::Bytea | Type::Unknown] if ty == Type::Bytea => {
                Some((vec![Type::Bytea, Type::Bytea], Type::Bytea))
            }
            _ => None,
        },
        (ArrayAgg, ty) => one(text(ty), text(ty).array()?),
        (JsonAgg, ty) => one(text(ty), json(name)),
        (JsonObjectAgg, key) => match rest {
            [value] => Some((vec![key, *value], json(name))),
            _ => None,
        },
        _ => None,
    }
}
