//! ON CONFLICT: which unique indexes arbitrate, and what happens then.

use std::sync::Arc;

use sqlparser::ast::{ConflictTarget, OnConflict as AstOnConflict, OnConflictAction};

use super::implied::is_implied;
use super::scope::Relation;
use super::{Analyser, object_name};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::sql::expr::Expr;
use crate::postgres::sql::plan::{ConflictUpdate, OnConflict};
use crate::postgres::sql::target::InferredTarget;
use crate::postgres::storage::table::{IndexDef, TableDef};

impl Analyser<'_> {
    /// The existing row is in slot 0, EXCLUDED goes into slot 1. Where no index
    /// is found the statement cannot be planned.
    pub(super) fn on_conflict(
        &mut self,
        table: &Arc<TableDef>,
        conflict: &AstOnConflict,
    ) -> Result<OnConflict> {
        let arbiters = match &conflict.conflict_target {
            None => Vec::new(),
            Some(ConflictTarget::Columns(names)) => {
                let target = InferredTarget::read(names)?;
                let arbiters = self.inferred(table, &target)?;
                if arbiters.is_empty() {
                    self.refused.get_or_insert(no_arbiter());
                }
                arbiters
            }
            Some(ConflictTarget::OnConstraint(name)) => {
                let name = object_name(name)?;
                let index = table
                    .indexes
                    .iter()
                    .find(|i| *i.name == *name && i.is_constraint());
                let index = index.ok_or_else(|| {
                    Error::new(
                        SqlState::UNDEFINED_OBJECT,
                        format!(
                            "constraint \"{name}\" for table \"{}\" does not exist",
                            table.name
                        ),
                    )
                })?;
                vec![index.id]
            }
        };
        let update = match &conflict.action {
            OnConflictAction::DoNothing => None,
            OnConflictAction::DoUpdate(_) if conflict.conflict_target.is_none() => {
                return Err(Error::new(
                    SqlState::SYNTAX_ERROR,
                    "ON CONFLICT DO UPDATE requires inference specification or constraint name",
                )
                .hint("For example, ON CONFLICT (column_name)."));
            }
            OnConflictAction::DoUpdate(update) => {
                let slot = self.new_slot()?;
                let mut excluded = Relation::of_table("excluded".to_owned(), slot, table.clone());
                // It has no system columns.
                excluded.table = None;
                self.scope().relations.push(excluded);
                self.enter("UPDATE");
                let assignments = self.assignments(table, &update.assignments)?;
                self.enter("WHERE");
                let filter = match &update.selection {
                    Some(filter) => Some(self.condition(filter, "WHERE")?),
                    None => None,
                };
                let scope = self.scope();
                scope.out_of_sight = scope.relations.pop();
                Some(ConflictUpdate {
                    assignments,
                    filter,
                })
            }
        };
        Ok(OnConflict { arbiters, update })
    }

    /// The unique indexes over exactly these keys, whose predicate, if they
    /// have one, follows from the target's; there may be none.
    fn inferred(&mut self, table: &Arc<TableDef>, target: &InferredTarget) -> Result<Vec<u32>> {
        let mut keys = Vec::new();
        for key in &target.keys {
            let key = self.expr(key)?;
            keys.push(self.settle(key)?.expr);
        }
        let predicate = match &target.predicate {
            Some(predicate) => self.condition(predicate, "WHERE")?.conjuncts(),
            None => Vec::new(),
        };
        let given: Vec<&Expr> = predicate.iter().collect();
        let matches = |index: &IndexDef| {
            let covered = index.predicate.as_ref();
            index.unique
                && covered.is_none_or(|wanted| is_implied(&given, wanted))
                && index.keys.iter().all(|key| keys.contains(&key.expr))
                && keys
                    .iter()
                    .all(|key| index.keys.iter().any(|own| *own.expr == *key))
        };
        let indexes = table.indexes.iter().filter(|index| matches(index));
        Ok(indexes.map(|index| index.id).collect())
    }
}

fn no_arbiter() -> Error {
    Error::new(
        SqlState::INVALID_COLUMN_REFERENCE,
        "there is no unique or exclusion constraint matching the ON CONFLICT specification",
    )
}
