//! JSON to Lua values. Numbers are read as C's `strtod` reads them, which
//! takes more than JSON has.

use mlua::{Lua, Table, Value};

use super::Settings;
use crate::redis::number::parse_double_prefix;
use crate::redis::scripts::host::raise_text;

pub(super) fn decode(lua: &Lua, text: &[u8], settings: Settings) -> mlua::Result<Value> {
    if matches!(text, [0, _, ..] | [_, 0, ..]) {
        return raise_text(lua, "JSON parser does not support UTF-16 or UTF-32");
    }
    let mut decoder = Decoder {
        lua,
        settings,
        text,
        at: 0,
        depth: 0,
    };
    let first = decoder.next();
    let value = decoder.value(first)?;
    let last = decoder.next();
    match last.kind {
        Kind::End => Ok(value),
        _ => decoder.unexpected("the end", &last),
    }
}

struct Token {
    kind: Kind,
    start: usize,
}

enum Kind {
    Punctuation(u8),
    String(Vec<u8>),
    Number(f64),
    Boolean(bool),
    Null,
    End,
    Error(&'static str),
}

impl Kind {
    /// As error messages call it.
    fn name(&self) -> &'static str {
        match self {
            Kind::Punctuation(b'{') => "T_OBJ_BEGIN",
            Kind::Punctuation(b'}') => "T_OBJ_END",
            Kind::Punctuation(b'[') => "T_ARR_BEGIN",
            Kind::Punctuation(b']') => "T_ARR_END",
            Kind::Punctuation(b':') => "T_COLON",
            Kind::Punctuation(_) => "T_COMMA",
            Kind::String(_) => "T_STRING",
            Kind::Number(_) => "T_NUMBER",
            Kind::Boolean(_) => "T_BOOLEAN",
            Kind::Null => "T_NULL",
            Kind::End => "T_END",
            Kind::Error(what) => what,
        }
    }
}

struct Decoder<'a> {
    lua: &'a Lua,
    settings: Settings,
    text: &'a [u8],
    at: usize,
    depth: i32,
}

impl Decoder<'_> {
    /// The byte so far ahead; zero, which ends the text, behind it.
    fn peek(&self, ahead: usize) -> u8 {
        self.text.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn unexpected<T>(&self, expected: &str, token: &Token) -> mlua::Result<T> {
        let (found, at) = (token.kind.name(), token.start + 1);
        raise_text(
            self.lua,
            &format!("Expected {expected} but found {found} at character {at}"),
        )
    }

    fn next(&mut self) -> Token {
        while matches!(self.peek(0), b' ' | b'\t' | b'\n' | b'\r') {
            self.at += 1;
        }
        let start = self.at;
        let kind = self.token();
        // An error is where the scanner stopped, anything else where it began.
        let start = match kind {
            Kind::Error(_) => self.at,
            _ => start,
        };
        Token { kind, start }
    }

    fn token(&mut self) -> Kind {
        let words = [
            (&b"true"[..], Kind::Boolean(true)),
            (b"false", Kind::Boolean(false)),
            (b"null", Kind::Null),
        ];
        match self.peek(0) {
            0 => Kind::End,
            punctuation @ (b'{' | b'}' | b'[' | b']' | b':' | b',') => {
                self.at += 1;
                Kind::Punctuation(punctuation)
            }
            b'"' => self.string(),
            b'-' | b'0'..=b'9' => {
                if !self.settings.decode_invalid_numbers && self.is_invalid_number() {
                    return Kind::Error("invalid number");
                }
                self.number()
            }
            b'f' | b'i' | b'I' | b'n' | b'N' | b't' | b'+' => {
                for (word, kind) in words {
                    if self.text[self.at..].starts_with(word) {
                        self.at += word.len();
                        return kind;
                    }
                }
                if self.settings.decode_invalid_numbers && self.is_invalid_number() {
                    return self.number();
                }
                Kind::Error("invalid token")
            }
            _ => Kind::Error("invalid token"),
        }
    }

    /// A number for `strtod` and none for JSON.
    fn is_invalid_number(&self) -> bool {
        let sign = usize::from(self.peek(0) == b'-');
        let ahead = |from: usize, count: usize| -> Vec<u8> {
            let bytes = (from..from + count).map(|ahead| self.peek(ahead));
            bytes.map(|byte| byte.to_ascii_lowercase()).collect()
        };
        match self.peek(sign) {
            b'+' if sign == 0 => true,
            b'0' => matches!(self.peek(sign + 1), b'x' | b'X' | b'0'..=b'9'),
            ..=b'9' => false,
            _ => matches!(&ahead(sign, 3)[..], b"inf" | b"nan"),
        }
    }

    fn number(&mut self) -> Kind {
        match parse_double_prefix(&self.text[self.at..]) {
            Some((value, length)) => {
                self.at += length;
                Kind::Number(value)
            }
            None => Kind::Error("invalid number"),
        }
    }

    fn string(&mut self) -> Kind {
        self.at += 1;
        let mut string = Vec::new();
        loop {
            match self.peek(0) {
                b'"' => {
                    self.at += 1;
                    return Kind::String(string);
                }
                0 => return Kind::Error("unexpected end of string"),
                b'\\' => {
                    let escaped = match self.peek(1) {
                        byte @ (b'"' | b'\\' | b'/') => byte,
                        b'b' => 8,
                        b't' => b'\t',
                        b'n' => b'\n',
                        b'f' => 12,
                        b'r' => b'\r',
                        b'u' => match self.unicode_escape() {
                            Some((character, length)) => {
                                let mut utf8 = [0; 4];
                                string.extend(character.encode_utf8(&mut utf8).bytes());
                                self.at += length;
                                continue;
                            }
                            None => return Kind::Error("invalid unicode escape code"),
                        },
                        _ => return Kind::Error("invalid escape code"),
                    };
                    string.push(escaped);
                    self.at += 2;
                }
                byte => {
                    string.push(byte);
                    self.at += 1;
                }
            }
        }
    }
}

