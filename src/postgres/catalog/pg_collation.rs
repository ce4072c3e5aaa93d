//! pg_collation: all of them compare bytes.

use super::pg_roles::SUPERUSER;
use super::{PG_CATALOG, SystemTable, int, text};
use crate::postgres::types::Type::{Bool, Char, Int4, Name, Oid, Text};
use crate::postgres::types::{Row, Value};

pub(super) static TABLE: SystemTable = SystemTable {
    name: "pg_collation",
    oid: 3456,
    columns: &[
        ("oid", Oid),
        ("collname", Name),
        ("collnamespace", Oid),
        ("collowner", Oid),
        ("collprovider", Char),
        ("collisdeterministic", Bool),
        ("collencoding", Int4),
        ("collcollate", Text),
        ("collctype", Text),
        ("colliculocale", Text),
        ("collversion", Text),
    ],
    with: &[
        (3085, "pg_collation_oid_index"),
        (3164, "pg_collation_name_enc_nsp_index"),
    ],
    rows: |_| {
        let all = [
            (100, "default", "d", Value::Null),
            (950, "C", "c", text("C")),
            (951, "POSIX", "c", text("POSIX")),
        ];
        all.map(|(oid, name, provider, locale)| {
            Row::from([
                int(oid),
                text(name),
                int(PG_CATALOG),
                int(SUPERUSER),
                text(provider),
                Value::Bool(true),
                int(-1),
                locale.clone(),
                locale,
                Value::Null,
                Value::Null,
            ])
        })
        .into()
    },
};
