//! The simulated server against the real one: the same commands, the same
//! bytes.
//!
//! Sequences are drawn from seeds over few keys, so that commands meet, and a
//! sequence on which the servers disagree is shrunk before it is shown.
//! Deadlines are minutes away, or in the past, or so near that both servers
//! are waited for until the key is gone.

mod generator;
mod pair;
mod reply;

use doublebuy::draw::Draw;

use crate::oracle::RealRedis;
use pair::{Args, Pair};

/// Commands of a test run; `REDIS_DIFFERENTIAL_COMMANDS` asks for more.
const COMMANDS: u64 = 6_000;
/// Commands that start from the same empty databases.
const SEQUENCE: u64 = 60;

/// Sequences that are shown before a test gives up.
const SHOWN: usize = 8;

#[test]
fn random_commands_get_the_same_replies() {
    let Some(real) = RealRedis::start() else {
        return;
    };
    let commands = std::env::var("REDIS_DIFFERENTIAL_COMMANDS")
        .map_or(COMMANDS, |count| count.parse().unwrap());
    let first = std::env::var("REDIS_DIFFERENTIAL_SEED").map_or(0, |seed| seed.parse().unwrap());
    let simulated = crate::support::serve_on_a_thread();
    let mut wrong = Vec::new();
    for seed in first..first + commands.div_ceil(SEQUENCE) {
        let mut draw = Draw::new(seed, "redis/differential");
        let sequence: Vec<_> = (0..SEQUENCE)
            .map(|_| generator::command(&mut draw))
            .collect();
        let run = |sequence: &[Args]| Pair::open(&real, &simulated).run(sequence).err();
        if let Some(found) = run(&sequence) {
            let sequence = shrink(sequence, |candidate| run(candidate).is_some());
            let found = run(&sequence).unwrap_or(found);
            wrong.push(format!("seed {seed}: {found}"));
        }
        if wrong.len() == SHOWN {
            break;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Drops commands as long as the servers still disagree.
fn shrink(mut sequence: Vec<Args>, disagrees: impl Fn(&[Args]) -> bool) -> Vec<Args> {
    let mut piece = sequence.len() / 2;
    while piece > 0 {
        let mut start = 0;
        while start < sequence.len() {
            let mut shorter = sequence.clone();
            shorter.drain(start..(start + piece).min(sequence.len()));
            if disagrees(&shorter) {
                sequence = shorter;
            } else {
                start += piece;
            }
        }
        piece /= 2;
    }
    sequence
}

#[test]
fn a_shrunk_sequence_keeps_what_it_takes() {
    let word = |text: &str| vec![text.as_bytes().to_vec()];
    let sequence: Vec<Args> = (0..60).map(|n: u32| word(&n.to_string())).collect();
    let shrunk = shrink(sequence, |candidate| {
        ["7", "23", "58"]
            .iter()
            .all(|needed| candidate.contains(&word(needed)))
    });
    assert_eq!(shrunk, ["7", "23", "58"].map(word));
}

/// Scripts whose every reply is fixed, one a line, `|` before KEYS and ARGV.
const SCRIPTS: &str = include_str!("scripts.txt");

#[test]
fn scripts_get_the_same_replies() {
    let Some(real) = RealRedis::start() else {
        return;
    };
    let mut pair = Pair::open(&real, &crate::support::serve_on_a_thread());
    let mut wrong = Vec::new();
    for line in SCRIPTS.lines().filter(|line| !line.is_empty()) {
        let (text, tail) = line.rsplit_once('|').unwrap_or((line, "0"));
        let text = text.replace("\\n", "\n").into_bytes();
        let mut args = vec![b"EVAL".to_vec(), text];
        args.extend(tail.split(' ').map(|word| word.as_bytes().to_vec()));
        let [real, simulated] = pair.call(&args);
        if real != simulated {
            let [real, simulated] =
                [real, simulated].map(|r| String::from_utf8_lossy(&r).into_owned());
            wrong.push(format!(
                "{line}\n  real:      {real:?}\n  simulated: {simulated:?}"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} scripts:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn broken_requests_get_the_same_errors_and_end_their_connection() {
    let Some(real) = RealRedis::start() else {
        return;
    };
    let simulated = crate::support::serve_on_a_thread();
    let long = [b"*1\r\n$".to_vec(), b"1".repeat(70_000)].concat();
    let requests: &[&[u8]] = &[
        b"*1\r\n+PING\r\n",
        b"*1\r\n$-1\r\n",
        b"*1\r\n$x\r\n",
        b"*1\r\n$\r\n",
        b"*x\r\n",
        b"*\r\n",
        b"*3000000000\r\n",
        b"*1\r\n$600000000\r\n",
        b"*1\r\n$4\r\nPING\r\n*1\r\n:1\r\n",
        b"GET \"a\r\n",
        b"GET \"a\"b\r\n",
        &b"x".repeat(70_000),
        &[b"*".to_vec(), b"1".repeat(70_000)].concat(),
        &long,
    ];
    for request in requests {
        let mut pair = Pair::open(&real, &simulated);
        pair.real.send(request);
        pair.simulated.send(request);
        assert_eq!(
            String::from_utf8_lossy(&pair.simulated.rest()),
            String::from_utf8_lossy(&pair.real.rest()),
            "{:?}",
            String::from_utf8_lossy(&request[..request.len().min(40)])
        );
    }
    let mut pair = Pair::open(&real, &simulated);
    for inline in [
        "PING\r\n",
        "  set a 'b c'\nGET a\r\n",
        "ECHO \"\\x41\\n\\\"\"\r\n",
        "\r\n*0\r\nPING\n",
        "*-1\r\nping\r\n",
        "echo 'it\\'s'\n",
    ] {
        pair.real.send(inline.as_bytes());
        pair.simulated.send(inline.as_bytes());
        let (simulated, real) = (pair.simulated.reply(), pair.real.reply());
        assert_eq!(
            String::from_utf8_lossy(&simulated),
            String::from_utf8_lossy(&real),
            "{inline:?}"
        );
    }
}
