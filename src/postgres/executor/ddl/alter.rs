//! ALTER TABLE. Foreign keys and VALIDATE take the weaker locks that they take
//! in PostgreSQL; every other form takes the strongest, where PostgreSQL takes
//! weaker ones for some.

use std::sync::Arc;

use sqlparser::ast::{
    AlterColumnOperation, AlterTable, AlterTableOperation, DataType, DropBehavior, Expr as Ast,
    Ident, RenameTableNameKind, SqlOption, TableConstraint,
};

use super::constraint::{Constraint, has_constraint};
use super::index::{check_index, key_text};
use super::table::{define_column, define_computed};
use super::verify::verify;
use super::{Work, already_exists, analyser, live_rows, no_column, undefined_table};
use crate::postgres::engine::Engine;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::locks::LockMode;
use crate::postgres::sql::{Context, Expr, column_type, eval, fold, object_name};
use crate::postgres::storage::sequence::SequenceDef;
use crate::postgres::storage::table::{
    Check, Column, Commented, Formula, Generated, Table, TableDef, TableId,
};
use crate::postgres::transaction::Definition;
use crate::postgres::types::{Row, Type, Value};

fn column_of(def: &TableDef, name: &Ident) -> Result<usize> {
    let name = fold(name);
    def.column(&name).ok_or_else(|| no_column(def, &name))
}

/// How a table is stored and vacuumed changes no answer.
fn storage_parameter(option: &SqlOption) -> Result<()> {
    let SqlOption::KeyValue { key, .. } = option else {
        return Err(Error::unsupported(format!("SET ({option})")));
    };
    let name = fold(key);
    let known = [
        "fillfactor",
        "parallel_workers",
        "vacuum_index_cleanup",
        "vacuum_truncate",
    ];
    if known.contains(&name.as_str()) || name.starts_with("autovacuum_") {
        return Ok(());
    }
    Err(Error::new(
        SqlState::INVALID_PARAMETER_VALUE,
        format!("unrecognized parameter \"{name}\""),
    ))
}

/// The lock that an operation takes on its table.
fn lock_mode(operation: &AlterTableOperation) -> LockMode {
    match operation {
        AlterTableOperation::AddConstraint {
            constraint: TableConstraint::ForeignKey(_),
            ..
        } => LockMode::ShareRowExclusive,
        AlterTableOperation::ValidateConstraint { .. }
        | AlterTableOperation::SetOptionsParens { .. } => LockMode::ShareUpdateExclusive,
        _ => LockMode::AccessExclusive,
    }
}

