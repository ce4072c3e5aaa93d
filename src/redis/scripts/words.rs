//! The keys and arguments of a script as Lua's tables.

use std::cell::Cell;

use bstr::BStr;
use mlua::{Either, Lua, Table, Value};

/// A table for the words of scripts that leave it as it is: a new one costs
/// more than what is put in.
pub(super) struct Words {
    table: Table,
    /// How many it holds.
    count: Cell<usize>,
}

/// Of what is held until the next script comes, there is little.
const COUNT_MAX: usize = 16;
const BYTES_MAX: usize = 1024;

impl Words {
    pub(super) fn new(lua: &Lua) -> mlua::Result<Words> {
        Ok(Words {
            table: lua.create_table()?,
            count: Cell::default(),
        })
    }

    /// A table with these words, for a script that runs before it is asked for
    /// again.
    pub(super) fn lend(&self, lua: &Lua, words: &[&[u8]]) -> mlua::Result<Table> {
        let bytes: usize = words.iter().map(|word| word.len()).sum();
        if words.len() > COUNT_MAX || bytes > BYTES_MAX {
            return in_a_table(lua, words);
        }
        put(&self.table, words)?;
        for left_over in words.len()..self.count.replace(words.len()) {
            self.table.raw_seti(left_over + 1, Value::Nil)?;
        }
        Ok(self.table.clone())
    }
}

/// A new table with these words, one put in after the other: how it has grown
/// shows in `#KEYS` where a script makes holes.
pub(super) fn in_a_table(lua: &Lua, words: &[&[u8]]) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    put(&table, words)?;
    Ok(table)
}

fn put(table: &Table, words: &[&[u8]]) -> mlua::Result<()> {
    for (at, word) in (1..).zip(words) {
        // What mlua copies to Lua's stack without a handle to it, if it is text.
        let word = match str::from_utf8(word) {
            Ok(text) => Either::Left(text),
            Err(_) => Either::Right(BStr::new(*word)),
        };
        table.raw_seti(at, word)?;
    }
    Ok(())
}
