//! `struct`: numbers and strings to bytes and back, by a format, as in
//! Roberto Ierusalimschy's library of that name.

use mlua::{Lua, MultiValue, Table, Value};

use super::super::convert::truncate;
use super::super::host::raise_text;
use super::{Arguments, function};

/// The widest integer.
const INTEGER_MAX: usize = 32;
/// What `!` alone aligns to.
const NATURAL_ALIGNMENT: usize = 8;

pub(super) fn open(lua: &Lua) -> mlua::Result<Table> {
    let library = lua.create_table()?;
    let pack = |lua: &Lua, mut values: MultiValue| {
        // The original has a nil behind the arguments, which its errors show.
        values.push_back(Value::Nil);
        pack(&Arguments::new(lua, "pack", &values))
    };
    library.raw_set("pack", function(lua, pack)?)?;
    let unpack = |lua: &Lua, values: MultiValue| unpack(&Arguments::new(lua, "unpack", &values));
    library.raw_set("unpack", function(lua, unpack)?)?;
    let size = |lua: &Lua, values: MultiValue| size(&Arguments::new(lua, "size", &values));
    library.raw_set("size", function(lua, size)?)?;
    Ok(library)
}

/// Reads a format, option by option.
struct Format<'a> {
    args: &'a Arguments<'a>,
    rest: std::collections::VecDeque<u8>,
    big_endian: bool,
    alignment: usize,
}

/// One option: its letter and its size in bytes.
#[derive(Debug, Clone, Copy)]
struct Item {
    letter: u8,
    size: usize,
}

impl<'a> Format<'a> {
    fn new(args: &'a Arguments<'a>) -> mlua::Result<Format<'a>> {
        let text = args.string(1)?;
        Ok(Format {
            args,
            rest: text.into_iter().take_while(|byte| *byte != 0).collect(),
            big_endian: false,
            alignment: 1,
        })
    }

    fn next(&mut self) -> mlua::Result<Option<Item>> {
        let Some(letter) = self.rest.pop_front() else {
            return Ok(None);
        };
        let size = match letter {
            b'B' | b'b' | b'x' => 1,
            b'H' | b'h' => 2,
            b'L' | b'l' | b'T' | b'd' => 8,
            b'f' => 4,
            b'c' => self.count(1)?,
            b'i' | b'I' => {
                let size = self.count(4)?;
                if size > INTEGER_MAX {
                    let text =
                        format!("integral size {size} is larger than limit of {INTEGER_MAX}");
                    return raise_text(self.args.lua, &text);
                }
                size
            }
            _ => 0,
        };
        Ok(Some(Item { letter, size }))
    }

    fn count(&mut self, default: usize) -> mlua::Result<usize> {
        const MAX: usize = i32::MAX as usize;
        let mut count = None;
        while let Some(digit) = self.rest.front().filter(|byte| byte.is_ascii_digit()) {
            let next = count.unwrap_or(0) * 10 + usize::from(digit - b'0');
            if next > MAX {
                return raise_text(self.args.lua, "integral size overflow");
            }
            count = Some(next);
            self.rest.pop_front();
        }
        Ok(count.unwrap_or(default))
    }

    /// Bytes to skip before an item at `position`.
    fn padding(&self, position: usize, item: Item) -> usize {
        if item.size == 0 || item.letter == b'c' {
            return 0;
        }
        let size = item.size.min(self.alignment);
        (size - (position & (size - 1))) & (size - 1)
    }

    /// An option that is no item.
    fn control(&mut self, letter: u8) -> mlua::Result<()> {
        match letter {
            b' ' => {}
            b'>' => self.big_endian = true,
            b'<' => self.big_endian = false,
            b'!' => {
                let alignment = self.count(NATURAL_ALIGNMENT)?;
                if !alignment.is_power_of_two() {
                    let text = format!("alignment {alignment} is not a power of 2");
                    return raise_text(self.args.lua, &text);
                }
                self.alignment = alignment;
            }
            letter => {
                let text = format!("invalid format option '{}'", char::from(letter));
                return self.args.error(1, &text);
            }
        }
        Ok(())
    }

    fn put(&self, out: &mut Vec<u8>, mut little_endian: Vec<u8>) {
        if self.big_endian {
            little_endian.reverse();
        }
        out.extend(little_endian);
    }

    /// Bytes of the data, lowest first.
    fn taken(&self, data: &[u8]) -> Vec<u8> {
        let mut bytes = data.to_vec();
        if self.big_endian {
            bytes.reverse();
        }
        bytes
    }
}

