//! WITH: queries and changes that run once and have names.

use sqlparser::ast::{Cte as AstCte, ObjectName, Query as AstQuery, SetExpr, With};

use super::query::{bare, locks_rows};
use super::scope::RelationColumn;
use super::{Analyser, fold};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::sql::plan::{
    Action, Cte, CteBody, LocalCte, OutputColumn, Query, Recursion, WithQuery,
};
use crate::postgres::types::Type;

/// A name that WITH gives.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) index: usize,
    pub(super) columns: Vec<RelationColumn>,
    /// True if it depends on the query around it, by itself or by what it
    /// reads, and so is run with that.
    pub(super) local: bool,
}

impl Analyser<'_> {
    /// What WITH names so, if it does.
    pub(super) fn cte(&self, name: &ObjectName, text: &str) -> Option<&Named> {
        let bare = name.0.len() == 1;
        self.named
            .iter()
            .rev()
            .find(|named| bare && named.name == text)
    }

    /// Brings the names of WITH in sight.
    pub(super) fn with(&mut self, with: &With) -> Result<()> {
        let first = self.named.len();
        for cte in &with.cte_tables {
            let name = fold(&cte.alias.name);
            if self.named[first..].iter().any(|named| named.name == name) {
                return Err(Error::new(
                    SqlState::DUPLICATE_ALIAS,
                    format!("WITH query name \"{name}\" specified more than once"),
                ));
            }
            if with.recursive && mentions(&cte.query, &name) {
                self.recursive(cte, name)?;
            } else {
                self.plain(cte, name)?;
            }
        }
        Ok(())
    }

    fn plain(&mut self, cte: &AstCte, name: String) -> Result<()> {
        let base = self.next_slot;
        let reads_local = std::mem::take(&mut self.reads_local);
        let (action, columns) = match &*cte.query.body {
            SetExpr::Insert(change) | SetExpr::Update(change) | SetExpr::Delete(change) => {
                let in_sight = self.named.len();
                if let Some(with) = &cte.query.with {
                    self.with(with)?;
                }
                let scopes = std::mem::take(&mut self.scopes);
                let slots = std::mem::take(&mut self.next_slot);
                let action = self.action(change);
                self.scopes = scopes;
                self.next_slot = slots;
                self.named.truncate(in_sight);
                action?.ok_or_else(|| Error::unsupported(change))?
            }
            _ => {
                let (query, columns) = self.settled_query(&cte.query)?;
                (Action::Select(query), columns)
            }
        };
        let depends = match &action {
            Action::Select(query) => query.slots() & ((1 << base) - 1) != 0,
            _ => false,
        };
        self.ctes.push(Cte {
            body: CteBody::Action(Box::new(action)),
            read: false,
        });
        self.name(cte, name, &columns)?;
        self.note_local(depends, reads_local)
    }

    /// Notes of the last name whether it depends on the query around it;
    /// `before` is what was known of the query that it is in.
    fn note_local(&mut self, depends: bool, before: bool) -> Result<()> {
        let local = depends || self.reads_local;
        self.reads_local = before;
        if let Some(named) = self.named.last_mut() {
            named.local = local;
        }
        Ok(())
    }

    /// Makes those of these names that depend on the query around it a part of
    /// their query.
    pub(super) fn keep_local(&mut self, query: &mut Query, named: &[Named]) -> Result<()> {
        let mut ctes = Vec::new();
        for named in named.iter().filter(|named| named.local) {
            let Some(cte) = self.ctes.get_mut(named.index) else {
                continue;
            };
            cte.read = false;
            let body = match std::mem::replace(&mut cte.body, CteBody::nothing()) {
                CteBody::Recursive(recursion) => LocalCte::Recursive(recursion),
                CteBody::Action(action) => match *action {
                    Action::Select(query) if !locks_rows(&query) => LocalCte::Query(query),
                    _ => {
                        return Err(Error::unsupported(
                            "FOR UPDATE in a WITH query that depends on the query around it",
                        ));
                    }
                },
            };
            ctes.push((named.index, body));
        }
        if !ctes.is_empty() {
            let inner = std::mem::replace(query, Query::Values(Vec::new()));
            *query = Query::With(Box::new(WithQuery { ctes, query: inner }));
        }
        Ok(())
    }

    fn name(&mut self, cte: &AstCte, name: String, columns: &[OutputColumn]) -> Result<()> {
        let mut columns: Vec<RelationColumn> = columns
            .iter()
            .map(|column| RelationColumn {
                name: column.name.clone(),
                ty: column.ty,
                modifier: column.modifier,
                origin: column.origin,
            })
            .collect();
        if cte.alias.columns.len() > columns.len() {
            return Err(Error::new(
                SqlState::INVALID_COLUMN_REFERENCE,
                format!(
                    "WITH query \"{name}\" has {} columns available but {} columns specified",
                    columns.len(),
                    cte.alias.columns.len()
                ),
            ));
        }
        for (column, given) in columns.iter_mut().zip(&cte.alias.columns) {
            column.name = fold(&given.name);
        }
        self.named.push(Named {
            name,
            index: self.ctes.len() - 1,
            columns,
            local: false,
        });
        Ok(())
    }

    /// WITH RECURSIVE: the left side of a UNION gives the first rows, the
    /// right side what follows from the last ones.
    fn recursive(&mut self, cte: &AstCte, name: String) -> Result<()> {
        let body = match &*cte.query.body {
            SetExpr::Query(inner) => &inner.body,
            _ => &cte.query.body,
        };
        let SetExpr::SetOperation {
            op: sqlparser::ast::SetOperator::Union,
            set_quantifier,
            left,
            right,
        } = &**body
        else {
            return Err(Error::new(
                SqlState("42P19"),
                format!(
                    "recursive query \"{name}\" does not have the form non-recursive-term UNION [ALL] recursive-term"
                ),
            ));
        };
        let in_sight = self.named.len();
        if let Some(with) = &cte.query.with {
            self.with(with)?;
        }
        let base = self.next_slot;
        let reads_local = std::mem::take(&mut self.reads_local);
        let (first, columns) = self.settled_query(&bare((**left).clone()))?;
        self.ctes.push(Cte {
            body: CteBody::nothing(),
            read: false,
        });
        let index = self.ctes.len() - 1;
        self.name(cte, name.clone(), &columns)?;
        let (mut step, mut found) = self.query(&bare((**right).clone()))?;
        self.check_recursive(&name, &columns, &found)?;
        let types: Vec<Type> = columns.iter().map(|column| column.ty).collect();
        self.retype(&mut step, &mut found, &types)?;
        let depends = (first.slots() | step.slots()) & ((1 << base) - 1) != 0;
        if let Some(cte) = self.ctes.get_mut(index) {
            cte.body = CteBody::Recursive(Recursion {
                first,
                step,
                all: *set_quantifier == sqlparser::ast::SetQuantifier::All,
            });
            cte.read = false;
        }
        let named = self.named.pop();
        self.named.truncate(in_sight);
        self.named.extend(named);
        self.note_local(depends, reads_local)
    }

    fn check_recursive(
        &self,
        name: &str,
        columns: &[OutputColumn],
        found: &[OutputColumn],
    ) -> Result<()> {
        if columns.len() != found.len() {
            return Err(Error::new(
                SqlState::SYNTAX_ERROR,
                "each UNION query must have the same number of columns",
            ));
        }
        for (index, (column, found)) in columns.iter().zip(found).enumerate() {
            let common = Analyser::common(column.ty, found.ty);
            if common != Some(column.ty) {
                let overall = common.unwrap_or(found.ty);
                return Err(Error::new(
                    SqlState::DATATYPE_MISMATCH,
                    format!(
                        "recursive query \"{name}\" column {} has type {} in non-recursive term but type {overall} overall",
                        index + 1,
                        column.ty
                    ),
                )
                .hint("Cast the output of the non-recursive term to the correct type."));
            }
        }
        Ok(())
    }
}

impl CteBody {
    /// What stands for a query that is run elsewhere, or not known yet.
    fn nothing() -> CteBody {
        CteBody::Action(Box::new(Action::Select(Query::Values(Vec::new()))))
    }
}

/// True if a query may read from a relation of this name.
fn mentions(query: &AstQuery, name: &str) -> bool {
    let text = query.to_string();
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
        .any(|word| word.eq_ignore_ascii_case(name))
}
