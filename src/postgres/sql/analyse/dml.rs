//! INSERT, UPDATE and DELETE.

use std::sync::Arc;

use sqlparser::ast::{
    Assignment, AssignmentTarget, Delete as AstDelete, Expr as Ast, FromTable, Insert as AstInsert,
    ObjectName, OnInsert, Query, SelectItem, SetExpr, TableFactor, TableObject, TableWithJoins,
    Update as AstUpdate, UpdateTableFromKind,
};

use super::from::{Tree, scan};
use super::join::plan_joins;
use super::output::Item;
use super::scope::Relation;
use super::{Analyser, Scope, Typed, first_character, fold, object_name, placed};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::locks::LockMode;
use crate::postgres::sql::client::current_of;
use crate::postgres::sql::expr::{Expr, Sublink};
use crate::postgres::sql::overriding::Overriding;
use crate::postgres::sql::plan::{
    Access, Delete, Insert, InsertSource, Matching, OutputColumn, Query as PlanQuery, Update,
};
use crate::postgres::storage::table::{Column, Generated, TableDef};
use crate::postgres::types::{Type, Value};

type Returning = (Option<Vec<Expr>>, Vec<OutputColumn>);

impl Analyser<'_> {
    /// A change has a scope of its own, with its target in slot 0.
    fn in_scope<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        self.scopes.push(Scope::default());
        let result = work(self);
        self.scopes.pop();
        self.next_slot = 0;
        result
    }

    pub(super) fn insert(&mut self, insert: &AstInsert) -> Result<(Insert, Vec<OutputColumn>)> {
        self.in_scope(|analyser| analyser.insert_in_scope(insert))
    }

    fn insert_in_scope(&mut self, insert: &AstInsert) -> Result<(Insert, Vec<OutputColumn>)> {
        let TableObject::TableName(name) = &insert.table else {
            return Err(Error::unsupported(&insert.table));
        };
        let table = self.table(name, LockMode::RowExclusive)?;
        let alias = match &insert.table_alias {
            Some(alias) => fold(&alias.alias),
            None => table.name.to_string(),
        };
        let (names, overriding) = Overriding::of(&insert.columns);
        self.scope().overriding = overriding;
        let columns = target_columns(&table, names)?;
        let target = Relation::of_table(alias.clone(), 0, table.clone());
        self.scope().out_of_sight = Some(target);
        let source = match &insert.source {
            None => InsertSource::Values(vec![self.whole_row(
                &table,
                &columns,
                Vec::new(),
                true,
                false,
            )?]),
            Some(query) => {
                let listed = !names.is_empty();
                self.insert_source(&table, &columns, listed, query)?
            }
        };
        self.scope().out_of_sight = None;
        let slot = self.new_slot()?;
        let target = Relation::of_table(alias, slot, table.clone());
        let visible = self.add_relation(target)?;
        self.scope().visible = visible;
        let conflict = match &insert.on {
            None => None,
            Some(OnInsert::OnConflict(conflict)) => Some(self.on_conflict(&table, conflict)?),
            Some(_) => return Err(Error::unsupported("ON DUPLICATE KEY UPDATE")),
        };
        let (returning, output) = self.returning(insert.returning.as_deref())?;
        self.scope().out_of_sight = None;
        let system = self.scope().relations.iter().any(|target| target.system);
        let insert = Insert {
            table,
            source,
            conflict,
            returning,
            system,
        };
        Ok((insert, output))
    }

    fn insert_source(
        &mut self,
        table: &Arc<TableDef>,
        columns: &[usize],
        listed: bool,
        query: &Query,
    ) -> Result<InsertSource> {
        if let SetExpr::Values(values) = &*query.body
            && query.order_by.is_none()
            && query.limit_clause.is_none()
        {
            let rows = values
                .rows
                .iter()
                .map(|row| self.values_row(table, columns, listed, &row.content))
                .collect::<Result<_>>()?;
            return Ok(InsertSource::Values(rows));
        }
        let (mut query, mut output) = self.query(query)?;
        if output.len() > columns.len() {
            return Err(Error::new(
                SqlState::SYNTAX_ERROR,
                "INSERT has more expressions than target columns",
            ));
        }
        // A literal without a type takes that of its column.
        let types: Vec<_> = output
            .iter()
            .zip(columns)
            .map(|(output, column)| match output.ty {
                Type::Unknown => table.columns[*column].ty,
                ty => ty,
            })
            .collect();
        self.retype(&mut query, &mut output, &types)?;
        let values = output
            .iter()
            .enumerate()
            .map(|(column, output)| {
                Some(Typed {
                    expr: Expr::Column { slot: 0, column },
                    ty: output.ty,
                    modifier: output.modifier,
                    at: 0,
                })
            })
            .collect();
        let row = self.whole_row(table, columns, values, false, listed)?;
        Ok(InsertSource::Query(query, row))
    }

    fn values_row(
        &mut self,
        table: &Arc<TableDef>,
        columns: &[usize],
        listed: bool,
        row: &[Ast],
    ) -> Result<Vec<Expr>> {
        self.enter("VALUES");
        let values = row
            .iter()
            .map(|value| {
                if is_default(value) {
                    Ok(None)
                } else {
                    self.expr(value).map(Some)
                }
            })
            .collect::<Result<Vec<_>>>()?;
        self.whole_row(table, columns, values, false, listed)
    }

    /// A value for every column of the table, defaults where none is given.
    fn whole_row(
        &mut self,
        table: &TableDef,
        columns: &[usize],
        values: Vec<Option<Typed>>,
        defaults_only: bool,
        listed: bool,
    ) -> Result<Vec<Expr>> {
        if let Some(more) = values.get(columns.len()) {
            let message = "INSERT has more expressions than target columns";
            let at = more.as_ref().map_or(0, |value| value.at);
            return Err(placed(Error::new(SqlState::SYNTAX_ERROR, message), at));
        }
        // Without a column list the last columns may be left out.
        if values.len() < columns.len() && !defaults_only && listed {
            return Err(Error::new(
                SqlState::SYNTAX_ERROR,
                "INSERT has more target columns than expressions",
            ));
        }
        let mut row: Vec<Expr> = table.columns.iter().map(default_of).collect();
        for (index, value) in columns.iter().zip(values) {
            let column = &table.columns[*index];
            let Some(value) = value else {
                continue;
            };
            let value = self.assign(value, column, "expression")?;
            let overriding = self.scope().overriding;
            match column.generated {
                Some(Generated::Identity) if overriding.is_some() => {}
                None => {}
                Some(how) => return Err(takes_no_value(column, how)),
            }
            if !(column.identity && overriding == Some(Overriding::UserValue)) {
                row[*index] = value;
            }
        }
        Ok(row)
    }

    fn returning(&mut self, list: Option<&[SelectItem]>) -> Result<Returning> {
        self.enter("RETURNING");
        let Some(list) = list else {
            return Ok((None, Vec::new()));
        };
        let (mut exprs, mut columns) = (Vec::new(), Vec::new());
        for Item { expr, mut column } in self.projection(list)? {
            let value = self.settle(Typed::new(expr, column.ty))?;
            column.ty = value.ty;
            let mut expr = value.expr;
            self.expand(&mut expr);
            exprs.push(expr);
            columns.push(column);
        }
        Ok((Some(exprs), columns))
    }

    /// The table that UPDATE or DELETE changes, and the others of FROM or
    /// USING.
    fn target(
        &mut self,
        target: &TableWithJoins,
        others: &[TableWithJoins],
    ) -> Result<(Arc<TableDef>, Tree)> {
        let TableFactor::Table { name, alias, .. } = &target.relation else {
            return Err(Error::unsupported(format!("the target {target}")));
        };
        if !target.joins.is_empty() {
            return Err(Error::unsupported("a join as the target"));
        }
        let table = self.table(name, LockMode::RowExclusive)?;
        let alias = match alias {
            Some(alias) => fold(&alias.name),
            None => object_name(name)?,
        };
        let slot = self.new_slot()?;
        let relation = Relation::of_table(alias, slot, table.clone());
        let mut tree = Tree::default();
        tree.nodes.extend(scan(&relation));
        let visible = self.add_relation(relation)?;
        self.scope().visible = visible;
        self.from(others, &mut tree)?;
        Ok((table, tree))
    }

    /// The rows to change: WHERE, and the joins in order.
    fn matching(
        &mut self,
        table: &TableDef,
        mut tree: Tree,
        selection: Option<&Ast>,
    ) -> Result<Matching> {
        self.enter("WHERE");
        if let Some(cursor) = selection.and_then(current_of) {
            let cursor: Arc<str> = fold(cursor).into();
            self.cursors.push((cursor.clone(), table.id));
            let (mut from, filter) = plan_joins(tree, 0);
            if let Some(target) = from.scan_mut(0) {
                target.access = Access::Current(cursor);
            }
            return Ok(Matching { from, filter });
        }
        if let Some(selection) = selection {
            let mut condition = self.condition(selection, "WHERE")?;
            self.expand(&mut condition);
            tree.conditions.extend(condition.conjuncts());
        }
        let (from, filter) = plan_joins(tree, 0);
        Ok(Matching { from, filter })
    }

    pub(super) fn update(&mut self, update: &AstUpdate) -> Result<(Update, Vec<OutputColumn>)> {
        self.in_scope(|analyser| analyser.update_in_scope(update))
    }

    fn update_in_scope(&mut self, update: &AstUpdate) -> Result<(Update, Vec<OutputColumn>)> {
        let others = match &update.from {
            Some(
                UpdateTableFromKind::AfterSet(others) | UpdateTableFromKind::BeforeSet(others),
            ) => others.as_slice(),
            None => &[],
        };
        let (table, tree) = self.target(&update.table, others)?;
        let mut source = self.matching(&table, tree, update.selection.as_ref())?;
        let (returning, output) = self.returning(update.returning.as_deref())?;
        self.enter("UPDATE");
        let mut assignments = self.assignments(&table, &update.assignments)?;
        for (_, value) in &mut assignments {
            self.expand(value);
        }
        self.mark_system(&mut source.from);
        let update = Update {
            table,
            source,
            assignments,
            returning,
        };
        Ok((update, output))
    }

    pub(super) fn delete(&mut self, delete: &AstDelete) -> Result<(Delete, Vec<OutputColumn>)> {
        self.in_scope(|analyser| analyser.delete_in_scope(delete))
    }

    fn delete_in_scope(&mut self, delete: &AstDelete) -> Result<(Delete, Vec<OutputColumn>)> {
        let (FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables)) = &delete.from;
        let [target] = tables.as_slice() else {
            return Err(Error::unsupported("DELETE from several tables"));
        };
        let (table, tree) = self.target(target, delete.using.as_deref().unwrap_or(&[]))?;
        let mut source = self.matching(&table, tree, delete.selection.as_ref())?;
        let (returning, output) = self.returning(delete.returning.as_deref())?;
        self.mark_system(&mut source.from);
        let delete = Delete {
            table,
            source,
            returning,
        };
        Ok((delete, output))
    }

    /// What SET says: all the values are read before the first is converted
    /// for its column.
    pub(super) fn assignments(
        &mut self,
        table: &TableDef,
        list: &[Assignment],
    ) -> Result<Vec<(usize, Expr)>> {
        let mut values = Vec::new();
        for Assignment { target, value } in list {
            match (target, value) {
                (AssignmentTarget::ColumnName(name), value) => {
                    values.push((name, self.assigned(value)?));
                }
                (AssignmentTarget::Tuple(names), Ast::Tuple(several))
                    if names.len() == several.len() =>
                {
                    for (name, value) in names.iter().zip(several) {
                        values.push((name, self.assigned(value)?));
                    }
                }
                (AssignmentTarget::Tuple(names), Ast::Subquery(query)) => {
                    let several = self.assigned_subquery(names.len(), query)?;
                    values.extend(names.iter().zip(several.into_iter().map(Some)));
                }
                (AssignmentTarget::Tuple(_), Ast::Tuple(_)) => {
                    return Err(Error::new(
                        SqlState::SYNTAX_ERROR,
                        "number of columns does not match number of values",
                    ));
                }
                (AssignmentTarget::Tuple(names), value) if names.len() == 1 => {
                    values.push((&names[0], self.assigned(value)?));
                }
                _ => return Err(Error::unsupported("this assignment to several columns")),
            }
        }
        let mut assignments: Vec<(usize, Expr)> = Vec::new();
        for (name, value) in values {
            let (index, expr) = self.assignment(table, name, value)?;
            if assignments.iter().any(|(other, _)| *other == index) {
                let column = &table.columns[index].name;
                return Err(Error::new(
                    SqlState::SYNTAX_ERROR,
                    format!("multiple assignments to same column \"{column}\""),
                ));
            }
            assignments.push((index, expr));
        }
        Ok(assignments)
    }

    /// The value that a column is to have; None for its default.
    fn assigned(&mut self, value: &Ast) -> Result<Option<Typed>> {
        if is_default(value) {
            return Ok(None);
        }
        self.expr(value).map(Some)
    }

    /// `(a, b) = (SELECT x, y ...)`: each column has the subquery for itself.
    fn assigned_subquery(&mut self, count: usize, query: &Query) -> Result<Vec<Typed>> {
        let base = self.next_slot;
        let (query, columns) = self.settled_query(query)?;
        if columns.len() != count {
            return Err(Error::new(
                SqlState::SYNTAX_ERROR,
                "number of columns does not match number of values",
            ));
        }
        let PlanQuery::Select(select) = query else {
            return Err(Error::unsupported("this assignment to several columns"));
        };
        let mut values = Vec::new();
        for (output, column) in select.output.iter().zip(&columns) {
            let mut one = (*select).clone();
            one.output = vec![output.clone()];
            let plan = self.subplan(PlanQuery::Select(Box::new(one)), base);
            values.push(Typed {
                expr: Expr::Subquery(Arc::new(plan), Sublink::Scalar),
                ty: column.ty,
                modifier: column.modifier,
                at: 0,
            });
        }
        Ok(values)
    }

    fn assignment(
        &mut self,
        table: &TableDef,
        name: &ObjectName,
        value: Option<Typed>,
    ) -> Result<(usize, Expr)> {
        let index = target_column(table, name)?;
        let column = &table.columns[index];
        let expr = match value {
            // It changes with the columns that it is computed from.
            None if column.computed().is_some() => Expr::Column {
                slot: 0,
                column: index,
            },
            None => default_of(column),
            Some(value) => {
                let expr = self.assign(value, column, "expression")?;
                if let Some(how) = column.generated {
                    return Err(takes_default_only(column, how));
                }
                expr
            }
        };
        Ok((index, expr))
    }
}

