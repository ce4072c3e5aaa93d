//! Whether a script leaves KEYS and ARGV as they were given to it.
//!
//! Most scripts do no more with them than `KEYS[1]` and `#ARGV`, and what they
//! were compiled to shows it: each use of the two names is followed at once by
//! such a look, whose result takes the place of the table, and there is no name
//! by which a script can come upon them unseen. Whatever cannot be read is
//! taken for a script that may do anything.

/// What every chunk begins with that this Lua has compiled: little-endian, with
/// `int` and instructions of 4 bytes, sizes and numbers of 8.
const HEADER: &[u8] = b"\x1bLua\x51\0\x01\x04\x08\x04\x08\0";
const INT: usize = 4;
/// Upvalues, parameters, whether there may be more of those, registers.
const COUNTS: usize = 4;

mod tag {
    pub(super) const NIL: u8 = 0;
    pub(super) const BOOLEAN: u8 = 1;
    pub(super) const NUMBER: u8 = 3;
    pub(super) const STRING: u8 = 4;
}

/// Whether no use of KEYS and ARGV changes them or hands them on.
pub(super) fn leaves_words(chunk: &[u8]) -> bool {
    let body = chunk.strip_prefix(HEADER);
    body.and_then(|body| function(&mut Input(body))) == Some(true)
}

/// Reads a function and those within it.
fn function(input: &mut Input<'_>) -> Option<bool> {
    input.string()?;
    input.take(2 * INT + COUNTS)?;
    let code = input.vector()?;
    let constants = constants(input)?;
    let mut leaves = code_leaves_words(code, &constants);
    for _ in 0..input.int()? {
        leaves &= function(input)?;
    }
    // Lines, local variables with their scopes, upvalues.
    input.vector()?;
    for _ in 0..input.int()? {
        input.string()?;
        input.take(2 * INT)?;
    }
    for _ in 0..input.int()? {
        input.string()?;
    }
    Some(leaves)
}

/// The constants of a function, of which only names matter here.
fn constants<'a>(input: &mut Input<'a>) -> Option<Vec<&'a [u8]>> {
    let mut constants = Vec::new();
    for _ in 0..input.int()? {
        constants.push(match input.take(1)?[0] {
            tag::NIL => b"",
            tag::BOOLEAN => input.take(1).map(|_| &b""[..])?,
            tag::NUMBER => input.take(8).map(|_| &b""[..])?,
            tag::STRING => input.string()?,
            _ => return None,
        });
    }
    Some(constants)
}

fn code_leaves_words(code: &[[u8; INT]], constants: &[&[u8]]) -> bool {
    let at = |index: usize| {
        code.get(index)
            .map(|bytes| Instruction(u32::from_le_bytes(*bytes)))
    };
    (0..code.len()).all(|index| {
        let Some(Instruction::GET_GLOBAL) = at(index).map(Instruction::code) else {
            return true;
        };
        let (register, name) = at(index).map_or((0, 0), |i| (i.a(), i.bx()));
        match constants.get(name).copied().unwrap_or_default() {
            b"KEYS\0" | b"ARGV\0" => at(index + 1).is_some_and(|next| next.looks_into(register)),
            b"_G\0" | b"load\0" | b"loadstring\0" => false,
            _ => true,
        }
    })
}

/// An instruction of Lua 5.1.
#[derive(Clone, Copy)]
struct Instruction(u32);

impl Instruction {
    const GET_GLOBAL: u32 = 5;
    const GET_TABLE: u32 = 6;
    const LENGTH: u32 = 20;

    fn code(self) -> u32 {
        self.0 & 0x3f
    }

    fn a(self) -> u32 {
        self.0 >> 6 & 0xff
    }

    fn b(self) -> u32 {
        self.0 >> 23
    }

    fn bx(self) -> usize {
        (self.0 >> 14) as usize
    }

    /// Whether it puts an element of the table in that register, or its
    /// length, in the place of the table.
    fn looks_into(self, register: u32) -> bool {
        let looks = matches!(self.code(), Instruction::GET_TABLE | Instruction::LENGTH);
        looks && self.a() == register && self.b() == register
    }
}

/// What is left of a chunk.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn int(&mut self) -> Option<usize> {
        let bytes = self.take(INT)?.try_into().ok()?;
        usize::try_from(i32::from_le_bytes(bytes)).ok()
    }

    /// Instructions, or line numbers.
    fn vector(&mut self) -> Option<&'a [[u8; INT]]> {
        let count = self.int()?;
        Some(self.take(count.checked_mul(INT)?)?.as_chunks().0)
    }

    /// A string with the zero at its end.
    fn string(&mut self) -> Option<&'a [u8]> {
        let bytes = self.take(8)?.try_into().ok()?;
        self.take(usize::try_from(u64::from_le_bytes(bytes)).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::leaves_words;

    fn leaves(script: &str) -> bool {
        let lua = mlua::Lua::new();
        let function = lua.load(script).into_function().unwrap();
        leaves_words(&function.dump(true))
    }

    #[test]
    fn looks_leave_them() {
        for script in [
            "return 1",
            "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end",
            "local key, n = KEYS[1], #ARGV for i = 1, n do redis.call('get', ARGV[i]) end",
            "local f = function(i) return function(j) return KEYS[j] .. #KEYS end end return f()(1)",
            "return (nil or KEYS)[1]",
            "local t = KEYS t = t[1] return t",
        ] {
            assert!(leaves(script), "{script}");
        }
    }

    #[test]
    fn whatever_else_may_change_them() {
        for script in [
            "KEYS[1] = 1",
            "KEYS[1], KEYS[2] = KEYS[2], KEYS[1]",
            "local t = KEYS t[2] = 1",
            "local t = KEYS return t[1]",
            "return KEYS",
            "return unpack(ARGV)",
            "table.sort(ARGV)",
            "setmetatable(KEYS, {})",
            "return function() return function() return next(KEYS) end end",
            "return (KEYS or ARGV)[1]",
            "KEYS:x()",
            "return _G.KEYS[1]",
            "local t = _G['KE' .. 'YS'] t[2] = 1",
            "loadstring('KEYS[2] = 1')()",
            "load(function() end)",
        ] {
            assert!(!leaves(script), "{script}");
        }
        assert!(!leaves_words(b""));
        assert!(!leaves_words(b"\x1bLua\x51\0\x01\x04\x08\x04\x08\0\x01"));
    }
}
