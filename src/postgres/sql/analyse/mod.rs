//! Analysis: names are looked up, types decided, an access path chosen.
//!
//! A literal or parameter without a type takes the one that its context
//! wants, as in PostgreSQL; what can never run is refused here, before
//! anything is touched.

mod aggregate;
mod dml;
mod expr;
mod function;
mod query;
mod scan;
mod types;

use std::sync::Arc;

use sqlparser::ast::{Ident, ObjectName, ObjectNamePart, Statement};

use super::expr::Expr;
use super::plan::{Action, Aggregate, Plan};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::locks::LockMode;
use crate::postgres::storage::catalog::Catalog;
use crate::postgres::storage::clog::{Clog, Xid};
use crate::postgres::storage::table::{TableDef, TableId};
use crate::postgres::types::{Type, Value, cast, from_text};

pub(in crate::postgres) use types::column_type;

/// An expression with its type.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct Typed {
    pub(in crate::postgres) expr: Expr,
    pub(in crate::postgres) ty: Type,
    pub(in crate::postgres) modifier: i32,
}

impl Typed {
    fn new(expr: Expr, ty: Type) -> Typed {
        Typed {
            expr,
            ty,
            modifier: -1,
        }
    }
}

/// A table that names may refer to.
#[derive(Debug, Clone)]
struct Relation {
    name: String,
    table: Arc<TableDef>,
}

/// Where a conversion is asked for: a written cast may do more than an
/// assignment, and that more than an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Coercion {
    Implicit,
    Assignment,
    Explicit,
}

/// Analyses one statement.
pub(in crate::postgres) struct Analyser<'a> {
    catalog: &'a Catalog,
    clog: &'a Clog,
    /// The transaction whose view of the catalog counts.
    top: Xid,
    params: Vec<Type>,
    relations: Vec<Relation>,
    /// The aggregates met so far; None where there may be none.
    aggregates: Option<Vec<Aggregate>>,
    no_aggregates: &'static str,
    tables: Vec<(TableId, LockMode)>,
}

/// The lowest relation number that stands for a list of aggregates.
const AGGREGATES: usize = 63;

impl<'a> Analyser<'a> {
    pub(in crate::postgres) fn new(
        catalog: &'a Catalog,
        clog: &'a Clog,
        top: Xid,
        params: &[Type],
    ) -> Analyser<'a> {
        Analyser {
            catalog,
            clog,
            top,
            params: params.to_vec(),
            relations: Vec::new(),
            aggregates: None,
            no_aggregates: "WHERE",
            tables: Vec::new(),
        }
    }

    /// Plans a statement that reads or writes rows; None for another kind.
    pub(in crate::postgres) fn plan(mut self, statement: &Statement) -> Result<Option<Plan>> {
        let (action, output) = match statement {
            Statement::Query(query) => {
                let (select, output) = self.query(query)?;
                (Action::Select(select), output)
            }
            Statement::Insert(insert) => {
                let (insert, output) = self.insert(insert)?;
                (Action::Insert(insert), output)
            }
            Statement::Update(update) => {
                let (update, output) = self.update(update)?;
                (Action::Update(update), output)
            }
            Statement::Delete(delete) => {
                let (delete, output) = self.delete(delete)?;
                (Action::Delete(delete), output)
            }
            _ => return Ok(None),
        };
        if let Some(index) = self.params.iter().position(|ty| *ty == Type::Unknown) {
            return Err(Error::new(
                SqlState::INDETERMINATE_DATATYPE,
                format!("could not determine data type of parameter ${}", index + 1),
            ));
        }
        Ok(Some(Plan {
            action,
            params: self.params,
            output,
            tables: self.tables,
            catalog_version: self.catalog.version(),
        }))
    }

    /// Analyses a condition or default of a table that is being made.
    pub(in crate::postgres) fn for_table(mut self, table: Arc<TableDef>) -> Self {
        self.relations.push(Relation {
            name: table.name.to_string(),
            table,
        });
        self
    }

    pub(in crate::postgres) fn check(mut self, condition: &sqlparser::ast::Expr) -> Result<Expr> {
        self.no_aggregates = "check constraints";
        self.condition(condition, "CHECK")
    }

    pub(in crate::postgres) fn default(
        mut self,
        value: &sqlparser::ast::Expr,
        column: &crate::postgres::storage::table::Column,
    ) -> Result<Expr> {
        self.no_aggregates = "DEFAULT expressions";
        let value = self.expr(value)?;
        self.assign(value, column, "default expression")
    }

    fn table(&mut self, name: &ObjectName, mode: LockMode) -> Result<Arc<TableDef>> {
        let text = object_name(name)?;
        let table = self
            .catalog
            .find(&text, self.clog, self.top)
            .ok_or_else(|| {
                let error = Error::new(
                    SqlState::UNDEFINED_TABLE,
                    format!("relation \"{text}\" does not exist"),
                );
                located(error, name.0.last().and_then(ObjectNamePart::as_ident))
            })?;
        match self.tables.iter_mut().find(|(id, _)| *id == table.def.id) {
            Some((_, held)) => *held = (*held).max(mode),
            None => self.tables.push((table.def.id, mode)),
        }
        Ok(table.def.clone())
    }

    fn add_relation(&mut self, name: String, table: Arc<TableDef>) -> Result<usize> {
        if self.relations.iter().any(|other| other.name == name) {
            return Err(Error::new(
                SqlState::DUPLICATE_ALIAS,
                format!("table name \"{name}\" specified more than once"),
            ));
        }
        if self.relations.len() >= AGGREGATES {
            return Err(Error::unsupported("a FROM of more than 63 tables"));
        }
        self.relations.push(Relation { name, table });
        Ok(self.relations.len() - 1)
    }

    /// The type of a parameter, counted from 0.
    fn param(&mut self, index: usize) -> Type {
        if self.params.len() <= index {
            self.params.resize(index + 1, Type::Unknown);
        }
        self.params[index]
    }

    /// Converts for an operator, an argument, a comparison.
    fn implicit(&mut self, value: Typed, to: Type) -> Result<Expr> {
        self.coerce(value, to, Coercion::Implicit)
    }

    fn coerce(&mut self, value: Typed, to: Type, how: Coercion) -> Result<Expr> {
        let Typed { expr, ty: from, .. } = value;
        if from == to {
            return Ok(expr);
        }
        if from == Type::Unknown {
            return self.decide(expr, to);
        }
        if !convertible(from, to, how) {
            return Err(Error::new(
                SqlState::CANNOT_COERCE,
                format!("cannot cast type {from} to {to}"),
            ));
        }
        Ok(match expr {
            // All integers and all strings are stored alike.
            expr if from.is_integer() && to.is_integer() && from < to => expr,
            expr if from.is_string() && to.is_string() => expr,
            Expr::Const(value) => Expr::Const(cast(&value, from, to)?),
            expr => Expr::Cast {
                operand: Box::new(expr),
                from,
                to,
            },
        })
    }

    /// Gives a literal or parameter the type that its context wants.
    fn decide(&mut self, mut expr: Expr, to: Type) -> Result<Expr> {
        match &mut expr {
            Expr::Const(value) => {
                if let Value::Text(text) = value {
                    *value = from_text(to, text)?;
                }
            }
            Expr::Param(index) => {
                let index = *index;
                if self.param(index) == Type::Unknown {
                    self.params[index] = to;
                }
            }
            _ => {
                return Ok(Expr::Cast {
                    operand: Box::new(expr),
                    from: Type::Text,
                    to,
                });
            }
        }
        Ok(expr)
    }

    /// What stays unknown is text.
    fn settle(&mut self, value: Typed) -> Result<Typed> {
        if value.ty != Type::Unknown {
            return Ok(value);
        }
        Ok(Typed::new(self.decide(value.expr, Type::Text)?, Type::Text))
    }

    /// The type in which two operands meet, if there is one.
    fn common(left: Type, right: Type) -> Option<Type> {
        match (left, right) {
            _ if left == right => Some(left),
            (Type::Unknown, other) | (other, Type::Unknown) => Some(other),
            _ if left.is_number() && right.is_number() => Some(wider(left, right)),
            _ if left.is_string() && right.is_string() => Some(Type::Text),
            _ => None,
        }
    }
}

