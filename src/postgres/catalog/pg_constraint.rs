//! pg_constraint: checks, keys and references of tables.

use super::ruleutils::Node;
use super::{PUBLIC, SystemTable, count, int, text};
use crate::postgres::storage::table::{
    Check, ForeignKey, IndexDef, KeyConstraint, Referential, TableDef,
};
use crate::postgres::types::Type::{Array, Bool, Char, Int2, Int4, Name, Oid, PgNodeTree};
use crate::postgres::types::{Row, Value};

pub(super) static TABLE: SystemTable = SystemTable {
    name: "pg_constraint",
    oid: 2606,
    columns: &[
        ("oid", Oid),
        ("conname", Name),
        ("connamespace", Oid),
        ("contype", Char),
        ("condeferrable", Bool),
        ("condeferred", Bool),
        ("convalidated", Bool),
        ("conrelid", Oid),
        ("contypid", Oid),
        ("conindid", Oid),
        ("conparentid", Oid),
        ("confrelid", Oid),
        ("confupdtype", Char),
        ("confdeltype", Char),
        ("confmatchtype", Char),
        ("conislocal", Bool),
        ("coninhcount", Int4),
        ("connoinherit", Bool),
        ("conkey", Array(&Int2)),
        ("confkey", Array(&Int2)),
        ("conpfeqop", Array(&Oid)),
        ("conppeqop", Array(&Oid)),
        ("conffeqop", Array(&Oid)),
        ("confdelsetcols", Array(&Int2)),
        ("conexclop", Array(&Oid)),
        ("conbin", PgNodeTree),
    ],
    with: &[
        (2579, "pg_constraint_conparentid_index"),
        (2664, "pg_constraint_conname_nsp_index"),
        (2665, "pg_constraint_conrelid_contypid_conname_index"),
        (2666, "pg_constraint_contypid_index"),
        (2667, "pg_constraint_oid_index"),
    ],
    rows: |sight| {
        let tables: Vec<_> = sight.tables().collect();
        let rows = tables.iter().flat_map(|def| {
            let checks = def.checks.iter().map(|check| of_check(def, check));
            let keys = def.indexes.iter().filter_map(|index| of_index(def, index));
            let references = def.foreign_keys.iter().map(|key| {
                let parent = tables.iter().find(|table| table.id == key.parent);
                of_reference(def, key, parent.map(|parent| &**parent))
            });
            let rows: Vec<Row> = checks.chain(keys).chain(references).collect();
            rows
        });
        rows.collect()
    },
};

/// What all kinds of constraints say of themselves.
struct Constraint<'a> {
    oid: u32,
    name: &'a str,
    kind: &'static str,
    deferrable: bool,
    deferred: bool,
    valid: bool,
    /// The index that it stands on.
    index: u32,
    /// Not passed on to tables that inherit.
    alone: bool,
    columns: Value,
    reference: Option<(&'a ForeignKey, Value)>,
    condition: Value,
}

impl Constraint<'_> {
    fn row(self, def: &TableDef) -> Row {
        let (key, referred) = match self.reference {
            Some((key, referred)) => (Some(key), referred),
            None => (None, Value::Null),
        };
        let action = |of: fn(&ForeignKey) -> Referential| {
            text(match key.map(of) {
                None => " ",
                Some(Referential::NoAction) => "a",
                Some(Referential::Restrict) => "r",
                Some(Referential::Cascade) => "c",
                Some(Referential::SetNull) => "n",
                Some(Referential::SetDefault) => "d",
            })
        };
        Row::from([
            int(self.oid),
            text(self.name),
            int(PUBLIC),
            text(self.kind),
            Value::Bool(self.deferrable),
            Value::Bool(self.deferred),
            Value::Bool(self.valid),
            int(def.id.0),
            int(0),
            int(self.index),
            int(0),
            int(key.map_or(0, |key| key.parent.0)),
            action(|key| key.on_update),
            action(|key| key.on_delete),
            text(match key {
                None => " ",
                Some(key) if key.full => "f",
                Some(_) => "s",
            }),
            Value::Bool(true),
            int(0),
            Value::Bool(self.alone),
            self.columns,
            referred,
            Value::Null,
            Value::Null,
            Value::Null,
            Value::Null,
            Value::Null,
            self.condition,
        ])
    }
}

fn numbers(columns: impl IntoIterator<Item = usize>) -> Value {
    Value::Array(
        columns
            .into_iter()
            .map(|column| count(column + 1))
            .collect(),
    )
}

fn of_check(def: &TableDef, check: &Check) -> Row {
    let mut columns = check.condition.columns();
    columns.sort_unstable();
    columns.dedup();
    let constraint = Constraint {
        oid: check.id,
        name: &check.name,
        kind: "c",
        deferrable: false,
        deferred: false,
        valid: check.valid,
        index: 0,
        alone: false,
        columns: match columns.as_slice() {
            [] => Value::Null,
            _ => numbers(columns),
        },
        reference: None,
        condition: text(&Node::Check(check.id).text()),
    };
    constraint.row(def)
}

fn of_index(def: &TableDef, index: &IndexDef) -> Option<Row> {
    let kind = match index.constraint? {
        KeyConstraint::Primary => "p",
        KeyConstraint::Unique => "u",
    };
    let constraint = Constraint {
        oid: index.id,
        name: &index.name,
        kind,
        deferrable: false,
        deferred: false,
        valid: true,
        index: index.id,
        alone: true,
        columns: numbers(index.columns()?),
        reference: None,
        condition: Value::Null,
    };
    Some(constraint.row(def))
}

fn of_reference(def: &TableDef, key: &ForeignKey, parent: Option<&TableDef>) -> Row {
    let index = parent.and_then(|parent| parent.referred_index(&key.parent_columns));
    let constraint = Constraint {
        oid: key.id,
        name: &key.name,
        kind: "f",
        deferrable: key.deferrable,
        deferred: key.deferred,
        valid: key.valid,
        index: index.map_or(0, |index| index.id),
        alone: true,
        columns: numbers(key.columns.iter().copied()),
        reference: Some((key, numbers(key.parent_columns.iter().copied()))),
        condition: Value::Null,
    };
    constraint.row(def)
}
