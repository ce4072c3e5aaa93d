//! What expressions see of a running statement: its session, its parameters,
//! and, through subqueries, the tables.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::Execution;
use super::query::evaluate;
use crate::postgres::catalog::{Measured, Shown, Sight, SystemTable};
use crate::postgres::catalog::{database_size, show, show_view, size};
use crate::postgres::engine::Engine;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::locks::{LockMode, LockTag};
use crate::postgres::sql::{
    Context, Database, Expr, Registry, SessionView, SubPlan, eval_all, eval_row, relation_name,
};
use crate::postgres::storage::sequence::{SequenceDef, SequenceId};
use crate::postgres::types::{Row, Value};

/// The eyes of a statement, while the engine is locked.
pub(super) struct Reader<'r, 'a> {
    pub(super) run: &'r Execution<'a>,
    pub(super) engine: &'r Engine,
    session: SessionView<'r>,
    /// The rows of the catalog's tables that were looked at: they stay the
    /// same for as long as the engine is locked.
    catalog: RefCell<BTreeMap<u32, Arc<Vec<Row>>>>,
}

impl<'r, 'a> Reader<'r, 'a> {
    pub(super) fn new(run: &'r Execution<'a>, engine: &'r Engine) -> Reader<'r, 'a> {
        let session = SessionView {
            pid: run.transaction.pid,
            xid: run.transaction.xid,
            transaction_start: run.transaction.start,
            statement_start: run.statement_start,
            settings: run.settings,
            sequences: &run.shared.sequences,
            read_only: run.transaction.read_only,
            effort: &run.transaction.touched.effort,
            server: run.shared,
            calls: &run.calls,
        };
        Reader {
            run,
            engine,
            session,
            catalog: RefCell::default(),
        }
    }

    /// The rows of a table of the catalog.
    pub(super) fn catalog(&self, table: &SystemTable) -> Arc<Vec<Row>> {
        if let Some(rows) = self.catalog.borrow().get(&table.oid) {
            return rows.clone();
        }
        let sight = Sight {
            shared: self.run.shared,
            engine: self.engine,
            settings: self.run.settings,
            top: self.run.transaction.xid,
        };
        let rows = Arc::new((table.rows)(&sight));
        self.catalog.borrow_mut().insert(table.oid, rows.clone());
        rows
    }

    pub(super) fn context(&self) -> Context<'_> {
        Context {
            params: self.run.params,
            session: Some(&self.session),
            database: Some(self),
            rows_wanted: usize::MAX,
            case_test: None,
        }
    }

    pub(super) fn project(&self, exprs: &[Expr], rows: &[Row]) -> Result<Vec<Value>> {
        eval_all(exprs, rows, &self.context())
    }

    /// As [`Reader::project`], as a row.
    pub(super) fn row(&self, exprs: &[Expr], rows: &[Row]) -> Result<Row> {
        eval_row(exprs, rows, &self.context())
    }
}

/// The first `base` rows of a frame, with empty ones for what is not there.
pub(super) fn outer_frame(rows: &[Row], base: usize) -> Vec<Row> {
    let mut outer: Vec<Row> = rows.iter().take(base).cloned().collect();
    if outer.len() < base {
        outer.resize(base, Row::default());
    }
    outer
}

impl Database for Reader<'_, '_> {
    fn subquery(&self, plan: &SubPlan, rows: &[Row], at_most: usize) -> Result<Arc<Vec<Row>>> {
        if !plan.correlated
            && let Some(found) = self.run.cached.borrow().get(&plan.id)
        {
            return Ok(found.clone());
        }
        let outer = outer_frame(rows, plan.base);
        let found = Arc::new(evaluate(self, &plan.query, &outer, at_most)?);
        if !plan.correlated {
            let mut cached = self.run.cached.borrow_mut();
            cached.insert(plan.id, found.clone());
        }
        Ok(found)
    }

    fn may_use(&self, sequence: SequenceId) -> bool {
        let (tag, pid) = (LockTag::sequence(sequence), self.run.transaction.pid);
        self.engine.locks.is_free(tag, LockMode::RowExclusive, pid)
            || self.run.shared.sequences.lock().is_used(sequence, pid)
    }

    fn owned_sequence(&self, table: &str, column: &str) -> Result<Option<String>> {
        let top = self.run.transaction.xid;
        let table = &*relation_name(table);
        let found = self.engine.catalog.find(table, &self.engine.clog, top);
        let found = found.ok_or_else(|| {
            Error::new(
                SqlState::UNDEFINED_TABLE,
                format!("relation \"{table}\" does not exist"),
            )
        })?;
        let Some(index) = found.def.column(column) else {
            return Err(Error::new(
                SqlState::UNDEFINED_COLUMN,
                format!("column \"{column}\" of relation \"{table}\" does not exist"),
            ));
        };
        let owned = self.engine.catalog.owned_sequences(found.def.id);
        let of_column = |def: &&Arc<SequenceDef>| def.is_of(&found.def.columns[index]);
        Ok(owned.iter().find(of_column).map(|def| def.name.to_string()))
    }

    fn definition(&self, what: Shown<'_>, pretty: bool) -> Option<String> {
        show(self.engine, self.run.transaction.xid, what, pretty)
    }

    fn view(&self, id: u32, pretty: bool) -> Result<Option<String>> {
        show_view(self.engine, self.run.transaction.xid, id, pretty)
    }

    fn size(&self, relation: u32, what: Measured) -> Option<usize> {
        size(self.engine, self.run.transaction.xid, relation, what)
    }

    fn database_size(&self) -> usize {
        database_size(self.engine, self.run.transaction.xid)
    }

    fn registry(&self) -> Registry<'_> {
        Registry {
            catalog: &self.engine.catalog,
            clog: &self.engine.clog,
            top: self.run.transaction.xid,
        }
    }
}