fn wider(left: Type, right: Type) -> Type {
    let rank = |ty: Type| match ty {
        Type::Int2 => 0,
        Type::Int4 => 1,
        Type::Int8 => 2,
        Type::Numeric => 3,
        _ => 4,
    };
    if rank(left) >= rank(right) {
        left
    } else {
        right
    }
}

fn convertible(from: Type, to: Type, how: Coercion) -> bool {
    if from.is_string() && to.is_string() {
        return true;
    }
    if from.is_number() && to.is_number() {
        return wider(from, to) == to || how >= Coercion::Assignment;
    }
    match (from, to) {
        (_, Type::Text | Type::Varchar) => how >= Coercion::Assignment,
        (Type::Text | Type::Varchar, _) => how == Coercion::Explicit,
        (Type::Int4, Type::Bool) | (Type::Bool, Type::Int4) => how == Coercion::Explicit,
        _ => false,
    }
}

/// The one name of an object: `public.` may stand before it.
pub(in crate::postgres) fn object_name(name: &ObjectName) -> Result<String> {
    let parts: Vec<&Ident> = name.0.iter().filter_map(ObjectNamePart::as_ident).collect();
    match parts.as_slice() {
        [name] => Ok(fold(name)),
        [schema, name] if matches!(fold(schema).as_str(), "public" | "pg_catalog") => {
            Ok(fold(name))
        }
        _ => Err(Error::new(
            SqlState::UNDEFINED_TABLE,
            format!("relation \"{name}\" does not exist"),
        )),
    }
}

/// An identifier as PostgreSQL stores it: in lower case unless quoted.
pub(in crate::postgres) fn fold(ident: &Ident) -> String {
    if ident.quote_style.is_some() {
        ident.value.clone()
    } else {
        ident.value.to_lowercase()
    }
}

/// Points an error at a name in the text.
fn located(error: Error, ident: Option<&Ident>) -> Error {
    match ident {
        // Later lines would need the text to count characters.
        Some(ident) if ident.span.start.line == 1 => {
            error.position(usize::try_from(ident.span.start.column).unwrap_or(0))
        }
        _ => error,
    }
}
