//! A session: its transaction, its settings, and how it runs a statement.
//!
//! The same code serves a connection and a set-up script. A statement that
//! fails ends its transaction's effects at once; a transaction block then
//! refuses everything until its end. Dropping a session, wherever it stands,
//! rolls back and gives back every lock.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use sqlparser::ast::Statement;

use super::catalog::State;
use super::cost::{Cost, ENDLESS};
use super::engine::Shared;
use super::error::{Error, Result, SqlState};
use super::executor::{self, Execution, Outcome, lock_relation, try_lock_relations};
use super::interrupted::interruptible;
use super::locks::{LockMode, LockTag, Pid};
use super::options::{Bug, SynchronousCommit};
use super::settings::Settings;
use super::sql::{
    Action, Analyser, Command, Keyword, OutputColumn, Plan, Source, current_timestamp,
};
use super::storage::Xid;
use super::storage::clog::Snapshot;
use super::storage::table::TableId;
use super::transaction::{Isolation, Modes, Transaction};
use super::types::{Row, Type, Value};
use super::utility::{self, Portals, Statements};
use crate::rt;

/// Where a session stands, as ReadyForQuery tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    /// Outside of a transaction block.
    None,
    Open,
    /// After an error: only its end is accepted.
    Failed,
}

/// An error of the analysis, and the tables that it had come to before.
struct Refused {
    error: Error,
    tables: Vec<(TableId, LockMode)>,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Refused {
        let tables = Vec::new();
        Refused { error, tables }
    }
}

/// A statement that is ready to run.
#[derive(Debug)]
pub(super) struct Prepared {
    /// None for an empty text.
    pub(super) source: Option<Source>,
    pub(super) plan: Option<Arc<Plan>>,
    /// The columns of a statement that is not planned.
    pub(super) columns: Vec<OutputColumn>,
    /// True if somebody has been told the types of the result: a new plan
    /// must keep to them.
    pub(super) described: bool,
    /// The text that was prepared, for others to see while it runs.
    pub(super) text: Option<Arc<str>>,
}

impl Prepared {
    pub(super) fn params(&self) -> &[Type] {
        self.plan.as_ref().map_or(&[], |plan| &plan.params)
    }

    /// The columns of the result; none if it gives no rows.
    pub(super) fn output(&self) -> &[OutputColumn] {
        match &self.plan {
            Some(plan) => &plan.output,
            None => &self.columns,
        }
    }

    pub(super) fn gives_rows(&self) -> bool {
        match &self.plan {
            Some(plan) => plan.gives_rows(),
            None => !self.columns.is_empty(),
        }
    }

    pub(super) fn keyword(&self) -> Keyword {
        self.source.as_ref().map_or(Keyword::Other, Source::keyword)
    }
}

impl Plan {
    fn gives_rows(&self) -> bool {
        match &self.action {
            Action::Select(_) => true,
            Action::Insert(insert) => insert.returning.is_some(),
            Action::Update(update) => update.returning.is_some(),
            Action::Delete(delete) => delete.returning.is_some(),
        }
    }
}

/// A plan that is to be run later: its tables are locked.
#[derive(Debug)]
pub(super) struct Bound {
    plan: Arc<Plan>,
    /// What a query will see; other statements look when they run.
    snapshot: Option<Snapshot>,
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

pub(super) struct Session {
    pub(super) shared: Arc<Shared>,
    pub(super) pid: Pid,
    pub(super) settings: Settings,
    /// What the work of statements takes; nothing while a server is set up.
    pub(super) cost: Cost,
    pub(super) transaction: Option<Transaction>,
    pub(super) block: Block,
    /// True while several statements of one message share a transaction.
    pub(super) several: bool,
    pub(super) statements: Statements,
    pub(super) portals: Portals,
    /// What the client is to be told beside an answer.
    pub(super) warning: Option<Error>,
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
            several: false,
            statements: Statements::default(),
            portals: Portals::default(),
            warning: None,
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

