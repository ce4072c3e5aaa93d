//! Conversations of a few clients with the simulated server and with the real
//! one: the same lines, the same bytes, pushes included.
//!
//! `conversations.txt` holds them, each below its title. `a: GET k` sends and
//! reads one reply; `a! BLPOP k 0` sends and waits until the server counts one
//! more blocked client; `a?` sends and waits until the server has begun with it;
//! `a<` reads what comes next; `a.` reads up to the end of the connection; `a~`
//! lets time pass in which keys expire. `{a}` is the id of that client.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::oracle::{Raw, RealRedis, pause};
use crate::support::serve_on_a_thread;

const CONVERSATIONS: &str = include_str!("conversations.txt");

/// One server and its clients.
pub struct Side {
    open: Box<dyn Fn() -> Raw>,
    /// Asks how the server does.
    watcher: Raw,
    clients: BTreeMap<char, (Raw, String)>,
}

/// The words of a line: `"` stands around those with spaces, in which `\n` is
/// a line break and `\v` a vertical tab, and `''` is an empty one.
fn words(line: &str) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    for (index, part) in line.split('"').enumerate() {
        match index % 2 {
            0 => words.extend(part.split_whitespace().map(|word| word.replace("''", ""))),
            _ => words.push(part.replace("\\n", "\n").replace("\\v", "\u{b}")),
        }
    }
    words.into_iter().map(String::into_bytes).collect()
}

impl Side {
    pub fn new(open: impl Fn() -> Raw + 'static) -> Side {
        let watcher = open();
        Side {
            open: Box::new(open),
            watcher,
            clients: BTreeMap::new(),
        }
    }

    /// Empties the server and forgets the clients.
    pub fn start_over(&mut self) {
        self.clients.clear();
        self.watcher.call(&words("FLUSHALL"));
        self.watcher.call(&words("FUNCTION FLUSH"));
        self.watcher.call(&words("ACL DELUSER ann bob"));
        self.watcher
            .call(&words("CONFIG SET notify-keyspace-events ''"));
        self.until("everybody is answered", |blocked| blocked == 0);
    }

    /// Asks the server until so many of its clients are blocked.
    fn until(&mut self, what: &str, is_so: impl Fn(u32) -> bool) {
        self.ask_until(what, |side| is_so(side.blocked()));
    }

    fn ask_until(&mut self, what: &str, mut is_so: impl FnMut(&mut Side) -> bool) {
        for _ in 0..60_000 {
            if is_so(self) {
                return;
            }
            pause(Duration::from_millis(1));
        }
        panic!("a minute, and not yet: {what}");
    }

    /// Whether a client's last command is this one, or the server is so busy
    /// that it does not say.
    fn has_begun(&mut self, name: char, command: &str) -> bool {
        let ask = format!("CLIENT LIST ID {}", self.clients[&name].1);
        let told = String::from_utf8(self.watcher.call(&words(&ask))).unwrap();
        let word = command.split_whitespace().next().unwrap_or_default();
        let last = format!(" cmd={}", word.to_lowercase());
        told.starts_with("-BUSY") || told.contains(&last)
    }

