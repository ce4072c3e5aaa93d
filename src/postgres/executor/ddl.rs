//! CREATE TABLE, CREATE INDEX, DROP TABLE, TRUNCATE.
//!
//! A definition takes effect inside its transaction at once, under a lock
//! that keeps everybody else away from the table until the end, and is undone
//! by a rollback.

use std::sync::Arc;

use sqlparser::ast::{
    ColumnDef, ColumnOption, CreateIndex, CreateTable, DataType, Expr as Ast, GeneratedAs, Ident,
    IndexColumn, NullsDistinctOption, ObjectType, Statement, TableConstraint, Truncate,
};

use super::lock_relation;
use crate::postgres::engine::{Engine, Shared};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::locks::{LockMode, LockTag};
use crate::postgres::settings::Settings;
use crate::postgres::sql::{Analyser, Expr, column_type, function_next_value, object_name};
use crate::postgres::storage::clog::Clog;
use crate::postgres::storage::index::key_of;
use crate::postgres::storage::sequence::SequenceId;
use crate::postgres::storage::table::{Check, Column, IndexDef, Table, TableDef, TableId};
use crate::postgres::transaction::{Definition, Transaction};
use crate::postgres::types::{Type, Value};

/// What a definition gives back: its tag, and perhaps a notice.
pub(in crate::postgres) struct Defined {
    pub(in crate::postgres) tag: &'static str,
    pub(in crate::postgres) notices: Vec<Error>,
}

impl Defined {
    fn quietly(tag: &'static str) -> Defined {
        Defined {
            tag,
            notices: Vec::new(),
        }
    }
}

/// Runs a statement that defines something; None if it is of another kind.
pub(in crate::postgres) async fn define(
    shared: &Shared,
    transaction: &mut Transaction,
    settings: &Settings,
    statement: &Statement,
) -> Result<Option<Defined>> {
    let tag = match statement {
        Statement::CreateTable(_) => "CREATE TABLE",
        Statement::CreateIndex(_) => "CREATE INDEX",
        Statement::Drop { .. } => "DROP TABLE",
        Statement::Truncate(_) => "TRUNCATE TABLE",
        _ => return Ok(None),
    };
    if transaction.read_only {
        return Err(Error::new(
            SqlState::READ_ONLY_SQL_TRANSACTION,
            format!("cannot execute {tag} in a read-only transaction"),
        ));
    }
    let defined = match statement {
        Statement::CreateTable(create) => create_table(shared, transaction, create)?,
        Statement::CreateIndex(create) => {
            create_index(shared, transaction, settings, create).await?
        }
        Statement::Drop {
            object_type: ObjectType::Table,
            if_exists,
            names,
            ..
        } => {
            let mut notices = Vec::new();
            for name in names {
                let name = object_name(name)?;
                let dropped = drop_table(shared, transaction, settings, &name, *if_exists).await?;
                notices.extend(dropped);
            }
            Defined { tag, notices }
        }
        Statement::Truncate(truncate) => {
            truncate_tables(shared, transaction, settings, truncate).await?
        }
        other => return Err(Error::unsupported(first_words(other))),
    };
    Ok(Some(defined))
}

fn first_words(statement: &Statement) -> String {
    let text = statement.to_string();
    text.split_whitespace()
        .take(2)
        .collect::<Vec<_>>()
        .join(" ")
}

fn notice(code: SqlState, message: String) -> Error {
    Error::new(code, message)
}

fn undefined_table(name: &str) -> Error {
    Error::new(
        SqlState::UNDEFINED_TABLE,
        format!("relation \"{name}\" does not exist"),
    )
}

/// Finds a table, locks it, and makes sure that it is still the one.
async fn lock_table(
    shared: &Shared,
    transaction: &mut Transaction,
    settings: &Settings,
    name: &str,
    mode: LockMode,
) -> Result<Option<TableId>> {
    loop {
        let top = transaction.xid;
        let find = |engine: &Engine| {
            let table = engine.catalog.find(name, &engine.clog, top);
            table.map(|table| table.def.id)
        };
        let found = find(&shared.lock());
        let Some(id) = found else {
            return Ok(None);
        };
        let tag = LockTag::Relation(id);
        lock_relation(shared, transaction, settings, tag, mode, name).await?;
        if find(&shared.lock()) == Some(id) {
            return Ok(Some(id));
        }
    }
}