    /// As [`Session::prepare`], but no fault is found with a table that another
    /// transaction is changing: each is locked before the next is looked at.
    pub(super) async fn prepare_in_turn(
        &mut self,
        source: Option<Source>,
        sql: Option<&str>,
        types: &[Type],
    ) -> Result<Prepared> {
        if let Some(source) = &source {
            self.refuse_if_failed(source.keyword())?;
        }
        loop {
            let refused = match self.analyse(source.clone(), sql, types) {
                Ok(prepared) => return Ok(prepared),
                Err(refused) => refused,
            };
            if !self.await_tables(&refused.tables).await? {
                return Err(refused.error);
            }
        }
    }

    /// As [`Session::prepare_in_turn`], for what is kept to be run later: its
    /// tables, and those of a query inside of it, are locked from its analysis
    /// until the transaction ends.
    pub(super) async fn prepare_and_lock(
        &mut self,
        source: Option<Source>,
        sql: &str,
        types: &[Type],
    ) -> Result<Prepared> {
        let mut prepared = self.prepare_in_turn(source, Some(sql), types).await?;
        let Some(source) = prepared.source.clone() else {
            return Ok(prepared);
        };
        if let Some(plan) = prepared.plan.take() {
            prepared.plan = Some(self.lock_analysed(&plan, &source).await?);
        } else if let Some(query) = utility::query_within(source.command())? {
            let query = self.prepare_in_turn(Some(query), None, &[]).await?;
            if let (Some(plan), Some(source)) = (query.plan, query.source) {
                self.lock_analysed(&plan, &source).await?;
            }
        }
        Ok(prepared)
    }

    /// What the analysis of a statement leaves behind.
    async fn lock_analysed(&mut self, plan: &Arc<Plan>, source: &Source) -> Result<Arc<Plan>> {
        let (shared, pid) = (self.shared.clone(), self.pid);
        let timeout = self.time_left();
        let locking = pin!(self.begin_plan(plan, source, false));
        interruptible(&shared, pid, timeout, locking).await
    }

    /// Takes the snapshot, if it is to be kept, and the locks of a plan's
    /// tables, in a transaction that begins if none runs.
    pub(super) async fn begin_plan(
        &mut self,
        plan: &Arc<Plan>,
        source: &Source,
        described: bool,
    ) -> Result<Arc<Plan>> {
        let transaction = self.ensure_transaction()?;
        let isolation = transaction.isolation;
        if self.settings.hot_standby {
            possible_on_hot_standby(isolation)?;
        }
        let (shared, transaction, _) = self.in_transaction()?;
        transaction.begin_snapshot(shared).await;
        self.lock_plan(plan, source, described).await
    }

    /// Takes the snapshot, if it is to be kept, and locks tables one after the
    /// other: true if one was not to be had at once.
    async fn await_tables(&mut self, tables: &[(TableId, LockMode)]) -> Result<bool> {
        self.ensure_transaction()?;
        let (shared, pid) = (self.shared.clone(), self.pid);
        let timeout = self.time_left();
        let (_, transaction, settings) = self.in_transaction()?;
        let lock = async {
            let mut waited = false;
            transaction.begin_snapshot(&shared).await;
            for (table, mode) in tables {
                let tag = LockTag::Relation(*table);
                let name = shared.lock().relation_name(*table)?;
                waited |=
                    !transaction.holds(tag, *mode) && !shared.lock().locks.is_free(tag, *mode, pid);
                lock_relation(&shared, transaction, settings, tag, *mode, &name).await?;
            }
            Ok(waited)
        };
        interruptible(&shared, pid, timeout, pin!(lock)).await
    }

    /// Analyses one statement; `sql` is its text, if it is the only one.
    pub(super) fn prepare(
        &self,
        source: Option<Source>,
        sql: Option<&str>,
        types: &[Type],
    ) -> Result<Prepared> {
        let analysed = self.analyse(source, sql, types);
        analysed.map_err(|refused| refused.error)
    }

