//! UPDATE, and what it shares with the others that make rows.

use std::sync::Arc;

use super::collect::{Tuple, all_hold, collect, recheck};
use super::reader::Reader;
use super::row_lock::{RowOutcome, Target, claim, concurrent, note_lock, release_place};
use super::scan::shown_row;
use super::unique::add_entries;
use super::{Execution, Outcome, Step, Work};
use crate::postgres::engine::Engine;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::options::Bug;
use crate::postgres::sql::{Context, Expr, Matching, Update, WaitPolicy, eval};
use crate::postgres::storage::RowLockMode;
use crate::postgres::storage::clog::Xid;
use crate::postgres::storage::heap::RowId;
use crate::postgres::storage::table::{IndexDef, TableDef};
use crate::postgres::transaction::RowChange;
use crate::postgres::types::Row;

pub(super) struct UpdateWork<'a> {
    plan: &'a Update,
    tuples: Option<Vec<Tuple>>,
    next: usize,
    target: Option<Target>,
    /// The new row, computed from the version at hand.
    new: Option<Row>,
    entries: Option<Entries>,
    outcome: Outcome,
}

/// A row that is in the heap and whose index entries are being added.
pub(super) struct Entries {
    /// Its indexes are those that there were when the row came to be: one that
    /// came since has the row, and one may go.
    pub(super) def: Arc<TableDef>,
    pub(super) id: RowId,
    pub(super) old: Option<Row>,
    pub(super) new: Row,
    /// True if the entries of the version before are this one's too.
    pub(super) heap_only: bool,
    pub(super) next: usize,
}

impl Entries {
    pub(super) fn add(&mut self, run: &Execution<'_>, engine: &mut Engine) -> Result<Step<()>> {
        if self.heap_only {
            return Ok(Step::Done(()));
        }
        let (def, old, new) = (&self.def, &self.old, &self.new);
        let unchanged = |index: &IndexDef| old.as_ref().is_some_and(|old| index.same_key(old, new));
        add_entries(run, engine, def, new, self.id, &mut self.next, &unchanged)
    }
}

impl Work for UpdateWork<'_> {
    fn step(&mut self, run: &mut Execution<'_>, engine: &mut Engine) -> Result<Step<Outcome>> {
        let mut tuples = match self.tuples.take() {
            Some(tuples) => tuples,
            None => {
                panic_if_planted(run);
                matching(run, engine, &self.plan.source)?
            }
        };
        while let Some(tuple) = tuples.get_mut(self.next) {
            if let Step::Wait(id) = self.update(run, engine, tuple)? {
                self.tuples = Some(tuples);
                return Ok(Step::Wait(id));
            }
            self.next += 1;
        }
        Ok(Step::Done(std::mem::take(&mut self.outcome)))
    }
}

/// The tuples whose first rows are to change.
pub(super) fn matching(
    run: &Execution<'_>,
    engine: &Engine,
    source: &Matching,
) -> Result<Vec<Tuple>> {
    let reader = Reader::new(run, engine);
    if !all_hold(&source.filter, &[], &reader.context())? {
        return Ok(Vec::new());
    }
    collect(&reader, &[], &source.from, usize::MAX)
}

/// The planted bug: a crash of the engine's own code, lock in hand.
fn panic_if_planted(run: &Execution<'_>) {
    if run.shared.planted(Bug::PanicHoldingLock) {
        panic!("planted: UPDATE panics while it holds the engine's lock");
    }
}

