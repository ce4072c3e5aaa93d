//! The query of a view as text, as PostgreSQL's ruleutils lay it out: a line
//! for each clause and column, every name with its table, every conversion.
//!
//! The query is analysed once more as it was written. What that text cannot
//! be told of (WITH, windows, functions in FROM, nested joins) is refused.

use sqlparser::ast::{
    Join, JoinConstraint, OrderByExpr, OrderByKind, Query as AstQuery, Select as AstSelect,
    SetExpr, SetOperator, SetQuantifier, TableAlias, TableFactor, TableWithJoins,
};

use super::from::join_kind;
use super::output::{Item, output_number, sort_key};
use super::scope::{Relation, RelationColumn, Scope, Visible};
use super::{AGGREGATES, Analyser, Typed, fold, object_name};
use crate::postgres::error::{Error, Result};
use crate::postgres::sql::deparse::{Deparser, Names};
use crate::postgres::sql::expr::Expr;
use crate::postgres::sql::functions::quote_ident;
use crate::postgres::sql::plan::{Aggregate, AggregateFunction, Distinct, JoinKind, SortKey};
use crate::postgres::storage::catalog::{Catalog, Relation as Found, ViewColumn};
use crate::postgres::storage::sequence::SequenceId;
use crate::postgres::storage::table::TableId;
use crate::postgres::types::Type;

/// What a text is made for.
#[derive(Debug, Default)]
pub(super) struct Shown {
    pretty: bool,
    /// The names of relations of the queries around, which those within avoid.
    around: Vec<String>,
    /// The texts of subqueries, by number.
    subqueries: Vec<(usize, String)>,
    /// What is to have other names in the text.
    renamed: Option<Renamed>,
}

/// A table or view with the name that it is about to have, and those of its
/// columns.
#[derive(Debug)]
pub(in crate::postgres) struct Renamed {
    pub(in crate::postgres) relation: TableId,
    pub(in crate::postgres) name: String,
    pub(in crate::postgres) columns: Vec<String>,
}

/// How deep a query stands within another.
const WITHIN: usize = 8;

/// What the columns of a query are to be.
struct Wanted<'w> {
    /// None: what they are called by themselves, and what has no name has none.
    columns: Option<&'w [ViewColumn]>,
    /// True for a subquery of FROM, whose columns have names.
    named: bool,
}

/// The names of one query.
struct Sight<'s> {
    relations: Vec<(usize, String, Vec<String>)>,
    aggregates: Vec<String>,
    subqueries: &'s [(usize, String)],
    catalog: &'s Catalog,
    pretty: bool,
}

impl Names for Sight<'_> {
    fn column(&self, slot: usize, column: usize) -> String {
        if slot == AGGREGATES {
            return self.aggregates.get(column).cloned().unwrap_or_default();
        }
        let mut relations = self.relations.iter().rev();
        let relation = relations.find(|(other, ..)| *other == slot);
        let found = relation.and_then(|(_, name, columns)| Some((name, columns.get(column)?)));
        found.map_or(String::new(), |(relation, column)| {
            format!("{}.{}", quote_ident(relation), quote_ident(column))
        })
    }

    fn sequence(&self, id: SequenceId) -> String {
        let def = self.catalog.sequence(id);
        def.map_or(String::new(), |def| quote_ident(&def.name))
    }

    fn subquery(&self, id: usize) -> &str {
        let mut texts = self.subqueries.iter();
        texts
            .find(|(other, _)| *other == id)
            .map_or("", |(_, text)| text)
    }
}

