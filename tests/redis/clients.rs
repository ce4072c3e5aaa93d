//! Clients that others wrote, against `serve redis`: redis-cli and
//! redis-benchmark as they come with Redis, redis-rs on sockets of its own.
//!
//! What redis-cli prints is compared with what it prints of the real server,
//! to the byte.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use redis::{AsyncCommands, Commands, cmd};

use crate::oracle::RealRedis;
use crate::served::Served;
use crate::support::outside;

/// Runs a program of Redis against a server; none, and a word about it,
/// without the binary.
fn run(program: &str, address: &str, args: &[&str], input: &[u8]) -> Option<Output> {
    let (host, port) = address.rsplit_once(':').unwrap();
    let process = Command::new(program)
        .args(["-h", host, "-p", port])
        .args(args)
        .env_remove("REDISCLI_AUTH")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut process) = process else {
        println!("skipped: no {program} binary");
        return None;
    };
    let mut stdin = process.stdin.take().unwrap();
    // It may end without having read everything.
    let _unread = stdin.write_all(input);
    drop(stdin);
    Some(process.wait_with_output().unwrap())
}

/// Arguments, and what is typed.
const INVOCATIONS: &[(&[&str], &str)] = &[
    (&["PING"], ""),
    (&["SET", "k", "hello world"], ""),
    (&["GET", "k"], ""),
    (&["--no-raw", "GET", "k"], ""),
    (&["--no-raw", "GET", "nothing"], ""),
    (&["INCR", "k"], ""),
    (&["-e", "INCR", "k"], ""),
    (&["NOSUCH", "a", "b"], ""),
    (&["SET", "k"], ""),
    (&["RPUSH", "l", "a", "b", "c"], ""),
    (&["LRANGE", "l", "0", "-1"], ""),
    (&["--no-raw", "LRANGE", "l", "0", "-1"], ""),
    (&["--csv", "LRANGE", "l", "0", "-1"], ""),
    (&["HSET", "h", "f", "1", "g", "2"], ""),
    (&["--no-raw", "HGETALL", "h"], ""),
    (&["-3", "--no-raw", "HGETALL", "h"], ""),
    (&["-3", "--no-raw", "SMEMBERS", "nothing"], ""),
    (&["-3", "--no-raw", "GET", "nothing"], ""),
    (&["ZADD", "z", "1.5", "a", "2", "b"], ""),
    (
        &["-3", "--no-raw", "ZRANGE", "z", "0", "-1", "WITHSCORES"],
        "",
    ),
    (&["-3", "--no-raw", "ZSCORE", "z", "a"], ""),
    (&["--json", "HGETALL", "h"], ""),
    (&["-2", "--json", "LRANGE", "l", "0", "-1"], ""),
    (&["-n", "3", "SET", "other", "1"], ""),
    (&["-n", "3", "DBSIZE"], ""),
    (&["-x", "SET", "typed"], "a value\nof two lines"),
    (&["--no-raw", "GET", "typed"], ""),
    (
        &["-X", "tag", "SET", "tagged", "tag", "EX", "1000"],
        "value",
    ),
    (&["-r", "3", "INCR", "n"], ""),
    (&["-d", ",", "LRANGE", "l", "0", "-1"], ""),
    (
        &[],
        "SET a 1\nINCR a\nMULTI\nINCR a\nINCR a\nEXEC\nGET 'a\nFOO\nQUIT\n",
    ),
    (
        &["--no-raw"],
        "EVAL \"return {1,'x',{2,false}}\" 0\nSELECT 2\nDBSIZE\nSELECT 99\n",
    ),
    (
        &["--pipe"],
        "SET p1 1\r\nSET p2 2\r\n*2\r\n$4\r\nINCR\r\n$2\r\np1\r\nINCR k\r\n",
    ),
    (&["GET", "p1"], ""),
    (
        &[
            "EVAL",
            "return redis.call('INCRBY', KEYS[1], ARGV[1])",
            "1",
            "p1",
            "40",
        ],
        "",
    ),
    (&["CONFIG", "GET", "maxmemory"], ""),
    (&["--user", "nobody", "--pass", "wrong", "PING"], ""),
];

