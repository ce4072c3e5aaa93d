//! From a statement's text to a plan whose tables are locked.
//!
//! As in PostgreSQL, each of Parse, Bind and Execute takes the locks of the
//! tables, and the snapshot if it is to be kept; a plan that the catalog has
//! outrun is made anew.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use super::Session;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::executor::{Fetching, lock_relation, refuse_if_read_only, try_lock_relations};
use crate::postgres::interrupted::interruptible;
use crate::postgres::locks::{LockMode, LockTag};
use crate::postgres::sql::{Action, Analyser, Command, Keyword, OutputColumn, Plan, Source};
use crate::postgres::storage::clog::Snapshot;
use crate::postgres::storage::table::TableId;
use crate::postgres::transaction::Isolation;
use crate::postgres::types::{Reading, Type};
use crate::postgres::utility;
use crate::rt;

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
pub(in crate::postgres) struct Prepared {
    /// None for an empty text.
    pub(in crate::postgres) source: Option<Source>,
    pub(in crate::postgres) plan: Option<Arc<Plan>>,
    /// The columns of a statement that is not planned.
    pub(in crate::postgres) columns: Vec<OutputColumn>,
    /// True if somebody has been told the types of the result: a new plan
    /// must keep to them.
    pub(in crate::postgres) described: bool,
    /// The text that was prepared, for others to see while it runs.
    pub(in crate::postgres) text: Option<Arc<str>>,
}

impl Prepared {
    fn new(
        source: Option<Source>,
        plan: Option<Arc<Plan>>,
        columns: Vec<OutputColumn>,
    ) -> Prepared {
        Prepared {
            source,
            plan,
            columns,
            described: false,
            text: None,
        }
    }

    pub(in crate::postgres) fn params(&self) -> &[Type] {
        self.plan.as_ref().map_or(&[], |plan| &plan.params)
    }

    /// The columns of the result; none if it gives no rows.
    pub(in crate::postgres) fn output(&self) -> &[OutputColumn] {
        match &self.plan {
            Some(plan) => &plan.output,
            None => &self.columns,
        }
    }

    pub(in crate::postgres) fn gives_rows(&self) -> bool {
        match &self.plan {
            Some(plan) => plan.gives_rows(),
            None => !self.columns.is_empty(),
        }
    }

    pub(in crate::postgres) fn keyword(&self) -> Keyword {
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
pub(in crate::postgres) struct Bound {
    pub(in crate::postgres) plan: Arc<Plan>,
    /// A query, which is run as its rows are fetched; other statements look
    /// when they run.
    pub(in crate::postgres) query: Option<Box<BoundQuery>>,
}

/// What a query will see, and how far it has come.
#[derive(Debug)]
pub(in crate::postgres) struct BoundQuery {
    pub(in crate::postgres) snapshot: Snapshot,
    pub(in crate::postgres) fetching: Fetching,
}

impl Session {
    /// As [`Session::prepare`], but no fault is found with a table that another
    /// transaction is changing: each is locked before the next is looked at.
    pub(in crate::postgres) async fn prepare_in_turn(
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
    pub(in crate::postgres) async fn prepare_and_lock(
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
    pub(in crate::postgres) async fn begin_plan(
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
    pub(in crate::postgres) fn prepare(
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
            return Ok(Prepared::new(None, None, Vec::new()));
        };
        if let Command::Refused(refused) = source.command() {
            return Err(refused.error().into());
        }
        let sql = sql.filter(|_| types.is_empty());
        let mut engine = self.shared.lock();
        if let Some(plan) = sql.and_then(|sql| engine.cached_plan(sql)) {
            return Ok(Prepared::new(Some(source), Some(plan), Vec::new()));
        }
        let start = self.transaction.as_ref().map(|running| running.start);
        let reading = Reading::new(self.settings.style, start);
        let mut analyser = Analyser::new(&engine.catalog, &engine.clog, self.top(), reading, types);
        let plan = analyser.plan(source.command());
        let plan = match plan {
            Ok(plan) => plan.map(Arc::new),
            Err(error) => {
                let tables = analyser.into_tables();
                return Err(Refused { error, tables });
            }
        };
        if let (Some(sql), Some(plan), false) = (sql, &plan, analyser.read_as_session()) {
            engine.cache_plan(sql, plan);
        }
        let columns = match &plan {
            Some(_) => Vec::new(),
            None => {
                drop(engine);
                utility::columns(self, source.command())?
            }
        };
        Ok(Prepared::new(Some(source), plan, columns))
    }

    /// Plans a statement and locks its tables; a query sees what has been
    /// committed by now, whenever it is run.
    pub(in crate::postgres) async fn bind(&mut self, prepared: &Prepared) -> Result<Option<Bound>> {
        let (Some(source), Some(plan)) = (&prepared.source, &prepared.plan) else {
            return Ok(None);
        };
        let (shared, pid) = (self.shared.clone(), self.pid);
        let timeout = self.time_left();
        let bound = pin!(async {
            rt::work(Duration::from_nanos(self.cost.statement_ns)).await;
            let plan = self.begin_plan(plan, source, prepared.described).await?;
            self.bind_plan(plan).map(Some)
        });
        interruptible(&shared, pid, timeout, bound).await
    }

    /// Binds a plan whose tables are locked.
    pub(in crate::postgres) fn bind_plan(&mut self, plan: Arc<Plan>) -> Result<Bound> {
        plan.refuse_if_unplanned()?;
        let (shared, transaction, _) = self.in_transaction()?;
        if !plan.is_query() {
            return Ok(Bound { plan, query: None });
        }
        refuse_if_read_only(transaction, &plan)?;
        let query = BoundQuery {
            snapshot: transaction.take_portal_snapshot(&mut shared.lock()),
            fetching: Fetching::default(),
        };
        // Most portals are moved around more than they are run.
        let query = Some(Box::new(query));
        Ok(Bound { plan, query })
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
                    let reading = Reading::new(settings.style, Some(transaction.start));
                    let (catalog, clog) = (&engine.catalog, &engine.clog);
                    let mut analyser = Analyser::new(catalog, clog, top, reading, &plan.params);
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