fn pack(args: &Arguments<'_>) -> mlua::Result<Value> {
    let mut format = Format::new(args)?;
    let mut out = Vec::new();
    let mut number = 2;
    while let Some(item) = format.next()? {
        out.resize(out.len() + format.padding(out.len(), item), 0);
        match item.letter {
            b'b' | b'B' | b'h' | b'H' | b'l' | b'L' | b'T' | b'i' | b'I' => {
                let value = integer_bits(args.number(number)?);
                let mut bytes = value.to_le_bytes().to_vec();
                bytes.resize(item.size, 0);
                format.put(&mut out, bytes);
                number += 1;
            }
            b'x' => out.push(0),
            b'f' => {
                let value = args.number(number)? as f32;
                format.put(&mut out, value.to_le_bytes().to_vec());
                number += 1;
            }
            b'd' => {
                let value = args.number(number)?;
                format.put(&mut out, value.to_le_bytes().to_vec());
                number += 1;
            }
            b'c' | b's' => {
                let text = args.string(number)?;
                number += 1;
                let size = if item.size == 0 {
                    text.len()
                } else {
                    item.size
                };
                let Some(text) = text.get(..size) else {
                    return args.error(number, "string too short");
                };
                out.extend_from_slice(text);
                if item.letter == b's' {
                    out.push(0);
                }
            }
            letter => format.control(letter)?,
        }
    }
    Ok(Value::String(args.lua.create_string(out)?))
}

fn integer_bits(value: f64) -> u64 {
    if value < 0.0 {
        truncate(value).cast_unsigned()
    } else {
        value as u64
    }
}

fn unpack(args: &Arguments<'_>) -> mlua::Result<MultiValue> {
    let mut format = Format::new(args)?;
    let data = args.string(2)?;
    let position = args.integer_or(3, 1)?;
    // Without a sign, as in Redis: before the start is far behind the end.
    let Some(mut position) = (position.cast_unsigned() as usize).checked_sub(1) else {
        return args.error(3, "offset must be 1 or greater");
    };
    let mut results: Vec<Value> = Vec::new();
    while let Some(item) = format.next()? {
        position = position.wrapping_add(format.padding(position, item));
        let mut size = item.size;
        let mut bytes = slice(args, &data, position, size)?;
        match item.letter {
            b'b' | b'h' | b'l' | b'i' => results.push(integer(&format.taken(bytes), true)),
            b'B' | b'H' | b'L' | b'T' | b'I' => results.push(integer(&format.taken(bytes), false)),
            b'x' => {}
            b'f' => {
                let bytes = format.taken(bytes).try_into().unwrap_or_default();
                results.push(Value::Number(f32::from_le_bytes(bytes).into()));
            }
            b'd' => {
                let bytes = format.taken(bytes).try_into().unwrap_or_default();
                results.push(Value::Number(f64::from_le_bytes(bytes)));
            }
            b'c' => {
                if size == 0 {
                    size = previous_size(args, &mut results)?;
                    bytes = slice(args, &data, position, size)?;
                }
                results.push(Value::String(args.lua.create_string(bytes)?));
            }
            b's' => {
                let rest = &data[position..];
                let Some(end) = rest.iter().position(|byte| *byte == 0) else {
                    return raise_text(args.lua, "unfinished string in data");
                };
                results.push(Value::String(args.lua.create_string(&rest[..end])?));
                size = end + 1;
            }
            letter => format.control(letter)?,
        }
        position += size;
    }
    let next = (position.wrapping_add(1) as u64).cast_signed();
    results.push(Value::Integer(next));
    Ok(results.into_iter().collect())
}

fn slice<'a>(
    args: &Arguments<'_>,
    data: &'a [u8],
    position: usize,
    size: usize,
) -> mlua::Result<&'a [u8]> {
    match data.get(position..).and_then(|rest| rest.get(..size)) {
        Some(bytes) => Ok(bytes),
        None => args.error(2, "data string too short"),
    }
}

/// `c0` takes its size from the number before it.
fn previous_size(args: &Arguments<'_>, results: &mut Vec<Value>) -> mlua::Result<usize> {
    let size = match results.pop() {
        Some(value) => args.lua.coerce_number(value)?,
        None => None,
    };
    match size {
        Some(size) if size >= 0.0 => Ok(size as usize),
        Some(_) => Ok(usize::MAX),
        None => raise_text(args.lua, "format 'c0' needs a previous size"),
    }
}

/// Of bytes with the lowest first. What is wider than 64 bits is cut.
fn integer(bytes: &[u8], signed: bool) -> Value {
    let mut value = bytes
        .iter()
        .rev()
        .fold(0_u64, |value, byte| (value << 8) | u64::from(*byte));
    if !signed {
        return Value::Number(value as f64);
    }
    let bits = u32::try_from(bytes.len() * 8).unwrap_or(0);
    let sign = u64::MAX.wrapping_shl(bits.wrapping_sub(1));
    if value & sign != 0 {
        value |= sign;
    }
    Value::Number(value.cast_signed() as f64)
}

fn size(args: &Arguments<'_>) -> mlua::Result<Value> {
    let mut format = Format::new(args)?;
    let mut position = 0_usize;
    while let Some(item) = format.next()? {
        position += format.padding(position, item);
        match (item.letter, item.size) {
            (b's', _) => return args.error(1, "option 's' has no fixed size"),
            (b'c', 0) => return args.error(1, "option 'c0' has no fixed size"),
            (letter, _) if !letter.is_ascii_alphanumeric() => format.control(letter)?,
            _ => {}
        }
        position += item.size;
    }
    Ok(Value::Integer(i64::try_from(position).unwrap_or(i64::MAX)))
}
