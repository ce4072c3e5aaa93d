//! The relations that a plan has open while it runs: its tables, and the
//! indexes by which it finds rows. The session that runs it may not take them
//! away.

use super::plan::{Access, Action, CteBody, LocalCte, Node, Plan, Query, Recursion, Rows};
use crate::postgres::sql::expr::Expr;

impl Plan {
    /// The numbers of the tables and the indexes.
    pub(in crate::postgres) fn opened(&self) -> Vec<u32> {
        let mut found = self.tables.iter().map(|(id, _)| id.0).collect();
        of_action(&self.action, &mut found);
        for cte in &self.ctes {
            match &cte.body {
                CteBody::Action(action) => of_action(action, &mut found),
                CteBody::Recursive(recursion) => of_recursion(recursion, &mut found),
            }
        }
        found
    }
}

/// What changes rows is done before its session goes on.
fn of_action(action: &Action, found: &mut Vec<u32>) {
    if let Action::Select(query) = action {
        of_query(query, found);
    }
}

fn of_recursion(recursion: &Recursion, found: &mut Vec<u32>) {
    of_query(&recursion.first, found);
    of_query(&recursion.step, found);
}

fn of_query(query: &Query, found: &mut Vec<u32>) {
    match query {
        Query::Select(select) => {
            select.from.iter().for_each(|from| of_node(from, found));
            if let Some(Node::Scan(scan)) = &select.from
                && scan.access == Access::Sequential
                && select.is_plain()
                && let Some(index) = scan.sorted_by(&select.order)
            {
                found.push(index.id);
            }
        }
        Query::Values(_) => {}
        Query::Set(operation) => {
            of_query(&operation.left, found);
            of_query(&operation.right, found);
        }
        Query::With(with) => {
            for (_, cte) in &with.ctes {
                match cte {
                    LocalCte::Query(query) => of_query(query, found),
                    LocalCte::Recursive(recursion) => of_recursion(recursion, found),
                }
            }
            of_query(&with.query, found);
        }
    }
    query.visit(&mut |expr| {
        expr.any(&mut |part| {
            if let Expr::Subquery(plan, _) = part {
                of_query(&plan.query, found);
            }
            false
        });
    });
}

fn of_node(node: &Node, found: &mut Vec<u32>) {
    match node {
        Node::Scan(scan) => {
            if let Access::Index { index, .. } = scan.access {
                found.push(scan.table.indexes[index].id);
            }
        }
        Node::Rows(source) => {
            if let Rows::Query(plan) = &source.rows {
                of_query(&plan.query, found);
            }
        }
        Node::Join(join) => {
            of_node(&join.left, found);
            of_node(&join.right, found);
        }
    }
}
