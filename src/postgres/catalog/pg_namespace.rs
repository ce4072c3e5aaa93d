//! pg_namespace: the schemas.

use super::pg_roles::{DATABASE_OWNER, SUPERUSER};
use super::{INFORMATION_SCHEMA, PG_CATALOG, PUBLIC, SystemTable, int, text};
use crate::postgres::types::Row;
use crate::postgres::types::Type::{Name, Oid};

pub(super) static TABLE: SystemTable = SystemTable {
    name: "pg_namespace",
    oid: 2615,
    columns: &[("oid", Oid), ("nspname", Name), ("nspowner", Oid)],
    with: &[
        (2684, "pg_namespace_nspname_index"),
        (2685, "pg_namespace_oid_index"),
    ],
    rows: |_| {
        let all = [
            (PG_CATALOG, "pg_catalog", SUPERUSER),
            (PUBLIC, "public", DATABASE_OWNER),
            (INFORMATION_SCHEMA, "information_schema", SUPERUSER),
        ];
        all.map(|(oid, name, owner)| Row::from([int(oid), text(name), int(owner)]))
            .into()
    },
};