impl Sight<'_> {
    fn expr(&self, expr: &Expr, implicit: bool) -> String {
        Deparser::new(self, self.pretty)
            .indented(WITHIN)
            .text(expr, implicit)
    }

    fn list(&self, exprs: &[Expr]) -> String {
        let exprs: Vec<String> = exprs.iter().map(|expr| self.expr(expr, true)).collect();
        exprs.join(", ")
    }

    /// What groups or sorts: in parentheses unless it is a column.
    fn key(&self, expr: &Expr) -> String {
        let shown = self.expr(expr, false);
        match expr {
            Expr::Column { slot, .. } if *slot != AGGREGATES => shown,
            _ if !self.pretty && shown.starts_with('(') => shown,
            _ => format!("({shown})"),
        }
    }

    fn sorted(&self, key: &SortKey, expr: &str) -> String {
        let order = match (key.descending, key.nulls_first) {
            (false, false) => "",
            (false, true) => " NULLS FIRST",
            (true, true) => " DESC",
            (true, false) => " DESC NULLS LAST",
        };
        format!("{expr}{order}")
    }

    /// What is sorted by twice counts once.
    fn order(&self, keys: &[SortKey]) -> String {
        let mut shown = Vec::new();
        for (at, key) in keys.iter().enumerate() {
            if !keys[..at].iter().any(|other| other.expr == key.expr) {
                shown.push(self.sorted(key, &self.key(&key.expr)));
            }
        }
        shown.join(", ")
    }

    fn aggregate(&self, aggregate: &Aggregate) -> String {
        let name = aggregate_name(aggregate);
        let distinct = if aggregate.distinct { "DISTINCT " } else { "" };
        let arguments = match aggregate.arguments.as_slice() {
            [] => "*".to_owned(),
            list => self.list(list),
        };
        let order = match aggregate.order.as_slice() {
            [] => String::new(),
            keys => format!(" ORDER BY {}", self.order(keys)),
        };
        let filter = aggregate.filter.as_ref().map_or(String::new(), |filter| {
            format!(" FILTER (WHERE {})", self.expr(filter, false))
        });
        format!("{name}({distinct}{arguments}{order}){filter}")
    }
}