async fn drop_table(
    shared: &Shared,
    transaction: &mut Transaction,
    settings: &Settings,
    name: &str,
    if_exists: bool,
) -> Result<Option<Error>> {
    let mode = LockMode::AccessExclusive;
    let Some(id) = lock_table(shared, transaction, settings, name, mode).await? else {
        if if_exists {
            let message = format!("table \"{name}\" does not exist, skipping");
            return Ok(Some(notice(SqlState::SUCCESSFUL_COMPLETION, message)));
        }
        return Err(Error::new(
            SqlState::UNDEFINED_TABLE,
            format!("table \"{name}\" does not exist"),
        ));
    };
    let mut engine = shared.lock();
    if let Some(sxact) = transaction.ssi {
        engine.ssi.remove_table(sxact, id)?;
    }
    let xid = transaction.xid(&mut engine);
    engine.table_mut(id)?.dropped_by = xid;
    transaction.defined(&mut engine, Definition::Dropped(id));
    Ok(None)
}

async fn truncate_tables(
    shared: &Shared,
    transaction: &mut Transaction,
    settings: &Settings,
    truncate: &Truncate,
) -> Result<Defined> {
    for target in &truncate.table_names {
        let name = object_name(&target.name)?;
        let mode = LockMode::AccessExclusive;
        let id = lock_table(shared, transaction, settings, &name, mode).await?;
        let id = id.ok_or_else(|| undefined_table(&name))?;
        let mut engine = shared.lock();
        if let Some(sxact) = transaction.ssi {
            engine.ssi.remove_table(sxact, id)?;
        }
        transaction.xid(&mut engine);
        let contents = engine.table_mut(id)?.truncate();
        let definition = Definition::Truncated(id, Box::new(contents));
        transaction.defined(&mut engine, definition);
    }
    Ok(Defined::quietly("TRUNCATE TABLE"))
}

fn create_table(
    shared: &Shared,
    transaction: &mut Transaction,
    create: &CreateTable,
) -> Result<Defined> {
    let refused = [
        (create.query.is_some(), "CREATE TABLE AS"),
        (create.inherits.is_some(), "INHERITS"),
        (create.partition_by.is_some(), "PARTITION BY"),
        (create.partition_of.is_some(), "PARTITION OF"),
        (create.like.is_some(), "LIKE in CREATE TABLE"),
        (create.temporary, "CREATE TEMPORARY TABLE"),
    ];
    if let Some((_, what)) = refused.iter().find(|(present, _)| *present) {
        return Err(Error::unsupported(what));
    }
    let name = object_name(&create.name)?;
    let mut engine = shared.lock();
    if engine
        .catalog
        .find(&name, &engine.clog, transaction.xid)
        .is_some()
    {
        let message = format!("relation \"{name}\" already exists");
        if create.if_not_exists {
            let message = format!("{message}, skipping");
            return Ok(Defined {
                tag: "CREATE TABLE",
                notices: vec![notice(SqlState::DUPLICATE_TABLE, message)],
            });
        }
        return Err(Error::new(SqlState::DUPLICATE_TABLE, message));
    }
    let xid = transaction.xid(&mut engine);
    let (def, sequences) = define_table(&mut engine, &name, create)?;
    for id in sequences {
        shared.sequences.lock().create(id);
        transaction.defined(&mut engine, Definition::Sequence(id));
    }
    let id = def.id;
    engine.catalog.add(Table::new(Arc::new(def), xid));
    transaction.defined(&mut engine, Definition::Created(id));
    let (tag, mode) = (LockTag::Relation(id), LockMode::AccessExclusive);
    if engine.locks.try_acquire(tag, mode, transaction.pid) {
        transaction.keep_lock(tag, mode);
    }
    Ok(Defined::quietly("CREATE TABLE"))
}

