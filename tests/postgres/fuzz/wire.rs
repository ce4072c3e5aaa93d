//! Bytes that are nearly the protocol.

use std::sync::Arc;

use doublebuy::draw::Draw;
use doublebuy::postgres::{Bug, Disk};
use doublebuy::rt;
use tokio::io::AsyncWriteExt;

use super::client::{Client, message, next, startup};
use super::{FUZZ, PATIENCE, options, values};
use crate::fuzzed::{Answers, BATCH, Noted, assert_reached, batches, index, pick};
use crate::support::{ADDRESS, simulate};

const QUERIES: &[&str] = &[
    "SELECT 1",
    "SELECT n, t FROM thing ORDER BY n",
    "INSERT INTO thing VALUES (7, 'x') RETURNING *",
    "BEGIN; UPDATE thing SET t = 'y' WHERE n = 1; ROLLBACK",
    "SELECT $1::int4, $2::text, $3::numeric, $4::timestamptz, $5::int4[], $6::jsonb",
    "COPY thing FROM STDIN",
    "COPY thing FROM STDIN CSV",
    "COPY thing FROM STDIN BINARY",
    "COPY thing TO STDOUT",
    "COPY thing TO STDOUT CSV HEADER",
    "SELECT 1/0; SELECT 2",
    "LISTEN news; NOTIFY news, 'x'",
    "",
];

/// The bodies of parameters, in text and in binary.
const VALUES: &[&[u8]] = &[
    b"1",
    b"x",
    b"",
    b"\0\0\0\x01",
    b"\0\0\0\0\0\0\0\x01",
    b"\0\x01\0\0\0\0\0\0\0\x05",
    b"\0\0\0\x01\0\0\0\0\0\0\0\x17\0\0\0\x01\0\0\0\x01\0\0\0\x04\0\0\0\x2a",
    b"\x01{\"a\":1}",
    b"\x7f\xff\xff\xff\xff\xff\xff\xff",
    b"\xff\xff\xff\xff",
];

/// Data of a COPY, whole or in part.
const COPIED: &[&[u8]] = &[
    b"8\tcopied\n",
    b"9,\"co\npied\"\r\n",
    b"\\.\n",
    b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0",
    b"\0\x02\0\0\0\x04\0\0\0\x0a\0\0\0\x01x\xff\xff",
];

fn bind(draw: &mut Draw) -> Vec<u8> {
    let mut body = b"\0\0\0\x01".to_vec();
    body.extend(draw.pick(&[0_u16, 1]).to_be_bytes());
    let count = draw.pick(&[0_u16, 1, 6]);
    body.extend(count.to_be_bytes());
    for _ in 0..count {
        if draw.percent(10) {
            body.extend((-1_i32).to_be_bytes());
            continue;
        }
        let value = pick(draw, VALUES);
        body.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
        body.extend(*value);
    }
    body.extend(draw.pick(&[[0, 0, 0, 0], [0, 1, 0, 1]]));
    // Its format codes end the message: one for all or none.
    let end = if body.ends_with(&[0, 1]) { 0 } else { 2 };
    body.truncate(body.len() - end);
    message(b'B', &body)
}

/// One message that a client may send.
fn sent(draw: &mut Draw) -> Vec<u8> {
    let sql = pick(draw, QUERIES).as_bytes();
    match draw.number(0..12) {
        0 | 1 => message(b'Q', &[sql, b"\0"].concat()),
        2 => message(b'P', &[b"\0", sql, b"\0\0\0"].concat()),
        3 => message(b'P', &[b"s\0", sql, b"\0\0\x01\0\0\0\x17"].concat()),
        4 | 5 => bind(draw),
        6 => message(b'D', draw.pick(&[&b"P\0"[..], b"S\0", b"Ss\0"])),
        7 => message(b'E', draw.pick(&[&b"\0\0\0\0\0"[..], b"\0\0\0\0\x01"])),
        8 => message(b'C', draw.pick(&[&b"P\0"[..], b"Ss\0"])),
        9 => message(draw.pick(b"dp"), pick::<&[u8]>(draw, COPIED)),
        10 => message(draw.pick(b"cH"), b""),
        _ => message(b'S', b""),
    }
}

/// A statement about the values of a type, sent and answered in binary: in
/// text too, where it says so.
fn typed(draw: &mut Draw) -> Vec<Vec<u8>> {
    let (sql, ty) = values::statement(draw);
    let count = usize::from(sql.contains("$2")) + 1;
    let declared = draw.pick(&[0, 0, 1, 2]).min(count);
    let mut parse = [b"\0", sql.as_bytes(), b"\0"].concat();
    parse.extend(u16::try_from(declared).unwrap().to_be_bytes());
    for _ in 0..declared {
        let number = draw.pick(&[ty.1, ty.1, ty.1, ty.2, 0, 705, 2276, 2277, 2249]);
        parse.extend(number.to_be_bytes());
    }
    let mut bind = b"\0\0\0\x01\0\x01".to_vec();
    bind.extend(u16::try_from(count).unwrap().to_be_bytes());
    for index in 0..count {
        let value = values::parameter(draw, ty, &sql, index);
        bind.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
        bind.extend(value);
    }
    bind.extend(draw.pick(&[&b"\0\0"[..], b"\0\x01\0\x01"]));
    vec![
        message(b'P', &parse),
        message(b'B', &bind),
        message(b'D', b"P\0"),
        message(b'E', &[0, 0, 0, 0, draw.pick(&[0, 0, 1])]),
        message(b'E', b"\0\0\0\0\0"),
        message(b'S', b""),
    ]
}

