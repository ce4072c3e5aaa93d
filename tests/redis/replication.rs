//! Replication, WAIT and failover: the same schedules on two real servers, on
//! two of ours, and on one of each, must be answered in the same way.
//!
//! A schedule is a list of lines: `A: GET k` sends a command to the server A,
//! `sync A B` waits until B has all that A has written, `until B: DBSIZE :1`
//! until B answers so, `pause 100` lets milliseconds pass in which nothing may
//! happen, `mute A` opens a replica of A that never acknowledges.
//! `$A` stands for A's host and port, `$addressA` for both in one word, `$soon` for an instant that comes soon:
//! `before soon` starts over with a later one if it has passed, and `after soon`
//! waits until it has, and servers have had time to notice; `$left` are the
//! milliseconds until then. What is compared is every reply, with offsets: the
//! streams are the same to the byte.

use std::fmt::Write as _;
use std::sync::mpsc;
use std::time::Duration;

use doublebuy::redis::{Bug, Options, Server};
use doublebuy::rt;

use crate::oracle::{Raw, RealRedis, pause, words};
use crate::support::outside;

const SCHEDULES: &str = include_str!("replication.txt");

/// A server to run a schedule on.
enum Host {
    Real(RealRedis),
    Ours(String),
}

impl Host {
    fn real() -> Option<Host> {
        RealRedis::start().map(Host::Real)
    }

    fn ours(planted: Option<Bug>) -> Host {
        let (send, receive) = mpsc::channel();
        std::thread::spawn(move || {
            outside(async move {
                let listener = rt::Listener::bind("127.0.0.1:0").await.unwrap();
                send.send(listener.local_addr().unwrap()).unwrap();
                let options = Options {
                    planted,
                    ..Options::default()
                };
                let server = Server::start(options, std::sync::Arc::new(()));
                server.serve(listener).await
            })
        });
        Host::Ours(receive.recv().unwrap())
    }

    fn address(&self) -> String {
        match self {
            Host::Real(real) => real.address(),
            Host::Ours(address) => address.clone(),
        }
    }
}

/// How soon `$soon` is, at first.
const SOON: Duration = Duration::from_millis(150);
/// Between two looks, and how many there are: a minute, which nothing takes.
const WAIT: Duration = Duration::from_millis(5);
const WAITS: u32 = 12_000;
/// What it takes a server to remove what has expired.
const NOTICED: Duration = Duration::from_millis(200);

/// What two such servers say to a schedule, however slow the machine is.
fn run(hosts: impl Fn() -> [Host; 2], schedule: &str) -> String {
    let plays = (0..9).map(|doubled| {
        let soon = rt::unix_time() + SOON * (1 << doubled);
        Stage::new(hosts(), soon).run(schedule)
    });
    plays
        .flatten()
        .next()
        .expect("a machine that is fast enough")
}

/// Two servers and a client of each.
struct Stage {
    hosts: [Host; 2],
    clients: [Raw; 2],
    /// IDs of histories, in the order in which they were seen.
    ids: Vec<String>,
    mute: Vec<Raw>,
    /// Unix time.
    soon: Duration,
    said: String,
}

impl Stage {
    fn new(hosts: [Host; 2], soon: Duration) -> Stage {
        let clients = [0, 1].map(|index| Raw::open(&hosts[index].address()));
        let mut stage = Stage {
            hosts,
            clients,
            ids: Vec::new(),
            mute: Vec::new(),
            soon,
            said: String::new(),
        };
        for client in &mut stage.clients {
            for setting in [
                "repl-ping-replica-period 3600",
                "repl-diskless-sync-delay 0",
            ] {
                client.call(&words(&format!("CONFIG SET {setting}")));
            }
        }
        stage
    }

    fn port(&self, index: usize) -> String {
        let address = self.hosts[index].address();
        address.rsplit_once(':').unwrap().1.to_owned()
    }