impl Work<'_> {
    pub(super) async fn alter_table(&mut self, alter: &AlterTable) -> Result<()> {
        let name = object_name(&alter.name)?;
        let modes = alter.operations.iter().map(lock_mode);
        let mode = modes.max().unwrap_or(LockMode::AccessExclusive);
        let found = self.lock_table(&name, mode).await?;
        let Some(id) = found else {
            if alter.if_exists {
                let message = format!("relation \"{name}\" does not exist, skipping");
                self.notice(SqlState::SUCCESSFUL_COMPLETION, message);
                return Ok(());
            }
            return Err(undefined_table(&name));
        };
        self.refuse_in_use(id, "ALTER TABLE")?;
        for operation in &alter.operations {
            let altered = self.alter(id, &name, operation).await;
            altered.map_err(|error| match operation {
                AlterTableOperation::AlterColumn {
                    op: AlterColumnOperation::SetDataType { .. },
                    ..
                } => error,
                // PostgreSQL no longer has the text.
                _ => error.unplaced(),
            })?;
        }
        Ok(())
    }

    async fn alter(&mut self, id: TableId, name: &str, op: &AlterTableOperation) -> Result<()> {
        match op {
            AlterTableOperation::AddColumn {
                if_not_exists,
                column_def,
                ..
            } => self.add_column(id, name, column_def, *if_not_exists).await,
            AlterTableOperation::DropColumn {
                column_names,
                if_exists,
                drop_behavior,
                ..
            } => {
                let cascade = *drop_behavior == Some(DropBehavior::Cascade);
                for column in column_names {
                    self.drop_computed(id, column, cascade).await?;
                    self.drop_column(id, column, *if_exists).await?;
                }
                Ok(())
            }
            AlterTableOperation::AddConstraint {
                constraint,
                not_valid,
            } => {
                let constraint = Constraint::of_table(constraint)?;
                let constraints = [if *not_valid {
                    constraint.not_valid()?
                } else {
                    constraint
                }];
                self.add_constraints(id, name, &constraints).await
            }
            AlterTableOperation::DropConstraint {
                name, if_exists, ..
            } => self.drop_constraint(id, &fold(name), *if_exists),
            AlterTableOperation::SetOptionsParens { options } => {
                options.iter().try_for_each(storage_parameter)
            }
            AlterTableOperation::ValidateConstraint { name } => {
                self.validate_constraint(id, &fold(name)).await
            }
            AlterTableOperation::AlterColumn { column_name, op } => {
                self.alter_column(id, column_name, op)
            }
            AlterTableOperation::RenameColumn {
                old_column_name,
                new_column_name,
            } => self.redefine(id, |def| {
                rename_column(def, old_column_name, new_column_name)
            }),
            AlterTableOperation::RenameConstraint { old_name, new_name } => {
                self.rename_constraint(id, &fold(old_name), &fold(new_name))
                    .await
            }
            AlterTableOperation::RenameTable {
                table_name: RenameTableNameKind::To(new) | RenameTableNameKind::As(new),
            } => {
                let new = object_name(new)?;
                if self.taken(&new, false)? {
                    return Err(already_exists(&new));
                }
                self.redefine(id, |def| {
                    def.name = new.as_str().into();
                    Ok(())
                })
            }
            other => Err(Error::unsupported(format!("ALTER TABLE {other}"))),
        }
    }

    /// Changes a definition, and writes the table anew with its rows changed.
    fn renew(
        &mut self,
        engine: &mut Engine,
        id: TableId,
        def: TableDef,
        change: impl FnMut(&Row) -> Result<Row>,
    ) -> Result<()> {
        let writer = (self.transaction.xid(engine), self.transaction.command);
        let heap = engine
            .table(id)?
            .heap
            .renewed(&engine.clog, writer, change)?;
        let indexes: Vec<u32> = def.indexes.iter().map(|index| index.id).collect();
        engine.ssi.coarsen(id, true, &indexes);
        self.lock_to_index(engine, id);
        self.take_over(engine, id, def, Some(heap))?;
        self.rewrites_all(engine.table(id)?);
        Ok(())
    }

    /// Changes a definition, and what is kept of each row with it: the rows
    /// stay what they are.
    fn rewrite(
        &mut self,
        engine: &mut Engine,
        id: TableId,
        def: TableDef,
        change: impl FnMut(&Row) -> Result<Row>,
    ) -> Result<()> {
        let heap = engine.table(id)?.heap.rewritten(change)?;
        self.take_over(engine, id, def, Some(heap))
    }

    async fn add_column(
        &mut self,
        id: TableId,
        name: &str,
        ast: &sqlparser::ast::ColumnDef,
        if_not_exists: bool,
    ) -> Result<()> {
        let index = {
            let engine = self.shared.lock();
            let def = engine.table(id)?.def.clone();
            let column = fold(&ast.name);
            if def.column(&column).is_some() {
                let message = format!("column \"{column}\" of relation \"{name}\" already exists");
                if !if_not_exists {
                    return Err(Error::new(SqlState::DUPLICATE_COLUMN, message));
                }
                drop(engine);
                self.notice(SqlState::DUPLICATE_COLUMN, format!("{message}, skipping"));
                return Ok(());
            }
            def.columns.len()
        };
        {
            let mut engine = self.shared.lock();
            let xid = self.transaction.xid(&mut engine);
            let top = self.transaction.xid;
            let mut def = (*engine.table(id)?.def).clone();
            let mut sequences = Vec::new();
            let column = define_column(&mut engine, top, &def, ast, &mut sequences)?;
            self.add_sequences(&mut engine, xid, sequences);
            def.columns.push(column);
            let index = def.columns.len() - 1;
            define_computed(&engine, top, &mut def, ast, index)?;
            let column = def.columns[index].clone();
            if column.not_null && column.default.is_none() {
                self.refuse_rows(&engine, id, &column)?;
            }
            let (sequences, pid) = (&self.shared.sequences, self.transaction.pid);
            let start = self.transaction.start;
            // A default that is the same for all rows, PostgreSQL keeps once.
            let sequence = matches!(column.default.as_deref(), Some(Expr::NextValue(_)));
            let renews = sequence || column.computed().is_some();
            let with_value = |row: &Row| {
                let value = match column.default.as_deref() {
                    None => Value::Null,
                    Some(computed) if column.computed().is_some() => {
                        eval(computed, std::slice::from_ref(row), &Context::IMMUTABLE)?
                    }
                    Some(Expr::NextValue(id)) => Value::Int(sequences.lock().next(*id, pid)?),
                    Some(default) => default_value(default, start)?,
                };
                Ok(row.iter().cloned().chain([value]).collect())
            };
            match renews {
                true => self.renew(&mut engine, id, def, with_value)?,
                false => self.rewrite(&mut engine, id, def, with_value)?,
            }
            let table = engine.table(id)?;
            let mut rows = live_rows(table, &engine.clog);
            if column.not_null && rows.any(|row| row[index].is_null()) {
                return Err(contains_nulls(table, &column));
            }
        }
        let mut constraints = Vec::new();
        Constraint::of_column(ast, index, &mut constraints)?;
        self.add_constraints(id, name, &constraints).await
    }

    /// A column that takes no NULL cannot join rows without a value for it.
    fn refuse_rows(&self, engine: &Engine, id: TableId, column: &Column) -> Result<()> {
        let table = engine.table(id)?;
        match live_rows(table, &engine.clog).next() {
            Some(_) => Err(contains_nulls(table, column)),
            None => Ok(()),
        }
    }

    async fn add_constraints(
        &mut self,
        id: TableId,
        name: &str,
        constraints: &[Constraint<'_>],
    ) -> Result<()> {
        if constraints.is_empty() {
            return Ok(());
        }
        let parents = self.lock_parents(constraints, name).await?;
        let mut engine = self.shared.lock();
        let before = engine.table(id)?.def.clone();
        let mut def = (*before).clone();
        let top = self.transaction.xid;
        for constraint in constraints {
            constraint.add(&mut engine, top, &mut def, &parents)?;
        }
        if def.checks.len() + def.foreign_keys.len()
            > before.checks.len() + before.foreign_keys.len()
        {
            self.reads_all(engine.table(id)?, 0);
        }
        verify(&engine, top, id, &before, &def)?;
        if def.indexes.len() > before.indexes.len() {
            self.lock_to_index(&mut engine, id);
        }
        self.take_over(&mut engine, id, def, None)
    }

    fn drop_constraint(&mut self, id: TableId, name: &str, if_exists: bool) -> Result<()> {
        let def = self.shared.lock().table(id)?.def.clone();
        if !has_constraint(&def, name) {
            let message = format!(
                "constraint \"{name}\" of relation \"{}\" does not exist",
                def.name
            );
            if !if_exists {
                return Err(Error::new(SqlState::UNDEFINED_OBJECT, message));
            }
            self.notice(
                SqlState::SUCCESSFUL_COMPLETION,
                format!("{message}, skipping"),
            );
            return Ok(());
        }
        self.redefine(id, |def| {
            def.checks.retain(|check| *check.name != *name);
            def.foreign_keys.retain(|key| *key.name != *name);
            def.indexes
                .retain(|index| !(index.is_constraint() && *index.name == *name));
            Ok(())
        })
    }

    /// A constraint that is an index takes it along.
    async fn rename_constraint(&mut self, id: TableId, old: &str, new: &str) -> Result<()> {
        let def = self.shared.lock().table(id)?.def.clone();
        if !has_constraint(&def, old) {
            return Err(Error::new(
                SqlState::UNDEFINED_OBJECT,
                format!(
                    "constraint \"{old}\" for table \"{}\" does not exist",
                    def.name
                ),
            ));
        }
        let is_index = def.indexes.iter().any(|index| *index.name == *old);
        if is_index && self.taken(new, false)? {
            return Err(already_exists(new));
        }
        if has_constraint(&def, new) {
            return Err(Error::new(
                SqlState::DUPLICATE_OBJECT,
                format!(
                    "constraint \"{new}\" for relation \"{}\" already exists",
                    def.name
                ),
            ));
        }
        self.redefine(id, |def| {
            let checks = def.checks.iter_mut().map(|check| &mut check.name);
            let keys = def.foreign_keys.iter_mut().map(|key| &mut key.name);
            let indexes = def.indexes.iter_mut().map(|index| &mut index.name);
            for name in checks.chain(keys).chain(indexes) {
                if **name == *old {
                    *name = new.into();
                }
            }
            Ok(())
        })
    }

    async fn drop_column(&mut self, id: TableId, name: &Ident, if_exists: bool) -> Result<()> {
        let mut def = (*self.shared.lock().table(id)?.def).clone();
        let Some(gone) = def.column(&fold(name)) else {
            let error = no_column(&def, &fold(name));
            if !if_exists {
                return Err(error);
            }
            let message = format!("{}, skipping", error.fields().message);
            self.notice(SqlState::SUCCESSFUL_COMPLETION, message);
            return Ok(());
        };
        let column = def.columns[gone].clone();
        self.lock_owned_sequences(id, Some(&column)).await?;
        let mut engine = self.shared.lock();
        let referred = engine
            .catalog
            .references(id, &engine.clog, self.transaction.xid);
        if referred
            .iter()
            .any(|(_, key)| key.parent_columns.iter().any(|c| *c >= gone))
        {
            return Err(Error::unsupported(
                "DROP COLUMN in a table that a foreign key refers to by this or a later column",
            ));
        }
        let owned = engine.catalog.owned_sequences(id);
        without_column(&mut def, gone);
        self.rewrite(&mut engine, id, def, |row| {
            let kept = row.iter().enumerate().filter(|(index, _)| *index != gone);
            Ok(kept.map(|(_, value)| value.clone()).collect())
        })?;
        let of_column = |def: &&Arc<SequenceDef>| def.is_of(&column);
        for def in owned.iter().filter(of_column) {
            let sequence = def.id;
            let xid = self.transaction.xid(&mut engine);
            engine.catalog.drop_sequence(sequence, xid);
            let dropped = Definition::SequenceDropped(sequence);
            self.transaction.defined(&mut engine, dropped);
        }
        Ok(())
    }

    /// Drops the columns that are computed from one that goes, if that is
    /// asked for.
    async fn drop_computed(&mut self, id: TableId, name: &Ident, cascade: bool) -> Result<()> {
        let def = self.shared.lock().table(id)?.def.clone();
        let (name, table) = (fold(name), &def.name);
        let Some(gone) = def.column(&name) else {
            return Ok(());
        };
        let computed = def.computed_from(|column| column == gone);
        let names: Vec<&str> = computed
            .map(|(index, _)| &*def.columns[index].name)
            .collect();
        if names.is_empty() {
            return Ok(());
        }
        if !cascade {
            let line = |computed: &&str| {
                format!(
                    "column {computed} of table {table} depends on column {name} of table {table}"
                )
            };
            let lines: Vec<String> = names.iter().map(line).collect();
            return Err(Error::new(
                SqlState("2BP01"),
                format!(
                    "cannot drop column {name} of table {table} because other objects depend on it"
                ),
            )
            .detail(lines.join("\n"))
            .hint("Use DROP ... CASCADE to drop the dependent objects too."));
        }
        for computed in names {
            let message = format!("drop cascades to column {computed} of table {table}");
            self.notice(SqlState::SUCCESSFUL_COMPLETION, message);
            let computed = Ident::with_quote('"', computed);
            self.drop_column(id, &computed, false).await?;
        }
        Ok(())
    }

    fn alter_column(&mut self, id: TableId, name: &Ident, op: &AlterColumnOperation) -> Result<()> {
        match op {
            AlterColumnOperation::SetNotNull => {
                {
                    let engine = self.shared.lock();
                    let table = engine.table(id)?;
                    let index = column_of(&table.def, name)?;
                    self.reads_all(table, 0);
                    if live_rows(table, &engine.clog).any(|row| row[index].is_null()) {
                        return Err(contains_nulls(table, &table.def.columns[index]));
                    }
                }
                self.redefine(id, |def| {
                    let index = column_of(def, name)?;
                    def.columns[index].not_null = true;
                    Ok(())
                })
            }
            AlterColumnOperation::DropNotNull => self.redefine(id, |def| {
                let index = column_of(def, name)?;
                let primary = def.indexes.iter().filter(|index| index.is_primary());
                if primary
                    .filter_map(|i| i.columns())
                    .any(|columns| columns.contains(&index))
                {
                    return Err(Error::new(
                        SqlState::INVALID_TABLE_DEFINITION,
                        format!("column \"{}\" is in a primary key", fold(name)),
                    ));
                }
                def.columns[index].not_null = false;
                Ok(())
            }),
            AlterColumnOperation::SetDefault { value } => {
                let default = {
                    let engine = self.shared.lock();
                    let def = &engine.table(id)?.def;
                    let column = &def.columns[column_of(def, name)?];
                    refuse_generated(def, column, None)?;
                    analyser(&engine, self.transaction.xid).default(value, column)?
                };
                self.redefine(id, |def| {
                    let index = column_of(def, name)?;
                    def.columns[index].default = default;
                    Ok(())
                })
            }
            AlterColumnOperation::DropDefault => self.redefine(id, |def| {
                let index = column_of(def, name)?;
                refuse_generated(def, &def.columns[index], Some("DROP"))?;
                def.columns[index].default = None;
                Ok(())
            }),
            AlterColumnOperation::SetDataType {
                data_type, using, ..
            } => self.retype_column(id, name, data_type, using.as_ref()),
            AlterColumnOperation::AddGenerated { .. } => {
                Err(Error::unsupported("ALTER COLUMN ... ADD GENERATED"))
            }
        }
    }

    fn retype_column(
        &mut self,
        id: TableId,
        name: &Ident,
        data_type: &DataType,
        using: Option<&Ast>,
    ) -> Result<()> {
        let mut engine = self.shared.lock();
        let before = engine.table(id)?.def.clone();
        let index = column_of(&before, name)?;
        let (ty, modifier) = column_type(data_type)?;
        refuse_retyping(&before, index, using.is_some())?;
        let mut def = (*before).clone();
        let own = Ast::Identifier(name.clone());
        let from = def.columns[index].ty;
        def.columns[index].ty = ty;
        def.columns[index].modifier = modifier;
        let top = self.transaction.xid;
        let convert = analyser(&engine, top)
            .for_table(&before)
            .conversion(using.unwrap_or(&own), &def.columns[index]);
        let convert = convert.map_err(|error| {
            if error.code() != SqlState::DATATYPE_MISMATCH {
                return error;
            }
            let name = fold(name);
            let message = format!("column \"{name}\" cannot be cast automatically to type {ty}");
            let error = Error::new(SqlState::DATATYPE_MISMATCH, message);
            match before.columns[index].computed() {
                None => error.hint(format!("You might need to specify \"USING {name}::{ty}\".")),
                Some(_) => error,
            }
        })?;
        if let Some(default) = def.columns[index].default.take() {
            let column = &mut def.columns[index];
            let default = analyser(&engine, top).converted_default(&default, from, column)?;
            column.default = Some(default);
        }
        let uses = |expr: &Expr| {
            expr.any(&mut |part| matches!(part, Expr::Column { column, .. } if *column == index))
        };
        let typed = def.checks.iter().any(|check| uses(&check.condition))
            || def.indexes.iter().any(|index| {
                let mut keys = index.keys.iter();
                index.predicate.as_deref().is_some_and(&uses)
                    || keys.any(|key| key.column().is_none() && uses(&key.expr))
            });
        // All integers are stored, and compared, alike.
        if typed && !(from.is_integer() && ty.is_integer()) {
            return Err(Error::unsupported(
                "a new type for a column that a check or an index expression uses",
            ));
        }
        let converted = |row: &Row| {
            let mut new = row.to_vec();
            let rows = std::slice::from_ref(row);
            new[index] = eval(&convert, rows, &Context::IMMUTABLE)?;
            Ok(new.into())
        };
        let (old, new) = (&before.columns[index], &def.columns[index]);
        match using.is_none() && fits_as_stored(old, new) {
            true => self.rewrite(&mut engine, id, def, converted)?,
            false => self.renew(&mut engine, id, def, converted)?,
        }
        let table = engine.table(id)?;
        for index in &table.def.indexes {
            check_index(table, &engine.clog, top, index)?;
        }
        Ok(())
    }
}

