//! Bytes that are nearly requests.

use doublebuy::draw::Draw;
use tokio::io::AsyncWriteExt;

use super::{Client, FUZZ, PATIENCE, count, options, others_are_served};
use crate::differential::Pair;
use crate::fuzzed::{Answers, BATCH, Noted, assert_reached, batches, index, pick};
use crate::oracle::{RealRedis, request, words};
use crate::support::{serve_on_a_thread, simulate};
use doublebuy::rt;
use std::sync::Arc;

/// Commands whose every reply is fixed.
const COMMANDS: &[&str] = &[
    "PING",
    "PING hello",
    "ECHO a",
    "SET k v",
    "GET k",
    "SET k",
    "GET",
    "LPUSH k v",
    "INCR k",
    "MSET a 1 b 2 c 3",
    "MGET a b c d",
    "NOSUCH a b",
    "CONFIG NOSUCH",
    "MULTI",
    "EXEC",
    "DISCARD",
    "SUBSCRIBE news",
    "UNSUBSCRIBE",
    "HELLO 9",
    "HELLO",
    "SELECT 99",
    "QUIT",
    "EVAL return{1,2} 0",
    "EVAL x 0",
    "XADD s 1-1 f v",
    "XADD s 1-1 f",
    "ZADD z 1 a nan b",
    "GETRANGE k 0 -1",
];

/// Lengths that a client may claim.
const LENGTHS: &[&str] = &[
    "-1",
    "-2",
    "0",
    "1",
    "2",
    "00",
    "+1",
    " 1",
    "1 ",
    "x",
    "",
    "1024",
    "65536",
    "536870912",
    "536870913",
    "1048576",
    "1048577",
    "2147483647",
    "2147483648",
    "9223372036854775807",
    "-9223372036854775808",
    "99999999999999999999",
];

fn quoted(draw: &mut Draw, word: &[u8]) -> Vec<u8> {
    let quote: &[u8] = draw.pick(&[&b""[..], b"\"", b"'", b""]);
    let mut quoted = [quote, word, quote].concat();
    if draw.percent(5) {
        quoted.extend(*pick(draw, &[&b"\\x"[..], b"\"", b"'", b"\\", b"\0"]));
    }
    quoted
}

/// One request, as an array or on a line.
fn sent(draw: &mut Draw) -> Vec<u8> {
    let args = words(draw.pick(COMMANDS));
    if draw.percent(70) {
        return request(&args);
    }
    let mut line = Vec::new();
    for word in &args {
        line.extend(quoted(draw, word));
        line.extend(*pick(draw, &[&b" "[..], b"  ", b"\t", b" "]));
    }
    line.extend(*pick(draw, &[&b"\r\n"[..], b"\n", b"\r\n", b"\n\r", b"\r"]));
    line
}

/// Puts another length in the place of one.
fn lie(draw: &mut Draw, part: &mut Vec<u8>) {
    let starts: Vec<usize> = (0..part.len())
        .filter(|at| b"*$".contains(&part[*at]))
        .collect();
    if starts.is_empty() {
        return;
    }
    let start = *pick(draw, &starts) + 1;
    let digits = part[start..].iter().position(|byte| *byte == b'\r');
    let end = start + digits.unwrap_or(0);
    part.splice(start..end, pick(draw, LENGTHS).bytes());
}

fn break_part(draw: &mut Draw, part: &mut Vec<u8>) {
    let at = index(draw, part.len());
    match draw.number(0..9) {
        0 => part[at] ^= 1 << draw.number(0..8),
        1 => part[at] = draw.pick(&[0, b'\r', b'\n', b'*', b'$', b'-', b':', b' ', 0xff]),
        2 => part.truncate(at),
        3 => part.insert(
            at,
            draw.pick(&[0, b'\r', b'\n', b'*', b'$', b'"', b'\'', 0xff]),
        ),
        4 => part.extend_from_within(at..),
        5 => drop(part.remove(at)),
        6 => {
            let nested = *pick(
                draw,
                &[&b"*1\r\n"[..], b"%1\r\n", b"~1\r\n", b">1\r\n", b"|1\r\n"],
            );
            part.splice(at..at, nested.repeat(draw.number(1..40) as usize));
        }
        _ => lie(draw, part),
    }
}

/// What one client sends: mostly well, then broken, then well again.
fn input(draw: &mut Draw) -> Vec<u8> {
    let mut parts: Vec<Vec<u8>> = (0..draw.number(1..6)).map(|_| sent(draw)).collect();
    for _ in 0..draw.number(0..4) {
        let at = index(draw, parts.len());
        if !parts[at].is_empty() {
            break_part(draw, &mut parts[at]);
        }
    }
    parts.concat()
}

fn batch(seed: u64, noted: Noted) -> Answers {
    simulate(options(None), Arc::new(()), move |_| async move {
        let mut bystander = Client::new().await;
        let mut draw = Draw::new(seed, "wire");
        let mut answers = Answers::new();
        for _ in 0..BATCH {
            let input = input(&mut draw);
            noted.note(input.escape_ascii().to_string());
            let mut client = Client::new().await;
            // A server that has seen enough may hang up before the end.
            if client.stream.write_all(&input).await.is_ok() {
                let _gone = client.stream.shutdown().await;
            }
            let answered = rt::timeout(PATIENCE, async {
                while let Some(reply) = client.reply().await {
                    count(&mut answers, &reply);
                }
            });
            answered
                .await
                .expect("the server ends a connection that is closed");
            others_are_served(&mut bystander).await;
        }
        answers
    })
}

#[test]
fn broken_bytes_harm_their_own_connection_at_most() {
    let answers = batches(FUZZ, batch);
    assert_reached(
        FUZZ,
        &answers,
        &["ok", "ERR", "WRONGTYPE", "NOPROTO", "EXECABORT"],
    );
}

/// Inputs that both servers get.
const COMPARED: u64 = 1_500;

#[test]
fn broken_bytes_are_answered_as_by_the_real_server() {
    let Some(real) = RealRedis::start() else {
        return;
    };
    let simulated = serve_on_a_thread();
    for seed in 0..COMPARED {
        let input = input(&mut Draw::new(seed, "compared"));
        let mut pair = Pair::open(&real, &simulated);
        pair.call(&words("FLUSHALL"));
        let [real, simulated] = pair.servers().map(|server| {
            server.send(&input);
            server.hang_up();
            String::from_utf8_lossy(&server.rest()).into_owned()
        });
        // HELLO tells the client's number.
        let shown = |text: &str| {
            let mut parts = text.split("$2\r\nid\r\n");
            let first = parts.next().unwrap_or_default().to_owned();
            parts.fold(first, |shown, part| {
                shown + "id" + part.split_once("\r\n").map_or("", |(_, rest)| rest)
            })
        };
        assert_eq!(
            shown(&simulated),
            shown(&real),
            "seed {seed}: {}",
            input.escape_ascii()
        );
    }
}
