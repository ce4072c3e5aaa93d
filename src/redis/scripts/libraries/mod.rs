//! The libraries that Redis opens beside Lua's own: `bit`, `cjson`,
//! `cmsgpack` and `struct`.
//!
//! Each is made when a script first names it, as most never do. Their errors
//! are worded as Lua's auxiliary library words them.

mod bit;
mod cjson;
mod cmsgpack;
mod packing;

use mlua::{Function, IntoLuaMulti, Lua, MultiValue, Table, Value};

use super::host::{raise_text, without_limit};

/// The library of that name, which is one of those above.
pub(super) fn open(lua: &Lua, name: &str) -> mlua::Result<Table> {
    match name {
        "bit" => bit::open(lua),
        "cjson" => cjson::open(lua),
        "cmsgpack" => cmsgpack::open(lua),
        "struct" => packing::open(lua),
        _ => raise_text(lua, &format!("no library '{name}'")),
    }
}

/// The arguments of a library function, to be read as C reads them.
struct Arguments<'a> {
    lua: &'a Lua,
    function: &'static str,
    values: &'a MultiValue,
}

impl<'a> Arguments<'a> {
    fn new(lua: &'a Lua, function: &'static str, values: &'a MultiValue) -> Arguments<'a> {
        Arguments {
            lua,
            function,
            values,
        }
    }

    /// An argument by its number, from 1.
    fn get(&self, number: usize) -> Option<&'a Value> {
        self.values.get(number - 1)
    }

    fn error<T>(&self, number: usize, text: &str) -> mlua::Result<T> {
        let function = self.function;
        raise_text(
            self.lua,
            &format!("bad argument #{number} to '{function}' ({text})"),
        )
    }

    fn expected<T>(&self, number: usize, what: &str) -> mlua::Result<T> {
        let got = self.get(number).map_or("no value", type_name);
        self.error(number, &format!("{what} expected, got {got}"))
    }

    /// The one argument of a function that takes no other number of them.
    fn only(&self) -> mlua::Result<&'a Value> {
        match self.get(1) {
            Some(value) if self.values.len() == 1 => Ok(value),
            _ => self.error(1, "expected 1 argument"),
        }
    }

    fn number(&self, number: usize) -> mlua::Result<f64> {
        let value = self.get(number).cloned().unwrap_or(Value::Nil);
        match self.lua.coerce_number(value)? {
            Some(value) => Ok(value),
            None => self.expected(number, "number"),
        }
    }

    fn integer_or(&self, number: usize, default: i64) -> mlua::Result<i64> {
        match self.get(number) {
            None | Some(Value::Nil) => Ok(default),
            Some(_) => Ok(super::convert::truncate(self.number(number)?)),
        }
    }

    fn string(&self, number: usize) -> mlua::Result<Vec<u8>> {
        let text = match self.get(number) {
            Some(value @ (Value::String(_) | Value::Integer(_) | Value::Number(_))) => {
                self.lua.coerce_string(value.clone())?
            }
            _ => None,
        };
        match text {
            Some(text) => Ok(text.as_bytes().to_vec()),
            None => self.expected(number, "string"),
        }
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Integer(_) | Value::Number(_) => "number",
        Value::LightUserData(_) | Value::UserData(_) | Value::Error(_) => "userdata",
        value => value.type_name(),
    }
}

/// A function of a library. Lua's memory has no limit while it runs: what the
/// interpreter does on Rust's behalf is not protected from running out of it.
fn function<R: IntoLuaMulti>(
    lua: &Lua,
    body: impl Fn(&Lua, MultiValue) -> mlua::Result<R> + Send + 'static,
) -> mlua::Result<Function> {
    lua.create_function(move |lua, values| without_limit(lua, || body(lua, values)))
}

/// A function of Lua's arguments, under its name in a library.
fn add(
    lua: &Lua,
    library: &Table,
    name: &'static str,
    body: impl Fn(&Arguments<'_>) -> mlua::Result<Value> + Send + 'static,
) -> mlua::Result<()> {
    let function = function(lua, move |lua, values: MultiValue| {
        body(&Arguments::new(lua, name, &values))
    })?;
    library.raw_set(name, function)
}
