//! Constraints: keys, checks, references, of a column or of a table.

use std::sync::Arc;

use sqlparser::ast::{
    ColumnDef, ColumnOption, ConstraintCharacteristics, ConstraintReferenceMatchKind,
    DeferrableInitial, Expr as Ast, ForeignKeyConstraint, Ident, IndexColumn, NullsDistinctOption,
    ReferentialAction, TableConstraint,
};

use super::index::key_text;
use super::name::made_name;
use super::{analyser, undefined_table};
use crate::postgres::engine::Engine;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::sql::{Expr, fold, object_name};
use crate::postgres::storage::Xid;
use crate::postgres::storage::table::{
    Check, ForeignKey, Formula, IndexDef, IndexKey, KeyConstraint, Referential, TableDef, TableId,
};
use crate::postgres::types::{Reading, Type};

/// A constraint as it was written.
pub(super) struct Constraint<'a> {
    name: Option<&'a Ident>,
    /// False for NOT VALID.
    valid: bool,
    what: What<'a>,
}

enum What<'a> {
    Key {
        kind: KeyConstraint,
        columns: Columns<'a>,
        include: &'a [Ident],
        nulls_distinct: bool,
    },
    Check {
        condition: &'a Ast,
    },
    Reference {
        key: &'a ForeignKeyConstraint,
        /// The column at which it stands.
        column: Option<usize>,
    },
}

enum Columns<'a> {
    One(usize),
    Named(&'a [IndexColumn]),
}

fn refuse_deferrable(characteristics: Option<&ConstraintCharacteristics>) -> Result<()> {
    match characteristics {
        Some(found) if found.deferrable == Some(true) || found.initially.is_some() => {
            Err(Error::unsupported("a DEFERRABLE unique constraint"))
        }
        _ => Ok(()),
    }
}

