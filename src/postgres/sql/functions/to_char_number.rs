//! to_char of numbers: a picture of the digits, and where sign, point and
//! groups go.

use super::to_char::{literal, ordinal};
use super::{Builtin, text, unexpected};
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::types::{Numeric, Type, Value};

use Type::{Float4, Float8, Int4, Int8, Numeric as Num, Text};

pub(super) const FUNCTIONS: &[Builtin] = &[
    Builtin::new("to_char", &[Int4, Text], Text, |a, _| {
        shown(&a[0], text(&a[1])?)
    }),
    Builtin::new("to_char", &[Int8, Text], Text, |a, _| {
        shown(&a[0], text(&a[1])?)
    }),
    Builtin::new("to_char", &[Num, Text], Text, |a, _| {
        shown(&a[0], text(&a[1])?)
    }),
    Builtin::new("to_char", &[Float4, Text], Text, |a, _| {
        shown(&a[0], text(&a[1])?)
    }),
    Builtin::new("to_char", &[Float8, Text], Text, |a, _| {
        shown(&a[0], text(&a[1])?)
    }),
];

/// How many digits of a double count, and of a float of half the size.
const FLOAT_DIGITS: usize = 15;
const REAL_DIGITS: usize = 6;

/// What a picture is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    Nine,
    Zero,
    Point,
    Comma,
    Currency,
    Minus,
    Plus,
    Sign,
    Ordinal(bool),
    Literal(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Anchored {
    No,
    Before,
    After,
}

/// A picture, and what it says of the whole number.
#[derive(Debug)]
struct Picture {
    items: Vec<Item>,
    /// Digits before the point and after it.
    before: usize,
    after: usize,
    /// Where digits that are 0 begin to show, and where they end.
    zeros: Option<usize>,
    zeros_end: usize,
    point: bool,
    /// Blanks are left out.
    filled: bool,
    brackets: bool,
    minus: bool,
    plus: bool,
    /// Where S puts the sign, and how many digits are before it.
    anchored: Anchored,
    anchor: usize,
}

fn wrong(message: &'static str) -> Error {
    Error::new(SqlState::SYNTAX_ERROR, message)
}

impl Picture {
    fn read(format: &str) -> Result<Picture> {
        let mut picture = Picture {
            items: Vec::new(),
            before: 0,
            after: 0,
            zeros: None,
            zeros_end: 0,
            point: false,
            filled: false,
            brackets: false,
            minus: false,
            plus: false,
            anchored: Anchored::No,
            anchor: 0,
        };
        let mut rest = format;
        while !rest.is_empty() {
            rest = match picture.keyword(rest)? {
                Some(length) => &rest[length..],
                None => {
                    let mut out = String::new();
                    let after = literal(rest, &mut out);
                    picture.items.push(Item::Literal(out));
                    after
                }
            };
        }
        Ok(picture)
    }

    /// Takes the keyword that a text begins with, and tells its length.
    fn keyword(&mut self, text: &str) -> Result<Option<usize>> {
        let head: String = text.chars().take(4).collect();
        let upper = head.to_ascii_uppercase();
        let is = |word: &str| {
            let own = head.get(..word.len());
            // All in capitals or all in small letters.
            upper.starts_with(word)
                && own.is_some_and(|own| own == word || own == word.to_ascii_lowercase())
        };
        let item = match () {
            () if is("EEEE") || is("RN") || is("V") || is("B") || is("C") || is("SP") => {
                return Err(Error::unsupported(format!("{head} in to_char of a number")));
            }
            () if is("FM") => {
                self.filled = true;
                return Ok(Some(2));
            }
            () if is("MI") => self.signed(Item::Minus)?,
            () if is("PL") => self.signed(Item::Plus)?,
            () if is("SG") => self.signed(Item::Sign)?,
            () if is("PR") => {
                if self.anchored != Anchored::No || self.plus || self.minus {
                    let message = "cannot use \"PR\" and \"S\"/\"PL\"/\"MI\"/\"SG\" together";
                    return Err(wrong(message));
                }
                self.brackets = true;
                return Ok(Some(2));
            }
            () if is("TH") => Item::Ordinal(head.starts_with('t')),
            () if is("S") => {
                self.anchor_sign()?;
                return Ok(Some(1));
            }
            () if is("9") || is("0") => self.digit(is("0"))?,
            () if is(".") || is("D") => {
                if self.point {
                    return Err(wrong("multiple decimal points"));
                }
                self.point = true;
                Item::Point
            }
            () if is(",") || is("G") => Item::Comma,
            () if is("L") => Item::Currency,
            () => return Ok(None),
        };
        let length = match item {
            Item::Minus | Item::Plus | Item::Sign | Item::Ordinal(_) => 2,
            _ => 1,
        };
        self.items.push(item);
        Ok(Some(length))
    }

    fn signed(&mut self, item: Item) -> Result<Item> {
        if self.anchored != Anchored::No {
            return Err(wrong(match item {
                Item::Minus => "cannot use \"S\" and \"MI\" together",
                Item::Plus => "cannot use \"S\" and \"PL\" together",
                _ => "cannot use \"S\" and \"SG\" together",
            }));
        }
        self.minus |= item != Item::Plus;
        self.plus |= item != Item::Minus;
        Ok(item)
    }

    fn anchor_sign(&mut self) -> Result<()> {
        if self.anchored != Anchored::No {
            return Err(wrong("cannot use \"S\" twice"));
        }
        if self.plus || self.minus || self.brackets {
            let message = "cannot use \"S\" and \"PL\"/\"MI\"/\"SG\"/\"PR\" together";
            return Err(wrong(message));
        }
        self.anchored = if self.point {
            Anchored::After
        } else {
            Anchored::Before
        };
        self.anchor = self.before;
        Ok(())
    }

    fn digit(&mut self, zero: bool) -> Result<Item> {
        if self.brackets {
            return Err(wrong(match zero {
                true => "\"0\" must be ahead of \"PR\"",
                false => "\"9\" must be ahead of \"PR\"",
            }));
        }
        if zero && self.zeros.is_none() && !self.point {
            self.zeros = Some(self.before);
        }
        match self.point {
            true => self.after += 1,
            false => self.before += 1,
        }
        if !zero {
            return Ok(Item::Nine);
        }
        self.zeros_end = self.before + self.after;
        Ok(Item::Zero)
    }
}

/// The digits of a number without its sign, as many after the point as the
/// picture has room for.
fn digits(value: &Value, picture: &mut Picture) -> Result<(bool, String)> {
    let shown = match value {
        Value::Float(number) if number.is_finite() => float(*number, FLOAT_DIGITS, picture),
        Value::Real(number) if number.is_finite() => float((*number).into(), REAL_DIGITS, picture),
        Value::Int(number) => rounded(Numeric::from_int(*number), picture.after)?,
        Value::Numeric(number) if number.decimals().is_some() => rounded(**number, picture.after)?,
        Value::Numeric(_) | Value::Float(_) | Value::Real(_) => {
            return Err(Error::unsupported("to_char of what is no finite number"));
        }
        _ => return Err(unexpected()),
    };
    Ok(match shown.strip_prefix('-') {
        Some(digits) => (true, digits.to_owned()),
        None => (false, shown),
    })
}

fn float(number: f64, significant: usize, picture: &mut Picture) -> String {
    let whole = format!("{:.0}", number.abs()).len();
    picture.after = picture.after.min(significant.saturating_sub(whole));
    format!("{number:.*}", picture.after)
}

fn rounded(number: Numeric, decimals: usize) -> Result<String> {
    let decimals = u8::try_from(decimals).unwrap_or(u8::MAX);
    Ok(number.round(decimals)?.to_string())
}

fn shown(value: &Value, format: &str) -> Result<Value> {
    if format.is_empty() {
        return Ok(Value::text(""));
    }
    let mut picture = Picture::read(format)?;
    let (negative, mut number) = digits(value, &mut picture)?;
    let whole = number.find('.').unwrap_or(number.len());
    let blanks = picture.before.saturating_sub(whole);
    if whole > picture.before {
        let point = picture.before;
        number = "#".repeat(point) + "." + &"#".repeat(picture.after);
    }
    let mut writer = Writer::new(picture, number, negative, blanks);
    writer.write()?;
    Ok(Value::Text(writer.out.into()))
}

/// What is written of a number so far.
struct Writer {
    picture: Picture,
    number: Vec<u8>,
    negative: bool,
    /// Places before the first digit.
    blanks: usize,
    /// The digit that comes next, and the place in the picture.
    next: usize,
    place: usize,
    /// The last digit that is not left out.
    last: Option<usize>,
    sign_written: bool,
    /// The last place wrote a digit.
    inside: bool,
    /// How many places there are for digits, less one.
    places: i64,
    /// Nothing more is to be seen: the end of the number was shown as a digit.
    ended: bool,
    out: String,
}

impl Writer {
    fn new(mut picture: Picture, number: String, negative: bool, blanks: usize) -> Writer {
        let sign_written = if picture.plus || picture.minus {
            picture.minus
        } else {
            if !negative && picture.filled {
                picture.brackets = false;
            }
            if picture.anchored == Anchored::Before && picture.before == picture.anchor {
                picture.anchored = Anchored::After;
            }
            !negative && picture.filled && picture.anchored == Anchored::No
        };
        let number = number.into_bytes();
        let last = last_relevant(&number, &picture, blanks);
        let places = i64::try_from(picture.after + picture.before).unwrap_or(0) - 1
            + i64::from(!sign_written && blanks == 0);
        Writer {
            picture,
            number,
            negative,
            blanks,
            next: 0,
            place: 0,
            last,
            sign_written,
            inside: false,
            places,
            ended: false,
            out: String::new(),
        }
    }

    fn write(&mut self) -> Result<()> {
        for item in self.picture.items.clone() {
            if self.ended {
                break;
            }
            let filled = self.picture.filled;
            match item {
                Item::Nine | Item::Zero | Item::Point => self.write_place(&item),
                Item::Comma if self.inside => self.out.push(','),
                Item::Comma if filled => {}
                Item::Comma | Item::Currency => self.out.push(' '),
                Item::Minus if self.negative => self.out.push('-'),
                Item::Plus if !self.negative => self.out.push('+'),
                Item::Minus | Item::Plus if filled => {}
                Item::Minus | Item::Plus => self.out.push(' '),
                Item::Sign => self.out.push(if self.negative { '-' } else { '+' }),
                Item::Ordinal(small) => self.write_ordinal(small)?,
                Item::Literal(text) => self.out.push_str(&text),
            }
        }
        Ok(())
    }

    fn write_ordinal(&mut self, small: bool) -> Result<()> {
        if self.negative || self.picture.point || self.number.first() == Some(&b'#') {
            return Ok(());
        }
        let number = String::from_utf8_lossy(&self.number);
        if !number.ends_with(|c: char| c.is_ascii_digit()) {
            let message = format!("\"{number}\" is not a number");
            return Err(Error::new(SqlState::INVALID_TEXT_REPRESENTATION, message));
        }
        let suffix = ordinal(&number);
        match small {
            true => self.out.push_str(&suffix.to_ascii_lowercase()),
            false => self.out.push_str(suffix),
        }
        Ok(())
    }

    fn digit(&self, at: Option<usize>) -> Option<u8> {
        at.and_then(|at| self.number.get(at).copied())
    }

    /// True before the 0 of a fraction, for which a blank stands.
    fn before_fraction(&self) -> bool {
        self.picture.zeros.is_none()
            && self.next == 0
            && self.digit(Some(0)) == Some(b'0')
            && self.picture.after != 0
    }

    /// One place of the picture: a digit, or the point.
    fn write_place(&mut self, item: &Item) {
        self.inside = false;
        let ends_at_point = self.digit(self.last) == Some(b'.');
        let begins = self.place >= self.blanks || self.picture.zeros == Some(self.place);
        if !self.sign_written && begins && (!self.before_fraction() || ends_at_point) {
            self.write_sign();
        }
        if self.place < self.blanks {
            let zeros = self.picture.zeros.is_some_and(|from| from <= self.place);
            if zeros {
                self.out.push('0');
                self.inside = true;
            } else if !self.picture.filled {
                self.out.push(' ');
            }
        } else {
            self.write_digit(item, ends_at_point);
        }
        let place = i64::try_from(self.place).unwrap_or(i64::MAX);
        let mut end = self.places + i64::from(self.blanks > 0) + i64::from(self.picture.point);
        if self.last == Some(self.next) {
            end = place;
        }
        if place + 1 == end && !self.ended {
            self.close();
        }
        self.place += 1;
    }

    fn write_sign(&mut self) {
        let picture = &self.picture;
        let sign = match (picture.anchored, self.negative) {
            (Anchored::After, _) => return,
            (Anchored::Before, true) => "-",
            (Anchored::Before, false) => "+",
            _ if picture.brackets => [" ", "<"][usize::from(self.negative)],
            (_, true) => "-",
            _ if picture.filled => "",
            _ => " ",
        };
        self.out.push_str(sign);
        self.sign_written = true;
    }

    fn write_digit(&mut self, item: &Item, ends_at_point: bool) {
        let Some(digit) = self.digit(Some(self.next)) else {
            // As PostgreSQL has it, its end is a character that ends the text.
            self.ended = self.last.is_none_or(|last| self.next <= last) || *item == Item::Zero;
            return;
        };
        let left_out = self.last.is_some_and(|last| self.next > last) && *item != Item::Zero;
        if digit == b'.' {
            if !ends_at_point || self.picture.filled {
                self.out.push('.');
            }
        } else if left_out {
            // Zeros at the end of a fraction.
        } else if self.before_fraction() {
            if !self.picture.filled {
                self.out.push(' ');
            } else if ends_at_point {
                self.out.push('0');
            }
        } else {
            self.out.push(char::from(digit));
            self.inside = true;
        }
        self.next += 1;
    }

    /// What ends a number: a bracket, or the sign.
    fn close(&mut self) {
        if self.sign_written && self.picture.brackets {
            self.out.push(if self.negative { '>' } else { ' ' });
        } else if self.picture.anchored == Anchored::After {
            self.out.push(if self.negative { '-' } else { '+' });
        }
    }
}

/// The last digit of a fraction that is not 0, or that a 0 of the picture
/// wants; only where blanks are left out.
fn last_relevant(number: &[u8], picture: &Picture, blanks: usize) -> Option<usize> {
    if !picture.filled || !picture.point {
        return None;
    }
    let point = number.iter().position(|byte| *byte == b'.')?;
    let significant = number.iter().rposition(|byte| *byte != b'0');
    let last = significant.map_or(point, |last| last.max(point));
    if picture.zeros_end <= blanks {
        return Some(last);
    }
    let wanted = (picture.zeros_end - blanks).min(number.len().saturating_sub(1));
    Some(last.max(wanted))
}
