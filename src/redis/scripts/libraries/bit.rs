//! `bit`: 32-bit arithmetic, by the rules of Lua BitOp 1.0.2.
//!
//! Numbers are taken modulo 2^32, halves rounded to even, and results are
//! signed.

use mlua::{Lua, Table, Value};

use super::{Arguments, add};

/// Two numbers to one.
type Operation = fn(u32, u32) -> u32;

pub(super) fn open(lua: &Lua) -> mlua::Result<Table> {
    let bit = lua.create_table()?;
    add(lua, &bit, "tobit", |args| Ok(signed(bits(args, 1)?)))?;
    add(lua, &bit, "bnot", |args| Ok(signed(!bits(args, 1)?)))?;
    add(lua, &bit, "bswap", |args| {
        Ok(signed(bits(args, 1)?.swap_bytes()))
    })?;
    let folds: [(&str, Operation); 3] = [
        ("band", |a, b| a & b),
        ("bor", |a, b| a | b),
        ("bxor", |a, b| a ^ b),
    ];
    for (name, fold) in folds {
        add(lua, &bit, name, move |args| {
            let mut result = bits(args, 1)?;
            for number in 2..=args.values.len() {
                result = fold(result, bits(args, number)?);
            }
            Ok(signed(result))
        })?;
    }
    let shifts: [(&str, Operation); 5] = [
        ("lshift", |bits, by| bits << by),
        ("rshift", |bits, by| bits >> by),
        ("arshift", |bits, by| {
            (bits.cast_signed() >> by).cast_unsigned()
        }),
        ("rol", u32::rotate_left),
        ("ror", u32::rotate_right),
    ];
    for (name, shift) in shifts {
        add(lua, &bit, name, move |args| {
            Ok(signed(shift(bits(args, 1)?, bits(args, 2)? & 31)))
        })?;
    }
    add(lua, &bit, "tohex", to_hex)?;
    Ok(bit)
}

/// The lowest 32 bits. Adding 2^52 + 2^51 leaves them in a double's mantissa.
fn bits(args: &Arguments<'_>, number: usize) -> mlua::Result<u32> {
    const SHIFT: f64 = 6_755_399_441_055_744.0;
    let lowest = (args.number(number)? + SHIFT).to_bits() & u64::from(u32::MAX);
    Ok(u32::try_from(lowest).unwrap_or(0))
}

fn signed(bits: u32) -> Value {
    Value::Integer(bits.cast_signed().into())
}

/// So many hexadecimal digits, in upper case if the count is negative.
fn to_hex(args: &Arguments<'_>) -> mlua::Result<Value> {
    let value = bits(args, 1)?;
    let count = match args.get(2) {
        None => 8,
        Some(_) => bits(args, 2)?.cast_signed(),
    };
    let digits = if count < 0 {
        format!("{value:08X}")
    } else {
        format!("{value:08x}")
    };
    let shown = usize::try_from(count.unsigned_abs()).map_or(8, |count| count.min(8));
    Ok(Value::String(args.lua.create_string(&digits[8 - shown..])?))
}
