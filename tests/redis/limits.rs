//! Limits of clients: how many there may be, how long they may say nothing,
//! how much they may send, and how much may wait for one that does not read.
//!
//! Each is played to the simulated server and to the real one.

use std::sync::Arc;
use std::time::Duration;

use doublebuy::net::{Action, Segment};
use doublebuy::redis::Options;
use doublebuy::rt;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::oracle::{Raw, RealRedis, pause, request, words};
use crate::support::{serve_on_a_thread, simulate};

/// What a client that connects is told when there are enough.
fn turned_away(address: &str) -> Vec<String> {
    let mut first = Raw::open(address);
    let mut said = vec![ask(&mut first, "CONFIG SET maxclients 2")];
    let mut second = Raw::open(address);
    said.push(ask(&mut second, "PING"));
    let mut third = Raw::open(address);
    said.push(String::from_utf8_lossy(&third.rest()).into_owned());
    said.push(info(&mut first, "connected_clients"));
    said.push(info(&mut first, "rejected_connections"));
    drop(second);
    // The server notices by itself.
    until(&mut first, "connected_clients", "1");
    let mut fourth = Raw::open(address);
    said.push(ask(&mut fourth, "PING"));
    said.push(ask(&mut fourth, "CONFIG SET maxclients 1"));
    said.push(ask(&mut first, "PING"));
    said.push(ask(&mut first, "CONFIG SET maxclients 10000"));
    said
}

/// Who may say nothing for longer than `timeout`, and who may not.
fn timed_out(address: &str) -> Vec<String> {
    let mut watcher = Raw::open(address);
    // Whoever listens is never let go, and can ask nevertheless.
    ask(&mut watcher, "HELLO 3");
    ask(&mut watcher, "SUBSCRIBE nothing");
    let mut clients = [0; 4].map(|_| Raw::open(address));
    let [idle, waits, listens, transacts] = &mut clients;
    let mut said = vec![
        ask(idle, "CLIENT SETNAME idle"),
        ask(transacts, "MULTI"),
        ask(listens, "SUBSCRIBE news"),
        ask(&mut watcher, "CONFIG SET timeout 1"),
    ];
    waits.ask(&words("BLPOP nothing 0"));
    until(&mut watcher, "connected_clients", "3");
    said.push(String::from_utf8_lossy(&idle.rest()).into_owned());
    said.push(String::from_utf8_lossy(&transacts.rest()).into_owned());
    // Whose wait ends has been idle for as long, until its reply is written.
    said.push(ask(&mut watcher, "CONFIG SET timeout 0"));
    said.push(ask(&mut watcher, "RPUSH nothing v"));
    said.push(String::from_utf8_lossy(&waits.reply()).into_owned());
    said.push(ask(&mut watcher, "PUBLISH news hello"));
    said.push(String::from_utf8_lossy(&listens.reply()).into_owned());
    said
}

/// What becomes of arguments and requests that are too long.
fn too_long(address: &str) -> Vec<String> {
    let mut watcher = Raw::open(address);
    let mib = 1 << 20;
    let mut said = vec![
        ask(&mut watcher, "CONFIG SET proto-max-bulk-len 1048575"),
        ask(&mut watcher, "CONFIG SET proto-max-bulk-len 1mb"),
        ask(&mut watcher, &format!("SETRANGE k {} x", mib - 1)),
        ask(&mut watcher, "SETRANGE k 1048576 x"),
        ask(&mut watcher, "APPEND k x"),
        ask(&mut watcher, "STRLEN k"),
        ask(&mut watcher, &format!("SETBIT bits {} 1", 8 * mib - 1)),
        ask(&mut watcher, &format!("SETBIT bits {} 1", 8 * mib)),
    ];
    for length in [mib, mib + 1] {
        let mut client = Raw::open(address);
        client.send(format!("*2\r\n$4\r\nECHO\r\n${length}\r\nxxxxxxxxxx").as_bytes());
        client.hang_up();
        said.push(String::from_utf8_lossy(&client.rest()).into_owned());
    }
    said.push(ask(&mut watcher, "CONFIG SET proto-max-bulk-len 512mb"));
    said.push(ask(
        &mut watcher,
        "CONFIG SET client-query-buffer-limit 1mb",
    ));
    let mut client = Raw::open(address);
    client.send(b"*2\r\n$4\r\nECHO\r\n$2000000\r\n");
    client.send(&vec![b'x'; 1_900_000]);
    said.push(String::from_utf8_lossy(&client.rest()).into_owned());
    said.push(ask(
        &mut watcher,
        "CONFIG SET client-query-buffer-limit 1gb",
    ));
    said.push(info(&mut watcher, "connected_clients"));
    said
}

