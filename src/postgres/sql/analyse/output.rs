//! What a query shows: its select list, its order, how much of it.

use sqlparser::ast::{
    AccessExpr, Expr as Ast, LimitClause, LockClause, NonBlock, OrderByExpr, OrderByKind,
    OrderBySort, Query as AstQuery, SelectItem, SelectItemQualifiedWildcardKind, Value as Literal,
};

use super::coerce::Coercion;
use super::name::misplaced;
use super::scope::Visible;
use super::{Analyser, Typed, begins, fold, object_name, placed};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::sql::expr::Expr;
use crate::postgres::sql::plan::{OutputColumn, SortKey};
use crate::postgres::types::{Type, Value};

/// An output column with what ORDER BY may call it.
pub(super) struct Item {
    pub(super) column: OutputColumn,
    pub(super) expr: Expr,
}

/// PostgreSQL's limit on the columns of a result.
const TARGETS_MAX: usize = 1_664;

/// Refuses a row that is too wide.
pub(super) fn check_width(columns: usize) -> Result<()> {
    if columns > TARGETS_MAX {
        return Err(Error::new(
            SqlState("54011"),
            format!("target lists can have at most {TARGETS_MAX} entries"),
        ));
    }
    Ok(())
}

/// LIMIT, OFFSET, and whether ties come along.
pub(super) type Limits = (Option<Expr>, Option<Expr>, bool);

