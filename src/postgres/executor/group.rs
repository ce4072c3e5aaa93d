//! GROUP BY and aggregates.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Execution;
use super::collect::Tuple;
use crate::postgres::error::Result;
use crate::postgres::sql::{
    Aggregate, AggregateFunction, Arithmetic, Context, Grouping, arithmetic, eval, holds,
};
use crate::postgres::types::{Numeric, Row, Type, Value};

/// An aggregate in progress.
#[derive(Debug, Clone, Default)]
struct State {
    count: i64,
    /// Sum, minimum, maximum, or the truth so far.
    value: Option<Value>,
    /// What DISTINCT has seen.
    seen: BTreeSet<Value>,
}

impl State {
    fn add(&mut self, aggregate: &Aggregate, rows: &[Row], context: &Context<'_>) -> Result<()> {
        if let Some(filter) = &aggregate.filter
            && !holds(filter, rows, context)?
        {
            return Ok(());
        }
        let Some(argument) = &aggregate.argument else {
            self.count += 1;
            return Ok(());
        };
        let value = eval(argument, rows, context)?;
        if value.is_null() || (aggregate.distinct && !self.seen.insert(value.clone())) {
            return Ok(());
        }
        self.count += 1;
        self.value = Some(match self.value.take() {
            None => value,
            Some(so_far) => combine(aggregate, so_far, value)?,
        });
        Ok(())
    }

    fn finish(self, aggregate: &Aggregate) -> Result<Value> {
        match aggregate.function {
            AggregateFunction::Count => Ok(Value::Int(self.count)),
            AggregateFunction::Avg => {
                let Some(sum) = self.value else {
                    return Ok(Value::Null);
                };
                #[expect(clippy::cast_precision_loss, reason = "as PostgreSQL counts for avg")]
                let count = match aggregate.ty {
                    Type::Float8 => Value::Float(self.count as f64),
                    _ => Value::Numeric(Arc::new(Numeric::from_int(self.count))),
                };
                arithmetic(Arithmetic::Divide, aggregate.ty, &sum, &count)
            }
            _ => Ok(self.value.unwrap_or(Value::Null)),
        }
    }
}

fn combine(aggregate: &Aggregate, so_far: Value, value: Value) -> Result<Value> {
    Ok(match aggregate.function {
        AggregateFunction::Sum | AggregateFunction::Avg => {
            arithmetic(Arithmetic::Add, aggregate.ty, &so_far, &value)?
        }
        AggregateFunction::Min | AggregateFunction::BoolAnd => so_far.min(value),
        AggregateFunction::Max | AggregateFunction::BoolOr => so_far.max(value),
        AggregateFunction::Count => value,
    })
}

/// One row per group, keys first. Without GROUP BY all rows are one group,
/// even if there are none.
pub(super) fn group(
    run: &Execution<'_>,
    grouping: &Grouping,
    tuples: &[Tuple],
) -> Result<Vec<Tuple>> {
    let context = run.context();
    let mut groups: BTreeMap<Vec<Value>, Vec<State>> = BTreeMap::new();
    let fresh = vec![State::default(); grouping.aggregates.len()];
    if grouping.keys.is_empty() {
        groups.insert(Vec::new(), fresh.clone());
    }
    for tuple in tuples {
        let key = run.project(&grouping.keys, &tuple.rows)?;
        let states = groups.entry(key).or_insert_with(|| fresh.clone());
        for (state, aggregate) in states.iter_mut().zip(&grouping.aggregates) {
            state.add(aggregate, &tuple.rows, &context)?;
        }
    }
    let mut grouped = Vec::with_capacity(groups.len());
    for (mut row, states) in groups {
        for (state, aggregate) in states.into_iter().zip(&grouping.aggregates) {
            row.push(state.finish(aggregate)?);
        }
        let rows = vec![Row::from(row)];
        if let Some(having) = &grouping.having
            && !holds(having, &rows, &context)?
        {
            continue;
        }
        grouped.push(Tuple {
            rows,
            origins: Vec::new(),
        });
    }
    Ok(grouped)
}
