//! DROP TABLE, INDEX, SEQUENCE and VIEW.

use std::sync::Arc;

use sqlparser::ast::{ObjectName, ObjectType};

use super::Work;
use crate::postgres::engine::{Engine, Shared};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::locks::LockMode;
use crate::postgres::sql::object_name;
use crate::postgres::storage::heap::Heap;
use crate::postgres::storage::table::{ForeignKey, IndexDef, TableDef, TableId};
use crate::postgres::transaction::Definition;

/// An object of another kind has the name.
fn wrong_kind(name: &str, kind: &str, found: &str) -> Error {
    let article = if kind == "index" { "an" } else { "a" };
    Error::new(
        SqlState("42809"),
        format!("\"{name}\" is not {article} {kind}"),
    )
    .hint(match found {
        "table" => "Use DROP TABLE to remove a table.",
        "view" => "Use DROP VIEW to remove a view.",
        "sequence" => "Use DROP SEQUENCE to remove a sequence.",
        _ => "Use DROP INDEX to remove an index.",
    })
}

/// The index belongs to a constraint.
fn is_constraint(name: &str, table: &str) -> Error {
    Error::new(
        SqlState("2BP01"),
        format!("cannot drop index {name} because constraint {name} on table {table} requires it"),
    )
    .hint(format!(
        "You can drop constraint {name} on table {table} instead."
    ))
}

/// CONCURRENTLY drops one index, on which nothing stands.
pub(super) fn drops_one(names: &[ObjectName], cascade: bool) -> Result<()> {
    let what = match (names.len(), cascade) {
        (1, false) => return Ok(()),
        (1, true) => "CASCADE",
        _ => "dropping multiple objects",
    };
    Err(Error::new(
        SqlState::FEATURE_NOT_SUPPORTED,
        format!("DROP INDEX CONCURRENTLY does not support {what}"),
    ))
}

/// An index that no new statement uses, until this is dropped.
struct Retired<'a> {
    shared: &'a Shared,
    table: TableId,
}

impl Retired<'_> {
    fn set(&self, index: Option<u32>) {
        let mut engine = self.shared.lock();
        if let Some(table) = engine.catalog.table_mut(self.table) {
            table.retired = index;
        }
        // Statements are planned anew.
        engine.catalog.changed();
        engine.catalog.settled(1);
    }
}

impl Drop for Retired<'_> {
    fn drop(&mut self) {
        self.set(None);
    }
}

impl<'a> Work<'a> {
    pub(super) async fn drop_object(
        &mut self,
        kind: &ObjectType,
        name: &ObjectName,
        if_exists: bool,
        cascade: bool,
        together: &[ObjectName],
    ) -> Result<()> {
        let name = object_name(name)?;
        let (word, found) = match kind {
            ObjectType::Table => ("table", self.drop_table(&name, cascade, together).await?),
            ObjectType::Index => ("index", self.drop_index(&name).await?),
            ObjectType::Sequence => ("sequence", self.drop_sequence(&name).await?),
            _ => ("view", self.drop_view(&name)),
        };
        if found {
            return Ok(());
        }
        if let Some(found) = self.kind_of(&name) {
            return Err(wrong_kind(&name, word, found));
        }
        if if_exists {
            let message = format!("{word} \"{name}\" does not exist, skipping");
            self.notice(SqlState::SUCCESSFUL_COMPLETION, message);
            return Ok(());
        }
        let code = if word == "index" {
            SqlState::UNDEFINED_OBJECT
        } else {
            SqlState::UNDEFINED_TABLE
        };
        Err(Error::new(
            code,
            format!("{word} \"{name}\" does not exist"),
        ))
    }