impl Analyser<'_> {
    /// The select list, or RETURNING.
    pub(super) fn projection(&mut self, list: &[SelectItem]) -> Result<Vec<Item>> {
        let mut items = Vec::new();
        for item in list {
            match item {
                SelectItem::UnnamedExpr(ast) => {
                    let value = self.expr(ast)?;
                    items.push(self.item(value, column_name(ast)));
                }
                SelectItem::ExprWithAlias { expr, alias } => {
                    if alias.quote_style == Some('\'') {
                        return Err(Error::new(
                            SqlState::SYNTAX_ERROR,
                            format!("syntax error at or near \"'{}'\"", alias.value),
                        ));
                    }
                    let value = self.expr(expr)?;
                    items.push(self.item(value, fold(alias)));
                }
                SelectItem::Wildcard(options) => {
                    if let Some(alias) = &options.opt_alias {
                        return Err(misplaced(alias));
                    }
                    if self.scope().relations.is_empty() {
                        return Err(Error::new(
                            SqlState::SYNTAX_ERROR,
                            "SELECT * with no tables specified is not valid",
                        ));
                    }
                    let visible = self.scope().visible.clone();
                    self.reads
                        .extend(visible.iter().filter_map(|column| column.origin));
                    items.extend(visible.into_iter().map(shown));
                }
                SelectItem::QualifiedWildcard(
                    SelectItemQualifiedWildcardKind::ObjectName(name),
                    options,
                ) => {
                    if let Some(alias) = &options.opt_alias {
                        return Err(misplaced(alias));
                    }
                    let name = object_name(name)?;
                    let visible = self.relation(&name)?.visible();
                    self.reads
                        .extend(visible.iter().filter_map(|column| column.origin));
                    items.extend(visible.into_iter().map(shown));
                }
                other => return Err(Error::unsupported(format!("{other}"))),
            }
        }
        check_width(items.len())?;
        Ok(items)
    }

    fn item(&mut self, value: Typed, name: String) -> Item {
        let origin = match value.expr {
            Expr::Column { slot, column } => {
                let relations = self.scope().relations.iter();
                let relation = relations.rev().find(|relation| relation.slot == slot);
                relation.and_then(|relation| relation.columns.get(column)?.origin)
            }
            _ => None,
        };
        Item {
            column: OutputColumn {
                name,
                ty: value.ty,
                modifier: value.modifier,
                origin,
            },
            expr: value.expr,
        }
    }

    pub(super) fn order(&mut self, query: &AstQuery, items: &[Item]) -> Result<Vec<SortKey>> {
        let Some(order) = &query.order_by else {
            return Ok(Vec::new());
        };
        let OrderByKind::Expressions(exprs) = &order.kind else {
            return Err(Error::unsupported("ORDER BY ALL"));
        };
        exprs
            .iter()
            .map(|key| {
                let expr = self.sort_expr(&key.expr, items, "ORDER BY")?;
                sort_key(key, expr)
            })
            .collect()
    }

    /// A number or an output name stands for that output column.
    pub(super) fn sort_expr(&mut self, ast: &Ast, items: &[Item], clause: &str) -> Result<Expr> {
        if let Some(number) = output_number(ast) {
            let item = items.get(number.wrapping_sub(1));
            return item
                .map(|item| item.expr.clone())
                .ok_or_else(|| not_in_list(clause, ast));
        }
        if let Ast::Identifier(name) = ast {
            let name = fold(name);
            let mut named = items.iter().filter(|item| item.column.name == name);
            if let Some(item) = named.next() {
                if named.any(|other| other.expr != item.expr) {
                    return Err(Error::new(
                        SqlState::AMBIGUOUS_COLUMN,
                        format!("{clause} \"{name}\" is ambiguous"),
                    ));
                }
                return Ok(item.expr.clone());
            }
        }
        let value = self.expr(ast)?;
        Ok(self.settle(value)?.expr)
    }

    /// ORDER BY inside an aggregate or a window: no output columns here.
    pub(super) fn sort_keys(&mut self, keys: &[OrderByExpr]) -> Result<Vec<SortKey>> {
        keys.iter()
            .map(|key| {
                let value = self.expr(&key.expr)?;
                let expr = self.settle(value)?.expr;
                sort_key(key, expr)
            })
            .collect()
    }

    /// ORDER BY over the columns of a set operation.
    pub(super) fn order_columns(
        &mut self,
        query: &AstQuery,
        columns: &[OutputColumn],
        exprs: &[Expr],
    ) -> Result<Vec<SortKey>> {
        let Some(order) = &query.order_by else {
            return Ok(Vec::new());
        };
        let OrderByKind::Expressions(keys) = &order.kind else {
            return Err(Error::unsupported("ORDER BY ALL"));
        };
        let one = |key: &OrderByExpr| {
            let index = match (output_number(&key.expr), &key.expr) {
                (Some(number), _) => Some(number.wrapping_sub(1)),
                (None, Ast::Identifier(name)) => {
                    let name = fold(name);
                    let index = columns.iter().position(|column| column.name == name);
                    if index.is_none() {
                        return Err(Error::new(
                            SqlState::UNDEFINED_COLUMN,
                            format!("column \"{name}\" does not exist"),
                        ));
                    }
                    index
                }
                _ => {
                    return Err(Error::new(
                        SqlState::FEATURE_NOT_SUPPORTED,
                        "invalid UNION/INTERSECT/EXCEPT ORDER BY clause",
                    )
                    .detail("Only result column names can be used, not expressions or functions.")
                    .hint("Add the expression/function to every SELECT, or move the UNION into a FROM clause."));
                }
            };
            let expr = index.and_then(|index| exprs.get(index)).cloned();
            sort_key(key, expr.ok_or_else(|| not_in_list("ORDER BY", &key.expr))?)
        };
        keys.iter().map(one).collect()
    }

    /// LIMIT or FETCH, and OFFSET.
    pub(super) fn limit(&mut self, query: &AstQuery) -> Result<Limits> {
        self.enter("LIMIT");
        let (mut limit, offset) = match &query.limit_clause {
            None => (None, None),
            Some(LimitClause::LimitOffset {
                limit,
                offset,
                limit_by,
            }) if limit_by.is_empty() => (
                self.count(limit.as_ref(), "LIMIT")?,
                self.count(offset.as_ref().map(|offset| &offset.value), "OFFSET")?,
            ),
            Some(other) => return Err(Error::unsupported(other)),
        };
        let mut with_ties = false;
        if let Some(fetch) = &query.fetch {
            if fetch.percent {
                return Err(Error::unsupported("FETCH ... PERCENT"));
            }
            with_ties = fetch.with_ties;
            if with_ties && query.order_by.is_none() {
                return Err(Error::new(
                    SqlState::SYNTAX_ERROR,
                    "WITH TIES cannot be specified without ORDER BY clause",
                ));
            }
            let skips = |lock: &LockClause| lock.nonblock == Some(NonBlock::SkipLocked);
            if with_ties && query.locks.iter().any(skips) {
                return Err(Error::new(
                    SqlState::SYNTAX_ERROR,
                    "SKIP LOCKED and WITH TIES options cannot be used together",
                ));
            }
            limit = Some(match &fetch.quantity {
                Some(quantity) => match self.count(Some(quantity), "LIMIT")? {
                    Some(Expr::Const(Value::Null)) if with_ties => {
                        return Err(Error::new(
                            SqlState::INVALID_ROW_COUNT_IN_LIMIT,
                            "row count cannot be null in FETCH FIRST ... WITH TIES clause",
                        ));
                    }
                    Some(count) => count,
                    None => Expr::Const(Value::Int(1)),
                },
                None => Expr::Const(Value::Int(1)),
            });
        }
        Ok((limit, offset, with_ties))
    }

    fn count(&mut self, ast: Option<&Ast>, clause: &str) -> Result<Option<Expr>> {
        let Some(ast) = ast else {
            return Ok(None);
        };
        let value = self.expr(ast)?;
        let own = self
            .scope()
            .relations
            .iter()
            .fold(0, |set, r| set | 1 << r.slot);
        if value.expr.slots() & own != 0 {
            return Err(Error::new(
                SqlState::INVALID_COLUMN_REFERENCE,
                format!("argument of {clause} must not contain variables"),
            ));
        }
        if !value.ty.is_number() && value.ty != Type::Unknown {
            return Err(Error::new(
                SqlState::DATATYPE_MISMATCH,
                format!(
                    "argument of {clause} must be type bigint, not type {}",
                    value.ty
                ),
            ));
        }
        self.coerce(value, Type::Int8, Coercion::Assignment)
            .map(Some)
    }
}

