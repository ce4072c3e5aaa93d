//! LIKE in CREATE TABLE: the columns of another table, and what else of it is
//! asked for. The two have nothing to do with each other from then on.

use std::sync::Arc;

use super::Work;
use super::constraint::column_names;
use super::index::key_text;
use super::name::made_name;
use super::table::{check_column_name, own_sequence};
use crate::postgres::engine::Engine;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::locks::LockMode;
use crate::postgres::sql::{Expr, Like, object_name};
use crate::postgres::storage::Xid;
use crate::postgres::storage::sequence::SequenceDef;
use crate::postgres::storage::table::{
    Check, Column, Commented, Formula, Generated, IndexDef, KeyConstraint, TableDef,
};

/// Another table that is copied from.
pub(super) struct Source {
    pub(super) like: Like,
    pub(super) def: Arc<TableDef>,
}

impl Work<'_> {
    /// Locks the table of a LIKE.
    pub(super) async fn lock_source(&mut self, like: Like) -> Result<Source> {
        let name = object_name(&like.table)?;
        if let Some((_, kind @ ("view" | "sequence" | "index"))) = self.kind_of(&name) {
            return Err(Error::unsupported(format!(
                "LIKE with the {kind} \"{name}\""
            )));
        }
        let id = self.existing_table(&name, LockMode::AccessShare).await?;
        let engine = self.shared.lock();
        let def = engine
            .table(id)?
            .seen_by(&engine.clog, self.transaction.xid);
        Ok(Source { like, def })
    }
}

impl Source {
    /// Adds the columns, with their defaults and sequences.
    pub(super) fn add_columns(
        &self,
        engine: &mut Engine,
        top: Xid,
        def: &mut TableDef,
        sequences: &mut Vec<SequenceDef>,
    ) -> Result<()> {
        let first = def.columns.len();
        for from in &self.def.columns {
            check_column_name(def, &from.name)?;
            let mut column = Column {
                default: None,
                generated: None,
                identity: false,
                sequence: None,
                ..from.clone()
            };
            if from.identity && self.like.includes("IDENTITY") {
                let mut own = own_sequence(engine, top, def, &mut column, sequences, &[])?;
                let like = from.sequence.and_then(|id| engine.catalog.sequence(id));
                if let Some(like) = like {
                    own = SequenceDef {
                        id: own.id,
                        name: own.name,
                        owner: own.owner,
                        comment: None,
                        ..(**like).clone()
                    };
                }
                sequences.push(own);
                column.identity = true;
                column.generated = from.generated;
            } else if from.computed().is_some() {
                if self.like.includes("GENERATED") {
                    column.default = from.default.as_ref().map(|expr| moved(expr, first));
                    column.generated = Some(Generated::Stored);
                }
            } else if from.has_default() && self.like.includes("DEFAULTS") {
                column.default = from.default.clone();
            }
            def.columns.push(column);
        }
        Ok(())
    }

    /// Adds the other things that are asked for, once the constraints of the
    /// new table itself are there; its columns begin with `first`.
    pub(super) fn add_rest(
        &self,
        engine: &mut Engine,
        top: Xid,
        def: &mut TableDef,
        first: usize,
    ) -> Result<()> {
        if self.like.includes("CONSTRAINTS") {
            for check in &self.def.checks {
                def.checks.push(Check {
                    id: engine.catalog.new_id(),
                    condition: moved(&check.condition, first),
                    ..check.clone()
                });
            }
            def.checks.sort_by(|a, b| a.name.cmp(&b.name));
        }
        if self.like.includes("COMMENTS") {
            let of_column = |on: &Commented| matches!(on, Commented::Column(_));
            let comments = self.def.comments.iter().filter(|(on, _)| of_column(on));
            let comments = comments.map(|(on, comment)| (on.clone(), comment.clone()));
            def.comments.extend(comments);
        }
        if self.like.includes("INDEXES") {
            for index in &self.def.indexes {
                self.add_index(engine, top, def, first, index)?;
            }
        }
        Ok(())
    }

    fn add_index(
        &self,
        engine: &mut Engine,
        top: Xid,
        def: &mut TableDef,
        first: usize,
        from: &IndexDef,
    ) -> Result<()> {
        if from.is_primary() && def.indexes.iter().any(IndexDef::is_primary) {
            let message = format!(
                "multiple primary keys for table \"{}\" are not allowed",
                def.name
            );
            return Err(Error::new(SqlState::INVALID_TABLE_DEFINITION, message));
        }
        let taken = |name: &str| {
            engine.catalog.has_relation(name, &engine.clog, top)
                || def.indexes.iter().any(|index| *index.name == *name)
        };
        let include: Vec<usize> = from.include.iter().map(|column| column + first).collect();
        let keys: Vec<&str> = from.keys.iter().map(|key| &*key.name).collect();
        let mut columns = keys.join("_");
        if !include.is_empty() {
            columns = format!("{columns}_{}", column_names(def, include.iter()));
        }
        let name = match from.constraint {
            Some(KeyConstraint::Primary) => made_name(&def.name, "", "pkey", taken),
            Some(KeyConstraint::Unique) => made_name(&def.name, &columns, "key", taken),
            None => made_name(&def.name, &columns, "idx", taken),
        };
        let mut index = IndexDef {
            id: engine.catalog.new_id(),
            name: name.as_str().into(),
            include,
            predicate: from.predicate.as_ref().map(|expr| moved(expr, first)),
            created_by: top,
            ..from.clone()
        };
        for key in &mut index.keys {
            key.expr = moved(&key.expr, first);
            key.text = key_text(&def.columns, &key.expr);
        }
        let comment = self.def.comments.get(&Commented::Index(from.id));
        if let Some(comment) = comment.filter(|_| self.like.includes("COMMENTS")) {
            def.comments
                .insert(Commented::Index(index.id), comment.clone());
        }
        match from.constraint {
            Some(KeyConstraint::Primary) => def.indexes.insert(0, index),
            _ => def.indexes.push(index),
        }
        Ok(())
    }
}

/// An expression over columns that have moved on by so many.
fn moved(expr: &Formula, by: usize) -> Formula {
    let mut expr = expr.clone();
    expr.rewrite(&mut |part| match part {
        Expr::Column { slot, column } => Some(Expr::Column {
            slot: *slot,
            column: column + by,
        }),
        _ => None,
    });
    expr
}
