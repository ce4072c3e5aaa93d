//! `cjson`: JSON, with the behaviour and the settings of Lua CJSON 2.1.0 as
//! Redis builds it.

mod decode;
mod encode;

use std::sync::Arc;

use mlua::{Lua, Table, Value};
use parking_lot::Mutex;

use super::{Arguments, add, function};
use crate::redis::scripts::convert::truncate;
use crate::redis::scripts::host::raise_text;

/// What the functions of one table can be told.
#[derive(Debug, Clone, Copy)]
struct Settings {
    /// Write an array that is mostly holes as an object, and do not refuse it.
    sparse_convert: bool,
    /// An array is sparse if its length is more than so many times its items;
    /// 0 is never.
    sparse_ratio: i32,
    /// And if it is longer than this.
    sparse_safe: i32,
    encode_depth_max: i32,
    decode_depth_max: i32,
    encode_invalid_numbers: InvalidNumbers,
    decode_invalid_numbers: bool,
    /// Has no effect that could be seen.
    keep_buffer: bool,
    /// Significant digits.
    precision: i32,
}

/// What becomes of infinities and NaN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InvalidNumbers {
    Refused,
    Written,
    Null,
}

const DEFAULT: Settings = Settings {
    sparse_convert: false,
    sparse_ratio: 2,
    sparse_safe: 10,
    encode_depth_max: 1000,
    decode_depth_max: 1000,
    encode_invalid_numbers: InvalidNumbers::Refused,
    decode_invalid_numbers: true,
    keep_buffer: true,
    precision: 14,
};

pub(super) fn open(lua: &Lua) -> mlua::Result<Table> {
    let cjson = lua.create_table()?;
    let settings = Arc::new(Mutex::new(DEFAULT));
    let here = settings.clone();
    add(lua, &cjson, "encode", move |args| {
        let value = args.only()?;
        let text = encode::encode(args.lua, value, *here.lock())?;
        Ok(Value::String(args.lua.create_string(text)?))
    })?;
    let here = settings.clone();
    add(lua, &cjson, "decode", move |args| {
        args.only()?;
        decode::decode(args.lua, &args.string(1)?, *here.lock())
    })?;
    add(lua, &cjson, "new", |args| Ok(Value::Table(open(args.lua)?)))?;
    add_settings(lua, &cjson, &settings)?;
    cjson.raw_set("null", Value::NULL)?;
    cjson.raw_set("_NAME", "cjson")?;
    cjson.raw_set("_VERSION", "2.1.0")?;
    Ok(cjson)
}

/// One of the settings.
type Field<T> = fn(&mut Settings) -> &mut T;

/// Functions that set, if they are given something, and answer what is set.
fn add_settings(lua: &Lua, cjson: &Table, settings: &Arc<Mutex<Settings>>) -> mlua::Result<()> {
    let integers: [(&str, Field<i32>, i32); 3] = [
        ("encode_max_depth", |s| &mut s.encode_depth_max, i32::MAX),
        ("decode_max_depth", |s| &mut s.decode_depth_max, i32::MAX),
        ("encode_number_precision", |s| &mut s.precision, 14),
    ];
    for (name, field, most) in integers {
        let here = settings.clone();
        add(lua, cjson, name, move |args| {
            at_most(args, 1)?;
            integer(args, 1, field(&mut here.lock()), 1, most)
        })?;
    }
    let switches: [(&str, Field<bool>); 2] = [
        ("encode_keep_buffer", |s| &mut s.keep_buffer),
        ("decode_invalid_numbers", |s| &mut s.decode_invalid_numbers),
    ];
    for (name, field) in switches {
        let here = settings.clone();
        add(lua, cjson, name, move |args| {
            at_most(args, 1)?;
            switch(args, field(&mut here.lock()))
        })?;
    }
    let here = settings.clone();
    add(lua, cjson, "encode_invalid_numbers", move |args| {
        at_most(args, 1)?;
        invalid_numbers(args, &mut here.lock().encode_invalid_numbers)
    })?;
    let here = settings.clone();
    let sparse = function(lua, move |lua, values: mlua::MultiValue| {
        let args = Arguments::new(lua, "encode_sparse_array", &values);
        at_most(&args, 3)?;
        let settings = &mut here.lock();
        Ok((
            switch(&args, &mut settings.sparse_convert)?,
            integer(&args, 2, &mut settings.sparse_ratio, 0, i32::MAX)?,
            integer(&args, 3, &mut settings.sparse_safe, 0, i32::MAX)?,
        ))
    })?;
    cjson.raw_set("encode_sparse_array", sparse)
}

fn at_most(args: &Arguments<'_>, count: usize) -> mlua::Result<()> {
    if args.values.len() > count {
        return args.error(count + 1, "found too many arguments");
    }
    Ok(())
}

fn is_given(args: &Arguments<'_>, number: usize) -> bool {
    args.get(number).is_some_and(|value| !value.is_nil())
}

fn integer(
    args: &Arguments<'_>,
    number: usize,
    setting: &mut i32,
    least: i32,
    most: i32,
) -> mlua::Result<Value> {
    if is_given(args, number) {
        let given = i32::try_from(truncate(args.number(number)?)).ok();
        match given.filter(|given| (least..=most).contains(given)) {
            Some(given) => *setting = given,
            None => {
                let text = format!("expected integer between {least} and {most}");
                return args.error(1, &text);
            }
        }
    }
    Ok(Value::Integer((*setting).into()))
}

fn switch(args: &Arguments<'_>, setting: &mut bool) -> mlua::Result<Value> {
    if is_given(args, 1) {
        *setting = match args.get(1) {
            Some(Value::Boolean(given)) => *given,
            _ => option(args, &["off", "on"])? == 1,
        };
    }
    Ok(Value::Boolean(*setting))
}

fn invalid_numbers(args: &Arguments<'_>, setting: &mut InvalidNumbers) -> mlua::Result<Value> {
    if is_given(args, 1) {
        let chosen = match args.get(1) {
            Some(Value::Boolean(given)) => usize::from(*given),
            _ => option(args, &["off", "on", "null"])?,
        };
        *setting = [
            InvalidNumbers::Refused,
            InvalidNumbers::Written,
            InvalidNumbers::Null,
        ][chosen];
    }
    Ok(match setting {
        InvalidNumbers::Refused => Value::Boolean(false),
        InvalidNumbers::Written => Value::Boolean(true),
        InvalidNumbers::Null => Value::String(args.lua.create_string("null")?),
    })
}

fn option(args: &Arguments<'_>, options: &[&str]) -> mlua::Result<usize> {
    let given = args.string(1)?;
    match options.iter().position(|o| o.as_bytes() == given) {
        Some(position) => Ok(position),
        None => {
            let given = String::from_utf8_lossy(&given);
            args.error(1, &format!("invalid option '{given}'"))
        }
    }
}

fn refuse<T>(lua: &Lua, value: &Value, reason: &str) -> mlua::Result<T> {
    let kind = super::type_name(value);
    raise_text(lua, &format!("Cannot serialise {kind}: {reason}"))
}
