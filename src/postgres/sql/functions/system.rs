//! Functions about the session, the server and its objects.

use super::{Builtin, int, quote_ident, text};
use crate::postgres::catalog::{Shown, initial_description, role_name};
use crate::postgres::engine::Shared;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::sql::{Context, VERSION};
use crate::postgres::types::{Type, Value};
use crate::postgres::wal::Lsn;
use crate::rt;

use Type::{
    Any, Bool, Int4, Int8, Name, Oid, PgNodeTree, Regclass, Regnamespace, Regproc, Regrole,
    Regtype, Text, Timestamptz,
};

pub(super) const FUNCTIONS: &[Builtin] = &[
    Builtin::new("version", &[], Text, |_, _| Ok(Value::text(VERSION))),
    Builtin::new("current_user", &[], Name, |_, c| {
        Ok(Value::text(&c.session()?.settings.user))
    }),
    Builtin::new("session_user", &[], Name, |_, c| {
        Ok(Value::text(&c.session()?.settings.user))
    }),
    Builtin::new("user", &[], Name, |_, c| {
        Ok(Value::text(&c.session()?.settings.user))
    }),
    Builtin::new("current_database", &[], Name, |_, c| {
        Ok(Value::text(&c.session()?.settings.database))
    }),
    Builtin::new("current_catalog", &[], Name, |_, c| {
        Ok(Value::text(&c.session()?.settings.database))
    }),
    Builtin::new("current_schema", &[], Name, |_, _| {
        Ok(Value::text("public"))
    }),
    Builtin::new("current_setting", &[Text], Text, |a, c| {
        Ok(Value::Text(
            c.session()?.settings.show(text(&a[0])?)?.into(),
        ))
    }),
    Builtin::new("current_setting", &[Text, Bool], Text, |a, c| {
        match c.session()?.settings.show(text(&a[0])?) {
            Ok(value) => Ok(Value::Text(value.into())),
            Err(_) if a[1].as_bool() == Some(true) => Ok(Value::Null),
            Err(error) => Err(error),
        }
    }),
    Builtin::new("pg_backend_pid", &[], Int4, |_, c| {
        Ok(Value::Int(c.session()?.pid.into()))
    }),
    Builtin::new("gen_random_uuid", &[], Type::Uuid, |_, _| Ok(random_uuid())).volatile(),
    Builtin::new("pg_current_xact_id_if_assigned", &[], Text, |_, c| {
        let xid = c.session()?.xid;
        Ok(if xid.is_some() {
            Value::Text(xid.0.to_string().into())
        } else {
            Value::Null
        })
    }),
    Builtin::new("pg_is_in_recovery", &[], Bool, |_, c| {
        Ok(Value::Bool(c.session()?.server.replication.in_recovery()))
    })
    .volatile(),
    Builtin::new("pg_last_wal_receive_lsn", &[], Text, |_, c| {
        Ok(standby_lsn(c.session()?.server, |(received, _)| received))
    })
    .volatile(),
    Builtin::new("pg_last_wal_replay_lsn", &[], Text, |_, c| {
        Ok(standby_lsn(c.session()?.server, |(_, replayed)| replayed))
    })
    .volatile(),
    Builtin::new("pg_last_xact_replay_timestamp", &[], Timestamptz, |_, c| {
        let at = c.session()?.server.replication.last_replayed_at();
        Ok(at.map_or(Value::Null, Value::Timestamp))
    })
    .volatile(),
    Builtin::new("pg_current_wal_lsn", &[], Text, |_, c| {
        primary_lsn(c.session()?.server, |(inserted, _)| inserted)
    })
    .volatile(),
    Builtin::new("pg_current_wal_insert_lsn", &[], Text, |_, c| {
        primary_lsn(c.session()?.server, |(inserted, _)| inserted)
    })
    .volatile(),
    Builtin::new("pg_current_wal_flush_lsn", &[], Text, |_, c| {
        primary_lsn(c.session()?.server, |(_, flushed)| flushed)
    })
    .volatile(),
    Builtin::new("pg_wal_lsn_diff", &[Text, Text], Int8, |a, _| {
        let (left, right) = (lsn(&a[0])?, lsn(&a[1])?);
        let distance = i128::from(left.0) - i128::from(right.0);
        Ok(Value::Int(i64::try_from(distance).unwrap_or(i64::MAX)))
    }),
    Builtin::new("pg_get_serial_sequence", &[Text, Text], Text, |a, c| {
        let name = c.database()?.owned_sequence(text(&a[0])?, text(&a[1])?)?;
        Ok(name.map_or(Value::Null, |name| {
            Value::Text(format!("public.{}", quote_ident(&name)).into())
        }))
    }),
    Builtin::new(
        "pg_typeof",
        &[Any],
        Regtype,
        |_, _| Err(super::unexpected()),
    ),
    Builtin::new("pg_table_is_visible", &[Oid], Bool, |a, c| {
        let name = c.database()?.registry().object(Regclass, oid(&a[0])?);
        Ok(Value::Bool(
            !name.to_string().starts_with("information_schema."),
        ))
    }),
    Builtin::new("pg_get_userbyid", &[Oid], Name, |a, _| {
        let number = int(&a[0])?;
        let name = u32::try_from(number).ok().and_then(role_name);
        Ok(match name {
            Some(name) => Value::text(name),
            None => Value::Text(format!("unknown (OID={number})").into()),
        })
    }),
    Builtin::new("pg_encoding_to_char", &[Int4], Name, |a, _| {
        Ok(Value::text(if int(&a[0])? == 6 { "UTF8" } else { "" }))
    }),
    Builtin::new("pg_type_is_visible", &[Oid], Bool, |_, _| {
        Ok(Value::Bool(true))
    }),
    Builtin::new("obj_description", &[Oid, Name], Text, |a, c| {
        match text(&a[1])? {
            "pg_class" => described(&a[0], 0, c),
            catalog => {
                let found = initial_description(catalog, oid(&a[0])?);
                Ok(found.map_or(Value::Null, Value::text))
            }
        }
    }),
    Builtin::new("obj_description", &[Oid], Text, |a, c| {
        described(&a[0], 0, c)
    }),
    Builtin::new("col_description", &[Oid, Int4], Text, |a, c| {
        described(&a[0], int(&a[1])?, c)
    }),
    Builtin::new("format_type", &[Oid, Int4], Text, |a, _| Ok(format_type(a))).for_nulls(),
    Builtin::new("pg_get_expr", &[PgNodeTree, Oid], Text, |a, c| {
        definition(Shown::Node(text(&a[0])?), false, c)
    }),
    Builtin::new("pg_get_expr", &[PgNodeTree, Oid, Bool], Text, |a, c| {
        definition(Shown::Node(text(&a[0])?), is_true(&a[2]), c)
    }),
    Builtin::new("pg_get_indexdef", &[Oid], Text, |a, c| {
        definition(Shown::Index(oid(&a[0])?, 0), false, c)
    }),
    Builtin::new("pg_get_indexdef", &[Oid, Int4, Bool], Text, |a, c| {
        let column = usize::try_from(int(&a[1])?).unwrap_or(usize::MAX);
        definition(Shown::Index(oid(&a[0])?, column), is_true(&a[2]), c)
    }),
    Builtin::new("pg_get_constraintdef", &[Oid], Text, |a, c| {
        definition(Shown::Constraint(oid(&a[0])?), false, c)
    }),
    Builtin::new("pg_get_constraintdef", &[Oid, Bool], Text, |a, c| {
        definition(Shown::Constraint(oid(&a[0])?), is_true(&a[1]), c)
    }),
    Builtin::new("pg_get_viewdef", &[Oid], Text, |a, c| {
        viewdef(oid(&a[0])?, false, c)
    }),
    Builtin::new("pg_get_viewdef", &[Oid, Bool], Text, |a, c| {
        viewdef(oid(&a[0])?, is_true(&a[1]), c)
    }),
    Builtin::new("pg_get_viewdef", &[Text], Text, |a, c| {
        viewdef_by_name(text(&a[0])?, false, c)
    }),
    Builtin::new("pg_get_viewdef", &[Text, Bool], Text, |a, c| {
        viewdef_by_name(text(&a[0])?, is_true(&a[1]), c)
    }),
    Builtin::new("to_regclass", &[Text], Regclass, |a, c| {
        named(Regclass, &a[0], c)
    }),
    Builtin::new("to_regtype", &[Text], Regtype, |a, c| {
        named(Regtype, &a[0], c)
    }),
    Builtin::new("to_regproc", &[Text], Regproc, |a, c| {
        named(Regproc, &a[0], c)
    }),
    Builtin::new("to_regnamespace", &[Text], Regnamespace, |a, c| {
        named(Regnamespace, &a[0], c)
    }),
    Builtin::new("to_regrole", &[Text], Regrole, |a, c| {
        named(Regrole, &a[0], c)
    }),
];

