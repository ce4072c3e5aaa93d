//! pg_roles, and what else tells of roles: whoever logs in may do everything,
//! as the one role that there is beside those of PostgreSQL.

use super::{SystemTable, int, text};
use crate::postgres::types::Type::{Array, Bool, Int4, Name, Oid, Text, Timestamptz};
use crate::postgres::types::{Row, Value};

/// The numbers of the roles that own something.
pub(super) const SUPERUSER: i64 = 10;
pub(super) const DATABASE_OWNER: i64 = 6171;

const ROLES: &[(u32, &str)] = &[
    (10, "postgres"),
    (6171, "pg_database_owner"),
    (6181, "pg_read_all_data"),
    (6182, "pg_write_all_data"),
    (3373, "pg_monitor"),
    (3374, "pg_read_all_settings"),
    (3375, "pg_read_all_stats"),
    (3377, "pg_stat_scan_tables"),
    (4569, "pg_read_server_files"),
    (4570, "pg_write_server_files"),
    (4571, "pg_execute_server_program"),
    (4200, "pg_signal_backend"),
    (4544, "pg_checkpoint"),
];

pub(super) static TABLE: SystemTable = SystemTable {
    name: "pg_roles",
    oid: 12_000,
    columns: &[
        ("rolname", Name),
        ("rolsuper", Bool),
        ("rolinherit", Bool),
        ("rolcreaterole", Bool),
        ("rolcreatedb", Bool),
        ("rolcanlogin", Bool),
        ("rolreplication", Bool),
        ("rolconnlimit", Int4),
        ("rolpassword", Text),
        ("rolvaliduntil", Timestamptz),
        ("rolbypassrls", Bool),
        ("rolconfig", Array(&Text)),
        ("oid", Oid),
    ],
    with: &[],
    rows: |_| ROLES.iter().map(role).collect(),
};

fn role((oid, name): &(u32, &str)) -> Row {
    let may = || Value::Bool(i64::from(*oid) == SUPERUSER);
    [
        text(name),
        may(),
        Value::Bool(true),
        may(),
        may(),
        may(),
        may(),
        int(-1),
        text("********"),
        Value::Null,
        may(),
        Value::Null,
        int(*oid),
    ]
    .into()
}

pub(super) static AUTHID: SystemTable = SystemTable {
    name: "pg_authid",
    oid: 1260,
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
        ("rolpassword", Text),
        ("rolvaliduntil", Timestamptz),
    ],
    with: &[
        (2676, "pg_authid_rolname_index"),
        (2677, "pg_authid_oid_index"),
    ],
    rows: |_| ROLES.iter().map(authid).collect(),
};

fn authid((oid, name): &(u32, &str)) -> Row {
    let may = || Value::Bool(i64::from(*oid) == SUPERUSER);
    [
        int(*oid),
        text(name),
        may(),
        Value::Bool(true),
        may(),
        may(),
        may(),
        may(),
        may(),
        int(-1),
        Value::Null,
        Value::Null,
    ]
    .into()
}

pub(super) static USERS: SystemTable = SystemTable {
    name: "pg_user",
    oid: 12_014,
    columns: &[
        ("usename", Name),
        ("usesysid", Oid),
        ("usecreatedb", Bool),
        ("usesuper", Bool),
        ("userepl", Bool),
        ("usebypassrls", Bool),
        ("passwd", Text),
        ("valuntil", Timestamptz),
        ("useconfig", Array(&Text)),
    ],
    with: &[],
    rows: |_| {
        let yes = || Value::Bool(true);
        let user = [
            text("postgres"),
            int(SUPERUSER),
            yes(),
            yes(),
            yes(),
            yes(),
            text("********"),
            Value::Null,
            Value::Null,
        ];
        vec![user.into()]
    },
};

/// The role of a number.
pub(in crate::postgres) fn role_name(number: u32) -> Option<&'static str> {
    let found = ROLES.iter().find(|(other, _)| *other == number);
    found.map(|(_, name)| *name)
}

/// The number of a role.
pub(in crate::postgres) fn role_number(name: &str) -> Option<u32> {
    let found = ROLES.iter().find(|(_, other)| *other == name);
    found.map(|(number, _)| *number)
}
