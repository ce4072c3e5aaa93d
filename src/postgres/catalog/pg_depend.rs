//! pg_depend: what goes with what. A sequence goes with the column that owns
//! it, a default and an index with their columns, a constraint's index with
//! the constraint; a default needs its sequence, a reference what it refers
//! to.

use super::pg_attrdef::number_of;
use super::{Sight, SystemTable, count, int, pg_attrdef, pg_class, pg_constraint, text};
use crate::postgres::storage::depend::{Dependency, Need, Object, dependencies};
use crate::postgres::types::Type::{Char, Int4, Oid};
use crate::postgres::types::{Row, Value};

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

/// The catalog that an object is in, its number, and its column, from 1; None
/// for one of a catalog that is not shown.
fn place(object: Object) -> Option<[Value; 3]> {
    let (catalog, number, column) = match object {
        Object::Relation(id) => (pg_class::TABLE.oid, id, 0),
        Object::Column(id, column) => (pg_class::TABLE.oid, id, column),
        Object::Constraint(id) => (pg_constraint::TABLE.oid, id, 0),
        Object::Default(table, column) => (pg_attrdef::TABLE.oid, number_of(table.0, column), 0),
        Object::Rule(_) => return None,
    };
    Some([int(catalog), int(number), count(column)])
}

fn rows(sight: &Sight<'_>) -> Vec<Row> {
    let engine = sight.engine;
    let all = dependencies(&engine.catalog, &engine.clog, sight.top);
    let row = |found: Dependency| {
        let how = match found.need {
            Need::Normal => "n",
            Need::Auto => "a",
            Need::Internal => "i",
        };
        let (object, on) = (place(found.object)?, place(found.on)?);
        Some(object.into_iter().chain(on).chain([text(how)]).collect())
    };
    all.into_iter().filter_map(row).collect()
}
