//! VACUUM and ANALYZE.
//!
//! Versions that nobody sees go with the transactions that leave them behind,
//! and there are no statistics but how many rows there were, so what is left of
//! both statements is their conversation: options, locks, and transactions of
//! their own. Tables are looked up first, which waits for whoever excludes readers; then each is
//! locked, and left out if it is gone by then.

use sqlparser::ast::Ident;

use crate::postgres::catalog::{Counted, count_rows, system_table};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::executor::lock_relation;
use crate::postgres::locks::{LockMode, LockTag};
use crate::postgres::session::{Answer, Session};
use crate::postgres::sql::{Maintenance, MaintenanceOption, fold, located, object_name};
use crate::postgres::storage::table::TableId;

/// What the options of one statement come to.
#[derive(Debug, Default)]
struct Params {
    vacuum: bool,
    analyze: bool,
    full: bool,
    skip_locked: bool,
    disable_page_skipping: bool,
    /// None if PARALLEL is not said.
    workers: Option<i64>,
}

/// A table to be looked after.
struct Found<'a> {
    id: TableId,
    name: String,
    columns: &'a [Ident],
    /// True if the statement names it: what becomes of it is reported.
    named: bool,
}

const PARALLEL_WORKERS_MAX: i64 = 1_024;

impl Params {
    fn of(command: &Maintenance) -> Result<Params> {
        let mut params = Params {
            vacuum: command.vacuum,
            analyze: !command.vacuum,
            ..Params::default()
        };
        for option in &command.options {
            params.take(option)?;
        }
        params.check(command)?;
        Ok(params)
    }

    fn take(&mut self, option: &MaintenanceOption) -> Result<()> {
        let name = fold(&option.name);
        match (self.vacuum, name.as_str()) {
            (_, "verbose") => {
                flag(option, &name)?;
            }
            (_, "skip_locked") => self.skip_locked = flag(option, &name)?,
            (true, "full") => self.full = flag(option, &name)?,
            (true, "analyze" | "analyse") => self.analyze = flag(option, &name)?,
            (true, "disable_page_skipping") => self.disable_page_skipping = flag(option, &name)?,
            (true, "freeze" | "process_toast" | "truncate") => {
                flag(option, &name)?;
            }
            (true, "index_cleanup") => {
                let auto = option.value.as_ref();
                if !auto.is_some_and(|value| value.eq_ignore_ascii_case("auto")) {
                    flag(option, &name)?;
                }
            }
            (true, "parallel") => self.workers = Some(workers(option)?),
            (vacuum, _) => {
                let statement = if vacuum { "VACUUM" } else { "ANALYZE" };
                let error = Error::new(
                    SqlState::SYNTAX_ERROR,
                    format!("unrecognized {statement} option \"{name}\""),
                );
                return Err(located(error, Some(&option.name)));
            }
        }
        Ok(())
    }

    fn check(&self, command: &Maintenance) -> Result<()> {
        let refused = |message| Err(Error::new(SqlState::FEATURE_NOT_SUPPORTED, message));
        if self.full && self.workers.is_some_and(|workers| workers > 0) {
            return refused("VACUUM FULL cannot be performed in parallel");
        }
        let columns = command
            .targets
            .iter()
            .any(|target| !target.columns.is_empty());
        if columns && !self.analyze {
            return refused("ANALYZE option must be specified when a column list is provided");
        }
        if self.full && self.disable_page_skipping {
            return refused("VACUUM option DISABLE_PAGE_SKIPPING cannot be used with FULL");
        }
        Ok(())
    }

    fn word(&self) -> &'static str {
        if self.vacuum { "vacuum" } else { "analyze" }
    }
}

fn flag(option: &MaintenanceOption, name: &str) -> Result<bool> {
    let value = option.value.as_deref().unwrap_or("true");
    match value.to_ascii_lowercase().as_str() {
        "true" | "on" | "1" => Ok(true),
        "false" | "off" | "0" => Ok(false),
        _ => Err(Error::new(
            SqlState::SYNTAX_ERROR,
            format!("{name} requires a Boolean value"),
        )),
    }
}

fn workers(option: &MaintenanceOption) -> Result<i64> {
    let complain = |message: String| {
        let error = Error::new(SqlState::SYNTAX_ERROR, message);
        located(error, Some(&option.name))
    };
    let Some(value) = &option.value else {
        return Err(complain(format!(
            "parallel option requires a value between 0 and {PARALLEL_WORKERS_MAX}"
        )));
    };
    let workers = value.parse().map_err(|_| {
        Error::new(
            SqlState::SYNTAX_ERROR,
            format!("{} requires an integer value", fold(&option.name)),
        )
    })?;
    if (0..=PARALLEL_WORKERS_MAX).contains(&workers) {
        Ok(workers)
    } else {
        Err(complain(format!(
            "parallel workers for vacuum must be between 0 and {PARALLEL_WORKERS_MAX}"
        )))
    }
}

impl Session {
    /// Runs a VACUUM or an ANALYZE.
    pub(in crate::postgres) async fn maintain(&mut self, command: &Maintenance) -> Result<Answer> {
        let params = Params::of(command)?;
        let tag = if params.vacuum { "VACUUM" } else { "ANALYZE" };
        if params.vacuum {
            self.prevent_in_block(tag)?;
        }
        let mut answer = Answer::word(tag);
        let alone = !self.goes_on() && self.transaction.is_none();
        let found = self.look_up(command, &params, &mut answer).await?;
        let own_transactions = alone && (params.vacuum || found.len() != 1);
        for table in &found {
            if own_transactions {
                self.commit().await?;
            }
            if params.vacuum && self.open(table, &params, "vacuum", &mut answer).await? {
                self.clean(table.id)?;
                // What is left behind in an index is gone by now.
                self.count(
                    table,
                    match params.full {
                        true => Counted::All,
                        false => Counted::Table,
                    },
                )?;
            }
            if params.vacuum && params.analyze {
                self.commit().await?;
            }
            if params.analyze && self.open(table, &params, "analyze", &mut answer).await? {
                self.check_columns(table)?;
                self.count(table, Counted::All)?;
            }
        }
        Ok(answer)
    }

