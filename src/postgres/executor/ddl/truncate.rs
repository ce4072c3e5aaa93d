//! TRUNCATE.

use sqlparser::ast::{CascadeOption, Truncate, TruncateIdentityOption};

use super::{Work, undefined_table};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::locks::LockMode;
use crate::postgres::sql::object_name;
use crate::postgres::storage::table::TableId;
use crate::postgres::transaction::Definition;

impl Work<'_> {
    pub(super) async fn truncate(&mut self, truncate: &Truncate) -> Result<()> {
        let mode = LockMode::AccessExclusive;
        let mut tables: Vec<TableId> = Vec::new();
        for target in &truncate.table_names {
            let name = object_name(&target.name)?;
            let id = self.lock_table(&name, mode).await?;
            let id = id.ok_or_else(|| self.no_table(&name))?;
            if !tables.contains(&id) {
                self.refuse_in_use(id, "TRUNCATE")?;
                tables.push(id);
            }
        }
        let cascade = truncate.cascade == Some(CascadeOption::Cascade);
        let mut next = 0;
        while let Some(id) = tables.get(next).copied() {
            next += 1;
            for (child, name, parent) in self.children(id)? {
                if tables.contains(&child) {
                    continue;
                }
                if !cascade {
                    return Err(Error::new(
                        SqlState::FEATURE_NOT_SUPPORTED,
                        "cannot truncate a table referenced in a foreign key constraint",
                    )
                    .detail(format!("Table \"{name}\" references \"{parent}\"."))
                    .hint(format!(
                        "Truncate table \"{name}\" at the same time, or use TRUNCATE ... CASCADE."
                    )));
                }
                self.existing_table(&name, mode).await?;
                let message = format!("truncate cascades to table \"{name}\"");
                self.notice(SqlState::SUCCESSFUL_COMPLETION, message);
                self.refuse_in_use(child, "TRUNCATE")?;
                tables.push(child);
            }
        }
        let restart = truncate.identity == Some(TruncateIdentityOption::Restart);
        for id in tables {
            if restart {
                self.lock_owned_sequences(id).await?;
            }
            self.empty(id, restart)?;
        }
        Ok(())
    }

    /// There is no table of this name.
    fn no_table(&self, name: &str) -> Error {
        match self.kind_of(name) {
            Some(_) => Error::new(SqlState("42809"), format!("\"{name}\" is not a table")),
            None => undefined_table(name),
        }
    }

    /// The tables that refer to a table, by number and name, with its own.
    fn children(&self, id: TableId) -> Result<Vec<(TableId, String, String)>> {
        let engine = self.shared.lock();
        let parent = engine.table(id)?.def.name.to_string();
        let found = engine
            .catalog
            .references(id, &engine.clog, self.transaction.xid);
        found
            .into_iter()
            .map(|(child, _)| {
                let name = engine.table(child)?.def.name.to_string();
                Ok((child, name, parent.clone()))
            })
            .collect()
    }

    fn empty(&mut self, id: TableId, restart: bool) -> Result<()> {
        let mut engine = self.shared.lock();
        if let Some(sxact) = self.transaction.ssi {
            engine.ssi.remove_table(sxact, id)?;
        }
        self.transaction.xid(&mut engine);
        self.lock_to_index(&mut engine, id);
        let contents = engine.table_mut(id)?.truncate();
        let definition = Definition::Truncated(id, Box::new(contents));
        self.transaction.defined(&mut engine, definition);
        if restart {
            for def in engine.catalog.owned_sequences(id) {
                let before = self.shared.sequences.lock().restart(def.id);
                if let Some(before) = before {
                    let restarted = Definition::SequenceAltered(before);
                    self.transaction.defined(&mut engine, restarted);
                }
            }
        }
        Ok(())
    }
}