fn define_table(
    engine: &mut Engine,
    name: &str,
    create: &CreateTable,
) -> Result<(TableDef, Vec<SequenceId>)> {
    let mut def = TableDef {
        id: TableId(engine.catalog.new_id()),
        name: name.into(),
        columns: Vec::new(),
        checks: Vec::new(),
        indexes: Vec::new(),
    };
    let mut sequences = Vec::new();
    for column in &create.columns {
        define_column(engine, &mut def, column, &mut sequences)?;
    }
    // Primary keys come first, as PostgreSQL numbers them.
    let mut keys: Vec<(Vec<usize>, bool, Option<&Ident>)> = Vec::new();
    let mut checks: Vec<(&Ast, Option<&Ident>, Option<usize>)> = Vec::new();
    for (index, column) in create.columns.iter().enumerate() {
        for option in &column.options {
            match &option.option {
                ColumnOption::PrimaryKey(key) => {
                    keys.push((
                        vec![index],
                        true,
                        option.name.as_ref().or(key.name.as_ref()),
                    ));
                }
                ColumnOption::Unique(key) => {
                    keys.push((
                        vec![index],
                        false,
                        option.name.as_ref().or(key.name.as_ref()),
                    ));
                }
                ColumnOption::Check(check) => {
                    let name = option.name.as_ref().or(check.name.as_ref());
                    checks.push((&check.expr, name, Some(index)));
                }
                _ => {}
            }
        }
    }
    for constraint in &create.constraints {
        match constraint {
            TableConstraint::PrimaryKey(key) if key.include.is_empty() => {
                keys.push((key_columns(&def, &key.columns)?, true, key.name.as_ref()));
            }
            TableConstraint::Unique(key)
                if key.include.is_empty()
                    && !matches!(key.nulls_distinct, NullsDistinctOption::NotDistinct) =>
            {
                keys.push((key_columns(&def, &key.columns)?, false, key.name.as_ref()));
            }
            TableConstraint::Check(check) => {
                checks.push((&check.expr, check.name.as_ref(), None));
            }
            TableConstraint::ForeignKey(_) => return Err(Error::unsupported("FOREIGN KEY")),
            other => return Err(Error::unsupported(format!("{other}"))),
        }
    }
    define_keys(engine, &mut def, keys)?;
    define_checks(engine, &mut def, checks)?;
    Ok((def, sequences))
}

fn define_keys(
    engine: &mut Engine,
    def: &mut TableDef,
    mut keys: Vec<(Vec<usize>, bool, Option<&Ident>)>,
) -> Result<()> {
    if keys.iter().filter(|(_, primary, _)| *primary).count() > 1 {
        return Err(Error::new(
            SqlState::INVALID_TABLE_DEFINITION,
            format!(
                "multiple primary keys for table \"{}\" are not allowed",
                def.name
            ),
        ));
    }
    keys.sort_by_key(|(_, primary, _)| !primary);
    for (columns, primary, name) in keys {
        if primary {
            for column in &columns {
                def.columns[*column].not_null = true;
            }
        }
        let name = match name {
            Some(name) => name.value.clone(),
            None if primary => format!("{}_pkey", def.name),
            None => {
                let names: Vec<&str> = columns.iter().map(|c| &*def.columns[*c].name).collect();
                format!("{}_{}_key", def.name, names.join("_"))
            }
        };
        def.indexes.push(IndexDef {
            id: engine.catalog.new_id(),
            name: name.as_str().into(),
            columns,
            unique: true,
        });
    }
    Ok(())
}

