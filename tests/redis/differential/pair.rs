//! One command at a time to both servers, and whether they agree.
//!
//! Most replies must be equal to the byte. What has no order is compared as a
//! multiset, a scan by what it meets from its start to its end, a random
//! answer by what it may be, and an instant by being near.

use std::fmt;
use std::time::Duration;

use super::generator::KEYS;
use super::reply::Reply;
use crate::oracle::{Raw, RealRedis, pause};

/// A command.
pub type Args = Vec<Vec<u8>>;

/// The same connection to both servers.
pub struct Pair {
    pub real: Raw,
    pub simulated: Raw,
}

/// What the servers did not agree on.
pub struct Disagreement {
    sequence: Vec<String>,
    real: String,
    simulated: String,
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Disagreement {
            sequence,
            real,
            simulated,
        } = self;
        write!(
            f,
            "after {sequence:#?}\nreal:      {real:?}\nsimulated: {simulated:?}"
        )
    }
}

/// How a command is compared.
enum How {
    Exactly,
    /// As a multiset of parts, so many together.
    Unordered(usize),
    /// As a number that may be off by a little.
    Instant,
    Scan,
    Pop,
    Random,
    RandomKey,
}

fn how(args: &Args) -> How {
    let name = String::from_utf8_lossy(&args[0]).to_ascii_uppercase();
    match name.as_str() {
        "KEYS" | "SMEMBERS" | "SINTER" | "SUNION" | "SDIFF" => How::Unordered(1),
        "HKEYS" | "HVALS" => How::Unordered(1),
        "HGETALL" => How::Unordered(2),
        "PTTL" | "TTL" | "PEXPIRETIME" | "EXPIRETIME" => How::Instant,
        "SCAN" | "HSCAN" | "SSCAN" | "ZSCAN" => How::Scan,
        "SPOP" => How::Pop,
        "SRANDMEMBER" | "HRANDFIELD" | "ZRANDMEMBER" => How::Random,
        "RANDOMKEY" => How::RandomKey,
        _ => How::Exactly,
    }
}

fn args(words: &[&[u8]]) -> Args {
    words.iter().map(|word| word.to_vec()).collect()
}

impl Pair {
    pub fn open(real: &RealRedis, simulated: &str) -> Pair {
        Pair {
            real: real.connect(),
            simulated: Raw::open(simulated),
        }
    }

    /// Both replies, the real server's first.
    pub fn call(&mut self, args: &Args) -> [Vec<u8>; 2] {
        self.real.ask(args);
        self.simulated.ask(args);
        [self.real.reply(), self.simulated.reply()]
    }

    /// Runs a sequence on empty databases, up to the first disagreement.
    pub fn run(&mut self, sequence: &[Args]) -> Result<(), Disagreement> {
        self.call(&args(&[b"FLUSHALL"]));
        for (index, command) in sequence.iter().enumerate() {
            self.compare(command)
                .map_err(|[real, simulated]| Disagreement {
                    sequence: sequence[..=index].iter().map(shown).collect(),
                    real: String::from_utf8_lossy(&real).into_owned(),
                    simulated: String::from_utf8_lossy(&simulated).into_owned(),
                })?;
        }
        Ok(())
    }

    /// The replies, if they disagree.
    fn compare(&mut self, command: &Args) -> Result<(), [Vec<u8>; 2]> {
        if command[0].eq_ignore_ascii_case(b"DBSIZE") {
            // The real server still counts what is past its deadline and was
            // not met since.
            let all = KEYS.iter().map(|key| key.as_bytes());
            let exists: Vec<&[u8]> = [&b"EXISTS"[..]].into_iter().chain(all).collect();
            self.call(&args(&exists));
        }
        match how(command) {
            How::Pop => return self.pop(command),
            How::Random => return self.random(command),
            How::RandomKey => return self.random_key(command),
            How::Scan => return self.scan(command),
            How::Exactly | How::Unordered(_) | How::Instant => {}
        }
        let replies = self.call(command);
        if replies[0] == replies[1] {
            return self.after(command);
        }
        let [real, simulated] = [0, 1].map(|side| Reply::parse(&replies[side]));
        let agree = match how(command) {
            How::Unordered(together) => {
                self.may_be_unordered(command)
                    && real.sorted(together) == simulated.sorted(together)
            }
            How::Instant => near(&real, &simulated),
            _ => false,
        };
        if agree { Ok(()) } else { Err(replies) }
    }

