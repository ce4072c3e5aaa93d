//! pg_roles: whoever logs in may do everything, as the one role that there is.

use super::{SystemTable, int, text};
use crate::postgres::types::Type::{Bool, Int4, Name, Oid, Timestamptz};
use crate::postgres::types::Value;

/// The numbers of the roles that there are.
pub(super) const SUPERUSER: i64 = 10;
pub(super) const DATABASE_OWNER: i64 = 6171;

pub(super) static TABLE: SystemTable = SystemTable {
    name: "pg_roles",
    oid: 12_000,
    columns: &[
        ("oid", Oid),
        ("rolname", Name),
        ("rolsuper", Bool),
        ("rolinherit", Bool),
        ("rolcreaterole", Bool),
        ("rolcreatedb", Bool),
        ("rolcanlogin", Bool),
        ("rolreplication", Bool),
        ("rolbypassrls", Bool),
        ("rolconnlimit", Int4),
        ("rolvaliduntil", Timestamptz),
    ],
    with: &[],
    rows: |_| {
        let yes = || Value::Bool(true);
        vec![
            [
                int(SUPERUSER),
                text(&role_name(SUPERUSER)),
                yes(),
                yes(),
                yes(),
                yes(),
                yes(),
                yes(),
                yes(),
                int(-1),
                Value::Null,
            ]
            .into(),
        ]
    },
};

/// The role of a number, as pg_get_userbyid names it.
pub(in crate::postgres) fn role_name(oid: i64) -> String {
    match oid {
        SUPERUSER => "postgres".to_owned(),
        DATABASE_OWNER => "pg_database_owner".to_owned(),
        other => format!("unknown (OID={other})"),
    }
}
