//! Replication, WAIT and failover: the same schedules on two real servers, on
//! two of ours, and on one of each, must be answered in the same way.
//!
//! A schedule is a list of lines: `A: GET k` sends a command to the server A,
//! `sync A B` waits until B has all that A has written, `pause 100` lets
//! milliseconds pass, `mute A` opens a replica of A that never acknowledges.
//! `$A` stands for A's host and port. What is compared is every reply, with
//! offsets: the streams are the same to the byte.

use std::fmt::Write as _;
use std::net::TcpListener;
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

/// Two servers and a client of each.
struct Stage {
    hosts: [Host; 2],
    clients: [Raw; 2],
    /// IDs of histories, in the order in which they were seen.
    ids: Vec<String>,
    mute: Vec<Raw>,
    said: String,
}

impl Stage {
    fn new(hosts: [Host; 2]) -> Stage {
        let clients = [0, 1].map(|index| Raw::open(&hosts[index].address()));
        let mut stage = Stage {
            hosts,
            clients,
            ids: Vec::new(),
            mute: Vec::new(),
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

    fn expanded(&self, line: &str) -> String {
        line.replace("$A", &format!("127.0.0.1 {}", self.port(0)))
            .replace("$B", &format!("127.0.0.1 {}", self.port(1)))
            .replace("$nobody", &format!("127.0.0.1 {}", nobody()))
    }

    fn run(mut self, schedule: &str) -> String {
        for line in schedule.lines() {
            let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
            match verb {
                "A:" => self.say(0, line, rest),
                "B:" => self.say(1, line, rest),
                "sync" => self.sync(rest),
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
        self.said
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
            let mut line = line
                .replace(&self.port(0), "<A>")
                .replace(&self.port(1), "<B>");
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

    /// Waits until the second has and has acknowledged what the first wrote.
    fn sync(&mut self, rest: &str) {
        let (primary, replica) = match rest {
            "A B" => (0, 1),
            "B A" => (1, 0),
            other => panic!("sync {other}"),
        };
        for _ in 0..2000 {
            let up = self.info(replica, "master_link_status") == "up";
            let offset = self.info(primary, "master_repl_offset");
            let acked = self.info(primary, "slave0");
            let acked = acked.contains(&format!("state=online,offset={offset},"));
            if up && acked && self.info(replica, "slave_repl_offset") == offset {
                return;
            }
            pause(Duration::from_millis(5));
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

/// A port on which nobody listens.
fn nobody() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

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
        let (Some(first), Some(second)) = (Host::real(), Host::real()) else {
            return;
        };
        let expected = Stage::new([first, second]).run(schedule);
        for hosts in [
            [Host::ours(None), Host::ours(None)],
            [Host::ours(None), Host::real().unwrap()],
            [Host::real().unwrap(), Host::ours(None)],
        ] {
            let kinds = [&hosts[0], &hosts[1]].map(|host| matches!(host, Host::Real(_)));
            let said = Stage::new(hosts).run(schedule);
            let differs = said.lines().zip(expected.lines()).find(|(a, b)| a != b);
            assert_eq!(differs, None, "{title}; real: {kinds:?}\n{said}");
            assert_eq!(said.len(), expected.len(), "{title}; real: {kinds:?}");
        }
    }
}

#[test]
fn a_replica_that_deletes_on_its_own_is_noticed() {
    let schedule = schedule("a replica hides what has expired, and keeps it");
    let sound = Stage::new([Host::ours(None), Host::ours(None)]).run(schedule);
    assert!(sound.contains("B: DBSIZE\n:1\n"), "{sound}");
    let planted = Host::ours(Some(Bug::ReplicaExpires));
    let planted = Stage::new([Host::ours(None), planted]).run(schedule);
    assert_ne!(planted, sound);
}

#[test]
fn an_old_primary_that_keeps_its_writes_is_noticed() {
    let schedule =
        schedule("a lock is lost in a failover, and what the old primary took is discarded");
    let sound = Stage::new([Host::ours(None), Host::ours(None)]).run(schedule);
    assert!(sound.contains("A: EXISTS stray\n:0\n"), "{sound}");
    let planted = Host::ours(Some(Bug::RejoinKeepsWrites));
    let planted = Stage::new([planted, Host::ours(None)]).run(schedule);
    assert_ne!(planted, sound);
}

#[test]
fn a_wait_that_returns_early_is_noticed() {
    let schedule = schedule("a replica that does not acknowledge is not counted");
    let sound = Stage::new([Host::ours(None), Host::ours(None)]).run(schedule);
    assert!(sound.contains("A: WAIT 1 100\n:0\n"), "{sound}");
    let planted = Host::ours(Some(Bug::WaitReturnsEarly));
    let planted = Stage::new([planted, Host::ours(None)]).run(schedule);
    assert_ne!(planted, sound);
}
