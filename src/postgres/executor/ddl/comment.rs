//! COMMENT ON a table, a column, an index, a view or a sequence.

use std::sync::Arc;

use sqlparser::ast::{CommentObject, ObjectName};

use super::{Work, no_column, undefined_table};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::locks::LockMode;
use crate::postgres::sql::{fold, object_name};
use crate::postgres::storage::catalog::Relation;
use crate::postgres::storage::table::{Commented, TableId};

const MODE: LockMode = LockMode::ShareUpdateExclusive;

impl Work<'_> {
    /// Says something of an object, or nothing any more.
    pub(super) async fn comment(
        &mut self,
        kind: CommentObject,
        name: &ObjectName,
        comment: Option<&str>,
    ) -> Result<()> {
        let comment: Option<Arc<str>> = comment.filter(|text| !text.is_empty()).map(Arc::from);
        if kind == CommentObject::Column {
            return self.comment_column(name, comment).await;
        }
        let name = object_name(name)?;
        let (relation, word) = (self.relation(&name)?, kind.to_string().to_lowercase());
        match (kind, relation) {
            (CommentObject::Table, Relation::Table(id)) => {
                self.comment_table(id, &name, Commented::Table, comment)
                    .await
            }
            (CommentObject::Index, Relation::Index(id, index)) => {
                let on = Commented::Index(index);
                self.comment_table(id, &name, on, comment).await
            }
            (CommentObject::View, Relation::View(id)) => {
                self.lock(TableId(id), MODE, &name).await?;
                let mut engine = self.shared.lock();
                let view = engine.catalog.view_by_id(id).cloned();
                if let Some(mut view) = view {
                    view.comment = comment;
                    self.replace_view(&mut engine, id, view);
                }
                Ok(())
            }
            (CommentObject::Sequence, Relation::Sequence(_)) => {
                let def = self.lock_sequence(&name, MODE).await?;
                let mut def = (*def).clone();
                def.comment = comment;
                let shared = self.shared;
                self.replace_sequence(&mut shared.lock(), def, None);
                Ok(())
            }
            _ => {
                let article = if kind == CommentObject::Index {
                    "an"
                } else {
                    "a"
                };
                Err(Error::new(
                    SqlState("42809"),
                    format!("\"{name}\" is not {article} {word}"),
                ))
            }
        }
    }

    async fn comment_column(&mut self, name: &ObjectName, comment: Option<Arc<str>>) -> Result<()> {
        let Some((column, table)) = name.0.split_last().filter(|(_, table)| !table.is_empty())
        else {
            let message = "column name must be qualified";
            return Err(Error::new(SqlState::SYNTAX_ERROR, message));
        };
        let table = object_name(&ObjectName(table.to_vec()))?;
        let Relation::Table(id) = self.relation(&table)? else {
            return Err(Error::unsupported("a comment on a column of a view"));
        };
        self.lock(id, MODE, &table).await?;
        let column = column.as_ident().map(fold).unwrap_or_default();
        let def = self.shared.lock().table(id)?.def.clone();
        let index = def
            .column(&column)
            .ok_or_else(|| no_column(&def, &column))?;
        let on = Commented::Column(def.columns[index].name.clone());
        self.comment_table(id, &table, on, comment).await
    }

    async fn comment_table(
        &mut self,
        id: TableId,
        name: &str,
        on: Commented,
        comment: Option<Arc<str>>,
    ) -> Result<()> {
        self.lock(id, MODE, name).await?;
        self.redefine(id, |def| {
            match comment {
                Some(comment) => def.comments.insert(on, comment),
                None => def.comments.remove(&on),
            };
            Ok(())
        })
    }

    fn relation(&self, name: &str) -> Result<Relation> {
        let (engine, top) = (self.shared.lock(), self.transaction.xid);
        let found = engine.catalog.relation(name, &engine.clog, top);
        found.ok_or_else(|| undefined_table(name))
    }
}
