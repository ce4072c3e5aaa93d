//! `serve redis` beside the real server, under redis-benchmark.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::served::Served;

const TESTS: &str = "set,get,incr,lpush,rpop,sadd,hset,zadd";
const REQUESTS: &str = "400000";
const ROUNDS: u32 = 3;

/// Runs redis-benchmark against both, in turn, and prints the rates.
pub fn redis_benchmark() {
    for name in ["redis-server", "redis-benchmark"] {
        let found = Command::new(name)
            .arg("--version")
            .stdout(Stdio::null())
            .status();
        if found.is_err() {
            return println!("serve redis beside the real one: skipped: no {name} binary");
        }
    }
    let (served, real) = (Served::start("redis"), Real::start());
    println!("redis-benchmark -t {TESTS} -P 16 -n {REQUESTS}, the best of {ROUNDS}:");
    let mut best: Vec<(String, [f64; 2])> = Vec::new();
    for _ in 0..ROUNDS {
        for (side, address) in [&served.address, &real.address].iter().enumerate() {
            for (at, (name, rate)) in rates(address).into_iter().enumerate() {
                if best.len() <= at {
                    best.push((name, [0.0; 2]));
                }
                best[at].1[side] = best[at].1[side].max(rate);
            }
        }
    }
    for (name, [ours, theirs]) in best {
        println!(
            "  {name:<6} serve redis {ours:>9.0}/s  Redis 7.0 {theirs:>9.0}/s  ours is {:.2} times as fast",
            ours / theirs
        );
    }
}

/// Requests a second, by test.
fn rates(address: &str) -> Vec<(String, f64)> {
    let (host, port) = address.rsplit_once(':').expect("host:port");
    let output = Command::new("redis-benchmark")
        .args(["-h", host, "-p", port, "-t", TESTS])
        .args(["-P", "16", "-n", REQUESTS, "--csv"])
        .output()
        .expect("redis-benchmark starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let rows = said.lines().skip(1).map(|row| {
        let mut fields = row.split(',').map(|field| field.trim_matches('"'));
        let name = fields.next().expect("a name").to_owned();
        let rate = fields.next().and_then(|rate| rate.parse().ok());
        (name, rate.expect("a rate"))
    });
    rows.collect()
}

/// The real server, ended when dropped.
struct Real {
    process: Child,
    address: String,
}

impl Real {
    fn start() -> Real {
        // The kernel picks a free port; nobody else is told of it.
        let probe = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = probe.local_addr().expect("an address");
        drop(probe);
        let mut process = Command::new("redis-server")
            .args(["--port", &address.port().to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let stdout = process.stdout.take().expect("a pipe");
        let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
        let is_ready = lines.any(|line| line.contains("Ready to accept connections"));
        assert!(is_ready, "it says that it is ready");
        Real {
            process,
            address: address.to_string(),
        }
    }
}

impl Drop for Real {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
