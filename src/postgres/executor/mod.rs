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
mod fetch;
mod foreign_key;
mod group;
mod insert;
mod outlast;
mod query;
mod reader;
mod row_lock;
mod scan;
mod select;
mod unique;
mod update;
mod window;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use smallvec::SmallVec;

use self::foreign_key::References;
use self::reader::Reader;
use super::cost::{ROUND, Touched};
use super::engine::{Engine, Shared};
use super::error::{Error, Result};
use super::locks::{Indexes, LockMode, LockTag, Pid, Request, WaitId, WaitLimits, wait};
use super::options::Bug;
use super::settings::Settings;
use super::sql::{Action, Calls, CteBody, Plan, Query};
use super::ssi::{Read, Reads};
use super::storage::clog::{Snapshot, Xid};
use super::storage::heap::RowId;
use super::storage::sequence::SequenceId;
use super::storage::table::TableId;
use super::transaction::Transaction;
use super::types::{Row, Value};

pub(super) use ddl::{BEING_USED, Defined, alter_constraint, alter_relation, alter_sequence};
pub(super) use ddl::{define, define_for, object_in_use};
pub(super) use fetch::{Fetching, fetch};
pub(super) use foreign_key::{Event, check_deferred, check_due};
pub(super) use outlast::Outlasting;

/// How far a step got.
enum Step<T> {
    Done(T),
    /// To be called again once this wait is over.
    Wait(WaitId),
}

/// What a statement gives back.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) rows: Vec<Row>,
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
    /// What a row must be seen by to be changed, beside `snapshot`: the
    /// transaction's own snapshot, where a foreign key looks at newer rows.
    pub(super) crosscheck: Option<Snapshot>,
    /// The rows on which cursors stand, where the plan asks for them.
    pub(super) currents: Vec<Current>,
    /// What the statement's system functions were asked and answered.
    pub(super) calls: Calls,
    pub(super) notices: Vec<Error>,
    /// What a SERIALIZABLE transaction has read since the last look.
    pub(super) reads: Reads,
    /// The results of WITH so far, and of subqueries that stay the same.
    pub(super) ctes: RefCell<Vec<Option<Arc<Vec<Row>>>>>,
    pub(super) cached: RefCell<BTreeMap<usize, Arc<Vec<Row>>>>,
    /// The foreign keys to look after once the statement has made its
    /// changes, and those that are to be known for each table.
    pub(super) events: Vec<Event>,
    pub(super) references: SmallVec<[(TableId, Option<Arc<References>>); 1]>,
}

impl<'a> Execution<'a> {
    /// What a statement of a transaction runs with.
    pub(super) fn new(
        shared: &'a Shared,
        transaction: &'a mut Transaction,
        settings: &'a mut Settings,
        params: &'a [Value],
        statement_start: i64,
        snapshot: Snapshot,
    ) -> Execution<'a> {
        let reads = Reads::new(transaction.ssi.is_some());
        Execution {
            shared,
            transaction,
            settings,
            params,
            statement_start,
            snapshot,
            crosscheck: None,
            currents: Vec::new(),
            calls: Calls::default(),
            notices: Vec::new(),
            reads,
            ctes: RefCell::default(),
            cached: RefCell::default(),
            events: Vec::new(),
            references: SmallVec::new(),
        }
    }
}

/// The row of a table on which a cursor stands.
pub(super) struct Current {
    pub(super) cursor: Arc<str>,
    pub(super) table: TableId,
    pub(super) row: RowId,
}

/// A statement in progress.
trait Work {
    fn step(&mut self, run: &mut Execution<'_>, engine: &mut Engine) -> Result<Step<Outcome>>;
}

impl Execution<'_> {
    /// The plan is run from its beginning, perhaps not for the first time.
    fn begin(&mut self, ctes: usize) {
        let results = self.ctes.get_mut();
        results.clear();
        results.resize(ctes, None);
        self.events.clear();
        let cached = self.cached.get_mut();
        if !cached.is_empty() {
            cached.clear();
        }
    }

    /// The rows of a query of WITH that has run.
    fn cte(&self, index: usize) -> Arc<Vec<Row>> {
        let rows = self.ctes.borrow().get(index).cloned().flatten();
        rows.unwrap_or_default()
    }

