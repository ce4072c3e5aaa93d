//! pg_database: the one that everybody is in, whatever it was asked for as.

use super::pg_roles::SUPERUSER;
use super::pg_tablespace::DEFAULT;
use super::{DATABASE, SystemTable, int, text};
use crate::postgres::types::Type::{Aclitem, Array, Bool, Char, Int4, Name, Oid, Text, Xid};
use crate::postgres::types::Value;

/// The number of the encoding UTF8.
const UTF8: i64 = 6;

pub(super) static TABLE: SystemTable = SystemTable {
    name: "pg_database",
    oid: 1262,
    columns: &[
        ("oid", Oid),
        ("datname", Name),
        ("datdba", Oid),
        ("encoding", Int4),
        ("datlocprovider", Char),
        ("datistemplate", Bool),
        ("datallowconn", Bool),
        ("datconnlimit", Int4),
        ("datfrozenxid", Xid),
        ("datminmxid", Xid),
        ("dattablespace", Oid),
        ("datcollate", Text),
        ("datctype", Text),
        ("daticulocale", Text),
        ("datcollversion", Text),
        ("datacl", Array(&Aclitem)),
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
                int(SUPERUSER),
                int(UTF8),
                text("c"),
                Value::Bool(false),
                Value::Bool(true),
                int(-1),
                int(3),
                int(1),
                int(DEFAULT),
                text("C"),
                text("C"),
                Value::Null,
                Value::Null,
                Value::Null,
            ]
            .into(),
        ]
    },
};
