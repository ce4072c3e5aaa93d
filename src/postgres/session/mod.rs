//! A session: its transaction, its settings, and how it runs a statement.
//!
//! The same code serves a connection and a set-up script. A statement that
//! fails ends its transaction's effects at once; a transaction block then
//! refuses everything until its end. Dropping a session, wherever it stands,
//! rolls back and gives back every lock.

mod preparing;

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use sqlparser::ast::Statement;

use super::backends::Notification;
use super::catalog::State;
use super::cost::{Cost, ENDLESS};
use super::engine::Shared;
use super::error::{Error, Result, SqlState};
use super::executor::{self, Defined, Execution, Outcome};
use super::interrupted::interruptible;
use super::locks::Pid;
use super::options::{Bug, SynchronousCommit};
use super::settings::Settings;
use super::sql::{Action, Command, Keyword, Plan, Source, current_timestamp};
use super::storage::Xid;
use super::transaction::{Isolation, Modes, Transaction};
use super::types::{Row, Value};
use super::utility::{self, Portals, Statements};
use crate::postgres::types::Reading;
use crate::rt;

pub(super) use preparing::{Bound, BoundQuery, Prepared};

/// Where a session stands, as ReadyForQuery tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    /// Outside of a transaction block.
    None,
    Open,
    /// After an error: only its end is accepted.
    Failed,
}

/// What a statement answers.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) rows: Vec<Row>,
    pub(super) tag: Tag,
    pub(super) notices: Vec<Error>,
    /// The plan that gave the rows, if it is not the one prepared.
    pub(super) replanned: Option<Arc<Plan>>,
}

/// A command tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    Word(&'static str),
    /// With a number of rows.
    Count(&'static str, u64),
}

impl Default for Tag {
    fn default() -> Tag {
        Tag::Word("")
    }
}

impl Answer {
    pub(super) fn word(tag: &'static str) -> Answer {
        Answer {
            tag: Tag::Word(tag),
            ..Answer::default()
        }
    }
}

impl From<Defined> for Answer {
    fn from(defined: Defined) -> Answer {
        Answer {
            notices: defined.notices,
            ..Answer::word(defined.tag)
        }
    }
}

pub(super) struct Session {
    pub(super) shared: Arc<Shared>,
    pub(super) pid: Pid,
    pub(super) settings: Settings,
    /// What the work of statements takes; nothing while a server is set up.
    pub(super) cost: Cost,
    pub(super) transaction: Option<Box<Transaction>>,
    pub(super) block: Block,
    /// The modes that AND CHAIN handed to the block: what was set in it since
    /// is undone when all of it fails.
    pub(super) chained: Option<Modes>,
    /// True while several statements of one message share a transaction.
    pub(super) several: bool,
    pub(super) statements: Statements,
    pub(super) portals: Portals,
    /// What the client is to be told beside an answer.
    pub(super) warning: Option<Error>,
    /// The notices of a statement that has failed, to be told before its error.
    pub(super) untold: Vec<Error>,
    /// When the statement whose time is limited began.
    began: Option<rt::Instant>,
}

impl Session {
    /// Admits a session to the server.
    pub(super) fn new(
        shared: &Arc<Shared>,
        secret: i32,
        mut settings: Settings,
    ) -> Result<Session> {
        let max = shared.options.max_connections;
        let now = current_timestamp();
        let pid = {
            let backends = &mut shared.lock().backends;
            backends.connect(secret, &settings, now, max)
        };
        let pid = pid.inspect_err(|_| shared.observer.refused())?;
        let default = shared.options.synchronous_commit;
        settings.hot_standby = shared.replication.in_recovery();
        if default != SynchronousCommit::On {
            settings.configure("synchronous_commit", default.name());
        }
        Ok(Session {
            shared: shared.clone(),
            pid,
            settings,
            cost: shared.options.cost,
            transaction: None,
            block: Block::None,
            chained: None,
            several: false,
            statements: Statements::default(),
            portals: Portals::default(),
            warning: None,
            untold: Vec::new(),
            began: None,
        })
    }

    pub(super) fn top(&self) -> Xid {
        self.transaction.as_ref().map_or(Xid::NONE, |t| t.xid)
    }

