//! Queries that lock no rows: from their rows to their result.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use smallvec::smallvec;

use super::collect::{Tuple, all_hold, collect};
use super::group::group;
use super::reader::Reader;
use super::window::add_windows;
use crate::postgres::cost::ROUND;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::sql::{
    Distinct, Expr, LocalCte, Query, Recursion, Select, SetKind, SetOperation, SortKey, eval,
};
use crate::postgres::types::{Row, Value};

/// The rows of a query, those of the queries around it being `outer`; no more
/// than `at_most` of them are needed.
pub(super) fn evaluate(
    reader: &Reader<'_, '_>,
    query: &Query,
    outer: &[Row],
    at_most: usize,
) -> Result<Vec<Row>> {
    match query {
        Query::Values(rows) => rows.iter().map(|row| reader.row(row, outer)).collect(),
        Query::Set(operation) => set_operation(reader, operation, outer, at_most),
        Query::With(with) => {
            for (index, cte) in &with.ctes {
                let rows = match cte {
                    LocalCte::Query(query) => evaluate(reader, query, outer, usize::MAX)?,
                    LocalCte::Recursive(recursion) => recur(reader, *index, recursion, outer)?,
                };
                reader.run.set_cte(*index, rows);
            }
            evaluate(reader, &with.query, outer, at_most)
        }
        Query::Select(select) => {
            let (offset, limit) = bounds(reader, select, outer)?;
            let limit = limit.min(at_most);
            let tuples = tuples(reader, select, outer, offset.saturating_add(limit))?;
            tuples
                .iter()
                .skip(offset)
                .take(limit)
                .map(|tuple| reader.row(&select.output, &tuple.rows))
                .collect()
        }
    }
}

/// The rows of a WITH RECURSIVE that depends on the query around it.
fn recur(
    reader: &Reader<'_, '_>,
    index: usize,
    recursion: &Recursion,
    outer: &[Row],
) -> Result<Vec<Row>> {
    let mut rounds = Rounds::new(recursion);
    let mut found = evaluate(reader, &recursion.first, outer, usize::MAX)?;
    while let Some(working) = rounds.next(found) {
        reader.run.transaction.touched.effort.spend(ROUND)?;
        reader.run.set_cte(index, working);
        found = evaluate(reader, &recursion.step, outer, usize::MAX)?;
    }
    Ok(rounds.result)
}

/// The rows that a recursion has found so far.
pub(super) struct Rounds {
    /// Those that UNION has met, if it is not UNION ALL.
    seen: Option<BTreeSet<Row>>,
    pub(super) result: Vec<Row>,
}

impl Rounds {
    pub(super) fn new(recursion: &Recursion) -> Rounds {
        Rounds {
            seen: (!recursion.all).then(BTreeSet::new),
            result: Vec::new(),
        }
    }

    /// What the next round works on: the new rows, if there are any.
    pub(super) fn next(&mut self, mut found: Vec<Row>) -> Option<Vec<Row>> {
        if let Some(seen) = &mut self.seen {
            found.retain(|row| seen.insert(row.clone()));
        }
        self.result.extend(found.iter().cloned());
        (!found.is_empty()).then_some(found)
    }
}

/// OFFSET and LIMIT. With ties the limit is applied later.
pub(super) fn bounds(
    reader: &Reader<'_, '_>,
    select: &Select,
    outer: &[Row],
) -> Result<(usize, usize)> {
    let limit = count(reader, select.limit.as_ref(), outer, "LIMIT")?;
    let offset = count(reader, select.offset.as_ref(), outer, "OFFSET")?;
    let limit = limit.filter(|_| !select.with_ties);
    Ok((offset.unwrap_or(0), limit.unwrap_or(usize::MAX)))
}

/// The tuples of a SELECT in their order, before its output is computed; the
/// first `at_most` are enough.
pub(super) fn tuples(
    reader: &Reader<'_, '_>,
    select: &Select,
    outer: &[Row],
    at_most: usize,
) -> Result<Vec<Tuple>> {
    let enough = if select.streams() {
        at_most
    } else {
        usize::MAX
    };
    let mut tuples = if !all_hold(&select.filter, outer, &reader.context())? {
        Vec::new()
    } else {
        match &select.from {
            Some(from) => collect(reader, outer, from, enough)?,
            None => vec![Tuple {
                rows: outer.into(),
                origins: smallvec![None; outer.len()],
            }],
        }
    };
    if let Some(grouping) = &select.grouping {
        tuples = group(reader, grouping, select.base, outer, tuples)?;
    }
    if let Some(windows) = &select.windows {
        add_windows(reader, windows, &mut tuples)?;
    }
    if select.distinct == Distinct::Rows {
        tuples = distinct(reader, &select.output, tuples)?;
    }
    if !select.order.is_empty() && !select.presorted {
        tuples = sort(reader, &select.order, tuples)?;
    }
    if let Distinct::On(keys) = &select.distinct {
        tuples = distinct(reader, keys, tuples)?;
    }
    if select.with_ties {
        keep_ties(reader, select, outer, &mut tuples)?;
    }
    Ok(tuples)
}

