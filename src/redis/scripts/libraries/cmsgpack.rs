//! `cmsgpack`: MessagePack, with the choices of lua-cmsgpack 0.4.0: whole
//! numbers are integers, a table is an array if its keys are 1 to n, what has
//! no counterpart is nil.

use mlua::{Lua, MultiValue, Table, Value};

use super::super::convert::truncate;
use super::super::host::{raise_bare, raise_text};
use super::{Arguments, function};

/// A table so deep is packed as nil.
const PACKED_DEPTH_MAX: usize = 16;
/// So deep, Lua's stack is full.
const UNPACKED_DEPTH_MAX: usize = 1000;
/// More values than Lua's stack takes.
const RESULTS_MAX: usize = 7990;

pub(super) fn open(lua: &Lua) -> mlua::Result<Table> {
    let library = lua.create_table()?;
    for (name, text) in [
        ("_NAME", "cmsgpack"),
        ("_VERSION", "lua-cmsgpack 0.4.0"),
        ("_COPYRIGHT", "Copyright (C) 2012, Salvatore Sanfilippo"),
        ("_DESCRIPTION", "MessagePack C implementation for Lua"),
    ] {
        library.raw_set(name, text)?;
    }
    let pack = |lua: &Lua, values: MultiValue| pack(&Arguments::new(lua, "pack", &values));
    library.raw_set("pack", function(lua, pack)?)?;
    let all = |lua: &Lua, values: MultiValue| unpack(&Arguments::new(lua, "unpack", &values), 0, 0);
    library.raw_set("unpack", function(lua, all)?)?;
    let one = |lua: &Lua, values: MultiValue| {
        let args = Arguments::new(lua, "unpack_one", &values);
        let offset = args.integer_or(2, 0)?;
        unpack(&args, 1, offset)
    };
    library.raw_set("unpack_one", function(lua, one)?)?;
    let limit = |lua: &Lua, values: MultiValue| {
        let args = Arguments::new(lua, "unpack_limit", &values);
        let limit = truncate(args.number(2)?);
        let offset = args.integer_or(3, 0)?;
        unpack(&args, limit, offset)
    };
    library.raw_set("unpack_limit", function(lua, limit)?)?;
    Ok(library)
}

fn pack(args: &Arguments<'_>) -> mlua::Result<Value> {
    if args.values.is_empty() {
        return raise_text(
            args.lua,
            "bad argument #0 to 'pack' (MessagePack pack needs input.)",
        );
    }
    let mut out = Vec::new();
    for value in args.values {
        pack_value(&mut out, value, 0)?;
    }
    Ok(Value::String(args.lua.create_string(out)?))
}

fn pack_value(out: &mut Vec<u8>, value: &Value, depth: usize) -> mlua::Result<()> {
    match value {
        Value::String(text) => pack_string(out, &text.as_bytes()),
        Value::Boolean(value) => out.push(if *value { 0xc3 } else { 0xc2 }),
        Value::Integer(value) => pack_integer(out, *value),
        Value::Number(value) if truncate(*value) as f64 == *value => {
            pack_integer(out, truncate(*value));
        }
        Value::Number(value) => pack_double(out, *value),
        Value::Table(table) if depth < PACKED_DEPTH_MAX => pack_table(out, table, depth)?,
        _ => out.push(0xc0),
    }
    Ok(())
}

