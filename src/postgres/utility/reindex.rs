//! REINDEX.
//!
//! There is nothing to rebuild: what is left is whom it waits for. As in
//! PostgreSQL the table is shared first, which keeps nobody from reading while
//! writers are waited for. Then each index is taken away from everybody,
//! readers too; a statement on the table looks at all of its indexes, so it is
//! the table that is taken. The locks on the indexes themselves let one
//! REINDEX of a table go after the other.
//! CONCURRENTLY keeps nobody away, and waits for all who may use the old index
//! or lack in the new one.

use crate::postgres::catalog::{Counted, count_rows};
use crate::postgres::engine::Engine;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::executor::{BEING_USED, Outlasting, lock_relation, object_in_use};
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
        let opened = self.portals.opened();
        let (shared, transaction, settings) = self.in_transaction()?;
        transaction.take_snapshot(&mut shared.lock());
        loop {
            let top = transaction.xid;
            let found = find(&shared.lock(), top, &name, command.index)?;
            let (id, indexes) = &found;
            let (tag, indexed) = (LockTag::Relation(*id), !indexes.is_empty());
            let wanted = match command.concurrently {
                true => vec![(tag, LockMode::ShareUpdateExclusive)],
                false => {
                    let taken = |tag| (tag, LockMode::AccessExclusive);
                    let own = indexes
                        .iter()
                        .map(|index| LockTag::Relation(TableId(*index)));
                    let own = own.map(taken);
                    let table = indexed.then(|| taken(tag));
                    own.chain([(tag, LockMode::Share)]).chain(table).collect()
                }
            };
            for (tag, mode) in wanted {
                lock_relation(shared, transaction, settings, tag, mode, &name).await?;
            }
            if find(&shared.lock(), top, &name, command.index)? != found {
                continue;
            }
            if let Some(used) = indexes.iter().find(|index| opened.contains(index)) {
                let engine = shared.lock();
                let name = engine.catalog.relation_name(*used, &engine.clog, top);
                let name = name.unwrap_or_default();
                return Err(object_in_use("REINDEX INDEX", &name, BEING_USED));
            }
            {
                let mut engine = shared.lock();
                engine.table_mut(*id)?.reindex(indexes);
                count_rows(&mut engine, top, *id, Counted::Indexes(indexes))?;
            }
            transaction.release_snapshot(&mut shared.lock());
            if command.concurrently && indexed {
                let others = Outlasting {
                    shared,
                    settings,
                    pid: transaction.pid,
                    table: *id,
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

/// The table that is concerned, and the numbers of its indexes.
fn find(engine: &Engine, top: Xid, name: &str, index: bool) -> Result<(TableId, Vec<u32>)> {
    let (catalog, clog) = (&engine.catalog, &engine.clog);
    let table = if index {
        catalog.of_index(name, clog, top)
    } else {
        catalog.find(name, clog, top)
    };
    if let Some(table) = table {
        let indexes = table.def.indexes.iter();
        let concerned = indexes.filter(|other| !index || *other.name == *name);
        let indexes = concerned.map(|index| index.id);
        return Ok((table.def.id, indexes.collect()));
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
