//! pg_namespace: the schemas.

use super::pg_roles::{DATABASE_OWNER, SUPERUSER};
use super::{INFORMATION_SCHEMA, PG_CATALOG, PUBLIC, SystemTable, int, text};
use crate::postgres::types::Type::{Aclitem, Array, Name, Oid};
use crate::postgres::types::{Row, Value};

pub(super) static TABLE: SystemTable = SystemTable {
    name: "pg_namespace",
    oid: 2615,
    columns: &[
        ("oid", Oid),
        ("nspname", Name),
        ("nspowner", Oid),
        ("nspacl", Array(&Aclitem)),
    ],
    with: &[
        (2684, "pg_namespace_nspname_index"),
        (2685, "pg_namespace_oid_index"),
    ],
    rows: |_| {
        let row = |(oid, name): &(i64, &str)| {
            let owner = if *oid == PUBLIC {
                DATABASE_OWNER
            } else {
                SUPERUSER
            };
            Row::from([int(*oid), text(name), int(owner), privileges(*oid)])
        };
        SCHEMAS.iter().map(row).collect()
    },
};

const SCHEMAS: &[(i64, &str)] = &[
    (99, "pg_toast"),
    (PG_CATALOG, "pg_catalog"),
    (PUBLIC, "public"),
    (INFORMATION_SCHEMA, "information_schema"),
];

/// Who may use and who may create in a schema, as initdb leaves it.
fn privileges(schema: i64) -> Value {
    let owner = match schema {
        PUBLIC => "pg_database_owner",
        PG_CATALOG | INFORMATION_SCHEMA => "postgres",
        _ => return Value::Null,
    };
    let items = [format!("{owner}=UC/{owner}"), format!("=U/{owner}")];
    Value::Array(items.iter().map(|item| text(item)).collect())
}

/// The number of a schema.
pub(in crate::postgres) fn schema_number(name: &str) -> Option<u32> {
    let found = SCHEMAS.iter().find(|(_, other)| *other == name);
    found.and_then(|(number, _)| u32::try_from(*number).ok())
}

/// The name of a schema.
pub(in crate::postgres) fn schema_name(number: u32) -> Option<&'static str> {
    let found = SCHEMAS
        .iter()
        .find(|(other, _)| *other == i64::from(number));
    found.map(|(_, name)| *name)
}
