//! Lua values to JSON.

use mlua::{Lua, Table, Value};

use super::{InvalidNumbers, Settings, refuse};
use crate::redis::number::format_general;
use crate::redis::scripts::host::raise_text;

pub(super) fn encode(lua: &Lua, value: &Value, settings: Settings) -> mlua::Result<Vec<u8>> {
    let mut encoder = Encoder {
        lua,
        settings,
        out: Vec::new(),
    };
    encoder.value(value, 0)?;
    Ok(encoder.out)
}

struct Encoder<'a> {
    lua: &'a Lua,
    settings: Settings,
    out: Vec<u8>,
}

impl Encoder<'_> {
    fn value(&mut self, value: &Value, depth: i32) -> mlua::Result<()> {
        match value {
            Value::String(text) => self.string(&text.as_bytes()),
            Value::Integer(number) => self.number(*number as f64)?,
            Value::Number(number) => self.number(*number)?,
            Value::Boolean(true) => self.out.extend(b"true"),
            Value::Boolean(false) => self.out.extend(b"false"),
            Value::Table(table) => self.table(value, table, depth + 1)?,
            Value::Nil => self.out.extend(b"null"),
            value if *value == Value::NULL => self.out.extend(b"null"),
            value => return refuse(self.lua, value, "type not supported"),
        }
        Ok(())
    }

    fn string(&mut self, text: &[u8]) {
        self.out.push(b'"');
        for byte in text {
            match byte {
                b'"' => self.out.extend(b"\\\""),
                b'\\' => self.out.extend(b"\\\\"),
                b'/' => self.out.extend(b"\\/"),
                8 => self.out.extend(b"\\b"),
                b'\t' => self.out.extend(b"\\t"),
                b'\n' => self.out.extend(b"\\n"),
                12 => self.out.extend(b"\\f"),
                b'\r' => self.out.extend(b"\\r"),
                0..=31 | 127 => self.out.extend(format!("\\u{byte:04x}").bytes()),
                byte => self.out.push(*byte),
            }
        }
        self.out.push(b'"');
    }

    fn number(&mut self, number: f64) -> mlua::Result<()> {
        if !number.is_finite() {
            match self.settings.encode_invalid_numbers {
                InvalidNumbers::Refused => {
                    let number = Value::Number(number);
                    return refuse(self.lua, &number, "must not be NaN or Inf");
                }
                InvalidNumbers::Null => {
                    self.out.extend(b"null");
                    return Ok(());
                }
                InvalidNumbers::Written if number.is_nan() => {
                    self.out.extend(b"nan");
                    return Ok(());
                }
                InvalidNumbers::Written => {}
            }
        }
        let text = format_general(number, self.settings.precision);
        self.out.extend(text.bytes());
        Ok(())
    }

    fn table(&mut self, value: &Value, table: &Table, depth: i32) -> mlua::Result<()> {
        if depth > self.settings.encode_depth_max {
            let text = format!("Cannot serialise, excessive nesting ({depth})");
            return raise_text(self.lua, &text);
        }
        match self.array_length(value, table)? {
            Some(length) => self.array(table, length, depth),
            None => self.object(table, depth),
        }
    }

    /// The highest index of a table with nothing but indices, if it is to be
    /// written as an array.
    fn array_length(&self, value: &Value, table: &Table) -> mlua::Result<Option<i64>> {
        let (mut longest, mut items) = (0_i64, 0_i64);
        for pair in table.pairs::<Value, Value>() {
            let (Value::Integer(index @ 1..), _) = pair? else {
                return Ok(None);
            };
            longest = longest.max(index);
            items += 1;
        }
        let ratio = i64::from(self.settings.sparse_ratio);
        let sparse = ratio > 0
            && longest > items.saturating_mul(ratio)
            && longest > self.settings.sparse_safe.into();
        if sparse && !self.settings.sparse_convert {
            return refuse(self.lua, value, "excessively sparse array");
        }
        Ok((!sparse && longest > 0).then_some(longest))
    }

    fn array(&mut self, table: &Table, length: i64, depth: i32) -> mlua::Result<()> {
        self.out.push(b'[');
        for index in 1..=length {
            if index > 1 {
                self.out.push(b',');
            }
            self.value(&table.raw_get(index)?, depth)?;
        }
        self.out.push(b']');
        Ok(())
    }

    fn object(&mut self, table: &Table, depth: i32) -> mlua::Result<()> {
        self.out.push(b'{');
        for (count, pair) in table.pairs::<Value, Value>().enumerate() {
            let (key, value) = pair?;
            if count > 0 {
                self.out.push(b',');
            }
            match &key {
                Value::String(key) => self.string(&key.as_bytes()),
                Value::Integer(_) | Value::Number(_) => {
                    self.out.push(b'"');
                    self.value(&key, depth)?;
                    self.out.push(b'"');
                }
                key => {
                    return refuse(self.lua, key, "table key must be a number or string");
                }
            }
            self.out.push(b':');
            self.value(&value, depth)?;
        }
        self.out.push(b'}');
        Ok(())
    }
}
