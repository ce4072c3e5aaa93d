//! CREATE INDEX.

use std::collections::BTreeSet;
use std::sync::Arc;

use sqlparser::ast::{CreateIndex, Expr as Ast, IndexType};

use super::constraint::{column_key, include_columns};
use super::name::Kind;
use super::table::unique_name;
use super::{Work, analyser, live_rows};
use crate::postgres::engine::Engine;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::locks::LockMode;
use crate::postgres::sql::{Expr, fold, object_name};
use crate::postgres::storage::Xid;
use crate::postgres::storage::clog::Clog;
use crate::postgres::storage::table::{IndexDef, IndexKey, Table, TableDef};
use crate::postgres::transaction::Definition;
use crate::postgres::types::Value;

impl Work<'_> {
    pub(super) async fn create_index(&mut self, create: &CreateIndex) -> Result<()> {
        if create
            .using
            .as_ref()
            .is_some_and(|using| *using != IndexType::BTree)
        {
            return Err(Error::unsupported("an index that is no B-tree"));
        }
        let table_name = object_name(&create.table_name)?;
        let id = self.existing_table(&table_name, LockMode::Share).await?;
        self.refuse_in_use(id, "CREATE INDEX")?;
        let top = self.transaction.xid;
        let keys = {
            let engine = self.shared.lock();
            keys(&engine, top, &engine.table(id)?.def.clone(), create)?
        };
        let name = match &create.name {
            Some(name) => {
                let name = object_name(name)?;
                if self.taken(&name, create.if_not_exists)? {
                    return Ok(());
                }
                name
            }
            None => {
                let engine = self.shared.lock();
                let parts: Vec<&str> = keys.iter().map(|(_, name)| &**name).collect();
                let base = format!("{table_name}_{}_idx", parts.join("_"));
                unique_name(&base, |name| {
                    engine.catalog.has_relation(name, &engine.clog, top)
                })
            }
        };
        let mut engine = self.claim(&[(name.clone(), Kind::Plain)]).await?;
        let before = engine.table(id)?.def.clone();
        let xid = self.transaction.xid(&mut engine);
        let predicate = match &create.predicate {
            Some(predicate) => Some(
                analyser(&engine, top)
                    .for_table(&before)
                    .predicate(predicate)?,
            ),
            None => None,
        };
        let index = IndexDef {
            id: engine.catalog.new_id(),
            name: name.as_str().into(),
            keys: keys.into_iter().map(|(key, _)| key).collect(),
            include: include_columns(&before, &create.include)?,
            predicate,
            unique: create.unique,
            nulls_distinct: create.nulls_distinct != Some(false),
            constraint: None,
            created_by: xid,
        };
        let table = engine.table(id)?;
        self.reads_all(table, 1);
        check_index(table, &engine.clog, &index)?;
        let created = Definition::IndexCreated(id, index.id);
        let mut def = (*before).clone();
        def.indexes.push(index);
        engine.table_mut(id)?.redefine(Arc::new(def), None);
        self.transaction.defined(&mut engine, created);
        Ok(())
    }
}

/// The keys of an index, each with its part of the index's name.
fn keys(
    engine: &Engine,
    top: Xid,
    def: &Arc<TableDef>,
    create: &CreateIndex,
) -> Result<Vec<(IndexKey, String)>> {
    let mut keys = Vec::new();
    for column in &create.columns {
        let ast = strip(&column.column.expr);
        if let Ast::Identifier(name) = ast {
            let folded = fold(name);
            let Some(index) = def.column(&folded) else {
                return Err(Error::new(
                    SqlState::UNDEFINED_COLUMN,
                    format!("column \"{folded}\" does not exist"),
                ));
            };
            keys.push((column_key(def, index), folded));
            continue;
        }
        let value = analyser(engine, top).for_table(def).index_key(ast)?;
        let name = match ast {
            Ast::Function(call) => object_name(&call.name).unwrap_or_default(),
            Ast::Cast { expr, .. } => match strip(expr) {
                Ast::Identifier(name) => fold(name),
                _ => "expr".to_owned(),
            },
            _ => "expr".to_owned(),
        };
        let text = show(ast, &value.expr, def);
        let key = IndexKey {
            expr: value.expr,
            text,
        };
        keys.push((key, name));
    }
    Ok(keys)
}

fn strip(ast: &Ast) -> &Ast {
    match ast {
        Ast::Nested(inner) => strip(inner),
        other => other,
    }
}

/// An expression as PostgreSQL writes it in details: calls as they are, with
/// the casts of their arguments; all else in parentheses.
fn show(ast: &Ast, expr: &Expr, def: &TableDef) -> String {
    if let (Ast::Function(call), Expr::Call(builtin, arguments)) = (ast, expr) {
        let shown = arguments
            .iter()
            .enumerate()
            .map(|(index, argument)| match argument {
                Expr::Column { column, .. } => {
                    let own = &def.columns[*column];
                    let wanted = builtin.argument(index);
                    if own.ty == wanted || !wanted.is_string() {
                        own.name.to_string()
                    } else {
                        format!("{}::{wanted}", own.name)
                    }
                }
                Expr::Const(value) => format!("'{value}'"),
                _ => ast.to_string(),
            });
        let shown: Vec<String> = shown.collect();
        return format!("{}({})", call.name, shown.join(", "));
    }
    format!("({ast})")
}

/// What is there must have keys, and different ones if the index is unique.
pub(super) fn check_index(table: &Table, clog: &Clog, index: &IndexDef) -> Result<()> {
    let mut seen = BTreeSet::new();
    for row in live_rows(table, clog) {
        let Some(key) = index.try_key(row)? else {
            continue;
        };
        if !index.unique || (index.nulls_distinct && key.iter().any(Value::is_null)) {
            continue;
        }
        if let Some(key) = seen.replace(key) {
            return Err(Error::new(
                SqlState::UNIQUE_VIOLATION,
                format!("could not create unique index \"{}\"", index.name),
            )
            .detail(format!("Key {} is duplicated.", index.show_key(&key)))
            .table(&table.def.name)
            .constraint(&index.name));
        }
    }
    Ok(())
}