fn definition(what: Shown<'_>, pretty: bool, context: &Context<'_>) -> Result<Value> {
    let shown = context.database()?.definition(what, pretty);
    Ok(shown.map_or(Value::Null, |shown| Value::Text(shown.into())))
}

fn viewdef(id: u32, pretty: bool, context: &Context<'_>) -> Result<Value> {
    let shown = context.database()?.view(id, pretty)?;
    Ok(shown.map_or(Value::Null, |shown| Value::Text(shown.into())))
}

fn viewdef_by_name(name: &str, pretty: bool, context: &Context<'_>) -> Result<Value> {
    let registry = context.database()?.registry();
    match registry.convert(&Value::text(name), Regclass)? {
        Value::Object(view) => viewdef(view.oid, pretty, context),
        _ => Ok(Value::Null),
    }
}

fn oid(value: &Value) -> Result<u32> {
    Ok(u32::try_from(int(value)?).unwrap_or(0))
}

fn is_true(value: &Value) -> bool {
    value.as_bool() == Some(true)
}

/// A type as SQL writes it: without a modifier a character has none, rather
/// than the length 1.
fn format_type(a: &[Value]) -> Value {
    let (Some(oid), modifier) = (a[0].as_int(), a[1].as_int()) else {
        return Value::Null;
    };
    let modifier = modifier.and_then(|modifier| i32::try_from(modifier).ok());
    let ty = u32::try_from(oid).ok().and_then(Type::from_oid);
    Value::Text(match (ty, modifier) {
        (None, _) if oid == 0 => "-".into(),
        (None, _) => "???".into(),
        (Some(ty), None) => ty.name().into(),
        (Some(ty), Some(modifier)) => ty.with_modifier(modifier).into(),
    })
}

