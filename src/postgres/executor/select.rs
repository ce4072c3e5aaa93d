//! SELECT with row locks.
//!
//! Rows are sorted before they are locked, and LIMIT counts those that were
//! locked, as the plans of PostgreSQL do it.

use super::collect::{Tuple, recheck, shown_row};
use super::query::{bounds, evaluate, tuples};
use super::reader::Reader;
use super::row_lock::{RowOutcome, Target, claim, note_lock};
use super::{Execution, Outcome, Step, Work};
use crate::postgres::engine::Engine;
use crate::postgres::error::Result;
use crate::postgres::options::Bug;
use crate::postgres::sql::{Node, Query, RowLock, Select};
use crate::postgres::types::Row;

/// A query at the top of a statement.
pub(super) enum QueryWork<'a> {
    /// One that locks no rows is done in one step.
    Plain(&'a Query),
    Locking(LockingWork<'a>),
}

impl<'a> QueryWork<'a> {
    pub(super) fn new(query: &'a Query) -> QueryWork<'a> {
        match query {
            Query::Select(select) if !select.locks.is_empty() => {
                QueryWork::Locking(LockingWork::new(select))
            }
            query => QueryWork::Plain(query),
        }
    }
}

impl Work for QueryWork<'_> {
    fn step(&mut self, run: &mut Execution<'_>, engine: &mut Engine) -> Result<Step<Outcome>> {
        let query = match self {
            QueryWork::Locking(work) => return work.step(run, engine),
            QueryWork::Plain(query) => query,
        };
        let rows = evaluate(&Reader::new(run, engine), query, &[], usize::MAX)?;
        let affected = rows.len() as u64;
        Ok(Step::Done(Outcome { rows, affected }))
    }
}

pub(super) struct LockingWork<'a> {
    plan: &'a Select,
    tuples: Option<Vec<Tuple>>,
    /// How many tuples were asked for: there may be more if they are there.
    asked: usize,
    /// Rows that are done: given back, or left out.
    next: usize,
    /// The lock clause that is next for the current row, and where it is.
    lock: usize,
    target: Option<Target>,
    limit: usize,
    offset: usize,
    rows: Vec<Row>,
}

impl Work for LockingWork<'_> {
    fn step(&mut self, run: &mut Execution<'_>, engine: &mut Engine) -> Result<Step<Outcome>> {
        let mut tuples = match self.tuples.take() {
            Some(tuples) => tuples,
            None => {
                let reader = Reader::new(run, engine);
                (self.offset, self.limit) = bounds(&reader, self.plan, &[])?;
                self.asked = self.first_batch();
                tuples(&reader, self.plan, &[], self.asked)?
            }
        };
        while self.rows.len() < self.limit {
            if self.next == tuples.len() {
                if tuples.len() < self.asked {
                    break;
                }
                // Rows were left out: the next of them, as the snapshot has
                // them, come after the same ones.
                self.asked = self.asked.saturating_mul(2);
                tuples = self::tuples(&Reader::new(run, engine), self.plan, &[], self.asked)?;
                continue;
            }
            match self.lock_row(run, engine, &mut tuples[self.next])? {
                Step::Done(true) if self.offset > 0 => self.offset -= 1,
                Step::Done(true) => {
                    let tuple = &tuples[self.next];
                    let reader = Reader::new(run, engine);
                    self.rows.push(reader.row(&self.plan.output, &tuple.rows)?);
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

impl<'a> LockingWork<'a> {
    fn new(plan: &'a Select) -> LockingWork<'a> {
        LockingWork {
            plan,
            tuples: None,
            asked: usize::MAX,
            next: 0,
            lock: 0,
            target: None,
            limit: usize::MAX,
            offset: 0,
            rows: Vec::new(),
        }
    }

    /// How many tuples to look at first. All of them unless their order is
    /// known and nothing happens by looking.
    fn first_batch(&self) -> usize {
        let acts = self.plan.from.as_ref().is_some_and(Node::is_volatile);
        match self.plan.streams() && !acts {
            true => self.offset.saturating_add(self.limit),
            false => usize::MAX,
        }
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
            let Some(Some((row, tid))) = tuple.origins.get(lock.slot).copied() else {
                self.lock += 1;
                continue;
            };
            let mut target = self
                .target
                .take()
                .unwrap_or_else(|| Target::new(lock.table, row, tid, true));
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
        let Some(from) = &self.plan.from else {
            return Ok(true);
        };
        let chain = engine.table(target.table)?.heap.chain(target.row);
        let Some(version) = chain.version(target.tid) else {
            return Ok(false);
        };
        tuple.rows[lock.slot] = match from.scan(lock.slot) {
            Some(scan) => shown_row(scan, version),
            None => version.row.clone(),
        };
        if run.shared.planted(Bug::SkipRecheck) {
            return Ok(true);
        }
        recheck(&Reader::new(run, engine), from, tuple)
    }
}
