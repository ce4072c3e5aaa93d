//! CREATE VIEW.

use std::sync::Arc;

use sqlparser::ast::{CreateView, Query, SelectItem, Statement};

use super::name::Kind;
use super::{Work, analyser};
use crate::postgres::engine::Engine;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::sql::{Renamed, ViewQuery, object_name, parse};
use crate::postgres::storage::catalog::{Presence, View, ViewColumn};
use crate::postgres::storage::table::TableId;
use crate::postgres::transaction::Definition;

impl Work<'_> {
    pub(super) async fn create_view(&mut self, create: &CreateView) -> Result<()> {
        let refused = [
            (create.materialized, "CREATE MATERIALIZED VIEW"),
            (create.temporary, "CREATE TEMPORARY VIEW"),
            (!create.columns.is_empty(), "column names of a view"),
        ];
        if create.if_not_exists {
            let message = "syntax error at or near \"NOT\"";
            return Err(Error::new(SqlState::SYNTAX_ERROR, message));
        }
        if let Some((_, what)) = refused.iter().find(|(present, _)| *present) {
            return Err(Error::unsupported(what));
        }
        let name = object_name(&create.name)?;
        let made = self.lock_to_view(&create.query).await?;
        different_names(&made.columns)?;
        let mut view = View {
            name: name.as_str().into(),
            query: self.settled_query(&create.query, &made.columns),
            columns: made.columns,
            needs: made.needs,
            comment: None,
        };
        let replaced = match create.or_replace {
            true => self.lock_relation_named(&name, "view").await?,
            false => None,
        };
        if let Some(id) = replaced {
            self.refuse_in_use(TableId(id), "CREATE OR REPLACE VIEW")?;
            let mut engine = self.shared.lock();
            if let Some(old) = engine.catalog.view_by_id(id) {
                keeps_columns(&old.columns, &view.columns)?;
                view.comment = old.comment.clone();
            }
            self.replace_view(&mut engine, id, view);
            return Ok(());
        }
        if self.taken(&name, false)? {
            return Ok(());
        }
        let mut engine = self.claim(&[(name.clone(), Kind::WithRowType)]).await?;
        let xid = self.transaction.xid(&mut engine);
        let id = engine.catalog.new_id();
        engine.catalog.add_view(id, view, Presence::since(xid));
        self.transaction
            .defined(&mut engine, Definition::ViewCreated(id));
        self.lock_new(&mut engine, TableId(id));
        Ok(())
    }

    /// The query of a view with all its columns spelt out: `*` has no more of
    /// them once its tables have. One whose text cannot be told stays as it
    /// was written.
    fn settled_query(&self, query: &Query, columns: &[ViewColumn]) -> Arc<Query> {
        let settled = match has_wildcard(query) {
            true => self.spelt_out(query, columns),
            false => None,
        };
        settled.unwrap_or_else(|| Arc::new(query.clone()))
    }

    /// The query of a view that gives columns of these names, if its text can
    /// be told.
    pub(super) fn spelt_out(&self, query: &Query, columns: &[ViewColumn]) -> Option<Arc<Query>> {
        let engine = self.shared.lock();
        let analyser = analyser(&engine, self.transaction.xid, &self.reading());
        let text = analyser.view_text(query, columns, true);
        parsed_query(&text.ok()?)
    }

    /// What a view's query comes to once all that it reads is locked: that is
    /// found, and locked, one after the other.
    async fn lock_to_view(&mut self, query: &Query) -> Result<ViewQuery> {
        loop {
            let (made, tables) = {
                let engine = self.shared.lock();
                let mut analyser = analyser(&engine, self.transaction.xid, &self.reading());
                let made = analyser.view_query(query);
                (made, analyser.into_tables())
            };
            let own = |id: &TableId| match &made {
                Ok(made) => made.needs.iter().any(|(needed, _)| needed == id),
                Err(_) => true,
            };
            let tables: Vec<_> = tables.into_iter().filter(|(id, _)| own(id)).collect();
            if !self.lock_missing(&tables).await? {
                return made;
            }
        }
    }

    /// The views that read a relation, as they are to be once it has other
    /// names. One whose text cannot be told stays as it was written.
    pub(super) fn views_following(&self, id: TableId, name: &str, columns: &[String]) -> Followers {
        let old = self.column_names(id).unwrap_or_default();
        let (engine, top) = (self.shared.lock(), self.transaction.xid);
        let views = engine.catalog.views(&engine.clog, top);
        let readers = views.filter(|(_, view)| view.needs.iter().any(|(on, _)| *on == id));
        let follow = |view: &View| {
            let renamed = Renamed {
                relation: id,
                name: name.to_owned(),
                columns: columns.to_vec(),
            };
            let analyser = analyser(&engine, top, &self.reading());
            let text = analyser.view_text_with(&view.query, &view.columns, renamed);
            let query = text.ok().and_then(|text| parsed_query(&text));
            let mut needs = view.needs.clone();
            for (_, column) in needs.iter_mut().filter(|(on, _)| *on == id) {
                let place = |name: &Arc<str>| old.iter().position(|other| **other == **name);
                let new = column.as_ref().and_then(place);
                let new = new.and_then(|index| columns.get(index));
                *column = new
                    .map(|name| name.as_str().into())
                    .or_else(|| column.take());
            }
            View {
                query: query.unwrap_or_else(|| view.query.clone()),
                needs,
                ..view.clone()
            }
        };
        readers.map(|(id, view)| (id, follow(view))).collect()
    }

    /// Has the views follow.
    pub(super) fn follow(&mut self, views: Followers) {
        let shared = self.shared;
        let mut engine = shared.lock();
        for (id, view) in views {
            self.replace_view(&mut engine, id, view);
        }
    }

    /// Puts another view in the place of one, until a rollback.
    pub(super) fn replace_view(&mut self, engine: &mut Engine, id: u32, view: View) {
        self.transaction.xid(engine);
        if let Some(before) = engine.catalog.replace_view(id, view) {
            let altered = Definition::ViewAltered(id, Box::new(before));
            self.transaction.defined(engine, altered);
        }
    }
}

/// Views, by number, as they are to be.
pub(super) type Followers = Vec<(u32, View)>;

fn has_wildcard(query: &Query) -> bool {
    let items = query.body.as_select().map(|select| &select.projection);
    let is_wildcard = |item: &SelectItem| {
        matches!(
            item,
            SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)
        )
    };
    items.is_some_and(|items| items.iter().any(is_wildcard))
}

/// A view has no two columns of one name.
fn different_names(columns: &[ViewColumn]) -> Result<()> {
    for (at, column) in columns.iter().enumerate() {
        if columns[..at].iter().any(|other| other.name == column.name) {
            let message = format!("column \"{}\" specified more than once", column.name);
            return Err(Error::new(SqlState::DUPLICATE_COLUMN, message));
        }
    }
    Ok(())
}

pub(super) fn parsed_query(text: &str) -> Option<Arc<Query>> {
    let parsed = parse(text).ok()?;
    match parsed.statements.first()?.as_sql()? {
        Statement::Query(query) => Some(Arc::new((**query).clone())),
        _ => None,
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
