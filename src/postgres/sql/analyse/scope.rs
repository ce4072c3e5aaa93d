//! The names that an expression may use: relations, their columns, and what
//! is in sight without a relation's name.

use std::sync::Arc;

use sqlparser::ast::Ident;

use super::locks::Lockable;
use super::{Analyser, Typed, fold, located};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::sql::expr::{Expr, Truth};
use crate::postgres::sql::overriding::Overriding;
use crate::postgres::sql::plan::{Aggregate, RowSource, SYSTEM_COLUMNS, WindowCall};
use crate::postgres::storage::table::{TableDef, TableId};
use crate::postgres::types::{Type, Value};

/// A column of a relation.
#[derive(Debug, Clone)]
pub(super) struct RelationColumn {
    pub(super) name: String,
    pub(super) ty: Type,
    pub(super) modifier: i32,
    pub(super) origin: Option<(TableId, i16)>,
}

/// Something in FROM that names may refer to.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    pub(super) name: String,
    pub(super) slot: usize,
    pub(super) columns: Vec<RelationColumn>,
    /// None for what is no table.
    pub(super) table: Option<Arc<TableDef>>,
    /// The number of a table of the catalog.
    pub(super) catalog: Option<u32>,
    /// True once a system column is asked for.
    pub(super) system: bool,
    /// What FOR UPDATE says about it, if it is no table.
    pub(super) kind: &'static str,
    /// What FOR UPDATE locks of it.
    pub(super) locks: Lockable,
}

impl Relation {
    /// A table under a name.
    pub(super) fn of_table(name: String, slot: usize, table: Arc<TableDef>) -> Relation {
        let columns = table.columns.iter().enumerate();
        let columns = columns.map(|(index, column)| RelationColumn {
            name: column.name.to_string(),
            ty: column.ty,
            modifier: column.modifier,
            origin: Some((table.id, i16::try_from(index + 1).unwrap_or(0))),
        });
        let locks = Lockable::Rows(vec![(slot, table.id)]);
        Relation {
            name,
            slot,
            columns: columns.collect(),
            table: Some(table),
            catalog: None,
            system: false,
            kind: "a table",
            locks,
        }
    }

    /// The number of a table or view.
    pub(super) fn id(&self) -> Option<TableId> {
        match &self.table {
            Some(table) => Some(table.id),
            None if self.kind == "a view" => Some(self.columns.first()?.origin?.0),
            None => None,
        }
    }

    /// Its columns as they are in sight.
    pub(super) fn visible(&self) -> Vec<Visible> {
        let columns = self.columns.iter().enumerate();
        columns
            .map(|(column, def)| Visible {
                name: def.name.clone(),
                value: Typed {
                    expr: Expr::Column {
                        slot: self.slot,
                        column,
                    },
                    ty: def.ty,
                    modifier: def.modifier,
                    at: 0,
                },
                origin: def.origin,
            })
            .collect()
    }
}

/// A column that may be named without its relation: of the columns that a
/// join merges there is one.
#[derive(Debug, Clone)]
pub(super) struct Visible {
    pub(super) name: String,
    pub(super) value: Typed,
    pub(super) origin: Option<(TableId, i16)>,
}

/// The names of one query.
#[derive(Debug, Default)]
pub(super) struct Scope {
    pub(super) relations: Vec<Relation>,
    pub(super) visible: Vec<Visible>,
    /// Relations before this one are out of sight: a join's ON sees its own
    /// sides alone.
    pub(super) first: usize,
    /// What INSERT fills, while its source is read, or EXCLUDED, after ON
    /// CONFLICT: errors alone know of it.
    pub(super) out_of_sight: Option<Relation>,
    /// What an INSERT says of identity columns.
    pub(super) overriding: Option<Overriding>,
    /// The aggregates met so far; None where there may be none.
    pub(super) aggregates: Option<Vec<Aggregate>>,
    /// The window functions met so far; None where there may be none.
    pub(super) windows: Option<Vec<WindowCall>>,
    pub(super) window_slot: Option<usize>,
    /// The set-returning functions of the select list; None elsewhere.
    pub(super) sets: Option<Vec<RowSource>>,
    /// Where we are, for those that must not be there.
    pub(super) clause: &'static str,
    /// The windows that WINDOW names.
    pub(super) named_windows: Vec<(String, sqlparser::ast::WindowSpec)>,
    /// What the columns of subqueries stand for that became a part of this
    /// query, by the subquery's slot.
    pub(super) pulled_up: Vec<(usize, Vec<Expr>)>,
}