impl Decoder<'_> {
    /// The character of `\\u0041`, or of two such that make a pair, and the
    /// length of its text.
    fn unicode_escape(&self) -> Option<(char, usize)> {
        const LENGTH: usize = 6;
        let first = self.code_unit(0)?;
        if !(0xD800..=0xDFFF).contains(&first) {
            return Some((char::from_u32(first.into())?, LENGTH));
        }
        let second = self.code_unit(LENGTH)?;
        let pair = char::decode_utf16([first, second]).next()?.ok()?;
        Some((pair, 2 * LENGTH))
    }

    fn code_unit(&self, ahead: usize) -> Option<u16> {
        if (self.peek(ahead), self.peek(ahead + 1)) != (b'\\', b'u') {
            return None;
        }
        (2..6).try_fold(0, |unit: u16, digit| {
            let digit = char::from(self.peek(ahead + digit)).to_digit(16)?;
            Some((unit << 4) | u16::try_from(digit).ok()?)
        })
    }

    fn value(&mut self, token: Token) -> mlua::Result<Value> {
        match token.kind {
            Kind::String(text) => Ok(Value::String(self.lua.create_string(text)?)),
            Kind::Number(number) => Ok(Value::Number(number)),
            Kind::Boolean(value) => Ok(Value::Boolean(value)),
            Kind::Null => Ok(Value::NULL),
            Kind::Punctuation(b'{') => self.object().map(Value::Table),
            Kind::Punctuation(b'[') => self.array().map(Value::Table),
            _ => self.unexpected("value", &token),
        }
    }

    fn descend(&mut self) -> mlua::Result<()> {
        self.depth += 1;
        if self.depth <= self.settings.decode_depth_max {
            return Ok(());
        }
        let (depth, at) = (self.depth, self.at);
        raise_text(
            self.lua,
            &format!("Found too many nested data structures ({depth}) at character {at}"),
        )
    }

    fn object(&mut self) -> mlua::Result<Table> {
        self.descend()?;
        let object = self.lua.create_table()?;
        let mut token = self.next();
        while !matches!(token.kind, Kind::Punctuation(b'}')) {
            let Kind::String(key) = token.kind else {
                return self.unexpected("object key string", &token);
            };
            let colon = self.next();
            if !matches!(colon.kind, Kind::Punctuation(b':')) {
                return self.unexpected("colon", &colon);
            }
            let first = self.next();
            let value = self.value(first)?;
            object.raw_set(self.lua.create_string(key)?, value)?;
            token = match self.separator(b'}', "comma or object end")? {
                true => self.next(),
                false => break,
            };
            if matches!(token.kind, Kind::Punctuation(b'}')) {
                return self.unexpected("object key string", &token);
            }
        }
        self.depth -= 1;
        Ok(object)
    }

    fn array(&mut self) -> mlua::Result<Table> {
        self.descend()?;
        let array = self.lua.create_table()?;
        let mut token = self.next();
        if !matches!(token.kind, Kind::Punctuation(b']')) {
            for index in 1_i64.. {
                array.raw_set(index, self.value(token)?)?;
                if !self.separator(b']', "comma or array end")? {
                    break;
                }
                token = self.next();
            }
        }
        self.depth -= 1;
        Ok(array)
    }

    /// True at a comma, false at the end of the list.
    fn separator(&mut self, end: u8, expected: &str) -> mlua::Result<bool> {
        let token = self.next();
        match token.kind {
            Kind::Punctuation(b',') => Ok(true),
            Kind::Punctuation(byte) if byte == end => Ok(false),
            _ => self.unexpected(expected, &token),
        }
    }
}