    /// A line with names in place of the ports.
    fn without_ports(&self, line: &str) -> String {
        let ports = [self.port(0), self.port(1)];
        // Numbers, each with what ends it: the same digits within a longer one
        // are no port.
        let parts = line.split_inclusive(|c: char| !c.is_ascii_digit());
        let shown = |part: &str| {
            let number = part.trim_end_matches(|c: char| !c.is_ascii_digit());
            match ports.iter().position(|port| port == number) {
                Some(index) => part.replace(number, ["<A>", "<B>"][index]),
                None => part.to_owned(),
            }
        };
        parts.map(shown).collect()
    }

    /// The time until `$soon`.
    fn left(&self) -> Duration {
        self.soon.saturating_sub(rt::unix_time())
    }

    fn expanded(&self, line: &str) -> String {
        line.replace("$A", &format!("127.0.0.1 {}", self.port(0)))
            .replace("$B", &format!("127.0.0.1 {}", self.port(1)))
            .replace("$addressA", &format!("127.0.0.1:{}", self.port(0)))
            .replace("$nobody", NOBODY)
            .replace("$soon", &self.soon.as_millis().to_string())
            .replace("$left", &(self.left().as_millis() + 1).to_string())
    }

    /// What was said; none if it took too long.
    fn run(mut self, schedule: &str) -> Option<String> {
        for line in schedule.lines() {
            let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
            match verb {
                "A:" => self.say(0, line, rest),
                "B:" => self.say(1, line, rest),
                "sync" => self.sync(rest),
                "until" => self.until(rest),
                "before" if self.left().is_zero() => return None,
                "before" => {}
                "after" => pause(self.left() + NOTICED),
                "pause" => pause(Duration::from_millis(rest.parse().unwrap())),
                "mute" => {
                    let mut mute = Raw::open(&self.hosts[usize::from(rest == "B")].address());
                    mute.send(b"PSYNC ? -1\r\n");
                    assert!(mute.reply().starts_with(b"+FULLRESYNC"));
                    self.mute.push(mute);
                }
                other => panic!("no such step: {other}"),
            }
        }
        Some(self.said)
    }

    fn say(&mut self, index: usize, line: &str, command: &str) {
        let command = self.expanded(command);
        let reply = self.clients[index].call(&words(&command));
        let reply = String::from_utf8_lossy(&reply).into_owned();
        let reply = self.anonymous(&reply);
        write!(self.said, "{line}\n{reply}").unwrap();
    }

    /// The reply without what differs from run to run.
    fn anonymous(&mut self, reply: &str) -> String {
        let mut out = String::new();
        for line in reply.split("\r\n") {
            let moving = [
                "master_last_io_seconds_ago:",
                "master_link_down_since_seconds:",
            ];
            let line = match moving.iter().find(|name| line.starts_with(*name)) {
                Some(name) => (*name).to_owned(),
                None => line.split(",lag=").next().unwrap().to_owned(),
            };
            // Lengths follow from what was replaced.
            let line = match line.strip_prefix('$') {
                Some(length) if length != "-1" => "$".to_owned(),
                _ => line,
            };
            let mut line = self.without_ports(&line);
            if line.starts_with("master_port:") || line.starts_with(':') && line.len() == 6 {
                line = line.chars().filter(|c| !c.is_ascii_digit()).collect();
            }
            out.push_str(&self.without_ids(&line));
            out.push('\n');
        }
        out
    }

    fn without_ids(&mut self, line: &str) -> String {
        let Some((name, id)) = line.split_once("replid").and_then(|_| line.split_once(':')) else {
            return line.to_owned();
        };
        if id.bytes().all(|byte| byte == b'0') {
            return format!("{name}:none");
        }
        if !self.ids.iter().any(|known| known == id) {
            self.ids.push(id.to_owned());
        }
        let number = self.ids.iter().position(|known| known == id).unwrap();
        format!("{name}:#{number}")
    }

    fn info(&mut self, index: usize, field: &str) -> String {
        let reply = self.clients[index].call(&words("INFO replication"));
        let reply = String::from_utf8_lossy(&reply).into_owned();
        let line = reply.lines().find_map(|line| line.strip_prefix(field));
        line.unwrap_or_default().trim_start_matches(':').to_owned()
    }

