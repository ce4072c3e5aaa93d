//! SELECT and VALUES.

use sqlparser::ast::{
    Distinct, Expr as Ast, GroupByExpr, LimitClause, LockClause, NonBlock, ObjectNamePart,
    OrderByExpr, OrderByKind, OrderBySort, Query, Select as AstSelect, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, Value as Literal, Values,
};

use super::{Analyser, Typed, fold, object_name};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::locks::LockMode;
use crate::postgres::sql::expr::Expr;
use crate::postgres::sql::plan::{Grouping, OutputColumn, RowLock, Select, SortKey, WaitPolicy};
use crate::postgres::storage::RowLockMode;
use crate::postgres::types::Type;

/// An output column with what ORDER BY may call it.
pub(super) struct Item {
    pub(super) column: OutputColumn,
    pub(super) expr: Expr,
}

impl Analyser<'_> {
    pub(super) fn query(&mut self, query: &Query) -> Result<(Select, Vec<OutputColumn>)> {
        if query.with.is_some() {
            return Err(Error::unsupported("WITH"));
        }
        if query.fetch.is_some() {
            return Err(Error::unsupported("FETCH FIRST"));
        }
        let lock = if query.locks.is_empty() {
            LockMode::AccessShare
        } else {
            LockMode::RowShare
        };
        match &*query.body {
            SetExpr::Select(select) => self.select(query, select, lock),
            SetExpr::Values(values) => self.values(query, values),
            SetExpr::Query(inner)
                if query.order_by.is_none()
                    && query.limit_clause.is_none()
                    && query.locks.is_empty() =>
            {
                self.query(inner)
            }
            SetExpr::SetOperation { op, .. } => Err(Error::unsupported(op)),
            other => Err(Error::unsupported(format!("the query {other}"))),
        }
    }

    fn values(&mut self, query: &Query, values: &Values) -> Result<(Select, Vec<OutputColumn>)> {
        if query.order_by.is_some() || query.limit_clause.is_some() {
            return Err(Error::unsupported("VALUES with ORDER BY or LIMIT"));
        }
        let mut rows = Vec::new();
        for row in &values.rows {
            let row: Vec<Typed> = row
                .content
                .iter()
                .map(|value| self.expr(value))
                .collect::<Result<_>>()?;
            rows.push(row);
        }
        let width = rows.first().map_or(0, Vec::len);
        if rows.iter().any(|row| row.len() != width) {
            return Err(Error::new(
                SqlState::SYNTAX_ERROR,
                "VALUES lists must all be the same length",
            ));
        }
        let mut output = Vec::new();
        let mut columns = Vec::new();
        for index in 0..width {
            let values = rows.iter().map(|row| row[index].clone()).collect();
            let (exprs, ty) = self.unify(values, "VALUES")?;
            columns.push(exprs.into_iter());
            output.push(OutputColumn {
                name: format!("column{}", index + 1),
                ty,
                modifier: -1,
                origin: None,
            });
        }
        let rows = rows
            .iter()
            .map(|_| columns.iter_mut().filter_map(Iterator::next).collect())
            .collect();
        let select = Select {
            from: Vec::new(),
            filter: Vec::new(),
            grouping: None,
            output: Vec::new(),
            distinct: false,
            order: Vec::new(),
            limit: None,
            offset: None,
            locks: Vec::new(),
            values: Some(rows),
        };
        Ok((select, output))
    }

    fn select(
        &mut self,
        query: &Query,
        select: &AstSelect,
        lock: LockMode,
    ) -> Result<(Select, Vec<OutputColumn>)> {
        refuse_clauses(select)?;
        let mut from = Vec::new();
        self.add_from(&select.from, lock, &mut from)?;
        let filter = self.where_clause(select.selection.as_ref(), &mut from)?;
        let mut keys = self.group_keys(&select.group_by, &select.projection)?;
        self.aggregates = Some(Vec::new());
        let mut items = self.projection(&select.projection)?;
        let mut having = match &select.having {
            Some(having) => Some(self.condition(having, "HAVING")?),
            None => None,
        };
        let mut order = self.order(query, &items)?;
        let aggregates = self.aggregates.take().unwrap_or_default();
        let grouped = !keys.is_empty() || !aggregates.is_empty() || having.is_some();
        let grouping = if grouped {
            for expr in items
                .iter_mut()
                .map(|item| &mut item.expr)
                .chain(having.iter_mut())
                .chain(order.iter_mut().map(|key| &mut key.expr))
            {
                self.over_groups(expr, &keys)?;
            }
            Some(Grouping {
                keys: std::mem::take(&mut keys),
                aggregates,
                having,
            })
        } else {
            None
        };
        let distinct = distinct(select, &items, &order)?;
        let locks = self.locks(&query.locks, grouping.is_some(), distinct)?;
        let (limit, offset) = self.limit(query)?;
        let (output, columns) = items
            .into_iter()
            .map(|item| (item.expr, item.column))
            .unzip();
        let select = Select {
            from,
            filter,
            grouping,
            output,
            distinct,
            order,
            limit,
            offset,
            locks,
            values: None,
        };
        Ok((select, columns))
    }

    /// The select list, or RETURNING.
    pub(super) fn projection(&mut self, list: &[SelectItem]) -> Result<Vec<Item>> {
        let mut items = Vec::new();
        for item in list {
            match item {
                SelectItem::UnnamedExpr(ast) => {
                    let value = self.expr(ast)?;
                    items.push(self.item(value, column_name(ast))?);
                }
                SelectItem::ExprWithAlias { expr, alias } => {
                    let value = self.expr(expr)?;
                    items.push(self.item(value, fold(alias))?);
                }
                SelectItem::Wildcard(_) => {
                    if self.relations.is_empty() {
                        return Err(Error::new(
                            SqlState::SYNTAX_ERROR,
                            "SELECT * with no tables specified is not valid",
                        ));
                    }
                    for relation in 0..self.relations.len() {
                        self.all_columns(relation, &mut items);
                    }
                }
                SelectItem::QualifiedWildcard(
                    SelectItemQualifiedWildcardKind::ObjectName(name),
                    _,
                ) => {
                    let name = object_name(name)?;
                    let relation = self.relation(&name)?;
                    self.all_columns(relation, &mut items);
                }
                other => return Err(Error::unsupported(format!("{other}"))),
            }
        }
        Ok(items)
    }

    fn relation(&self, name: &str) -> Result<usize> {
        self.relations
            .iter()
            .position(|relation| relation.name == name)
            .ok_or_else(|| {
                Error::new(
                    SqlState::UNDEFINED_TABLE,
                    format!("missing FROM-clause entry for table \"{name}\""),
                )
            })
    }

    fn item(&mut self, value: Typed, name: String) -> Result<Item> {
        let value = self.settle(value)?;
        let origin = match value.expr {
            Expr::Column { relation, column } => self.relations.get(relation).map(|relation| {
                let number = i16::try_from(column + 1).unwrap_or(0);
                (relation.table.id, number)
            }),
            _ => None,
        };
        Ok(Item {
            column: OutputColumn {
                name,
                ty: value.ty,
                modifier: value.modifier,
                origin,
            },
            expr: value.expr,
        })
    }

    fn all_columns(&self, relation: usize, items: &mut Vec<Item>) {
        let table = &self.relations[relation].table;
        for (index, column) in table.columns.iter().enumerate() {
            items.push(Item {
                column: OutputColumn {
                    name: column.name.to_string(),
                    ty: column.ty,
                    modifier: column.modifier,
                    origin: Some((table.id, i16::try_from(index + 1).unwrap_or(0))),
                },
                expr: Expr::Column {
                    relation,
                    column: index,
                },
            });
        }
    }

    fn group_keys(&mut self, group_by: &GroupByExpr, list: &[SelectItem]) -> Result<Vec<Expr>> {
        let GroupByExpr::Expressions(exprs, modifiers) = group_by else {
            return Err(Error::unsupported("GROUP BY ALL"));
        };
        if !modifiers.is_empty() {
            return Err(Error::unsupported("this form of GROUP BY"));
        }
        self.no_aggregates = "GROUP BY";
        let mut keys = Vec::new();
        for ast in exprs {
            // A number or an output name stands for that output column.
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
                Some(SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) => {
                    expr
                }
                Some(other) => return Err(Error::unsupported(format!("GROUP BY {other}"))),
                None if output_number(ast).is_some() => return Err(not_in_list("GROUP BY", ast)),
                None => ast,
            };
            let key = self.expr(ast)?;
            keys.push(self.settle(key)?.expr);
        }
        Ok(keys)
    }

    fn order(&mut self, query: &Query, items: &[Item]) -> Result<Vec<SortKey>> {
        let Some(order) = &query.order_by else {
            return Ok(Vec::new());
        };
        let OrderByKind::Expressions(exprs) = &order.kind else {
            return Err(Error::unsupported("ORDER BY ALL"));
        };
        exprs.iter().map(|key| self.sort_key(key, items)).collect()
    }

    fn sort_key(&mut self, key: &OrderByExpr, items: &[Item]) -> Result<SortKey> {
        let by_name = |name: &str| items.iter().find(|item| item.column.name == name);
        let expr = match (output_number(&key.expr), &key.expr) {
            (Some(number), ast) => items
                .get(number.wrapping_sub(1))
                .map(|item| item.expr.clone())
                .ok_or_else(|| not_in_list("ORDER BY", ast))?,
            (None, Ast::Identifier(name)) if by_name(&fold(name)).is_some() => {
                let item = by_name(&fold(name));
                item.map_or_else(
                    || self.column(None, name).map(|c| c.expr),
                    |item| Ok(item.expr.clone()),
                )?
            }
            (None, ast) => {
                let value = self.expr(ast)?;
                self.settle(value)?.expr
            }
        };
        let descending = match &key.options.sort {
            None | Some(OrderBySort::Asc) => false,
            Some(OrderBySort::Desc) => true,
            Some(OrderBySort::Using(_)) => return Err(Error::unsupported("ORDER BY USING")),
        };
        Ok(SortKey {
            expr,
            descending,
            nulls_first: key.options.nulls_first.unwrap_or(descending),
        })
    }

    fn limit(&mut self, query: &Query) -> Result<(Option<Expr>, Option<Expr>)> {
        self.no_aggregates = "LIMIT";
        let (limit, offset) = match &query.limit_clause {
            None => (None, None),
            Some(LimitClause::LimitOffset {
                limit,
                offset,
                limit_by,
            }) if limit_by.is_empty() => (limit.as_ref(), offset.as_ref().map(|o| &o.value)),
            Some(other) => return Err(Error::unsupported(other)),
        };
        let mut count = |ast: Option<&Ast>| {
            ast.map(|ast| {
                let value = self.expr(ast)?;
                self.implicit(value, Type::Int8)
            })
            .transpose()
        };
        Ok((count(limit)?, count(offset)?))
    }

    fn locks(
        &mut self,
        clauses: &[LockClause],
        grouped: bool,
        distinct: bool,
    ) -> Result<Vec<RowLock>> {
        let mut locks: Vec<RowLock> = Vec::new();
        for clause in clauses {
            let mut names = clause.of.iter().flat_map(|of| &of.0);
            let strength = names.next().and_then(ObjectNamePart::as_ident);
            let strength = strength.map_or("UPDATE", |ident| &ident.value);
            let mode = match strength {
                "KEY SHARE" => RowLockMode::KeyShare,
                "SHARE" => RowLockMode::Share,
                "NO KEY UPDATE" => RowLockMode::NoKeyUpdate,
                _ => RowLockMode::Update,
            };
            if grouped || distinct {
                let what = if distinct {
                    "DISTINCT clause"
                } else {
                    "aggregate functions"
                };
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
            let mut relations = Vec::new();
            for name in names.filter_map(ObjectNamePart::as_ident) {
                let name = fold(name);
                let relation = self.relations.iter().position(|r| r.name == name);
                relations.push(relation.ok_or_else(|| {
                    Error::new(
                        SqlState::UNDEFINED_TABLE,
                        format!(
                            "relation \"{name}\" in FOR {strength} clause not found in FROM clause"
                        ),
                    )
                })?);
            }
            if relations.is_empty() {
                relations = (0..self.relations.len()).collect();
            }
            for relation in relations {
                match locks.iter_mut().find(|lock| lock.relation == relation) {
                    // The strongest lock and the most impatient policy win.
                    Some(lock) => {
                        lock.mode = lock.mode.max(mode);
                        if lock.policy == WaitPolicy::Block || policy == WaitPolicy::Error {
                            lock.policy = policy;
                        }
                    }
                    None => locks.push(RowLock {
                        relation,
                        mode,
                        policy,
                    }),
                }
            }
        }
        Ok(locks)
    }
}