fn shown(visible: Visible) -> Item {
    Item {
        column: OutputColumn {
            name: visible.name,
            ty: visible.value.ty,
            modifier: visible.value.modifier,
            origin: visible.origin,
        },
        expr: visible.value.expr,
    }
}

pub(super) fn sort_key(key: &OrderByExpr, expr: Expr) -> Result<SortKey> {
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

pub(super) fn output_number(ast: &Ast) -> Option<usize> {
    match ast {
        Ast::Value(value) => match &value.value {
            Literal::Number(digits, _) => digits.parse().ok(),
            _ => None,
        },
        _ => None,
    }
}

pub(super) fn not_in_list(clause: &str, ast: &Ast) -> Error {
    let message = format!("{clause} position {ast} is not in select list");
    let error = Error::new(SqlState::INVALID_COLUMN_REFERENCE, message);
    placed(error, begins(ast).unwrap_or(0))
}

/// The name that PostgreSQL gives an output column.
fn column_name(ast: &Ast) -> String {
    figure_name(ast).unwrap_or_else(|| UNNAMED.to_owned())
}

const UNNAMED: &str = "?column?";

/// The name that an expression suggests, if it does.
pub(in crate::postgres) fn figure_name(ast: &Ast) -> Option<String> {
    suggested_name(ast).0
}

/// A name, and whether it is a strong one: a cast only overrides weak ones.
fn suggested_name(ast: &Ast) -> (Option<String>, bool) {
    let strong = |name: &str| (Some(name.to_owned()), true);
    match ast {
        Ast::Identifier(name) => (Some(fold(name)), true),
        Ast::CompoundIdentifier(parts) => (parts.last().map(fold), true),
        Ast::Nested(inner) => suggested_name(inner),
        Ast::CompoundFieldAccess { root, access_chain } => {
            // The last field that is named.
            let field = access_chain.iter().rev().find_map(|access| match access {
                AccessExpr::Dot(field) => Some(field),
                AccessExpr::Subscript(_) => None,
            });
            suggested_name(field.unwrap_or(root))
        }
        Ast::Function(call) => {
            let name = object_name(&call.name).ok();
            (
                name.map(|name| name.trim_start_matches("pg_catalog.").to_owned()),
                true,
            )
        }
        Ast::Extract { .. } => strong("extract"),
        Ast::Ceil { .. } => strong("ceil"),
        Ast::Floor { .. } => strong("floor"),
        Ast::Position { .. } => strong("position"),
        Ast::Overlay { .. } => strong("overlay"),
        Ast::Substring { shorthand, .. } => strong(if *shorthand { "substr" } else { "substring" }),
        Ast::Trim { trim_where, .. } => strong(super::construct::trim_name(*trim_where)),
        Ast::AtTimeZone { .. } => strong("timezone"),
        Ast::Array(_) => strong("array"),
        Ast::Tuple(_) => strong("row"),
        Ast::Exists { .. } => strong("exists"),
        Ast::Subquery(query) => match &*query.body {
            sqlparser::ast::SetExpr::Select(select) => match select.projection.as_slice() {
                [SelectItem::UnnamedExpr(expr)] => suggested_name(expr),
                [SelectItem::ExprWithAlias { alias, .. }] => (Some(fold(alias)), true),
                _ => (None, false),
            },
            _ => (None, false),
        },
        Ast::Case { else_result, .. } => match else_result.as_deref().map(suggested_name) {
            Some((Some(name), true)) => (Some(name), true),
            _ => (Some("case".to_owned()), false),
        },
        Ast::Cast {
            expr, data_type, ..
        } => match suggested_name(expr) {
            (Some(name), true) => (Some(name), true),
            _ => (type_name(data_type), false),
        },
        Ast::TypedString(typed) => (type_name(&typed.data_type), false),
        Ast::Collate { expr, .. } => suggested_name(expr),
        _ => (None, false),
    }
}

/// The name of a type in pg_type.
fn type_name(name: &sqlparser::ast::DataType) -> Option<String> {
    let (ty, _) = super::column_type(name).ok()?;
    Some(match ty {
        Type::Array(element) => element.catalog_name(),
        ty => ty.catalog_name(),
    })
}
