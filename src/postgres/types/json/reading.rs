//! Reading JSON, and PostgreSQL's complaints about what is none.

use super::Json;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::types::Numeric;

/// Documents nested deeper than this are refused.
const DEPTH_MAX: usize = 200;
/// How many bytes of a line a complaint shows.
const EXCERPT: usize = 50;

impl Json {
    /// Reads a document.
    pub(in crate::postgres) fn parse(text: &str) -> Result<Json> {
        Reader::new(text, true).document()
    }

    /// Reads a document of type json, of which only the form counts.
    pub(in crate::postgres) fn check(text: &str) -> Result<()> {
        Reader::new(text, false).document().map(|_| ())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    Open(u8),
    Close(u8),
    Comma,
    Colon,
    String,
    Number,
    True,
    False,
    Null,
    End,
}

pub(super) struct Reader<'a> {
    text: &'a str,
    /// Strings are to be decoded, and numbers read.
    meant: bool,
    pub(super) token: Token,
    /// Where the token starts and ends, and where the one before it ended.
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) before: usize,
    /// The string that the token is.
    pub(super) string: String,
    line: usize,
    line_start: usize,
}

fn is_wordy(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str, meant: bool) -> Reader<'a> {
        Reader {
            text,
            meant,
            token: Token::Null,
            start: 0,
            end: 0,
            before: 0,
            string: String::new(),
            line: 1,
            line_start: 0,
        }
    }

    fn document(&mut self) -> Result<Json> {
        self.next()?;
        let value = self.value(0)?;
        match self.token {
            Token::End => Ok(value),
            _ => Err(self.expected("end of input")),
        }
    }

    /// Reads a value, and the token after it.
    pub(super) fn value(&mut self, depth: usize) -> Result<Json> {
        if depth > DEPTH_MAX {
            let message = format!("JSON nested deeper than {DEPTH_MAX} levels");
            return Err(Error::unsupported(message));
        }
        let value = match self.token {
            Token::Open(b'[') => return self.array(depth),
            Token::Open(_) => return self.object(depth),
            Token::String => Json::String(self.string.as_str().into()),
            Token::Number if self.meant => {
                let number = Numeric::parse(&self.text[self.start..self.end]);
                Json::Number(number.unwrap_or_else(|| Err(self.invalid_token()))?)
            }
            Token::Null | Token::Number => Json::Null,
            Token::True => Json::Bool(true),
            Token::False => Json::Bool(false),
            _ => return Err(self.expected("JSON value")),
        };
        self.next()?;
        Ok(value)
    }

    fn array(&mut self, depth: usize) -> Result<Json> {
        let mut elements = Vec::new();
        self.next()?;
        if self.token != Token::Close(b']') {
            elements.push(self.value(depth + 1)?);
            while self.token == Token::Comma {
                self.next()?;
                elements.push(self.value(depth + 1)?);
            }
        }
        self.close(b']', "\",\" or \"]\"")?;
        Ok(Json::Array(elements))
    }

    fn object(&mut self, depth: usize) -> Result<Json> {
        let mut pairs = Vec::new();
        self.next()?;
        if self.token != Token::Close(b'}') {
            self.key("string or \"}\"")?;
            loop {
                let key = self.string.as_str().into();
                self.colon()?;
                pairs.push((key, self.value(depth + 1)?));
                if self.token != Token::Comma {
                    break;
                }
                self.next()?;
                self.key("string")?;
            }
        }
        self.close(b'}', "\",\" or \"}\"")?;
        Ok(Json::object(pairs))
    }

    pub(super) fn key(&self, wanted: &str) -> Result<()> {
        match self.token {
            Token::String => Ok(()),
            _ => Err(self.expected(wanted)),
        }
    }

    pub(super) fn colon(&mut self) -> Result<()> {
        self.next()?;
        match self.token {
            Token::Colon => self.next(),
            _ => Err(self.expected("\":\"")),
        }
    }

    fn close(&mut self, bracket: u8, wanted: &str) -> Result<()> {
        match self.token {
            Token::Close(found) if found == bracket => self.next(),
            _ => Err(self.expected(wanted)),
        }
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    /// Takes the next token.
    pub(super) fn next(&mut self) -> Result<()> {
        self.before = self.end;
        let mut at = self.end;
        while let Some(byte @ (b' ' | b'\t' | b'\n' | b'\r')) = self.byte(at) {
            at += 1;
            if byte == b'\n' {
                self.line += 1;
                self.line_start = at;
            }
        }
        (self.start, self.end) = (at, at + 1);
        let Some(first) = self.byte(at) else {
            self.end = at;
            self.token = Token::End;
            return Ok(());
        };
        self.token = match first {
            b'{' | b'[' => Token::Open(first),
            b'}' | b']' => Token::Close(first),
            b',' => Token::Comma,
            b':' => Token::Colon,
            b'"' => {
                self.read_string()?;
                Token::String
            }
            b'-' | b'0'..=b'9' => {
                self.read_number()?;
                Token::Number
            }
            _ => {
                let length = self.run(at, is_wordy);
                self.end = at + length.max(1);
                match &self.text.as_bytes()[at..self.end] {
                    b"true" => Token::True,
                    b"false" => Token::False,
                    b"null" => Token::Null,
                    _ => return Err(self.invalid_token()),
                }
            }
        };
        Ok(())
    }

    /// How many such bytes there are.
    fn run(&self, at: usize, such: impl Fn(u8) -> bool) -> usize {
        let rest = self.text.as_bytes().get(at..).unwrap_or_default();
        rest.iter().take_while(|byte| such(**byte)).count()
    }

    fn read_number(&mut self) -> Result<()> {
        let digits = |byte: u8| byte.is_ascii_digit();
        let mut at = self.start + usize::from(self.byte(self.start) == Some(b'-'));
        let mut valid = true;
        match self.byte(at) {
            Some(b'0') => at += 1,
            _ => {
                let length = self.run(at, digits);
                valid &= length > 0;
                at += length;
            }
        }
        if self.byte(at) == Some(b'.') {
            let length = self.run(at + 1, digits);
            valid &= length > 0;
            at += 1 + length;
        }
        if let Some(b'e' | b'E') = self.byte(at) {
            let sign = matches!(self.byte(at + 1), Some(b'+' | b'-'));
            at += 1 + usize::from(sign);
            let length = self.run(at, digits);
            valid &= length > 0;
            at += length;
        }
        // What letters follow it are part of the token.
        let rest = self.run(at, is_wordy);
        self.end = at + rest;
        match valid && rest == 0 {
            true => Ok(()),
            false => Err(self.invalid_token()),
        }
    }

    fn read_string(&mut self) -> Result<()> {
        self.string.clear();
        let mut high = None;
        let text = self.text;
        let mut chars = text[self.start + 1..].char_indices();
        let base = self.start + 1;
        let offset = |at: usize| base + at;
        while let Some((at, c)) = chars.next() {
            self.end = offset(at);
            if c < ' ' {
                let message = format!(
                    "Character with value 0x{:02x} must be escaped.",
                    u32::from(c)
                );
                return Err(self.error(message));
            }
            let meant = match c {
                '"' => {
                    self.end += 1;
                    return match high {
                        Some(_) => Err(self.lone_low()),
                        None => Ok(()),
                    };
                }
                '\\' => {
                    let Some((at, escape)) = chars.next() else {
                        self.end = text.len();
                        return Err(self.invalid_token());
                    };
                    if escape == 'u' {
                        let unit = self.unit(&mut chars, base)?;
                        match self.paired(unit, &mut high)? {
                            Some(c) => c,
                            None => continue,
                        }
                    } else {
                        self.end = offset(at) + escape.len_utf8();
                        self.escaped(offset(at), escape)?
                    }
                }
                c => {
                    self.end += c.len_utf8();
                    c
                }
            };
            if high.is_some() && self.meant {
                return Err(self.lone_low());
            }
            self.string.push(meant);
        }
        self.end = text.len();
        Err(self.invalid_token())
    }

    /// What a letter after a backslash stands for.
    fn escaped(&mut self, at: usize, escape: char) -> Result<char> {
        Ok(match escape {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'b' => '\u{8}',
            'f' => '\u{c}',
            '"' | '\\' | '/' => escape,
            _ => {
                self.start = at;
                let detail = format!("Escape sequence \"\\{escape}\" is invalid.");
                return Err(self.error(detail));
            }
        })
    }

    /// The four digits of `\u`.
    fn unit(&mut self, chars: &mut std::str::CharIndices<'_>, base: usize) -> Result<u32> {
        let mut unit = 0;
        for _ in 0..4 {
            let Some((at, c)) = chars.next() else {
                self.end = self.text.len();
                return Err(self.invalid_token());
            };
            self.end = base + at + c.len_utf8();
            let Some(digit) = c.to_digit(16) else {
                let detail = "\"\\u\" must be followed by four hexadecimal digits.";
                return Err(self.error(detail.to_owned()));
            };
            unit = unit << 4 | digit;
        }
        Ok(unit)
    }

    /// The character of a code unit, or of two; None after the first of two.
    fn paired(&self, unit: u32, high: &mut Option<u32>) -> Result<Option<char>> {
        if !self.meant {
            return Ok(None);
        }
        match (unit, *high) {
            (0xd800..0xdc00, Some(_)) => {
                let detail = "Unicode high surrogate must not follow a high surrogate.";
                Err(self.error(detail.to_owned()))
            }
            (0xd800..0xdc00, None) => {
                *high = Some(unit);
                Ok(None)
            }
            (0xdc00..0xe000, Some(first)) => {
                *high = None;
                let point = 0x1_0000 + ((first - 0xd800) << 10) + (unit - 0xdc00);
                Ok(char::from_u32(point))
            }
            (0xdc00..0xe000, None) | (_, Some(_)) => Err(self.lone_low()),
            (0, None) => {
                let message = "unsupported Unicode escape sequence";
                let detail = "\\u0000 cannot be converted to text.";
                let error = Error::new(SqlState("22P05"), message).detail(detail);
                Err(error.context(self.place()))
            }
            (unit, None) => Ok(char::from_u32(unit)),
        }
    }

    fn lone_low(&self) -> Error {
        self.error("Unicode low surrogate must follow a high surrogate.".to_owned())
    }

    fn invalid_token(&self) -> Error {
        let token = &self.text[self.start..self.end];
        self.error(format!("Token \"{token}\" is invalid."))
    }

    pub(super) fn expected(&self, wanted: &str) -> Error {
        if self.token == Token::End {
            return self.error("The input string ended unexpectedly.".to_owned());
        }
        let found = &self.text[self.start..self.end];
        self.error(format!("Expected {wanted}, but found \"{found}\"."))
    }

    fn error(&self, detail: String) -> Error {
        Error::new(
            SqlState::INVALID_TEXT_REPRESENTATION,
            "invalid input syntax for type json",
        )
        .detail(detail)
        .context(self.place())
    }

    /// The line so far.
    fn place(&self) -> String {
        let mut from = self.line_start;
        while self.end - from >= EXCERPT || !self.text.is_char_boundary(from) {
            from += 1;
        }
        if from - self.line_start <= 3 {
            from = self.line_start;
        }
        let before = if from > self.line_start { "..." } else { "" };
        let goes_on =
            self.token != Token::End && !matches!(self.byte(self.end), None | Some(b'\n' | b'\r'));
        let after = if goes_on { "..." } else { "" };
        let shown = &self.text[from..self.end];
        format!("JSON data, line {}: {before}{shown}{after}", self.line)
    }
}
