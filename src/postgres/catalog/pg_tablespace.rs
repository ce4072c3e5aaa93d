//! pg_tablespace: where files would be.

use super::pg_roles::SUPERUSER;
use super::{SystemTable, int, text};
use crate::postgres::types::Type::{Aclitem, Array, Name, Oid, Text};
use crate::postgres::types::{Row, Value};

/// The number of the tablespace that everything is in.
pub(super) const DEFAULT: i64 = 1663;

pub(super) static TABLE: SystemTable = SystemTable {
    name: "pg_tablespace",
    oid: 1213,
    columns: &[
        ("oid", Oid),
        ("spcname", Name),
        ("spcowner", Oid),
        ("spcacl", Array(&Aclitem)),
        ("spcoptions", Array(&Text)),
    ],
    with: &[
        (2697, "pg_tablespace_oid_index"),
        (2698, "pg_tablespace_spcname_index"),
    ],
    rows: |_| {
        let all = [(DEFAULT, "pg_default"), (1664, "pg_global")];
        let row = |(oid, name)| {
            let null = Value::Null;
            Row::from([int(oid), text(name), int(SUPERUSER), null.clone(), null])
        };
        all.map(row).into()
    },
};
