//! INSERT, UPDATE and DELETE.

use std::sync::Arc;

use sqlparser::ast::{
    Assignment, AssignmentTarget, ConflictTarget, Delete as AstDelete, Expr as Ast, FromTable,
    Insert as AstInsert, ObjectName, ObjectNamePart, OnConflictAction, OnInsert, Query, SelectItem,
    SetExpr, TableObject, TableWithJoins, Update as AstUpdate, UpdateTableFromKind,
};

use super::{Analyser, Relation, Typed, fold, object_name};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::locks::LockMode;
use crate::postgres::sql::expr::Expr;
use crate::postgres::sql::plan::{
    ConflictUpdate, Delete, Insert, InsertSource, OnConflict, OutputColumn, Scan, Update,
};
use crate::postgres::storage::table::{Column, TableDef};
use crate::postgres::types::Value;

type Returning = (Option<Vec<Expr>>, Vec<OutputColumn>);

impl Analyser<'_> {
    pub(super) fn insert(&mut self, insert: &AstInsert) -> Result<(Insert, Vec<OutputColumn>)> {
        let TableObject::TableName(name) = &insert.table else {
            return Err(Error::unsupported(&insert.table));
        };
        let table = self.table(name, LockMode::RowExclusive)?;
        let alias = match &insert.table_alias {
            Some(alias) => fold(&alias.alias),
            None => table.name.to_string(),
        };
        let columns = target_columns(&table, &insert.columns)?;
        let source = match &insert.source {
            None => {
                InsertSource::Values(vec![self.whole_row(&table, &columns, Vec::new(), true)?])
            }
            Some(query) => self.insert_source(&table, &columns, query)?,
        };
        self.relations.clear();
        self.relations.push(Relation {
            name: alias,
            table: table.clone(),
        });
        let conflict = match &insert.on {
            None => None,
            Some(OnInsert::OnConflict(conflict)) => Some(self.on_conflict(&table, conflict)?),
            Some(_) => return Err(Error::unsupported("ON DUPLICATE KEY UPDATE")),
        };
        let (returning, output) = self.returning(insert.returning.as_deref())?;
        let insert = Insert {
            table,
            source,
            conflict,
            returning,
        };
        Ok((insert, output))
    }

    fn insert_source(
        &mut self,
        table: &Arc<TableDef>,
        columns: &[usize],
        query: &Query,
    ) -> Result<InsertSource> {
        if let SetExpr::Values(values) = &*query.body
            && query.order_by.is_none()
            && query.limit_clause.is_none()
        {
            let rows = values
                .rows
                .iter()
                .map(|row| self.values_row(table, columns, &row.content))
                .collect::<Result<_>>()?;
            return Ok(InsertSource::Values(rows));
        }
        let (select, output) = self.query(query)?;
        let values = output
            .iter()
            .enumerate()
            .map(|(column, output)| {
                Some(Typed {
                    expr: Expr::Column {
                        relation: 0,
                        column,
                    },
                    ty: output.ty,
                    modifier: output.modifier,
                })
            })
            .collect();
        let row = self.whole_row(table, columns, values, false)?;
        Ok(InsertSource::Query(Box::new(select), row))
    }

    fn values_row(
        &mut self,
        table: &Arc<TableDef>,
        columns: &[usize],
        row: &[Ast],
    ) -> Result<Vec<Expr>> {
        self.no_aggregates = "VALUES";
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
        self.whole_row(table, columns, values, false)
    }

    /// A value for every column of the table, defaults where none is given.
    fn whole_row(
        &mut self,
        table: &TableDef,
        columns: &[usize],
        values: Vec<Option<Typed>>,
        defaults_only: bool,
    ) -> Result<Vec<Expr>> {
        if values.len() > columns.len() {
            return Err(Error::new(
                SqlState::SYNTAX_ERROR,
                "INSERT has more expressions than target columns",
            ));
        }
        // Without a column list the last columns may be left out.
        if values.len() < columns.len() && !defaults_only && columns.len() < table.columns.len() {
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
            if column.generated_always {
                return Err(generated(column, "insert a non-DEFAULT value into"));
            }
            row[*index] = self.assign(value, column, "expression")?;
        }
        Ok(row)
    }

    fn on_conflict(
        &mut self,
        table: &Arc<TableDef>,
        conflict: &sqlparser::ast::OnConflict,
    ) -> Result<OnConflict> {
        let arbiters = match &conflict.conflict_target {
            None => Vec::new(),
            Some(ConflictTarget::Columns(names)) => {
                let names: Vec<ObjectName> = names
                    .iter()
                    .map(|name| ObjectName::from(vec![name.clone()]))
                    .collect();
                arbiters(table, target_columns(table, &names)?)?
            }
            Some(ConflictTarget::OnConstraint(name)) => {
                let name = object_name(name)?;
                let index = table
                    .indexes
                    .iter()
                    .position(|i| *i.name == *name && i.unique);
                vec![index.ok_or_else(|| {
                    Error::new(
                        SqlState::UNDEFINED_OBJECT,
                        format!(
                            "constraint \"{name}\" for table \"{}\" does not exist",
                            table.name
                        ),
                    )
                })?]
            }
        };
        let update = match &conflict.action {
            OnConflictAction::DoNothing => None,
            OnConflictAction::DoUpdate(_) if arbiters.is_empty() => {
                return Err(Error::new(
                    SqlState::SYNTAX_ERROR,
                    "ON CONFLICT DO UPDATE requires inference specification or constraint name",
                ));
            }
            OnConflictAction::DoUpdate(update) => {
                self.relations.push(Relation {
                    name: "excluded".to_owned(),
                    table: table.clone(),
                });
                let assignments = self.assignments(table, &update.assignments)?;
                self.no_aggregates = "ON CONFLICT DO UPDATE WHERE";
                let filter = match &update.selection {
                    Some(filter) => Some(self.condition(filter, "WHERE")?),
                    None => None,
                };
                self.relations.pop();
                Some(ConflictUpdate {
                    assignments,
                    filter,
                })
            }
        };
        Ok(OnConflict { arbiters, update })
    }

    fn returning(&mut self, list: Option<&[SelectItem]>) -> Result<Returning> {
        self.no_aggregates = "RETURNING";
        let Some(list) = list else {
            return Ok((None, Vec::new()));
        };
        let items = self.projection(list)?;
        let (exprs, columns) = items
            .into_iter()
            .map(|item| (item.expr, item.column))
            .unzip();
        Ok((Some(exprs), columns))
    }

    /// The table that UPDATE or DELETE changes.
    fn target(&mut self, target: &TableWithJoins, scans: &mut Vec<Scan>) -> Result<Arc<TableDef>> {
        if !target.joins.is_empty() {
            return Err(Error::unsupported("a join as the target"));
        }
        self.add_from(std::slice::from_ref(target), LockMode::RowExclusive, scans)?;
        match scans.first() {
            Some(scan) => Ok(scan.table.clone()),
            None => Err(Error::unsupported("this target")),
        }
    }

    pub(super) fn update(&mut self, update: &AstUpdate) -> Result<(Update, Vec<OutputColumn>)> {
        let mut from = Vec::new();
        let table = self.target(&update.table, &mut from)?;
        if let Some(
            UpdateTableFromKind::AfterSet(others) | UpdateTableFromKind::BeforeSet(others),
        ) = &update.from
        {
            self.add_from(others, LockMode::AccessShare, &mut from)?;
        }
        self.no_aggregates = "UPDATE";
        let assignments = self.assignments(&table, &update.assignments)?;
        self.no_aggregates = "WHERE";
        let rest = self.where_clause(update.selection.as_ref(), &mut from)?;
        add_constant_conditions(rest, &mut from);
        let (returning, output) = self.returning(update.returning.as_deref())?;
        let update = Update {
            from,
            assignments,
            returning,
        };
        Ok((update, output))
    }

    pub(super) fn delete(&mut self, delete: &AstDelete) -> Result<(Delete, Vec<OutputColumn>)> {
        let (FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables)) = &delete.from;
        let [target] = tables.as_slice() else {
            return Err(Error::unsupported("DELETE from several tables"));
        };
        let mut from = Vec::new();
        self.target(target, &mut from)?;
        if let Some(others) = &delete.using {
            self.add_from(others, LockMode::AccessShare, &mut from)?;
        }
        let rest = self.where_clause(delete.selection.as_ref(), &mut from)?;
        add_constant_conditions(rest, &mut from);
        let (returning, output) = self.returning(delete.returning.as_deref())?;
        Ok((Delete { from, returning }, output))
    }

    fn assignments(&mut self, table: &TableDef, list: &[Assignment]) -> Result<Vec<(usize, Expr)>> {
        let mut assignments: Vec<(usize, Expr)> = Vec::new();
        for Assignment { target, value } in list {
            match (target, value) {
                (AssignmentTarget::ColumnName(name), value) => {
                    self.assignment(table, name, value, &mut assignments)?;
                }
                (AssignmentTarget::Tuple(names), Ast::Tuple(values))
                    if names.len() == values.len() =>
                {
                    for (name, value) in names.iter().zip(values) {
                        self.assignment(table, name, value, &mut assignments)?;
                    }
                }
                _ => return Err(Error::unsupported("this assignment to several columns")),
            }
        }
        Ok(assignments)
    }

    fn assignment(
        &mut self,
        table: &TableDef,
        name: &ObjectName,
        value: &Ast,
        assignments: &mut Vec<(usize, Expr)>,
    ) -> Result<()> {
        let index = target_column(table, name)?;
        let column = &table.columns[index];
        if assignments.iter().any(|(other, _)| *other == index) {
            return Err(Error::new(
                SqlState::SYNTAX_ERROR,
                format!("multiple assignments to same column \"{}\"", column.name),
            ));
        }
        let expr = if is_default(value) {
            default_of(column)
        } else if column.generated_always {
            return Err(generated(column, "update"));
        } else {
            let value = self.expr(value)?;
            self.assign(value, column, "expression")?
        };
        assignments.push((index, expr));
        Ok(())
    }
}