impl<'a> Constraint<'a> {
    /// Adds the constraints that stand at a column.
    pub(super) fn of_column(
        ast: &'a ColumnDef,
        index: usize,
        constraints: &mut Vec<Constraint<'a>>,
    ) -> Result<()> {
        for option in &ast.options {
            let key = |kind, name: &'a Option<Ident>| Constraint {
                name: option.name.as_ref().or(name.as_ref()),
                valid: true,
                what: What::Key {
                    kind,
                    columns: Columns::One(index),
                    include: &[],
                    nulls_distinct: true,
                },
            };
            constraints.push(match &option.option {
                ColumnOption::PrimaryKey(found) => {
                    refuse_deferrable(found.characteristics.as_ref())?;
                    key(KeyConstraint::Primary, &found.name)
                }
                ColumnOption::Unique(found) => {
                    refuse_deferrable(found.characteristics.as_ref())?;
                    key(KeyConstraint::Unique, &found.name)
                }
                ColumnOption::Check(check) => Constraint {
                    name: option.name.as_ref().or(check.name.as_ref()),
                    valid: true,
                    what: What::Check {
                        condition: &check.expr,
                    },
                },
                ColumnOption::ForeignKey(key) => Constraint {
                    name: option.name.as_ref().or(key.name.as_ref()),
                    valid: true,
                    what: What::Reference {
                        key,
                        column: Some(index),
                    },
                },
                _ => continue,
            });
        }
        Ok(())
    }

    /// A constraint of a table.
    pub(super) fn of_table(constraint: &'a TableConstraint) -> Result<Constraint<'a>> {
        Ok(match constraint {
            TableConstraint::PrimaryKey(key) => {
                refuse_deferrable(key.characteristics.as_ref())?;
                Constraint {
                    name: key.name.as_ref(),
                    valid: true,
                    what: What::Key {
                        kind: KeyConstraint::Primary,
                        columns: Columns::Named(&key.columns),
                        include: &key.include,
                        nulls_distinct: true,
                    },
                }
            }
            TableConstraint::Unique(key) => {
                refuse_deferrable(key.characteristics.as_ref())?;
                let distinct = !matches!(key.nulls_distinct, NullsDistinctOption::NotDistinct);
                Constraint {
                    name: key.name.as_ref(),
                    valid: true,
                    what: What::Key {
                        kind: KeyConstraint::Unique,
                        columns: Columns::Named(&key.columns),
                        include: &key.include,
                        nulls_distinct: distinct,
                    },
                }
            }
            TableConstraint::Check(check) => Constraint {
                name: check.name.as_ref(),
                valid: true,
                what: What::Check {
                    condition: &check.expr,
                },
            },
            TableConstraint::ForeignKey(key) => Constraint {
                name: key.name.as_ref(),
                valid: true,
                what: What::Reference { key, column: None },
            },
            other => return Err(Error::unsupported(format!("{other}"))),
        })
    }

    /// A constraint that what is there already need not meet.
    pub(super) fn not_valid(self) -> Result<Constraint<'a>> {
        if let What::Key { kind, .. } = &self.what {
            let kind = match kind {
                KeyConstraint::Primary => "PRIMARY KEY",
                KeyConstraint::Unique => "UNIQUE",
            };
            return Err(Error::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                format!("{kind} constraints cannot be marked NOT VALID"),
            ));
        }
        Ok(Constraint {
            valid: false,
            ..self
        })
    }

    /// The table that it refers to.
    pub(super) fn parent(&self) -> Result<Option<String>> {
        match &self.what {
            What::Reference { key, .. } => object_name(&key.foreign_table).map(Some),
            _ => Ok(None),
        }
    }

    /// Adds it to a definition.
    pub(super) fn add(
        &self,
        engine: &mut Engine,
        top: Xid,
        reading: &Reading,
        def: &mut TableDef,
        parents: &[(String, TableId)],
    ) -> Result<()> {
        match &self.what {
            What::Key {
                kind,
                columns,
                include,
                nulls_distinct,
            } => {
                let columns = match columns {
                    Columns::One(column) => vec![*column],
                    Columns::Named(names) => key_columns(def, names)?,
                };
                let include = include_columns(def, include)?;
                self.add_key(engine, top, def, *kind, columns, include, *nulls_distinct)
            }
            What::Check { condition } => self.add_check(engine, top, reading, def, condition),
            What::Reference { key, column } => {
                self.add_reference(engine, def, key, *column, parents)
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one key has that many parts")]
    fn add_key(
        &self,
        engine: &mut Engine,
        top: Xid,
        def: &mut TableDef,
        kind: KeyConstraint,
        columns: Vec<usize>,
        include: Vec<usize>,
        nulls_distinct: bool,
    ) -> Result<()> {
        if kind == KeyConstraint::Primary {
            if def.indexes.iter().any(IndexDef::is_primary) {
                return Err(Error::new(
                    SqlState::INVALID_TABLE_DEFINITION,
                    format!(
                        "multiple primary keys for table \"{}\" are not allowed",
                        def.name
                    ),
                ));
            }
            for column in &columns {
                def.columns[*column].not_null = true;
            }
        }
        let taken = |name: &str| {
            engine.catalog.has_relation(name, &engine.clog, top)
                || def.indexes.iter().any(|index| *index.name == *name)
        };
        let name = match self.name.map(fold) {
            Some(name) if taken(&name) => return Err(super::already_exists(&name)),
            Some(name) => name,
            None if kind == KeyConstraint::Primary => made_name(&def.name, "", "pkey", taken),
            None => {
                let all = columns.iter().chain(&include);
                made_name(&def.name, &column_names(def, all), "key", taken)
            }
        };
        let index = IndexDef {
            id: engine.catalog.new_id(),
            name: name.as_str().into(),
            keys: columns
                .iter()
                .map(|column| column_key(def, *column))
                .collect(),
            include,
            predicate: None,
            unique: true,
            nulls_distinct,
            constraint: Some(kind),
            created_by: top,
        };
        // Primary keys come first, as PostgreSQL looks at them.
        if kind == KeyConstraint::Primary {
            def.indexes.insert(0, index);
        } else {
            def.indexes.push(index);
        }
        Ok(())
    }

    /// Its own name, or one made of the table's and the columns'.
    fn constraint_name(&self, def: &TableDef, columns: &str, label: &str) -> Result<String> {
        let taken = |name: &str| has_constraint(def, name);
        match self.name.map(fold) {
            Some(name) if taken(&name) => Err(Error::new(
                SqlState::DUPLICATE_OBJECT,
                format!(
                    "constraint \"{name}\" for relation \"{}\" already exists",
                    def.name
                ),
            )),
            Some(name) => Ok(name),
            None => Ok(made_name(&def.name, columns, label, taken)),
        }
    }

    fn add_check(
        &self,
        engine: &mut Engine,
        top: Xid,
        reading: &Reading,
        def: &mut TableDef,
        condition: &Ast,
    ) -> Result<()> {
        let shared_def = Arc::new(def.clone());
        let condition = analyser(engine, top, reading)
            .for_table(&shared_def)
            .check(condition, &shared_def)?;
        let column = only_column(&condition);
        let column = column.map_or("", |column| &*def.columns[column].name);
        let name = self.constraint_name(def, column, "check")?;
        def.checks.push(Check {
            id: engine.catalog.new_id(),
            name: name.as_str().into(),
            condition,
            valid: self.valid,
        });
        // They are asked in the order of their names.
        def.checks.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(())
    }

    fn add_reference(
        &self,
        engine: &mut Engine,
        def: &mut TableDef,
        key: &ForeignKeyConstraint,
        column: Option<usize>,
        parents: &[(String, TableId)],
    ) -> Result<()> {
        let columns = match column {
            Some(column) => vec![column],
            None => named_columns(def, &key.columns)?,
        };
        let parent_name = object_name(&key.foreign_table)?;
        let locked = parents.iter().find(|(name, _)| *name == parent_name);
        let own = def.clone();
        let parent = match locked {
            Some((_, id)) => engine.table(*id)?.def.clone(),
            None if *def.name == *parent_name => Arc::new(own),
            None => return Err(undefined_table(&parent_name)),
        };
        let parent_columns = referred_columns(&parent, &key.referred_columns)?;
        if parent_columns.len() != columns.len() {
            return Err(Error::new(
                SqlState("42830"),
                "number of referencing and referenced columns for foreign key disagree",
            ));
        }
        let name = self.constraint_name(def, &column_names(def, columns.iter()), "fkey")?;
        compatible(def, &columns, &parent, &parent_columns, &name)?;
        refuse_computed(def, &columns, key)?;
        let (deferrable, deferred) = deferrable(key.characteristics.as_ref())?;
        let full = match key.match_kind {
            None | Some(ConstraintReferenceMatchKind::Simple) => false,
            Some(ConstraintReferenceMatchKind::Full) => true,
            Some(ConstraintReferenceMatchKind::Partial) => {
                return Err(Error::new(
                    SqlState::FEATURE_NOT_SUPPORTED,
                    "MATCH PARTIAL not yet implemented",
                ));
            }
        };
        def.foreign_keys.push(ForeignKey {
            id: engine.catalog.new_id(),
            name: name.as_str().into(),
            columns,
            parent: parent.id,
            parent_columns,
            on_delete: action(key.on_delete),
            on_update: action(key.on_update),
            full,
            deferrable,
            deferred,
            valid: self.valid,
        });
        Ok(())
    }
}

/// Whether the constraint is DEFERRABLE, and INITIALLY DEFERRED.
fn deferrable(characteristics: Option<&ConstraintCharacteristics>) -> Result<(bool, bool)> {
    let Some(found) = characteristics else {
        return Ok((false, false));
    };
    let deferred = found.initially == Some(DeferrableInitial::Deferred);
    if deferred && found.deferrable == Some(false) {
        return Err(Error::new(
            SqlState::SYNTAX_ERROR,
            "constraint declared INITIALLY DEFERRED must be DEFERRABLE",
        ));
    }
    Ok((deferred || found.deferrable == Some(true), deferred))
}

/// A computed column cannot be given what an action would give it.
fn refuse_computed(def: &TableDef, columns: &[usize], key: &ForeignKeyConstraint) -> Result<()> {
    use Referential::{Cascade, SetDefault, SetNull};
    let mut computed = columns.iter().map(|column| def.columns[*column].computed());
    if !computed.any(|computed| computed.is_some()) {
        return Ok(());
    }
    let given = [
        (action(key.on_update), "ON UPDATE"),
        (action(key.on_delete), "ON DELETE"),
    ];
    let wrong = given.iter().find(|(action, when)| match action {
        SetNull | SetDefault => true,
        Cascade => *when == "ON UPDATE",
        _ => false,
    });
    match wrong {
        None => Ok(()),
        Some((_, when)) => Err(Error::new(
            SqlState::SYNTAX_ERROR,
            format!("invalid {when} action for foreign key constraint containing generated column"),
        )),
    }
}

fn action(action: Option<ReferentialAction>) -> Referential {
    match action {
        None | Some(ReferentialAction::NoAction) => Referential::NoAction,
        Some(ReferentialAction::Restrict) => Referential::Restrict,
        Some(ReferentialAction::Cascade) => Referential::Cascade,
        Some(ReferentialAction::SetNull) => Referential::SetNull,
        Some(ReferentialAction::SetDefault) => Referential::SetDefault,
    }
}

/// True if a constraint of a table has this name.
pub(super) fn has_constraint(def: &TableDef, name: &str) -> bool {
    def.constraints().any(|(_, other)| **other == *name)
}

pub(super) fn column_names<'c>(def: &TableDef, columns: impl Iterator<Item = &'c usize>) -> String {
    let names: Vec<&str> = columns.map(|column| &*def.columns[*column].name).collect();
    names.join("_")
}

/// A column as the key of an index.
pub(super) fn column_key(def: &TableDef, column: usize) -> IndexKey {
    let expr = Formula::from(Expr::Column { slot: 0, column });
    IndexKey {
        ty: def.columns[column].ty,
        operators: None,
        descending: false,
        nulls_first: false,
        text: key_text(&def.columns, &expr),
        name: def.columns[column].name.clone(),
        expr,
    }
}

fn named_column(def: &TableDef, name: &Ident) -> Result<usize> {
    let folded = fold(name);
    def.column(&folded).ok_or_else(|| {
        Error::new(
            SqlState::UNDEFINED_COLUMN,
            format!("column \"{folded}\" named in key does not exist"),
        )
    })
}

fn key_columns(def: &TableDef, columns: &[IndexColumn]) -> Result<Vec<usize>> {
    let mut key = Vec::new();
    for column in columns {
        let Ast::Identifier(name) = &column.column.expr else {
            return Err(Error::unsupported("a constraint on an expression"));
        };
        let column = named_column(def, name)?;
        if key.contains(&column) {
            return Err(Error::new(
                SqlState::DUPLICATE_COLUMN,
                format!(
                    "column \"{}\" appears twice in key",
                    def.columns[column].name
                ),
            ));
        }
        key.push(column);
    }
    Ok(key)
}

/// The columns that INCLUDE names.
pub(super) fn include_columns(def: &TableDef, names: &[Ident]) -> Result<Vec<usize>> {
    names.iter().map(|name| named_column(def, name)).collect()
}

fn named_columns(def: &TableDef, names: &[Ident]) -> Result<Vec<usize>> {
    let one = |name: &Ident| {
        let folded = fold(name);
        def.column(&folded).ok_or_else(|| {
            Error::new(
                SqlState::UNDEFINED_COLUMN,
                format!("column \"{folded}\" referenced in foreign key constraint does not exist"),
            )
        })
    };
    names.iter().map(one).collect()
}

/// The columns of the parent: those that are named, of a unique index, or
/// its primary key.
fn referred_columns(parent: &TableDef, names: &[Ident]) -> Result<Vec<usize>> {
    if names.is_empty() {
        let primary = parent.indexes.iter().find(|index| index.is_primary());
        let columns = primary.and_then(IndexDef::columns);
        return columns.ok_or_else(|| {
            Error::new(
                SqlState::UNDEFINED_OBJECT,
                format!(
                    "there is no primary key for referenced table \"{}\"",
                    parent.name
                ),
            )
        });
    }
    let columns = named_columns(parent, names)?;
    if parent.referred_index(&columns).is_none() {
        return Err(Error::new(
            SqlState("42830"),
            format!(
                "there is no unique constraint matching given keys for referenced table \"{}\"",
                parent.name
            ),
        ));
    }
    Ok(columns)
}

fn compatible(
    def: &TableDef,
    columns: &[usize],
    parent: &TableDef,
    parent_columns: &[usize],
    name: &str,
) -> Result<()> {
    for (own, other) in columns.iter().zip(parent_columns) {
        let (own, other) = (&def.columns[*own], &parent.columns[*other]);
        if !compares(own.ty, other.ty) {
            return Err(Error::new(
                SqlState::DATATYPE_MISMATCH,
                format!("foreign key constraint \"{name}\" cannot be implemented"),
            )
            .detail(format!(
                "Key columns \"{}\" and \"{}\" are of incompatible types: {} and {}.",
                own.name, other.name, own.ty, other.ty
            )));
        }
    }
    Ok(())
}

/// True if a foreign key may refer from one type to another: one family of
/// B-tree operators has both, or the first becomes the second implicitly.
fn compares(from: Type, to: Type) -> bool {
    use Type::{Float4, Float8, Numeric};
    let rank = |ty: Type| match ty {
        ty if ty.is_integer() => Some(0),
        Numeric => Some(1),
        Float4 | Float8 => Some(2),
        _ => None,
    };
    match (rank(from), rank(to)) {
        (Some(from), Some(to)) => from <= to,
        (None, None) => {
            from == to || (from.is_string() && to.is_string()) || (from.is_time() && to.is_time())
        }
        _ => false,
    }
}

/// The one column that a condition is about, if it is one.
fn only_column(condition: &Expr) -> Option<usize> {
    let columns = condition.columns();
    let first = *columns.first()?;
    columns
        .iter()
        .all(|column| *column == first)
        .then_some(first)
}