#[test]
fn redis_cli_prints_what_it_prints_of_the_real_server() {
    let Some(real) = RealRedis::start() else {
        return;
    };
    let served = Served::start("redis");
    for (args, input) in INVOCATIONS {
        let outputs = [&real.address(), &served.address]
            .map(|address| run("redis-cli", address, args, input.as_bytes()));
        let [Some(real), Some(ours)] = outputs else {
            return;
        };
        let [real, ours] = [real, ours].map(|output| {
            let said = [&output.stdout, &output.stderr]
                .map(|text| String::from_utf8_lossy(text).into_owned());
            (said, output.status.code())
        });
        assert_eq!(ours, real, "redis-cli {args:?} {input:?}");
    }
}

#[test]
fn redis_cli_scans_every_key() {
    let served = Served::start("redis");
    let load: String = (0..2_000).map(|n| format!("SET key:{n} {n}\r\n")).collect();
    let Some(loaded) = run("redis-cli", &served.address, &["--pipe"], load.as_bytes()) else {
        return;
    };
    let said = String::from_utf8_lossy(&loaded.stdout).into_owned();
    assert!(said.contains("errors: 0, replies: 2000"), "{said}");
    for (args, count) in [
        (&["--scan"][..], 2_000),
        (&["--scan", "--pattern", "key:1?"], 10),
    ] {
        let scanned = run("redis-cli", &served.address, args, b"").unwrap();
        let text = String::from_utf8_lossy(&scanned.stdout).into_owned();
        let mut keys: Vec<&str> = text.lines().collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), count, "{args:?}");
    }
    let biggest = run("redis-cli", &served.address, &["--bigkeys"], b"").unwrap();
    let text = String::from_utf8_lossy(&biggest.stdout).into_owned();
    assert!(text.contains("2000 strings with"), "{text}");
}

#[test]
fn redis_benchmark_runs() {
    const TESTS: &str = "set,get,incr,lpush,rpop,sadd,hset,zadd";
    let served = Served::start("redis");
    let args = ["-t", TESTS, "-P", "16", "-n", "3200", "--csv"];
    let Some(ran) = run("redis-benchmark", &served.address, &args, b"") else {
        return;
    };
    let said = [&ran.stdout, &ran.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    assert!(ran.status.success(), "{said:?}");
    let tests: Vec<String> = said[0]
        .lines()
        .skip(1)
        .map(|line| line.split('"').nth(1).unwrap().to_lowercase())
        .collect();
    assert_eq!(tests.join(","), TESTS);
    assert_eq!(said[1], "");
}

#[test]
fn redis_rs_opens_its_own_sockets() {
    let served = Served::start("redis");
    for protocol in ["resp2", "resp3"] {
        let url = format!("redis://{}/1?protocol={protocol}", served.address);
        let client = redis::Client::open(url).unwrap();
        let mut connection = client.get_connection().unwrap();
        let mut set = cmd("SET");
        set.arg("lock")
            .arg(protocol)
            .arg("NX")
            .arg("PX")
            .arg(60_000);
        assert_eq!(
            set.query::<Option<String>>(&mut connection)
                .unwrap()
                .as_deref(),
            Some("OK")
        );
        assert_eq!(set.query::<Option<String>>(&mut connection).unwrap(), None);
        let (n, list): (i64, Vec<String>) = redis::pipe()
            .atomic()
            .incr("n", 5)
            .rpush("l", &["a", "b"])
            .ignore()
            .lrange("l", 0, -1)
            .query(&mut connection)
            .unwrap();
        assert_eq!((n, list), (5, vec!["a".to_owned(), "b".to_owned()]));
        let error = connection.incr::<_, _, i64>("lock", 1).unwrap_err();
        assert_eq!(
            error.detail(),
            Some("value is not an integer or out of range")
        );
        let _: () = cmd("FLUSHDB").query(&mut connection).unwrap();
        outside(channels(&client));
    }
}

/// A message goes from one connection to another.
async fn channels(client: &redis::Client) {
    use futures_util::StreamExt;
    let mut listener = client.get_async_pubsub().await.unwrap();
    listener.subscribe("news").await.unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let heard: i64 = connection.publish("news", "hello").await.unwrap();
    assert_eq!(heard, 1);
    let message = listener.on_message().next().await.unwrap();
    assert_eq!(message.get_payload::<String>().unwrap(), "hello");
}
