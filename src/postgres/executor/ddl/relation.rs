//! ALTER INDEX, SEQUENCE and VIEW, as far as they say what ALTER TABLE can say of
//! any relation: another name, also for a column, or whose it is.

use sqlparser::ast::{Ident, Owner};

use super::alter::rename_table_column;
use super::name::Kind;
use super::{Work, undefined_table};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::locks::LockMode;
use crate::postgres::sql::{AlterRelation, RelationChange, RelationKind, fold, object_name};
use crate::postgres::storage::catalog::{Relation, View};
use crate::postgres::storage::table::TableId;

impl Work<'_> {
    pub(super) async fn alter_relation(&mut self, alter: &AlterRelation) -> Result<()> {
        let name = object_name(&alter.name)?;
        let Some((_, kind)) = self.kind_of(&name) else {
            if !alter.if_exists {
                return Err(undefined_table(&name));
            }
            let message = format!("relation \"{name}\" does not exist, skipping");
            self.notice(SqlState::SUCCESSFUL_COMPLETION, message);
            return Ok(());
        };
        let word = alter.kind.word();
        let columns = matches!(alter.change, RelationChange::RenameColumn(..));
        if kind != word && alter.kind != RelationKind::Index && !columns {
            return Err(Error::new(
                SqlState("42809"),
                format!("\"{name}\" is not a {word}"),
            ));
        }
        match &alter.change {
            RelationChange::RenameTo(new) => self.rename(&name, &fold(new)).await,
            RelationChange::RenameColumn(old, new) => {
                self.rename_column(&name, &fold(old), &fold(new)).await
            }
            RelationChange::OwnerTo(owner) => {
                self.lock_named(&name, LockMode::AccessExclusive).await?;
                self.may_own(owner)
            }
        }
    }

    /// Gives a relation of any kind another name.
    pub(super) async fn rename(&mut self, name: &str, new: &str) -> Result<()> {
        let relation = self.lock_named(name, LockMode::AccessExclusive).await?;
        self.taken(new, false)?;
        let kind = match relation {
            Relation::Table(_) | Relation::View(_) => Kind::WithRowType,
            Relation::Index(..) | Relation::Sequence(_) => Kind::Plain,
        };
        drop(self.claim(&[(new.to_owned(), kind)]).await?);
        match relation {
            Relation::Table(id) => {
                let columns = self.column_names(id)?;
                let views = self.views_following(id, new, &columns);
                self.redefine(id, |def| {
                    def.name = new.into();
                    Ok(())
                })?;
                self.follow(views);
                Ok(())
            }
            Relation::Index(id, index) => self.redefine(id, |def| {
                let found = def.indexes.iter_mut().find(|def| def.id == index);
                if let Some(def) = found {
                    def.name = new.into();
                }
                Ok(())
            }),
            Relation::View(id) => {
                let columns = self.column_names(TableId(id))?;
                let views = self.views_following(TableId(id), new, &columns);
                self.follow(views);
                let mut engine = self.shared.lock();
                if let Some(mut view) = engine.catalog.view_by_id(id).cloned() {
                    view.name = new.into();
                    self.replace_view(&mut engine, id, view);
                }
                Ok(())
            }
            Relation::Sequence(def) => {
                let mut def = (*def).clone();
                def.name = new.into();
                let shared = self.shared;
                self.replace_sequence(&mut shared.lock(), def, None);
                Ok(())
            }
        }
    }

    /// Gives a column of a table or a view another name.
    pub(super) async fn rename_column(&mut self, name: &str, old: &str, new: &str) -> Result<()> {
        let id = match self.lock_named(name, LockMode::AccessExclusive).await? {
            Relation::Table(id) => id,
            Relation::View(id) => TableId(id),
            other => return Err(cannot_rename_columns(name, &other)),
        };
        let mut columns = self.column_names(id)?;
        let column = renamed_column(name, &columns, old, new)?;
        new.clone_into(&mut columns[column]);
        let views = self.views_following(id, name, &columns);
        let view = self.shared.lock().catalog.view_by_id(id.0).cloned();
        match view {
            Some(view) => self.rename_view_column(id, view, column, new)?,
            None => self.redefine(id, |def| {
                rename_table_column(def, column, new);
                Ok(())
            })?,
        }
        self.follow(views);
        Ok(())
    }

    fn rename_view_column(
        &mut self,
        id: TableId,
        mut view: View,
        column: usize,
        new: &str,
    ) -> Result<()> {
        new.clone_into(&mut view.columns[column].name);
        view.query = self
            .spelt_out(&view.query, &view.columns)
            .ok_or_else(|| Error::unsupported("a new name for a column of such a view"))?;
        let shared = self.shared;
        self.replace_view(&mut shared.lock(), id.0, view);
        Ok(())
    }

    /// The names of the columns of a table or a view.
    pub(super) fn column_names(&self, id: TableId) -> Result<Vec<String>> {
        let engine = self.shared.lock();
        if let Some(view) = engine.catalog.view_by_id(id.0) {
            let columns = view.columns.iter();
            return Ok(columns.map(|column| column.name.clone()).collect());
        }
        let columns = engine.table(id)?.def.columns.iter();
        Ok(columns.map(|column| column.name.to_string()).collect())
    }

    /// Finds a relation, locks it (of an index its table, against others who
    /// change that), and makes sure that it is still the one.
    async fn lock_named(&mut self, name: &str, mode: LockMode) -> Result<Relation> {
        let mut locked = None;
        loop {
            let found = {
                let (engine, top) = (self.shared.lock(), self.transaction.xid);
                engine.catalog.relation(name, &engine.clog, top)
            };
            let found = found.ok_or_else(|| undefined_table(name))?;
            let (id, mode) = match &found {
                Relation::Table(id) => (*id, mode),
                Relation::View(id) => (TableId(*id), mode),
                Relation::Sequence(def) => (TableId(def.id.0), mode),
                Relation::Index(id, _) => (*id, LockMode::ShareUpdateExclusive),
            };
            if locked == Some(id) {
                return Ok(found);
            }
            self.lock(id, mode, name).await?;
            locked = Some(id);
        }
    }

    /// The session's user owns everything; nobody else is there to own it.
    pub(super) fn may_own(&self, owner: &Ident) -> Result<()> {
        let name = fold(owner);
        let own = ["current_user", "current_role", "session_user"];
        let is_own = owner.quote_style.is_none() && own.contains(&name.as_str());
        if is_own || name == self.settings.user {
            return Ok(());
        }
        Err(Error::new(
            SqlState::UNDEFINED_OBJECT,
            format!("role \"{name}\" does not exist"),
        ))
    }
}