/// DISTINCT, which ORDER BY must not look behind.
fn distinct(select: &AstSelect, items: &[Item], order: &[SortKey]) -> Result<bool> {
    match &select.distinct {
        None | Some(Distinct::All) => return Ok(false),
        Some(Distinct::Distinct) => {}
        Some(Distinct::On(_)) => return Err(Error::unsupported("DISTINCT ON")),
    }
    let shown = |key: &SortKey| items.iter().any(|item| item.expr == key.expr);
    if order.iter().all(shown) {
        return Ok(true);
    }
    Err(Error::new(
        SqlState::INVALID_COLUMN_REFERENCE,
        "for SELECT DISTINCT, ORDER BY expressions must appear in select list",
    ))
}

fn refuse_clauses(select: &AstSelect) -> Result<()> {
    let refused = [
        (select.top.is_some(), "TOP"),
        (select.into.is_some(), "SELECT INTO"),
        (!select.lateral_views.is_empty(), "LATERAL VIEW"),
        (select.prewhere.is_some(), "PREWHERE"),
        (!select.named_window.is_empty(), "WINDOW"),
        (select.qualify.is_some(), "QUALIFY"),
        (!select.cluster_by.is_empty(), "CLUSTER BY"),
        (!select.connect_by.is_empty(), "CONNECT BY"),
    ];
    match refused.iter().find(|(present, _)| *present) {
        Some((_, what)) => Err(Error::unsupported(what)),
        None => Ok(()),
    }
}