fn define_checks(
    engine: &Engine,
    def: &mut TableDef,
    checks: Vec<(&Ast, Option<&Ident>, Option<usize>)>,
) -> Result<()> {
    let shared_def = Arc::new(def.clone());
    for (condition, name, column) in checks {
        let analyser = analyser(engine).for_table(shared_def.clone());
        let condition = analyser.check(condition)?;
        let base = match (name, column) {
            (Some(name), _) => name.value.clone(),
            (None, Some(column)) => format!("{}_{}_check", def.name, def.columns[column].name),
            (None, None) => match only_column(&condition) {
                Some(column) => format!("{}_{}_check", def.name, def.columns[column].name),
                None => format!("{}_check", def.name),
            },
        };
        let taken = |name: &str| def.checks.iter().any(|check| *check.name == *name);
        let mut unique = base.clone();
        let mut number = 1;
        while taken(&unique) {
            unique = format!("{base}{number}");
            number += 1;
        }
        def.checks.push(Check {
            name: unique.as_str().into(),
            condition,
        });
    }
    Ok(())
}

/// The one column that a condition is about, if it is one.
fn only_column(condition: &Expr) -> Option<usize> {
    let mut columns = Vec::new();
    condition.any(&mut |expr| {
        if let Expr::Column { column, .. } = expr
            && !columns.contains(column)
        {
            columns.push(*column);
        }
        false
    });
    match columns.as_slice() {
        [column] => Some(*column),
        _ => None,
    }
}

fn analyser(engine: &Engine) -> Analyser<'_> {
    let top = crate::postgres::storage::Xid::NONE;
    Analyser::new(&engine.catalog, &engine.clog, top, &[])
}

fn serial(data_type: &DataType) -> Option<Type> {
    let DataType::Custom(name, _) = data_type else {
        return None;
    };
    match object_name(name).ok()?.as_str() {
        "smallserial" | "serial2" => Some(Type::Int2),
        "serial" | "serial4" => Some(Type::Int4),
        "bigserial" | "serial8" => Some(Type::Int8),
        _ => None,
    }
}

fn define_column(
    engine: &mut Engine,
    def: &mut TableDef,
    ast: &ColumnDef,
    sequences: &mut Vec<SequenceId>,
) -> Result<()> {
    let name = if ast.name.quote_style.is_some() {
        ast.name.value.clone()
    } else {
        ast.name.value.to_lowercase()
    };
    if def.column(&name).is_some() {
        return Err(Error::new(
            SqlState::DUPLICATE_COLUMN,
            format!("column \"{name}\" specified more than once"),
        ));
    }
    let serial = serial(&ast.data_type);
    let (ty, modifier) = match serial {
        Some(ty) => (ty, -1),
        None => column_type(&ast.data_type)?,
    };
    let mut column = Column {
        name: name.as_str().into(),
        ty,
        modifier,
        not_null: false,
        default: None,
        generated_always: false,
        sequence: None,
    };
    if serial.is_some() {
        own_sequence(engine, &mut column, sequences);
    }
    for option in &ast.options {
        match &option.option {
            ColumnOption::NotNull => column.not_null = true,
            ColumnOption::Default(value) => {
                column.default = Some(analyser(engine).default(value, &column)?);
            }
            ColumnOption::Generated {
                generated_as: how @ (GeneratedAs::Always | GeneratedAs::ByDefault),
                generation_expr: None,
                ..
            } => {
                if !ty.is_integer() {
                    return Err(Error::new(
                        SqlState::INVALID_PARAMETER_VALUE,
                        "identity column type must be smallint, integer, or bigint",
                    ));
                }
                column.generated_always = matches!(how, GeneratedAs::Always);
                own_sequence(engine, &mut column, sequences);
            }
            ColumnOption::Null
            | ColumnOption::PrimaryKey(_)
            | ColumnOption::Unique(_)
            | ColumnOption::Check(_) => {}
            ColumnOption::ForeignKey(_) => return Err(Error::unsupported("REFERENCES")),
            other => return Err(Error::unsupported(format!("{other}"))),
        }
    }
    def.columns.push(column);
    Ok(())
}

fn own_sequence(engine: &mut Engine, column: &mut Column, sequences: &mut Vec<SequenceId>) {
    let id = SequenceId(engine.catalog.new_id());
    sequences.push(id);
    column.not_null = true;
    column.sequence = Some(id);
    column.default = Some(function_next_value(id));
}