/// The object of a name, NULL if there is none.
fn named(ty: Type, name: &Value, context: &Context<'_>) -> Result<Value> {
    let registry = context.database()?.registry();
    let found = registry.number(ty, text(name)?).ok().flatten();
    Ok(found.map_or(Value::Null, |number| registry.object(ty, number)))
}

/// What COMMENT has said of a relation, or of one of its columns.
fn described(oid: &Value, column: i64, context: &Context<'_>) -> Result<Value> {
    let (oid, column) = (u32::try_from(int(oid)?), usize::try_from(column));
    let (Ok(oid), Ok(column)) = (oid, column) else {
        return Ok(Value::Null);
    };
    let comment = context.database()?.registry().comment(oid, column);
    Ok(comment.map_or(Value::Null, |comment| Value::Text(comment.clone())))
}

/// How far a standby is; NULL on a server that never was one.
fn standby_lsn(server: &Shared, which: fn((Lsn, Lsn)) -> Lsn) -> Value {
    match server.replication.in_recovery() {
        true => Value::Text(which(server.replication.progress()).to_string().into()),
        false => Value::Null,
    }
}

fn primary_lsn(server: &Shared, which: fn((Lsn, Lsn)) -> Lsn) -> Result<Value> {
    if server.replication.in_recovery() {
        let state = SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE;
        return Err(Error::new(state, "recovery is in progress")
            .hint("WAL control functions cannot be executed during recovery."));
    }
    let lsn = which(server.log.inserted_and_flushed());
    Ok(Value::Text(lsn.to_string().into()))
}

fn lsn(value: &Value) -> Result<Lsn> {
    let written = text(value)?;
    written.parse().map_err(|()| {
        let state = SqlState::INVALID_TEXT_REPRESENTATION;
        let message = format!("invalid input syntax for type pg_lsn: \"{written}\"");
        Error::new(state, message)
    })
}

/// A version 4 UUID from the node's own randomness.
fn random_uuid() -> Value {
    let mut bytes = [0u8; 16];
    bytes[..8].copy_from_slice(&rt::random_u64().to_be_bytes());
    bytes[8..].copy_from_slice(&rt::random_u64().to_be_bytes());
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    Value::Uuid(bytes)
}

/// The error of a function that needs a session where there is none.
pub(in crate::postgres) fn not_immutable() -> Error {
    Error::new(
        SqlState("42P17"),
        "functions in index expression must be marked IMMUTABLE",
    )
}
