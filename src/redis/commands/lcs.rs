//! LCS: the longest common subsequence of two strings.

use bytes::Bytes;

use super::args::{answer, is};
use super::{Command, Flags, Handler::Plain, command};
use crate::redis::context::Context;
use crate::redis::number::integer_argument;
use crate::redis::reply::Reply;
use crate::redis::wire::BULK_MAX;

pub(super) const COMMANDS: &[Command] = &[command!(
    "lcs",
    "LCS",
    -3,
    Flags::READONLY,
    (1, 2, 1),
    Plain(lcs)
)];

/// What LCS is to answer with.
#[derive(Debug, Default)]
struct Options {
    only_length: bool,
    ranges: bool,
    with_lengths: bool,
    shortest: usize,
}

impl Options {
    fn parse(mut args: &[&[u8]]) -> Result<Options, Reply> {
        let mut options = Options::default();
        while let Some((word, rest)) = args.split_first() {
            args = rest;
            match rest {
                _ if is(word, "IDX") => options.ranges = true,
                _ if is(word, "LEN") => options.only_length = true,
                _ if is(word, "WITHMATCHLEN") => options.with_lengths = true,
                [shortest, rest @ ..] if is(word, "MINMATCHLEN") => {
                    let shortest = integer_argument(shortest)?;
                    options.shortest = usize::try_from(shortest).unwrap_or(0);
                    args = rest;
                }
                _ => return Err(Reply::SYNTAX),
            }
        }
        if options.only_length && options.ranges {
            return Err(Reply::error(
                "ERR If you want both the length and indexes, please just use IDX.",
            ));
        }
        Ok(options)
    }
}

fn lcs(context: &mut Context<'_>, args: &[&[u8]]) -> Reply {
    answer(compare(context, args))
}

fn compare(context: &mut Context<'_>, args: &[&[u8]]) -> Result<Reply, Reply> {
    let [left, right] = [args[1], args[2]].map(|key| context.string(key));
    let (Ok(left), Ok(right)) = (left, right) else {
        return Err(Reply::error(
            "ERR The specified keys must contain string values",
        ));
    };
    let (left, right) = (left.unwrap_or_default(), right.unwrap_or_default());
    let options = Options::parse(&args[3..])?;
    let cells = (left.len() + 1).saturating_mul(right.len() + 1);
    if cells.saturating_mul(size_of::<u32>()) > BULK_MAX {
        return Err(Reply::error(
            "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
        ));
    }
    let table = Table::of(&left, &right);
    if options.only_length {
        return Ok(Reply::count(table.length()));
    }
    let (common, matches) = table.walk();
    if !options.ranges {
        return Ok(Reply::Bulk(common));
    }
    let wanted = matches
        .iter()
        .filter(|found| found.length >= options.shortest);
    let matches = wanted
        .map(|found| found.reply(options.with_lengths))
        .collect();
    Ok(Reply::Map(vec![
        (Reply::bulk("matches"), Reply::Array(matches)),
        (Reply::bulk("len"), Reply::count(table.length())),
    ]))
}

/// The lengths for every pair of prefixes.
struct Table<'a> {
    left: &'a [u8],
    right: &'a [u8],
    lengths: Vec<u32>,
}

/// A run that both strings have.
struct Match {
    left: usize,
    right: usize,
    length: usize,
}

impl Match {
    fn reply(&self, with_length: bool) -> Reply {
        let range = |start: usize| {
            Reply::Array(vec![
                Reply::count(start),
                Reply::count(start + self.length - 1),
            ])
        };
        let mut parts = vec![range(self.left), range(self.right)];
        if with_length {
            parts.push(Reply::count(self.length));
        }
        Reply::Array(parts)
    }
}

impl<'a> Table<'a> {
    fn of(left: &'a [u8], right: &'a [u8]) -> Table<'a> {
        let mut table = Table {
            left,
            right,
            lengths: vec![0; (left.len() + 1) * (right.len() + 1)],
        };
        for i in 1..=left.len() {
            for j in 1..=right.len() {
                let length = if left[i - 1] == right[j - 1] {
                    table.at(i - 1, j - 1) + 1
                } else {
                    table.at(i - 1, j).max(table.at(i, j - 1))
                };
                let cell = i * (right.len() + 1) + j;
                table.lengths[cell] = length;
            }
        }
        table
    }

    fn at(&self, i: usize, j: usize) -> u32 {
        self.lengths[i * (self.right.len() + 1) + j]
    }

    fn length(&self) -> usize {
        usize::try_from(self.at(self.left.len(), self.right.len())).unwrap_or(0)
    }

    /// The subsequence, and the runs that it consists of, last first.
    fn walk(&self) -> (Bytes, Vec<Match>) {
        let (mut i, mut j) = (self.left.len(), self.right.len());
        let mut common = Vec::new();
        let mut matches: Vec<Match> = Vec::new();
        while i > 0 && j > 0 {
            if self.left[i - 1] == self.right[j - 1] {
                common.push(self.left[i - 1]);
                match matches.last_mut() {
                    Some(run) if run.left == i && run.right == j => {
                        (run.left, run.right, run.length) = (i - 1, j - 1, run.length + 1);
                    }
                    _ => matches.push(Match {
                        left: i - 1,
                        right: j - 1,
                        length: 1,
                    }),
                }
                (i, j) = (i - 1, j - 1);
            } else if self.at(i - 1, j) > self.at(i, j - 1) {
                i -= 1;
            } else {
                j -= 1;
            }
        }
        common.reverse();
        (common.into(), matches)
    }
}