/// True for a new type whose values are stored as the old ones: PostgreSQL
/// leaves the rows as they are.
fn fits_as_stored(old: &Column, new: &Column) -> bool {
    use Type::{Numeric, Text, Timestamp, Timestamptz, Varchar};
    let alike = old.ty == new.ty
        || matches!(
            (old.ty, new.ty),
            (Text | Varchar, Text | Varchar) | (Timestamp, Timestamptz) | (Timestamptz, Timestamp)
        );
    let scale = |modifier: i32| modifier & 0xffff;
    let wider = new.modifier >= old.modifier && old.modifier >= 0;
    let roomy = match new.ty {
        Varchar | Timestamp | Timestamptz => wider,
        Numeric => wider && scale(new.modifier) == scale(old.modifier),
        _ => new.modifier == old.modifier,
    };
    alike && (new.modifier < 0 || roomy)
}

/// A generated or identity column has no default to set or drop.
fn refuse_generated(def: &TableDef, column: &Column, drop: Option<&str>) -> Result<()> {
    let (what, instead) = match column.generated {
        Some(Generated::Stored) => ("a generated column", "EXPRESSION"),
        _ if column.identity => ("an identity column", "IDENTITY"),
        _ => return Ok(()),
    };
    let (name, table) = (&column.name, &def.name);
    let message = format!("column \"{name}\" of relation \"{table}\" is {what}");
    let error = Error::new(SqlState::SYNTAX_ERROR, message);
    Err(match drop {
        None => error,
        Some(drop) => error.hint(format!(
            "Use ALTER TABLE ... ALTER COLUMN ... {drop} {instead} instead."
        )),
    })
}

