//! FROM: which tables, in which order, found how.
//!
//! Conditions go to the first table at which all their columns are at hand.
//! An index is used when equality fixes its leading columns: the longest
//! such prefix wins, a unique index before another.

use sqlparser::ast::{Expr as Ast, JoinConstraint, JoinOperator, TableFactor, TableWithJoins};

use super::{Analyser, fold, object_name};
use crate::postgres::error::{Error, Result};
use crate::postgres::locks::LockMode;
use crate::postgres::sql::expr::{Comparison, Expr};
use crate::postgres::sql::plan::{Access, Scan};
use crate::postgres::storage::table::TableDef;

/// More key values than this from IN lists are not looked up one by one.
const KEYS_MAX: usize = 1_000;

impl Analyser<'_> {
    /// Adds the tables of FROM, with what their joins ask.
    pub(super) fn add_from(
        &mut self,
        from: &[TableWithJoins],
        mode: LockMode,
        scans: &mut Vec<Scan>,
    ) -> Result<()> {
        for item in from {
            self.factor(&item.relation, mode, scans)?;
            for join in &item.joins {
                let (constraint, outer) = match &join.join_operator {
                    JoinOperator::Join(on) | JoinOperator::Inner(on) => (on, false),
                    JoinOperator::CrossJoin(JoinConstraint::None) => (&JoinConstraint::None, false),
                    JoinOperator::Left(on) | JoinOperator::LeftOuter(on) => (on, true),
                    other => return Err(Error::unsupported(format!("the join {other:?}"))),
                };
                self.factor(&join.relation, mode, scans)?;
                self.join_condition(constraint, outer, scans)?;
            }
        }
        Ok(())
    }

    fn factor(
        &mut self,
        factor: &TableFactor,
        mode: LockMode,
        scans: &mut Vec<Scan>,
    ) -> Result<()> {
        let TableFactor::Table {
            name,
            alias,
            args: None,
            ..
        } = factor
        else {
            return Err(Error::unsupported(format!("{factor} in FROM")));
        };
        let table = self.table(name, mode)?;
        let name = match alias {
            Some(alias) if alias.columns.is_empty() => fold(&alias.name),
            Some(_) => return Err(Error::unsupported("column names in a table alias")),
            None => object_name(name)?,
        };
        self.add_relation(name, table.clone())?;
        scans.push(Scan {
            table,
            access: Access::Sequential,
            outer: false,
            matches: Vec::new(),
            filter: Vec::new(),
        });
        Ok(())
    }

    fn join_condition(
        &mut self,
        constraint: &JoinConstraint,
        outer: bool,
        scans: &mut [Scan],
    ) -> Result<()> {
        let condition = match constraint {
            JoinConstraint::On(on) => self.condition(on, "JOIN/ON")?,
            JoinConstraint::None => return Ok(()),
            other => return Err(Error::unsupported(format!("the join condition {other:?}"))),
        };
        if outer {
            if let Some(scan) = scans.last_mut() {
                scan.outer = true;
                scan.matches = conjuncts(condition);
            }
        } else {
            place(conjuncts(condition), scans);
        }
        Ok(())
    }

    /// Adds WHERE, and chooses the access paths. What is left has no column
    /// to look at.
    pub(super) fn where_clause(
        &mut self,
        selection: Option<&Ast>,
        scans: &mut [Scan],
    ) -> Result<Vec<Expr>> {
        let rest = match selection {
            Some(selection) => {
                let condition = self.condition(selection, "WHERE")?;
                place(conjuncts(condition), scans)
            }
            None => Vec::new(),
        };
        for (relation, scan) in scans.iter_mut().enumerate() {
            scan.access = choose_access(relation, &scan.table, &scan.matches);
        }
        Ok(rest)
    }
}

fn conjuncts(condition: Expr) -> Vec<Expr> {
    match condition {
        Expr::And(list) => list.into_iter().flat_map(conjuncts).collect(),
        other => vec![other],
    }
}

/// Gives each condition to the first table at which it can be evaluated, and
/// returns those that need none.
fn place(conditions: Vec<Expr>, scans: &mut [Scan]) -> Vec<Expr> {
    let mut rest = Vec::new();
    for condition in conditions {
        let last = condition.relations().checked_ilog2();
        match last.and_then(|last| scans.get_mut(last as usize)) {
            Some(scan) if scan.outer => scan.filter.push(condition),
            Some(scan) => scan.matches.push(condition),
            None => rest.push(condition),
        }
    }
    rest
}

/// The values that conditions fix a column to, if they do.
fn fixed(relation: usize, column: usize, conditions: &[Expr]) -> Option<Vec<Expr>> {
    let target = Expr::Column { relation, column };
    // Only what is known before this table's rows are.
    let known = |expr: &Expr| expr.relations() < 1 << relation && !is_volatile(expr);
    conditions.iter().find_map(|condition| match condition {
        Expr::Compare(Comparison::Equal, left, right) => {
            let (left, right) = (&**left, &**right);
            if *left == target && known(right) {
                Some(vec![right.clone()])
            } else if *right == target && known(left) {
                Some(vec![left.clone()])
            } else {
                None
            }
        }
        Expr::In {
            operand,
            list,
            negated: false,
        } if **operand == target && list.iter().all(known) => Some(list.clone()),
        _ => None,
    })
}

fn is_volatile(expr: &Expr) -> bool {
    expr.any(&mut |part| matches!(part, Expr::Call(..)))
}

fn choose_access(relation: usize, table: &TableDef, conditions: &[Expr]) -> Access {
    let mut best = Access::Sequential;
    let mut best_score = (0, false);
    for (index, def) in table.indexes.iter().enumerate() {
        let mut keys: Vec<Vec<Expr>> = vec![Vec::new()];
        let mut columns = 0;
        for column in &def.columns {
            let Some(values) = fixed(relation, *column, conditions) else {
                break;
            };
            if keys.len() * values.len() > KEYS_MAX {
                break;
            }
            keys = keys
                .iter()
                .flat_map(|key| {
                    values.iter().map(|value| {
                        let mut key = key.clone();
                        key.push(value.clone());
                        key
                    })
                })
                .collect();
            columns += 1;
        }
        let score = (columns, def.unique && columns == def.columns.len());
        if columns > 0 && score > best_score {
            best_score = score;
            best = Access::Index { index, keys };
        }
    }
    best
}
