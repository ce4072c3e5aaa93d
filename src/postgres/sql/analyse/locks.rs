//! FOR UPDATE and its kin: which rows of which tables.
//!
//! On a subquery or a view it locks the rows of the tables inside, however
//! deep; functions, VALUES and what WITH names have none to lock. What an
//! outer join may fill with NULLs cannot be locked, but where a condition that
//! no NULL meets makes an inner join of it.

use sqlparser::ast::{LockClause, NonBlock, ObjectNamePart};

use super::join::slots;
use super::scope::Relation;
use super::{Analyser, fold};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::sql::expr::{Expr, Truth};
use crate::postgres::sql::plan::{
    Distinct, Grouping, JoinKind, Node, Query, RowLock, Rows, WaitPolicy,
};
use crate::postgres::storage::RowLockMode;
use crate::postgres::storage::table::TableId;

/// What FOR UPDATE locks of a part of FROM, by slot.
#[derive(Debug, Clone)]
pub(super) enum Lockable {
    Rows(Vec<(usize, TableId)>),
    /// A subquery with a clause that excludes it.
    Forbidden(&'static str),
    /// A subquery that would have to lock by itself.
    Unsupported,
}

impl Default for Lockable {
    fn default() -> Lockable {
        Lockable::Rows(Vec::new())
    }
}

impl Lockable {
    pub(super) fn of_node(node: &Node) -> Lockable {
        match node {
            Node::Scan(scan) => Lockable::Rows(vec![(scan.slot, scan.table.id)]),
            Node::Rows(source) => match &source.rows {
                Rows::Query(plan) => Lockable::of_subquery(&plan.query),
                _ => Lockable::default(),
            },
            Node::Join(join) => Lockable::of_node(&join.left).and(Lockable::of_node(&join.right)),
        }
    }

    /// A subquery that was not pulled up.
    pub(super) fn of_subquery(query: &Query) -> Lockable {
        let select = match query {
            Query::Select(select) => select,
            Query::Values(_) => return Lockable::default(),
            Query::Set(_) => return Lockable::Forbidden("UNION/INTERSECT/EXCEPT"),
            Query::With(with) => return Lockable::of_subquery(&with.query),
        };
        let grouped = select.grouping.as_ref().map(Grouping::clause);
        let inside = select.from.iter().map(Lockable::of_node);
        match (grouped, inside.fold(Lockable::default(), Lockable::and)) {
            _ if select.distinct != Distinct::No => Lockable::Forbidden("DISTINCT clause"),
            (Some(clause), _) => Lockable::Forbidden(clause),
            _ if select.windows.is_some() => Lockable::Forbidden("window functions"),
            (None, Lockable::Rows(tables)) if tables.is_empty() => Lockable::default(),
            (None, Lockable::Rows(_)) => Lockable::Unsupported,
            (None, excluded) => excluded,
        }
    }

    pub(super) fn and(self, other: Lockable) -> Lockable {
        match (self, other) {
            (Lockable::Rows(tables), Lockable::Rows(more)) => {
                Lockable::Rows([tables, more].concat())
            }
            (Lockable::Rows(_), excluded) | (excluded, _) => excluded,
        }
    }