/// A condition without columns filters at the target.
fn add_constant_conditions(conditions: Vec<Expr>, scans: &mut [Scan]) {
    if let Some(scan) = scans.first_mut() {
        scan.matches.extend(conditions);
    }
}

fn default_of(column: &Column) -> Expr {
    column.default.clone().unwrap_or(Expr::Const(Value::Null))
}

fn is_default(value: &Ast) -> bool {
    matches!(value, Ast::Identifier(name)
        if name.quote_style.is_none() && name.value.eq_ignore_ascii_case("default"))
}

fn generated(column: &Column, what: &str) -> Error {
    let name = &column.name;
    if what == "update" {
        return Error::new(
            SqlState("428C9"),
            format!("column \"{name}\" can only be updated to DEFAULT"),
        )
        .detail(format!(
            "Column \"{name}\" is an identity column defined as GENERATED ALWAYS."
        ));
    }
    Error::new(
        SqlState("428C9"),
        format!("cannot {what} column \"{name}\""),
    )
    .detail(format!(
        "Column \"{name}\" is an identity column defined as GENERATED ALWAYS."
    ))
    .hint("Use OVERRIDING SYSTEM VALUE to override.")
}

fn target_columns(table: &TableDef, names: &[ObjectName]) -> Result<Vec<usize>> {
    if names.is_empty() {
        return Ok((0..table.columns.len()).collect());
    }
    let mut columns = Vec::new();
    for name in names {
        let column = target_column(table, name)?;
        if columns.contains(&column) {
            return Err(Error::new(
                SqlState::DUPLICATE_COLUMN,
                format!(
                    "column \"{}\" specified more than once",
                    table.columns[column].name
                ),
            ));
        }
        columns.push(column);
    }
    Ok(columns)
}