    /// Gives a query of WITH other rows: what was kept may depend on them.
    fn set_cte(&self, index: usize, rows: Vec<Row>) {
        if let Some(result) = self.ctes.borrow_mut().get_mut(index) {
            *result = Some(Arc::new(rows));
        }
        self.cached.borrow_mut().clear();
    }

    /// A row is to be written or locked: the transaction has its id from now
    /// on, and sees its own writes. Returns the id to write under.
    fn begin_write(&mut self, engine: &mut Engine) -> Xid {
        self.transaction.touched.writes.add(1);
        self.take_id(engine)
    }

    /// The transaction has an id from now on.
    fn take_id(&mut self, engine: &mut Engine) -> Xid {
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
        limits(self.settings)
    }

    async fn run(&mut self, work: &mut (dyn Work + Send)) -> Result<Outcome> {
        loop {
            let step = {
                let mut engine = self.shared.lock();
                let step = work.step(self, &mut engine);
                let settled = self.settle_reads(&mut engine);
                if settled.is_err() {
                    // Whoever is to fail makes no more calls.
                    self.calls.take_pending();
                }
                settled?;
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

/// How long a session with these settings waits.
fn limits(settings: &Settings) -> WaitLimits {
    WaitLimits {
        lock_timeout: settings.lock_timeout,
        deadlock_timeout: settings.deadlock_timeout,
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
    if mode == LockMode::AccessExclusive {
        identify(shared, transaction);
    }
    acquire(shared, transaction.pid, settings, tag, mode, name).await?;
    transaction.keep_lock(tag, mode);
    Ok(())
}

/// Who is to have ACCESS EXCLUSIVE on a relation needs an id, by which the log
/// tells standbys of the lock.
pub(super) fn identify(shared: &Shared, transaction: &mut Transaction) {
    transaction.xid(&mut shared.lock());
}

/// Takes a lock, for the caller to keep; `name` is what it is on.
async fn acquire(
    shared: &Shared,
    pid: Pid,
    settings: &Settings,
    tag: LockTag,
    mode: LockMode,
    name: &str,
) -> Result<()> {
    let request = {
        let mut engine = shared.lock();
        if let LockTag::Relation(table) = tag
            && mode.conflicts(LockMode::RowExclusive)
        {
            list_sequence_locks(shared, &mut engine, SequenceId(table.0));
        }
        let request = engine.locks.acquire(tag, mode, pid);
        if let Request::Queued(id) = request {
            shared.note_wait(&engine, pid, id, name);
        }
        request
    };
    match request {
        Request::Granted => Ok(()),
        Request::Deadlock(error) => Err(error),
        Request::Queued(id) => wait(shared, pid, id, limits(settings)).await,
    }
}

/// Gets the locks of those who use a sequence into the lock table.
fn list_sequence_locks(shared: &Shared, engine: &mut Engine, id: SequenceId) {
    for pid in shared.sequences.lock().list(id) {
        let tag = LockTag::sequence(id);
        engine.locks.grant(tag, LockMode::RowExclusive, pid);
    }
}

/// Takes the locks of a plan that are there for the taking: true if that is
/// all of them.
pub(super) fn try_lock_relations(
    engine: &mut Engine,
    transaction: &mut Transaction,
    plan: &Plan,
) -> bool {
    for (table, mode) in &plan.tables {
        let (tag, pid) = (LockTag::Relation(*table), transaction.pid);
        let bare = plan.inserts_into(*table);
        if transaction.holds(tag, *mode) {
            if transaction.bare_locks && !bare {
                engine.locks.set_indexes(tag, *mode, pid, Indexes::Held);
            }
            continue;
        }
        if !engine.locks.try_acquire(tag, *mode, pid) {
            return false;
        }
        if bare {
            engine.locks.set_indexes(tag, *mode, pid, Indexes::Within);
            transaction.bare_locks = true;
        }
        transaction.keep_lock(tag, *mode);
    }
    true
}

/// Runs a plan whose relations are locked.
pub(super) async fn execute(run: &mut Execution<'_>, plan: &Plan) -> Result<Outcome> {
    loop {
        let mark = Mark::of(run);
        let attempt = attempt(run, plan).await;
        if !mark.begins_again(run, &attempt).await? {
            return attempt;
        }
    }
}

/// Refuses what a transaction that only reads must not do.
pub(super) fn refuse_if_read_only(transaction: &Transaction, plan: &Plan) -> Result<()> {
    match plan.writes() {
        Some(command) if transaction.read_only => Err(Error::read_only(command)),
        _ => Ok(()),
    }
}

/// Where a transaction stood before an attempt to run a statement.
struct Mark {
    place: usize,
    touched: Touched,
}

impl Mark {
    fn of(run: &Execution<'_>) -> Mark {
        Mark {
            place: run.transaction.place(),
            touched: run.transaction.touched.clone(),
        }
    }

    /// True if the attempt came to a call that is done by now: it has been
    /// undone, and is to be made again.
    async fn begins_again<T>(self, run: &mut Execution<'_>, attempt: &Result<T>) -> Result<bool> {
        let call = match attempt {
            Err(_) => run.calls.take_pending(),
            Ok(_) => None,
        };
        let Some(call) = call else {
            return Ok(false);
        };
        run.transaction.undo_to(run.shared, self.place);
        // What is begun again is done once.
        run.transaction.touched = self.touched;
        run.reads.begin_again();
        let answer = call::perform(run, &call).await?;
        run.calls.answer(answer);
        Ok(true)
    }
}

async fn attempt(run: &mut Execution<'_>, plan: &Plan) -> Result<Outcome> {
    run_ctes(run, plan).await?;
    let outcome = run_action(run, &plan.action).await?;
    for cte in plan.ctes.iter().filter(|cte| !cte.read) {
        // Changes that nothing reads are made too.
        if let CteBody::Action(action) = &cte.body
            && !matches!(**action, Action::Select(_))
        {
            run_action(run, action).await?;
        }
    }
    foreign_key::after_statement(run).await?;
    Ok(outcome)
}

/// Begins a plan: what WITH names and something reads is run.
async fn run_ctes(run: &mut Execution<'_>, plan: &Plan) -> Result<()> {
    run.begin(plan.ctes.len());
    for (index, cte) in plan.ctes.iter().enumerate() {
        if cte.read {
            let rows = run_cte(run, plan, index, &cte.body).await?;
            run.set_cte(index, rows);
        }
    }
    Ok(())
}

/// How many rows of the last query of WITH are enough: a LIMIT over it and
/// nothing else ends a recursion that has no end of its own.
fn rows_enough(run: &Execution<'_>, plan: &Plan, index: usize) -> Result<usize> {
    let Action::Select(Query::Select(select)) = &plan.action else {
        return Ok(usize::MAX);
    };
    let is_last = index + 1 == plan.ctes.len();
    if !is_last || !select.passes_on(index) {
        return Ok(usize::MAX);
    }
    let engine = run.shared.lock();
    let (offset, limit) = query::bounds(&Reader::new(run, &engine), select, &[])?;
    Ok(offset.saturating_add(limit))
}

async fn run_action(run: &mut Execution<'_>, action: &Action) -> Result<Outcome> {
    match action {
        Action::Select(query) => run.run(&mut select::QueryWork::new(query)).await,
        Action::Insert(insert) => run.run(&mut insert::InsertWork::new(insert)).await,
        Action::Update(update) => run.run(&mut update::UpdateWork::new(update)).await,
        Action::Delete(delete) => run.run(&mut delete::DeleteWork::new(delete)).await,
    }
}

async fn run_cte(
    run: &mut Execution<'_>,
    plan: &Plan,
    index: usize,
    body: &CteBody,
) -> Result<Vec<Row>> {
    let recursion = match body {
        CteBody::Action(action) => return Ok(run_action(run, action).await?.rows),
        CteBody::Recursive(recursion) => recursion,
    };
    let enough = rows_enough(run, plan, index)?;
    let mut rounds = query::Rounds::new(recursion);
    let mut work = &recursion.first;
    loop {
        let found = run.run(&mut select::QueryWork::new(work)).await?;
        let Some(working) = rounds.next(found.rows) else {
            return Ok(rounds.result);
        };
        if rounds.result.len() >= enough {
            return Ok(rounds.result);
        }
        run.transaction.touched.effort.spend(ROUND)?;
        run.set_cte(index, working);
        work = &recursion.step;
    }
}
