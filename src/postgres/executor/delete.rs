//! DELETE.

use super::collect::Tuple;
use super::reader::Reader;
use super::row_lock::{Target, release_place};
use super::update::{claim_tuple, matching};
use super::{Execution, Outcome, Step, Work};
use crate::postgres::engine::Engine;
use crate::postgres::error::Result;
use crate::postgres::sql::Delete;
use crate::postgres::storage::RowLockMode;
use crate::postgres::transaction::RowChange;
use crate::postgres::types::Row;

pub(super) struct DeleteWork<'a> {
    plan: &'a Delete,
    tuples: Option<Vec<Tuple>>,
    next: usize,
    target: Option<Target>,
    outcome: Outcome,
}

impl Work for DeleteWork<'_> {
    fn step(&mut self, run: &mut Execution<'_>, engine: &mut Engine) -> Result<Step<Outcome>> {
        let mut tuples = match self.tuples.take() {
            Some(tuples) => tuples,
            None => matching(run, engine, &self.plan.source)?,
        };
        while let Some(tuple) = tuples.get_mut(self.next) {
            if let Step::Wait(id) = self.delete(run, engine, tuple)? {
                self.tuples = Some(tuples);
                return Ok(Step::Wait(id));
            }
            self.next += 1;
        }
        Ok(Step::Done(std::mem::take(&mut self.outcome)))
    }
}

impl<'a> DeleteWork<'a> {
    pub(super) fn new(plan: &'a Delete) -> DeleteWork<'a> {
        DeleteWork {
            plan,
            tuples: None,
            next: 0,
            target: None,
            outcome: Outcome::default(),
        }
    }

    fn delete(
        &mut self,
        run: &mut Execution<'_>,
        engine: &mut Engine,
        tuple: &mut Tuple,
    ) -> Result<Step<()>> {
        let mut strongest =
            |_: &Execution<'_>, _: &Engine, _: &Tuple, _: bool| Ok(RowLockMode::Update);
        let claimed = claim_tuple(
            run,
            engine,
            &self.plan.source,
            tuple,
            &mut self.target,
            &mut strongest,
        )?;
        let target = match claimed {
            Step::Wait(id) => return Ok(Step::Wait(id)),
            Step::Done(None) => return Ok(Step::Done(())),
            Step::Done(Some((target, _))) => target,
        };
        run.check_write(engine, &target)?;
        let xid = run.begin_write(engine);
        let command = run.transaction.command;
        let width = self.plan.table.columns.len();
        let old: Row = tuple.rows[0].iter().take(width).cloned().collect();
        let table = engine.table_mut(target.table)?;
        table
            .heap
            .expire(target.row, xid, command, RowLockMode::Update);
        run.transaction.changed(RowChange {
            table: target.table,
            row: target.row,
            old: Some((target.tid, old.clone())),
            new: None,
        });
        release_place(run, engine);
        run.note_references(engine, target.table, None, Some(&old), false, None);
        self.outcome.affected += 1;
        if let Some(returning) = &self.plan.returning {
            let row = Reader::new(run, engine).row(returning, &tuple.rows)?;
            self.outcome.rows.push(row);
        }
        Ok(Step::Done(()))
    }
}