/// What is computed keeps its expression, and that the types in it.
fn refuse_retyping(def: &TableDef, index: usize, using: bool) -> Result<()> {
    let column = &def.columns[index];
    let name = &column.name;
    if using && column.computed().is_some() {
        return Err(Error::new(
            SqlState("42611"),
            "cannot specify USING when altering type of generated column",
        )
        .detail(format!("Column \"{name}\" is a generated column.")));
    }
    let Some((computed, _)) = def.computed_from(|column| column == index).next() else {
        return Ok(());
    };
    let computed = &def.columns[computed].name;
    Err(Error::new(
        SqlState::FEATURE_NOT_SUPPORTED,
        "cannot alter type of a column used by a generated column",
    )
    .detail(format!(
        "Column \"{name}\" is used by generated column \"{computed}\"."
    )))
}

/// The value of a default for rows that are there already.
fn default_value(default: &Expr, start: i64) -> Result<Value> {
    let now = Expr::Const(Value::Timestamp(start));
    let mut default = default.clone();
    default.rewrite(&mut |part| match part {
        Expr::Call(builtin, _) if matches!(builtin.name, "now" | "current_timestamp") => {
            Some(now.clone())
        }
        _ => None,
    });
    eval(&default, &[], &Context::IMMUTABLE)
}

