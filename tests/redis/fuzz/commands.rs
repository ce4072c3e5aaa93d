//! Commands that are nearly right: those of the differential test, with
//! arguments that are missing, too many, or at the ends of what there is.

use std::sync::Arc;

use doublebuy::draw::Draw;
use doublebuy::redis::Bug;

use super::{Client, FUZZ, options, others_are_served};
use crate::differential::generator::sequence;
use crate::fuzzed::{Answers, BATCH, Noted, assert_reached, batches, index, pick};
use crate::support::simulate;

type Args = Vec<Vec<u8>>;

const EXTREMES: &[&str] = &[
    "",
    "0",
    "-1",
    "1",
    "100",
    "2147483647",
    "2147483648",
    "-2147483648",
    "4294967295",
    "4294967296",
    "536870911",
    "536870912",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551615-18446744073709551615",
    "99999999999999999999999999",
    "1e308",
    "-1e308",
    "1e-400",
    "nan",
    "inf",
    "-inf",
    "0x10",
    "1.5",
    "*",
    "$",
    ">",
    "-",
    "+",
    "(",
    "[",
    "((1",
    "(9223372036854775807",
    "[[[[[[",
    "[^",
    "\\",
    "\u{e9}\u{1f600}",
    "#4294967295",
    "u64",
    "i64",
    "u63",
    "i65",
    "COUNT",
    "LIMIT",
    "STREAMS",
    "BLOCK",
    "STORE",
    "GET",
    "BY",
    "WEIGHTS",
    "ABSTTL",
    "a",
    "h1",
    "l1",
    "z1",
    "x1",
];

/// Bytes of a command whose arguments may come over and over: more, again and
/// again, would take all memory before any server saw them.
const REPEATED_MAX: usize = 100_000;

fn mutate(draw: &mut Draw, args: &mut Args) {
    let (at, to) = (index(draw, args.len()), index(draw, args.len()));
    match draw.number(0..16) {
        0 if args.len() > 1 => drop(args.remove(at)),
        1 => args.insert(to, args[at].clone()),
        2 => args.swap(at, to),
        3 => args.truncate(at.max(1)),
        4 => args.insert(at.max(1), pick(draw, EXTREMES).as_bytes().to_vec()),
        5 if !args[at].is_empty() => {
            let byte = index(draw, args[at].len());
            args[at][byte] ^= 1 << draw.number(0..8);
        }
        6 => args[at].resize(draw.number(0..70_000) as usize, b'x'),
        7 if args.iter().map(Vec::len).sum::<usize>() < REPEATED_MAX => {
            let more = args[at..].to_vec();
            for _ in 0..draw.number(1..200) {
                args.extend_from_slice(&more);
            }
        }
        _ => {
            let at = at.max(1).min(args.len() - 1);
            args[at] = pick(draw, EXTREMES).as_bytes().to_vec();
        }
    }
}

/// Whether a server would do as it is told, with everyone, or for hours, or
/// send a snapshot, which is no reply: no bug, but no test.
fn is_for_all(args: &Args) -> bool {
    let is = |at: usize, word: &str| {
        let arg = args.get(at);
        arg.is_some_and(|arg| arg.eq_ignore_ascii_case(word.as_bytes()))
    };
    let many = ["SRANDMEMBER", "HRANDFIELD", "ZRANDMEMBER"];
    let asks_for_many = args
        .iter()
        .any(|arg| arg.starts_with(b"-") && arg.len() > 6);
    is(0, "CLIENT") && (is(1, "PAUSE") || is(1, "KILL"))
        || is(0, "CONFIG") && is(1, "SET")
        || is(0, "REPLICAOF")
        || is(0, "SLAVEOF")
        || is(0, "SYNC")
        || is(0, "PSYNC")
        || many.iter().any(|word| is(0, word)) && asks_for_many
}

fn input(draw: &mut Draw, from: &[Args]) -> Vec<Args> {
    let mut commands = Vec::new();
    for _ in 0..draw.number(1..5) {
        let mut args = pick(draw, from).clone();
        for _ in 0..draw.pick(&[0, 1, 1, 2, 4]) {
            mutate(draw, &mut args);
        }
        if !is_for_all(&args) {
            commands.push(args);
        }
    }
    commands
}

fn batch(seed: u64, noted: Noted, planted: Option<Bug>) -> Answers {
    simulate(options(planted), Arc::new(()), move |_| async move {
        let mut bystander = Client::new().await;
        // What an offset or a count makes a server reserve is kept small.
        bystander.ask("CONFIG SET proto-max-bulk-len 1mb").await;
        let mut client = Client::new().await;
        let mut draw = Draw::new(seed, "commands");
        let from: Vec<Args> = sequence(seed, 500)
            .into_iter()
            .map(|step| step.args)
            .collect();
        let mut answers = Answers::new();
        for _ in 0..BATCH {
            let input = input(&mut draw, &from);
            noted.note(format!(
                "{:#?}",
                input.iter().map(shown).collect::<Vec<_>>()
            ));
            if !client.survives(&input, &mut answers).await {
                client = Client::new().await;
            }
            others_are_served(&mut bystander).await;
        }
        answers
    })
}

fn shown(args: &Args) -> String {
    let words = args.iter().map(|arg| arg.escape_ascii().to_string());
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn broken_commands_leave_the_server_as_it_was() {
    let answers = batches(FUZZ, |seed, noted| batch(seed, noted, None));
    assert_reached(
        FUZZ,
        &answers,
        &["ok", "ERR", "WRONGTYPE", "NOSCRIPT", "EXECABORT"],
    );
}
