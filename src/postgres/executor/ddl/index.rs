//! CREATE INDEX.

use std::collections::BTreeMap;
use std::sync::Arc;

use sqlparser::ast::{CreateIndex, Expr as Ast, Ident, IndexColumn, IndexType, OrderBySort};

use super::super::{limits, wait};
use super::constraint::{column_key, include_columns};
use super::name::{Kind, made_name};
use super::{Work, analyser, undefined_table};
use crate::postgres::catalog::{Counted, count_rows};
use crate::postgres::engine::Engine;
use crate::postgres::error::{Error, Result, SqlState, not_supported_for};
use crate::postgres::locks::LockMode;
use crate::postgres::sql::{Deparser, SYSTEM_COLUMNS, figure_name, fold, object_name};
use crate::postgres::storage::Xid;
use crate::postgres::storage::clog::Clog;
use crate::postgres::storage::heap::Chain;
use crate::postgres::storage::table::{
    Column, Formula, IndexDef, IndexKey, Table, TableDef, TableId,
};
use crate::postgres::transaction::Definition;
use crate::postgres::types::{Reading, Row, Value};

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
        let mode = match self.concurrently {
            true => LockMode::ShareUpdateExclusive,
            false => LockMode::Share,
        };
        let id = self.lock_table(&table_name, mode).await?;
        let id = id.ok_or_else(|| match self.kind_of(&table_name) {
            Some((_, kind)) => not_supported_for("create index on", &table_name, kind),
            None => undefined_table(&table_name),
        })?;
        self.refuse_in_use(id, "CREATE INDEX")?;
        let top = self.transaction.xid;
        let keys = {
            let engine = self.shared.lock();
            keys(
                &engine,
                top,
                &self.reading(),
                &engine.table(id)?.def.clone(),
                create,
            )?
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
                let parts: Vec<&str> = keys.iter().map(|key| &*key.name).collect();
                made_name(&table_name, &parts.join("_"), "idx", |name| {
                    engine.catalog.has_relation(name, &engine.clog, top)
                })
            }
        };
        drop(self.claim(&[(name.clone(), Kind::Plain)]).await?);
        let def = self.shared.lock().table(id)?.def.clone();
        let predicate = match &create.predicate {
            Some(predicate) => {
                let engine = self.shared.lock();
                let analyser = analyser(&engine, top, &self.reading()).for_table(&def);
                Some(analyser.predicate(predicate)?)
            }
            None => None,
        };
        let index = IndexDef {
            id: 0,
            name: name.as_str().into(),
            keys,
            include: include_columns(&def, &create.include)?,
            predicate,
            unique: create.unique,
            nulls_distinct: create.nulls_distinct != Some(false),
            constraint: None,
            created_by: Xid::NONE,
        };
        if self.concurrently {
            let others = self.outlast(id, &table_name);
            // Those that write without knowing of the index; those that may
            // not see what it is built from; those that see what it lacks.
            others.holders(LockMode::Share).await?;
            others.holders(LockMode::Share).await?;
            others.snapshots().await?;
        }
        self.build(id, index).await
    }

    /// Makes an index over what is there by now.
    async fn build(&mut self, id: TableId, mut index: IndexDef) -> Result<()> {
        let pid = self.transaction.pid;
        loop {
            let waits = {
                let mut engine = self.claim(&[(index.name.to_string(), Kind::Plain)]).await?;
                let (table, top) = (engine.table(id)?, self.transaction.xid);
                let name = table.def.name.clone();
                let Some(open) = check_index(table, &engine.clog, top, &index)? else {
                    self.reads_all(table, 1);
                    index.id = engine.catalog.new_id();
                    index.created_by = self.transaction.xid(&mut engine);
                    let number = index.id;
                    let created = Definition::IndexCreated(id, number);
                    engine.table_mut(id)?.add_index(index);
                    count_rows(&mut engine, top, id, Counted::Indexes(&[number]))?;
                    self.transaction.defined(&mut engine, created);
                    return Ok(());
                };
                self.shared.await_end(&mut engine, pid, open, &name)
            };
            if let Some(id) = waits {
                wait(self.shared, pid, id, limits(self.settings)).await?;
            }
        }
    }
}