    /// Asks until the answer is as expected.
    fn until(&mut self, rest: &str) {
        let (question, expected) = rest.rsplit_once(' ').unwrap();
        let (host, command) = question.split_once(": ").unwrap();
        let client = &mut self.clients[usize::from(host == "B")];
        for _ in 0..WAITS {
            if client.call(&words(command)) == format!("{expected}\r\n").as_bytes() {
                return;
            }
            pause(WAIT);
        }
        panic!("not so: {rest}");
    }

    /// Waits until the second has and has acknowledged what the first wrote.
    fn sync(&mut self, rest: &str) {
        let (primary, replica) = match rest {
            "A B" => (0, 1),
            "B A" => (1, 0),
            other => panic!("sync {other}"),
        };
        for _ in 0..WAITS {
            let up = self.info(replica, "master_link_status") == "up";
            let offset = self.info(primary, "master_repl_offset");
            let acked = self.info(primary, "slave0");
            let acked = acked.contains(&format!("state=online,offset={offset},"));
            if up && acked && self.info(replica, "slave_repl_offset") == offset {
                return;
            }
            pause(WAIT);
        }
        panic!(
            "not in step: {:?}",
            [0, 1].map(|index| {
                let reply = self.clients[index].call(&words("INFO replication"));
                String::from_utf8_lossy(&reply).into_owned()
            })
        );
    }
}

/// Where nobody listens, now or later: a free port could be another test's.
const NOBODY: &str = "127.0.0.1 1";

/// Every schedule with its title.
fn schedules() -> impl Iterator<Item = (&'static str, &'static str)> {
    let parts = SCHEDULES.split("# ").skip(1);
    parts.map(|part| part.split_once('\n').unwrap())
}

fn schedule(title: &str) -> &'static str {
    let found = schedules().find(|(name, _)| *name == title);
    found.unwrap().1.trim_end()
}

#[test]
fn schedules_end_as_on_two_real_servers() {
    for (title, schedule) in schedules() {
        let schedule = schedule.trim_end();
        if Host::real().is_none() {
            return;
        }
        let hosts = |are_real: [bool; 2]| {
            are_real.map(|is_real| match is_real {
                true => Host::real().unwrap(),
                false => Host::ours(None),
            })
        };
        let expected = run(|| hosts([true, true]), schedule);
        for are_real in [[false, false], [false, true], [true, false]] {
            let said = run(|| hosts(are_real), schedule);
            let differs = said.lines().zip(expected.lines()).find(|(a, b)| a != b);
            assert_eq!(differs, None, "{title}; real: {are_real:?}\n{said}");
            assert_eq!(said.len(), expected.len(), "{title}; real: {are_real:?}");
        }
    }
}

#[test]
fn a_replica_that_deletes_on_its_own_is_noticed() {
    let schedule = schedule("a replica hides what has expired, and keeps it");
    let sound = run(|| [None, None].map(Host::ours), schedule);
    assert!(sound.contains("B: DBSIZE\n:1\n"), "{sound}");
    let planted = || [None, Some(Bug::ReplicaExpires)].map(Host::ours);
    let planted = run(planted, schedule);
    assert_ne!(planted, sound);
}

#[test]
fn an_old_primary_that_keeps_its_writes_is_noticed() {
    let schedule =
        schedule("a lock is lost in a failover, and what the old primary took is discarded");
    let sound = run(|| [None, None].map(Host::ours), schedule);
    assert!(sound.contains("A: EXISTS stray\n:0\n"), "{sound}");
    let planted = || [Some(Bug::RejoinKeepsWrites), None].map(Host::ours);
    let planted = run(planted, schedule);
    assert_ne!(planted, sound);
}

#[test]
fn a_wait_that_returns_early_is_noticed() {
    let schedule = schedule("a replica that does not acknowledge is not counted");
    let sound = run(|| [None, None].map(Host::ours), schedule);
    assert!(sound.contains("A: WAIT 1 100\n:0\n"), "{sound}");
    let planted = || [Some(Bug::WaitReturnsEarly), None].map(Host::ours);
    let planted = run(planted, schedule);
    assert_ne!(planted, sound);
}
