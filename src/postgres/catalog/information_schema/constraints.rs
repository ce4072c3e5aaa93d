//! The constraints of tables, and which columns they are about.

use std::sync::Arc;

use super::super::ruleutils::{Shown, show};
use super::super::{PUBLIC, Sight, SystemTable, count, text};
use super::yes_or_no;
use crate::postgres::storage::table::{Check, ForeignKey, IndexDef, TableDef};
use crate::postgres::types::Type::{Int4, Name, Varchar};
use crate::postgres::types::{Row, Value};

pub(super) static TABLE_CONSTRAINTS: SystemTable = SystemTable {
    name: "information_schema.table_constraints",
    oid: 13_411,
    columns: &[
        ("constraint_catalog", Name),
        ("constraint_schema", Name),
        ("constraint_name", Name),
        ("table_catalog", Name),
        ("table_schema", Name),
        ("table_name", Name),
        ("constraint_type", Varchar),
        ("is_deferrable", Varchar),
        ("initially_deferred", Varchar),
        ("enforced", Varchar),
        ("nulls_distinct", Varchar),
    ],
    with: &[],
    rows: |sight| {
        each(sight, |def, constraint| {
            let key = match constraint {
                Constraint::Reference(key) => Some(key),
                _ => None,
            };
            let row = [
                named(sight, &constraint.name(def)),
                named(sight, &def.name),
                vec![
                    text(constraint.kind()),
                    yes_or_no(key.is_some_and(|key| key.deferrable)),
                    yes_or_no(key.is_some_and(|key| key.deferred)),
                    yes_or_no(true),
                    match constraint {
                        Constraint::Key(index) if !index.is_primary() => {
                            yes_or_no(index.nulls_distinct)
                        }
                        _ => Value::Null,
                    },
                ],
            ];
            vec![row.concat().into()]
        })
    },
};

pub(super) static CHECK_CONSTRAINTS: SystemTable = SystemTable {
    name: "information_schema.check_constraints",
    oid: 13_260,
    columns: &[
        ("constraint_catalog", Name),
        ("constraint_schema", Name),
        ("constraint_name", Name),
        ("check_clause", Varchar),
    ],
    with: &[],
    rows: |sight| {
        each(sight, |def, constraint| {
            let clause = match constraint {
                Constraint::Check(check) => {
                    let shown = show(sight.engine, sight.top, Shown::Constraint(check.id), false);
                    let shown = shown.unwrap_or_default();
                    shown.trim_start_matches("CHECK ").to_owned()
                }
                Constraint::NotNull(column) => {
                    format!("{} IS NOT NULL", def.columns[*column].name)
                }
                _ => return Vec::new(),
            };
            let mut row = named(sight, &constraint.name(def));
            row.push(text(&clause));
            vec![row.into()]
        })
    },
};

pub(super) static KEY_COLUMN_USAGE: SystemTable = SystemTable {
    name: "information_schema.key_column_usage",
    oid: 13_329,
    columns: &[
        ("constraint_catalog", Name),
        ("constraint_schema", Name),
        ("constraint_name", Name),
        ("table_catalog", Name),
        ("table_schema", Name),
        ("table_name", Name),
        ("column_name", Name),
        ("ordinal_position", Int4),
        ("position_in_unique_constraint", Int4),
    ],
    with: &[],
    rows: |sight| {
        each(sight, |def, constraint| {
            let columns = match constraint {
                Constraint::Key(index) => index.columns().unwrap_or_default(),
                Constraint::Reference(key) => key.columns.clone(),
                _ => return Vec::new(),
            };
            let place = |at: usize| {
                let Constraint::Reference(key) = constraint else {
                    return Value::Null;
                };
                let referred = key.parent_columns[at];
                let index = unique_index(sight, key);
                let mut columns = index.and_then(|index| index.columns()).unwrap_or_default();
                columns.retain(|column| key.parent_columns.contains(column));
                let place = columns.iter().position(|column| *column == referred);
                place.map_or(Value::Null, |place| count(place + 1))
            };
            let row = |(at, column): (usize, &usize)| {
                let name = text(&def.columns[*column].name);
                let row = [
                    named(sight, &constraint.name(def)),
                    named(sight, &def.name),
                    vec![name, count(at + 1), place(at)],
                ];
                Row::from(row.concat())
            };
            columns.iter().enumerate().map(row).collect()
        })
    },
};

