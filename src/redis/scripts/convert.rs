//! Replies to Lua values and back, by Redis's table.

use bytes::Bytes;
use mlua::{Lua, Table, Value};

use crate::redis::number::{format_double, parse_double};
use crate::redis::reply::{Reply, Resp, one_line};

/// Tables nested deeper than this end in an error. Redis goes on until Lua's
/// stack is full; a small thread stack is what this leaves room for.
const DEPTH_MAX: usize = 100;

/// A command's reply as a script sees it.
pub(super) fn to_lua(lua: &Lua, reply: &Reply, resp: Resp) -> mlua::Result<Value> {
    Ok(match (reply, resp) {
        (Reply::Integer(value), _) => Value::Integer(*value),
        (Reply::Bulk(bytes), _) => Value::String(lua.create_string(bytes)?),
        (Reply::Status(text), _) => single(lua, "ok", lua.create_string(text)?)?,
        (Reply::Error(text), _) => error_table(lua, text)?,
        (Reply::Null | Reply::NullArray, Resp::V2) => Value::Boolean(false),
        (Reply::Null | Reply::NullArray, Resp::V3) => Value::Nil,
        (Reply::Array(items) | Reply::Push(items) | Reply::Several(items), _)
        | (Reply::Set(items), Resp::V2) => sequence(lua, items.iter(), resp)?,
        (Reply::Map(pairs), Resp::V2) => sequence(
            lua,
            pairs.iter().flat_map(|(key, value)| [key, value]),
            resp,
        )?,
        (Reply::Map(pairs), Resp::V3) => {
            let map = lua.create_table_with_capacity(0, pairs.len())?;
            for (key, value) in pairs {
                map.raw_set(to_lua(lua, key, resp)?, to_lua(lua, value, resp)?)?;
            }
            single(lua, "map", map)?
        }
        (Reply::Set(items), Resp::V3) => {
            let set = lua.create_table_with_capacity(0, items.len())?;
            for item in items {
                set.raw_set(to_lua(lua, item, resp)?, true)?;
            }
            single(lua, "set", set)?
        }
        (Reply::Double(value), Resp::V2) => {
            Value::String(lua.create_string(format_double(*value))?)
        }
        (Reply::Double(value), Resp::V3) => single(lua, "double", *value)?,
        (Reply::Decimal(digits), Resp::V2) => Value::String(lua.create_string(digits)?),
        (Reply::Decimal(digits), Resp::V3) => {
            single(lua, "double", parse_double(digits).unwrap_or_default())?
        }
        (Reply::Boolean(value), Resp::V2) => Value::Integer((*value).into()),
        (Reply::Boolean(value), Resp::V3) => Value::Boolean(*value),
        (Reply::BigNumber(text) | Reply::Verbatim(_, text), Resp::V2) => {
            Value::String(lua.create_string(text)?)
        }
        (Reply::BigNumber(digits), Resp::V3) => {
            single(lua, "big_number", lua.create_string(digits)?)?
        }
        (Reply::Verbatim(format, text), Resp::V3) => {
            let verbatim = lua.create_table_with_capacity(0, 2)?;
            verbatim.raw_set("string", lua.create_string(text)?)?;
            verbatim.raw_set("format", lua.create_string(format)?)?;
            single(lua, "verbatim_string", verbatim)?
        }
    })
}

pub(super) fn error_table(lua: &Lua, text: &[u8]) -> mlua::Result<Value> {
    let table = lua.create_table_with_capacity(0, 4)?;
    table.raw_set("err", lua.create_string(text)?)?;
    table.raw_set("ignore_error_stats_update", true)?;
    Ok(Value::Table(table))
}

fn single(lua: &Lua, key: &str, value: impl mlua::IntoLua) -> mlua::Result<Value> {
    let table = lua.create_table_with_capacity(0, 1)?;
    table.raw_set(key, value)?;
    Ok(Value::Table(table))
}

