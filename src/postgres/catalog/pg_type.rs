//! pg_type: the types that columns and results can have.

use super::pg_roles::SUPERUSER;
use super::{PG_CATALOG, SystemTable, int, text};
use crate::postgres::types::Type::{Bool, Char, Int2, Int4, Name, Oid};
use crate::postgres::types::{Row, Type, Value};

pub(super) static TABLE: SystemTable = SystemTable {
    name: "pg_type",
    oid: 1247,
    columns: &[
        ("oid", Oid),
        ("typname", Name),
        ("typnamespace", Oid),
        ("typowner", Oid),
        ("typlen", Int2),
        ("typbyval", Bool),
        ("typtype", Char),
        ("typcategory", Char),
        ("typisdefined", Bool),
        ("typdelim", Char),
        ("typrelid", Oid),
        ("typelem", Oid),
        ("typarray", Oid),
        ("typbasetype", Oid),
        ("typtypmod", Int4),
        ("typnotnull", Bool),
    ],
    with: &[
        (2703, "pg_type_oid_index"),
        (2704, "pg_type_typname_nsp_index"),
    ],
    rows: |_| Type::all().map(row).collect(),
};

fn category(ty: Type) -> &'static str {
    match ty {
        Type::Array(_) => "A",
        Type::Bool => "B",
        ty if ty.is_number() || ty.is_catalog_number() => "N",
        ty if ty.is_string() => "S",
        ty if ty.is_time() || ty == Type::Time => "D",
        Type::Interval => "T",
        _ => "U",
    }
}

fn row(ty: Type) -> Row {
    let element = match ty {
        Type::Array(element) => element.oid(),
        _ => 0,
    };
    let pseudo = matches!(
        ty,
        Type::Void | Type::Record | Type::Any | Type::AnyArray | Type::AnyElement
    );
    [
        int(ty.oid()),
        text(&ty.catalog_name()),
        int(PG_CATALOG),
        int(SUPERUSER),
        int(ty.width()),
        Value::Bool((1..=8).contains(&ty.width())),
        text(if pseudo { "p" } else { "b" }),
        text(category(ty)),
        Value::Bool(true),
        text(","),
        int(0),
        int(element),
        int(ty.array().map_or(0, Type::oid)),
        int(0),
        int(-1),
        Value::Bool(false),
    ]
    .into()
}