fn target_column(table: &TableDef, name: &ObjectName) -> Result<usize> {
    let ident = match name.0.as_slice() {
        [part] => part.as_ident(),
        _ => None,
    };
    let Some(ident) = ident else {
        return Err(Error::unsupported(format!("the column {name}")));
    };
    let column = fold(ident);
    table.column(&column).ok_or_else(|| {
        let error = Error::new(
            SqlState::UNDEFINED_COLUMN,
            format!(
                "column \"{column}\" of relation \"{}\" does not exist",
                table.name
            ),
        );
        super::located(error, name.0.last().and_then(ObjectNamePart::as_ident))
    })
}

/// The unique indexes over exactly these columns.
fn arbiters(table: &TableDef, mut columns: Vec<usize>) -> Result<Vec<usize>> {
    columns.sort_unstable();
    let matching: Vec<usize> = table
        .indexes
        .iter()
        .enumerate()
        .filter(|(_, index)| {
            let mut over = index.columns.clone();
            over.sort_unstable();
            index.unique && over == columns
        })
        .map(|(position, _)| position)
        .collect();
    if matching.is_empty() {
        return Err(Error::new(
            SqlState::INVALID_COLUMN_REFERENCE,
            "there is no unique or exclusion constraint matching the ON CONFLICT specification",
        ));
    }
    Ok(matching)
}