fn count(
    reader: &Reader<'_, '_>,
    expr: Option<&Expr>,
    outer: &[Row],
    clause: &str,
) -> Result<Option<usize>> {
    let Some(expr) = expr else {
        return Ok(None);
    };
    let Some(count) = eval(expr, outer, &reader.context())?.as_int() else {
        return Ok(None);
    };
    match usize::try_from(count) {
        Ok(count) => Ok(Some(count)),
        Err(_) => {
            let code = if clause == "LIMIT" {
                SqlState::INVALID_ROW_COUNT_IN_LIMIT
            } else {
                SqlState::INVALID_ROW_COUNT_IN_OFFSET
            };
            Err(Error::new(code, format!("{clause} must not be negative")))
        }
    }
}

/// Keeps the first tuple of each list of values.
fn distinct(reader: &Reader<'_, '_>, keys: &[Expr], tuples: Vec<Tuple>) -> Result<Vec<Tuple>> {
    let mut seen = BTreeSet::new();
    let mut kept = Vec::new();
    for tuple in tuples {
        if seen.insert(reader.project(keys, &tuple.rows)?) {
            kept.push(tuple);
        }
    }
    Ok(kept)
}

/// Sorts tuples; equal ones stay in their order.
pub(super) fn sort(
    reader: &Reader<'_, '_>,
    order: &[SortKey],
    tuples: Vec<Tuple>,
) -> Result<Vec<Tuple>> {
    let mut keyed = Vec::with_capacity(tuples.len());
    for tuple in tuples {
        keyed.push((sort_values(reader, order, &tuple.rows)?, tuple));
    }
    keyed.sort_by(|(a, _), (b, _)| compare(order, a, b));
    Ok(keyed.into_iter().map(|(_, tuple)| tuple).collect())
}

/// The values that a row is sorted by.
pub(super) fn sort_values(
    reader: &Reader<'_, '_>,
    order: &[SortKey],
    rows: &[Row],
) -> Result<Vec<Value>> {
    let context = reader.context();
    order
        .iter()
        .map(|key| eval(&key.expr, rows, &context))
        .collect()
}

/// Takes in, after the limit, what sorts equal to the last row within it.
fn keep_ties(
    reader: &Reader<'_, '_>,
    select: &Select,
    outer: &[Row],
    tuples: &mut Vec<Tuple>,
) -> Result<()> {
    let offset = count(reader, select.offset.as_ref(), outer, "OFFSET")?.unwrap_or(0);
    let Some(limit) = count(reader, select.limit.as_ref(), outer, "LIMIT")? else {
        return Ok(());
    };
    let end = offset.saturating_add(limit);
    let Some(last) = end.checked_sub(1).and_then(|last| tuples.get(last)) else {
        if limit == 0 {
            tuples.clear();
        }
        return Ok(());
    };
    let last = sort_values(reader, &select.order, &last.rows)?;
    let mut kept = end;
    while let Some(next) = tuples.get(kept) {
        let values = sort_values(reader, &select.order, &next.rows)?;
        if compare(&select.order, &last, &values).is_ne() {
            break;
        }
        kept += 1;
    }
    tuples.truncate(kept);
    Ok(())
}

/// The order of two rows by the values that they are sorted by.
pub(super) fn compare(order: &[SortKey], a: &[Value], b: &[Value]) -> Ordering {
    let one = |((key, a), b): ((&SortKey, &Value), &Value)| {
        if a.is_null() || b.is_null() {
            let nulls_last = a.is_null().cmp(&b.is_null());
            return if key.nulls_first {
                nulls_last.reverse()
            } else {
                nulls_last
            };
        }
        if key.descending { b.cmp(a) } else { a.cmp(b) }
    };
    order
        .iter()
        .zip(a)
        .zip(b)
        .map(one)
        .find(|ordering| ordering.is_ne())
        .unwrap_or(Ordering::Equal)
}

fn set_operation(
    reader: &Reader<'_, '_>,
    operation: &SetOperation,
    outer: &[Row],
    at_most: usize,
) -> Result<Vec<Row>> {
    if operation.kind == SetKind::Union && operation.all {
        let mut rows = evaluate(reader, &operation.left, outer, at_most)?;
        let rest = at_most.saturating_sub(rows.len());
        if rest > 0 {
            rows.extend(evaluate(reader, &operation.right, outer, rest)?);
        }
        return Ok(rows);
    }
    let left = evaluate(reader, &operation.left, outer, usize::MAX)?;
    let right = evaluate(reader, &operation.right, outer, usize::MAX)?;
    if operation.kind == SetKind::Union {
        let mut rows = left;
        rows.extend(right);
        let mut seen = BTreeSet::new();
        rows.retain(|row| seen.insert(row.clone()));
        return Ok(rows);
    }
    let mut counts: BTreeMap<Row, usize> = BTreeMap::new();
    for row in right {
        *counts.entry(row).or_default() += 1;
    }
    let mut kept = Vec::new();
    let mut seen = BTreeSet::new();
    for row in left {
        let count = counts.entry(row.clone()).or_default();
        let among = *count > 0;
        if operation.all {
            *count = count.saturating_sub(1);
        }
        let wanted = among == (operation.kind == SetKind::Intersect);
        if wanted && (operation.all || seen.insert(row.clone())) {
            kept.push(row);
        }
    }
    Ok(kept)
}
