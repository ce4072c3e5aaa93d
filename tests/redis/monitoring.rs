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
