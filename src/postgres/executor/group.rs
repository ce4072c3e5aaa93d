//! GROUP BY and aggregates.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use smallvec::smallvec;

use super::collect::Tuple;
use super::query::{compare, sort_values};
use super::reader::Reader;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::settings::Style;
use crate::postgres::sql::{
    Aggregate, AggregateFunction, Arithmetic, Grouping, append, arithmetic, eval_all, holds,
    json_key, json_pair, json_text, to_json,
};
use crate::postgres::types::{Json, Numeric, Row, Type, Value};

/// An aggregate in progress.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    count: i64,
    /// Sum, minimum, maximum, or the truth so far.
    value: Option<Value>,
    /// What DISTINCT has seen.
    seen: BTreeSet<Vec<Value>>,
    /// All arguments, for what needs them, with what they are sorted by.
    all: Vec<(Vec<Value>, Vec<Value>)>,
}

impl State {
    /// Takes in one row.
    pub(super) fn add(
        &mut self,
        aggregate: &Aggregate,
        rows: &[Row],
        reader: &Reader<'_, '_>,
    ) -> Result<()> {
        let context = reader.context();
        if let Some(filter) = &aggregate.filter
            && !holds(filter, rows, &context)?
        {
            return Ok(());
        }
        if aggregate.arguments.is_empty() {
            self.count += 1;
            return Ok(());
        }
        let arguments = eval_all(&aggregate.arguments, rows, &context)?;
        let value = arguments[0].clone();
        if value.is_null() && !keeps_nulls(aggregate.function) {
            return Ok(());
        }
        if aggregate.distinct && !self.seen.insert(arguments.clone()) {
            return Ok(());
        }
        self.count += 1;
        if needs_all(aggregate.function) {
            let keys = sort_values(reader, &aggregate.order, rows)?;
            self.all.push((keys, arguments));
            return Ok(());
        }
        self.value = Some(match self.value.take() {
            None => value,
            Some(so_far) => combine(aggregate, so_far, value)?,
        });
        Ok(())
    }

    /// The value of what was taken in.
    pub(super) fn finish(&self, aggregate: &Aggregate, style: Style) -> Result<Value> {
        match aggregate.function {
            AggregateFunction::Count => Ok(Value::Int(self.count)),
            AggregateFunction::Avg => self.average(aggregate),
            function if needs_all(function) => self.gather(aggregate, style),
            _ => Ok(self.value.clone().unwrap_or(Value::Null)),
        }
    }

    fn average(&self, aggregate: &Aggregate) -> Result<Value> {
        let Some(sum) = &self.value else {
            return Ok(Value::Null);
        };
        #[expect(clippy::cast_precision_loss, reason = "as PostgreSQL counts for avg")]
        let count = match aggregate.ty {
            Type::Float8 | Type::Interval => Value::Float(self.count as f64),
            _ => Value::Numeric(Arc::new(Numeric::from_int(self.count))),
        };
        let sum = match sum {
            Value::Real(sum) => Value::Float((*sum).into()),
            other => other.clone(),
        };
        arithmetic(Arithmetic::Divide, aggregate.ty, &sum, &count)
    }

    /// What is made of all values, in their order.
    fn gather(&self, aggregate: &Aggregate, style: Style) -> Result<Value> {
        let mut all: Vec<&(Vec<Value>, Vec<Value>)> = self.all.iter().collect();
        if aggregate.order.is_empty() && aggregate.distinct {
            all.sort_by(|a, b| a.1.cmp(&b.1));
        }
        all.sort_by(|a, b| compare(&aggregate.order, &a.0, &b.0));
        if all.is_empty() {
            return Ok(Value::Null);
        }
        let values = all.iter().map(|(_, arguments)| arguments.as_slice());
        Ok(match aggregate.function {
            AggregateFunction::ArrayAgg => {
                Value::Array(values.map(|arguments| arguments[0].clone()).collect())
            }
            AggregateFunction::JsonAgg if aggregate.ty == Type::Json => json_array(values, style)?,
            AggregateFunction::JsonAgg => {
                let elements = values.map(|arguments| to_json(&arguments[0], style));
                Value::Json(Arc::new(Json::Array(elements.collect::<Result<_>>()?)))
            }
            AggregateFunction::JsonObjectAgg => {
                let values: Vec<&[Value]> = values.collect();
                if values.iter().any(|arguments| arguments[0].is_null()) {
                    let message = "field name must not be null";
                    return Err(Error::new(SqlState::INVALID_PARAMETER_VALUE, message));
                }
                match aggregate.ty {
                    Type::Json => json_object(&values, style)?,
                    _ => jsonb_object(&values, style)?,
                }
            }
            AggregateFunction::StringAgg if matches!(all[0].1[0], Value::Bytes(_)) => {
                let mut out = Vec::new();
                for (index, arguments) in values.enumerate() {
                    let parts = arguments.iter().rev().skip(usize::from(index == 0));
                    for part in parts {
                        if let Value::Bytes(bytes) = part {
                            out.extend_from_slice(bytes);
                        }
                    }
                }
                Value::Bytes(out.into())
            }
            _ => {
                let mut out = String::new();
                for (index, arguments) in values.enumerate() {
                    if index > 0 {
                        append(&mut out, arguments[1].as_str().unwrap_or(""))?;
                    }
                    append(&mut out, arguments[0].as_str().unwrap_or(""))?;
                }
                Value::Text(out.into())
            }
        })
    }
}

