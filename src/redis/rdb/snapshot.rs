//! A whole server as an RDB file: what a primary sends to a replica that has
//! to start over.
//!
//! Written without a checksum, as with `rdbchecksum no`; what is read is taken
//! to be right, as it came over a connection that checks for itself.

use bytes::Bytes;

use super::decode::Input;
use super::encode;
use crate::redis::keyspace::{DATABASES, Entry, Keyspace};
use crate::redis::values::Compact;

/// What sections begin with.
mod opcode {
    pub(super) const MODULE_AUX: u8 = 247;
    pub(super) const IDLE: u8 = 248;
    pub(super) const FREQUENCY: u8 = 249;
    pub(super) const AUX: u8 = 250;
    pub(super) const RESIZE: u8 = 251;
    pub(super) const EXPIRES_MS: u8 = 252;
    pub(super) const EXPIRES_S: u8 = 253;
    pub(super) const SELECT: u8 = 254;
    pub(super) const END: u8 = 255;
}

/// What a library of functions begins with.
pub(super) const LIBRARY: u8 = 245;
const MAGIC: &[u8] = b"REDIS";
/// `MAGIC` and a version in four digits.
const HEADER_LEN: usize = 9;
/// The auxiliary field that says which database the stream is in.
const STREAM_DATABASE: &[u8] = b"repl-stream-db";

/// What a file holds.
#[derive(Debug, Default)]
pub(in crate::redis) struct Snapshot {
    /// The code of libraries of functions.
    pub(in crate::redis) libraries: Vec<Bytes>,
    /// Database, key, and what it holds.
    pub(in crate::redis) entries: Vec<(usize, Bytes, Entry)>,
    /// The database in which the stream goes on after it.
    pub(in crate::redis) stream_database: Option<usize>,
}

/// Everything that a server holds, keys past their deadline among it.
pub(in crate::redis) fn save(keyspace: &Keyspace, stream_database: Option<usize>) -> Bytes {
    let mut out = format!("REDIS{:04}", super::VERSION).into_bytes();
    let stream_database = stream_database.unwrap_or_default().to_string();
    for (name, value) in [
        (&b"redis-ver"[..], crate::redis::VERSION.as_bytes()),
        (STREAM_DATABASE, stream_database.as_bytes()),
    ] {
        out.push(opcode::AUX);
        encode::string(name, &mut out);
        encode::string(value, &mut out);
    }
    for code in &keyspace.libraries {
        out.push(LIBRARY);
        encode::string(code, &mut out);
    }
    for database in 0..DATABASES {
        let mut entries = keyspace.entries(database).peekable();
        if entries.peek().is_some() {
            let (keys, deadlines) = keyspace.size(database);
            out.push(opcode::SELECT);
            encode::count(database, &mut out);
            out.push(opcode::RESIZE);
            encode::count(keys, &mut out);
            encode::count(deadlines, &mut out);
        }
        for (key, entry) in entries {
            if let Some(when) = entry.expires_at {
                out.push(opcode::EXPIRES_MS);
                out.extend(when.to_le_bytes());
            }
            let value = encode::value(&entry.value);
            out.push(value[0]);
            encode::string(key, &mut out);
            out.extend(&value[1..]);
        }
    }
    out.push(opcode::END);
    out.extend([0; 8]);
    out.into()
}

impl Snapshot {
    /// None if it is no RDB file, or has what is not known here.
    pub(in crate::redis) fn read(bytes: &[u8], compact: &Compact) -> Option<Snapshot> {
        let (header, rest) = bytes.split_at_checked(HEADER_LEN)?;
        header.starts_with(MAGIC).then_some(())?;
        let mut input = Input(rest);
        let mut snapshot = Snapshot::default();
        let (mut database, mut expires_at) = (0, None);
        loop {
            let [code] = input.array()?;
            match code {
                opcode::END => return Some(snapshot),
                opcode::SELECT => database = input.count().filter(|d| *d < DATABASES)?,
                opcode::EXPIRES_MS => expires_at = Some(i64::from_le_bytes(input.array()?)),
                opcode::EXPIRES_S => {
                    let seconds = i32::from_le_bytes(input.array()?);
                    expires_at = Some(i64::from(seconds) * 1000);
                }
                opcode::MODULE_AUX => return None,
                opcode::AUX => snapshot.take_aux(&input.string()?, &input.string()?),
                LIBRARY => snapshot.libraries.push(input.string()?),
                opcode::RESIZE | opcode::IDLE | opcode::FREQUENCY => {
                    skip(code, &mut input)?;
                }
                kind => {
                    let key = input.string()?;
                    let value = input.value(kind, compact)?;
                    let expires_at = expires_at.take();
                    let entry = Entry::new(value, expires_at);
                    snapshot.entries.push((database, key, entry));
                }
            }
        }
    }

    fn take_aux(&mut self, name: &[u8], value: &[u8]) {
        if name == STREAM_DATABASE {
            let digits = std::str::from_utf8(value).ok();
            self.stream_database = digits.and_then(|digits| digits.parse().ok());
        }
    }
}

/// What means nothing here: sizes to expect, and how recently or
/// often keys were used.
fn skip(code: u8, input: &mut Input<'_>) -> Option<()> {
    match code {
        opcode::RESIZE => drop((input.length()?, input.length()?)),
        opcode::IDLE => drop(input.length()?),
        _ => drop(input.bytes(1)?),
    }
    Some(())
}
