//! pg_type: the types that columns and results can have.

use super::pg_roles::SUPERUSER;
use super::{PG_CATALOG, SystemTable, int, support, text};
use crate::postgres::types::Type::{Bool, Char, Int2, Int4, Name, Oid, PgNodeTree, Regproc};
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
        ("typispreferred", Bool),
        ("typisdefined", Bool),
        ("typdelim", Char),
        ("typrelid", Oid),
        ("typsubscript", Regproc),
        ("typelem", Oid),
        ("typarray", Oid),
        ("typinput", Regproc),
        ("typoutput", Regproc),
        ("typreceive", Regproc),
        ("typsend", Regproc),
        ("typmodin", Regproc),
        ("typmodout", Regproc),
        ("typanalyze", Regproc),
        ("typalign", Char),
        ("typstorage", Char),
        ("typnotnull", Bool),
        ("typbasetype", Oid),
        ("typtypmod", Int4),
        ("typndims", Int4),
        ("typcollation", Oid),
        ("typdefaultbin", PgNodeTree),
        ("typdefault", Type::Text),
        ("typacl", Type::Array(&Type::Aclitem)),
    ],
    with: &[
        (2703, "pg_type_oid_index"),
        (2704, "pg_type_typname_nsp_index"),
    ],
    rows: |_| Type::all().chain([Type::Unknown]).map(row).collect(),
};

fn category(ty: Type) -> &'static str {
    match ty {
        Type::Array(Type::Record) => "P",
        Type::Array(_) | Type::Int2vector | Type::Oidvector => "A",
        Type::Bool => "B",
        Type::Oid => "N",
        Type::Char | Type::PgNodeTree => "Z",
        Type::Unknown => "X",
        ty if ty.is_pseudo() => "P",
        ty if ty.is_number() || ty.is_named() => "N",
        ty if ty.is_string() => "S",
        ty if ty.is_time() || ty == Type::Time => "D",
        Type::Interval => "T",
        _ => "U",
    }
}

/// On what bytes its values begin.
pub(super) fn alignment(ty: Type) -> &'static str {
    match ty {
        Type::Array(element) if alignment(*element) == "d" => "d",
        Type::Array(_) => "i",
        Type::Bool | Type::Char | Type::Name | Type::Uuid | Type::Unknown => "c",
        Type::Int2 | Type::Tid => "s",
        Type::Interval | Type::Record | Type::AnyArray => "d",
        ty if ty.width() == 8 => "d",
        _ => "i",
    }
}

/// Whether its values are compressed or put aside when they are long.
pub(super) fn storage(ty: Type) -> &'static str {
    match ty {
        Type::Numeric => "m",
        Type::Int2vector | Type::Oidvector => "p",
        ty if ty.width() == -1 => "x",
        _ => "p",
    }
}

/// True if its values fit a machine word.
pub(super) fn by_value(ty: Type) -> bool {
    matches!(ty.width(), 1 | 2 | 4 | 8)
}

/// The number of the collation that its values have.
pub(super) fn collation(ty: Type) -> i64 {
    match ty {
        Type::Array(element) => collation(*element),
        Type::Text | Type::Varchar | Type::Bpchar | Type::PgNodeTree => 100,
        Type::Name => 950,
        _ => 0,
    }
}

/// True for the one that PostgreSQL likes best of its category.
fn is_preferred(ty: Type) -> bool {
    use Type::{Bool, Float8, Interval, Oid, Text, Timestamptz};
    matches!(ty, Bool | Float8 | Interval | Oid | Text | Timestamptz)
}

/// How it is subscripted, and how ANALYZE looks at it.
fn subscript(ty: Type) -> [Value; 2] {
    match ty {
        Type::Array(_) => ["array_subscript_handler", "array_typanalyze"],
        Type::Int2vector | Type::Oidvector => ["array_subscript_handler", "-"],
        Type::Name => ["raw_array_subscript_handler", "-"],
        Type::Jsonb => ["jsonb_subscript_handler", "-"],
        _ => ["-", "-"],
    }
    .map(support::named)
}

fn row(ty: Type) -> Row {
    let element = match ty {
        Type::Name => Some(Type::Char),
        ty => ty.element(),
    };
    let array = match ty {
        Type::Unknown => None,
        ty => ty.array(),
    };
    let number = |ty: Option<Type>| int(ty.map_or(0, Type::oid));
    let pseudo = ty.is_pseudo() || matches!(ty, Type::Unknown | Type::Array(Type::Record));
    let [input, output, receive, send] = support::formats(ty);
    let [modifier_in, modifier_out] = support::modifiers(ty);
    let [subscript, analyze] = subscript(ty);
    [
        int(ty.oid()),
        text(&ty.catalog_name()),
        int(PG_CATALOG),
        int(SUPERUSER),
        int(ty.width()),
        Value::Bool(by_value(ty)),
        text(if pseudo { "p" } else { "b" }),
        text(category(ty)),
        Value::Bool(is_preferred(ty)),
        Value::Bool(true),
        text(","),
        int(0),
        subscript,
        number(element),
        number(array),
        input,
        output,
        receive,
        send,
        modifier_in,
        modifier_out,
        analyze,
        text(alignment(ty)),
        text(storage(ty)),
        Value::Bool(false),
        int(0),
        int(-1),
        int(0),
        int(collation(ty)),
        Value::Null,
        Value::Null,
        Value::Null,
    ]
    .into()
}