/// A header of the shortest form: one byte up to `small`, else a tag and 8,
/// 16 or 32 bits; no tag for 8 bits where there is no such form.
fn pack_length(out: &mut Vec<u8>, length: usize, fixed: u8, small: usize, tags: [Option<u8>; 3]) {
    let [tag8, tag16, tag32] = tags;
    if length <= small {
        out.push(fixed | u8::try_from(length).unwrap_or(0));
    } else if let (Some(tag), Ok(length)) = (tag8, u8::try_from(length)) {
        out.extend([tag, length]);
    } else if let (Some(tag), Ok(length)) = (tag16, u16::try_from(length)) {
        out.push(tag);
        out.extend(length.to_be_bytes());
    } else if let Some(tag) = tag32 {
        out.push(tag);
        out.extend(u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    }
}

fn pack_string(out: &mut Vec<u8>, text: &[u8]) {
    pack_length(
        out,
        text.len(),
        0xa0,
        31,
        [Some(0xd9), Some(0xda), Some(0xdb)],
    );
    out.extend_from_slice(text);
}

fn pack_integer(out: &mut Vec<u8>, value: i64) {
    let bytes = value.to_be_bytes();
    let (tag, width) = match value {
        -32..=127 => return out.push(bytes[7]),
        128..=0xff => (0xcc, 1),
        0x100..=0xffff => (0xcd, 2),
        0x1_0000..=0xffff_ffff => (0xce, 4),
        0x1_0000_0000.. => (0xcf, 8),
        -0x80..=-33 => (0xd0, 1),
        -0x8000..=-0x81 => (0xd1, 2),
        -0x8000_0000..=-0x8001 => (0xd2, 4),
        _ => (0xd3, 8),
    };
    out.push(tag);
    out.extend_from_slice(&bytes[8 - width..]);
}

fn pack_double(out: &mut Vec<u8>, value: f64) {
    let single = value as f32;
    if f64::from(single) == value {
        out.push(0xca);
        out.extend(single.to_be_bytes());
    } else {
        out.push(0xcb);
        out.extend(value.to_be_bytes());
    }
}

fn pack_table(out: &mut Vec<u8>, table: &Table, depth: usize) -> mlua::Result<()> {
    let (mut count, mut largest, mut is_array) = (0, 0.0_f64, true);
    for pair in table.pairs::<Value, Value>() {
        let (key, _) = pair?;
        let index = match key {
            Value::Integer(index) => index as f64,
            Value::Number(index) => index,
            _ => 0.0,
        };
        let whole = index.trunc() == index && index <= f64::from(i32::MAX);
        is_array &= index > 0.0 && whole;
        largest = largest.max(index);
        count += 1;
    }
    if is_array && largest == count as f64 {
        let length = table.raw_len();
        pack_length(out, length, 0x90, 15, [None, Some(0xdc), Some(0xdd)]);
        for index in 1..=length {
            pack_value(out, &table.get(index)?, depth + 1)?;
        }
        return Ok(());
    }
    pack_length(out, count, 0x80, 15, [None, Some(0xde), Some(0xdf)]);
    for pair in table.pairs::<Value, Value>() {
        let (key, value) = pair?;
        pack_value(out, &key, depth + 1)?;
        pack_value(out, &value, depth + 1)?;
    }
    Ok(())
}

/// Unpacks up to `limit` values from `offset`, with the offset of the next in
/// front; everything, and no offset, if both are zero.
fn unpack(args: &Arguments<'_>, limit: i64, offset: i64) -> mlua::Result<MultiValue> {
    let data = args.string(1)?;
    let (Ok(start), Ok(limit)) = (usize::try_from(offset), usize::try_from(limit)) else {
        let text = format!(
            "Invalid request to unpack with offset of {offset} and limit of {}.",
            data.len()
        );
        return raise_text(args.lua, &text);
    };
    let length = data.len();
    let Some(rest) = data.get(start..) else {
        let text = format!("Start offset {start} greater than input length {length}.");
        return raise_text(args.lua, &text);
    };
    let all = limit == 0 && start == 0;
    let limit = if all { usize::MAX } else { limit };
    let mut reader = Reader {
        lua: args.lua,
        rest,
    };
    let mut values = Vec::new();
    while !reader.rest.is_empty() && values.len() < limit {
        if values.len() > RESULTS_MAX {
            let text = "stack overflow (too many return values at once; use unpack_one or \
                        unpack_limit instead.)";
            return raise_text(args.lua, text);
        }
        values.push(reader.value(0)?);
    }
    if !all {
        let next = match reader.rest.len() {
            0 => -1,
            left => i64::try_from(length - left).unwrap_or(i64::MAX),
        };
        values.insert(0, Value::Integer(next));
    }
    Ok(values.into_iter().collect())
}

struct Reader<'a> {
    lua: &'a Lua,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> mlua::Result<&'a [u8]> {
        match self.rest.split_at_checked(count) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => raise_text(self.lua, "Missing bytes in input."),
        }
    }

    fn bytes<const N: usize>(&mut self) -> mlua::Result<[u8; N]> {
        Ok(self.take(N)?.try_into().unwrap_or([0; N]))
    }

    /// A length of so many bytes.
    fn length<const N: usize>(&mut self) -> mlua::Result<usize> {
        let bytes = self.bytes::<N>()?;
        Ok(bytes
            .iter()
            .fold(0, |length, byte| (length << 8) | usize::from(*byte)))
    }

    fn value(&mut self, depth: usize) -> mlua::Result<Value> {
        let [tag] = self.bytes()?;
        Ok(match tag {
            0x00..=0x7f => Value::Integer(tag.into()),
            0x80..=0x8f => self.map(usize::from(tag & 0x0f), depth)?,
            0x90..=0x9f => self.array(usize::from(tag & 0x0f), depth)?,
            0xa0..=0xbf => self.string(usize::from(tag & 0x1f))?,
            0xc0 => Value::Nil,
            0xc2 => Value::Boolean(false),
            0xc3 => Value::Boolean(true),
            0xca => Value::Number(f32::from_be_bytes(self.bytes()?).into()),
            0xcb => Value::Number(f64::from_be_bytes(self.bytes()?)),
            0xcc => Value::Integer(u8::from_be_bytes(self.bytes()?).into()),
            0xcd => Value::Integer(u16::from_be_bytes(self.bytes()?).into()),
            0xce => Value::Integer(u32::from_be_bytes(self.bytes()?).into()),
            0xcf | 0xd3 => Value::Integer(i64::from_be_bytes(self.bytes()?)),
            0xd0 => Value::Integer(i8::from_be_bytes(self.bytes()?).into()),
            0xd1 => Value::Integer(i16::from_be_bytes(self.bytes()?).into()),
            0xd2 => Value::Integer(i32::from_be_bytes(self.bytes()?).into()),
            0xd9 => {
                let length = self.length::<1>()?;
                self.string(length)?
            }
            0xda => {
                let length = self.length::<2>()?;
                self.string(length)?
            }
            0xdb => {
                let length = self.length::<4>()?;
                self.string(length)?
            }
            0xdc => {
                let length = self.length::<2>()?;
                self.array(length, depth)?
            }
            0xdd => {
                let length = self.length::<4>()?;
                self.array(length, depth)?
            }
            0xde => {
                let length = self.length::<2>()?;
                self.map(length, depth)?
            }
            0xdf => {
                let length = self.length::<4>()?;
                self.map(length, depth)?
            }
            0xe0..=0xff => Value::Integer(i8::from_be_bytes([tag]).into()),
            _ => return raise_text(self.lua, "Bad data format in input."),
        })
    }

    fn string(&mut self, length: usize) -> mlua::Result<Value> {
        let text = self.take(length)?;
        Ok(Value::String(self.lua.create_string(text)?))
    }

    fn deeper(&self, depth: usize) -> mlua::Result<usize> {
        if depth < UNPACKED_DEPTH_MAX {
            return Ok(depth + 1);
        }
        raise_text(
            self.lua,
            "stack overflow (in function mp_decode_to_lua_array)",
        )
    }

    fn array(&mut self, length: usize, depth: usize) -> mlua::Result<Value> {
        let depth = self.deeper(depth)?;
        let table = self.lua.create_table()?;
        for index in 1..=length {
            table.raw_set(index, self.value(depth)?)?;
        }
        Ok(Value::Table(table))
    }

    fn map(&mut self, length: usize, depth: usize) -> mlua::Result<Value> {
        let depth = self.deeper(depth)?;
        let table = self.lua.create_table()?;
        for _ in 0..length {
            let key = self.value(depth)?;
            let value = self.value(depth)?;
            match key {
                Value::Nil => return raise_bare("table index is nil"),
                Value::Number(key) if key.is_nan() => {
                    return raise_bare("table index is NaN");
                }
                key => table.raw_set(key, value)?,
            }
        }
        Ok(Value::Table(table))
    }
}
