//! INSERT, with ON CONFLICT.

use super::reader::Reader;
use super::row_lock::{RowOutcome, Target, claim, concurrent, note_lock, release_place};
use super::scan::with_system_columns;
use super::select::QueryWork;
use super::unique::{Key, look_up, wait_for};
use super::update::{Entries, assign, check, compute, replace};
use super::{Execution, Outcome, Step, Work};
use crate::postgres::engine::Engine;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::locks::WaitId;
use crate::postgres::options::Bug;
use crate::postgres::sql::{
    ConflictUpdate, Expr, Insert, InsertSource, OnConflict, WaitPolicy, holds,
};
use crate::postgres::storage::RowLockMode;
use crate::postgres::storage::heap::{RowId, Version};
use crate::postgres::transaction::RowChange;
use crate::postgres::types::Row;

pub(super) struct InsertWork<'a> {
    plan: &'a Insert,
    /// The query of INSERT ... SELECT, until it is done.
    query: Option<QueryWork<'a>>,
    /// What the query gave.
    source: Vec<Row>,
    next: usize,
    /// The row at hand: its values are computed once.
    row: Option<Row>,
    entries: Option<Entries>,
    /// The existing row that DO UPDATE is about.
    target: Option<Target>,
    outcome: Outcome,
}

/// What ON CONFLICT made of a row.
enum Verdict {
    Insert,
    /// It was dealt with: left out, or this existing row updated.
    Settled(Option<RowId>),
    Wait(WaitId),
}

impl Work for InsertWork<'_> {
    fn step(&mut self, run: &mut Execution<'_>, engine: &mut Engine) -> Result<Step<Outcome>> {
        if let Some(query) = &mut self.query {
            match query.step(run, engine)? {
                Step::Wait(id) => return Ok(Step::Wait(id)),
                Step::Done(outcome) => {
                    self.source = outcome.rows;
                }
            }
            self.query = None;
        }
        while self.row.is_some() || self.make_row(run, engine)? {
            if let Step::Wait(id) = self.insert(run, engine)? {
                return Ok(Step::Wait(id));
            }
            self.row = None;
            self.entries = None;
        }
        Ok(Step::Done(std::mem::take(&mut self.outcome)))
    }
}

