//! COPY's binary format: a signature, then rows of fields with their lengths,
//! each in the binary form of its type, then a row of -1 fields.

use super::format::bad_format;
use crate::postgres::error::{Error, Result, SqlState};
use crate::postgres::types::{Type, Value, from_binary, to_binary};

const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// Flags of the header that nothing may be read without knowing.
const CRITICAL_FLAGS: u32 = 0xffff_0000;
const WITH_OIDS: u32 = 1 << 16;

pub(super) fn write_header(out: &mut Vec<u8>) {
    out.extend_from_slice(SIGNATURE);
    // No flags, and no more of a header.
    out.extend_from_slice(&[0; 8]);
}

pub(super) fn write_row(types: impl Iterator<Item = Type>, row: &[Value], out: &mut Vec<u8>) {
    let count = i16::try_from(row.len()).unwrap_or(i16::MAX);
    out.extend_from_slice(&count.to_be_bytes());
    for (ty, value) in types.zip(row) {
        if value.is_null() {
            out.extend_from_slice(&(-1_i32).to_be_bytes());
            continue;
        }
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        to_binary(ty, value, out);
        let length = i32::try_from(out.len() - start - 4).unwrap_or(i32::MAX);
        out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    }
}

pub(super) fn write_end(out: &mut Vec<u8>) {
    out.extend_from_slice(&(-1_i16).to_be_bytes());
}

/// What is read next, from the front of the bytes that are there.
pub(super) struct Input<'a> {
    pub(super) rest: &'a [u8],
}

/// There are not enough bytes.
pub(super) struct Short;

type Taken<T> = std::result::Result<T, Short>;

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Taken<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Short)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Taken<[u8; N]> {
        self.take(N)?.try_into().map_err(|_| Short)
    }

    fn length(&mut self) -> Taken<i32> {
        Ok(i32::from_be_bytes(self.array()?))
    }

    /// The header. What is missing of it is told once there will be no more.
    pub(super) fn header(&mut self, last: bool) -> Taken<Result<()>> {
        let told = |error: &str| match last {
            true => Ok(Err(bad_format(error))),
            false => Err(Short),
        };
        match self.take(SIGNATURE.len()) {
            Ok(SIGNATURE) => {}
            Err(Short) if !last => return Err(Short),
            _ => return Ok(Err(bad_format("COPY file signature not recognized"))),
        }
        let Ok(flags) = self.array() else {
            return told("invalid COPY file header (missing flags)");
        };
        let flags = u32::from_be_bytes(flags);
        if flags & WITH_OIDS != 0 {
            return Ok(Err(bad_format("invalid COPY file header (WITH OIDS)")));
        }
        if flags & CRITICAL_FLAGS != 0 {
            return Ok(Err(bad_format(
                "unrecognized critical flags in COPY file header",
            )));
        }
        let Ok(length) = self.length() else {
            return told("invalid COPY file header (missing length)");
        };
        let Ok(length) = usize::try_from(length) else {
            return Ok(Err(bad_format("invalid COPY file header (missing length)")));
        };
        match self.take(length) {
            Ok(_) => Ok(Ok(())),
            Err(Short) => told("invalid COPY file header (wrong length)"),
        }
    }

    /// How many fields the next row has; None after the last row.
    pub(super) fn fields(&mut self) -> Taken<Option<i16>> {
        let count = i16::from_be_bytes(self.array()?);
        Ok((count != -1).then_some(count))
    }

    /// The next field.
    pub(super) fn field(&mut self, ty: Type) -> Taken<Result<Value>> {
        let length = self.length()?;
        if length == -1 {
            return Ok(Ok(Value::Null));
        }
        let Ok(length) = usize::try_from(length) else {
            return Ok(Err(bad_format("invalid field size")));
        };
        let bytes = self.take(length)?;
        Ok(from_binary(ty, bytes, 0).map_err(of_no_parameter))
    }
}

/// Types complain of parameters.
fn of_no_parameter(error: Error) -> Error {
    match error.code() {
        code @ SqlState::INVALID_BINARY_REPRESENTATION => {
            Error::new(code, "incorrect binary data format")
        }
        _ => error,
    }
}
