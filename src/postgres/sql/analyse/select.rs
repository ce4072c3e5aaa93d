//! SELECT: from FROM to LIMIT.

use sqlparser::ast::{
    Distinct as AstDistinct, Expr as Ast, GroupByExpr, Query as AstQuery, Select as AstSelect,
    SelectItem,
};

use super::from::Tree;
use super::join::plan_joins;
use super::locks::refuse_nullable;
use super::output::{Item, not_in_list, output_number};
use super::presort::presort;
use super::{Analyser, Scope, fold};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::sql::expr::Expr;
use crate::postgres::sql::plan::{
    Distinct, Grouping, Node, OutputColumn, Query, Select, SortKey, Windows,
};

/// What GROUP BY asks for.
#[derive(Debug, Default)]
pub(super) struct Groups {
    pub(super) keys: Vec<Expr>,
    pub(super) sets: Vec<Vec<usize>>,
}

impl Analyser<'_> {
    pub(super) fn select(
        &mut self,
        query: &AstQuery,
        select: &AstSelect,
    ) -> Result<(Query, Vec<OutputColumn>)> {
        refuse_clauses(select)?;
        let base = self.next_slot;
        let nullable = std::mem::take(&mut self.nullable);
        self.scopes.push(Scope::default());
        let result = self.select_in_scope(query, select, base);
        self.scopes.pop();
        self.nullable = nullable;
        self.next_slot = base;
        result
    }

    fn select_in_scope(
        &mut self,
        query: &AstQuery,
        select: &AstSelect,
        base: usize,
    ) -> Result<(Query, Vec<OutputColumn>)> {
        let mut tree = Tree::default();
        self.from(&select.from, &mut tree)?;
        self.enter("WHERE");
        if let Some(selection) = &select.selection {
            let mut condition = self.condition(selection, "WHERE")?;
            self.expand(&mut condition);
            tree.conditions.extend(condition.conjuncts());
        }
        let mut groups = self.groups(&select.group_by, &select.projection)?;
        self.open_output(&select.named_window)?;
        let mut items = self.projection(&select.projection)?;
        let mut order = self.order(query, &items)?;
        let mut distinct = self.distinct(select, &items, &order)?;
        let scope = self.scope();
        let windows = scope.windows.take().unwrap_or_default();
        let sets = scope.sets.take().unwrap_or_default();
        scope.clause = "HAVING";
        let mut having = match &select.having {
            Some(having) => Some(self.condition(having, "HAVING")?),
            None => None,
        };
        let aggregates = self.scope().aggregates.take().unwrap_or_default();
        let mut windows = self.place_windows(windows);
        let grouped = !groups.sets.is_empty() || !aggregates.is_empty() || having.is_some();
        let grouping = if grouped {
            if !sets.is_empty() {
                return Err(Error::unsupported("a set-returning function with GROUP BY"));
            }
            let mut exprs: Vec<&mut Expr> = items.iter_mut().map(|item| &mut item.expr).collect();
            exprs.extend(having.iter_mut());
            exprs.extend(order.iter_mut().map(|key| &mut key.expr));
            if let Distinct::On(keys) = &mut distinct {
                exprs.extend(keys.iter_mut());
            }
            self.over_groups(exprs, windows.as_mut(), &mut groups.keys, base)?;
            if groups.sets.is_empty() {
                groups.sets.push(Vec::new());
            }
            // Columns that depend on a key count with every set.
            let keys = groups.keys.len();
            let declared = groups
                .sets
                .iter()
                .flatten()
                .max()
                .map_or(0, |last| last + 1);
            for set in &mut groups.sets {
                set.extend(declared..keys);
            }
            Some(Grouping {
                keys: groups.keys,
                sets: groups.sets,
                aggregates,
                having,
            })
        } else {
            None
        };
        let grouped = grouping.as_ref().map(Grouping::clause);
        let locks = self.locks(&query.locks, grouped, &distinct, windows.is_some())?;
        let (limit, offset, with_ties) = self.limit(query)?;
        let (from, filter) = self.planned(tree, sets);
        if let Err(refused) = refuse_nullable(from.as_ref(), &locks) {
            self.refused.get_or_insert(refused);
        }
        let (output, columns) = items
            .into_iter()
            .map(|item| (item.expr, item.column))
            .unzip();
        let mut select = Select {
            base,
            from,
            filter,
            grouping,
            windows,
            output,
            distinct,
            order,
            presorted: false,
            limit,
            with_ties,
            offset,
            locks,
        };
        self.expand_select(&mut select);
        presort(&mut select, self.outer_slots());
        Ok((Query::Select(Box::new(select)), columns))
    }

    /// The joins of FROM, in order, with the set-returning functions of the
    /// select list after them.
    fn planned(
        &mut self,
        mut tree: Tree,
        sets: Vec<crate::postgres::sql::plan::RowSource>,
    ) -> (Option<Node>, Vec<Expr>) {
        tree.nodes.extend(sets.into_iter().map(Node::Rows));
        self.expand_tree(&mut tree);
        if tree.nodes.is_empty() {
            return (None, tree.conditions);
        }
        let (mut node, filter) = plan_joins(tree, self.outer_slots());
        self.mark_system(&mut node);
        (Some(node), filter)
    }

    /// Has the scans give the system columns that were asked for.
    pub(super) fn mark_system(&mut self, node: &mut Node) {
        match node {
            Node::Scan(scan) => {
                let relations = &self.scope().relations;
                scan.system |= relations
                    .iter()
                    .any(|relation| relation.slot == scan.slot && relation.system);
            }
            Node::Rows(_) => {}
            Node::Join(join) => {
                self.mark_system(&mut join.left);
                self.mark_system(&mut join.right);
            }
        }
    }

    /// The select list may have aggregates, window functions and sets.
    pub(super) fn open_output(
        &mut self,
        windows: &[sqlparser::ast::NamedWindowDefinition],
    ) -> Result<()> {
        let mut named = Vec::new();
        for window in windows {
            let sqlparser::ast::NamedWindowExpr::WindowSpec(spec) = &window.1 else {
                return Err(Error::unsupported("a window that names another"));
            };
            let name = fold(&window.0);
            if named.iter().any(|(other, _)| *other == name) {
                let message = format!("window \"{name}\" is already defined");
                return Err(Error::new(SqlState("42P20"), message));
            }
            named.push((name, spec.clone()));
        }
        let scope = self.scope();
        scope.named_windows = named;
        scope.aggregates = Some(Vec::new());
        scope.windows = Some(Vec::new());
        scope.sets = Some(Vec::new());
        scope.clause = "SELECT";
        Ok(())
    }

    fn place_windows(
        &mut self,
        calls: Vec<crate::postgres::sql::plan::WindowCall>,
    ) -> Option<Windows> {
        let slot = self.scope().window_slot?;
        Some(Windows { slot, calls })
    }

    pub(super) fn groups(&mut self, group_by: &GroupByExpr, list: &[SelectItem]) -> Result<Groups> {
        let GroupByExpr::Expressions(exprs, modifiers) = group_by else {
            return Err(Error::unsupported("GROUP BY ALL"));
        };
        if !modifiers.is_empty() {
            return Err(Error::unsupported("this form of GROUP BY"));
        }
        self.enter("GROUP BY");
        let mut groups = Groups::default();
        if exprs.is_empty() {
            return Ok(groups);
        }
        // Every element multiplies the sets.
        let mut sets: Vec<Vec<usize>> = vec![Vec::new()];
        for ast in exprs {
            let element = self.group_element(ast, list, &mut groups.keys)?;
            sets = sets
                .iter()
                .flat_map(|set| {
                    element
                        .iter()
                        .map(|more| [set.clone(), more.clone()].concat())
                })
                .collect();
        }
        groups.sets = sets;
        Ok(groups)
    }

    /// The grouping sets of one element of GROUP BY.
    fn group_element(
        &mut self,
        ast: &Ast,
        list: &[SelectItem],
        keys: &mut Vec<Expr>,
    ) -> Result<Vec<Vec<usize>>> {
        let mut sets = |analyser: &mut Self, sets: &[Vec<Ast>]| {
            let one = |set: &Vec<Ast>| {
                let columns = set.iter().map(|ast| analyser.group_key(ast, list, keys));
                columns.collect::<Result<Vec<usize>>>()
            };
            sets.iter().map(one).collect::<Result<Vec<_>>>()
        };
        Ok(match ast {
            Ast::Rollup(elements) => {
                let columns = sets(self, elements)?;
                (0..=columns.len())
                    .rev()
                    .map(|n| columns[..n].concat())
                    .collect()
            }
            Ast::Cube(elements) => {
                let columns = sets(self, elements)?;
                let subset = |bits: usize| {
                    let chosen = columns.iter().enumerate();
                    let chosen = chosen.filter(|(index, _)| bits >> index & 1 == 0);
                    chosen.flat_map(|(_, columns)| columns.clone()).collect()
                };
                if columns.len() > 12 {
                    return Err(Error::unsupported("a CUBE of more than 12 columns"));
                }
                (0..1usize << columns.len()).map(subset).collect()
            }
            Ast::GroupingSets(elements) => sets(self, elements)?,
            Ast::Tuple(elements) if elements.is_empty() => vec![Vec::new()],
            ast => vec![vec![self.group_key(ast, list, keys)?]],
        })
    }

    /// One key: a number or an output name stands for that output column.
    fn group_key(&mut self, ast: &Ast, list: &[SelectItem], keys: &mut Vec<Expr>) -> Result<usize> {
        let target = match output_number(ast) {
            Some(number) => list.get(number.wrapping_sub(1)),
            None => list.iter().find(|item| match (item, ast) {
                (SelectItem::ExprWithAlias { alias, .. }, Ast::Identifier(name)) => {
                    fold(alias) == fold(name) && self.column(None, name).is_err()
                }
                _ => false,
            }),
        };
        let ast = match target {
            Some(SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) => expr,
            Some(other) => return Err(Error::unsupported(format!("GROUP BY {other}"))),
            None if output_number(ast).is_some() => return Err(not_in_list("GROUP BY", ast)),
            None => ast,
        };
        let key = self.expr(ast)?;
        let key = self.settle(key)?.expr;
        Ok(match keys.iter().position(|other| *other == key) {
            Some(index) => index,
            None => {
                keys.push(key);
                keys.len() - 1
            }
        })
    }

    /// DISTINCT, which ORDER BY must not look behind.
    pub(super) fn distinct(
        &mut self,
        select: &AstSelect,
        items: &[Item],
        order: &[SortKey],
    ) -> Result<Distinct> {
        match &select.distinct {
            None | Some(AstDistinct::All) => Ok(Distinct::No),
            Some(AstDistinct::Distinct) => {
                let shown = |key: &SortKey| items.iter().any(|item| item.expr == key.expr);
                if order.iter().all(shown) {
                    return Ok(Distinct::Rows);
                }
                Err(Error::new(
                    SqlState::INVALID_COLUMN_REFERENCE,
                    "for SELECT DISTINCT, ORDER BY expressions must appear in select list",
                ))
            }
            Some(AstDistinct::On(exprs)) => {
                let mut keys = Vec::new();
                for ast in exprs {
                    keys.push(self.sort_expr(ast, items, "SELECT DISTINCT ON")?);
                }
                let leading = order.iter().take(keys.len());
                let matches = leading.clone().all(|key| keys.contains(&key.expr));
                if !matches {
                    return Err(Error::new(
                        SqlState::INVALID_COLUMN_REFERENCE,
                        "SELECT DISTINCT ON expressions must match initial ORDER BY expressions",
                    ));
                }
                Ok(Distinct::On(keys))
            }
        }
    }
}

fn refuse_clauses(select: &AstSelect) -> Result<()> {
    let refused = [
        (select.top.is_some(), "TOP"),
        (select.into.is_some(), "SELECT INTO"),
        (!select.lateral_views.is_empty(), "LATERAL VIEW"),
        (select.prewhere.is_some(), "PREWHERE"),
        (select.qualify.is_some(), "QUALIFY"),
        (!select.cluster_by.is_empty(), "CLUSTER BY"),
        (!select.connect_by.is_empty(), "CONNECT BY"),
    ];
    match refused.iter().find(|(present, _)| *present) {
        Some((_, what)) => Err(Error::unsupported(what)),
        None => Ok(()),
    }
}
