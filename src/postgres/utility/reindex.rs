//! REINDEX.
//!
//! There is nothing to rebuild: what is left is whom it waits for. PostgreSQL
//! takes each index away from everybody, readers too, and a statement on the
//! table looks at all of its indexes; so the table is locked like that.
//! CONCURRENTLY keeps nobody away, and waits for all who may use the old index
//! or lack in the new one.

use crate::postgres::engine::Engine;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::executor::{Outlasting, lock_relation};
use crate::postgres::locks::{LockMode, LockTag};
use crate::postgres::session::{Answer, Session};
use crate::postgres::sql::{Reindex, object_name};
use crate::postgres::storage::Xid;
use crate::postgres::storage::table::TableId;

impl Session {
    /// Runs a REINDEX.
    pub(in crate::postgres) async fn reindex(&mut self, command: &Reindex) -> Result<Answer> {
        let name = object_name(&command.name)?;
        if command.concurrently {
            self.prevent_in_block("REINDEX CONCURRENTLY")?;
        }
        self.ensure_transaction()?;
        let (shared, transaction, settings) = self.in_transaction()?;
        transaction.take_snapshot(&mut shared.lock());
        loop {
            let top = transaction.xid;
            let (id, indexed) = find(&shared.lock(), top, &name, command.index)?;
            let mode = match (command.concurrently, indexed) {
                (true, _) => LockMode::ShareUpdateExclusive,
                (false, true) => LockMode::AccessExclusive,
                (false, false) => LockMode::Share,
            };
            let tag = LockTag::Relation(id);
            lock_relation(shared, transaction, settings, tag, mode, &name).await?;
            if find(&shared.lock(), top, &name, command.index)? != (id, indexed) {
                continue;
            }
            transaction.release_snapshot(&mut shared.lock());
            if command.concurrently && indexed {
                let others = Outlasting {
                    shared,
                    settings,
                    pid: transaction.pid,
                    table: id,
                    name: &name,
                };
                // New indexes are made beside the old ones, which then go.
                others.holders(LockMode::Share).await?;
                others.holders(LockMode::Share).await?;
                others.snapshots().await?;
                others.holders(LockMode::AccessExclusive).await?;
                others.holders(LockMode::AccessExclusive).await?;
            }
            let mut answer = Answer::word("REINDEX");
            if !indexed {
                answer.notices.push(Error::new(
                    SqlState::SUCCESSFUL_COMPLETION,
                    match command.concurrently {
                        true => {
                            format!(
                                "table \"{name}\" has no indexes that can be reindexed concurrently"
                            )
                        }
                        false => format!("table \"{name}\" has no indexes to reindex"),
                    },
                ));
            }
            return Ok(answer);
        }
    }
}

/// The table that is concerned, and whether it has an index.
fn find(engine: &Engine, top: Xid, name: &str, index: bool) -> Result<(TableId, bool)> {
    let (catalog, clog) = (&engine.catalog, &engine.clog);
    let table = if index {
        catalog.of_index(name, clog, top)
    } else {
        catalog.find(name, clog, top)
    };
    if let Some(table) = table {
        return Ok((table.def.id, !table.def.indexes.is_empty()));
    }
    if !catalog.has_relation(name, clog, top) {
        return Err(Error::new(
            SqlState::UNDEFINED_TABLE,
            format!("relation \"{name}\" does not exist"),
        ));
    }
    let kind = if index {
        "an index"
    } else {
        "a table or materialized view"
    };
    Err(Error::new(
        SqlState("42809"),
        format!("\"{name}\" is not {kind}"),
    ))
}