    fn blocked(&mut self) -> u32 {
        let info = self.watcher.call(&words("INFO clients"));
        let info = String::from_utf8(info).unwrap();
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix("blocked_clients:"));
        line.expect("INFO counts blocked clients").parse().unwrap()
    }

    /// Plays one line and returns what the client got.
    pub fn play(&mut self, line: &str) -> String {
        let mut chars = line.chars();
        let (name, what) = (chars.next().unwrap(), chars.next().unwrap());
        if !self.clients.contains_key(&name) {
            let mut raw = (self.open)();
            let id = String::from_utf8(raw.call(&words("CLIENT ID"))).unwrap();
            self.clients.insert(name, (raw, id[1..].trim().into()));
        }
        let mut command = chars.as_str().to_string();
        for (name, (_, id)) in &self.clients {
            command = command.replace(&format!("{{{name}}}"), id);
        }
        let before = if what == '!' { self.blocked() } else { 0 };
        let (client, _) = self.clients.get_mut(&name).unwrap();
        let reply = match what {
            ':' => client.call(&words(&command)),
            '<' => client.reply(),
            '.' => client.rest(),
            '?' => {
                client.ask(&words(&command));
                self.ask_until(line, |side| side.has_begun(name, &command));
                return String::new();
            }
            '~' => {
                pause(Duration::from_millis(200));
                return String::new();
            }
            '!' => {
                client.ask(&words(&command));
                self.until(line, |blocked| blocked != before);
                return String::new();
            }
            _ => panic!("{line}: one of `:`, `?`, `!`, `<`, `.`, `~` follows a client"),
        };
        let reply = match String::from_utf8(reply) {
            Ok(text) => text,
            Err(binary) => binary.as_bytes().escape_ascii().to_string(),
        };
        without_moment(without_origin(self.without_ids(&command, reply)))
    }

    /// A reply that tells ids of clients, with their names in place of those.
    fn without_ids(&self, command: &str, mut reply: String) -> String {
        let tell_ids = ["CLIENT ID", "HELLO", "GETREDIR", "TRACKINGINFO"];
        if tell_ids.iter().any(|word| command.contains(word)) || reply.contains("redir-broken") {
            for (name, (_, id)) in &self.clients {
                reply = reply.replace(&format!(":{id}\r\n"), &format!(":{{{name}}}\r\n"));
            }
        }
        reply
    }
}

/// What MONITOR shows without its moment and the client's address.
fn without_origin(reply: String) -> String {
    let monitored = reply.strip_prefix('+').and_then(|shown| {
        let (moment, shown) = shown.split_once(" [")?;
        moment.parse::<f64>().ok()?;
        let (origin, command) = shown.split_once("] ")?;
        let (database, address) = origin.split_once(' ')?;
        let from = address.split(':').next()?;
        Some(format!("+[{database} {from}] {command}"))
    });
    monitored.unwrap_or(reply)
}

/// What ACL LOG shows without its age, and of the client only what is the same
/// for both.
fn without_moment(reply: String) -> String {
    if !reply.contains("\r\nage-seconds\r\n") {
        return reply;
    }
    let mut kept = Vec::new();
    let mut lines = reply.lines();
    while let Some(line) = lines.next() {
        kept.push(line.to_owned());
        if let "age-seconds" | "client-info" = line {
            let told = lines.by_ref().take(2).last().unwrap_or_default();
            let words = told.split(' ').filter(|word| {
                let name = word.split('=').next().unwrap_or_default();
                ["name", "flags", "db", "multi", "cmd", "user", "resp"].contains(&name)
            });
            kept.extend(words.map(str::to_owned));
        }
    }
    kept.join("\n")
}

#[test]
fn conversations_go_the_same_way() {
    let Some(real) = RealRedis::start() else {
        return;
    };
    let simulated = serve_on_a_thread();
    let address = real.address();
    let mut sides = [
        Side::new(move || Raw::open(&address)),
        Side::new(move || Raw::open(&simulated)),
    ];
    let mut wrong = Vec::new();
    let mut lines = 0;
    for conversation in CONVERSATIONS.split("\n\n") {
        sides.iter_mut().for_each(Side::start_over);
        let mut so_far = String::new();
        for line in conversation.lines() {
            so_far += &format!("{line}\n");
            if line.starts_with('#') {
                continue;
            }
            // Shown where a server does not answer at all.
            println!("{line}");
            let [real, simulated] = sides.each_mut().map(|side| side.play(line));
            lines += 1;
            if real != simulated {
                wrong.push(format!(
                    "{so_far}real:      {real:?}\nsimulated: {simulated:?}"
                ));
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(lines > 100, "{lines} lines were played");
}
