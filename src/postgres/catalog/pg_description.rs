//! pg_description: what COMMENT has said, and what initdb says.

use super::{Sight, SystemTable, count, int, system_table, text};
use super::{pg_am, pg_class, pg_collation, pg_namespace, pg_type};
use crate::postgres::storage::table::Commented;
use crate::postgres::types::Row;
use crate::postgres::types::Type::{Int4, Oid, Text};
use crate::postgres::types::Value;

pub(super) static TABLE: SystemTable = SystemTable {
    name: "pg_description",
    oid: 2609,
    columns: &[
        ("objoid", Oid),
        ("classoid", Oid),
        ("objsubid", Int4),
        ("description", Text),
    ],
    with: &[(2675, "pg_description_o_c_o_index")],
    rows,
};

/// What initdb says, by catalog and object.
const INITIAL: &[(u32, &[(u32, &str)])] = &[
    (
        pg_am::TABLE.oid,
        &[
            (2, "heap table access method"),
            (403, "b-tree index access method"),
            (405, "hash index access method"),
            (783, "GiST index access method"),
            (2742, "GIN index access method"),
            (3580, "block range index (BRIN) access method"),
            (4000, "SP-GiST index access method"),
        ],
    ),
    (
        pg_collation::TABLE.oid,
        &[
            (100, "database's default collation"),
            (950, "standard C collation"),
            (951, "standard POSIX collation"),
        ],
    ),
    (
        pg_namespace::TABLE.oid,
        &[
            (11, "system catalog schema"),
            (99, "reserved schema for TOAST tables"),
            (2200, "standard public schema"),
        ],
    ),
    (
        pg_type::TABLE.oid,
        &[
            (16, "boolean, 'true'/'false'"),
            (17, "variable-length string, binary values escaped"),
            (18, "single character"),
            (19, "63-byte type for storing system identifiers"),
            (20, "~18 digit integer, 8-byte storage"),
            (21, "-32 thousand to 32 thousand, 2-byte storage"),
            (22, "array of int2, used in system tables"),
            (23, "-2 billion to 2 billion integer, 4-byte storage"),
            (24, "registered procedure"),
            (25, "variable-length string, no limit specified"),
            (26, "object identifier(oid), maximum 4 billion"),
            (27, "(block, offset), physical location of tuple"),
            (28, "transaction id"),
            (29, "command identifier type, sequence in transaction id"),
            (30, "array of oids, used in system tables"),
            (114, "JSON stored as text"),
            (194, "string representing an internal node tree"),
            (
                700,
                "single-precision floating point number, 4-byte storage",
            ),
            (
                701,
                "double-precision floating point number, 8-byte storage",
            ),
            (705, "pseudo-type representing an undetermined type"),
            (1033, "access control list"),
            (
                1042,
                "char(length), blank-padded string, fixed storage length",
            ),
            (
                1043,
                "varchar(length), non-blank-padded string, variable storage length",
            ),
            (1082, "date"),
            (1083, "time of day"),
            (1114, "date and time"),
            (1184, "date and time with time zone"),
            (1186, "@ <number> <units>, time interval"),
            (
                1700,
                "numeric(precision, decimal), arbitrary precision number",
            ),
            (2205, "registered class"),
            (2206, "registered type"),
            (2249, "pseudo-type representing any composite type"),
            (2276, "pseudo-type representing any type"),
            (2277, "pseudo-type representing a polymorphic array type"),
            (
                2278,
                "pseudo-type for the result of a function with no real result",
            ),
            (2283, "pseudo-type representing a polymorphic base type"),
            (2950, "UUID datatype"),
            (3802, "Binary JSON"),
            (4089, "registered namespace"),
            (4096, "registered role"),
        ],
    ),
];

/// What initdb says of an object of this table of the catalog.
pub(in crate::postgres) fn initial_description(catalog: &str, object: u32) -> Option<&'static str> {
    let catalog = system_table(catalog)?.oid;
    let (_, objects) = INITIAL.iter().find(|(class, _)| *class == catalog)?;
    let mut objects = objects.iter();
    objects.find_map(|(number, text)| (*number == object).then_some(*text))
}

fn rows(sight: &Sight<'_>) -> Vec<Row> {
    let row = |oid: u32, column: Value, comment: &str| {
        Row::from([int(oid), int(pg_class::TABLE.oid), column, text(comment)])
    };
    let of_class = |(class, objects): &(u32, &'static [(u32, &'static str)])| {
        let class = *class;
        let objects = objects.iter();
        objects.map(move |(oid, words)| Row::from([int(*oid), int(class), int(0), text(words)]))
    };
    let mut rows: Vec<Row> = INITIAL.iter().flat_map(of_class).collect();
    for def in sight.tables() {
        for (on, comment) in &def.comments {
            match on {
                Commented::Table => rows.push(row(def.id.0, int(0), comment)),
                Commented::Index(index) => {
                    let there = def.indexes.iter().any(|other| other.id == *index);
                    rows.extend(there.then(|| row(*index, int(0), comment)));
                }
                Commented::Column(name) => {
                    let number = def.column(name).map_or(0, |index| index + 1);
                    rows.push(row(def.id.0, count(number), comment));
                }
            }
        }
    }
    let (engine, top) = (sight.engine, sight.top);
    for (id, view) in engine.catalog.views(&engine.clog, top) {
        rows.extend(view.comment.iter().map(|comment| row(id, int(0), comment)));
    }
    for def in engine.catalog.sequences(&engine.clog, top) {
        let comment = def.comment.iter();
        rows.extend(comment.map(|comment| row(def.id.0, int(0), comment)));
    }
    rows
}
