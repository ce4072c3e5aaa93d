//! The simulated server against the real one: the same commands, the same
//! bytes.
//!
//! Sequences are drawn from seeds over few keys, so that commands meet, and a
//! sequence on which the servers disagree is shrunk before it is shown.
//! Deadlines are minutes away, or in the past, or so near that both servers
//! are waited for until the key is gone.

mod agree;
pub mod generator;
mod pair;
mod play;
mod reply;
mod words;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use doublebuy::redis::Bug;
use parking_lot::Mutex;

use crate::oracle::RealRedis;
use crate::support::serve_planted_on_a_thread;
pub use pair::Pair;
use play::{Disagreement, Game, Step};

/// Commands of a test run; `REDIS_DIFFERENTIAL_COMMANDS` asks for more.
const COMMANDS: u64 = 8_000;
/// Commands that start from the same empty databases.
const SEQUENCE: u64 = 60;

/// Sequences that are shown before a test gives up.
const SHOWN: usize = 8;
/// Pairs of servers that are compared at the same time: most of it is waiting.
const TABLES: usize = 4;

#[test]
fn random_commands_get_the_same_replies() {
    let number = |name: &str, usual| {
        std::env::var(name).map_or(usual, |number| number.parse::<u64>().unwrap())
    };
    let first = number("REDIS_DIFFERENTIAL_SEED", 0);
    let seeds = number("REDIS_DIFFERENTIAL_COMMANDS", COMMANDS).div_ceil(SEQUENCE);
    let (next, wrong) = (AtomicU64::new(first), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..TABLES {
            scope.spawn(|| {
                let Some(real) = RealRedis::start() else {
                    return;
                };
                let simulated = crate::support::serve_on_a_thread();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + seeds || wrong.lock().len() >= SHOWN {
                        return;
                    }
                    let compared = || disagreement(&real, &simulated, seed);
                    match catch_unwind(AssertUnwindSafe(compared)) {
                        Ok(None) => {}
                        Ok(Some(found)) => wrong.lock().push(format!("seed {seed}: {found}")),
                        Err(panic) => {
                            eprintln!("at seed {seed}");
                            resume_unwind(panic);
                        }
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The shortest part of a seed's sequence on which the servers disagree, if
/// they do.
fn disagreement(real: &RealRedis, simulated: &str, seed: u64) -> Option<Disagreement> {
    let sequence = generator::sequence(seed, SEQUENCE);
    let play = |sequence: &[Step]| Game::new(real, simulated).play(sequence).err();
    let found = play(&sequence)?;
    let sequence = shrink(sequence, |candidate| play(candidate).is_some());
    Some(play(&sequence).unwrap_or(found))
}

/// Drops commands as long as the servers still disagree.
fn shrink(mut sequence: Vec<Step>, disagrees: impl Fn(&[Step]) -> bool) -> Vec<Step> {
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
    let step = |text: &str| Step {
        client: 0,
        args: vec![text.as_bytes().to_vec()],
    };
    let sequence: Vec<Step> = (0..60).map(|n: u32| step(&n.to_string())).collect();
    let shrunk = shrink(sequence, |candidate| {
        ["7", "23", "58"]
            .iter()
            .all(|needed| candidate.contains(&step(needed)))
    });
    assert_eq!(shrunk, ["7", "23", "58"].map(step));
}

/// A key gets a deadline, and a plain SET forgets it: two commands, and the key
/// that is left tells.
#[test]
fn a_planted_bug_is_found_and_shrunk_to_what_it_takes() {
    let Some(real) = RealRedis::start() else {
        return;
    };
    let simulated = serve_planted_on_a_thread(Some(Bug::SetKeepsTtl));
    let mut found = (0..400).filter_map(|seed| disagreement(&real, &simulated, seed));
    let found = found.next().expect("a disagreement");
    assert_eq!(found.sequence.len(), 2, "{found}");
    assert!(
        found.sequence[1].contains(" SET "),
        "a plain SET comes last: {found}"
    );
}

/// Scripts whose every reply is fixed, one a line, `|` before KEYS and ARGV.
pub const SCRIPTS: &str = include_str!("scripts.txt");

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
