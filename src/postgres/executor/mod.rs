//! Running plans.
//!
//! A statement runs inside the engine's critical section until it is done or
//! has to wait. It is a state machine: when it has to wait it says for what,
//! leaves the critical section, and is called again afterwards to go on where
//! it was. The rows that it may touch are collected first, from its snapshot,
//! which nothing that happens meanwhile can change.

mod collect;
mod ddl;
mod delete;
mod group;
mod insert;
mod row_lock;
mod select;
mod unique;
mod update;

use std::cell::Cell;
use std::time::Duration;

use super::engine::{Engine, Shared};
use super::error::{Error, Result, SqlState};
use super::locks::{LockMode, LockTag, Request, WaitId, WaitLimits, wait};
use super::settings::Settings;
use super::sql::{Action, Context, Expr, Plan, eval};
use super::storage::clog::{Snapshot, Xid};
use super::transaction::Transaction;
use super::types::{Row, Value};
use crate::rt;

pub(super) use ddl::define;

/// How far a step got.
enum Step<T> {
    Done(T),
    /// To be called again once this wait is over.
    Wait(WaitId),
}

/// What a statement gives back.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) rows: Vec<Vec<Value>>,
    /// What the command tag counts.
    pub(super) affected: u64,
}

/// What a statement runs with.
pub(super) struct Execution<'a> {
    pub(super) shared: &'a Shared,
    pub(super) transaction: &'a mut Transaction,
    pub(super) settings: &'a Settings,
    pub(super) params: &'a [Value],
    pub(super) statement_start: i64,
    pub(super) snapshot: Snapshot,
    /// What pg_sleep has asked for.
    pub(super) sleep: Cell<Duration>,
}

/// A statement in progress.
trait Work {
    fn step(&mut self, run: &mut Execution<'_>, engine: &mut Engine) -> Result<Step<Outcome>>;
}

impl Execution<'_> {
    fn context(&self) -> Context<'_> {
        Context {
            params: self.params,
            pid: self.transaction.pid,
            xid: self.transaction.xid,
            transaction_start: self.transaction.start,
            statement_start: self.statement_start,
            settings: self.settings,
            sequences: &self.shared.sequences,
            sleep: &self.sleep,
        }
    }

    fn project(&self, exprs: &[Expr], rows: &[Row]) -> Result<Vec<Value>> {
        let context = self.context();
        exprs
            .iter()
            .map(|expr| eval(expr, rows, &context))
            .collect()
    }

    /// Writing begins: the transaction gets its id, and sees its own writes.
    /// Returns the id to write under.
    fn begin_write(&mut self, engine: &mut Engine) -> Xid {
        let xid = self.transaction.xid(engine);
        self.snapshot.top = self.transaction.xid;
        xid
    }

    /// True if this transaction, or a part of it, is `xid`.
    fn is_own(&self, engine: &Engine, xid: Xid) -> bool {
        engine.clog.running(xid) == Some(self.transaction.xid)
    }

    fn limits(&self) -> WaitLimits {
        WaitLimits {
            lock_timeout: self.settings.lock_timeout,
            deadlock_timeout: self.settings.deadlock_timeout,
        }
    }

    async fn run(&mut self, work: &mut (dyn Work + Send)) -> Result<Outcome> {
        loop {
            let step = {
                let mut engine = self.shared.lock();
                work.step(self, &mut engine)?
            };
            match step {
                Step::Done(outcome) => return Ok(outcome),
                Step::Wait(id) => {
                    wait(self.shared, self.transaction.pid, id, self.limits()).await?;
                }
            }
        }
    }
}

/// Takes a lock on a relation that is kept until the transaction ends.
pub(super) async fn lock_relation(
    shared: &Shared,
    transaction: &mut Transaction,
    settings: &Settings,
    tag: LockTag,
    mode: LockMode,
    name: &str,
) -> Result<()> {
    if transaction.holds(tag, mode) {
        return Ok(());
    }
    let pid = transaction.pid;
    let request = {
        let mut engine = shared.lock();
        let request = engine.locks.acquire(tag, mode, pid);
        if let Request::Queued(id) = request {
            shared.note_wait(&engine, pid, id, name);
        }
        request
    };
    if let Request::Queued(id) = request {
        let limits = WaitLimits {
            lock_timeout: settings.lock_timeout,
            deadlock_timeout: settings.deadlock_timeout,
        };
        wait(shared, pid, id, limits).await?;
    }
    transaction.keep_lock(tag, mode);
    Ok(())
}

/// Takes the locks of a plan that are there for the taking: true if that is
/// all of them.
pub(super) fn try_lock_relations(
    engine: &mut Engine,
    transaction: &mut Transaction,
    plan: &Plan,
) -> bool {
    for (table, mode) in &plan.tables {
        let tag = LockTag::Relation(*table);
        if transaction.holds(tag, *mode) {
            continue;
        }
        if !engine.locks.try_acquire(tag, *mode, transaction.pid) {
            return false;
        }
        transaction.keep_lock(tag, *mode);
    }
    true
}

/// Runs a plan whose relations are locked.
pub(super) async fn execute(run: &mut Execution<'_>, plan: &Plan) -> Result<Outcome> {
    let writes = !matches!(&plan.action, Action::Select(select) if select.locks.is_empty());
    if writes && run.transaction.read_only {
        return Err(read_only(&plan.action));
    }
    let outcome = match &plan.action {
        Action::Select(select) => run.run(&mut select::SelectWork::new(select)).await?,
        Action::Insert(insert) => run.run(&mut insert::InsertWork::new(insert)).await?,
        Action::Update(update) => run.run(&mut update::UpdateWork::new(update)).await?,
        Action::Delete(delete) => run.run(&mut delete::DeleteWork::new(delete)).await?,
    };
    let sleep = run.sleep.take();
    if !sleep.is_zero() {
        rt::sleep(sleep).await;
    }
    Ok(outcome)
}

fn read_only(action: &Action) -> Error {
    let command = match action {
        Action::Select(_) => "SELECT FOR UPDATE",
        Action::Insert(_) => "INSERT",
        Action::Update(_) => "UPDATE",
        Action::Delete(_) => "DELETE",
    };
    Error::new(
        SqlState::READ_ONLY_SQL_TRANSACTION,
        format!("cannot execute {command} in a read-only transaction"),
    )
}
