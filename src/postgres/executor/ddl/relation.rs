//! ALTER INDEX, SEQUENCE and VIEW, as far as they say what ALTER TABLE can say of
//! any relation: another name, or whose it is.

use sqlparser::ast::{Ident, Owner};

use super::name::Kind;
use super::{Work, undefined_table};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::locks::LockMode;
use crate::postgres::sql::{AlterRelation, RelationChange, RelationKind, fold, object_name};
use crate::postgres::storage::catalog::Relation;
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
        if kind != word && alter.kind != RelationKind::Index {
            return Err(Error::new(
                SqlState("42809"),
                format!("\"{name}\" is not a {word}"),
            ));
        }
        match &alter.change {
            RelationChange::RenameTo(new) => self.rename(&name, &fold(new)).await,
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
                let columns = {
                    let engine = self.shared.lock();
                    let view = engine.catalog.view_by_id(id);
                    let columns = view.map_or(&[][..], |view| &view.columns);
                    columns
                        .iter()
                        .map(|column| column.name.clone())
                        .collect::<Vec<_>>()
                };
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

    /// The names of a table's columns.
    pub(super) fn column_names(&self, id: TableId) -> Result<Vec<String>> {
        let engine = self.shared.lock();
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