    /// The tables that a statement is about.
    async fn look_up<'a>(
        &mut self,
        command: &'a Maintenance,
        params: &Params,
        answer: &mut Answer,
    ) -> Result<Vec<Found<'a>>> {
        self.ensure_transaction()?;
        if command.targets.is_empty() {
            return Ok(self.every_table());
        }
        let mut found = Vec::new();
        for target in &command.targets {
            let name = object_name(&target.table)?;
            let seen = |session: &Session| {
                let (engine, top) = (session.shared.lock(), session.top());
                let table = engine.catalog.find(&name, &engine.clog, top);
                let table = table.map(|table| table.def.id);
                (table, engine.catalog.has_relation(&name, &engine.clog, top))
            };
            let (mut table, mut exists) = seen(self);
            if let Some(id) = table {
                let (tag, mode) = (LockTag::Relation(id), LockMode::AccessShare);
                let held = self.in_transaction()?.1.holds(tag, mode);
                if !self.take(tag, mode, params, &name).await? {
                    answer.notices.push(unavailable(params.word(), &name));
                    continue;
                }
                (table, exists) = seen(self);
                if !held {
                    let (shared, transaction, _) = self.in_transaction()?;
                    transaction.release_lock(&mut shared.lock(), tag, mode);
                }
            }
            match table {
                Some(id) => found.push(Found {
                    id,
                    name,
                    columns: &target.columns,
                    named: true,
                }),
                None if exists => answer.notices.push(Error::new(
                    SqlState::WARNING,
                    format!(
                        "skipping \"{name}\" --- cannot {} non-tables or special system tables",
                        params.word()
                    ),
                )),
                None if system_table(&name).is_some() => {}
                None => {
                    return Err(Error::new(
                        SqlState::UNDEFINED_TABLE,
                        format!("relation \"{name}\" does not exist"),
                    ));
                }
            }
        }
        Ok(found)
    }

    fn every_table<'a>(&self) -> Vec<Found<'a>> {
        let engine = self.shared.lock();
        let tables = engine.catalog.tables();
        let seen = tables.filter(|table| table.presence.seen(&engine.clog, self.top()));
        seen.map(|table| Found {
            id: table.def.id,
            name: table.def.name.to_string(),
            columns: &[],
            named: false,
        })
        .collect()
    }

    /// Takes a lock: false if it is not to be waited for and not to be had.
    async fn take(
        &mut self,
        tag: LockTag,
        mode: LockMode,
        params: &Params,
        name: &str,
    ) -> Result<bool> {
        self.ensure_transaction()?;
        let (shared, transaction, settings) = self.in_transaction()?;
        if params.skip_locked && !transaction.holds(tag, mode) {
            if !shared.lock().locks.try_acquire(tag, mode, transaction.pid) {
                return Ok(false);
            }
            transaction.keep_lock(tag, mode);
        }
        lock_relation(shared, transaction, settings, tag, mode, name).await?;
        Ok(true)
    }

    /// Locks a table: false, with a warning if it was named, if it cannot be
    /// had or is gone.
    async fn open(
        &mut self,
        table: &Found<'_>,
        params: &Params,
        word: &str,
        answer: &mut Answer,
    ) -> Result<bool> {
        let full = params.full && word == "vacuum";
        let mode = if full {
            LockMode::AccessExclusive
        } else {
            LockMode::ShareUpdateExclusive
        };
        let tag = LockTag::Relation(table.id);
        if !self.take(tag, mode, params, &table.name).await? {
            if table.named {
                answer.notices.push(unavailable(word, &table.name));
            }
            return Ok(false);
        }
        let there = {
            let (engine, top) = (self.shared.lock(), self.top());
            let table = engine.catalog.table(table.id);
            table.is_some_and(|table| table.presence.seen(&engine.clog, top))
        };
        if !there && table.named {
            answer.notices.push(Error::new(
                SqlState::UNDEFINED_TABLE,
                format!(
                    "skipping {word} of \"{}\" --- relation no longer exists",
                    table.name
                ),
            ));
        }
        Ok(there)
    }

    fn clean(&self, id: TableId) -> Result<()> {
        let mut engine = self.shared.lock();
        engine.vacuum();
        engine.table_mut(id)?.vacuum();
        Ok(())
    }

    fn count(&self, table: &Found<'_>, what: Counted<'_>) -> Result<()> {
        count_rows(&mut self.shared.lock(), self.top(), table.id, what)
    }

    fn check_columns(&self, table: &Found<'_>) -> Result<()> {
        let def = self.shared.lock().table(table.id)?.def.clone();
        let mut seen = Vec::new();
        for column in table.columns {
            let name = fold(column);
            let complain = |code, why: &str| {
                Err(Error::new(
                    code,
                    format!("column \"{name}\" of relation \"{}\" {why}", def.name),
                ))
            };
            if def.column(&name).is_none() {
                return complain(SqlState::UNDEFINED_COLUMN, "does not exist");
            }
            if seen.contains(&name) {
                return complain(SqlState::DUPLICATE_COLUMN, "appears more than once");
            }
            seen.push(name);
        }
        Ok(())
    }
}

fn unavailable(word: &str, name: &str) -> Error {
    Error::new(
        SqlState::LOCK_NOT_AVAILABLE,
        format!("skipping {word} of \"{name}\" --- lock not available"),
    )
}
