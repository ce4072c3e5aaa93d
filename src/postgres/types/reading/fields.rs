//! A date or time as a row of fields, by the characters that they begin with.

use super::Unreadable;
use super::words::Word;

/// What a field looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Digits, perhaps with a decimal point.
    Number,
    /// Digits or letters with `-`, `/` or `.` between them.
    Date,
    /// Digits with colons.
    Time,
    Word,
    /// A sign and digits.
    Signed,
    /// A sign and letters.
    SignedWord,
}

/// A part of the text, in lower case.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) kind: Kind,
    pub(super) text: String,
}

/// How many fields there may be.
const MOST: usize = 25;

/// Splits a text into its fields.
pub(super) fn split(text: &str) -> Result<Vec<Field>, Unreadable> {
    let mut fields = Vec::new();
    let mut scanner = Scanner {
        rest: text.as_bytes(),
        taken: String::new(),
    };
    while let Some(first) = scanner.peek() {
        if fields.len() == MOST {
            return Err(Unreadable::Syntax);
        }
        let kind = match first {
            b'0'..=b'9' => scanner.digits_first(),
            b'.' => {
                scanner.take();
                scanner.take_while(digit);
                Kind::Number
            }
            b'+' | b'-' => scanner.sign_first()?,
            _ if first.is_ascii_alphabetic() => scanner.letters_first(),
            // Other signs stand between fields, and no more.
            _ if first.is_ascii_punctuation() || space(first) => {
                scanner.rest = &scanner.rest[1..];
                continue;
            }
            _ => return Err(Unreadable::Syntax),
        };
        let text = std::mem::take(&mut scanner.taken);
        fields.push(Field { kind, text });
    }
    Ok(fields)
}

/// What is left of the text, and the field that is being taken from it.
struct Scanner<'a> {
    rest: &'a [u8],
    taken: String,
}

fn digit(byte: u8) -> bool {
    byte.is_ascii_digit()
}

fn letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic()
}

fn space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn sees(&self, wanted: impl Fn(u8) -> bool) -> bool {
        self.peek().is_some_and(wanted)
    }

    fn take(&mut self) {
        if let Some((first, rest)) = self.rest.split_first() {
            self.taken.push(first.to_ascii_lowercase().into());
            self.rest = rest;
        }
    }

    fn take_while(&mut self, wanted: impl Fn(u8) -> bool) {
        while self.sees(&wanted) {
            self.take();
        }
    }

    fn digits_first(&mut self) -> Kind {
        self.take_while(digit);
        match self.peek() {
            Some(b':') => {
                self.take_while(|byte| digit(byte) || byte == b':' || byte == b'.');
                Kind::Time
            }
            Some(mark @ (b'-' | b'/' | b'.')) => {
                self.take();
                if !self.sees(digit) {
                    self.take_while(|byte| byte.is_ascii_alphanumeric() || byte == mark);
                    return Kind::Date;
                }
                self.take_while(digit);
                if self.peek() == Some(mark) {
                    self.take_while(|byte| digit(byte) || byte == mark);
                    return Kind::Date;
                }
                match mark {
                    b'.' => Kind::Number,
                    _ => Kind::Date,
                }
            }
            _ => Kind::Number,
        }
    }

    fn letters_first(&mut self) -> Kind {
        self.take_while(letter);
        // A zone may go on with digits or a sign, where a word does not.
        let goes_on = match self.peek() {
            Some(b'-' | b'/' | b'.') => true,
            Some(b'+' | b'0'..=b'9') => Word::of(&self.taken).is_none(),
            _ => false,
        };
        if !goes_on {
            return Kind::Word;
        }
        self.take_while(|byte| byte.is_ascii_alphanumeric() || b"+-/_.:".contains(&byte));
        Kind::Date
    }

    fn sign_first(&mut self) -> Result<Kind, Unreadable> {
        self.take();
        while self.sees(space) {
            self.rest = &self.rest[1..];
        }
        match self.peek() {
            Some(b'0'..=b'9') => {
                self.take_while(|byte| digit(byte) || b":.-".contains(&byte));
                Ok(Kind::Signed)
            }
            Some(first) if letter(first) => {
                self.take_while(letter);
                Ok(Kind::SignedWord)
            }
            _ => Err(Unreadable::Syntax),
        }
    }
}