pub(super) static CONSTRAINT_COLUMN_USAGE: SystemTable = SystemTable {
    name: "information_schema.constraint_column_usage",
    oid: 13_300,
    columns: &[
        ("table_catalog", Name),
        ("table_schema", Name),
        ("table_name", Name),
        ("column_name", Name),
        ("constraint_catalog", Name),
        ("constraint_schema", Name),
        ("constraint_name", Name),
    ],
    with: &[],
    rows: |sight| {
        each(sight, |def, constraint| {
            let own = || Some(def.clone());
            let (table, mut columns) = match constraint {
                Constraint::Key(index) => (own(), index.columns().unwrap_or_default()),
                Constraint::Check(check) => (own(), check.condition.columns()),
                Constraint::Reference(key) => {
                    let parent = sight.tables().find(|table| table.id == key.parent);
                    (parent, key.parent_columns.clone())
                }
                Constraint::NotNull(_) => return Vec::new(),
            };
            columns.sort_unstable();
            columns.dedup();
            let Some(table) = table else {
                return Vec::new();
            };
            let row = |column: &usize| {
                let row = [
                    named(sight, &table.name),
                    vec![text(&table.columns[*column].name)],
                    named(sight, &constraint.name(def)),
                ];
                Row::from(row.concat())
            };
            columns.iter().map(row).collect()
        })
    },
};

pub(super) static REFERENTIAL_CONSTRAINTS: SystemTable = SystemTable {
    name: "information_schema.referential_constraints",
    oid: 13_339,
    columns: &[
        ("constraint_catalog", Name),
        ("constraint_schema", Name),
        ("constraint_name", Name),
        ("unique_constraint_catalog", Name),
        ("unique_constraint_schema", Name),
        ("unique_constraint_name", Name),
        ("match_option", Varchar),
        ("update_rule", Varchar),
        ("delete_rule", Varchar),
    ],
    with: &[],
    rows: |sight| {
        each(sight, |_, constraint| {
            let Constraint::Reference(key) = constraint else {
                return Vec::new();
            };
            let index = unique_index(sight, key);
            let unique = match index.filter(IndexDef::is_constraint) {
                Some(index) => named(sight, &index.name),
                None => vec![Value::Null, Value::Null, Value::Null],
            };
            let row = [
                named(sight, &key.name),
                unique,
                vec![
                    text(if key.full { "FULL" } else { "NONE" }),
                    text(key.on_update.words()),
                    text(key.on_delete.words()),
                ],
            ];
            vec![row.concat().into()]
        })
    },
};

/// A constraint of any kind: NOT NULL is one as well.
enum Constraint<'a> {
    Key(&'a IndexDef),
    Check(&'a Check),
    Reference(&'a ForeignKey),
    NotNull(usize),
}

impl Constraint<'_> {
    fn name(&self, def: &TableDef) -> String {
        match self {
            Constraint::Key(index) => index.name.to_string(),
            Constraint::Check(check) => check.name.to_string(),
            Constraint::Reference(key) => key.name.to_string(),
            Constraint::NotNull(column) => {
                format!("{PUBLIC}_{}_{}_not_null", def.id.0, column + 1)
            }
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Constraint::Key(index) if index.is_primary() => "PRIMARY KEY",
            Constraint::Key(_) => "UNIQUE",
            Constraint::Check(_) | Constraint::NotNull(_) => "CHECK",
            Constraint::Reference(_) => "FOREIGN KEY",
        }
    }
}

/// What is shown of each constraint of each table.
fn each(sight: &Sight<'_>, show: impl Fn(&Arc<TableDef>, &Constraint<'_>) -> Vec<Row>) -> Vec<Row> {
    let mut rows = Vec::new();
    for def in sight.tables() {
        let keys = def.indexes.iter().filter(|index| index.is_constraint());
        let needed = (0..def.columns.len()).filter(|column| def.columns[*column].not_null);
        let all = keys
            .map(Constraint::Key)
            .chain(def.checks.iter().map(Constraint::Check))
            .chain(def.foreign_keys.iter().map(Constraint::Reference))
            .chain(needed.map(Constraint::NotNull));
        rows.extend(all.flat_map(|constraint| show(&def, &constraint)));
    }
    rows
}

/// A name with its catalog and its schema.
fn named(sight: &Sight<'_>, name: &str) -> Vec<Value> {
    vec![text(&sight.settings.database), text("public"), text(name)]
}

/// The index that a reference stands on.
fn unique_index(sight: &Sight<'_>, key: &ForeignKey) -> Option<IndexDef> {
    let parent = sight.tables().find(|table| table.id == key.parent)?;
    parent.referred_index(&key.parent_columns).cloned()
}