impl Analyser<'_> {
    /// The query of a view of these columns.
    pub(in crate::postgres) fn view_text(
        mut self,
        query: &AstQuery,
        columns: &[ViewColumn],
        pretty: bool,
    ) -> Result<String> {
        self.shown = Some(Shown {
            pretty,
            ..Shown::default()
        });
        self.shown_text(query, columns)
    }

    /// As [`Analyser::view_text`], once something has other names.
    pub(in crate::postgres) fn view_text_with(
        mut self,
        query: &AstQuery,
        columns: &[ViewColumn],
        renamed: Renamed,
    ) -> Result<String> {
        // Without parentheses around joins, which are not shown from a text.
        self.shown = Some(Shown {
            pretty: true,
            renamed: Some(renamed),
            ..Shown::default()
        });
        self.shown_text(query, columns)
    }

    fn shown_text(&mut self, query: &AstQuery, columns: &[ViewColumn]) -> Result<String> {
        self.as_written = true;
        let wanted = Wanted {
            columns: Some(columns),
            named: true,
        };
        Ok(self.query_text(query, &wanted)? + ";")
    }

    /// Notes the text of a subquery of an expression, if there is to be one.
    pub(super) fn note_text(&mut self, id: usize, query: &AstQuery) -> Result<()> {
        if self.shown.is_none() {
            return Ok(());
        }
        let own = Wanted {
            columns: None,
            named: false,
        };
        let text = self.text_within(query, &own)?;
        if let Some(shown) = &mut self.shown {
            shown.subqueries.push((id, text));
        }
        Ok(())
    }

    /// The text of a query within the one that is at hand.
    fn text_within(&mut self, query: &AstQuery, wanted: &Wanted<'_>) -> Result<String> {
        let text = self.query_text(query, wanted)?;
        Ok(text.replace('\n', &format!("\n{:WITHIN$}", "")))
    }

    fn query_text(&mut self, query: &AstQuery, wanted: &Wanted<'_>) -> Result<String> {
        if query.with.is_some() || query.fetch.is_some() || !query.locks.is_empty() {
            return Err(refused("WITH, FETCH or FOR UPDATE"));
        }
        let body = match &*query.body {
            SetExpr::Select(select) => return self.select_text(query, select, wanted),
            body => self.body_text(body, wanted)?,
        };
        // What is no SELECT is sorted by its columns' numbers.
        let names: Vec<String> = match wanted.columns {
            Some(columns) => columns.iter().map(|column| column.name.clone()).collect(),
            None => Vec::new(),
        };
        let mut keys = Vec::new();
        for key in order_keys(query)? {
            let named = || names.iter().position(|name| *name == key.expr.to_string());
            let number = output_number(&key.expr).or_else(|| named().map(|at| at + 1));
            let number = number.ok_or_else(|| refused("this ORDER BY"))?;
            let sorted = sort_key(key, Expr::CaseTest)?;
            keys.push((number, sorted));
        }
        self.scopes.push(Scope::default());
        let limits = self.limit(query);
        self.scopes.pop();
        let (limit, offset, _) = limits?;
        let sight = self.sight(0);
        let keys = keys
            .iter()
            .map(|(at, key)| sight.sorted(key, &at.to_string()));
        let keys: Vec<String> = keys.collect();
        Ok(body + &ends(&sight, &keys.join(", "), limit.as_ref(), offset.as_ref()))
    }

    /// SELECTs that UNION and its kin bring together, from left to right.
    fn body_text(&mut self, body: &SetExpr, wanted: &Wanted<'_>) -> Result<String> {
        match body {
            SetExpr::Select(select) => {
                let query = super::query::bare(body.clone());
                self.select_text(&query, select, wanted)
            }
            SetExpr::Query(inner) if inner.order_by.is_none() && inner.limit_clause.is_none() => {
                self.query_text(inner, wanted)
            }
            SetExpr::SetOperation {
                op,
                set_quantifier,
                left,
                right,
            } => {
                let same = |side: &SetExpr| match side {
                    SetExpr::SetOperation {
                        op: other,
                        set_quantifier: all,
                        ..
                    } => op == other && set_quantifier == all,
                    _ => true,
                };
                if !same(left) || matches!(**right, SetExpr::SetOperation { .. }) {
                    return Err(refused("set operations of several kinds"));
                }
                let word = match op {
                    SetOperator::Union => "UNION",
                    SetOperator::Intersect => "INTERSECT",
                    SetOperator::Except | SetOperator::Minus => "EXCEPT",
                };
                let all = match set_quantifier {
                    SetQuantifier::All => " ALL",
                    _ => "",
                };
                let left = self.body_text(left, wanted)?;
                let right = self.body_text(right, wanted)?;
                Ok(format!("{left}\n{word}{all}\n{right}"))
            }
            _ => Err(refused("VALUES")),
        }
    }

    fn select_text(
        &mut self,
        query: &AstQuery,
        select: &AstSelect,
        wanted: &Wanted<'_>,
    ) -> Result<String> {
        let base = self.next_slot;
        let around = self.shown.as_ref().map_or(0, |shown| shown.around.len());
        self.scopes.push(Scope::default());
        let text = self.select_text_in_scope(query, select, wanted, around);
        self.scopes.pop();
        self.next_slot = base;
        if let Some(shown) = &mut self.shown {
            shown.around.truncate(around);
        }
        text
    }

    fn select_text_in_scope(
        &mut self,
        query: &AstQuery,
        select: &AstSelect,
        wanted: &Wanted<'_>,
        around: usize,
    ) -> Result<String> {
        self.choose_names(&select.from)?;
        let mut from = Vec::new();
        for item in &select.from {
            let (text, visible) = self.item_text(item, around)?;
            from.push(text);
            self.scope().visible.extend(visible);
        }
        self.enter("WHERE");
        let filter = select.selection.as_ref();
        let filter = filter.map(|filter| self.condition(filter, "WHERE"));
        let filter = filter.transpose()?;
        let groups = self.groups(&select.group_by, &select.projection)?;
        self.open_output(&select.named_window)?;
        let items = self.projection(&select.projection)?;
        let order = self.order(query, &items)?;
        let distinct = self.distinct(select, &items, &order)?;
        let scope = self.scope();
        let several = groups.sets.len() > 1;
        if several || scope.windows.take().is_some_and(|calls| !calls.is_empty()) {
            return Err(refused("windows or several grouping sets"));
        }
        if scope.sets.take().is_some_and(|sets| !sets.is_empty()) {
            return Err(refused("sets in a select list"));
        }
        scope.clause = "HAVING";
        let having = select.having.as_ref();
        let having = having.map(|having| self.condition(having, "HAVING"));
        let having = having.transpose()?;
        let aggregates = self.scope().aggregates.take().unwrap_or_default();
        let (limit, offset, _) = self.limit(query)?;
        let items = self.final_items(items, wanted)?;
        let mut sight = self.sight(around);
        for aggregate in &aggregates {
            let text = sight.aggregate(aggregate);
            sight.aggregates.push(text);
        }
        let mut text = " SELECT".to_owned();
        text += &match distinct {
            Distinct::No => String::new(),
            Distinct::Rows => " DISTINCT".to_owned(),
            Distinct::On(keys) => {
                let keys: Vec<String> = keys.iter().map(|key| sight.key(key)).collect();
                format!(" DISTINCT ON ({})", keys.join(", "))
            }
        };
        for (at, (expr, name)) in items.iter().enumerate() {
            let shown = target(&sight, expr, name, wanted);
            // A CASE begins with a line of its own.
            text += match (at, shown.starts_with('\n')) {
                (0, true) => "",
                (0, false) => " ",
                (_, true) => ",",
                (_, false) => ",\n    ",
            };
            text += &shown;
        }
        if !from.is_empty() {
            text += &format!("\n   FROM {}", from.join(",\n    "));
        }
        if let Some(filter) = &filter {
            text += &format!("\n  WHERE {}", sight.expr(filter, false));
        }
        let keys: Vec<String> = groups.keys.iter().map(|key| sight.key(key)).collect();
        text += &match (keys.as_slice(), groups.sets.as_slice()) {
            (_, []) => String::new(),
            ([], _) => "\n  GROUP BY ()".to_owned(),
            (keys, _) => format!("\n  GROUP BY {}", keys.join(", ")),
        };
        if let Some(having) = &having {
            text += &format!("\n HAVING {}", sight.expr(having, false));
        }
        let order = sight.order(&order);
        Ok(text + &ends(&sight, &order, limit.as_ref(), offset.as_ref()))
    }

    /// The columns of a SELECT, of the types that they are to have.
    fn final_items(
        &mut self,
        items: Vec<Item>,
        wanted: &Wanted<'_>,
    ) -> Result<Vec<(Expr, String)>> {
        let mut exprs = Vec::new();
        for (at, item) in items.into_iter().enumerate() {
            let column = wanted.columns.and_then(|columns| columns.get(at));
            let name = column.map_or(item.column.name, |column| column.name.clone());
            let value = Typed::new(item.expr, item.column.ty);
            let to = column.map_or(Type::Text, |column| column.ty);
            let expr = match value.ty {
                Type::Unknown => self.implicit(value, to)?,
                _ => value.expr,
            };
            exprs.push((expr, name));
        }
        Ok(exprs)
    }

    /// Names for the relations of a FROM that no query around has.
    fn choose_names(&mut self, from: &[TableWithJoins]) -> Result<()> {
        let joined = from.iter().flat_map(|item| {
            let joins = item.joins.iter().map(|join| &join.relation);
            std::iter::once(&item.relation).chain(joins)
        });
        for factor in joined {
            let name = self.own_name(factor)?;
            if let Some(shown) = &mut self.shown {
                let numbered = (1..).map(|number| format!("{name}_{number}"));
                let mut names = std::iter::once(name.clone()).chain(numbered);
                let free = names.find(|name| !shown.around.contains(name));
                shown.around.push(free.unwrap_or(name));
            }
        }
        Ok(())
    }

    /// An item of FROM; the names of its query begin at `around`.
    fn item_text(
        &mut self,
        item: &TableWithJoins,
        around: usize,
    ) -> Result<(String, Vec<Visible>)> {
        let first = self.scope().relations.len();
        let (mut text, mut visible) = self.factor_text(&item.relation, around)?;
        for join in &item.joins {
            let (right, right_visible) = self.factor_text(&join.relation, around)?;
            let (on, both) = self.join_text(join, first, visible, right_visible, around)?;
            let (words, on) = on;
            visible = both;
            text = format!("{text}\n     {words} {right}{on}");
            if !self.is_pretty() {
                text = format!("({text})");
            }
        }
        Ok((text, visible))
    }

    fn is_pretty(&self) -> bool {
        self.shown.as_ref().is_some_and(|shown| shown.pretty)
    }

    /// The words of a join, and what it asks.
    fn join_text(
        &mut self,
        join: &Join,
        first: usize,
        left: Vec<Visible>,
        right: Vec<Visible>,
        around: usize,
    ) -> Result<((&'static str, String), Vec<Visible>)> {
        let (constraint, kind, swapped) = join_kind(&join.join_operator)?;
        let merges = !matches!(constraint, JoinConstraint::None | JoinConstraint::On(_));
        if merges && kind == JoinKind::Full {
            return Err(refused("FULL JOIN USING"));
        }
        let shared: Vec<String> = match constraint {
            JoinConstraint::Using(names) => names.iter().map(object_name).collect::<Result<_>>()?,
            JoinConstraint::Natural => {
                let in_right = |name: &str| right.iter().any(|column| column.name == name);
                let shared = left.iter().filter(|column| in_right(&column.name));
                shared.map(|column| column.name.clone()).collect()
            }
            _ => Vec::new(),
        };
        self.refuse_renamed(&shared)?;
        let (on, both) = self.constraint(constraint, kind, swapped, first, left, right)?;
        let words = match (kind, swapped, constraint) {
            (JoinKind::Inner, _, JoinConstraint::None) => "CROSS JOIN",
            (JoinKind::Inner, ..) => "JOIN",
            (JoinKind::Full, ..) => "FULL JOIN",
            (JoinKind::Left, false, _) => "LEFT JOIN",
            (JoinKind::Left, true, _) => "RIGHT JOIN",
        };
        let mut on = on.into_iter();
        let condition = match (on.next(), on.len()) {
            (Some(first), 0) => Some(first),
            (Some(first), _) => Some(Expr::And(std::iter::once(first).chain(on).collect())),
            (None, _) => None,
        };
        let sight = self.sight(around);
        let asked = match (merges, condition) {
            (true, _) => {
                let names: Vec<String> = shared.iter().map(|name| quote_ident(name)).collect();
                format!(" USING ({})", names.join(", "))
            }
            (false, Some(on)) if sight.pretty => format!(" ON {}", sight.expr(&on, false)),
            (false, Some(on)) => format!(" ON ({})", sight.expr(&on, false)),
            (false, None) => String::new(),
        };
        Ok(((words, asked), both))
    }

    /// A table, view or subquery of FROM, with its name if that is another.
    fn factor_text(
        &mut self,
        factor: &TableFactor,
        around: usize,
    ) -> Result<(String, Vec<Visible>)> {
        let at = self.scope().relations.len();
        let (_, visible) = self.factor(factor)?;
        let shown = self.shown.as_ref();
        let name = shown.and_then(|shown| shown.around.get(around + at).cloned());
        let name = quote_ident(&name.unwrap_or_default());
        let text = match factor {
            TableFactor::Table { name: table, .. } => {
                let table = table.0.iter().filter_map(|part| part.as_ident());
                let mut table: Vec<String> = table.map(|part| quote_ident(&fold(part))).collect();
                let relation = self.scope().relations.get(at).and_then(Relation::id);
                if let (Some(renamed), Some(last)) = (self.renamed(relation), table.last_mut()) {
                    *last = quote_ident(&renamed.name);
                }
                match table.as_slice() {
                    [schema, table] if matches!(&**schema, "public" | "pg_catalog") => {
                        table.clone()
                    }
                    parts => parts.join("."),
                }
            }
            TableFactor::Derived {
                lateral, subquery, ..
            } => {
                let own = Wanted {
                    columns: None,
                    named: true,
                };
                let scope = self.scope();
                let relations = std::mem::take(&mut scope.relations);
                let seen = std::mem::take(&mut scope.visible);
                let text = self.text_within(subquery, &own);
                let scope = self.scope();
                scope.relations = relations;
                scope.visible = seen;
                let lateral = if *lateral { "LATERAL " } else { "" };
                format!("{lateral}({})", text?)
            }
            _ => return Err(refused("what is no table in FROM")),
        };
        let aliased = matches!(factor, TableFactor::Table { alias: Some(_), .. }) || text != name;
        Ok((
            if aliased {
                format!("{text} {name}")
            } else {
                text
            },
            visible,
        ))
    }

    /// The other names of a relation, if it is about to have some.
    fn renamed(&self, relation: Option<TableId>) -> Option<&Renamed> {
        let renamed = self.shown.as_ref()?.renamed.as_ref();
        renamed.filter(|renamed| Some(renamed.relation) == relation)
    }

    /// A column that USING merges has one name.
    fn refuse_renamed(&self, shared: &[String]) -> Result<()> {
        let relations = self.scopes.last().map_or(&[][..], |scope| &scope.relations);
        for relation in relations {
            let Some(renamed) = self.renamed(relation.id()) else {
                continue;
            };
            let mut columns = relation.columns.iter().zip(&renamed.columns);
            let changed = |(old, new): (&RelationColumn, &String)| {
                old.name != *new && shared.contains(&old.name)
            };
            if columns.any(changed) {
                return Err(refused("USING of a column that is renamed"));
            }
        }
        Ok(())
    }

    /// The name that an item of FROM has in its query.
    fn own_name(&self, factor: &TableFactor) -> Result<String> {
        let given = |alias: &TableAlias| match alias.columns.as_slice() {
            [] => Ok(fold(&alias.name)),
            _ => Err(refused("names for the columns of a table")),
        };
        match factor {
            TableFactor::Table {
                alias: Some(alias),
                args: None,
                ..
            }
            | TableFactor::Derived {
                alias: Some(alias), ..
            } => given(alias),
            TableFactor::Table {
                name, args: None, ..
            } => {
                let found = self
                    .catalog
                    .relation(&object_name(name)?, self.clog, self.top);
                let id = match found {
                    Some(Found::Table(id)) => Some(id),
                    Some(Found::View(id)) => Some(TableId(id)),
                    _ => None,
                };
                if let Some(renamed) = self.renamed(id) {
                    return Ok(renamed.name.clone());
                }
                let last = name.0.last().and_then(|part| part.as_ident());
                last.map(fold).ok_or_else(|| refused("this table"))
            }
            _ => Err(refused("what is no table in FROM")),
        }
    }

    /// All that is in sight; the names of the innermost query begin at
    /// `around`, those of the queries around it stand before.
    fn sight(&self, around: usize) -> Sight<'_> {
        let names = self.shown.as_ref().map_or(&[][..], |shown| &shown.around);
        let own = self.scopes.last().map_or(0, |scope| scope.relations.len());
        let all: Vec<&Relation> = self
            .scopes
            .iter()
            .flat_map(|scope| &scope.relations)
            .collect();
        let outer = all.len() - own;
        let relations = all.iter().enumerate().map(|(at, relation)| {
            // Names stand in the order in which relations came in sight.
            let at = match at.checked_sub(outer) {
                Some(own) => around + own,
                None => at,
            };
            let name = names.get(at).cloned().unwrap_or_default();
            let columns = match self.renamed(relation.id()) {
                Some(renamed) => renamed.columns.clone(),
                None => {
                    let columns = relation.columns.iter();
                    columns.map(|column| column.name.clone()).collect()
                }
            };
            (relation.slot, name, columns)
        });
        Sight {
            relations: relations.collect(),
            aggregates: Vec::new(),
            subqueries: self.shown.as_ref().map_or(&[], |shown| &shown.subqueries),
            catalog: self.catalog,
            pretty: self.is_pretty(),
        }
    }
}