fn sequence<'a>(
    lua: &Lua,
    items: impl Iterator<Item = &'a Reply>,
    resp: Resp,
) -> mlua::Result<Value> {
    let table = lua.create_table_with_capacity(items.size_hint().0, 0)?;
    for (index, item) in (1..).zip(items) {
        table.raw_seti(index, to_lua(lua, item, resp)?)?;
    }
    Ok(Value::Table(table))
}

/// What a script returned, as its caller sees it.
pub(super) fn to_reply(value: &Value, resp: Resp) -> mlua::Result<Reply> {
    nested_to_reply(value, resp, DEPTH_MAX)
}

fn nested_to_reply(value: &Value, resp: Resp, depth: usize) -> mlua::Result<Reply> {
    if depth == 0 {
        return Ok(Reply::error("ERR reached lua stack limit"));
    }
    Ok(match value {
        Value::String(text) => Reply::Bulk(Bytes::copy_from_slice(&text.as_bytes())),
        Value::Integer(value) => Reply::Integer(*value),
        Value::Number(value) => Reply::Integer(truncate(*value)),
        Value::Boolean(value) => match (resp, value) {
            (Resp::V3, value) => Reply::Boolean(*value),
            (Resp::V2, true) => Reply::Integer(1),
            (Resp::V2, false) => Reply::Null,
        },
        Value::Table(table) => table_to_reply(table, resp, depth)?,
        _ => Reply::Null,
    })
}

/// As C converts on x86-64: towards zero, and everything that does not fit to
/// the lowest integer.
pub(in crate::redis::scripts) fn truncate(value: f64) -> i64 {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if (-LIMIT..LIMIT).contains(&value) {
        value as i64
    } else {
        i64::MIN
    }
}

fn table_to_reply(table: &Table, resp: Resp, depth: usize) -> mlua::Result<Reply> {
    if let Value::String(text) = table.raw_get("err")? {
        return Ok(Reply::error_from(text.as_bytes().to_vec()));
    }
    if let Value::String(text) = table.raw_get("ok")? {
        let mut text = text.as_bytes().to_vec();
        one_line(&mut text);
        return Ok(Reply::Status(text.into()));
    }
    match table.raw_get("double")? {
        Value::Number(value) => return Ok(Reply::Double(value)),
        Value::Integer(value) => return Ok(Reply::Double(value as f64)),
        _ => {}
    }
    if let Value::Table(map) = table.raw_get("map")? {
        let mut pairs = Vec::new();
        for pair in map.pairs::<Value, Value>() {
            let (key, value) = pair?;
            let key = nested_to_reply(&key, resp, depth - 1)?;
            pairs.push((key, nested_to_reply(&value, resp, depth - 1)?));
        }
        return Ok(Reply::Map(pairs));
    }
    if let Value::Table(set) = table.raw_get("set")? {
        let mut items = Vec::new();
        for pair in set.pairs::<Value, Value>() {
            items.push(nested_to_reply(&pair?.0, resp, depth - 1)?);
        }
        return Ok(Reply::Set(items));
    }
    if let Value::String(digits) = table.raw_get("big_number")? {
        let mut digits = digits.as_bytes().to_vec();
        one_line(&mut digits);
        return Ok(Reply::BigNumber(digits.into()));
    }
    if let Value::Table(verbatim) = table.raw_get("verbatim_string")?
        && let Some(reply) = verbatim_to_reply(&verbatim)?
    {
        return Ok(reply);
    }
    let mut items = Vec::new();
    for index in 1_i64.. {
        match table.raw_get(index)? {
            Value::Nil => break,
            item => items.push(nested_to_reply(&item, resp, depth - 1)?),
        }
    }
    Ok(Reply::Array(items))
}

fn verbatim_to_reply(verbatim: &Table) -> mlua::Result<Option<Reply>> {
    let (Value::String(format), Value::String(text)) =
        (verbatim.raw_get("format")?, verbatim.raw_get("string")?)
    else {
        return Ok(None);
    };
    let mut padded = *b"   ";
    for (slot, byte) in padded.iter_mut().zip(format.as_bytes().iter()) {
        *slot = *byte;
    }
    Ok(Some(Reply::Verbatim(
        padded,
        Bytes::copy_from_slice(&text.as_bytes()),
    )))
}