    /// Refuses what a failed transaction block does not take.
    pub(super) fn refuse_if_failed(&self, keyword: Keyword) -> Result<()> {
        let ends = matches!(keyword, Keyword::Commit | Keyword::Rollback);
        if self.block == Block::Failed && !ends {
            return Err(Error::new(
                SqlState::IN_FAILED_SQL_TRANSACTION,
                "current transaction is aborted, commands ignored until end of transaction block",
            ));
        }
        Ok(())
    }

    /// Tells others that a statement begins.
    pub(super) fn begin_activity(&self, query: &Arc<str>) {
        if let Some(activity) = self.shared.lock().backends.activity(self.pid) {
            activity.begin(query.clone(), current_timestamp());
        }
    }

    /// Tells others what the client calls itself.
    pub(super) fn name_application(&self, name: &str) {
        if let Some(activity) = self.shared.lock().backends.activity(self.pid) {
            activity.application = name.into();
        }
    }

    /// The session waits for its client, who is to be told this.
    pub(super) fn rest(&self) -> VecDeque<Notification> {
        let state = match (self.block, &self.transaction) {
            (Block::Failed, _) => State::Aborted,
            (Block::Open, _) | (_, Some(_)) => State::InTransaction,
            (Block::None, None) => State::Idle,
        };
        let (pid, now) = (self.pid, current_timestamp());
        self.shared.lock().backends.rest(pid, state, now)
    }

    /// What channels have told a session at rest, outside of transactions.
    pub(super) fn take_notifications(&self) -> VecDeque<Notification> {
        match self.block {
            Block::None => self.shared.lock().backends.take_notifications(self.pid),
            _ => VecDeque::new(),
        }
    }

    /// True where a transaction goes on after a statement: in a block, or
    /// between statements of one message.
    pub(super) fn goes_on(&self) -> bool {
        self.block != Block::None || self.several
    }

    /// Refuses what changes anything in a transaction that only reads.
    pub(super) fn prevent_where_read_only(&self, command: &str) -> Result<()> {
        match self.modes().read_only {
            Some(true) => Err(Error::read_only(command)),
            _ => Ok(()),
        }
    }

    /// Refuses what must not share its transaction with anything.
    pub(super) fn prevent_in_block(&self, what: &str) -> Result<()> {
        if !self.goes_on() && self.transaction.is_none() {
            return Ok(());
        }
        Err(Error::new(
            SqlState::ACTIVE_SQL_TRANSACTION,
            format!("{what} cannot run inside a transaction block"),
        ))
    }

    /// Starts a transaction unless one runs.
    pub(super) fn ensure_transaction(&mut self) -> Result<&mut Transaction> {
        if self.transaction.is_none() {
            self.look_at_recovery();
            let start = current_timestamp();
            let mut transaction = Box::new(Transaction::new(self.pid, start));
            let modes = self.settings.default_modes();
            transaction.set_modes(modes)?;
            self.settings.set_modes(Some(modes));
            self.transaction = Some(transaction);
            if let Some(activity) = self.shared.lock().backends.activity(self.pid) {
                activity.begin_transaction(start);
            }
        }
        match &mut self.transaction {
            Some(transaction) => Ok(transaction),
            None => Err(Error::unsupported("a session without a transaction")),
        }
    }

    /// How the session reads dates and times: the present is the start of the
    /// transaction, which may be about to begin.
    pub(in crate::postgres) fn reading(&self) -> Reading {
        let start = self.transaction.as_ref().map(|running| running.start);
        let now = start.unwrap_or_else(current_timestamp);
        Reading::new(self.settings.style, Some(now))
    }

    /// A standby may have become a primary since the last transaction.
    pub(super) fn look_at_recovery(&mut self) {
        if self.settings.hot_standby && !self.shared.replication.in_recovery() {
            self.settings.set_hot_standby(false);
        }
    }

    /// Refuses a command on a standby.
    pub(super) fn prevent_in_recovery(&self, command: &str) -> Result<()> {
        self.shared.replication.prevent(command)
    }

    /// Runs a statement. On an error its transaction has been undone.
    pub(super) async fn run(&mut self, prepared: &Prepared, params: &[Value]) -> Result<Answer> {
        let answer = self.run_bound(prepared, None, params).await?;
        self.release_snapshot();
        Ok(answer)
    }