    fn tables(&self, strength: &str) -> Result<Vec<(usize, TableId)>> {
        match self {
            Lockable::Rows(tables) => Ok(tables.clone()),
            Lockable::Forbidden(what) => Err(not_allowed(strength, what)),
            Lockable::Unsupported => Err(Error::unsupported(format!(
                "FOR {strength} of a subquery in FROM that sorts or limits its rows, or computes volatile columns,"
            ))),
        }
    }
}

/// How strong the lock of a clause is: the first of its names says it.
pub(super) fn strength_of(clause: &LockClause) -> &str {
    let mut names = clause.of.iter().flat_map(|of| &of.0);
    let strength = names.next().and_then(ObjectNamePart::as_ident);
    strength.map_or("UPDATE", |ident| &ident.value)
}

pub(super) fn not_allowed(strength: &str, what: &str) -> Error {
    Error::new(
        SqlState::FEATURE_NOT_SUPPORTED,
        format!("FOR {strength} is not allowed with {what}"),
    )
}

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
            let strength = strength_of(clause);
            let names = clause.of.iter().flat_map(|of| &of.0).skip(1);
            let refused = [
                (*distinct != Distinct::No, "DISTINCT clause"),
                (grouped.is_some(), grouped.unwrap_or_default()),
                (windowed, "window functions"),
            ];
            if let Some((_, what)) = refused.iter().find(|(present, _)| *present) {
                return Err(not_allowed(strength, what));
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
            for view in self.locked_views(&names) {
                self.lock_for_rows(view);
            }
            for (slot, table) in targets {
                self.lock_for_rows(table);
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

    /// The views that a clause names, or all of them.
    fn locked_views(&self, names: &[String]) -> Vec<TableId> {
        let relations = self.scopes.last().map_or(&[][..], |scope| &scope.relations);
        let views = relations.iter().filter(|relation| {
            let named = names.is_empty() || names.contains(&relation.name);
            relation.kind == "a view" && named
        });
        views.filter_map(Relation::id).collect()
    }

    /// The tables that a clause names, or all of them.
    fn lock_targets(&self, names: &[String], strength: &str) -> Result<Vec<(usize, TableId)>> {
        let relations = self.scopes.last().map_or(&[][..], |scope| &scope.relations);
        let mut targets = Vec::new();
        if names.is_empty() {
            for relation in relations {
                refuse_sequence(relation)?;
                targets.extend(relation.locks.tables(strength)?);
            }
            return Ok(targets);
        }
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
            refuse_sequence(relation)?;
            if !matches!(relation.kind, "a table" | "a view" | "a subquery") {
                return Err(cannot_be_applied(strength, relation.kind));
            }
            targets.extend(relation.locks.tables(strength)?);
        }
        Ok(targets)
    }
}

fn refuse_sequence(relation: &Relation) -> Result<()> {
    if relation.kind != "a sequence" {
        return Ok(());
    }
    let message = format!("cannot lock rows in sequence \"{}\"", relation.name);
    Err(Error::new(SqlState("42809"), message))
}

pub(super) fn cannot_be_applied(strength: &str, to: &str) -> Error {
    Error::new(
        SqlState::FEATURE_NOT_SUPPORTED,
        format!("FOR {strength} cannot be applied to {to}"),
    )
}

/// Refuses to lock what an outer join may fill with NULLs.
pub(super) fn refuse_nullable(from: Option<&Node>, locks: &[RowLock]) -> Result<()> {
    let nullable = match from {
        Some(from) if !locks.is_empty() => nullable(from, 0),
        _ => return Ok(()),
    };
    match locks.iter().find(|lock| nullable & 1 << lock.slot != 0) {
        Some(lock) => Err(cannot_be_applied(
            strength(lock.mode),
            "the nullable side of an outer join",
        )),
        None => Ok(()),
    }
}

/// The slots that an outer join may fill with NULLs; conditions around the
/// node are not met by NULLs in the slots of `strict`.
fn nullable(node: &Node, strict: u64) -> u64 {
    let Node::Join(join) = node else {
        return 0;
    };
    let (left, right) = (slots(&join.left), slots(&join.right));
    let strict = strict | strict_in(&join.filter);
    // A side on which NULLs are excluded has matched: nothing filled it.
    let (fills_left, fills_right, strict) = match join.kind {
        JoinKind::Inner => (false, false, strict | strict_of(node)),
        JoinKind::Left => {
            let strict = strict | strict_of(&join.left);
            (false, strict & right == 0, strict)
        }
        JoinKind::Full => (strict & left == 0, strict & right == 0, strict),
    };
    let strict = match (fills_left, fills_right) {
        (false, false) => strict | strict_in(&join.on) | strict_of(&join.right),
        _ => strict,
    };
    let within = |side: &Node, all: u64, filled: bool| match filled {
        true => all,
        false => nullable(side, strict),
    };
    within(&join.left, left, fills_left) | within(&join.right, right, fills_right)
}

/// The slots whose NULLs no row of a node survives.
fn strict_of(node: &Node) -> u64 {
    match node {
        Node::Scan(scan) => strict_in(&scan.filter),
        Node::Rows(source) => strict_in(&source.filter),
        Node::Join(join) => {
            let sides = match join.kind {
                JoinKind::Inner => {
                    strict_in(&join.on) | strict_of(&join.left) | strict_of(&join.right)
                }
                JoinKind::Left => strict_of(&join.left),
                JoinKind::Full => 0,
            };
            sides | strict_in(&join.filter)
        }
    }
}

fn strict_in(conditions: &[Expr]) -> u64 {
    conditions
        .iter()
        .fold(0, |set, one| set | strict(one, true))
}

/// The slots whose NULLs make an expression NULL or, as a condition, false.
fn strict(expr: &Expr, condition: bool) -> u64 {
    let both = |left: &Expr, right: &Expr| strict(left, false) | strict(right, false);
    match expr {
        Expr::Column { slot, .. } => 1 << slot,
        Expr::Compare(_, left, right) | Expr::Arithmetic(_, _, left, right) => both(left, right),
        Expr::Not(operand)
        | Expr::Negate(_, operand)
        | Expr::Cast { operand, .. }
        | Expr::Like { operand, .. }
        | Expr::In { operand, .. } => strict(operand, false),
        Expr::Is {
            operand,
            truth: Truth::Null,
            negated: true,
        } if condition => strict(operand, false),
        Expr::And(parts) if condition => strict_in(parts),
        // One part may decide whatever the others are.
        Expr::And(parts) | Expr::Or(parts) => {
            let parts = parts.iter().map(|part| strict(part, condition));
            parts.fold(u64::MAX, |set, one| set & one)
        }
        _ => 0,
    }
}

fn strength(mode: RowLockMode) -> &'static str {
    match mode {
        RowLockMode::KeyShare => "KEY SHARE",
        RowLockMode::Share => "SHARE",
        RowLockMode::NoKeyUpdate => "NO KEY UPDATE",
        RowLockMode::Update => "UPDATE",
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
