//! SELECT, with or without row locks.
//!
//! Rows are sorted before they are locked, and LIMIT counts those that were
//! locked, as the plans of PostgreSQL do it.

use std::cmp::Ordering;

use super::collect::{Tuple, collect, recheck};
use super::group::group;
use super::row_lock::{RowOutcome, Target, claim, note_lock};
use super::{Execution, Outcome, Step, Work};
use crate::postgres::engine::Engine;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::options::Bug;
use crate::postgres::sql::{Expr, RowLock, Select, SortKey, eval, holds};
use crate::postgres::types::Value;

pub(super) struct SelectWork<'a> {
    plan: &'a Select,
    tuples: Option<Vec<Tuple>>,
    /// Rows that are done: given back, or left out.
    next: usize,
    /// The lock clause that is next for the current row, and where it is.
    lock: usize,
    target: Option<Target>,
    limit: usize,
    offset: usize,
    rows: Vec<Vec<Value>>,
}

impl Work for SelectWork<'_> {
    fn step(&mut self, run: &mut Execution<'_>, engine: &mut Engine) -> Result<Step<Outcome>> {
        let mut tuples = match self.tuples.take() {
            Some(tuples) => tuples,
            None => self.begin(run, engine)?,
        };
        while self.next < tuples.len() && self.rows.len() < self.limit {
            match self.lock_row(run, engine, &mut tuples[self.next])? {
                Step::Done(true) if self.offset > 0 => self.offset -= 1,
                Step::Done(true) => {
                    let tuple = &tuples[self.next];
                    self.rows.push(run.project(&self.plan.output, &tuple.rows)?);
                }
                Step::Done(false) => {}
                Step::Wait(id) => {
                    self.tuples = Some(tuples);
                    return Ok(Step::Wait(id));
                }
            }
            self.next += 1;
            self.lock = 0;
        }
        let rows = std::mem::take(&mut self.rows);
        let affected = rows.len() as u64;
        Ok(Step::Done(Outcome { rows, affected }))
    }
}

impl<'a> SelectWork<'a> {
    pub(super) fn new(plan: &'a Select) -> SelectWork<'a> {
        SelectWork {
            plan,
            tuples: None,
            next: 0,
            lock: 0,
            target: None,
            limit: usize::MAX,
            offset: 0,
            rows: Vec::new(),
        }
    }

    fn begin(&mut self, run: &mut Execution<'_>, engine: &mut Engine) -> Result<Vec<Tuple>> {
        let plan = self.plan;
        if let Some(rows) = &plan.values {
            for row in rows {
                self.rows.push(run.project(row, &[])?);
            }
            self.limit = 0;
            return Ok(Vec::new());
        }
        if let Some(count) = count(run, plan.limit.as_ref(), "LIMIT")? {
            self.limit = count;
        }
        self.offset = count(run, plan.offset.as_ref(), "OFFSET")?.unwrap_or(0);
        let mut tuples = if passes(run, &plan.filter)? {
            collect(run, engine, &plan.from)?
        } else {
            Vec::new()
        };
        if let Some(grouping) = &plan.grouping {
            tuples = group(run, grouping, &tuples)?;
        }
        if plan.distinct {
            tuples = distinct(run, plan, tuples)?;
        }
        if !plan.order.is_empty() {
            tuples = sort(run, &plan.order, tuples)?;
        }
        Ok(tuples)
    }

    /// Locks the tables' rows of one tuple: true if the tuple is in the
    /// result.
    fn lock_row(
        &mut self,
        run: &mut Execution<'_>,
        engine: &mut Engine,
        tuple: &mut Tuple,
    ) -> Result<Step<bool>> {
        while let Some(lock) = self.plan.locks.get(self.lock) {
            let Some(Some((row, tid))) = tuple.origins.get(lock.relation).copied() else {
                self.lock += 1;
                continue;
            };
            let table = self.plan.from[lock.relation].table.id;
            let mut target = self.target.take().unwrap_or(Target {
                table,
                row,
                tid,
                lock_only: true,
                moved: false,
            });
            match claim(run, engine, &mut target, lock.mode, lock.policy)? {
                RowOutcome::Wait(id) => {
                    self.target = Some(target);
                    return Ok(Step::Wait(id));
                }
                RowOutcome::Gone | RowOutcome::Skipped => return Ok(Step::Done(false)),
                RowOutcome::Free => {
                    note_lock(run, engine, &target, lock.mode)?;
                    if target.moved && !self.renew(run, engine, tuple, lock, &target)? {
                        return Ok(Step::Done(false));
                    }
                }
            }
            self.lock += 1;
        }
        Ok(Step::Done(true))
    }

    /// Takes over the newest version of a row that changed meanwhile: true
    /// if the tuple still belongs to the result.
    fn renew(
        &self,
        run: &Execution<'_>,
        engine: &Engine,
        tuple: &mut Tuple,
        lock: &RowLock,
        target: &Target,
    ) -> Result<bool> {
        let chain = engine.table(target.table)?.heap.chain(target.row);
        let Some(version) = chain.version(target.tid) else {
            return Ok(false);
        };
        tuple.rows[lock.relation] = version.row.clone();
        if run.shared.planted(Bug::SkipRecheck) {
            return Ok(true);
        }
        recheck(run, &self.plan.from, &tuple.rows)
    }
}

fn passes(run: &Execution<'_>, conditions: &[Expr]) -> Result<bool> {
    let context = run.context();
    for condition in conditions {
        if !holds(condition, &[], &context)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn count(run: &Execution<'_>, expr: Option<&Expr>, clause: &str) -> Result<Option<usize>> {
    let Some(expr) = expr else {
        return Ok(None);
    };
    let Some(count) = eval(expr, &[], &run.context())?.as_int() else {
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

/// Keeps the first tuple of each result row.
fn distinct(run: &Execution<'_>, plan: &Select, tuples: Vec<Tuple>) -> Result<Vec<Tuple>> {
    let mut seen = std::collections::BTreeSet::new();
    let mut kept = Vec::new();
    for tuple in tuples {
        if seen.insert(run.project(&plan.output, &tuple.rows)?) {
            kept.push(tuple);
        }
    }
    Ok(kept)
}

fn sort(run: &Execution<'_>, order: &[SortKey], tuples: Vec<Tuple>) -> Result<Vec<Tuple>> {
    let context = run.context();
    let mut keyed = Vec::with_capacity(tuples.len());
    for tuple in tuples {
        let key = order
            .iter()
            .map(|key| eval(&key.expr, &tuple.rows, &context))
            .collect::<Result<Vec<_>>>()?;
        keyed.push((key, tuple));
    }
    keyed.sort_by(|(a, _), (b, _)| compare(order, a, b));
    Ok(keyed.into_iter().map(|(_, tuple)| tuple).collect())
}

fn compare(order: &[SortKey], a: &[Value], b: &[Value]) -> Ordering {
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