pub(super) fn contains_nulls(table: &Table, column: &Column) -> Error {
    Error::new(
        SqlState::NOT_NULL_VIOLATION,
        format!(
            "column \"{}\" of relation \"{}\" contains null values",
            column.name, table.def.name
        ),
    )
    .table(&table.def.name)
    .column(&column.name)
}

fn rename_column(def: &mut TableDef, old: &Ident, new: &Ident) -> Result<()> {
    let old_name = fold(old);
    let index = def.column(&old_name).ok_or_else(|| {
        Error::new(
            SqlState::UNDEFINED_COLUMN,
            format!("column \"{old_name}\" does not exist"),
        )
    })?;
    let new = fold(new);
    if def.column(&new).is_some() {
        return Err(Error::new(
            SqlState::DUPLICATE_COLUMN,
            format!(
                "column \"{new}\" of relation \"{}\" already exists",
                def.name
            ),
        ));
    }
    let comment = def.comments.remove(&Commented::Column(old_name.into()));
    let on = Commented::Column(new.as_str().into());
    def.comments.extend(comment.map(|comment| (on, comment)));
    def.columns[index].name = new.as_str().into();
    let keys = def.indexes.iter_mut().flat_map(|index| &mut index.keys);
    for key in keys {
        key.text = key_text(&def.columns, &key.expr);
    }
    Ok(())
}