impl<'a> InsertWork<'a> {
    pub(super) fn new(plan: &'a Insert) -> InsertWork<'a> {
        let query = match &plan.source {
            InsertSource::Values(_) => None,
            InsertSource::Query(query, _) => Some(QueryWork::new(query)),
        };
        InsertWork {
            plan,
            query,
            source: Vec::new(),
            next: 0,
            row: None,
            entries: None,
            target: None,
            outcome: Outcome::default(),
        }
    }

    /// Computes the next row, if there is one.
    fn make_row(&mut self, run: &Execution<'_>, engine: &Engine) -> Result<bool> {
        let (exprs, input): (&[Expr], &[Row]) = match &self.plan.source {
            InsertSource::Values(rows) => match rows.get(self.next) {
                Some(exprs) => (exprs, &[]),
                None => return Ok(false),
            },
            InsertSource::Query(_, exprs) => match self.source.get(self.next) {
                Some(row) => (exprs, std::slice::from_ref(row)),
                None => return Ok(false),
            },
        };
        let reader = Reader::new(run, engine);
        let mut row: Row = reader.project(exprs, input)?.into();
        compute(self.plan.table.computed(), &mut row)?;
        check(&self.plan.table, &row, &reader.context())?;
        self.row = Some(row);
        self.next += 1;
        Ok(true)
    }

    fn insert(&mut self, run: &mut Execution<'_>, engine: &mut Engine) -> Result<Step<()>> {
        let Some(row) = self.row.clone() else {
            return Ok(Step::Done(()));
        };
        if self.entries.is_none()
            && let Some(conflict) = &self.plan.conflict
        {
            match self.arbitrate(run, engine, conflict, &row)? {
                Verdict::Insert => {}
                Verdict::Wait(id) => return Ok(Step::Wait(id)),
                Verdict::Settled(updated) => {
                    return match updated {
                        Some(id) => self.done(run, engine, id, true).map(Step::Done),
                        None => Ok(Step::Done(())),
                    };
                }
            }
        }
        let entries = match &mut self.entries {
            Some(entries) => entries,
            None => {
                let entries = self.put(run, engine, row.clone())?;
                self.entries.insert(entries)
            }
        };
        if let Step::Wait(id) = entries.add(run, engine)? {
            return Ok(Step::Wait(id));
        }
        let (id, updated) = (entries.id, entries.old.is_some());
        self.done(run, engine, id, updated).map(Step::Done)
    }

    fn put(&self, run: &mut Execution<'_>, engine: &mut Engine, row: Row) -> Result<Entries> {
        run.check_insert(engine, self.plan.table.id)?;
        let xid = run.begin_write(engine);
        let id = self.plan.table.id;
        let command = run.transaction.command;
        let table = engine.table_mut(id)?;
        let (row_id, tid) = table.insert(xid, command, row.clone());
        run.transaction.changed(RowChange {
            table: id,
            row: row_id,
            old: None,
            new: Some((tid, row.clone())),
        });
        run.note_references(engine, id, Some((row_id, tid)), None, false, Some(&row));
        Ok(Entries {
            def: engine.table(id)?.def.clone(),
            id: row_id,
            old: None,
            new: row,
            heap_only: false,
            next: 0,
        })
    }

    fn done(
        &mut self,
        run: &Execution<'_>,
        engine: &Engine,
        id: RowId,
        updated: bool,
    ) -> Result<()> {
        self.outcome.affected += 1;
        let chain = engine.table(self.plan.table.id)?.heap.chain(id);
        if let (Some(returning), Some(version)) = (&self.plan.returning, chain.newest()) {
            let mut version = version.clone();
            if updated {
                // Its lock on the row stays with the new version.
                version.xmax = version.xmin;
            }
            let row = Reader::new(run, engine).row(returning, &[self.shown(&version)])?;
            self.outcome.rows.push(row);
        }
        Ok(())
    }

    fn shown(&self, version: &Version) -> Row {
        if self.plan.system {
            with_system_columns(self.plan.table.id, version)
        } else {
            version.row.clone()
        }
    }

    /// Asks the arbiter indexes, waiting for rows whose fate is open.
    fn arbitrate(
        &mut self,
        run: &mut Execution<'_>,
        engine: &mut Engine,
        conflict: &OnConflict,
        row: &Row,
    ) -> Result<Verdict> {
        let table_id = self.plan.table.id;
        loop {
            let table = engine.table(table_id)?;
            let all = (0..table.def.indexes.len()).filter(|i| table.def.indexes[*i].unique);
            let indexes: Vec<usize> = if conflict.arbiters.is_empty() {
                all.collect()
            } else {
                let ids = conflict.arbiters.iter();
                ids.filter_map(|id| table.def.index(*id)).collect()
            };
            let top = run.transaction.xid;
            let found = indexes
                .into_iter()
                .map(|index| look_up(table, &engine.clog, top, index, row, None))
                .find(|found| !matches!(found, Ok(Key::Free)))
                .transpose()?;
            if let Some(Key::Taken(existing)) = found
                && run.shared.options.on_conflict_reads
            {
                let chain = table.heap.chain(existing);
                let (clog, snapshot) = (&engine.clog, &run.snapshot);
                run.reads.looked_up(table_id, chain, clog, snapshot);
            }
            match found {
                None | Some(Key::Free) => {
                    // The row that was waited for is gone, and the place in
                    // its line with it.
                    if let Some(target) = self.target.take() {
                        release_place(run, engine);
                        refuse_gone(run, engine, &target)?;
                    }
                    return Ok(Verdict::Insert);
                }
                Some(Key::DependsOn(_)) if run.shared.planted(Bug::ForgetUniqueWait) => {
                    return Ok(Verdict::Insert);
                }
                Some(Key::DependsOn(holder)) => {
                    if let Some(id) = wait_for(run, engine, table_id, holder)? {
                        return Ok(Verdict::Wait(id));
                    }
                }
                Some(Key::Taken(existing)) => {
                    let Some(update) = &conflict.update else {
                        self.refuse_invisible(run, engine, existing)?;
                        return Ok(Verdict::Settled(None));
                    };
                    if let Some(verdict) =
                        self.update_existing(run, engine, update, existing, row)?
                    {
                        return Ok(verdict);
                    }
                }
            }
        }
    }

    /// Under REPEATABLE READ one cannot do nothing about a row that one does
    /// not see.
    fn refuse_invisible(
        &self,
        run: &Execution<'_>,
        engine: &Engine,
        existing: RowId,
    ) -> Result<()> {
        if !run.transaction.isolation.keeps_snapshot() {
            return Ok(());
        }
        let chain = engine.table(self.plan.table.id)?.heap.chain(existing);
        let newest = chain.newest();
        let own = newest.is_some_and(|version| run.is_own(engine, version.xmin));
        let seen = newest.is_some_and(|version| version.visible(&engine.clog, &run.snapshot));
        if own || seen {
            Ok(())
        } else {
            Err(concurrent("update"))
        }
    }

    /// DO UPDATE on the newest version of the existing row. None if it is
    /// gone meanwhile: then the insert is tried again.
    fn update_existing(
        &mut self,
        run: &mut Execution<'_>,
        engine: &mut Engine,
        update: &ConflictUpdate,
        existing: RowId,
        excluded: &Row,
    ) -> Result<Option<Verdict>> {
        let table = self.plan.table.clone();
        let chain = engine.table(table.id)?.heap.chain(existing);
        let Some(newest) = chain.newest() else {
            return Ok(None);
        };
        if run.is_own(engine, newest.xmin) && newest.cmin == run.transaction.command {
            return Err(second_time());
        }
        let (tid, old) = (newest.tid, self.shown(newest));
        let mut target = self
            .target
            .take()
            .filter(|kept| kept.row == existing)
            .unwrap_or_else(|| Target::new(table.id, existing, tid, false));
        target.tid = tid;
        let assigned = &update.assignments;
        let computed = table.computed_from(|column| assigned.iter().any(|(c, _)| *c == column));
        let computed = computed.map(|(column, _)| column);
        let mut changed = assigned.iter().map(|(column, _)| *column).chain(computed);
        let mode = if changed.any(|column| table.is_key(column)) {
            RowLockMode::Update
        } else {
            RowLockMode::NoKeyUpdate
        };
        match claim(run, engine, &mut target, mode, WaitPolicy::Block)? {
            RowOutcome::Wait(id) => {
                self.target = Some(target);
                return Ok(Some(Verdict::Wait(id)));
            }
            RowOutcome::Gone => {
                refuse_gone(run, engine, &target)?;
                return Ok(None);
            }
            RowOutcome::Skipped => return Ok(None),
            RowOutcome::Free if target.tid != tid => return Ok(None),
            RowOutcome::Free => {}
        }
        self.refuse_invisible(run, engine, existing)?;
        let rows = [old, excluded.clone()];
        let reader = Reader::new(run, engine);
        let context = reader.context();
        let wanted = match &update.filter {
            Some(filter) => holds(filter, &rows, &context)?,
            None => true,
        };
        if !wanted {
            note_lock(run, engine, &target, mode)?;
            return Ok(Some(Verdict::Settled(None)));
        }
        let new = assign(&table, assigned, &rows, &context)?;
        check(&table, &new, &context)?;
        let mut entries = replace(run, engine, &target, mode, new)?;
        if let Step::Wait(id) = entries.add(run, engine)? {
            // The row is updated; what is left are its entries.
            self.entries = Some(entries);
            return Ok(Some(Verdict::Wait(id)));
        }
        Ok(Some(Verdict::Settled(Some(existing))))
    }
}

/// Under REPEATABLE READ a row that was there to be updated may not have gone,
/// or have got another key, by the time that it could be.
fn refuse_gone(run: &Execution<'_>, engine: &Engine, target: &Target) -> Result<()> {
    if !run.transaction.isolation.keeps_snapshot() {
        return Ok(());
    }
    let chain = engine.table(target.table)?.heap.chain(target.row);
    let moved = chain.newest().is_some_and(|newest| !newest.xmax.is_some());
    Err(concurrent(if moved { "update" } else { "delete" }))
}

fn second_time() -> Error {
    Error::new(
        SqlState::CARDINALITY_VIOLATION,
        "ON CONFLICT DO UPDATE command cannot affect row a second time",
    )
    .hint("Ensure that no rows proposed for insertion within the same command have duplicate constrained values.")
}