/// The owner that an ALTER TABLE names.
pub(super) fn owner_name(owner: &Owner) -> Ident {
    match owner {
        Owner::Ident(name) => name.clone(),
        Owner::CurrentRole => Ident::new("current_role"),
        Owner::CurrentUser => Ident::new("current_user"),
        Owner::SessionUser => Ident::new("session_user"),
    }
}

/// Which column of a relation is to have another name.
fn renamed_column(relation: &str, columns: &[String], old: &str, new: &str) -> Result<usize> {
    let place = |wanted: &str| columns.iter().position(|name| name == wanted);
    let index = place(old).ok_or_else(|| {
        Error::new(
            SqlState::UNDEFINED_COLUMN,
            format!("column \"{old}\" does not exist"),
        )
    })?;
    match place(new) {
        None => Ok(index),
        Some(_) => Err(Error::new(
            SqlState::DUPLICATE_COLUMN,
            format!("column \"{new}\" of relation \"{relation}\" already exists"),
        )),
    }
}

fn cannot_rename_columns(name: &str, relation: &Relation) -> Error {
    if matches!(relation, Relation::Index(..)) {
        return Error::unsupported("a new name for a column of an index");
    }
    Error::new(
        SqlState("42809"),
        format!("cannot rename columns of relation \"{name}\""),
    )
    .detail("This operation is not supported for sequences.")
}