    /// Runs a statement that may have been bound: if it is a query, it gives no
    /// more rows than so many. The snapshot of any other is left: to be
    /// released, or kept by its portal.
    pub(super) async fn run_bound(
        &mut self,
        prepared: &Prepared,
        bound: Option<(&mut Bound, usize)>,
        params: &[Value],
    ) -> Result<Answer> {
        let Some(source) = &prepared.source else {
            return Ok(Answer::default());
        };
        self.refuse_if_failed(source.keyword())?;
        self.look_at_recovery();
        if let Some(statement) = source.command().as_sql()
            && let Some(answer) = self.control(statement).await?
        {
            return Ok(answer);
        }
        let result = self
            .run_interruptible(prepared, bound, source, params)
            .await;
        self.statement_ended();
        match result {
            Ok(answer) => {
                if let Some(transaction) = &mut self.transaction {
                    transaction.command += 1;
                }
                Ok(answer)
            }
            Err(error) => {
                self.fail(Some(error.code()));
                Err(error)
            }
        }
    }

    /// An error ends the transaction, or the innermost subtransaction; a block
    /// stays, failed.
    pub(super) fn fail(&mut self, reason: Option<SqlState>) {
        match (&mut self.transaction, self.block) {
            (_, Block::Failed) => return,
            (Some(transaction), Block::Open) if transaction.has_savepoints() => {
                if let Some(mark) = transaction.fail(&self.shared) {
                    self.settings.return_to(mark);
                }
            }
            _ => {
                if let Some(transaction) = self.transaction.take() {
                    transaction.abort(&self.shared, reason);
                }
                self.settings.end_transaction(false);
                self.portals.end_transaction(false);
            }
        }
        if self.block == Block::Open {
            self.block = Block::Failed;
        }
    }

    /// What is left of the time of a statement, which begins with the first
    /// message about it; zero is no limit.
    fn time_left(&mut self) -> Duration {
        let limit = self.settings.statement_timeout;
        if limit.is_zero() {
            return limit;
        }
        let began = *self.began.get_or_insert_with(rt::now);
        limit
            .saturating_sub(began.elapsed())
            .max(Duration::from_nanos(1))
    }

    /// The next message is about another statement.
    pub(super) fn statement_ended(&mut self) {
        self.began = None;
    }

    async fn run_interruptible(
        &mut self,
        prepared: &Prepared,
        bound: Option<(&mut Bound, usize)>,
        source: &Source,
        params: &[Value],
    ) -> Result<Answer> {
        let (shared, pid) = (self.shared.clone(), self.pid);
        let timeout = self.time_left();
        let statement = pin!(self.statement(prepared, bound, source, params));
        interruptible(&shared, pid, timeout, statement).await
    }

    async fn statement(
        &mut self,
        prepared: &Prepared,
        bound: Option<(&mut Bound, usize)>,
        source: &Source,
        params: &[Value],
    ) -> Result<Answer> {
        if bound.is_none() {
            rt::work(Duration::from_nanos(self.cost.statement_ns)).await;
        }
        if let Some(running) = &self.transaction {
            running.touched.effort.begin();
        }
        let described = prepared.described;
        let result = match (bound, &prepared.plan) {
            (Some((bound, rows)), _) if bound.query.is_some() => {
                self.fetch_rows(bound, params, rows).await
            }
            (Some((bound, _)), _) => self.run_bound_plan(bound, source, params, described).await,
            (None, Some(plan)) => self.run_plan(plan, source, params, described).await,
            (None, None) => self.run_utility(source.command()).await,
        };
        let spent = |running: &Transaction| running.touched.effort.is_spent();
        if result.is_err() && self.transaction.as_deref().is_some_and(spent) {
            rt::sleep(ENDLESS).await;
        }
        rt::work(self.unpaid()).await;
        result
    }

    /// What the work takes that the transaction has done since this was last
    /// asked.
    fn unpaid(&self) -> Duration {
        match &self.transaction {
            Some(running) if !self.shared.planted(Bug::FreeWork) => {
                running.touched.settle(&self.cost)
            }
            _ => Duration::ZERO,
        }
    }

    /// What a statement works with, once a transaction is there.
    pub(super) fn in_transaction(
        &mut self,
    ) -> Result<(&Arc<Shared>, &mut Transaction, &mut Settings)> {
        match &mut self.transaction {
            Some(transaction) => Ok((&self.shared, transaction, &mut self.settings)),
            None => Err(Error::unsupported("a session without a transaction")),
        }
    }

