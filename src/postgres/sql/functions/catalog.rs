//! What clients ask of the catalog's objects beside their rows. Everybody may
//! do everything.

use super::{Builtin, Kind, count, int, text, unexpected};
use crate::postgres::catalog::{DATABASE, Measured};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::sql::Context;
use crate::postgres::types::{Type, Value};

use Type::{Array, Bool, Int2, Int4, Int8, Name, Oid, Regclass, Text};

const NAMES: Type = Array(&Name);

pub(super) const FUNCTIONS: &[Builtin] = &[
    Builtin::new("current_schemas", &[Bool], NAMES, |a, _| {
        let all = ["pg_catalog", "public"];
        let first = usize::from(a[0].as_bool() != Some(true));
        Ok(Value::Array(
            all[first..].iter().map(|name| Value::text(name)).collect(),
        ))
    }),
    Builtin::new("pg_table_size", &[Regclass], Int8, |a, c| {
        size(&a[0], Measured::Table, c)
    })
    .volatile(),
    Builtin::new("pg_indexes_size", &[Regclass], Int8, |a, c| {
        size(&a[0], Measured::Indexes, c)
    })
    .volatile(),
    Builtin::new("pg_relation_size", &[Regclass], Int8, |a, c| {
        size(&a[0], Measured::Main, c)
    })
    .volatile(),
    Builtin::new(
        "pg_relation_size",
        &[Regclass, Text],
        Int8,
        |a, c| match text(&a[1])? {
            "main" => size(&a[0], Measured::Main, c),
            "fsm" | "vm" | "init" => Ok(count(0)),
            _ => Err(no_fork()),
        },
    )
    .volatile(),
    Builtin::new("pg_total_relation_size", &[Regclass], Int8, |a, c| {
        size(&a[0], Measured::Total, c)
    })
    .volatile(),
    Builtin::new("pg_database_size", &[Name], Int8, |_, c| database_size(c)).volatile(),
    Builtin::new("pg_database_size", &[Oid], Int8, |_, c| database_size(c)).volatile(),
    Builtin::new("pg_size_pretty", &[Int8], Text, |a, _| {
        Ok(Value::Text(pretty(int(&a[0])?).into()))
    }),
    Builtin::new("pg_relation_is_publishable", &[Regclass], Bool, |a, c| {
        Ok(Value::Bool(is_own(&a[0], c)))
    }),
    Builtin::new("pg_partition_ancestors", &[Regclass], Regclass, |_, _| {
        Ok(Value::Array([].into()))
    })
    .with(Kind::Rows(&[("relid", Regclass)])),
    Builtin::new("getdatabaseencoding", &[], Name, |_, _| {
        Ok(Value::text("UTF8"))
    }),
    Builtin::new("shobj_description", &[Oid, Name], Text, |a, _| {
        let database = text(&a[1])? == "pg_database" && int(&a[0])? == i64::from(DATABASE);
        Ok(match database {
            true => Value::text("default administrative connection database"),
            false => Value::Null,
        })
    }),
    nothing("pg_get_function_result", &[Oid]),
    nothing("pg_get_function_arguments", &[Oid]),
    nothing("pg_get_function_identity_arguments", &[Oid]),
    nothing("pg_get_function_sqlbody", &[Oid]),
    nothing("pg_get_partkeydef", &[Oid]),
    nothing("pg_get_ruledef", &[Oid, Bool]),
    nothing("pg_get_triggerdef", &[Oid, Bool]),
    nothing("pg_get_statisticsobjdef_columns", &[Oid]),
    nothing("pg_tablespace_location", &[Oid]),
    always("pg_function_is_visible", &[Oid]),
    always("pg_collation_is_visible", &[Oid]),
    always("pg_operator_is_visible", &[Oid]),
    always("pg_opclass_is_visible", &[Oid]),
    always("pg_opfamily_is_visible", &[Oid]),
    always("pg_conversion_is_visible", &[Oid]),
    always("pg_statistics_obj_is_visible", &[Oid]),
    always("pg_ts_config_is_visible", &[Oid]),
    always("pg_ts_dict_is_visible", &[Oid]),
    always("pg_ts_parser_is_visible", &[Oid]),
    always("pg_ts_template_is_visible", &[Oid]),
    always("has_table_privilege", &[Text, Text]),
    always("has_table_privilege", &[Oid, Text]),
    always("has_table_privilege", &[Name, Text, Text]),
    always("has_table_privilege", &[Name, Oid, Text]),
    always("has_any_column_privilege", &[Text, Text]),
    always("has_column_privilege", &[Text, Text, Text]),
    always("has_column_privilege", &[Oid, Int2, Text]),
    always("has_sequence_privilege", &[Text, Text]),
    always("has_sequence_privilege", &[Oid, Text]),
    always("has_schema_privilege", &[Text, Text]),
    always("has_schema_privilege", &[Oid, Text]),
    always("has_schema_privilege", &[Name, Text, Text]),
    always("has_schema_privilege", &[Name, Oid, Text]),
    always("has_database_privilege", &[Text, Text]),
    always("has_database_privilege", &[Oid, Text]),
    always("has_database_privilege", &[Name, Text, Text]),
    always("pg_has_role", &[Name, Text]),
    always("pg_has_role", &[Oid, Text]),
    Builtin::new("pg_char_to_encoding", &[Name], Int4, |a, _| {
        let name = a[0].as_str().unwrap_or_default();
        let unicode = ["utf8", "utf-8", "unicode"].contains(&name.to_lowercase().as_str());
        Ok(Value::Int(if unicode { 6 } else { -1 }))
    }),
];

/// What is nowhere, as there are no such objects.
const fn nothing(name: &'static str, arguments: &'static [Type]) -> Builtin {
    Builtin::new(name, arguments, Text, |_, _| Ok(Value::Null))
}

/// What is so for everybody and everything.
const fn always(name: &'static str, arguments: &'static [Type]) -> Builtin {
    Builtin::new(name, arguments, Bool, |_, _| Ok(Value::Bool(true)))
}

/// The size of a relation; NULL if there is none.
fn size(relation: &Value, what: Measured, context: &Context<'_>) -> Result<Value> {
    let Value::Object(relation) = relation else {
        return Err(unexpected());
    };
    let size = context.database()?.size(relation.oid, what);
    Ok(size.map_or(Value::Null, count))
}

fn database_size(context: &Context<'_>) -> Result<Value> {
    Ok(count(context.database()?.database_size()))
}

fn no_fork() -> Error {
    let code = SqlState::INVALID_PARAMETER_VALUE;
    Error::new(code, "invalid fork name")
        .hint("Valid fork names are \"main\", \"fsm\", \"vm\", and \"init\".")
}

/// True for what is no part of the system catalog.
fn is_own(relation: &Value, context: &Context<'_>) -> bool {
    let number = match relation {
        Value::Object(object) => object.oid,
        _ => 0,
    };
    let own = context.database().ok().map(|database| database.registry());
    own.is_some_and(|registry| registry.is_table(number))
}

/// A number of bytes in the largest unit of which there are ten.
fn pretty(bytes: i64) -> String {
    let units = ["bytes", "kB", "MB", "GB", "TB", "PB"];
    let (mut size, mut unit) = (bytes, 0);
    // All but the last step keep one bit more, by which the result is rounded.
    while size.unsigned_abs() >= if unit == 0 { 10_240 } else { 20_479 } && unit + 1 < units.len() {
        size >>= if unit == 0 { 9 } else { 10 };
        unit += 1;
    }
    if unit > 0 {
        size = (size + size.signum()) / 2;
    }
    format!("{size} {}", units[unit])
}