/// What a column has before it is computed, if it is.
fn default_of(column: &Column) -> Expr {
    let default = column.default.as_deref();
    let default = default.filter(|_| column.computed().is_none());
    default.cloned().unwrap_or(Expr::Const(Value::Null))
}

fn is_default(value: &Ast) -> bool {
    matches!(value, Ast::Identifier(name)
        if name.quote_style.is_none() && name.value.eq_ignore_ascii_case("default"))
}

/// The error about a value that INSERT has for a generated column.
fn takes_no_value(column: &Column, how: Generated) -> Error {
    let name = &column.name;
    let message = format!("cannot insert a non-DEFAULT value into column \"{name}\"");
    let error = Error::new(SqlState::GENERATED_ALWAYS, message).detail(generated(name, how));
    match how {
        Generated::Identity => error.hint("Use OVERRIDING SYSTEM VALUE to override."),
        Generated::Stored => error,
    }
}

/// The error about one that UPDATE has.
fn takes_default_only(column: &Column, how: Generated) -> Error {
    let name = &column.name;
    let message = format!("column \"{name}\" can only be updated to DEFAULT");
    Error::new(SqlState::GENERATED_ALWAYS, message).detail(generated(name, how))
}

fn generated(name: &str, how: Generated) -> String {
    match how {
        Generated::Identity => {
            format!("Column \"{name}\" is an identity column defined as GENERATED ALWAYS.")
        }
        Generated::Stored => format!("Column \"{name}\" is a generated column."),
    }
}

