//! FOR UPDATE and its kin: which rows of which tables.

use sqlparser::ast::{LockClause, NonBlock, ObjectNamePart};

use super::{Analyser, fold};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::locks::LockMode;
use crate::postgres::sql::plan::{Distinct, RowLock, WaitPolicy};
use crate::postgres::storage::RowLockMode;

impl Analyser<'_> {
    pub(super) fn locks(
        &mut self,
        clauses: &[LockClause],
        grouped: Option<&'static str>,
        distinct: &Distinct,
        windowed: bool,
    ) -> Result<Vec<RowLock>> {
        let mut locks: Vec<RowLock> = Vec::new();
        for clause in clauses {
            let mut names = clause.of.iter().flat_map(|of| &of.0);
            let strength = names.next().and_then(ObjectNamePart::as_ident);
            let strength = strength.map_or("UPDATE", |ident| &ident.value);
            let refused = [
                (*distinct != Distinct::No, "DISTINCT clause"),
                (grouped.is_some(), grouped.unwrap_or_default()),
                (windowed, "window functions"),
            ];
            if let Some((_, what)) = refused.iter().find(|(present, _)| *present) {
                return Err(Error::new(
                    SqlState::FEATURE_NOT_SUPPORTED,
                    format!("FOR {strength} is not allowed with {what}"),
                ));
            }
            let policy = match clause.nonblock {
                None => WaitPolicy::Block,
                Some(NonBlock::Nowait) => WaitPolicy::Error,
                Some(NonBlock::SkipLocked) => WaitPolicy::Skip,
            };
            let names: Vec<String> = names
                .filter_map(ObjectNamePart::as_ident)
                .map(fold)
                .collect();
            let targets = self.lock_targets(&names, strength)?;
            for (slot, table) in targets {
                self.lock(table, LockMode::RowShare);
                let lock = RowLock {
                    slot,
                    table,
                    mode: mode(strength),
                    policy,
                };
                match locks.iter_mut().find(|other| other.slot == slot) {
                    // The strongest lock and the most impatient policy win.
                    Some(other) => {
                        other.mode = other.mode.max(lock.mode);
                        if other.policy == WaitPolicy::Block || policy == WaitPolicy::Error {
                            other.policy = policy;
                        }
                    }
                    None => locks.push(lock),
                }
            }
        }
        Ok(locks)
    }

    /// The tables that a clause names, or all of them.
    fn lock_targets(
        &self,
        names: &[String],
        strength: &str,
    ) -> Result<Vec<(usize, crate::postgres::storage::table::TableId)>> {
        let relations = self.scopes.last().map_or(&[][..], |scope| &scope.relations);
        if names.is_empty() {
            if relations
                .iter()
                .any(|relation| relation.kind == "a subquery")
            {
                return Err(Error::unsupported("FOR UPDATE of a subquery in FROM"));
            }
            let tables = relations.iter();
            return Ok(tables
                .filter_map(|r| Some((r.slot, r.table.as_ref()?.id)))
                .collect());
        }
        let mut targets = Vec::new();
        for name in names {
            let relation = relations.iter().find(|r| r.name == *name);
            let relation = relation.ok_or_else(|| {
                Error::new(
                    SqlState::UNDEFINED_TABLE,
                    format!(
                        "relation \"{name}\" in FOR {strength} clause not found in FROM clause"
                    ),
                )
            })?;
            match &relation.table {
                Some(table) => targets.push((relation.slot, table.id)),
                None => {
                    return Err(Error::new(
                        SqlState::FEATURE_NOT_SUPPORTED,
                        format!("FOR {strength} cannot be applied to {}", relation.kind),
                    ));
                }
            }
        }
        Ok(targets)
    }
}

fn mode(strength: &str) -> RowLockMode {
    match strength {
        "KEY SHARE" => RowLockMode::KeyShare,
        "SHARE" => RowLockMode::Share,
        "NO KEY UPDATE" => RowLockMode::NoKeyUpdate,
        _ => RowLockMode::Update,
    }
}
