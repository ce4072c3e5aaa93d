//! CREATE TABLE.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::MutexGuard;
use sqlparser::ast::{
    ColumnDef, ColumnOption, CreateTable, DataType, GeneratedAs, SequenceOptions,
};

use super::constraint::Constraint;
use super::name::{Kind, made_name};
use super::sequence::apply_options;
use super::{Work, analyser};
use crate::postgres::engine::Engine;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::locks::LockMode;
use crate::postgres::sql::{Expr, Like, SequenceOption, column_type, fold, object_name};
use crate::postgres::storage::Xid;
use crate::postgres::storage::sequence::{SequenceDef, SequenceId};
use crate::postgres::storage::table::{Column, Generated, Table, TableDef, TableId};
use crate::postgres::transaction::Definition;
use crate::postgres::types::{Reading, Type};

impl<'a> Work<'a> {
    pub(super) async fn create_table(&mut self, create: &CreateTable) -> Result<()> {
        let refused = [
            (create.inherits.is_some(), "INHERITS"),
            (create.partition_by.is_some(), "PARTITION BY"),
            (create.partition_of.is_some(), "PARTITION OF"),
            (create.temporary, "CREATE TEMPORARY TABLE"),
        ];
        if let Some((_, what)) = refused.iter().find(|(present, _)| *present) {
            return Err(Error::unsupported(what));
        }
        let name = object_name(&create.name)?;
        if self.taken(&name, create.if_not_exists)? {
            return Ok(());
        }
        // Where each column comes to stand, or the first of those of a LIKE.
        let (mut sources, mut places, mut end) = (Vec::new(), Vec::new(), 0);
        for column in &create.columns {
            let source = match Like::of(column) {
                Some(like) => Some(self.lock_source(like).await?),
                None => None,
            };
            places.push(end);
            end += source.as_ref().map_or(1, |source| source.def.columns.len());
            sources.push(source);
        }
        let own = || {
            let all = create.columns.iter().zip(&places).zip(&sources);
            let own = all.filter(|(_, source)| source.is_none());
            own.map(|((column, place), _)| (column, *place))
        };
        let mut constraints = Vec::new();
        for (column, index) in own() {
            Constraint::of_column(column, index, &mut constraints)?;
        }
        for constraint in &create.constraints {
            constraints.push(Constraint::of_table(constraint)?);
        }
        drop(self.claim_names(create, &name).await?);
        let parents = self.lock_parents(&constraints, &name).await?;
        let mut engine = self.claim_names(create, &name).await?;
        let xid = self.transaction.xid(&mut engine);
        let top = self.transaction.xid;
        let mut def = TableDef {
            id: TableId(engine.catalog.new_id()),
            name: name.as_str().into(),
            columns: Vec::new(),
            checks: Vec::new(),
            indexes: Vec::new(),
            foreign_keys: Vec::new(),
            comments: BTreeMap::new(),
        };
        let mut sequences = Vec::new();
        let reading = self.reading();
        for (column, source) in create.columns.iter().zip(&sources) {
            if let Some(source) = source {
                source.add_columns(&mut engine, top, &mut def, &mut sequences)?;
                continue;
            }
            let column = define_column(&mut engine, top, &reading, &def, column, &mut sequences)?;
            def.columns.push(column);
        }
        for (column, index) in own() {
            define_computed(&engine, top, &reading, &mut def, column, index)?;
        }
        for constraint in constraints {
            constraint.add(&mut engine, top, &reading, &mut def, &parents)?;
        }
        for (source, first) in sources.iter().zip(&places) {
            if let Some(source) = source {
                source.add_rest(&mut engine, top, &mut def, *first)?;
            }
        }
        self.add_sequences(&mut engine, xid, sequences);
        let keys = def.foreign_keys.clone();
        if !def.indexes.is_empty() {
            self.lock_to_index(&mut engine, def.id);
        }
        let id = def.id;
        self.add_table(&mut engine, xid, def);
        for key in &keys {
            self.lock_to_refer(&mut engine, id, key, false);
        }
        Ok(())
    }