fn output_number(ast: &Ast) -> Option<usize> {
    match ast {
        Ast::Value(value) => match &value.value {
            Literal::Number(digits, _) => digits.parse().ok(),
            _ => None,
        },
        _ => None,
    }
}

fn not_in_list(clause: &str, ast: &Ast) -> Error {
    Error::new(
        SqlState::INVALID_COLUMN_REFERENCE,
        format!("{clause} position {ast} is not in select list"),
    )
}

/// The name that PostgreSQL gives an output column.
fn column_name(ast: &Ast) -> String {
    let (name, _) = figure_name(ast);
    name.unwrap_or_else(|| UNNAMED.to_owned())
}

/// A name, and whether it is a strong one: a cast only overrides weak ones.
fn figure_name(ast: &Ast) -> (Option<String>, bool) {
    match ast {
        Ast::Identifier(name) => (Some(fold(name)), true),
        Ast::CompoundIdentifier(parts) => (parts.last().map(fold), true),
        Ast::Nested(inner) => figure_name(inner),
        Ast::Function(call) => (object_name(&call.name).ok(), true),
        Ast::Case { else_result, .. } => match else_result.as_deref().map(figure_name) {
            Some((Some(name), true)) => (Some(name), true),
            _ => (Some("case".to_owned()), false),
        },
        Ast::Cast {
            expr, data_type, ..
        } => match figure_name(expr) {
            (Some(name), true) => (Some(name), true),
            _ => (type_name(data_type), false),
        },
        Ast::TypedString(typed) => (type_name(&typed.data_type), false),
        Ast::Interval(_) => (Some("interval".to_owned()), false),
        Ast::Value(value) if matches!(value.value, Literal::Boolean(_)) => {
            (Some("bool".to_owned()), false)
        }
        _ => (None, false),
    }
}

const UNNAMED: &str = "?column?";

/// The name of a type in pg_type.
fn type_name(name: &sqlparser::ast::DataType) -> Option<String> {
    let (ty, _) = super::column_type(name).ok()?;
    let name = match ty {
        Type::Bool => "bool",
        Type::Int2 => "int2",
        Type::Int4 => "int4",
        Type::Int8 => "int8",
        Type::Float8 => "float8",
        Type::Varchar => "varchar",
        Type::Timestamptz => "timestamptz",
        other => other.name(),
    };
    Some(name.to_owned())
}