    /// What kind of relation has this name.
    fn kind_of(&self, name: &str) -> Option<&'static str> {
        let engine = self.shared.lock();
        let (catalog, clog) = (&engine.catalog, &engine.clog);
        let top = self.transaction.xid;
        if catalog.find(name, clog, top).is_some() {
            Some("table")
        } else if catalog.view(name, clog, top).is_some() {
            Some("view")
        } else if catalog.find_sequence(name, clog, top).is_some() {
            Some("sequence")
        } else {
            catalog.of_index(name, clog, top).map(|_| "index")
        }
    }

    async fn drop_table(
        &mut self,
        name: &str,
        cascade: bool,
        together: &[ObjectName],
    ) -> Result<bool> {
        let mode = LockMode::AccessExclusive;
        let Some(id) = self.lock_table(name, mode).await? else {
            return Ok(false);
        };
        self.refuse_in_use(id, "DROP TABLE")?;
        self.refuse_views(id, name, cascade)?;
        self.drop_references(id, name, cascade, together).await?;
        self.lock_owned_sequences(id, None).await?;
        let mut engine = self.shared.lock();
        if let Some(sxact) = self.transaction.ssi {
            engine.ssi.remove_table(sxact, id)?;
        }
        let xid = self.transaction.xid(&mut engine);
        engine.table_mut(id)?.presence.dropped_by = xid;
        self.transaction
            .defined(&mut engine, Definition::Dropped(id));
        for sequence in engine.catalog.owned_sequences(id) {
            engine.catalog.drop_sequence(sequence.id, xid);
            let dropped = Definition::SequenceDropped(sequence.id);
            self.transaction.defined(&mut engine, dropped);
        }
        Ok(true)
    }

    /// A table that views read stays.
    fn refuse_views(&self, id: TableId, name: &str, cascade: bool) -> Result<()> {
        let engine = self.shared.lock();
        let views = engine
            .catalog
            .views_of(id, &engine.clog, self.transaction.xid);
        if views.is_empty() {
            return Ok(());
        }
        if cascade {
            return Err(Error::unsupported("DROP ... CASCADE of what a view reads"));
        }
        let line = |view: &Arc<str>| format!("view {view} depends on table {name}");
        Err(Error::new(
            SqlState("2BP01"),
            format!("cannot drop table {name} because other objects depend on it"),
        )
        .detail(views.iter().map(line).collect::<Vec<_>>().join("\n"))
        .hint("Use DROP ... CASCADE to drop the dependent objects too."))
    }

    /// The foreign keys of other tables that refer to a table go with it, if
    /// that is what was asked for. Those of tables that go too are no obstacle.
    async fn drop_references(
        &mut self,
        id: TableId,
        name: &str,
        cascade: bool,
        together: &[ObjectName],
    ) -> Result<()> {
        let mut references: Vec<(TableId, String, ForeignKey)> = {
            let engine = self.shared.lock();
            let found = engine
                .catalog
                .references(id, &engine.clog, self.transaction.xid);
            let others = found.into_iter().filter(|(child, _)| *child != id);
            others
                .filter_map(|(child, key)| {
                    let name = engine.catalog.table(child)?.def.name.to_string();
                    Some((child, name, key))
                })
                .collect()
        };
        let going: Vec<String> = together.iter().flat_map(object_name).collect();
        references.retain(|(_, child, _)| !going.contains(child));
        if !cascade && !references.is_empty() {
            let lines: Vec<String> = references
                .iter()
                .map(|(_, child, key)| {
                    format!(
                        "constraint {} on table {child} depends on table {name}",
                        key.name
                    )
                })
                .collect();
            return Err(Error::new(
                SqlState("2BP01"),
                format!("cannot drop table {name} because other objects depend on it"),
            )
            .detail(lines.join("\n"))
            .hint("Use DROP ... CASCADE to drop the dependent objects too."));
        }
        for (child, child_name, key) in references {
            self.existing_table(&child_name, LockMode::AccessExclusive)
                .await?;
            let message = format!(
                "drop cascades to constraint {} on table {child_name}",
                key.name
            );
            self.notice(SqlState::SUCCESSFUL_COMPLETION, message);
            self.redefine(child, |def| {
                def.foreign_keys.retain(|other| other.name != key.name);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Changes a definition without touching rows.
    pub(super) fn redefine(
        &mut self,
        id: TableId,
        change: impl FnOnce(&mut TableDef) -> Result<()>,
    ) -> Result<()> {
        let mut engine = self.shared.lock();
        let before = engine.table(id)?.def.clone();
        let mut def = (*before).clone();
        change(&mut def)?;
        self.take_over(&mut engine, id, def, None)?;
        if engine.table(id)?.def.name != before.name {
            engine.catalog.renamed(id, &before.name);
        }
        Ok(())
    }

    /// Puts a definition in the place of a table's own, and other rows too if
    /// there are some; a rollback brings both back.
    pub(super) fn take_over(
        &mut self,
        engine: &mut Engine,
        id: TableId,
        def: TableDef,
        heap: Option<Heap>,
    ) -> Result<()> {
        let table = engine.table(id)?;
        let before = &table.def.indexes;
        let is_new = |index: &&IndexDef| before.iter().all(|other| other.id != index.id);
        let new = def.indexes.iter().filter(is_new).count();
        if new > 0 {
            self.reads_all(table, new);
        }
        let is_gone = |index: &&IndexDef| def.index(index.id).is_none();
        let gone = before.iter().filter(is_gone).map(|index| index.id);
        let gone: Vec<u32> = gone.collect();
        let altered = Definition::Altered {
            table: id,
            before: table.def.clone(),
            heap: heap.is_some().then(|| Box::new(table.heap.clone())),
        };
        self.transaction.xid(engine);
        engine.table_mut(id)?.redefine(Arc::new(def), heap);
        engine.ssi.coarsen(id, false, &gone);
        self.transaction.defined(engine, altered);
        Ok(())
    }

    async fn drop_index(&mut self, name: &str) -> Result<bool> {
        loop {
            let found = {
                let engine = self.shared.lock();
                let (clog, top) = (&engine.clog, self.transaction.xid);
                let table = engine.catalog.of_index(name, clog, top);
                table.map(|table| table.def.clone())
            };
            let Some(found) = found else {
                return Ok(false);
            };
            let mut indexes = found.indexes.iter();
            if indexes.any(|index| index.is_constraint() && *index.name == *name) {
                return Err(is_constraint(name, &found.name));
            }
            // Whoever had the table may have dropped the index, or not.
            let lock = match self.concurrently {
                true => LockMode::ShareUpdateExclusive,
                false => LockMode::AccessExclusive,
            };
            let Some(id) = self.lock_table(&found.name, lock).await? else {
                continue;
            };
            let _retired = match self.concurrently {
                true => Some(self.retire_index(id, name).await?),
                false => None,
            };
            let mut engine = self.shared.lock();
            let before = engine.table(id)?.def.clone();
            let named = before.indexes.iter().find(|index| *index.name == *name);
            let Some(index) = named.cloned() else {
                continue;
            };
            let xid = self.transaction.xid(&mut engine);
            let table = engine.table_mut(id)?;
            table.dropped.push((index.name.clone(), xid));
            table.remove_index(index.id);
            let dropped = Definition::IndexDropped {
                table: id,
                name: index.name.clone(),
                before,
            };
            self.transaction.defined(&mut engine, dropped);
            engine.ssi.coarsen(id, false, &[index.id]);
            return Ok(true);
        }
    }

    /// Has no new statement use an index, and waits for those that may.
    async fn retire_index(&mut self, id: TableId, name: &str) -> Result<Retired<'a>> {
        let shared = self.shared;
        let table = shared.lock().table(id)?.def.clone();
        let index = table.indexes.iter().find(|index| *index.name == *name);
        let retired = Retired { shared, table: id };
        retired.set(index.map(|index| index.id));
        let others = self.outlast(id, &table.name);
        others.holders(LockMode::AccessExclusive).await?;
        others.holders(LockMode::AccessExclusive).await?;
        Ok(retired)
    }

    async fn drop_sequence(&mut self, name: &str) -> Result<bool> {
        if !matches!(self.kind_of(name), Some("sequence")) {
            return Ok(false);
        }
        let def = match self.lock_sequence(name, LockMode::AccessExclusive).await {
            // It was dropped meanwhile.
            Err(error) if error.code() == SqlState::UNDEFINED_TABLE => return Ok(false),
            found => found?,
        };
        let mut engine = self.shared.lock();
        if let Some((table, column)) = &def.owner {
            let table = engine.table(*table)?.def.name.to_string();
            return Err(Error::new(
                SqlState("2BP01"),
                format!("cannot drop sequence {name} because other objects depend on it"),
            )
            .detail(format!(
                "default value for column {column} of table {table} depends on sequence {name}"
            ))
            .hint("Use DROP ... CASCADE to drop the dependent objects too."));
        }
        let xid = self.transaction.xid(&mut engine);
        engine.catalog.drop_sequence(def.id, xid);
        self.transaction
            .defined(&mut engine, Definition::SequenceDropped(def.id));
        Ok(true)
    }

    fn drop_view(&mut self, name: &str) -> bool {
        let mut engine = self.shared.lock();
        let top = self.transaction.xid;
        let Some(id) = engine.catalog.view_id(name, &engine.clog, top) else {
            return false;
        };
        let xid = self.transaction.xid(&mut engine);
        engine.catalog.drop_view(id, xid);
        self.transaction
            .defined(&mut engine, Definition::ViewDropped(id));
        true
    }
}
