//! ALTER TABLE. Foreign keys and VALIDATE take the weaker locks that they take
//! in PostgreSQL; every other form takes the strongest, where PostgreSQL takes
//! weaker ones for some.

use sqlparser::ast::{
    AlterColumnOperation, AlterTable, AlterTableOperation, DropBehavior, Ident,
    RenameTableNameKind, SqlOption, TableConstraint,
};

use super::constraint::{Constraint, has_constraint};
use super::index::key_text;
use super::relation::owner_name;
use super::table::{define_column, define_computed};
use super::verify::verify;
use super::{Work, already_exists, analyser, live_rows, no_column, undefined_table};
use crate::postgres::engine::Engine;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::locks::LockMode;
use crate::postgres::sql::{AlterConstraint, Context, Expr, eval, fold, object_name};
use crate::postgres::storage::depend::Object;
use crate::postgres::storage::table::{
    Check, Column, Commented, Formula, Generated, Table, TableDef, TableId,
};
use crate::postgres::types::{Row, Value};

/// True for a column that is NULL when it is added.
fn is_empty(def: &TableDef, column: usize) -> bool {
    def.columns[column].default.is_none()
}

pub(super) fn column_of(def: &TableDef, name: &Ident) -> Result<usize> {
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

/// A new name is no matter to a cursor that is open.
fn renames(op: &AlterTableOperation) -> bool {
    matches!(
        op,
        AlterTableOperation::RenameColumn { .. }
            | AlterTableOperation::RenameConstraint { .. }
            | AlterTableOperation::RenameTable { .. }
    )
}

impl Work<'_> {
    pub(super) async fn alter_table(&mut self, alter: &AlterTable) -> Result<()> {
        let name = object_name(&alter.name)?;
        let modes = alter.operations.iter().map(lock_mode);
        let mode = modes.max().unwrap_or(LockMode::AccessExclusive);
        let found = self.lock_table(&name, mode).await?;
        let Some(id) = found else {
            if self.kind_of(&name).is_some()
                && let [operation] = alter.operations.as_slice()
            {
                return match self.alter_any(&name, operation).await? {
                    true => Ok(()),
                    false => Err(undefined_table(&name)),
                };
            }
            if alter.if_exists {
                let message = format!("relation \"{name}\" does not exist, skipping");
                self.notice(SqlState::SUCCESSFUL_COMPLETION, message);
                return Ok(());
            }
            return Err(undefined_table(&name));
        };
        if !alter.operations.iter().all(renames) {
            self.refuse_in_use(id, "ALTER TABLE")?;
        }
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
                    self.drop_column(id, column, *if_exists, cascade).await?;
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
                self.add_constraints(id, name, &constraints, false).await
            }
            AlterTableOperation::DropConstraint {
                name,
                if_exists,
                drop_behavior,
            } => {
                let cascade = *drop_behavior == Some(DropBehavior::Cascade);
                self.drop_constraint(id, &fold(name), *if_exists, cascade)
                    .await
            }
            AlterTableOperation::SetOptionsParens { options } => {
                options.iter().try_for_each(storage_parameter)
            }
            AlterTableOperation::ValidateConstraint { name } => {
                self.validate_constraint(id, &fold(name)).await
            }
            AlterTableOperation::AlterColumn { column_name, op } => {
                if let AlterColumnOperation::SetDataType { data_type, .. } = op {
                    self.lock_to_retype(id, column_name).await?;
                    self.retype_identity(id, column_name, data_type)?;
                }
                self.alter_column(id, column_name, op)
            }
            AlterTableOperation::RenameConstraint { old_name, new_name } => {
                self.rename_constraint(id, &fold(old_name), &fold(new_name))
                    .await
            }
            other => match self.alter_any(name, other).await? {
                true => Ok(()),
                false => Err(Error::unsupported(format!("ALTER TABLE {other}"))),
            },
        }
    }

    /// What ALTER TABLE may say of a relation of any kind: false if it says
    /// something else.
    async fn alter_any(&mut self, name: &str, op: &AlterTableOperation) -> Result<bool> {
        match op {
            AlterTableOperation::RenameColumn {
                old_column_name,
                new_column_name,
            } => {
                let (old, new) = (fold(old_column_name), fold(new_column_name));
                self.rename_column(name, &old, &new).await?;
            }
            AlterTableOperation::RenameTable {
                table_name: RenameTableNameKind::To(new) | RenameTableNameKind::As(new),
            } => self.rename(name, &object_name(new)?).await?,
            AlterTableOperation::OwnerTo { new_owner } => self.may_own(&owner_name(new_owner))?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Changes a definition, and writes the table anew with its rows changed.
    pub(super) fn renew(
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
        self.recount(engine, id)?;
        self.rewrites_all(engine.table(id)?);
        Ok(())
    }

    /// Changes a definition, and what is kept of each row with it: the rows
    /// stay what they are.
    pub(super) fn rewrite(
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
            let reading = self.reading();
            let column = define_column(&mut engine, top, &reading, &def, ast, &mut sequences)?;
            self.add_sequences(&mut engine, xid, sequences);
            def.columns.push(column);
            let index = def.columns.len() - 1;
            define_computed(&engine, top, &reading, &mut def, ast, index)?;
            let column = def.columns[index].clone();
            if column.not_null && column.default.is_none() {
                self.refuse_rows(&engine, id, &column)?;
            }
            let (sequences, pid) = (&self.shared.sequences, self.transaction.pid);
            let start = self.transaction.start;
            // A default that is the same for all rows, PostgreSQL keeps once.
            let default = column.default.as_deref();
            let renews = default.is_some_and(Expr::is_volatile) || column.computed().is_some();
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
        self.add_constraints(id, name, &constraints, true).await
    }

    /// A column that takes no NULL cannot join rows without a value for it.
    fn refuse_rows(&self, engine: &Engine, id: TableId, column: &Column) -> Result<()> {
        let table = engine.table(id)?;
        match live_rows(table, &engine.clog).next() {
            Some(_) => Err(contains_nulls(table, column)),
            None => Ok(()),
        }
    }

    /// Adds constraints; those at a column that was just `added` find nothing
    /// to check, unless it has a default.
    async fn add_constraints(
        &mut self,
        id: TableId,
        name: &str,
        constraints: &[Constraint<'_>],
        added: bool,
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
            constraint.add(&mut engine, top, &self.reading(), &mut def, &parents)?;
        }
        if def.checks.len() + def.foreign_keys.len()
            > before.checks.len() + before.foreign_keys.len()
        {
            self.reads_all(engine.table(id)?, 0);
        }
        verify(&engine, top, id, &before, &def)?;
        for key in &def.foreign_keys[before.foreign_keys.len()..] {
            let filled = key.columns.iter().any(|column| !is_empty(&def, *column));
            self.lock_to_refer(&mut engine, id, key, !added || filled);
        }
        if def.indexes.len() > before.indexes.len() {
            self.lock_to_index(&mut engine, id);
        }
        self.take_over(&mut engine, id, def, None)
    }

    async fn drop_constraint(
        &mut self,
        id: TableId,
        name: &str,
        if_exists: bool,
        cascade: bool,
    ) -> Result<()> {
        let def = self.shared.lock().table(id)?.def.clone();
        let mut constraints = def.constraints();
        if let Some((constraint, _)) = constraints.find(|(_, other)| ***other == *name) {
            let mut keys = def.foreign_keys.iter();
            if let Some(key) = keys.find(|key| key.id == constraint && key.parent != id) {
                let parent = (key.parent, LockMode::AccessExclusive);
                self.lock_missing(&[parent]).await?;
                self.refuse_in_use(key.parent, "ALTER TABLE")?;
            }
            let constraint = Object::Constraint(constraint);
            return self.delete(&[constraint], cascade).await;
        }
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
        Ok(())
    }

    /// ALTER CONSTRAINT: a foreign key is checked at another time from now on.
    pub(super) async fn alter_constraint(&mut self, alter: &AlterConstraint) -> Result<()> {
        let (table, name) = (object_name(&alter.table)?, fold(&alter.name));
        let deferred = alter.deferred == Some(true);
        if deferred && alter.deferrable == Some(false) {
            let message = "constraint declared INITIALLY DEFERRED must be DEFERRABLE";
            return Err(Error::new(SqlState::SYNTAX_ERROR, message));
        }
        let mode = LockMode::AccessExclusive;
        let Some(id) = self.lock_table(&table, mode).await? else {
            if !alter.if_exists {
                return Err(undefined_table(&table));
            }
            let message = format!("relation \"{table}\" does not exist, skipping");
            self.notice(SqlState::SUCCESSFUL_COMPLETION, message);
            return Ok(());
        };
        self.refuse_in_use(id, "ALTER TABLE")?;
        self.redefine(id, |def| {
            let known = has_constraint(def, &name);
            let mut keys = def.foreign_keys.iter_mut();
            let Some(key) = keys.find(|key| *key.name == *name) else {
                let (code, what) = match known {
                    true => (SqlState("42809"), "is not a foreign key constraint"),
                    false => (SqlState::UNDEFINED_OBJECT, "does not exist"),
                };
                let message = format!("constraint \"{name}\" of relation \"{table}\" {what}");
                return Err(Error::new(code, message));
            };
            key.deferrable = deferred || alter.deferrable == Some(true);
            key.deferred = deferred;
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

    async fn drop_column(
        &mut self,
        id: TableId,
        name: &Ident,
        if_exists: bool,
        cascade: bool,
    ) -> Result<()> {
        let def = self.shared.lock().table(id)?.def.clone();
        if let Some(gone) = def.column(&fold(name)) {
            let column = Object::Column(id.0, gone + 1);
            return self.delete(&[column], cascade).await;
        }
        let error = no_column(&def, &fold(name));
        if !if_exists {
            return Err(error);
        }
        let message = format!("{}, skipping", error.fields().message);
        self.notice(SqlState::SUCCESSFUL_COMPLETION, message);
        Ok(())
    }

    /// Takes a column out of a table, on which nothing stands any more.
    pub(super) fn remove_column(&mut self, id: TableId, name: &str) -> Result<()> {
        let mut engine = self.shared.lock();
        let mut def = (*engine.table(id)?.def).clone();
        let Some(gone) = def.column(name) else {
            return Ok(());
        };
        let referred = engine
            .catalog
            .references(id, &engine.clog, self.transaction.xid);
        if referred
            .iter()
            .any(|(_, key)| key.parent_columns.iter().any(|c| *c >= gone))
        {
            return Err(Error::unsupported(
                "DROP COLUMN in a table that a foreign key refers to by a later column",
            ));
        }
        without_column(&mut def, gone);
        self.rewrite(&mut engine, id, def, |row| {
            let kept = row.iter().enumerate().filter(|(index, _)| *index != gone);
            Ok(kept.map(|(_, value)| value.clone()).collect())
        })
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
                    analyser(&engine, self.transaction.xid, &self.reading())
                        .default(value, column)?
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

pub(super) fn rename_table_column(def: &mut TableDef, index: usize, new: &str) {
    let old = def.columns[index].name.clone();
    let comment = def.comments.remove(&Commented::Column(old));
    let on = Commented::Column(new.into());
    def.comments.extend(comment.map(|comment| (on, comment)));
    def.columns[index].name = new.into();
    let keys = def.indexes.iter_mut().flat_map(|index| &mut index.keys);
    for key in keys {
        key.text = key_text(&def.columns, &key.expr);
    }
}

/// Takes a column out of a definition, with what stands on it.
fn without_column(def: &mut TableDef, gone: usize) {
    let column = def.columns.remove(gone);
    def.comments.remove(&Commented::Column(column.name));
    def.checks
        .retain(|check| !check.condition.columns().contains(&gone));
    def.foreign_keys.retain(|key| !key.columns.contains(&gone));
    def.indexes
        .retain(|index| !index.reads(gone) && !index.include.contains(&gone));
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
