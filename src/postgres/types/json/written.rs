//! Documents of type json, which stay as they are written: what one is made
//! of, as pieces of its text.

use super::reading::{Reader, Token};
use crate::postgres::error::Result;

/// What a document is made of.
pub(in crate::postgres) enum Parts<'a> {
    /// null, or anything but a string.
    Scalar(&'a str),
    String(String),
    Array(Vec<&'a str>),
    Object(Vec<(String, &'a str)>),
}

/// Takes a document apart; what it is made of stays whole.
pub(in crate::postgres) fn parts(text: &str) -> Result<Parts<'_>> {
    let mut reader = Reader::new(text, true);
    reader.next()?;
    let opened = reader.token;
    match opened {
        Token::Open(_) => reader.next()?,
        Token::String => return Ok(Parts::String(std::mem::take(&mut reader.string))),
        _ => return Ok(Parts::Scalar(&text[reader.start..reader.end])),
    }
    let (mut elements, mut pairs) = (Vec::new(), Vec::new());
    while !matches!(reader.token, Token::Close(_)) {
        if opened == Token::Open(b'{') {
            reader.key("string")?;
            let key = std::mem::take(&mut reader.string);
            reader.colon()?;
            pairs.push((key, whole(&mut reader, text)?));
        } else {
            elements.push(whole(&mut reader, text)?);
        }
        if reader.token == Token::Comma {
            reader.next()?;
        }
    }
    Ok(match opened {
        Token::Open(b'{') => Parts::Object(pairs),
        _ => Parts::Array(elements),
    })
}

/// The text of a value, which is passed by.
fn whole<'a>(reader: &mut Reader<'_>, text: &'a str) -> Result<&'a str> {
    let start = reader.start;
    let mut depth = 0usize;
    loop {
        match reader.token {
            Token::Open(_) => depth += 1,
            Token::Close(_) => depth = depth.saturating_sub(1),
            Token::End => return Err(reader.expected("JSON value")),
            _ => {}
        }
        reader.next()?;
        if depth == 0 {
            return Ok(&text[start..reader.before]);
        }
    }
}