/// The keys of an index.
fn keys(
    engine: &Engine,
    top: Xid,
    reading: &Reading,
    def: &Arc<TableDef>,
    create: &CreateIndex,
) -> Result<Vec<IndexKey>> {
    let mut keys: Vec<IndexKey> = Vec::new();
    for column in &create.columns {
        let ast = strip(&column.column.expr);
        let mut key = match ast {
            Ast::Identifier(name) => named_key(def, name)?,
            ast => {
                let (expr, ty) = analyser(engine, top, reading)
                    .for_table(def)
                    .index_key(ast)?;
                IndexKey {
                    ty,
                    operators: None,
                    descending: false,
                    nulls_first: false,
                    text: key_text(&def.columns, &expr),
                    name: figure_name(ast).unwrap_or("expr".to_owned()).into(),
                    expr,
                }
            }
        };
        key.name = unlike(&key.name, &keys);
        keys.push(ordered(key, column));
    }
    Ok(keys)
}

fn named_key(def: &TableDef, name: &Ident) -> Result<IndexKey> {
    let folded = fold(name);
    let mut system = SYSTEM_COLUMNS.iter();
    if system.any(|(column, _)| *column == folded) {
        return Err(Error::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            "index creation on system columns is not supported",
        ));
    }
    let index = def.column(&folded).ok_or_else(|| {
        Error::new(
            SqlState::UNDEFINED_COLUMN,
            format!("column \"{folded}\" does not exist"),
        )
    })?;
    Ok(column_key(def, index))
}

/// A name with a number after it, if keys have it already.
fn unlike(name: &Arc<str>, keys: &[IndexKey]) -> Arc<str> {
    let numbered = (1..).map(|number| Arc::from(format!("{name}{number}")));
    let mut names = std::iter::once(name.clone()).chain(numbered);
    let free = names.find(|name| keys.iter().all(|key| key.name != *name));
    free.unwrap_or_else(|| name.clone())
}

/// A key as details name it.
pub(super) fn key_text(columns: &[Column], key: &Formula) -> String {
    Deparser::new(&columns, true).key(&key.written)
}

/// A key in the order that was asked for.
fn ordered(key: IndexKey, column: &IndexColumn) -> IndexKey {
    let options = &column.column.options;
    let descending = matches!(options.sort, Some(OrderBySort::Desc));
    let class = column.operator_class.as_ref();
    let class = class.and_then(|class| object_name(class).ok());
    IndexKey {
        operators: class
            .filter(|class| class.ends_with("_pattern_ops"))
            .map(Arc::from),
        descending,
        nulls_first: options.nulls_first.unwrap_or(descending),
        ..key
    }
}

fn strip(ast: &Ast) -> &Ast {
    match ast {
        Ast::Nested(inner) => strip(inner),
        other => other,
    }
}

/// What is there must have keys, and different ones if the index is unique: a
/// transaction is returned that the answer depends on.
pub(super) fn check_index(
    table: &Table,
    clog: &Clog,
    top: Xid,
    index: &IndexDef,
) -> Result<Option<Xid>> {
    let mut seen: BTreeMap<Box<[Value]>, Option<Xid>> = BTreeMap::new();
    for (_, chain) in table.heap.rows() {
        let mut own = BTreeMap::new();
        for (row, open) in possible_rows(chain, clog, top) {
            if let Some(key) = index.try_key(row)? {
                own.insert(key, open);
            }
        }
        for (key, open) in own {
            if !index.unique || (index.nulls_distinct && key.iter().any(Value::is_null)) {
                continue;
            }
            let Some(other) = seen.insert(key.clone(), open) else {
                continue;
            };
            if let Some(xid) = open.or(other) {
                return Ok(Some(xid));
            }
            return Err(Error::new(
                SqlState::UNIQUE_VIOLATION,
                format!("could not create unique index \"{}\"", index.name),
            )
            .detail(format!("Key {} is duplicated.", index.show_key(&key)))
            .table(&table.def.name)
            .constraint(&index.name));
        }
    }
    Ok(None)
}

/// What a row is, or may be once another transaction has ended.
fn possible_rows<'c>(
    chain: &'c Chain,
    clog: &'c Clog,
    top: Xid,
) -> impl Iterator<Item = (&'c Row, Option<Xid>)> {
    let others = move |xid: Xid| clog.runs_beside(xid, top);
    let versions = chain.versions();
    let settled = versions.iter().rposition(|version| !others(version.xmin));
    let possible = versions[settled.unwrap_or(0)..].iter();
    possible.filter_map(move |version| {
        let made = others(version.xmin).then_some(version.xmin);
        let open = made.or_else(|| others(version.xmax).then_some(version.xmax));
        let gone = version.xmax.is_some() && open.is_none();
        (!gone).then_some((&version.row, open))
    })
}