    /// The same for an ALTER that sqlparser does not know, with its snapshot.
    async fn begin_altering(&mut self) -> Result<(&Arc<Shared>, &mut Transaction, &mut Settings)> {
        self.ensure_transaction()?;
        let (shared, transaction, settings) = self.in_transaction()?;
        transaction.begin_snapshot(shared).await;
        Ok((shared, transaction, settings))
    }

    async fn run_utility(&mut self, command: &Command) -> Result<Answer> {
        let (statement, concurrently) = match command {
            Command::Sql(statement) => {
                let creates = matches!(&**statement, Statement::CreateIndex(create)
                    if create.concurrently);
                if creates {
                    self.prevent_where_read_only("CREATE INDEX")?;
                    self.prevent_in_block("CREATE INDEX CONCURRENTLY")?;
                }
                (statement, creates)
            }
            Command::Maintenance(command) => {
                let name = if command.vacuum { "VACUUM" } else { "ANALYZE" };
                self.prevent_in_recovery(name)?;
                return self.maintain(command).await;
            }
            Command::Reindex(command) => {
                self.prevent_in_recovery("REINDEX")?;
                return self.reindex(command).await;
            }
            // Only a client's own message starts it.
            Command::Copy(_) => return Err(Error::unsupported("COPY here")),
            Command::SetConstraints(command) => return self.set_constraints(command).await,
            Command::AlterSequence(alter) => {
                let (shared, transaction, settings) = self.begin_altering().await?;
                let altered = executor::alter_sequence(shared, transaction, settings, alter);
                return Ok(altered.await?.into());
            }
            Command::AlterRelation(alter) => {
                let (shared, transaction, settings) = self.begin_altering().await?;
                let altered = executor::alter_relation(shared, transaction, settings, alter);
                return Ok(altered.await?.into());
            }
            Command::AlterConstraint(alter) => {
                let in_use = self.portals.opened();
                let (shared, transaction, settings) = self.begin_altering().await?;
                let altered =
                    executor::alter_constraint(shared, transaction, settings, &in_use, alter);
                return Ok(altered.await?.into());
            }
            Command::Checkpoint => return Ok(Answer::word("CHECKPOINT")),
            Command::DropConcurrently(statement) => {
                self.prevent_where_read_only("DROP INDEX")?;
                self.prevent_in_block("DROP INDEX CONCURRENTLY")?;
                (statement, true)
            }
            Command::Refused(refused) => return Err(refused.error()),
        };
        if let Some(answer) = utility::run(self, statement)? {
            return Ok(answer);
        }
        if let Some(answer) = utility::run_cursor(self, statement).await? {
            return Ok(answer);
        }
        self.ensure_transaction()?;
        if let Some(answer) = utility::lock_tables(self, statement).await? {
            return Ok(answer);
        }
        // Whatever else there is sees tables and their rows.
        let (shared, transaction, _) = self.in_transaction()?;
        transaction.begin_snapshot(shared).await;
        if let Some(answer) = utility::run_query(self, statement).await? {
            return Ok(answer);
        }
        if let Some(answer) = self.create_table_as(statement).await? {
            return Ok(answer);
        }
        let in_use = self.portals.opened();
        let mut told = Vec::new();
        let (shared, transaction, settings) = self.in_transaction()?;
        transaction.take_snapshot(&mut shared.lock());
        let defined = executor::define(
            shared,
            transaction,
            settings,
            &in_use,
            statement,
            concurrently,
            &mut told,
        )
        .await;
        self.untold = told;
        let defined = defined?;
        self.release_snapshot();
        let defined = defined.ok_or_else(|| utility::unsupported(statement))?;
        Ok(defined.into())
    }

    /// Locks a plan's tables, and runs it.
    pub(super) async fn run_plan(
        &mut self,
        plan: &Arc<Plan>,
        source: &Source,
        params: &[Value],
        described: bool,
    ) -> Result<Answer> {
        let statement_start = current_timestamp();
        let locked = self.begin_plan(plan, source, described).await?;
        let answer = self.run_locked(&locked, params, statement_start).await?;
        Ok(Answer {
            replanned: (!Arc::ptr_eq(plan, &locked)).then_some(locked),
            ..answer
        })
    }

