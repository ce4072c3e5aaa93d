//! Subqueries of FROM that become a part of the query around them.
//!
//! As PostgreSQL pulls them up: a SELECT that neither groups, sorts, limits
//! nor locks gives its tables and its conditions to the query around it, which
//! finds its rows by index and locks them. Its columns keep a slot of their
//! own for as long as names are looked up; then what they stand for takes
//! their place.

use super::Analyser;
use super::from::Tree;
use crate::postgres::sql::expr::Expr;
use crate::postgres::sql::plan::{Access, JoinKind, Node, Query, Select};

/// What a subquery gives to the query around it.
pub(super) struct Pulled {
    pub(super) tree: Tree,
    /// What its columns stand for.
    pub(super) output: Vec<Expr>,
}

impl Analyser<'_> {
    /// Takes a subquery apart, or gives it back.
    pub(super) fn pull_up(&mut self, query: Query) -> Result<Pulled, Query> {
        let select = match query {
            Query::Select(select) if !self.as_written && is_simple(&select) => select,
            other => return Err(other),
        };
        // What is no column of its tables does not become NULL with them.
        let is_column = |expr: &Expr| matches!(expr, Expr::Column { .. });
        if self.nullable && !select.output.iter().all(is_column) {
            return Err(Query::Select(select));
        }
        let Select {
            from,
            filter,
            mut output,
            ..
        } = *select;
        let mut tree = Tree::default();
        if let Some(node) = from {
            self.next_slot = self.next_slot.max(node.end());
            dissolve(node, &mut tree);
        }
        tree.conditions.extend(filter);
        for expr in &mut output {
            self.expand(expr);
        }
        Ok(Pulled { tree, output })
    }

    /// Puts what they stand for in the place of the columns of subqueries that
    /// were pulled up into the innermost query.
    pub(super) fn expand(&mut self, expr: &mut Expr) {
        let pulled = &self.scope().pulled_up;
        if pulled.is_empty() {
            return;
        }
        expr.rewrite(&mut |part| match *part {
            Expr::Column { slot, column } => {
                let (_, output) = pulled.iter().find(|(own, _)| *own == slot)?;
                output.get(column).cloned()
            }
            _ => None,
        });
    }

    /// As [`Analyser::expand`], for a whole query.
    pub(super) fn expand_select(&mut self, select: &mut Select) {
        if !self.scope().pulled_up.is_empty() {
            select.visit_select_mut(&mut |expr| self.expand(expr));
        }
    }

    /// As [`Analyser::expand`], for all that a part of FROM has.
    pub(super) fn expand_tree(&mut self, tree: &mut Tree) {
        if self.scope().pulled_up.is_empty() {
            return;
        }
        for node in &mut tree.nodes {
            node.visit_node_mut(&mut |expr| self.expand(expr));
        }
        for condition in &mut tree.conditions {
            self.expand(condition);
        }
    }
}

/// True for a SELECT of which every row of FROM is a row.
fn is_simple(select: &Select) -> bool {
    select.from.is_some()
        && select.is_plain()
        && select.order.is_empty()
        && select.limit.is_none()
        && select.offset.is_none()
        && select.locks.is_empty()
        && !select.output.iter().any(Expr::is_volatile)
}

/// Undoes the order of inner joins, and where their conditions went.
fn dissolve(node: Node, tree: &mut Tree) {
    match node {
        Node::Scan(mut scan) => {
            tree.conditions.append(&mut scan.filter);
            scan.access = Access::Sequential;
            tree.nodes.push(Node::Scan(scan));
        }
        Node::Rows(mut source) => {
            tree.conditions.append(&mut source.filter);
            tree.nodes.push(Node::Rows(source));
        }
        Node::Join(join) if join.kind == JoinKind::Inner => {
            dissolve(join.left, tree);
            dissolve(join.right, tree);
            tree.conditions.extend(join.on);
            tree.conditions.extend(join.filter);
        }
        Node::Join(mut join) => {
            tree.conditions.append(&mut join.filter);
            tree.nodes.push(Node::Join(join));
        }
    }
}
