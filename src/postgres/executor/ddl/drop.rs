//! DROP TABLE, INDEX, SEQUENCE and VIEW.

use std::sync::Arc;

use sqlparser::ast::{ObjectName, ObjectType};

use super::Work;
use crate::postgres::catalog::{Counted, count_rows};
use crate::postgres::engine::{Engine, Shared};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::locks::LockMode;
use crate::postgres::sql::object_name;
use crate::postgres::storage::catalog::Relation;
use crate::postgres::storage::depend::Object;
use crate::postgres::storage::heap::Heap;
use crate::postgres::storage::table::{IndexDef, TableDef, TableId};
use crate::postgres::transaction::Definition;

/// An object of another kind has the name.
fn wrong_kind(name: &str, kind: &str) -> Error {
    let article = if kind == "index" { "an" } else { "a" };
    Error::new(
        SqlState("42809"),
        format!("\"{name}\" is not {article} {kind}"),
    )
}

/// What drops a relation of this kind.
fn hint(kind: &str) -> &'static str {
    match kind {
        "table" => "Use DROP TABLE to remove a table.",
        "view" => "Use DROP VIEW to remove a view.",
        "sequence" => "Use DROP SEQUENCE to remove a sequence.",
        _ => "Use DROP INDEX to remove an index.",
    }
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
pub(super) struct Retired<'a> {
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
    /// Finds and locks each of them, and then drops all of them together.
    pub(super) async fn drop_objects(
        &mut self,
        kind: &ObjectType,
        names: &[ObjectName],
        if_exists: bool,
        cascade: bool,
    ) -> Result<()> {
        let word = match kind {
            ObjectType::Table => "table",
            ObjectType::Index => "index",
            ObjectType::Sequence => "sequence",
            _ => "view",
        };
        let mut targets = Vec::new();
        for name in names {
            let name = object_name(name)?;
            let found = match word {
                "index" => self.lock_index(&name).await,
                _ => self.lock_relation_named(&name, word).await,
            };
            let found = found.map_err(|error| match self.kind_of(&name) {
                Some((_, kind)) if kind != word => error.hint(hint(kind)),
                _ => error,
            })?;
            let Some(id) = found else {
                self.is_missing(&name, word, if_exists)?;
                continue;
            };
            targets.push(Object::Relation(id));
        }
        self.delete(&targets, cascade).await
    }

    /// There is nothing of this name: an error, or with IF EXISTS a notice.
    fn is_missing(&mut self, name: &str, word: &str, if_exists: bool) -> Result<()> {
        if if_exists {
            let message = format!("{word} \"{name}\" does not exist, skipping");
            self.notice(SqlState::SUCCESSFUL_COMPLETION, message);
            return Ok(());
        }
        let code = match word {
            "index" => SqlState::UNDEFINED_OBJECT,
            _ => SqlState::UNDEFINED_TABLE,
        };
        Err(Error::new(
            code,
            format!("{word} \"{name}\" does not exist"),
        ))
    }

    /// The number and the kind of the relation of this name.
    pub(super) fn kind_of(&self, name: &str) -> Option<(u32, &'static str)> {
        let (engine, top) = (self.shared.lock(), self.transaction.xid);
        let found = engine.catalog.relation(name, &engine.clog, top)?;
        Some(match found {
            Relation::Table(id) => (id.0, "table"),
            Relation::View(id) => (id, "view"),
            Relation::Sequence(def) => (def.id.0, "sequence"),
            Relation::Index(_, index) => (index, "index"),
        })
    }

    /// Finds a table, view or sequence, locks it, and makes sure that it is
    /// still the one.
    pub(super) async fn lock_relation_named(
        &mut self,
        name: &str,
        word: &str,
    ) -> Result<Option<u32>> {
        let mut locked = None;
        loop {
            let id = match self.kind_of(name) {
                None => return Ok(None),
                Some((id, kind)) if kind == word => id,
                Some(_) => return Err(wrong_kind(name, word)),
            };
            if locked == Some(id) {
                return Ok(locked);
            }
            self.lock(TableId(id), LockMode::AccessExclusive, name)
                .await?;
            locked = Some(id);
        }
    }

    /// Finds an index, and locks its table: whoever had that may have dropped
    /// the index, or not.
    async fn lock_index(&mut self, name: &str) -> Result<Option<u32>> {
        let mode = match self.concurrently {
            true => LockMode::ShareUpdateExclusive,
            false => LockMode::AccessExclusive,
        };
        loop {
            let table = {
                let engine = self.shared.lock();
                let (clog, top) = (&engine.clog, self.transaction.xid);
                let table = engine.catalog.of_index(name, clog, top);
                table.map(|table| table.def.name.clone())
            };
            let Some(table) = table else {
                return match self.kind_of(name) {
                    None => Ok(None),
                    Some(_) => Err(wrong_kind(name, "index")),
                };
            };
            let Some(id) = self.lock_table(&table, mode).await? else {
                continue;
            };
            let engine = self.shared.lock();
            let def = &engine.table(id)?.def;
            if let Some(index) = def.indexes.iter().find(|index| *index.name == *name) {
                return Ok(Some(index.id));
            }
        }
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
        let new: Vec<u32> = def
            .indexes
            .iter()
            .filter(is_new)
            .map(|index| index.id)
            .collect();
        if !new.is_empty() {
            self.reads_all(table, new.len());
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
        if !new.is_empty() {
            let top = self.transaction.xid;
            count_rows(engine, top, id, Counted::Indexes(&new))?;
        }
        engine.ssi.coarsen(id, false, &gone);
        self.transaction.defined(engine, altered);
        Ok(())
    }

    /// Counts what is in a table that was written anew: whoever makes indexes
    /// does, and all of them are made.
    pub(super) fn recount(&self, engine: &mut Engine, id: TableId) -> Result<()> {
        let table = engine.table_mut(id)?;
        table.counts.clear();
        match table.indexes.is_empty() {
            true => Ok(()),
            false => count_rows(engine, self.transaction.xid, id, Counted::All),
        }
    }

    /// Has no new statement use an index, and waits for those that may.
    pub(super) async fn retire_index(&mut self, id: TableId, index: u32) -> Result<Retired<'a>> {
        let shared = self.shared;
        let name = shared.lock().relation_name(id)?;
        let retired = Retired { shared, table: id };
        retired.set(Some(index));
        let others = self.outlast(id, &name);
        others.holders(LockMode::AccessExclusive).await?;
        others.holders(LockMode::AccessExclusive).await?;
        Ok(retired)
    }
}