fn key_columns(def: &TableDef, columns: &[IndexColumn]) -> Result<Vec<usize>> {
    let mut key = Vec::new();
    for column in columns {
        let Ast::Identifier(name) = &column.column.expr else {
            return Err(Error::unsupported("an index on an expression"));
        };
        let folded = if name.quote_style.is_some() {
            name.value.clone()
        } else {
            name.value.to_lowercase()
        };
        let index = def.column(&folded).ok_or_else(|| {
            Error::new(
                SqlState::UNDEFINED_COLUMN,
                format!("column \"{folded}\" named in key does not exist"),
            )
        })?;
        key.push(index);
    }
    Ok(key)
}

async fn create_index(
    shared: &Shared,
    transaction: &mut Transaction,
    settings: &Settings,
    create: &CreateIndex,
) -> Result<Defined> {
    if create.predicate.is_some() {
        return Err(Error::unsupported("a partial index"));
    }
    if create.concurrently {
        return Err(Error::unsupported("CREATE INDEX CONCURRENTLY"));
    }
    let name = object_name(&create.table_name)?;
    let id = lock_table(shared, transaction, settings, &name, LockMode::Share).await?;
    let id = id.ok_or_else(|| undefined_table(&name))?;
    let mut engine = shared.lock();
    let mut def = (*engine.table(id)?.def).clone();
    let columns = key_columns(&def, &create.columns)?;
    let index_name = match &create.name {
        Some(name) => object_name(name)?,
        None => {
            let names: Vec<&str> = columns.iter().map(|c| &*def.columns[*c].name).collect();
            format!("{name}_{}_idx", names.join("_"))
        }
    };
    let taken = engine
        .catalog
        .tables()
        .any(|table| table.def.indexes.iter().any(|i| *i.name == *index_name));
    if taken {
        let message = format!("relation \"{index_name}\" already exists");
        if create.if_not_exists {
            let message = format!("{message}, skipping");
            return Ok(Defined {
                tag: "CREATE INDEX",
                notices: vec![notice(SqlState::DUPLICATE_TABLE, message)],
            });
        }
        return Err(Error::new(SqlState::DUPLICATE_TABLE, message));
    }
    let index = engine.catalog.new_id();
    def.indexes.push(IndexDef {
        id: index,
        name: index_name.as_str().into(),
        columns,
        unique: create.unique,
    });
    if create.unique {
        let Engine { catalog, clog, .. } = &*engine;
        if let (Some(table), Some(added)) = (catalog.table(id), def.indexes.last()) {
            refuse_duplicates(table, clog, &def, added)?;
        }
    }
    transaction.xid(&mut engine);
    engine.table_mut(id)?.add_index(Arc::new(def));
    let definition = Definition::Indexed { table: id, index };
    transaction.defined(&mut engine, definition);
    Ok(Defined::quietly("CREATE INDEX"))
}

/// The lock on the table keeps writers away: what is there is decided, or
/// our own.
fn refuse_duplicates(table: &Table, clog: &Clog, def: &TableDef, index: &IndexDef) -> Result<()> {
    let mut seen = std::collections::BTreeSet::new();
    for (_, chain) in table.heap.rows() {
        let Some(newest) = chain.newest() else {
            continue;
        };
        let gone = newest.xmax.is_some()
            && !matches!(
                clog.status(newest.xmax),
                crate::postgres::storage::clog::Status::Aborted
            );
        let key = key_of(&index.columns, &newest.row);
        if gone || key.iter().any(Value::is_null) {
            continue;
        }
        if let Some(key) = seen.replace(key) {
            return Err(Error::new(
                SqlState::UNIQUE_VIOLATION,
                format!("could not create unique index \"{}\"", index.name),
            )
            .detail(format!("Key {} is duplicated.", def.show_key(index, &key)))
            .table(&def.name)
            .constraint(&index.name));
        }
    }
    Ok(())
}
