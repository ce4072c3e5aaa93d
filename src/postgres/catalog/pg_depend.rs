//! pg_depend: what goes with what. A sequence goes with the column that owns
//! it, a default and an index with their columns, a constraint's index with
//! the constraint; a default needs its sequence, a reference what it refers
//! to.

use super::pg_attrdef::number_of;
use super::{Sight, SystemTable, count, int, pg_attrdef, pg_class, pg_constraint, text};
use crate::postgres::storage::sequence::SequenceDef;
use crate::postgres::storage::table::{ForeignKey, IndexDef, TableDef};
use crate::postgres::types::Row;
use crate::postgres::types::Type::{Char, Int4, Oid};

pub(super) static TABLE: SystemTable = SystemTable {
    name: "pg_depend",
    oid: 2608,
    columns: &[
        ("classid", Oid),
        ("objid", Oid),
        ("objsubid", Int4),
        ("refclassid", Oid),
        ("refobjid", Oid),
        ("refobjsubid", Int4),
        ("deptype", Char),
    ],
    with: &[
        (2673, "pg_depend_depender_index"),
        (2674, "pg_depend_reference_index"),
    ],
    rows,
};

/// The catalog that an object is in, its number, and its column, from 1.
type Object = (u32, u32, usize);

fn row(object: Object, needed: Object, how: &str) -> Row {
    [
        int(object.0),
        int(object.1),
        count(object.2),
        int(needed.0),
        int(needed.1),
        count(needed.2),
        text(how),
    ]
    .into()
}

fn relation(oid: u32, column: usize) -> Object {
    (pg_class::TABLE.oid, oid, column)
}

fn constraint(oid: u32) -> Object {
    (pg_constraint::TABLE.oid, oid, 0)
}

fn rows(sight: &Sight<'_>) -> Vec<Row> {
    let (engine, top) = (sight.engine, sight.top);
    let sequences: Vec<&SequenceDef> = engine.catalog.sequences(&engine.clog, top).collect();
    let tables: Vec<_> = sight.tables().collect();
    let mut rows = Vec::new();
    for def in &tables {
        rows.extend(
            sequences
                .iter()
                .filter_map(|sequence| of_sequence(def, sequence)),
        );
        rows.extend(of_defaults(def));
        for check in &def.checks {
            let columns = check.condition.columns().into_iter();
            rows.extend(
                columns
                    .map(|column| row(constraint(check.id), relation(def.id.0, column + 1), "a")),
            );
        }
        rows.extend(def.indexes.iter().flat_map(|index| of_index(def, index)));
        for key in &def.foreign_keys {
            let parent = tables.iter().find(|table| table.id == key.parent);
            rows.extend(of_reference(def, key, parent.map(|parent| &**parent)));
        }
    }
    rows
}

fn of_sequence(def: &TableDef, sequence: &SequenceDef) -> Option<Row> {
    let (owner, _) = sequence
        .owner
        .as_ref()
        .filter(|(owner, _)| *owner == def.id)?;
    let mut columns = def.columns.iter().zip(1..);
    let (column, number) = columns.find(|(column, _)| sequence.is_of(column))?;
    let how = if column.identity { "i" } else { "a" };
    Some(row(
        relation(sequence.id.0, 0),
        relation(owner.0, number),
        how,
    ))
}

fn of_defaults(def: &TableDef) -> Vec<Row> {
    let mut rows = Vec::new();
    for (column, number) in def
        .columns
        .iter()
        .zip(1..)
        .filter(|(column, _)| column.has_default())
    {
        let default = (pg_attrdef::TABLE.oid, number_of(def.id.0, number), 0);
        rows.push(row(default, relation(def.id.0, number), "a"));
        if let Some(id) = column.sequence {
            rows.push(row(default, relation(id.0, 0), "n"));
        }
    }
    rows
}

fn of_index(def: &TableDef, index: &IndexDef) -> Vec<Row> {
    let own = relation(index.id, 0);
    let keys = index.keys.iter().flat_map(|key| key.expr.columns());
    let columns = keys.chain(index.include.iter().copied());
    let (object, mut rows) = match index.is_constraint() {
        true => (
            constraint(index.id),
            vec![row(own, constraint(index.id), "i")],
        ),
        false => (own, Vec::new()),
    };
    rows.extend(columns.map(|column| row(object, relation(def.id.0, column + 1), "a")));
    rows
}

fn of_reference(def: &TableDef, key: &ForeignKey, parent: Option<&TableDef>) -> Vec<Row> {
    let object = constraint(key.id);
    let own = key.columns.iter();
    let own = own.map(|column| row(object, relation(def.id.0, column + 1), "a"));
    let referred = key.parent_columns.iter();
    let referred = referred.map(|column| row(object, relation(key.parent.0, column + 1), "n"));
    let index = parent.and_then(|parent| parent.referred_index(&key.parent_columns));
    let index = index.map(|index| row(object, relation(index.id, 0), "n"));
    own.chain(referred).chain(index).collect()
}
