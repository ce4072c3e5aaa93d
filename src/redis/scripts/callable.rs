//! Functions of an interpreter that are there to be called.
//!
//! Lua knows each by a number, which is handed over for less than a handle,
//! for as long as it is kept here.

use mlua::{Function, Lua, RegistryKey};

/// Where Lua keeps the function of the prelude that numbers them.
const ADD: &str = "add";

/// A script, or a function of a library. It belongs to no thread.
#[derive(Debug)]
pub(super) struct Callable {
    pub(super) number: i64,
    _kept: RegistryKey,
}

impl Callable {
    pub(super) fn new(lua: &Lua, function: &Function) -> mlua::Result<Callable> {
        let add: Function = lua.named_registry_value(ADD)?;
        let (number, kept) = add.call(function)?;
        Ok(Callable {
            number,
            _kept: kept,
        })
    }
}

/// Has `add` of the prelude number them.
pub(super) fn numbered_by(lua: &Lua, add: Function) -> mlua::Result<()> {
    lua.set_named_registry_value(ADD, add)
}