impl<'a> UpdateWork<'a> {
    pub(super) fn new(plan: &'a Update) -> UpdateWork<'a> {
        UpdateWork {
            plan,
            tuples: None,
            next: 0,
            target: None,
            new: None,
            entries: None,
            outcome: Outcome::default(),
        }
    }

    fn update(
        &mut self,
        run: &mut Execution<'_>,
        engine: &mut Engine,
        tuple: &mut Tuple,
    ) -> Result<Step<()>> {
        if self.entries.is_none() {
            let plan = self.plan;
            let new = &mut self.new;
            let mut mode_of = |run: &Execution<'_>, engine: &Engine, tuple: &Tuple, moved: bool| {
                let table = &plan.table;
                // Once for every version: the values may cost a sequence its
                // numbers. PostgreSQL checks them too before it waits.
                let row = match new.take().filter(|_| !moved) {
                    Some(row) => row,
                    None => {
                        let reader = Reader::new(run, engine);
                        let context = reader.context();
                        let row = assign(table, &plan.assignments, &tuple.rows, &context)?;
                        check(table, &row, &context)?;
                        row
                    }
                };
                let mode = lock_mode(table, &tuple.rows[0], &row);
                *new = Some(row);
                Ok(mode)
            };
            let (source, target) = (&plan.source, &mut self.target);
            match claim_tuple(run, engine, source, tuple, target, &mut mode_of)? {
                Step::Wait(id) => return Ok(Step::Wait(id)),
                Step::Done(None) => {
                    self.new = None;
                    return Ok(Step::Done(()));
                }
                Step::Done(Some((target, mode))) => {
                    if let Some(new) = self.new.take() {
                        self.entries = Some(replace(run, engine, &target, mode, new)?);
                    }
                }
            }
        }
        if let Some(entries) = &mut self.entries {
            if let Step::Wait(id) = entries.add(run, engine)? {
                return Ok(Step::Wait(id));
            }
            let table = engine.table(entries.def.id)?;
            let newest = table.heap.chain(entries.id).newest();
            tuple.rows[0] = match (self.plan.source.from.scan(0), newest) {
                (Some(scan), Some(version)) => shown_row(scan, version),
                _ => entries.new.clone(),
            };
        }
        self.entries = None;
        self.outcome.affected += 1;
        if let Some(returning) = &self.plan.returning {
            let row = Reader::new(run, engine).row(returning, &tuple.rows)?;
            self.outcome.rows.push(row);
        }
        Ok(Step::Done(()))
    }
}

/// How strongly a tuple's row is to be held; asked again, with true, once it
/// has moved on to a newer version.
type ModeOf<'a> = dyn FnMut(&Execution<'_>, &Engine, &Tuple, bool) -> Result<RowLockMode> + 'a;

/// Claims the row of the first table of `from` for a change. None if the row
/// is not to be changed after all.
pub(super) fn claim_tuple(
    run: &mut Execution<'_>,
    engine: &mut Engine,
    source: &Matching,
    tuple: &mut Tuple,
    kept: &mut Option<Target>,
    mode_of: &mut ModeOf<'_>,
) -> Result<Step<Option<(Target, RowLockMode)>>> {
    let (Some(Some((row, tid))), Some(scan)) =
        (tuple.origins.first().copied(), source.from.scan(0))
    else {
        return Ok(Step::Done(None));
    };
    let table = scan.table.id;
    let mut target = kept
        .take()
        .unwrap_or_else(|| Target::new(table, row, tid, false));
    let mode = mode_of(run, engine, tuple, false)?;
    // Whoever is to change a row has an id before it waits for others.
    run.take_id(engine);
    match claim(run, engine, &mut target, mode, WaitPolicy::Block)? {
        RowOutcome::Wait(id) => {
            *kept = Some(target);
            return Ok(Step::Wait(id));
        }
        RowOutcome::Gone | RowOutcome::Skipped => return Ok(Step::Done(None)),
        RowOutcome::Free => {}
    }
    crosscheck(run, engine, &target)?;
    if target.moved {
        let chain = engine.table(target.table)?.heap.chain(target.row);
        let Some(version) = chain.version(target.tid) else {
            return Ok(Step::Done(None));
        };
        tuple.rows[0] = shown_row(scan, version);
        let matches = run.shared.planted(Bug::SkipRecheck)
            || recheck(&Reader::new(run, engine), &source.from, tuple)?;
        if !matches {
            // PostgreSQL has locked the newest version before it asked.
            note_lock(run, engine, &target, mode)?;
            return Ok(Step::Done(None));
        }
        // The newest version may need a stronger lock than the one we saw.
        let needed = mode_of(run, engine, tuple, true)?;
        if needed > mode {
            target.moved = false;
            tuple.origins[0] = Some((target.row, target.tid));
            *kept = Some(target);
            return claim_tuple(run, engine, source, tuple, kept, mode_of);
        }
    }
    Ok(Step::Done(Some((target, mode))))
}

/// Refuses a row that the crosscheck snapshot, if there is one, does not see.
fn crosscheck(run: &Execution<'_>, engine: &Engine, target: &Target) -> Result<()> {
    let Some(snapshot) = &run.crosscheck else {
        return Ok(());
    };
    let chain = engine.table(target.table)?.heap.chain(target.row);
    let version = chain.version(target.tid);
    if version.is_some_and(|version| !version.visible(&engine.clog, snapshot)) {
        return Err(concurrent("update"));
    }
    Ok(())
}

