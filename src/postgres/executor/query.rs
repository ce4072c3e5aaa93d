//! Queries that lock no rows: from their rows to their result.
//!
//! Their rows come one after the other; what a query needs to know as a whole
//! (to sort, to group, to tell duplicates) it looks at when it is opened.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::vec::IntoIter;

use smallvec::smallvec;

use super::collect::{Origin, Progress, Slots, Tuple, all_hold, collect};
use super::group::group;
use super::reader::Reader;
use super::window::add_windows;
use crate::postgres::cost::{KEPT, ROUND};
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
    let mut opened = Opened::new(reader, query, outer, at_most)?;
    let mut rows = Vec::new();
    while rows.len() < at_most
        && let Some(found) = opened.next(reader, query, outer)?
    {
        rows.push(found.row);
    }
    Ok(rows)
}

/// A row of a result, and where the rows of tables are that it was made of.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) row: Row,
    pub(super) origins: Slots<Origin>,
}

impl Found {
    fn of_no_table(row: Row) -> Found {
        let origins = Slots::new();
        Found { row, origins }
    }
}

/// A query, as far as its rows have been asked for.
#[derive(Debug, Clone)]
pub(super) enum Opened {
    /// The next row of VALUES.
    Values(usize),
    /// UNION ALL: its second query is opened after the first has ended, and
    /// needs to give no more rows than this.
    Append(Box<Opened>, Option<Box<Opened>>, usize),
    /// A set operation that is known as a whole.
    Known(IntoIter<Row>),
    With(Box<Opened>),
    /// With how many tuples are left out, and are wanted.
    Select(Box<Tuples>, usize, usize),
}

impl Opened {
    /// Before its first row; no more than `at_most` are needed.
    pub(super) fn new(
        reader: &Reader<'_, '_>,
        query: &Query,
        outer: &[Row],
        at_most: usize,
    ) -> Result<Opened> {
        Ok(match query {
            Query::Values(_) => Opened::Values(0),
            Query::Set(operation) if operation.kind == SetKind::Union && operation.all => {
                let left = Opened::new(reader, &operation.left, outer, at_most)?;
                Opened::Append(Box::new(left), None, at_most)
            }
            Query::Set(operation) => {
                Opened::Known(set_operation(reader, operation, outer)?.into_iter())
            }
            Query::With(with) => {
                for (index, cte) in &with.ctes {
                    let rows = match cte {
                        LocalCte::Query(query) => evaluate(reader, query, outer, usize::MAX)?,
                        LocalCte::Recursive(recursion) => recur(reader, *index, recursion, outer)?,
                    };
                    reader.run.set_cte(*index, rows);
                }
                let within = Opened::new(reader, &with.query, outer, at_most)?;
                Opened::With(Box::new(within))
            }
            Query::Select(select) => {
                let (offset, limit) = bounds(reader, select, outer)?;
                let limit = limit.min(at_most);
                let tuples = Tuples::new(reader, select, outer, offset.saturating_add(limit))?;
                Opened::Select(Box::new(tuples), offset, limit)
            }
        })
    }

    /// The next row of the query that was opened; None after the last, and not
    /// to be asked again.
    pub(super) fn next(
        &mut self,
        reader: &Reader<'_, '_>,
        query: &Query,
        outer: &[Row],
    ) -> Result<Option<Found>> {
        match (self, query) {
            (Opened::Values(next), Query::Values(rows)) => {
                let row = rows.get(*next).map(|row| reader.row(row, outer));
                *next += 1;
                Ok(row.transpose()?.map(Found::of_no_table))
            }
            (Opened::Known(rows), _) => Ok(rows.next().map(Found::of_no_table)),
            (Opened::With(opened), Query::With(with)) => opened.next(reader, &with.query, outer),
            (Opened::Append(left, right, at_most), Query::Set(operation)) => {
                if right.is_none() {
                    if let Some(found) = left.next(reader, &operation.left, outer)? {
                        *at_most = at_most.saturating_sub(1);
                        return Ok(Some(found));
                    }
                    let opened = Opened::new(reader, &operation.right, outer, *at_most)?;
                    *right = Some(Box::new(opened));
                }
                match right {
                    Some(right) => right.next(reader, &operation.right, outer),
                    None => Ok(None),
                }
            }
            (Opened::Select(tuples, offset, limit), Query::Select(select)) => {
                while *limit > 0
                    && let Some(tuple) = tuples.next(reader, select)?
                {
                    if *offset > 0 {
                        *offset -= 1;
                        continue;
                    }
                    *limit -= 1;
                    let row = reader.row(&select.output, &tuple.rows)?;
                    let origins = tuple.origins.clone();
                    return Ok(Some(Found { row, origins }));
                }
                Ok(None)
            }
            _ => Ok(None),
        }
    }
}

/// The tuples of a SELECT in their order, before its output is computed.
#[derive(Debug, Clone)]
pub(super) enum Tuples {
    /// As FROM has them.
    Streaming(Progress),
    /// All of them had to be known; the last one given.
    Known(IntoIter<Tuple>, Tuple),
}

impl Tuples {
    /// Before the first; no more than `at_most` are needed.
    pub(super) fn new(
        reader: &Reader<'_, '_>,
        select: &Select,
        outer: &[Row],
        at_most: usize,
    ) -> Result<Tuples> {
        let holds = at_most > 0 && all_hold(&select.filter, outer, &reader.context())?;
        let known = match &select.from {
            _ if at_most == 0 => Vec::new(),
            Some(from) if holds && select.streams() && !select.with_ties => {
                return Ok(Tuples::Streaming(Progress::new(outer, from, at_most)));
            }
            Some(from) if holds => {
                let tuples = collect(reader, outer, from, usize::MAX)?;
                arranged(reader, select, outer, tuples)?
            }
            None if holds => {
                let tuple = Tuple {
                    rows: outer.into(),
                    origins: smallvec![None; outer.len()],
                };
                arranged(reader, select, outer, vec![tuple])?
            }
            _ => arranged(reader, select, outer, Vec::new())?,
        };
        Ok(Tuples::Known(known.into_iter(), Tuple::default()))
    }

    /// Goes on to the next.
    pub(super) fn next(
        &mut self,
        reader: &Reader<'_, '_>,
        select: &Select,
    ) -> Result<Option<&mut Tuple>> {
        match (self, &select.from) {
            (Tuples::Streaming(progress), Some(from)) => {
                if !progress.advance(reader, from)? {
                    return Ok(None);
                }
                reader.run.transaction.touched.effort.spend(KEPT)?;
                Ok(Some(&mut progress.tuple))
            }
            (Tuples::Known(rest, last), _) => Ok(rest.next().map(|next| {
                *last = next;
                last
            })),
            _ => Ok(None),
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

/// All the tuples of a SELECT, from those of its FROM, in their order.
fn arranged(
    reader: &Reader<'_, '_>,
    select: &Select,
    outer: &[Row],
    mut tuples: Vec<Tuple>,
) -> Result<Vec<Tuple>> {
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
) -> Result<Vec<Row>> {
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
