//! Messages from clients.
//!
//! pgwire's decoders panic on some truncated bodies, so messages are taken
//! apart here, checked as PostgreSQL checks them, and without copying what
//! the session only looks at.

use bytes::Buf;
use smallvec::SmallVec;

use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::utility::Formats;

/// A message after start-up.
#[derive(Debug)]
pub(super) enum Message<'a> {
    Query(&'a [u8]),
    Parse {
        name: &'a [u8],
        sql: &'a [u8],
        types: SmallVec<[u32; 4]>,
    },
    Bind {
        portal: &'a [u8],
        statement: &'a [u8],
        formats: Formats,
        params: Params<'a>,
        result_formats: Formats,
    },
    Describe(Named<'a>),
    Execute {
        portal: &'a [u8],
        max_rows: i32,
    },
    Close(Named<'a>),
    Sync,
    Flush,
    Terminate,
    CopyData(&'a [u8]),
    CopyDone,
    CopyFail(&'a [u8]),
}

/// The values of parameters; None for NULL.
pub(super) type Params<'a> = SmallVec<[Option<&'a [u8]>; 4]>;

/// What Describe and Close are about.
#[derive(Debug)]
pub(super) enum Named<'a> {
    Statement(&'a [u8]),
    Portal(&'a [u8]),
}

/// A message of a startup packet.
#[derive(Debug)]
pub(super) enum Startup {
    /// SSLRequest or GSSENCRequest.
    Encryption,
    Cancel {
        pid: i32,
        secret: i32,
    },
    Session {
        minor: u16,
        parameters: Vec<(String, String)>,
    },
}

fn violation(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(SqlState::PROTOCOL_VIOLATION, message)
}

/// Reads fields off a body.
struct Body<'a> {
    rest: &'a [u8],
    /// The planted bug: whatever is asked for is taken to be there.
    trusted: bool,
}

impl<'a> Body<'a> {
    fn need(&self, bytes: usize) -> Result<()> {
        if self.rest.len() < bytes && !self.trusted {
            return Err(violation("insufficient data left in message"));
        }
        Ok(())
    }

    fn u8(&mut self) -> Result<u8> {
        self.need(1)?;
        Ok(self.rest.get_u8())
    }

    fn i16(&mut self) -> Result<i16> {
        self.need(2)?;
        Ok(self.rest.get_i16())
    }

    fn u32(&mut self) -> Result<u32> {
        self.need(4)?;
        Ok(self.rest.get_u32())
    }

    fn i32(&mut self) -> Result<i32> {
        self.need(4)?;
        Ok(self.rest.get_i32())
    }

    /// A string that ends with a NUL.
    fn text(&mut self) -> Result<&'a [u8]> {
        let Some(end) = self.rest.iter().position(|byte| *byte == 0) else {
            return Err(violation("invalid string in message"));
        };
        let text = self.bytes(end)?;
        self.rest.advance(1);
        Ok(text)
    }

    fn bytes(&mut self, length: usize) -> Result<&'a [u8]> {
        self.need(length)?;
        let (bytes, rest) = self.rest.split_at(length);
        self.rest = rest;
        Ok(bytes)
    }

    /// A counted list.
    fn list<A: smallvec::Array>(
        &mut self,
        read: impl Fn(&mut Body<'a>) -> Result<A::Item>,
    ) -> Result<SmallVec<A>> {
        let count = self.i16()?.cast_unsigned();
        let mut list = SmallVec::new();
        for _ in 0..count {
            list.push(read(self)?);
        }
        Ok(list)
    }

    fn value(&mut self) -> Result<Option<&'a [u8]>> {
        match self.i32()? {
            -1 => Ok(None),
            length => match usize::try_from(length) {
                Ok(length) => self.bytes(length).map(Some),
                Err(_) => Err(violation("insufficient data left in message")),
            },
        }
    }

    fn named(&mut self) -> Result<Option<Named<'a>>> {
        let kind = self.u8()?;
        let name = self.text()?;
        Ok(match kind {
            b'S' => Some(Named::Statement(name)),
            b'P' => Some(Named::Portal(name)),
            _ => None,
        })
    }

    fn end(&self) -> Result<()> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(violation("invalid message format"))
        }
    }
}

impl Message<'_> {
    pub(super) fn decode(kind: u8, body: &[u8]) -> Result<Message<'_>> {
        Message::decode_trusted(kind, body, false)
    }

    /// As [`Message::decode`], but a body that is `trusted` is not checked.
    pub(super) fn decode_trusted(kind: u8, rest: &[u8], trusted: bool) -> Result<Message<'_>> {
        let mut body = Body { rest, trusted };
        let message = match kind {
            b'Q' => Message::Query(body.text()?),
            b'P' => Message::Parse {
                name: body.text()?,
                sql: body.text()?,
                types: body.list(Body::u32)?,
            },
            b'B' => Message::Bind {
                portal: body.text()?,
                statement: body.text()?,
                formats: body.list(Body::i16)?,
                params: body.list(Body::value)?,
                result_formats: body.list(Body::i16)?,
            },
            b'D' => Message::Describe(
                body.named()?
                    .ok_or_else(|| violation("invalid DESCRIBE message subtype"))?,
            ),
            b'C' => Message::Close(
                body.named()?
                    .ok_or_else(|| violation("invalid CLOSE message subtype"))?,
            ),
            b'E' => Message::Execute {
                portal: body.text()?,
                max_rows: body.i32()?,
            },
            b'S' => Message::Sync,
            b'H' => Message::Flush,
            b'X' => Message::Terminate,
            b'd' => return Ok(Message::CopyData(body.rest)),
            b'c' => Message::CopyDone,
            b'f' => Message::CopyFail(body.text()?),
            other => {
                return Err(violation(format!("invalid frontend message type {other}")).fatal());
            }
        };
        body.end()?;
        Ok(message)
    }
}

const PROTOCOL_MAJOR: u16 = 3;
const CANCEL_REQUEST: u32 = 80_877_102;
const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;

impl Startup {
    pub(super) fn decode(body: &[u8]) -> Result<Startup> {
        let mut body = Body {
            rest: body,
            trusted: false,
        };
        let code = body.u32()?;
        match code {
            SSL_REQUEST | GSS_REQUEST => return Ok(Startup::Encryption),
            CANCEL_REQUEST => {
                return Ok(Startup::Cancel {
                    pid: body.i32()?,
                    secret: body.i32()?,
                });
            }
            _ => {}
        }
        let [a, b, c, d] = code.to_be_bytes();
        let (major, minor) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        if major != PROTOCOL_MAJOR {
            return Err(Error::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                format!(
                    "unsupported frontend protocol {major}.{minor}: server supports 3.0 to 3.0"
                ),
            )
            .fatal());
        }
        let mut parameters = Vec::new();
        loop {
            let name = body.text()?;
            if name.is_empty() {
                break;
            }
            let value = body.text()?;
            parameters.push((lossy(name), lossy(value)));
        }
        if !body.rest.is_empty() {
            return Err(violation(
                "invalid startup packet layout: expected terminator as last byte",
            ));
        }
        Ok(Startup::Session { minor, parameters })
    }
}

/// Names and settings as text, whatever their bytes.
pub(super) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