    /// Waits for whoever is about to use the names of the table and of the
    /// sequences that its columns own, which come first.
    async fn claim_names(
        &mut self,
        create: &CreateTable,
        name: &str,
    ) -> Result<MutexGuard<'a, Engine>> {
        let owns = |column: &&ColumnDef| {
            let mut options = column.options.iter();
            let identity = options.any(|option| is_identity(&option.option));
            identity || serial(&column.data_type).is_some()
        };
        let columns = create.columns.iter();
        let owners = columns.filter(|column| Like::of(column).is_none() && owns(column));
        let sequence = |column: &ColumnDef| format!("{name}_{}_seq", fold(&column.name));
        let sequences = owners.map(|column| (sequence(column), Kind::Plain));
        let table = (name.to_owned(), Kind::WithRowType);
        let names: Vec<(String, Kind)> = sequences.chain([table]).collect();
        self.claim(&names).await
    }

    fn add_table(&mut self, engine: &mut Engine, xid: Xid, def: TableDef) {
        let id = def.id;
        engine.catalog.add(Table::new(Arc::new(def), xid));
        self.transaction.defined(engine, Definition::Created(id));
        self.lock_new(engine, id);
    }

    /// The table of CREATE TABLE AS: false if there is one of this name already
    /// and that is no error.
    pub(super) async fn create_table_for(
        &mut self,
        name: &str,
        columns: Vec<Column>,
        if_not_exists: bool,
    ) -> Result<bool> {
        if self.taken(name, if_not_exists)? {
            return Ok(false);
        }
        let mut engine = self.claim(&[(name.to_owned(), Kind::WithRowType)]).await?;
        let xid = self.transaction.xid(&mut engine);
        let mut def = TableDef {
            id: TableId(engine.catalog.new_id()),
            name: name.into(),
            columns: Vec::new(),
            checks: Vec::new(),
            indexes: Vec::new(),
            foreign_keys: Vec::new(),
            comments: BTreeMap::new(),
        };
        for column in columns {
            check_column_name(&def, &column.name)?;
            def.columns.push(column);
        }
        self.add_table(&mut engine, xid, def);
        Ok(true)
    }

    /// Locks the tables that foreign keys refer to, other than `own`.
    pub(super) async fn lock_parents(
        &mut self,
        constraints: &[Constraint<'_>],
        own: &str,
    ) -> Result<Vec<(String, TableId)>> {
        let mut parents = Vec::new();
        for constraint in constraints {
            let Some(name) = constraint.parent()? else {
                continue;
            };
            if name != own {
                let mode = LockMode::ShareRowExclusive;
                let id = self.existing_table(&name, mode).await?;
                parents.push((name, id));
            }
        }
        Ok(parents)
    }

    /// Adds the sequences that a table's own columns are given.
    pub(super) fn add_sequences(
        &mut self,
        engine: &mut Engine,
        xid: Xid,
        sequences: Vec<SequenceDef>,
    ) {
        use LockMode::{AccessShare, RowExclusive, ShareRowExclusive};
        for def in sequences {
            let id = TableId(def.id.0);
            let owner = def.owner.as_ref().map(|(table, _)| *table);
            self.add_sequence(engine, xid, def);
            self.lock_beside(engine, id, &[RowExclusive, ShareRowExclusive]);
            if let Some(owner) = owner {
                self.lock_beside(engine, owner, &[AccessShare]);
            }
        }
    }
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

/// PostgreSQL's limit on the columns of a table.
const COLUMNS_MAX: usize = 1_600;

/// A table's columns are not too many, and have different names, none of which
/// every table has.
pub(super) fn check_column_name(def: &TableDef, name: &str) -> Result<()> {
    if def.columns.len() >= COLUMNS_MAX {
        return Err(Error::new(
            SqlState("54011"),
            format!("tables can have at most {COLUMNS_MAX} columns"),
        ));
    }
    if def.column(name).is_some() {
        return Err(Error::new(
            SqlState::DUPLICATE_COLUMN,
            format!("column \"{name}\" specified more than once"),
        ));
    }
    if crate::postgres::sql::SYSTEM_COLUMNS
        .iter()
        .any(|(column, _)| *column == name)
    {
        return Err(Error::new(
            SqlState::DUPLICATE_COLUMN,
            format!("column name \"{name}\" conflicts with a system column name"),
        ));
    }
    Ok(())
}

/// A column of `def`, which it is to join; constraints come later.
pub(super) fn define_column(
    engine: &mut Engine,
    top: Xid,
    reading: &Reading,
    def: &TableDef,
    ast: &ColumnDef,
    sequences: &mut Vec<SequenceDef>,
) -> Result<Column> {
    let name = fold(&ast.name);
    check_column_name(def, &name)?;
    check_origins(def, ast)?;
    let serial = serial(&ast.data_type);
    let (ty, modifier) = match serial {
        Some(ty) => (ty, -1),
        None => column_type(&ast.data_type)?,
    };
    if matches!(ty, Type::Void | Type::Unknown | Type::Record) {
        return Err(Error::new(
            SqlState::INVALID_TABLE_DEFINITION,
            format!("column \"{name}\" has pseudo-type {ty}"),
        ));
    }
    let mut column = Column {
        name: name.as_str().into(),
        ty,
        modifier,
        not_null: false,
        default: None,
        generated: None,
        identity: false,
        sequence: None,
    };
    if serial.is_some() {
        let sequence = own_sequence(engine, top, def, &mut column, sequences, &[])?;
        sequences.push(sequence);
    }
    for option in &ast.options {
        match &option.option {
            ColumnOption::NotNull => column.not_null = true,
            ColumnOption::Default(value) => {
                column.default = analyser(engine, top, reading).default(value, &column)?;
            }
            ColumnOption::Generated {
                generated_as: how @ (GeneratedAs::Always | GeneratedAs::ByDefault),
                generation_expr: None,
                sequence_options,
                ..
            } => {
                if !ty.is_integer() {
                    return Err(Error::new(
                        SqlState::INVALID_PARAMETER_VALUE,
                        "identity column type must be smallint, integer, or bigint",
                    ));
                }
                let always = matches!(how, GeneratedAs::Always);
                column.generated = always.then_some(Generated::Identity);
                column.identity = true;
                let options = sequence_options.as_deref().unwrap_or(&[]);
                let sequence = own_sequence(engine, top, def, &mut column, sequences, options)?;
                sequences.push(sequence);
            }
            ColumnOption::Generated {
                generation_expr: Some(_),
                ..
            } => column.generated = Some(Generated::Stored),
            ColumnOption::Collation(name) if matches!(name.to_string().as_str(), "\"C\"") => {}
            ColumnOption::Null
            | ColumnOption::PrimaryKey(_)
            | ColumnOption::Unique(_)
            | ColumnOption::Check(_)
            | ColumnOption::ForeignKey(_) => {}
            other => return Err(Error::unsupported(format!("{other}"))),
        }
    }
    Ok(column)
}

fn is_identity(option: &ColumnOption) -> bool {
    matches!(
        option,
        ColumnOption::Generated {
            generation_expr: None,
            ..
        }
    )
}

/// A column has one origin of its values.
fn check_origins(def: &TableDef, ast: &ColumnDef) -> Result<()> {
    let serial = serial(&ast.data_type).is_some();
    let (mut default, mut identity, mut computed) = (serial, false, false);
    let conflict = |what: &str| {
        let (column, table) = (fold(&ast.name), &def.name);
        let message = format!("{what} for column \"{column}\" of table \"{table}\"");
        Err(Error::new(SqlState::SYNTAX_ERROR, message))
    };
    let wrong = |what: &str| conflict(&format!("{what} specified"));
    let mut nullable = None;
    for option in &ast.options {
        let says = match &option.option {
            ColumnOption::Null => true,
            ColumnOption::NotNull => false,
            option if is_identity(option) => false,
            _ => continue,
        };
        if nullable.replace(says).is_some_and(|before| before != says) {
            return conflict("conflicting NULL/NOT NULL declarations");
        }
    }
    if serial && nullable == Some(true) {
        return conflict("conflicting NULL/NOT NULL declarations");
    }
    for option in &ast.options {
        match &option.option {
            ColumnOption::Default(_) if default => return wrong("multiple default values"),
            ColumnOption::Default(_) => default = true,
            ColumnOption::Generated { .. } if is_identity(&option.option) => {
                if identity {
                    return conflict("multiple identity specifications");
                }
                identity = true;
            }
            ColumnOption::Generated { .. } if computed => {
                return wrong("multiple generation clauses");
            }
            ColumnOption::Generated { .. } => computed = true,
            _ => {}
        }
        match (default, identity, computed) {
            (true, true, _) => return wrong("both default and identity"),
            (true, _, true) => return wrong("both default and generation expression"),
            (_, true, true) => return wrong("both identity and generation expression"),
            _ => {}
        }
    }
    Ok(())
}

/// Says how a generated column of `def` is computed, once the columns are
/// known.
pub(super) fn define_computed(
    engine: &Engine,
    top: Xid,
    reading: &Reading,
    def: &mut TableDef,
    ast: &ColumnDef,
    index: usize,
) -> Result<()> {
    let expr = ast.options.iter().find_map(|option| match &option.option {
        ColumnOption::Generated {
            generation_expr, ..
        } => generation_expr.as_ref(),
        _ => None,
    });
    if let Some(expr) = expr {
        let table = Arc::new(def.clone());
        let analyser = analyser(engine, top, reading).for_table(&table);
        let computed = analyser.generation(expr, &def.columns[index], &table)?;
        def.columns[index].default = Some(computed);
    }
    Ok(())
}

/// Gives a column a sequence of its own.
pub(super) fn own_sequence(
    engine: &mut Engine,
    top: Xid,
    def: &TableDef,
    column: &mut Column,
    others: &[SequenceDef],
    options: &[SequenceOptions],
) -> Result<SequenceDef> {
    let id = SequenceId(engine.catalog.new_id());
    let taken = |name: &str| {
        engine.catalog.has_relation(name, &engine.clog, top)
            || others.iter().any(|other| *other.name == *name)
    };
    let name = made_name(&def.name, &column.name, "seq", taken);
    let mut sequence = SequenceDef::new(id, &name, column.ty);
    let options: Vec<SequenceOption> = options.iter().map(SequenceOption::of).collect();
    apply_options(&mut sequence, &options, true)?;
    sequence.owner = Some((def.id, column.name.clone()));
    column.not_null = true;
    column.sequence = Some(id);
    column.default = Some(Expr::NextValue(id).into());
    Ok(sequence)
}
