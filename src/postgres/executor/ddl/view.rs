//! CREATE VIEW.

use std::sync::Arc;

use sqlparser::ast::CreateView;

use super::name::Kind;
use super::{Work, analyser};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::sql::object_name;
use crate::postgres::storage::catalog::{Presence, View, ViewColumn};
use crate::postgres::transaction::Definition;

impl Work<'_> {
    pub(super) async fn create_view(&mut self, create: &CreateView) -> Result<()> {
        let refused = [
            (create.materialized, "CREATE MATERIALIZED VIEW"),
            (create.temporary, "CREATE TEMPORARY VIEW"),
            (!create.columns.is_empty(), "column names of a view"),
        ];
        if let Some((_, what)) = refused.iter().find(|(present, _)| *present) {
            return Err(Error::unsupported(what));
        }
        let name = object_name(&create.name)?;
        let top = self.transaction.xid;
        let replaced = {
            let engine = self.shared.lock();
            engine.catalog.view_id(&name, &engine.clog, top)
        };
        if !(create.or_replace && replaced.is_some()) && self.taken(&name, create.if_not_exists)? {
            return Ok(());
        }
        let (columns, tables) = {
            let engine = self.shared.lock();
            let made = analyser(&engine, top).view_query(&create.query)?;
            let old = replaced.and_then(|old| engine.catalog.view_by_id(old));
            if let Some(old) = old {
                keeps_columns(&old.columns, &made.0)?;
            }
            made
        };
        let mut engine = match replaced {
            Some(_) => self.shared.lock(),
            None => self.claim(&[(name.clone(), Kind::WithRowType)]).await?,
        };
        let xid = self.transaction.xid(&mut engine);
        let replaced_view = replaced.and_then(|old| engine.catalog.view_by_id(old));
        let comment = replaced_view.and_then(|view| view.comment.clone());
        if let Some(old) = replaced {
            engine.catalog.drop_view(old, xid);
            self.transaction
                .defined(&mut engine, Definition::ViewDropped(old));
        }
        let view = View {
            name: name.as_str().into(),
            query: Arc::new((*create.query).clone()),
            columns,
            tables,
            comment,
        };
        let id = engine.catalog.new_id();
        engine.catalog.add_view(id, view, Presence::since(xid));
        self.transaction
            .defined(&mut engine, Definition::ViewCreated(id));
        Ok(())
    }
}

/// A view that takes the place of another has its columns, and perhaps more.
fn keeps_columns(old: &[ViewColumn], new: &[ViewColumn]) -> Result<()> {
    let wrong = |message: String| Error::new(SqlState::INVALID_TABLE_DEFINITION, message);
    if new.len() < old.len() {
        return Err(wrong("cannot drop columns from view".to_owned()));
    }
    for (old, new) in old.iter().zip(new) {
        let (name, other) = (&old.name, &new.name);
        if name != other {
            let message = format!("cannot change name of view column \"{name}\" to \"{other}\"");
            return Err(wrong(message).hint(
                "Use ALTER VIEW ... RENAME COLUMN ... to change name of view column instead.",
            ));
        }
        if old != new {
            let (was, is) = (
                old.ty.with_modifier(old.modifier),
                new.ty.with_modifier(new.modifier),
            );
            return Err(wrong(format!(
                "cannot change data type of view column \"{name}\" from {was} to {is}"
            )));
        }
    }
    Ok(())
}
