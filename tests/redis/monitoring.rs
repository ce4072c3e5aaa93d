//! What INFO counts and SLOWLOG shows, command by command, as the real server
//! does.

use crate::differential::Pair;
use crate::oracle::{RealRedis, words};
use crate::support::serve_on_a_thread;

const COMMANDS: &str = include_str!("lookups.txt");

fn counts(info: &[u8]) -> Vec<String> {
    let names = [
        "total_commands_processed:",
        "expired_keys:",
        "evicted_keys:",
        "keyspace_hits:",
        "keyspace_misses:",
    ];
    let info = String::from_utf8_lossy(info).into_owned();
    let counted = |line: &&str| names.iter().any(|name| line.starts_with(name));
    info.lines().filter(counted).map(str::to_owned).collect()
}

#[test]
fn lookups_are_counted_as_the_real_server_counts_them() {
    let Some(real) = RealRedis::start() else {
        return;
    };
    let mut pair = Pair::open(&real, &serve_on_a_thread());
    let mut wrong = Vec::new();
    for command in COMMANDS.lines() {
        pair.call(&words("CONFIG RESETSTAT"));
        pair.call(&words(command));
        let [real, simulated] = pair.call(&words("INFO stats")).map(|info| counts(&info));
        if real != simulated {
            wrong.push(format!("{command}\n  {real:?}\n  {simulated:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Commands that carry passwords, whether or not they go well.
const SECRETS: &str = "\
AUTH secret
AUTH ann secret
AUTH ann secret more
HELLO 2 SETNAME me AUTH default any
HELLO 2 SETNAME me
ACL SETUSER ann on >secret ~*
ACL SETUSER ann nonsense
ACL DELUSER ann
CONFIG SET masterauth secret MasterUser me hz 10
CONFIG SET masterauth '' masteruser ''
CONFIG SET nosuch secret requirepass secret
MIGRATE 127.0.0.1 1 none 0 9 COPY AUTH secret AUTH2 ann secret
MIGRATE 127.0.0.1 1 none 0 9 REPLACE AUTH";

#[test]
fn passwords_are_not_logged() {
    let Some(real) = RealRedis::start() else {
        return;
    };
    let mut pair = Pair::open(&real, &serve_on_a_thread());
    pair.call(&words("CONFIG SET slowlog-log-slower-than 0"));
    for command in SECRETS.lines() {
        pair.call(&words("SLOWLOG RESET"));
        pair.call(&words(command));
        let [real, simulated] = pair.call(&words("SLOWLOG GET")).map(|log| {
            let log = String::from_utf8_lossy(&log).into_owned();
            let moment = |line: &&str| line.starts_with(':') || line.starts_with("127.0.0.1:");
            let shown = log
                .lines()
                .filter(|line| !moment(line) && !line.starts_with('$'));
            shown.map(str::to_owned).collect::<Vec<_>>()
        });
        assert_eq!(simulated, real, "{command}");
    }
}

/// A reply's names and the numbers behind `calls`, in any order: how long a
/// command took is not compared.
fn histograms(reply: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(reply).into_owned();
    let mut lines = text.lines();
    let mut histograms = Vec::new();
    let mut name = String::new();
    while let Some(line) = lines.next() {
        match line {
            "calls" => {
                let calls = lines.next().unwrap_or_default();
                histograms.push(format!("{name}{calls}"));
            }
            line if line.starts_with(['*', '$', ':']) => {}
            line => line.clone_into(&mut name),
        }
    }
    histograms.sort();
    histograms
}

#[test]
fn histograms_count_the_same_calls() {
    let Some(real) = RealRedis::start() else {
        return;
    };
    let mut pair = Pair::open(&real, &serve_on_a_thread());
    let calls = [
        "CONFIG RESETSTAT",
        "SET k v",
        "SET l v",
        "GET k",
        "CLIENT ID",
        "CLIENT GETNAME",
        "NOSUCH k",
        "GET",
    ];
    for call in calls {
        pair.call(&words(call));
    }
    let questions = [
        "LATENCY HISTOGRAM set get",
        "LATENCY HISTOGRAM client nosuch hset",
        "LATENCY HISTOGRAM client|id",
        "LATENCY HISTOGRAM",
    ];
    for question in questions {
        let [real, simulated] = pair.call(&words(question)).map(|reply| histograms(&reply));
        assert_eq!(simulated, real, "{question}");
        assert!(!real.is_empty(), "{question}");
    }
}

#[test]
fn memory_stats_has_the_fields_of_the_real_server() {
    let Some(real) = RealRedis::start() else {
        return;
    };
    let mut pair = Pair::open(&real, &serve_on_a_thread());
    for command in ["SET k v", "SELECT 3", "SET k v EX 1000", "SET l v"] {
        pair.call(&words(command));
    }
    let [real, simulated] = pair.call(&words("MEMORY STATS")).map(|reply| {
        let text = String::from_utf8_lossy(&reply).into_owned();
        let names = text
            .lines()
            .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()));
        let keys = text.lines().skip_while(|line| *line != "keys.count").nth(1);
        (
            names.map(str::to_owned).collect::<Vec<_>>(),
            keys.map(str::to_owned),
        )
    });
    assert_eq!(simulated, real);
}