/// A whole conversation of one client, each of its messages apart.
fn conversation(draw: &mut Draw) -> Vec<Vec<u8>> {
    let mut parts = vec![startup()];
    for _ in 0..draw.number(1..4) {
        match draw.number(0..5) {
            0 | 1 => parts.extend(typed(draw)),
            2 => parts.extend([
                message(
                    b'P',
                    &[b"\0", pick(draw, QUERIES).as_bytes(), b"\0\0\0"].concat(),
                ),
                bind(draw),
                message(b'D', b"P\0"),
                message(b'E', b"\0\0\0\0\0"),
                message(b'S', b""),
            ]),
            3 => parts.extend([
                message(b'Q', b"COPY thing FROM STDIN\0"),
                message(b'd', b"8\tcopied\n9\t\\N\n"),
                message(draw.pick(b"cf"), b""),
            ]),
            _ => parts.extend((0..4).map(|_| sent(draw))),
        }
    }
    parts
}

/// Breaks a message where its shape is: length, counts, ends.
fn break_message(draw: &mut Draw, part: &mut Vec<u8>) {
    let at = index(draw, part.len());
    match draw.number(0..7) {
        0 => part[at] ^= 1 << draw.number(0..8),
        1 => part[at] = draw.pick(&[0, 1, 0x7f, 0x80, 0xff]),
        2 => part.truncate(at),
        3 => part.insert(at, draw.pick(&[0, b'S', 0xff, b'\''])),
        4 => part.extend_from_within(at..),
        5 if part.len() >= 5 => {
            let length = draw.pick(&[0_u32, 3, 4, 5, 0x3fff_ffff, 0x4000_0000, u32::MAX]);
            part[1..5].copy_from_slice(&length.to_be_bytes());
        }
        _ => {
            // The length is true to the body, so the body itself is decoded.
            part.truncate(at.max(5));
            if draw.percent(50) {
                part.push(draw.pick(&[0, 1, 0xff]));
            }
            if let Ok(length) = u32::try_from(part.len().saturating_sub(1))
                && part.len() >= 5
            {
                part[1..5].copy_from_slice(&length.to_be_bytes());
            }
        }
    }
}

fn input(draw: &mut Draw) -> Vec<u8> {
    let mut parts = conversation(draw);
    for _ in 0..draw.pick(&[0, 0, 1, 2, 3]) {
        // Mostly the session is opened first.
        let from = usize::from(parts.len() > 1 && !draw.percent(10));
        let at = from + index(draw, parts.len() - from);
        match draw.number(0..10) {
            0 => drop(parts.remove(at)),
            1 => parts.push(parts[at].clone()),
            2 => {
                let other = from + index(draw, parts.len() - from);
                parts.swap(at, other);
            }
            3 => {
                let spliced = sent(draw);
                let cut = index(draw, spliced.len());
                parts[at].extend_from_slice(&spliced[cut..]);
            }
            _ if parts[at].is_empty() => {}
            _ => break_message(draw, &mut parts[at]),
        }
        if parts.is_empty() {
            break;
        }
    }
    parts.concat()
}

/// Sends the input, hangs up and counts what comes back.
async fn throw(input: &[u8], answers: &mut Answers) {
    let mut stream = rt::connect(ADDRESS).await.expect("the server listens");
    // A server that has seen enough may hang up before the end.
    let written = stream.write_all(input).await;
    if written.is_ok() {
        let _gone = stream.shutdown().await;
    }
    // Encryption requests are answered by a byte without a length.
    if input
        .get(4..8)
        .is_some_and(|code| code[..2] == [0x04, 0xd2])
    {
        return;
    }
    let answered = rt::timeout(PATIENCE, async {
        while let Some(answer) = next(&mut stream).await {
            let outcome = answer.sqlstate();
            if outcome.is_some() || answer.kind == b'C' {
                *answers
                    .entry(outcome.unwrap_or("ok".to_owned()))
                    .or_default() += 1;
            }
        }
    });
    answered
        .await
        .expect("the server ends a connection that is closed");
}

pub fn batch(seed: u64, noted: &Noted, planted: Option<Bug>) -> Answers {
    let noted = noted.clone();
    simulate(seed, move |mut world| async move {
        let disk = Disk::new();
        let server = world.start(&disk, options(planted), Arc::new(())).await;
        server
            .run_script(
                "CREATE TABLE thing (n int PRIMARY KEY, t text); CREATE TABLE typed (v text);
                 INSERT INTO thing VALUES (1, 'a')",
            )
            .unwrap();
        let mut bystander = Client::new().await;
        let mut draw = Draw::new(seed, "wire");
        let mut answers = Answers::new();
        for _ in 0..BATCH {
            let input = input(&mut draw);
            noted.note(input.escape_ascii().to_string());
            throw(&input, &mut answers).await;
            assert_eq!(bystander.ask("SELECT 1").await.as_deref(), Some("ok"));
            let mut fresh = Client::new().await;
            assert_eq!(
                fresh.ask("SELECT n FROM thing").await.as_deref(),
                Some("ok")
            );
        }
        answers
    })
}

#[test]
fn broken_bytes_harm_their_own_connection_at_most() {
    let answers = batches(FUZZ, |seed, noted| batch(seed, &noted, None));
    assert_reached(FUZZ, &answers, &["ok", "08P01", "22012", "22P03", "42601"]);
}