/// Puts the new version of a claimed row into the heap.
pub(super) fn replace(
    run: &mut Execution<'_>,
    engine: &mut Engine,
    target: &Target,
    mode: RowLockMode,
    new: Row,
) -> Result<Entries> {
    run.check_write(engine, target)?;
    let xid = run.begin_write(engine);
    let command = run.transaction.command;
    let mode = kept_mode(engine, target, xid, mode)?;
    let table = engine.table_mut(target.table)?;
    let old = table.heap.chain(target.row).version(target.tid);
    let made_by = old.map(|version| version.xmin);
    let old = old.map(|version| version.row.clone());
    let (tid, heap_only) = table.update(target.row, xid, command, mode, new.clone());
    run.transaction.changed(RowChange {
        table: target.table,
        row: target.row,
        old: old.clone().map(|row| (target.tid, row)),
        new: Some((tid, new.clone())),
    });
    release_place(run, engine);
    let place = Some((target.row, tid));
    let top = run.transaction.xid;
    let own = made_by.is_some_and(|xmin| engine.clog.running(xmin) == Some(top));
    run.note_references(engine, target.table, place, old.as_ref(), own, Some(&new));
    Ok(Entries {
        def: engine.table(target.table)?.def.clone(),
        id: target.row,
        old,
        new,
        heap_only,
        next: 0,
    })
}

/// How strongly the old version is held from now on: a lock of our own, if it
/// is the only one on the row, stays as strong as it was; and FOR UPDATE does
/// whichever subtransaction took it (KEYS_UPDATED covers all of a multixact).
fn kept_mode(engine: &Engine, target: &Target, xid: Xid, mode: RowLockMode) -> Result<RowLockMode> {
    let lockers = engine.table(target.table)?.heap.chain(target.row).lockers();
    let mut strongest = mode;
    let mut others = false;
    for locker in lockers {
        if engine.clog.running(locker.xid).is_some() {
            others |= locker.xid != xid;
            strongest = strongest.max(locker.mode);
        }
    }
    let kept = !others || strongest == RowLockMode::Update;
    Ok(if kept { strongest } else { mode })
}

/// The first row with the assignments done, all from the old values.
pub(super) fn assign(
    table: &TableDef,
    assignments: &[(usize, Expr)],
    rows: &[Row],
    context: &Context<'_>,
) -> Result<Row> {
    let old = rows[0].iter().take(table.columns.len());
    let mut new: Row = old.cloned().collect();
    let values = Arc::make_mut(&mut new);
    for (column, expr) in assignments {
        values[*column] = eval(expr, rows, context)?;
    }
    let assigned = |column| assignments.iter().any(|(assigned, _)| *assigned == column);
    compute(table.computed_from(assigned), &mut new)?;
    Ok(new)
}

/// Computes these columns of a row.
pub(super) fn compute<'e>(
    columns: impl Iterator<Item = (usize, &'e Expr)>,
    row: &mut Row,
) -> Result<()> {
    for (column, expr) in columns {
        let value = eval(expr, std::slice::from_ref(row), &Context::IMMUTABLE)?;
        Arc::make_mut(row)[column] = value;
    }
    Ok(())
}

/// A key that changes takes the strongest lock.
pub(super) fn lock_mode(table: &TableDef, old: &Row, new: &Row) -> RowLockMode {
    let changes_key =
        (0..table.columns.len()).any(|column| old[column] != new[column] && table.is_key(column));
    if changes_key {
        RowLockMode::Update
    } else {
        RowLockMode::NoKeyUpdate
    }
}

/// NOT NULL and CHECK.
pub(super) fn check(table: &TableDef, row: &Row, context: &Context<'_>) -> Result<()> {
    for (column, value) in table.columns.iter().zip(row.iter()) {
        if column.not_null && value.is_null() {
            return Err(Error::new(
                SqlState::NOT_NULL_VIOLATION,
                format!(
                    "null value in column \"{}\" of relation \"{}\" violates not-null constraint",
                    column.name, table.name
                ),
            )
            .detail(failing_row(row))
            .table(&table.name)
            .column(&column.name));
        }
    }
    for check in &table.checks {
        let value = eval(&check.condition, std::slice::from_ref(row), context)?;
        if value.as_bool() == Some(false) {
            return Err(Error::new(
                SqlState::CHECK_VIOLATION,
                format!(
                    "new row for relation \"{}\" violates check constraint \"{}\"",
                    table.name, check.name
                ),
            )
            .detail(failing_row(row))
            .table(&table.name)
            .constraint(&check.name));
        }
    }
    Ok(())
}

pub(super) fn failing_row(row: &Row) -> String {
    let values: Vec<String> = row.iter().map(ToString::to_string).collect();
    format!("Failing row contains ({}).", values.join(", "))
}