fn target_columns(table: &TableDef, names: &[ObjectName]) -> Result<Vec<usize>> {
    if names.is_empty() {
        return Ok((0..table.columns.len()).collect());
    }
    let mut columns = Vec::new();
    for name in names {
        let column = target_column(table, name)?;
        if columns.contains(&column) {
            let name_of = &table.columns[column].name;
            let message = format!("column \"{name_of}\" specified more than once");
            let error = Error::new(SqlState::DUPLICATE_COLUMN, message);
            return Err(placed(error, first_character(name)));
        }
        columns.push(column);
    }
    Ok(columns)
}

fn target_column(table: &TableDef, name: &ObjectName) -> Result<usize> {
    let ident = match name.0.as_slice() {
        // Only a column of a composite type could have parts.
        [part, ..] => part.as_ident(),
        [] => None,
    };
    let Some(ident) = ident else {
        return Err(Error::unsupported(format!("the column {name}")));
    };
    let column = fold(ident);
    let found = table.column(&column);
    if found.is_some() && name.0.len() > 1 {
        return Err(Error::unsupported(format!("the column {name}")));
    }
    found.ok_or_else(|| {
        let error = Error::new(
            SqlState::UNDEFINED_COLUMN,
            format!(
                "column \"{column}\" of relation \"{}\" does not exist",
                table.name
            ),
        );
        super::located(error, Some(ident))
    })
}
