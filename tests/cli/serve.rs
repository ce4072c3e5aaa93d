//! `serve` opens a server on a real socket and ends when it is told to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use crate::house::House;

/// A server that runs, killed if a test fails.
struct Serving {
    process: Child,
    address: String,
}

impl Serving {
    fn start(house: &House, server: &str) -> Serving {
        let mut command = house.command(&format!("serve {server} --listen 127.0.0.1:0"));
        let mut process = command.stdout(Stdio::piped()).spawn().expect("the program");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("listening on ");
        Serving {
            address: address.expect("where it listens").to_owned(),
            process,
        }
    }

    /// What the server answers to some bytes.
    fn answer(&self, request: &[u8], length: usize) -> Vec<u8> {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.write_all(request).expect("a request");
        let mut answer = vec![0; length];
        stream.read_exact(&mut answer).expect("an answer");
        answer
    }

    /// Sends a signal and gives the exit code.
    fn end(mut self, signal: &str) -> Option<i32> {
        let pid = self.process.id().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status();
        assert!(sent.expect("kill runs").success());
        self.process.wait().expect("it ends").code()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Asks for TLS, which is answered with one byte: no.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

#[test]
fn both_servers_listen_and_end_on_a_signal() {
    let house = House::new("serve");
    for (server, request, answer, signal) in [
        ("postgres", &SSL_REQUEST[..], &b"N"[..], "-TERM"),
        ("redis", b"PING\r\n", b"+PONG\r\n", "-INT"),
    ] {
        let serving = Serving::start(&house, server);
        assert_eq!(serving.answer(request, answer.len()), answer);
        assert_eq!(serving.end(signal), Some(0), "{server}");
    }
}

#[test]
fn a_replica_and_a_sentinel_can_be_served() {
    let house = House::new("serve-replica");
    let primary = Serving::start(&house, "redis");
    let (host, port) = primary.address.rsplit_once(':').expect("a port");
    let replica = Serving::start(&house, &format!("redis --replicaof {host} {port}"));
    let role = b"*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n";
    assert_eq!(replica.answer(b"ROLE\r\n", role.len()), role);
    let sentinel = Serving::start(&house, &format!("redis --sentinel shop {host} {port} 1"));
    let address = format!("*2\r\n$9\r\n127.0.0.1\r\n${}\r\n{port}\r\n", port.len());
    let asked = b"SENTINEL get-master-addr-by-name shop\r\n";
    assert_eq!(sentinel.answer(asked, address.len()), address.as_bytes());
}

#[test]
fn a_port_in_use_is_refused() {
    let house = House::new("serve-twice");
    let serving = Serving::start(&house, "postgres");
    let ended = house.run(&format!("serve redis --listen {}", serving.address));
    ended
        .code(2)
        .says(&["cannot listen on", "another program does", "port 0"]);
}

#[test]
fn an_address_must_be_loopback_unless_that_is_wanted() {
    let house = House::new("serve-public");
    let refused = house.run("serve postgres --listen 0.0.0.0:0");
    refused
        .code(2)
        .says(&["not a loopback address", "--public"]);
}

#[test]
fn what_cannot_be_served_is_refused() {
    let house = House::new("serve-bad");
    for (arguments, said) in [
        ("serve mysql", "postgres, redis"),
        ("serve postgres --listen nonsense", "HOST:PORT"),
        ("serve postgres --listen 127.0.0.1:70000", "HOST:PORT"),
        ("serve postgres --set max_connections", "NAME=VALUE"),
        ("serve postgres --set max_connections=0", "from 1 up"),
        ("serve postgres --set speed=1", "no such option"),
        ("serve redis --set speed=1", "no such option"),
        ("serve redis --replicaof 127.0.0.1 x", "PORT is x"),
        (
            "serve redis --sentinel shop 127.0.0.1 6379 0",
            "QUORUM is 0",
        ),
        ("serve postgres --replicaof 127.0.0.1 1", "for redis"),
    ] {
        house.run(arguments).code(2).says(&[said]);
    }
}