    /// Waits for both servers after a command that sets a deadline close by.
    fn after(&mut self, command: &Args) -> Result<(), [Vec<u8>; 2]> {
        let Some(key) = soon_gone(command) else {
            return Ok(());
        };
        // The command may have failed, or left another deadline.
        let left = self.call(&args(&[b"PTTL", &key]));
        let near = |left: &Vec<u8>| (0..=15).any(|ms| *left == format!(":{ms}\r\n").into_bytes());
        if !left.iter().any(near) {
            return Ok(());
        }
        let exists = args(&[b"EXISTS", &key]);
        for _ in 0..1_000 {
            let replies = self.call(&exists);
            if replies.iter().all(|reply| reply == b":0\r\n") {
                return Ok(());
            }
            pause(Duration::from_millis(2));
        }
        Err(self.call(&exists))
    }

    /// A small hash keeps its order; a set of integers is sorted.
    fn may_be_unordered(&mut self, command: &Args) -> bool {
        if !matches!(command[0].first(), Some(b'H' | b'h')) {
            return true;
        }
        let encoding = self
            .real
            .call(&args(&[b"OBJECT", b"ENCODING", &command[1]]));
        encoding == b"$9\r\nhashtable\r\n"
    }

    /// Pops from the simulated server what it likes, and takes the same away
    /// from the real one.
    fn pop(&mut self, command: &Args) -> Result<(), [Vec<u8>; 2]> {
        let whole = command.len() < 2 || command.len() > 3;
        let members = match whole {
            true => Reply::Line(b"-".to_vec()),
            false => Reply::parse(&self.real.call(&args(&[b"SMEMBERS", &command[1]]))),
        };
        let size = members.items().len();
        if size == 0 {
            let replies = self.call(command);
            return if replies[0] == replies[1] {
                Ok(())
            } else {
                Err(replies)
            };
        }
        let answer = self.simulated.call(command);
        let reply = Reply::parse(&answer);
        if reply.is_error() {
            let real = self.real.call(command);
            return if real == answer {
                Ok(())
            } else {
                Err([real, answer])
            };
        }
        let popped: Vec<&Reply> = match &reply {
            Reply::Many(_, items) => items.iter().collect(),
            one => vec![one],
        };
        let asked = match command.get(2) {
            Some(count) => std::str::from_utf8(count).unwrap().parse().unwrap_or(0),
            None => 1,
        };
        let mut removal: Vec<&[u8]> = vec![b"SREM", &command[1]];
        removal.extend(popped.iter().map(|member| member.text()));
        if removal.len() > 2 {
            let removed = self.real.call(&args(&removal));
            let expected = format!(":{}\r\n", popped.len());
            if removed != expected.as_bytes() {
                return Err([removed, answer]);
            }
        }
        let right = popped.len() == size.min(asked);
        if right {
            Ok(())
        } else {
            Err([self.real.call(command), answer])
        }
    }

    /// Both answers have the same shape, and consist of what is there.
    fn random(&mut self, command: &Args) -> Result<(), [Vec<u8>; 2]> {
        let replies = self.call(command);
        if replies[0] == replies[1] {
            return Ok(());
        }
        let all: Args = match command[0].to_ascii_uppercase().as_slice() {
            b"SRANDMEMBER" => args(&[b"SMEMBERS", &command[1]]),
            b"HRANDFIELD" => args(&[b"HGETALL", &command[1]]),
            _ => args(&[b"ZRANGE", &command[1], b"0", b"-1", b"WITHSCORES"]),
        };
        let all = Reply::parse(&self.real.call(&all));
        let [real, simulated] = [0, 1].map(|side| Reply::parse(&replies[side]));
        let same_shape = real.items().len() == simulated.items().len()
            && std::mem::discriminant(&real) == std::mem::discriminant(&simulated)
            && !real.is_error();
        let known = |reply: &Reply| all.items().iter().any(|item| item.text() == reply.text());
        let together = if command.len() > 3 { 2 } else { 1 };
        let parts = match &simulated {
            Reply::Many(_, items) => items.chunks(together).map(|c| c[0].clone()).collect(),
            one => vec![one.clone()],
        };
        let mut different = parts.clone();
        different.sort();
        different.dedup();
        let repeats = command.get(2).is_some_and(|count| count.starts_with(b"-"));
        let right =
            same_shape && parts.iter().all(known) && (repeats || different.len() == parts.len());
        if right { Ok(()) } else { Err(replies) }
    }