/// Takes a column out of a definition, with what stands on it.
fn without_column(def: &mut TableDef, gone: usize) {
    let uses = |expr: &Expr| {
        expr.any(&mut |part| matches!(part, Expr::Column { column, .. } if *column == gone))
    };
    let column = def.columns.remove(gone);
    def.comments.remove(&Commented::Column(column.name));
    def.checks.retain(|check| !uses(&check.condition));
    def.foreign_keys.retain(|key| !key.columns.contains(&gone));
    def.indexes.retain(|index| {
        !index.keys.iter().any(|key| uses(&key.expr))
            && !index.include.contains(&gone)
            && !index.predicate.as_deref().is_some_and(uses)
    });
    let shift = |column: &mut usize| {
        if *column > gone {
            *column -= 1;
        }
    };
    let shift_expr = |expr: &mut Formula| {
        expr.rewrite(&mut |part| match part {
            Expr::Column { slot, column } if *column > gone => Some(Expr::Column {
                slot: *slot,
                column: column - 1,
            }),
            _ => None,
        });
    };
    let computed = |column: &&mut Column| column.generated == Some(Generated::Stored);
    for column in def.columns.iter_mut().filter(computed) {
        column.default.iter_mut().for_each(shift_expr);
    }
    for Check { condition, .. } in &mut def.checks {
        shift_expr(condition);
    }
    for index in &mut def.indexes {
        index
            .keys
            .iter_mut()
            .for_each(|key| shift_expr(&mut key.expr));
        index.predicate.iter_mut().for_each(shift_expr);
        index.include.iter_mut().for_each(shift);
    }
    for key in &mut def.foreign_keys {
        key.columns.iter_mut().for_each(shift);
    }
}