    fn analyse(
        &self,
        source: Option<Source>,
        sql: Option<&str>,
        types: &[Type],
    ) -> std::result::Result<Prepared, Refused> {
        let Some(source) = source else {
            return Ok(Prepared {
                source: None,
                plan: None,
                columns: Vec::new(),
                described: false,
                text: None,
            });
        };
        if let Command::Refused(refused) = source.command() {
            return Err(refused.error().into());
        }
        let sql = sql.filter(|_| types.is_empty());
        let mut engine = self.shared.lock();
        if let Some(plan) = sql.and_then(|sql| engine.cached_plan(sql)) {
            return Ok(Prepared {
                source: Some(source),
                plan: Some(plan),
                columns: Vec::new(),
                described: false,
                text: None,
            });
        }
        let mut analyser = Analyser::new(&engine.catalog, &engine.clog, self.top(), types);
        let plan = analyser.plan(source.command());
        let plan = match plan {
            Ok(plan) => plan.map(Arc::new),
            Err(error) => {
                let tables = analyser.into_tables();
                return Err(Refused { error, tables });
            }
        };
        if let (Some(sql), Some(plan)) = (sql, &plan) {
            engine.cache_plan(sql, plan);
        }
        let columns = match &plan {
            Some(_) => Vec::new(),
            None => {
                drop(engine);
                utility::columns(self, source.command())?
            }
        };
        Ok(Prepared {
            source: Some(source),
            plan,
            columns,
            described: false,
            text: None,
        })
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

    /// Tells others that the session waits for its client.
    pub(super) fn end_activity(&self) {
        let state = match (self.block, &self.transaction) {
            (Block::Failed, _) => State::Aborted,
            (Block::Open, _) | (_, Some(_)) => State::InTransaction,
            (Block::None, None) => State::Idle,
        };
        if let Some(activity) = self.shared.lock().backends.activity(self.pid) {
            activity.rest(state, current_timestamp());
        }
    }

    /// True where a transaction goes on after a statement: in a block, or
    /// between statements of one message.
    pub(super) fn goes_on(&self) -> bool {
        self.block != Block::None || self.several
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
            let mut transaction = Transaction::new(self.pid, start);
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

    /// Plans a statement and locks its tables; a query sees what has been
    /// committed by now, whenever it is run.
    pub(super) async fn bind(&mut self, prepared: &Prepared) -> Result<Option<Bound>> {
        let (Some(source), Some(plan)) = (&prepared.source, &prepared.plan) else {
            return Ok(None);
        };
        let (shared, pid) = (self.shared.clone(), self.pid);
        let timeout = self.time_left();
        let bound = pin!(async {
            rt::work(Duration::from_nanos(self.cost.statement_ns)).await;
            let plan = self.begin_plan(plan, source, prepared.described).await?;
            let (shared, transaction, _) = self.in_transaction()?;
            let snapshot = plan
                .is_query()
                .then(|| transaction.take_portal_snapshot(&mut shared.lock()));
            Ok(Some(Bound { plan, snapshot }))
        });
        interruptible(&shared, pid, timeout, bound).await
    }

    /// Runs a statement. On an error its transaction has been undone.
    pub(super) async fn run(&mut self, prepared: &Prepared, params: &[Value]) -> Result<Answer> {
        self.run_bound(prepared, None, params).await
    }

    /// Runs a statement that may have been bound.
    pub(super) async fn run_bound(
        &mut self,
        prepared: &Prepared,
        bound: Option<&Bound>,
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
        bound: Option<&Bound>,
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
        bound: Option<&Bound>,
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
            (Some(Bound { plan, snapshot }), _) => {
                self.run_plan_at(plan, source, params, described, *snapshot)
                    .await
            }
            (None, Some(plan)) => self.run_plan(plan, source, params, described).await,
            (None, None) => self.run_utility(source.command()).await,
        };
        let spent = |running: &Transaction| running.touched.effort.is_spent();
        if result.is_err() && self.transaction.as_ref().is_some_and(spent) {
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

    async fn run_utility(&mut self, command: &Command) -> Result<Answer> {
        let statement = match command {
            Command::Sql(statement) => statement,
            Command::Maintenance(command) => {
                let name = if command.vacuum { "VACUUM" } else { "ANALYZE" };
                self.prevent_in_recovery(name)?;
                return self.maintain(command).await;
            }
            Command::Reindex(command) => {
                self.prevent_in_recovery("REINDEX")?;
                return self.reindex(command).await;
            }
            Command::SetConstraints(command) => return self.set_constraints(command).await,
            Command::DropConcurrently(statement) => {
                self.prevent_in_block("DROP INDEX CONCURRENTLY")?;
                statement
            }
            Command::Refused(refused) => return Err(refused.error()),
        };
        if matches!(&**statement, Statement::CreateIndex(create) if create.concurrently) {
            self.prevent_in_block("CREATE INDEX CONCURRENTLY")?;
        }
        if let Some(answer) = utility::run(self, statement)? {
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
        let in_use = self.portals.tables();
        let (shared, transaction, settings) = self.in_transaction()?;
        let defined = executor::define(shared, transaction, settings, &in_use, statement).await?;
        let defined = defined.ok_or_else(|| utility::unsupported(statement))?;
        Ok(Answer {
            notices: defined.notices,
            ..Answer::word(defined.tag)
        })
    }

    pub(super) async fn run_plan(
        &mut self,
        plan: &Arc<Plan>,
        source: &Source,
        params: &[Value],
        described: bool,
    ) -> Result<Answer> {
        self.run_plan_at(plan, source, params, described, None)
            .await
    }

    /// Runs a plan, with what its portal was bound to see.
    async fn run_plan_at(
        &mut self,
        plan: &Arc<Plan>,
        source: &Source,
        params: &[Value],
        described: bool,
        bound: Option<Snapshot>,
    ) -> Result<Answer> {
        let statement_start = current_timestamp();
        let planned = plan;
        let plan = self.begin_plan(plan, source, described).await?;
        if self.settings.hot_standby {
            let (_, replayed) = self.shared.replication.progress();
            self.shared.observer.read(self.pid, replayed);
        }
        let (shared, transaction, settings) = self.in_transaction()?;
        let snapshot = match bound {
            Some(snapshot) => transaction.resume_snapshot(&mut shared.lock(), snapshot),
            None => transaction.take_snapshot(&mut shared.lock()),
        };
        let mut run = Execution::new(
            shared,
            transaction,
            settings,
            params,
            statement_start,
            snapshot,
        );
        let outcome = executor::execute(&mut run, &plan).await?;
        let notices = run.notices;
        transaction.release_snapshot(&mut shared.lock());
        let tag = tag(&plan.action, &outcome);
        Ok(Answer {
            rows: outcome.rows,
            tag,
            notices,
            replanned: (!Arc::ptr_eq(planned, &plan)).then_some(plan),
        })
    }

    /// Locks what a plan needs, and plans again if the catalog has changed.
    async fn lock_plan(
        &mut self,
        plan: &Arc<Plan>,
        source: &Source,
        described: bool,
    ) -> Result<Arc<Plan>> {
        let mut plan = plan.clone();
        loop {
            let (shared, transaction, settings) = self.in_transaction()?;
            let names: Vec<(LockTag, _, Arc<str>)> = {
                let mut engine = shared.lock();
                if plan.catalog_version != engine.catalog.version() {
                    let top = transaction.xid;
                    let (catalog, clog) = (&engine.catalog, &engine.clog);
                    let mut analyser = Analyser::new(catalog, clog, top, &plan.params);
                    let again = analyser.plan(source.command())?;
                    plan = Arc::new(checked(again, &plan, described)?);
                }
                if try_lock_relations(&mut engine, transaction, &plan) {
                    return Ok(plan);
                }
                let name = |id| engine.relation_name(id);
                let locks = plan.tables.iter();
                locks
                    .map(|(id, mode)| Ok((LockTag::Relation(*id), *mode, name(*id)?)))
                    .collect::<Result<_>>()?
            };
            for (tag, mode, name) in names {
                lock_relation(shared, transaction, settings, tag, mode, &name).await?;
            }
        }
    }

    /// Ends the implicit transaction around statements outside of a block.
    pub(super) async fn end_implicit(&mut self) -> Result<()> {
        if self.block == Block::None && self.transaction.is_some() {
            self.commit().await?;
        }
        Ok(())
    }

    /// Looks after the foreign keys that wait for the end; what they refuse is
    /// undone.
    async fn check_deferred(&mut self) -> Result<()> {
        let Some(transaction) = &mut self.transaction else {
            return Ok(());
        };
        if transaction.deferred.is_empty() {
            return Ok(());
        }
        let (shared, settings) = (&self.shared, &mut self.settings);
        let checked = executor::check_deferred(shared, transaction, settings).await;
        if let Err(error) = checked {
            if let Some(transaction) = self.transaction.take() {
                transaction.abort(&self.shared, Some(error.code()));
            }
            self.settings.end_transaction(false);
            self.block = Block::None;
            return Err(error);
        }
        Ok(())
    }

    /// Commits whatever runs. Not to be interrupted. If it cannot be committed
    /// it is undone.
    pub(super) async fn commit(&mut self) -> Result<()> {
        self.check_deferred().await?;
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

    /// The modes of the transaction that runs, or of the next.
    pub(super) fn modes(&self) -> Modes {
        let running = self.transaction.as_ref().map(Transaction::modes);
        running.unwrap_or_else(|| self.settings.default_modes())
    }

    /// Changes the modes of the transaction, which begins if none runs.
    pub(super) fn set_modes(&mut self, modes: Modes) -> Result<()> {
        self.look_at_recovery();
        if self.settings.hot_standby {
            possible_on_standby(modes)?;
        }
        let transaction = self.ensure_transaction()?;
        transaction.set_modes(modes)?;
        let modes = transaction.modes();
        self.settings.set_modes(Some(modes));
        Ok(())
    }

    /// DISCARD ALL, beyond settings.
    pub(super) fn forget_session_state(&mut self) {
        let mut engine = self.shared.lock();
        engine.backends.unlisten(self.pid, None);
        engine.unlock_all(self.pid);
        self.statements.clear();
        self.portals.clear();
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

/// Refuses the query of a standby's transaction that it cannot have.
fn possible_on_hot_standby(isolation: Isolation) -> Result<()> {
    if isolation == Isolation::Serializable {
        return Err(Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            "cannot use serializable mode in a hot standby",
        )
        .detail("\"default_transaction_isolation\" is set to \"serializable\".")
        .hint(
            "You can use \"SET default_transaction_isolation = 'repeatable read'\" to change \
             the default.",
        ));
    }
    Ok(())
}

fn checked(again: Option<Plan>, before: &Plan, described: bool) -> Result<Plan> {
    let plan = again.ok_or_else(|| Error::unsupported("replanning this statement"))?;
    let types = |plan: &Plan| plan.output.iter().map(|c| c.ty).collect::<Vec<_>>();
    if described && types(&plan) != types(before) {
        return Err(Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            "cached plan must not change result type",
        ));
    }
    Ok(plan)
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
        self.shared.sequences.lock().disconnect(self.pid);
        self.shared.lock().disconnect(self.pid);
        self.shared.postmaster.session_ended.notify_waiters();
    }
}