impl Scope {
    /// All that errors know of.
    fn entries(&self) -> impl Iterator<Item = &Relation> {
        self.relations.iter().chain(&self.out_of_sight)
    }
}

impl Analyser<'_> {
    pub(super) fn scope(&mut self) -> &mut Scope {
        if self.scopes.is_empty() {
            self.scopes.push(Scope::default());
        }
        let last = self.scopes.len() - 1;
        &mut self.scopes[last]
    }

    /// Says where we are: no aggregates, windows or sets from here on.
    pub(super) fn enter(&mut self, clause: &'static str) {
        let scope = self.scope();
        scope.clause = clause;
        scope.aggregates = None;
        scope.windows = None;
        scope.sets = None;
    }

    /// Adds a relation with its columns.
    pub(super) fn add_relation(&mut self, relation: Relation) -> Result<Vec<Visible>> {
        let scope = self.scope();
        if scope
            .relations
            .iter()
            .any(|other| other.name == relation.name)
        {
            return Err(Error::new(
                SqlState::DUPLICATE_ALIAS,
                format!("table name \"{}\" specified more than once", relation.name),
            ));
        }
        let visible = relation.visible();
        scope.relations.push(relation);
        Ok(visible)
    }

    /// A column by name, with or without that of its relation.
    pub(super) fn column(&mut self, table: Option<&Ident>, name: &Ident) -> Result<Typed> {
        let column = fold(name);
        let found = match table {
            None => self.bare_column(name, &column),
            Some(table) => self.column_of(table, &column),
        }?;
        self.note_read(&found.expr);
        Ok(found)
    }

    /// Notes the columns that are read where a name stands for an expression.
    fn note_read(&mut self, expr: &Expr) {
        expr.any(&mut |part| {
            if let Expr::Column { slot, column } = part {
                let scopes = self.scopes.iter().rev();
                let mut relations = scopes.flat_map(|scope| &scope.relations);
                let relation = relations.find(|relation| relation.slot == *slot);
                let column = relation.and_then(|relation| relation.columns.get(*column));
                self.reads.extend(column.and_then(|column| column.origin));
            }
            false
        });
    }

    fn bare_column(&mut self, name: &Ident, column: &str) -> Result<Typed> {
        for scope in self.scopes.iter_mut().rev() {
            let mut found = scope
                .visible
                .iter()
                .filter(|visible| visible.name == column);
            if let Some(visible) = found.next() {
                if found.next().is_some() {
                    let error = Error::new(
                        SqlState::AMBIGUOUS_COLUMN,
                        format!("column reference \"{column}\" is ambiguous"),
                    );
                    return Err(located(error, Some(name)));
                }
                return Ok(visible.value.clone());
            }
            // The name of a function's only column is the function's too.
            let mut in_sight = scope.relations.iter_mut().skip(scope.first);
            let named = in_sight.find(|relation| relation.name == column);
            if let Some(relation) = named {
                return match relation.visible().as_slice() {
                    [only] if relation.kind == "a function" => Ok(only.value.clone()),
                    _ => Err(Error::unsupported("a whole row as a value")),
                };
            }
            if let Some([relation]) = scope.relations.get_mut(scope.first..)
                && let Some(value) = system_column(relation, column)
            {
                return Ok(value);
            }
        }
        let message = format!("column \"{column}\" does not exist");
        let error = Error::new(SqlState::UNDEFINED_COLUMN, message);
        let error = located(error, Some(name));
        let mut all = self.scopes.iter().flat_map(Scope::entries);
        let has_it = |relation: &&Relation| relation.columns.iter().any(|c| c.name == column);
        Err(match all.find(has_it) {
            Some(relation) => error.hint(format!("There is a column named \"{column}\" in table \"{}\", but it cannot be referenced from this part of the query.", relation.name)),
            None => error,
        })
    }

    fn column_of(&mut self, table: &Ident, column: &str) -> Result<Typed> {
        let table_name = fold(table);
        for scope in self.scopes.iter_mut().rev() {
            let in_sight = scope.relations.iter_mut().skip(scope.first);
            let mut named = in_sight.filter(|relation| relation.name == table_name);
            let Some(relation) = named.next() else {
                continue;
            };
            // A table of the name that ON CONFLICT gives to the new row.
            if named.next().is_some() {
                let message = format!("table reference \"{table_name}\" is ambiguous");
                return Err(located(
                    Error::new(SqlState::AMBIGUOUS_ALIAS, message),
                    Some(table),
                ));
            }
            let mut columns = relation.columns.iter().enumerate();
            if let Some((index, def)) = columns.find(|(_, def)| def.name == column) {
                if columns.any(|(_, def)| def.name == column) {
                    let error = Error::new(
                        SqlState::AMBIGUOUS_COLUMN,
                        format!("column reference \"{column}\" is ambiguous"),
                    );
                    return Err(located(error, Some(table)));
                }
                return Ok(Typed {
                    expr: Expr::Column {
                        slot: relation.slot,
                        column: index,
                    },
                    ty: def.ty,
                    modifier: def.modifier,
                    at: 0,
                });
            }
            return system_column(relation, column).ok_or_else(|| {
                let error = Error::new(
                    SqlState::UNDEFINED_COLUMN,
                    format!("column {table_name}.{column} does not exist"),
                );
                located(error, Some(table))
            });
        }
        Err(located(self.no_relation(&table_name), Some(table)))
    }

    /// The error for a relation that is not in sight.
    pub(super) fn no_relation(&self, name: &str) -> Error {
        let is_named = |relation: &Relation| {
            let table = relation.table.as_ref();
            relation.name == name || table.is_some_and(|table| *table.name == *name)
        };
        for scope in self.scopes.iter().rev() {
            let Some((at, entry)) = scope.entries().enumerate().find(|(_, r)| is_named(r)) else {
                continue;
            };
            let entry = &entry.name;
            let in_sight = (scope.first..scope.relations.len()).contains(&at);
            let hint = if in_sight && entry != name {
                format!("Perhaps you meant to reference the table alias \"{entry}\".")
            } else {
                format!(
                    "There is an entry for table \"{entry}\", but it cannot be referenced from this part of the query."
                )
            };
            let message = format!("invalid reference to FROM-clause entry for table \"{name}\"");
            return Error::new(SqlState::UNDEFINED_TABLE, message).hint(hint);
        }
        Error::new(
            SqlState::UNDEFINED_TABLE,
            format!("missing FROM-clause entry for table \"{name}\""),
        )
    }

    /// The innermost relation of this name.
    pub(super) fn relation(&self, name: &str) -> Result<&Relation> {
        self.scopes
            .last()
            .and_then(|scope| scope.relations.iter().find(|other| other.name == name))
            .ok_or_else(|| self.no_relation(name))
    }
}

fn system_column(relation: &mut Relation, name: &str) -> Option<Typed> {
    if let Some(catalog) = relation.catalog
        && name == "tableoid"
    {
        return Some(number_of_catalog(relation.slot, catalog));
    }
    relation.table.as_ref()?;
    let index = SYSTEM_COLUMNS
        .iter()
        .position(|(column, _)| *column == name)?;
    relation.system = true;
    let expr = Expr::Column {
        slot: relation.slot,
        column: relation.columns.len() + index,
    };
    Some(Typed::new(expr, SYSTEM_COLUMNS[index].1))
}

/// The number of a table of the catalog: none in a row that a join made up.
fn number_of_catalog(slot: usize, catalog: u32) -> Typed {
    let first = Expr::Column { slot, column: 0 };
    let made_up = Expr::Is {
        operand: Box::new(first),
        truth: Truth::Null,
        negated: false,
    };
    let number = Expr::Case {
        arms: vec![(made_up, Expr::Const(Value::Null))],
        otherwise: Box::new(Expr::Const(Value::Int(catalog.into()))),
    };
    Typed::new(number, Type::Oid)
}