    /// Runs a plan whose tables have been locked since it was bound, unless
    /// this transaction has changed the catalog since.
    async fn run_bound_plan(
        &mut self,
        bound: &Bound,
        source: &Source,
        params: &[Value],
        described: bool,
    ) -> Result<Answer> {
        let statement_start = current_timestamp();
        let is_current = self.shared.lock().catalog.version() == bound.plan.catalog_version;
        let plan = match is_current {
            true => bound.plan.clone(),
            false => self.begin_plan(&bound.plan, source, described).await?,
        };
        self.run_locked(&plan, params, statement_start).await
    }

    /// Runs a plan whose tables are locked.
    async fn run_locked(
        &mut self,
        plan: &Plan,
        params: &[Value],
        statement_start: i64,
    ) -> Result<Answer> {
        plan.refuse_if_unplanned()?;
        self.note_read();
        let (_, transaction, _) = self.in_transaction()?;
        executor::refuse_if_read_only(transaction, plan)?;
        let currents = self.currents(plan)?;
        let (shared, transaction, settings) = self.in_transaction()?;
        let snapshot = transaction.take_snapshot(&mut shared.lock());
        let mut run = Execution::new(
            shared,
            transaction,
            settings,
            params,
            statement_start,
            snapshot,
        );
        run.currents = currents;
        let outcome = executor::execute(&mut run, plan).await;
        let notices = run.notices;
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                self.untold = notices;
                return Err(error);
            }
        };
        Ok(Answer {
            tag: tag(&plan.action, &outcome),
            rows: outcome.rows,
            notices,
            replanned: None,
        })
    }

    /// The statement that has run is done with its snapshot.
    pub(super) fn release_snapshot(&mut self) {
        if let Some(transaction) = &mut self.transaction {
            transaction.release_snapshot(&mut self.shared.lock());
        }
    }

    /// The next rows of a query that was bound, no more than so many.
    pub(super) async fn fetch_rows(
        &mut self,
        bound: &mut Bound,
        params: &[Value],
        wanted: usize,
    ) -> Result<Answer> {
        let statement_start = current_timestamp();
        self.note_read();
        let Some(query) = &mut bound.query else {
            return Ok(Answer::default());
        };
        let (shared, transaction, settings) = self.in_transaction()?;
        let snapshot = query.snapshot;
        let mut run = Execution::new(
            shared,
            transaction,
            settings,
            params,
            statement_start,
            snapshot,
        );
        let rows = executor::fetch(&mut run, &bound.plan, &mut query.fetching, wanted).await?;
        Ok(Answer {
            tag: Tag::Count("SELECT", rows.len() as u64),
            rows,
            notices: run.notices,
            replanned: None,
        })
    }

    /// Tells the observer that a standby is read.
    fn note_read(&self) {
        if self.settings.hot_standby {
            let (_, replayed) = self.shared.replication.progress();
            self.shared.observer.read(self.pid, replayed);
        }
    }

    /// Ends the implicit transaction around statements outside of a block.
    pub(super) async fn end_implicit(&mut self) -> Result<()> {
        if self.block == Block::None && self.transaction.is_some() {
            self.commit().await?;
        }
        Ok(())
    }

    /// Looks after the foreign keys that wait for the end.
    async fn check_deferred(&mut self) -> Result<()> {
        let Some(transaction) = &mut self.transaction else {
            return Ok(());
        };
        if transaction.deferred.is_empty() {
            return Ok(());
        }
        // A savepoint that made the transaction read-only does so no more.
        transaction.release_all();
        executor::check_deferred(&self.shared, transaction, &mut self.settings).await
    }

    /// What is left to do before a commit, and can wait.
    async fn before_commit(&mut self) -> Result<()> {
        self.check_deferred().await?;
        self.keep_held_cursors().await?;
        if let Some(transaction) = &mut self.transaction
            && transaction.looks_at_messages(&self.shared.lock())
        {
            transaction.begin_snapshot(&self.shared).await;
        }
        Ok(())
    }

    /// Does what is left to do before a commit; if that fails, all is undone.
    /// It can be interrupted, but statement_timeout has ended with the
    /// statement.
    async fn prepare_commit(&mut self) -> Result<()> {
        let (shared, pid) = (self.shared.clone(), self.pid);
        let done = interruptible(&shared, pid, Duration::ZERO, pin!(self.before_commit())).await;
        if let Err(error) = &done {
            if let Some(transaction) = self.transaction.take() {
                transaction.abort(&self.shared, Some(error.code()));
            }
            self.settings.end_transaction(false);
            self.portals.end_transaction(false);
            self.block = Block::None;
        }
        done
    }

    /// Commits whatever runs. Not to be interrupted once it is prepared. If it
    /// cannot be committed it is undone.
    pub(super) async fn commit(&mut self) -> Result<()> {
        self.prepare_commit().await?;
        rt::work(self.unpaid()).await;
        if let Some(transaction) = self.transaction.take() {
            let shared = self.shared.clone();
            let synchronous = self.settings.synchronous_commit;
            let committed = transaction.commit(&shared, synchronous).await;
            match committed {
                Ok(warning) => self.warning = warning,
                Err(error) => {
                    self.settings.end_transaction(false);
                    self.portals.end_transaction(false);
                    self.block = Block::None;
                    return Err(error);
                }
            }
        }
        self.settings.end_transaction(true);
        self.portals.end_transaction(true);
        self.block = Block::None;
        Ok(())
    }

    /// Undoes whatever runs.
    pub(super) fn roll_back(&mut self) {
        if let Some(transaction) = self.transaction.take() {
            transaction.abort(&self.shared, None);
        }
        self.settings.end_transaction(false);
        self.portals.end_transaction(false);
        self.block = Block::None;
    }

    /// The modes of the transaction that runs or has failed, or of the next.
    pub(super) fn modes(&self) -> Modes {
        let running = self.transaction.as_deref().map(Transaction::modes);
        running
            .or(self.chained)
            .unwrap_or_else(|| self.settings.default_modes())
    }

    /// The modes of the transaction that ROLLBACK AND CHAIN begins.
    pub(super) fn outer_modes(&self) -> Modes {
        let running = self.transaction.as_deref().map(Transaction::outer_modes);
        running
            .or(self.chained)
            .unwrap_or_else(|| self.settings.default_modes())
    }

    /// Changes the modes of the transaction, which begins if none runs.
    pub(super) fn set_modes(&mut self, modes: Modes) -> Result<()> {
        self.look_at_recovery();
        if self.settings.hot_standby {
            possible_on_standby(modes)?;
        }
        self.ensure_transaction()?.set_modes(modes)?;
        self.show_modes();
        Ok(())
    }

    /// Has SHOW tell the modes of the transaction.
    pub(super) fn show_modes(&mut self) {
        let modes = self.transaction.as_deref().map(Transaction::modes);
        self.settings.set_modes(modes);
    }

    /// DISCARD ALL, beyond settings.
    pub(super) fn forget_session_state(&mut self) {
        {
            let mut engine = self.shared.lock();
            engine.backends.unlisten(self.pid, None);
            engine.unlock_all(self.pid);
        }
        self.forget_sequences();
        self.statements.clear();
        self.portals.clear();
    }

    /// DISCARD SEQUENCES
    pub(super) fn forget_sequences(&self) {
        self.shared.sequences.lock().forget(self.pid);
    }
}

/// Refuses the modes that no transaction of a standby can have.
fn possible_on_standby(modes: Modes) -> Result<()> {
    let refused = |why| Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, why));
    if modes.isolation == Some(Isolation::Serializable) {
        return refused("cannot use serializable mode in a hot standby")
            .map_err(|error: Error| error.hint("You can use REPEATABLE READ instead."));
    }
    if modes.read_only == Some(false) {
        return refused("cannot set transaction read-write mode during recovery");
    }
    Ok(())
}

fn tag(action: &Action, outcome: &Outcome) -> Tag {
    let word = match action {
        Action::Select(_) => "SELECT",
        Action::Insert(_) => "INSERT 0",
        Action::Update(_) => "UPDATE",
        Action::Delete(_) => "DELETE",
    };
    Tag::Count(word, outcome.affected)
}

impl Drop for Session {
    fn drop(&mut self) {
        self.roll_back();
        self.shared.sequences.lock().forget(self.pid);
        self.shared.lock().disconnect(self.pid);
        self.shared.postmaster.session_ended.notify_waiters();
    }
}