    /// A key that is there.
    fn random_key(&mut self, command: &Args) -> Result<(), [Vec<u8>; 2]> {
        let replies = self.call(command);
        if replies[0] == replies[1] {
            return Ok(());
        }
        let [real, simulated] = [0, 1].map(|side| Reply::parse(&replies[side]));
        let (Reply::Bulk(_), Reply::Bulk(key)) = (&real, &simulated) else {
            return Err(replies);
        };
        let found = self.real.call(&args(&[b"EXISTS", key]));
        if found == b":1\r\n" {
            Ok(())
        } else {
            Err([found, replies[1].clone()])
        }
    }

    /// Whole scans meet the same, once the first step agrees that there is
    /// something to scan.
    fn scan(&mut self, command: &Args) -> Result<(), [Vec<u8>; 2]> {
        let at = if command[0].eq_ignore_ascii_case(b"SCAN") {
            1
        } else {
            2
        };
        let replies = self.call(command);
        if replies[0] == replies[1] {
            return Ok(());
        }
        let from_start = command
            .get(at)
            .is_some_and(|cursor| matches!(&cursor[..], b"0" | b"" | b"+0"));
        let [real, simulated] = [0, 1].map(|side| Reply::parse(&replies[side]));
        if !from_start || real.is_error() || simulated.is_error() {
            let elsewhere = !from_start && !real.is_error() && !simulated.is_error();
            return if elsewhere { Ok(()) } else { Err(replies) };
        }
        let together = match command[0].to_ascii_uppercase().as_slice() {
            b"HSCAN" | b"ZSCAN" => 2,
            _ => 1,
        };
        let real = whole_scan(&mut self.real, command, at, together);
        let simulated = whole_scan(&mut self.simulated, command, at, together);
        if real == simulated {
            Ok(())
        } else {
            Err(replies)
        }
    }
}

/// What a scan meets, each once, whatever it comes with.
fn whole_scan(server: &mut Raw, command: &Args, at: usize, together: usize) -> Vec<Vec<Reply>> {
    let mut command = command.clone();
    let mut found = Vec::new();
    loop {
        let step = Reply::parse(&server.call(&command));
        let [cursor, part] = step.items() else {
            panic!("a scan's step has two parts");
        };
        found.extend(part.items().chunks(together).map(<[Reply]>::to_vec));
        if cursor.text() == b"0" {
            break;
        }
        command[at] = cursor.text().to_vec();
    }
    found.sort();
    found.dedup();
    found
}

/// The key that a command gives at most some milliseconds to live.
fn soon_gone(command: &Args) -> Option<Vec<u8>> {
    let is = |word: &[u8]| command[0].eq_ignore_ascii_case(word);
    let near = |arg: Option<&Vec<u8>>| arg.is_some_and(|arg| &arg[..] == b"15");
    let deadline = if is(b"PEXPIRE") || is(b"PSETEX") {
        near(command.get(2))
    } else {
        is(b"SET")
            && command
                .windows(2)
                .any(|p| p[0].eq_ignore_ascii_case(b"PX") && near(p.get(1)))
    };
    deadline.then(|| command.get(1).cloned()).flatten()
}

/// Numbers of milliseconds or seconds that differ by less than one waits.
fn near(real: &Reply, simulated: &Reply) -> bool {
    let number = |reply: &Reply| -> Option<i64> {
        let digits = reply.text().strip_prefix(b":")?;
        std::str::from_utf8(digits).ok()?.parse().ok()
    };
    match (number(real), number(simulated)) {
        (Some(real), Some(simulated)) => {
            real > 0 && simulated > 0 && real.abs_diff(simulated) < 10_000
        }
        _ => false,
    }
}

fn shown(args: &Args) -> String {
    let words = args.iter().map(|arg| match &arg[..] {
        b"" => "''".into(),
        arg if arg.contains(&b' ') => format!("'{}'", String::from_utf8_lossy(arg)),
        arg => String::from_utf8_lossy(arg).into_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}