/// `[1, 2]`; arrays stand on lines of their own.
fn json_array<'a>(values: impl Iterator<Item = &'a [Value]>, style: Style) -> Result<Value> {
    let mut out = "[".to_owned();
    for (index, arguments) in values.enumerate() {
        append(
            &mut out,
            match &arguments[0] {
                _ if index == 0 => "",
                Value::Array(_) => ", \n ",
                _ => ", ",
            },
        )?;
        append(&mut out, &json_text(&arguments[0], style)?)?;
    }
    append(&mut out, "]")?;
    Ok(Value::Text(out.into()))
}

/// `{ "a" : 1, "b" : 2 }`
fn json_object(values: &[&[Value]], style: Style) -> Result<Value> {
    let mut out = "{ ".to_owned();
    for (index, arguments) in values.iter().enumerate() {
        append(&mut out, if index > 0 { ", " } else { "" })?;
        append(&mut out, &json_pair(&arguments[0], &arguments[1], style)?)?;
    }
    append(&mut out, " }")?;
    Ok(Value::Text(out.into()))
}

fn jsonb_object(values: &[&[Value]], style: Style) -> Result<Value> {
    let pair = |arguments: &&[Value]| {
        let key = json_key(&arguments[0], style)?;
        Ok((key.into(), to_json(&arguments[1], style)?))
    };
    let pairs = values.iter().map(pair).collect::<Result<_>>()?;
    Ok(Value::Json(Arc::new(Json::object(pairs))))
}

fn keeps_nulls(function: AggregateFunction) -> bool {
    matches!(
        function,
        AggregateFunction::ArrayAgg | AggregateFunction::JsonAgg | AggregateFunction::JsonObjectAgg
    )
}

fn needs_all(function: AggregateFunction) -> bool {
    function == AggregateFunction::StringAgg || keeps_nulls(function)
}

fn combine(aggregate: &Aggregate, so_far: Value, value: Value) -> Result<Value> {
    Ok(match aggregate.function {
        AggregateFunction::Sum | AggregateFunction::Avg => {
            arithmetic(Arithmetic::Add, aggregate.ty, &so_far, &value)?
        }
        AggregateFunction::Min | AggregateFunction::BoolAnd => so_far.min(value),
        AggregateFunction::Max | AggregateFunction::BoolOr => so_far.max(value),
        _ => value,
    })
}

/// One row per group, keys first. Without GROUP BY all rows are one group,
/// even if there are none.
pub(super) fn group(
    reader: &Reader<'_, '_>,
    grouping: &Grouping,
    base: usize,
    outer: &[Row],
    tuples: Vec<Tuple>,
) -> Result<Vec<Tuple>> {
    let mut grouped = Vec::new();
    for set in &grouping.sets {
        group_by_set(reader, grouping, set, base, outer, &tuples, &mut grouped)?;
    }
    Ok(grouped)
}

fn group_by_set(
    reader: &Reader<'_, '_>,
    grouping: &Grouping,
    set: &[usize],
    base: usize,
    outer: &[Row],
    tuples: &[Tuple],
    grouped: &mut Vec<Tuple>,
) -> Result<()> {
    let mut groups: BTreeMap<Vec<Value>, Vec<State>> = BTreeMap::new();
    let fresh = vec![State::default(); grouping.aggregates.len()];
    if set.is_empty() {
        let nulls = vec![Value::Null; grouping.keys.len()];
        groups.insert(nulls, fresh.clone());
    }
    for tuple in tuples {
        let mut key = reader.project(&grouping.keys, &tuple.rows)?;
        for (index, value) in key.iter_mut().enumerate() {
            if !set.contains(&index) {
                *value = Value::Null;
            }
        }
        let states = groups.entry(key).or_insert_with(|| fresh.clone());
        for (state, aggregate) in states.iter_mut().zip(&grouping.aggregates) {
            state.add(aggregate, &tuple.rows, reader)?;
        }
    }
    for (mut row, states) in groups {
        for (state, aggregate) in states.iter().zip(&grouping.aggregates) {
            row.push(state.finish(aggregate, reader.context().style())?);
        }
        let mut rows = super::reader::outer_frame(outer, base);
        rows.push(Row::from(row));
        if let Some(having) = &grouping.having
            && !holds(having, &rows, &reader.context())?
        {
            continue;
        }
        grouped.push(Tuple {
            origins: smallvec![None; rows.len()],
            rows: rows.into(),
        });
    }
    Ok(())
}
