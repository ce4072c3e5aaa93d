//! SELECT at the top of a statement, with row locks or without: its rows are
//! had as they are asked for.
//!
//! Rows are sorted before they are locked, and LIMIT counts those that were
//! locked, as the plans of PostgreSQL do it.

use super::collect::{Origin, Slots, Tuple, recheck};
use super::query::{Found, Opened, Tuples, bounds};
use super::reader::Reader;
use super::row_lock::{RowOutcome, Target, claim, note_lock};
use super::scan::shown_row;
use super::{Execution, Outcome, Step, Work};
use crate::postgres::engine::Engine;
use crate::postgres::error::Result;
use crate::postgres::options::Bug;
use crate::postgres::sql::{Query, RowLock, Select};
use crate::postgres::types::Row;

/// How far a query has been run.
#[derive(Debug, Clone, Default)]
pub(super) enum Stage {
    #[default]
    Start,
    /// It locks no rows.
    Plain(Opened),
    Locking(Box<Locking>),
    /// There are no more rows.
    End,
}

impl Stage {
    fn open(&mut self, reader: &Reader<'_, '_>, query: &Query) -> Result<()> {
        *self = match query {
            Query::Select(select) if !select.locks.is_empty() => {
                Stage::Locking(Box::new(Locking::new(reader, select)?))
            }
            query => Stage::Plain(Opened::new(reader, query, &[], usize::MAX)?),
        };
        Ok(())
    }
}

/// The next rows of a query.
pub(super) struct QueryWork<'a> {
    query: &'a Query,
    pub(super) stage: Stage,
    pub(super) taken: Taken,
}

/// Rows, up to as many as are wanted.
pub(super) struct Taken {
    wanted: usize,
    rows: Vec<Row>,
    /// What each was made of, if that is kept.
    pub(super) origins: Option<Vec<Slots<Origin>>>,
}

impl<'a> QueryWork<'a> {
    /// All the rows.
    pub(super) fn new(query: &'a Query) -> QueryWork<'a> {
        QueryWork {
            query,
            stage: Stage::Start,
            taken: Taken {
                wanted: usize::MAX,
                rows: Vec::new(),
                origins: None,
            },
        }
    }

    /// So many from this stage on, and what they were made of.
    pub(super) fn from_stage(query: &'a Query, stage: Stage, wanted: usize) -> QueryWork<'a> {
        let mut work = QueryWork::new(query);
        work.stage = stage;
        work.taken.wanted = wanted;
        work.taken.origins = Some(Vec::new());
        work
    }
}

impl Work for QueryWork<'_> {
    fn step(&mut self, run: &mut Execution<'_>, engine: &mut Engine) -> Result<Step<Outcome>> {
        let (query, taken) = (self.query, &mut self.taken);
        if matches!(self.stage, Stage::Start) {
            self.stage.open(&Reader::new(run, engine), query)?;
        }
        let ended = match (&mut self.stage, query) {
            (Stage::Plain(opened), query) => {
                taken.read(&Reader::new(run, engine), query, opened)?
            }
            (Stage::Locking(locking), Query::Select(select)) => {
                match taken.lock(run, engine, select, locking)? {
                    Step::Done(ended) => ended,
                    Step::Wait(id) => return Ok(Step::Wait(id)),
                }
            }
            _ => true,
        };
        if ended {
            self.stage = Stage::End;
        }
        let rows = std::mem::take(&mut taken.rows);
        let affected = rows.len() as u64;
        Ok(Step::Done(Outcome { rows, affected }))
    }
}

impl Taken {
    fn take(&mut self, found: Found) {
        self.rows.push(found.row);
        if let Some(origins) = &mut self.origins {
            origins.push(found.origins);
        }
    }

    /// Takes the rows of a query that locks none: true if it has ended.
    fn read(
        &mut self,
        reader: &Reader<'_, '_>,
        query: &Query,
        opened: &mut Opened,
    ) -> Result<bool> {
        while self.rows.len() < self.wanted {
            match opened.next(reader, query, &[])? {
                Some(found) => self.take(found),
                None => return Ok(true),
            }
        }
        Ok(false)
    }

    /// As [`Taken::read`], of one that locks them.
    fn lock(
        &mut self,
        run: &mut Execution<'_>,
        engine: &mut Engine,
        plan: &Select,
        locking: &mut Locking,
    ) -> Result<Step<bool>> {
        while self.rows.len() < self.wanted {
            match locking.next(run, engine, plan)? {
                Step::Done(Some(found)) => self.take(found),
                Step::Done(None) => return Ok(Step::Done(true)),
                Step::Wait(id) => return Ok(Step::Wait(id)),
            }
        }
        Ok(Step::Done(false))
    }
}

/// A SELECT that locks rows, as far as it has come.
#[derive(Debug, Clone)]
pub(super) struct Locking {
    tuples: Tuples,
    offset: usize,
    limit: usize,
    /// The tuple whose rows are being locked, the lock clause that is next for
    /// it, and where that is.
    current: Option<Tuple>,
    lock: usize,
    target: Option<Target>,
}

impl Locking {
    fn new(reader: &Reader<'_, '_>, plan: &Select) -> Result<Locking> {
        let (offset, limit) = bounds(reader, plan, &[])?;
        // Some may be left out: nobody knows how many are needed.
        let at_most = if limit == 0 { 0 } else { usize::MAX };
        Ok(Locking {
            tuples: Tuples::new(reader, plan, &[], at_most)?,
            offset,
            limit,
            current: None,
            lock: 0,
            target: None,
        })
    }

    /// The next row, locked; None after the last.
    fn next(
        &mut self,
        run: &mut Execution<'_>,
        engine: &mut Engine,
        plan: &Select,
    ) -> Result<Step<Option<Found>>> {
        while self.limit > 0 {
            let mut tuple = match self.current.take() {
                Some(tuple) => tuple,
                None => match self.tuples.next(&Reader::new(run, engine), plan)? {
                    Some(tuple) => tuple.clone(),
                    None => break,
                },
            };
            match self.lock_row(run, engine, plan, &mut tuple)? {
                Step::Wait(id) => {
                    self.current = Some(tuple);
                    return Ok(Step::Wait(id));
                }
                Step::Done(true) if self.offset > 0 => self.offset -= 1,
                Step::Done(true) => {
                    self.lock = 0;
                    self.limit -= 1;
                    let row = Reader::new(run, engine).row(&plan.output, &tuple.rows)?;
                    let origins = tuple.origins;
                    return Ok(Step::Done(Some(Found { row, origins })));
                }
                Step::Done(false) => {}
            }
            self.lock = 0;
        }
        Ok(Step::Done(None))
    }

    /// Locks the tables' rows of one tuple: true if the tuple is in the
    /// result.
    fn lock_row(
        &mut self,
        run: &mut Execution<'_>,
        engine: &mut Engine,
        plan: &Select,
        tuple: &mut Tuple,
    ) -> Result<Step<bool>> {
        while let Some(lock) = plan.locks.get(self.lock) {
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
                    if target.moved && !renew(run, engine, plan, tuple, lock, &target)? {
                        return Ok(Step::Done(false));
                    }
                }
            }
            self.lock += 1;
        }
        Ok(Step::Done(true))
    }
}

/// Takes over the newest version of a row that changed meanwhile: true
/// if the tuple still belongs to the result.
fn renew(
    run: &Execution<'_>,
    engine: &Engine,
    plan: &Select,
    tuple: &mut Tuple,
    lock: &RowLock,
    target: &Target,
) -> Result<bool> {
    let Some(from) = &plan.from else {
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
