//! pg_database: the one that everybody is in, whatever it was asked for as.

use super::pg_roles::SUPERUSER;
use super::{DATABASE, SystemTable, int, text};
use crate::postgres::types::Type::{Array, Bool, Char, Int4, Name, Oid, Text};
use crate::postgres::types::Value;

/// The number of the encoding UTF8.
const UTF8: i64 = 6;

pub(super) static TABLE: SystemTable = SystemTable {
    name: "pg_database",
    oid: 1262,
    columns: &[
        ("oid", Oid),
        ("datname", Name),
        ("datallowconn", Bool),
        ("datdba", Oid),
        ("encoding", Int4),
        ("datcollate", Text),
        ("datctype", Text),
        ("daticulocale", Text),
        ("datlocprovider", Char),
        ("datacl", Array(&Text)),
    ],
    with: &[
        (2671, "pg_database_datname_index"),
        (2672, "pg_database_oid_index"),
    ],
    rows: |sight| {
        vec![
            [
                int(DATABASE),
                text(&sight.settings.database),
                Value::Bool(true),
                int(SUPERUSER),
                int(UTF8),
                text("C"),
                text("C"),
                Value::Null,
                text("c"),
                Value::Null,
            ]
            .into(),
        ]
    },
};
