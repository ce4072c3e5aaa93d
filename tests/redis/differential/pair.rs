//! A client of both servers, and the comparisons that take more than two
//! replies: a scan is compared by what it meets from its start to its end, a
//! random answer by what it may be.

use std::time::Duration;

use super::agree::{How, how};
use super::play::Compared;
use super::reply::Reply;
use crate::oracle::{Raw, RealRedis, pause};

/// A command.
pub type Args = Vec<Vec<u8>>;

/// The same connection to both servers.
pub struct Pair {
    pub real: Raw,
    pub simulated: Raw,
    /// What each server calls the client.
    pub ids: [String; 2],
    database: usize,
}

pub fn args(words: &[&[u8]]) -> Args {
    words.iter().map(|word| word.to_vec()).collect()
}

impl Pair {
    pub fn open(real: &RealRedis, simulated: &str) -> Pair {
        let mut pair = Pair {
            real: real.connect(),
            simulated: Raw::open(simulated),
            ids: Default::default(),
            database: 0,
        };
        let ids = pair.call(&args(&[b"CLIENT", b"ID"]));
        pair.ids = ids.map(|id| String::from_utf8_lossy(&id[1..]).trim().to_owned());
        pair
    }

    pub fn servers(&mut self) -> [&mut Raw; 2] {
        [&mut self.real, &mut self.simulated]
    }

    pub fn ask(&mut self, args: &Args) {
        for server in self.servers() {
            server.ask(args);
        }
    }

    /// Both replies, the real server's first.
    pub fn replies(&mut self) -> [Vec<u8>; 2] {
        self.servers().map(Raw::reply)
    }

    pub fn call(&mut self, args: &Args) -> [Vec<u8>; 2] {
        self.ask(args);
        self.replies()
    }

    /// Goes to a database.
    pub fn select(&mut self, database: usize) {
        if self.database != database {
            self.database = database;
            self.call(&args(&[b"SELECT", database.to_string().as_bytes()]));
        }
    }

    /// How many clients wait for a key, at each server.
    pub fn blocked(&mut self) -> [u32; 2] {
        self.call(&args(&[b"INFO", b"clients"])).map(|info| {
            let info = String::from_utf8_lossy(&info).into_owned();
            let mut lines = info.lines();
            let count = lines.find_map(|line| line.strip_prefix("blocked_clients:"));
            count.unwrap().parse().unwrap()
        })
    }

    /// Runs a command whose reply is random or a step of a scan; `watcher` can
    /// look at the same keys.
    pub fn compare(&mut self, command: &Args, watcher: &mut Pair) -> Compared {
        match how(command) {
            How::Pop => self.pop(command, watcher),
            How::Random => self.random(command, watcher),
            How::RandomKey => self.random_key(command, watcher),
            _ => self.scan(command),
        }
    }

    /// Waits for both servers after a command that sets a deadline close by.
    pub fn wait_for(&mut self, command: &Args) -> Compared {
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

    /// Pops from the simulated server what it likes, and takes the same away
    /// from the real one.
    fn pop(&mut self, command: &Args, watcher: &mut Pair) -> Compared {
        let whole = command.len() < 2 || command.len() > 3;
        let members = match whole {
            true => Reply::Line(b"-".to_vec()),
            false => Reply::parse(&watcher.real.call(&args(&[b"SMEMBERS", &command[1]]))),
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
    fn random(&mut self, command: &Args, watcher: &mut Pair) -> Compared {
        let replies = self.call(command);
        if replies[0] == replies[1] {
            return Ok(());
        }
        let all: Args = match command[0].to_ascii_uppercase().as_slice() {
            b"SRANDMEMBER" => args(&[b"SMEMBERS", &command[1]]),
            b"HRANDFIELD" => args(&[b"HGETALL", &command[1]]),
            _ => args(&[b"ZRANGE", &command[1], b"0", b"-1", b"WITHSCORES"]),
        };
        let all = Reply::parse(&watcher.real.call(&all));
        let [real, simulated] = [0, 1].map(|side| Reply::parse(&replies[side]));
        let same_shape = real.items().len() == simulated.items().len()
            && std::mem::discriminant(&real) == std::mem::discriminant(&simulated)
            && !real.is_error();
        let known = |reply: &Reply| all.items().iter().any(|item| item.text() == reply.text());
        let together = if command.len() > 3 { 2 } else { 1 };
        let parts = match &simulated {
            // In RESP3 what belongs together is an array of its own.
            Reply::Many(_, items) if matches!(items.first(), Some(Reply::Many(..))) => {
                items.iter().map(|pair| pair.items()[0].clone()).collect()
            }
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
    fn random_key(&mut self, command: &Args, watcher: &mut Pair) -> Compared {
        let replies = self.call(command);
        if replies[0] == replies[1] {
            return Ok(());
        }
        let [real, simulated] = [0, 1].map(|side| Reply::parse(&replies[side]));
        let (Reply::Bulk(_), Reply::Bulk(key)) = (&real, &simulated) else {
            return Err(replies);
        };
        let found = watcher.real.call(&args(&[b"EXISTS", key]));
        if found == b":1\r\n" {
            Ok(())
        } else {
            Err([found, replies[1].clone()])
        }
    }

    /// Whole scans meet the same, once the first step agrees that there is
    /// something to scan.
    fn scan(&mut self, command: &Args) -> Compared {
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

/// The key that a command gives at most some milliseconds to live, or a
/// deadline in the past.
fn soon_gone(command: &Args) -> Option<Vec<u8>> {
    let is = |word: &[u8]| command[0].eq_ignore_ascii_case(word);
    let deadline = if is(b"PEXPIRE") || is(b"PSETEX") {
        command.get(2).is_some_and(|ms| ms == b"15")
    } else {
        let has = |option: &[u8], value: &[u8]| {
            let mut pairs = command.windows(2);
            pairs.any(|pair| pair[0].eq_ignore_ascii_case(option) && pair[1] == value)
        };
        is(b"SET") && (has(b"PX", b"15") || has(b"PXAT", b"1") || has(b"EXAT", b"1"))
    };
    deadline.then(|| command.get(1).cloned()).flatten()
}

/// As one would type it.
pub fn shown(args: &Args) -> String {
    let words = args.iter().map(|arg| match &arg[..] {
        b"" => "''".into(),
        arg if arg.contains(&b' ') => format!("'{}'", String::from_utf8_lossy(arg)),
        arg => String::from_utf8_lossy(arg).into_owned(),
    });
    words.collect::<Vec<_>>().join(" ")
}