fn refused(what: &str) -> Error {
    Error::unsupported(format!("the text of a view with {what}"))
}

/// A column of a SELECT, with its name where it does not say that itself.
fn target(sight: &Sight<'_>, expr: &Expr, name: &str, wanted: &Wanted<'_>) -> String {
    let shown = sight.expr(expr, true);
    let column = matches!(expr, Expr::Column { slot, .. } if *slot != AGGREGATES);
    let says = match column {
        true => shown.ends_with(&format!(".{}", quote_ident(name))),
        false => !wanted.named && name == "?column?",
    };
    match says {
        true => shown,
        false => format!("{shown} AS {}", quote_ident(name)),
    }
}

/// ORDER BY, OFFSET and LIMIT.
fn ends(sight: &Sight<'_>, order: &str, limit: Option<&Expr>, offset: Option<&Expr>) -> String {
    let mut text = String::new();
    if !order.is_empty() {
        text += &format!("\n  ORDER BY {order}");
    }
    if let Some(offset) = offset {
        text += &format!("\n OFFSET {}", sight.expr(offset, false));
    }
    if let Some(limit) = limit {
        text += &format!("\n LIMIT {}", sight.expr(limit, false));
    }
    text
}

fn order_keys(query: &AstQuery) -> Result<&[OrderByExpr]> {
    match query.order_by.as_ref().map(|order| &order.kind) {
        None => Ok(&[]),
        Some(OrderByKind::Expressions(keys)) => Ok(keys),
        Some(_) => Err(refused("ORDER BY ALL")),
    }
}

fn aggregate_name(aggregate: &Aggregate) -> &'static str {
    match (aggregate.function, aggregate.ty) {
        (AggregateFunction::Count, _) => "count",
        (AggregateFunction::Sum, _) => "sum",
        (AggregateFunction::Avg, _) => "avg",
        (AggregateFunction::Min, _) => "min",
        (AggregateFunction::Max, _) => "max",
        (AggregateFunction::BoolAnd, _) => "bool_and",
        (AggregateFunction::BoolOr, _) => "bool_or",
        (AggregateFunction::StringAgg, _) => "string_agg",
        (AggregateFunction::ArrayAgg, _) => "array_agg",
        (AggregateFunction::JsonAgg, Type::Jsonb) => "jsonb_agg",
        (AggregateFunction::JsonAgg, _) => "json_agg",
        (AggregateFunction::JsonObjectAgg, Type::Jsonb) => "jsonb_object_agg",
        (AggregateFunction::JsonObjectAgg, _) => "json_object_agg",
    }
}
