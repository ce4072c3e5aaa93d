//! Tables that are always empty: there is nothing here that they tell of.

use super::SystemTable;
use crate::postgres::types::Type;

use Type::{Bool, Float4, Name, Oid};

const fn empty(
    name: &'static str,
    oid: u32,
    columns: &'static [(&'static str, Type)],
) -> SystemTable {
    SystemTable {
        name,
        oid,
        columns,
        with: &[],
        rows: |_| Vec::new(),
    }
}

pub(super) static TABLES: &[SystemTable] = &[
    empty(
        "pg_range",
        3541,
        &[
            ("rngtypid", Oid),
            ("rngsubtype", Oid),
            ("rngmultitypid", Oid),
            ("rngcollation", Oid),
            ("rngsubopc", Oid),
            ("rngcanonical", Type::Regproc),
            ("rngsubdiff", Type::Regproc),
        ],
    ),
    empty(
        "pg_enum",
        3501,
        &[
            ("oid", Oid),
            ("enumtypid", Oid),
            ("enumsortorder", Float4),
            ("enumlabel", Name),
        ],
    ),
    empty(
        "pg_auth_members",
        1261,
        &[
            ("roleid", Oid),
            ("member", Oid),
            ("grantor", Oid),
            ("admin_option", Bool),
        ],
    ),
];
