//! Running plans.
//!
//! A statement runs inside the engine's critical section until it is done or
//! has to wait. It is a state machine: when it has to wait it says for what,
//! leaves the critical section, and is called again afterwards to go on where
//! it was. The rows that it may touch are collected first, from its snapshot,
//! which nothing that happens meanwhile can change.

mod call;
mod collect;
mod ddl;
mod delete;
mod group;
mod insert;
mod row_lock;
mod select;
mod unique;
mod update;

use super::engine::{Engine, Shared};
use super::error::{Error, Result, SqlState};
use super::locks::{LockMode, LockTag, Request, WaitId, WaitLimits, wait};
use super::options::Bug;
use super::settings::Settings;
use super::sql::{Action, Calls, Context, Expr, Plan, eval};
use super::ssi::{Read, Reads};
use super::storage::RowLockMode;
use super::storage::clog::{Snapshot, Xid};
use super::storage::table::TableId;
use super::transaction::Transaction;
use super::types::{Row, Value};

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
    pub(super) settings: &'a mut Settings,
    pub(super) params: &'a [Value],
    pub(super) statement_start: i64,
    pub(super) snapshot: Snapshot,
    /// What the statement's system functions were asked and answered.
    pub(super) calls: Calls,
    pub(super) notices: Vec<Error>,
    /// What a SERIALIZABLE transaction has read since the last look.
    pub(super) reads: Reads,
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
            calls: &self.calls,
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

    /// Tells serializable snapshot isolation what has been read.
    fn settle_reads(&mut self, engine: &mut Engine) -> Result<()> {
        let Some(id) = self.transaction.ssi else {
            return Ok(());
        };
        let mut reads = self.reads.take();
        if self.shared.planted(Bug::DropSireadLocks) {
            reads.retain(|read| !matches!(read, Read::Lock(_)));
        }
        if engine.ssi.read(id, &reads, &engine.clog)? {
            self.transaction.ssi = None;
            self.reads = Reads::new(false);
        }
        Ok(())
    }

    /// A version is replaced or deleted: who has read it?
    fn check_write(&mut self, engine: &mut Engine, target: &row_lock::Target) -> Result<()> {
        self.settle_reads(engine)?;
        let Some(id) = self.transaction.ssi else {
            return Ok(());
        };
        let inside = self.transaction.has_savepoints();
        engine.ssi.write(id, target.table, target.tid, inside)
    }

    /// A row is added to a table: who has read the table?
    fn check_insert(&mut self, engine: &mut Engine, table: TableId) -> Result<()> {
        self.settle_reads(engine)?;
        match self.transaction.ssi {
            Some(id) => engine.ssi.insert(id, table),
            None => Ok(()),
        }
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
                let step = work.step(self, &mut engine);
                self.settle_reads(&mut engine)?;
                step?
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
    match request {
        Request::Granted => {}
        Request::Deadlock(error) => return Err(error),
        Request::Queued(id) => {
            let limits = WaitLimits {
                lock_timeout: settings.lock_timeout,
                deadlock_timeout: settings.deadlock_timeout,
            };
            wait(shared, pid, id, limits).await?;
        }
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
    loop {
        let place = run.transaction.place();
        let attempt = attempt(run, &plan.action).await;
        let call = match &attempt {
            Err(_) => run.calls.take_pending(),
            Ok(_) => None,
        };
        let Some(call) = call else {
            return attempt;
        };
        run.transaction.undo_to(run.shared, place);
        let answer = call::perform(run, &call).await?;
        run.calls.answer(answer);
    }
}

async fn attempt(run: &mut Execution<'_>, action: &Action) -> Result<Outcome> {
    match action {
        Action::Select(select) => run.run(&mut select::SelectWork::new(select)).await,
        Action::Insert(insert) => run.run(&mut insert::InsertWork::new(insert)).await,
        Action::Update(update) => run.run(&mut update::UpdateWork::new(update)).await,
        Action::Delete(delete) => run.run(&mut delete::DeleteWork::new(delete)).await,
    }
}

fn read_only(action: &Action) -> Error {
    let command = match action {
        Action::Select(select) => match select.locks.first().map(|lock| lock.mode) {
            Some(RowLockMode::KeyShare) => "SELECT FOR KEY SHARE",
            Some(RowLockMode::Share) => "SELECT FOR SHARE",
            Some(RowLockMode::NoKeyUpdate) => "SELECT FOR NO KEY UPDATE",
            Some(RowLockMode::Update) | None => "SELECT FOR UPDATE",
        },
        Action::Insert(_) => "INSERT",
        Action::Update(_) => "UPDATE",
        Action::Delete(_) => "DELETE",
    };
    Error::new(
        SqlState::READ_ONLY_SQL_TRANSACTION,
        format!("cannot execute {command} in a read-only transaction"),
    )
}
