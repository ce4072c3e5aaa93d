//! SLOWLOG: the last commands that took longer than they may.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::client::Client;
use crate::rt;

/// Arguments, and bytes of each, that an entry shows.
const ARGS_MAX: usize = 32;
const ARG_MAX: usize = 128;

/// One slow command.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: i64,
    /// Unix seconds.
    pub(super) at: i64,
    pub(super) micros: i64,
    pub(super) args: Vec<Bytes>,
    pub(super) address: String,
    pub(super) name: Bytes,
}

/// The log, the newest first.
#[derive(Debug, Default)]
pub(super) struct SlowLog {
    entries: VecDeque<Entry>,
    next_id: i64,
}

impl SlowLog {
    /// Notes a command, and drops what is more than `most`.
    pub(super) fn note(&mut self, client: &Client, args: &[&[u8]], took: Duration, most: usize) {
        self.entries.push_front(Entry {
            id: self.next_id,
            at: i64::try_from(rt::unix_time().as_secs()).unwrap_or(i64::MAX),
            micros: i64::try_from(took.as_micros()).unwrap_or(i64::MAX),
            args: shortened(args),
            address: client.address.to_string(),
            name: client.name.clone(),
        });
        self.next_id += 1;
        self.entries.truncate(most);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }
}

fn shortened(args: &[&[u8]]) -> Vec<Bytes> {
    let shown = match args.len() > ARGS_MAX {
        true => ARGS_MAX - 1,
        false => args.len(),
    };
    let mut short: Vec<Bytes> = args[..shown].iter().map(|arg| cut(arg)).collect();
    if shown < args.len() {
        short.push(format!("... ({} more arguments)", args.len() - shown).into());
    }
    short
}

fn cut(arg: &[u8]) -> Bytes {
    match arg.len().checked_sub(ARG_MAX) {
        None | Some(0) => Bytes::copy_from_slice(arg),
        Some(more) => {
            let note = format!("... ({more} more bytes)");
            [&arg[..ARG_MAX], note.as_bytes()].concat().into()
        }
    }
}
