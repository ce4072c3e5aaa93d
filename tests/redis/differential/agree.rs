//! Whether two replies to a command agree.
//!
//! Most must be equal to the byte. What has no order is compared as a
//! multiset, and an instant by being near; what is random, or comes in steps,
//! takes more than two replies to judge and is left to `pair`.

use super::generator::script_of;
use super::pair::Args;
use super::reply::Reply;

/// How a command is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    Exactly,
    /// As a multiset of parts, so many together.
    Unordered(usize),
    /// As anything with the same number of parts: some of what has no order.
    Some,
    /// As a number that may be off by a little.
    Instant,
    /// But for moments within, which may be off by a little.
    Moments,
    /// But for the order of what has none.
    Dump,
    /// But for the client's number.
    Hello,
    Scan,
    Pop,
    Random,
    RandomKey,
}

impl How {
    /// Two replies are enough to judge.
    pub fn is_plain(self) -> bool {
        !matches!(self, How::Scan | How::Pop | How::Random | How::RandomKey)
    }
}

/// A command's name in upper case.
pub fn name(args: &Args) -> String {
    String::from_utf8_lossy(&args[0]).to_ascii_uppercase()
}

pub fn how(args: &Args) -> How {
    let has = |word: &str| args.get(1).is_some_and(|arg| arg == word.as_bytes());
    match name(args).as_str() {
        "KEYS" | "SMEMBERS" | "SINTER" | "SUNION" | "SDIFF" => How::Unordered(1),
        "HKEYS" | "HVALS" => How::Unordered(1),
        "HGETALL" => How::Unordered(2),
        "SORT" | "SORT_RO" => how_sorted(args),
        "EVAL" | "EVAL_RO" | "EVALSHA" | "EVALSHA_RO" => how_script(args),
        "PTTL" | "TTL" | "PEXPIRETIME" | "EXPIRETIME" => How::Instant,
        "XPENDING" | "XINFO" => How::Moments,
        "PUBSUB" if has("CHANNELS") || has("SHARDCHANNELS") => How::Unordered(1),
        "CONFIG" if has("GET") => How::Unordered(2),
        "DUMP" => How::Dump,
        "HELLO" => How::Hello,
        "SCAN" | "HSCAN" | "SSCAN" | "ZSCAN" => How::Scan,
        "SPOP" => How::Pop,
        "SRANDMEMBER" | "HRANDFIELD" | "ZRANDMEMBER" => How::Random,
        "RANDOMKEY" => How::RandomKey,
        _ => How::Exactly,
    }
}

/// A set that is not sorted comes in any order, as do texts of the same
/// weight, and a part of them can be any.
fn how_sorted(args: &Args) -> How {
    let has = |word: &[u8]| args.iter().any(|arg| arg.eq_ignore_ascii_case(word));
    let unsorted = has(b"nosort") || has(b"ALPHA") && has(b"w_*");
    match (unsorted, has(b"LIMIT")) {
        (false, _) => How::Exactly,
        (true, false) => How::Unordered(1),
        (true, true) => How::Some,
    }
}

fn how_script(args: &Args) -> How {
    let given = args.get(1).map_or(&[][..], |given| given);
    let text = match script_of(given) {
        Some(text) => text.to_ascii_uppercase(),
        None => String::from_utf8_lossy(given).to_ascii_uppercase(),
    };
    if text.contains("SMEMBERS") || text.contains("HGETALL") {
        How::Unordered(1)
    } else if text.contains("TTL'") {
        How::Instant
    } else {
        How::Exactly
    }
}

/// Whether the replies agree; those to EXEC do if those to the commands that
/// were queued do.
pub fn agree(command: &Args, queued: &[Args], real: &[u8], simulated: &[u8]) -> bool {
    if real == simulated {
        return true;
    }
    let (real, simulated) = (Reply::parse(real), Reply::parse(simulated));
    if name(command) == "EXEC" && !real.is_error() && !simulated.is_error() {
        let (real, simulated) = (real.items(), simulated.items());
        return real.len() == queued.len()
            && simulated.len() == queued.len()
            && queued
                .iter()
                .zip(real.iter().zip(simulated))
                .all(|(command, (real, simulated))| alike(how(command), real, simulated));
    }
    alike(how(command), &real, &simulated)
}

fn alike(how: How, real: &Reply, simulated: &Reply) -> bool {
    if real == simulated {
        return true;
    }
    match how {
        How::Unordered(together) => {
            real.clone().sorted(together) == simulated.clone().sorted(together)
        }
        How::Some => real.items().len() == simulated.items().len() && !real.items().is_empty(),
        How::Instant => near(real, simulated),
        How::Moments => same_but_for_moments(real, simulated),
        How::Dump => same_but_for_order(real.text(), simulated.text()),
        How::Hello => same_but_for_the_id(real.items(), simulated.items()),
        _ => false,
    }
}

/// Payloads of a hash table, as a set or a hash is kept once it is large.
fn same_but_for_order(real: &[u8], simulated: &[u8]) -> bool {
    const SET: u8 = 2;
    const HASH: u8 = 4;
    let kind = real.first().filter(|kind| [SET, HASH].contains(kind));
    kind.is_some() && kind == simulated.first() && real.len() == simulated.len()
}

fn same_but_for_the_id(real: &[Reply], simulated: &[Reply]) -> bool {
    real.len() == simulated.len()
        && !real.is_empty()
        && real
            .chunks(2)
            .zip(simulated.chunks(2))
            .all(|(real, simulated)| real == simulated || real[0].text() == b"id")
}

/// What follows `idle`, the third part of a pending entry, and what is so
/// large that it is a Unix time in milliseconds.
fn same_but_for_moments(real: &Reply, simulated: &Reply) -> bool {
    let is_moment = |parts: &[Reply], at: usize| {
        at > 0 && parts[at - 1].text() == b"idle" || parts.len() == 4 && at == 2
    };
    match (real, simulated) {
        (Reply::Many(kind, real), Reply::Many(other, simulated)) => {
            kind == other
                && real.len() == simulated.len()
                && real.iter().zip(simulated).enumerate().all(|(at, (a, b))| {
                    same_but_for_moments(a, b)
                        || is_moment(real, at) && off_by(a, b).is_some_and(|off| off < 10_000)
                })
        }
        (real, simulated) => {
            let is_time = number(real).is_some_and(|number| number > 1_000_000_000_000);
            real == simulated || is_time && near(real, simulated)
        }
    }
}

fn number(reply: &Reply) -> Option<i64> {
    let digits = reply.text().strip_prefix(b":")?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn off_by(real: &Reply, simulated: &Reply) -> Option<u64> {
    Some(number(real)?.abs_diff(number(simulated)?))
}

/// Numbers of milliseconds or seconds that differ by less than one waits.
fn near(real: &Reply, simulated: &Reply) -> bool {
    let positive = |reply: &Reply| number(reply).is_some_and(|number| number > 0);
    positive(real) && positive(simulated) && off_by(real, simulated).is_some_and(|off| off < 10_000)
}