/// Who is let go because too much waits to be read.
fn overfull(address: &str) -> Vec<String> {
    let mut watcher = Raw::open(address);
    let set = |limits: &str| {
        let mut set = words("CONFIG SET client-output-buffer-limit");
        set.push(limits.as_bytes().to_vec());
        set
    };
    let mut call = |args: &[Vec<u8>]| String::from_utf8_lossy(&watcher.call(args)).into_owned();
    let mut said = vec![
        call(&words("SETRANGE k 4000000 x")),
        call(&set("pubsub 1mb 0 0")),
        call(&set("normal 1mb 0")),
        call(&set("reader 1mb 0 0")),
        call(&words("CONFIG GET client-output-buffer-limit")),
    ];
    let mut listener = Raw::open(address);
    listener.call(&words("SUBSCRIBE news"));
    let message = vec![b'x'; 100_000];
    // Until it does not hear any more: what its socket takes is not counted.
    let heard = (0..500).take_while(|_| {
        let publish = [b"PUBLISH".to_vec(), b"news".to_vec(), message.clone()];
        call(&publish) == ":1\r\n"
    });
    let heard = heard.count();
    said.push(format!("let go: {}", (10..500).contains(&heard)));
    said.push(call(&set("normal 1mb 0 0")));
    let mut reader = Raw::open(address);
    let get = request(&words("GET k"));
    reader.send(&get.repeat(20));
    let length = reader.rest().len();
    said.push(format!("cut short: {}", length < 20 * 4_000_001));
    said.push(call(&set("normal 0 0 0 pubsub 32mb 8mb 60")));
    said
}

fn ask(client: &mut Raw, command: &str) -> String {
    String::from_utf8_lossy(&client.call(&words(command))).into_owned()
}

fn info(client: &mut Raw, field: &str) -> String {
    let info = ask(client, "INFO");
    let line = info.lines().find(|line| line.starts_with(field));
    line.unwrap_or_default().to_owned()
}

fn until(client: &mut Raw, field: &str, value: &str) {
    for _ in 0..2_000 {
        if info(client, field) == format!("{field}:{value}") {
            return;
        }
        pause(Duration::from_millis(5));
    }
    panic!("ten seconds, and {}", info(client, field));
}

#[test]
fn clients_meet_the_limits_of_the_real_server() {
    type Limit = fn(&str) -> Vec<String>;
    let limits: [Limit; 4] = [turned_away, timed_out, too_long, overfull];
    for limit in limits {
        let Some(real) = RealRedis::start() else {
            return;
        };
        assert_eq!(limit(&serve_on_a_thread()), limit(&real.address()));
    }
}

/// Far more than the buffers of a connection hold.
const LONG: usize = 4_000_000;

/// Redis buffers the replies of a client that sends on without reading: it
/// hears all of its requests, and the client all of its replies. What a reply
/// is labelled is said of the segment in which it begins, however late.
#[test]
fn a_client_that_does_not_read_is_heard() {
    let pongs = Arc::new(Mutex::new(Vec::new()));
    let seen = pongs.clone();
    let echoed = format!("${LONG}\r\n{}\r\n", "x".repeat(LONG));
    let said = format!("{echoed}+PONG\r\n{echoed}");
    simulate(Options::default(), Arc::new(()), move |world| async move {
        let _watched = world.network.add_rule(move |segment: &Segment<'_>| {
            if segment.labels.contains(&"reply to PING") {
                seen.lock().push(segment.bytes.contains(&b'+'));
            }
            Action::Pass
        });
        let echo = request(&[b"ECHO".to_vec(), vec![b'x'; LONG]]);
        let mut client = rt::connect("redis:6379").await.unwrap();
        for requests in [&echo, &request(&words("PING")), &echo] {
            let sent = rt::timeout(Duration::from_secs(60), client.write_all(requests));
            sent.await.expect("the server reads on").unwrap();
            rt::sleep(Duration::from_secs(1)).await;
        }
        let mut replies = vec![0; said.len()];
        client.read_exact(&mut replies).await.unwrap();
        assert!(replies == said.as_bytes(), "every reply, in order");
    });
    assert_eq!(*pongs.lock(), [true]);
}
