//! Values as RDB version 10 has them: what DUMP gives and RESTORE takes.
//!
//! A payload is the value's type, its encoding, the version and a CRC-64. What
//! is written is what Redis 7.0 writes with `rdbcompression no`, and a real
//! server restores it; what is read may be compressed. The encodings that
//! Redis had before listpacks (ziplists, zipmaps) are not read.

mod decode;
mod encode;
mod lzf;
mod snapshot;

use bytes::Bytes;
use crc::{CRC_64_REDIS, Crc};

use super::reply::Reply;
use super::values::{Compact, Value};
pub(super) use snapshot::{Snapshot, save};

/// The version that is written, and the last that is read.
const VERSION: u16 = 10;
/// What a payload ends with: the version and the checksum.
const FOOTER_LEN: usize = 10;

static CRC64: Crc<u64> = Crc::<u64>::new(&CRC_64_REDIS);

/// Types of values, as RDB numbers them.
mod kind {
    pub(super) const STRING: u8 = 0;
    pub(super) const LIST: u8 = 1;
    pub(super) const SET: u8 = 2;
    pub(super) const ZSET: u8 = 3;
    pub(super) const HASH: u8 = 4;
    pub(super) const ZSET_2: u8 = 5;
    pub(super) const SET_INTSET: u8 = 11;
    pub(super) const STREAM_LISTPACKS: u8 = 15;
    pub(super) const HASH_LISTPACK: u8 = 16;
    pub(super) const ZSET_LISTPACK: u8 = 17;
    pub(super) const LIST_QUICKLIST_2: u8 = 18;
    pub(super) const STREAM_LISTPACKS_2: u8 = 19;
}

/// Why a payload is no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Broken {
    /// Its version is newer, or its checksum wrong.
    Footer,
    /// It does not hold what it says.
    Format,
}

/// The payload of a value.
pub(super) fn dump(value: &Value) -> Vec<u8> {
    with_footer(encode::value(value))
}

/// The payload of libraries of functions.
pub(super) fn dump_libraries<'a>(codes: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut payload = Vec::new();
    for code in codes {
        payload.push(snapshot::LIBRARY);
        encode::string(code, &mut payload);
    }
    with_footer(payload)
}

fn with_footer(mut payload: Vec<u8>) -> Vec<u8> {
    payload.extend(VERSION.to_le_bytes());
    let checksum = CRC64.checksum(&payload);
    payload.extend(checksum.to_le_bytes());
    payload
}

/// The value of a payload.
pub(super) fn restore(payload: &[u8], compact: &Compact) -> Result<Value, Broken> {
    decode::value(body(payload)?, compact).ok_or(Broken::Format)
}

/// The libraries of a payload.
pub(super) fn restore_libraries(payload: &[u8]) -> Result<Vec<Bytes>, Reply> {
    let body = body(payload)
        .map_err(|_| Reply::error("ERR DUMP payload version or checksum are wrong"))?;
    let mut input = decode::Input(body);
    let mut codes = Vec::new();
    while let Some([code]) = input.array() {
        if code != snapshot::LIBRARY {
            return Err(Reply::error("ERR given type is not a function"));
        }
        let broken = Reply::error("ERR failed loading the given functions payload");
        codes.push(input.string().ok_or(broken)?);
    }
    Ok(codes)
}

/// A payload without its footer, if that is right.
fn body(payload: &[u8]) -> Result<&[u8], Broken> {
    let split = payload.len().checked_sub(FOOTER_LEN);
    let (body, footer) = payload.split_at(split.ok_or(Broken::Footer)?);
    let version = u16::from_le_bytes([footer[0], footer[1]]);
    let checksum = CRC64.checksum(&payload[..payload.len() - 8]);
    if version > VERSION || footer[2..] != checksum.to_le_bytes() {
        return Err(Broken::Footer);
    }
    Ok(body)
}
