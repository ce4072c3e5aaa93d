//! Running effects that come from a disk or a primary.
//!
//! They are taken as they are: nothing expires while they run, nothing is
//! refused, and what stands between MULTI and EXEC takes effect as one.

use bytes::{Buf, Bytes, BytesMut};

use super::Mounted;
use crate::redis::client::Client;
use crate::redis::engine::Engine;
use crate::redis::propagation::Unit;
use crate::redis::reply::Reply;
use crate::redis::wire::{Limits, Parser, Request};

/// One command with its arguments.
pub(in crate::redis) type Args = Vec<Bytes>;

/// Reads a stream of effects and runs them.
#[derive(Debug, Default)]
pub(in crate::redis) struct Applier {
    parser: Parser,
    client: Box<Client>,
    /// What came since MULTI.
    transaction: Option<Vec<Args>>,
}

impl Applier {
    /// Takes the next command off the input, if it is there as a whole, with
    /// the bytes that it took.
    pub(in crate::redis) fn next(
        &mut self,
        input: &mut BytesMut,
    ) -> Result<Option<(Args, usize)>, Reply> {
        loop {
            let taken = match self.parser.next(input, Limits::NONE)? {
                Request::Partial => return Ok(None),
                Request::Empty(taken) => taken,
                Request::Command(taken) => {
                    let args = self.parser.arguments(input);
                    let args = args.into_iter().map(Bytes::copy_from_slice).collect();
                    input.advance(taken);
                    return Ok(Some((args, taken)));
                }
            };
            input.advance(taken);
        }
    }

    /// Runs a command, or keeps it until its transaction is whole.
    pub(in crate::redis) fn apply(&mut self, engine: &mut Engine, args: Args) {
        let is = |name: &[u8]| args.len() == 1 && args[0].eq_ignore_ascii_case(name);
        if is(b"MULTI") {
            self.transaction = Some(Vec::new());
        } else if is(b"EXEC") {
            for args in self.transaction.take().unwrap_or_default() {
                engine.apply(&mut self.client, &args);
            }
            engine.keyspace.propagation.flush(Unit::Whole);
        } else if let Some(transaction) = &mut self.transaction {
            transaction.push(args);
        } else {
            engine.apply(&mut self.client, &args);
            engine.keyspace.propagation.flush(Unit::Whole);
        }
    }

    /// The database that the next command works on.
    pub(in crate::redis) fn database(&self) -> usize {
        self.client.database
    }

    /// Begins in another database than the first.
    pub(in crate::redis) fn select(&mut self, database: usize) {
        self.client.database = database;
    }

    /// Whether a transaction is under way.
    pub(in crate::redis) fn is_between(&self) -> bool {
        self.transaction.is_some()
    }

    /// Runs all that is whole, and says how many bytes that was.
    pub(in crate::redis) fn run_all(&mut self, engine: &mut Engine, bytes: &[u8]) -> usize {
        let mut input = BytesMut::from(bytes);
        let (mut read, mut whole) = (0, 0);
        while let Ok(Some((args, taken))) = self.next(&mut input) {
            self.apply(engine, args);
            read += taken;
            if !self.is_between() {
                whole = read;
            }
        }
        whole
    }
}

/// Fills an empty server with what the disk has: the append-only file if it
/// is to keep one, or else the last dump.
pub(in crate::redis) fn load(engine: &mut Engine, disk: &Mounted, from_log: bool) {
    let bytes = if from_log { disk.log() } else { disk.dump() };
    let whole = Applier::default().run_all(engine, &bytes);
    if from_log {
        disk.truncate_log(whole);
    }
}
