//! Broken input, thousands of times: bytes that are nearly the protocol and
//! statements that are nearly SQL.
//!
//! The server must not panic, must not answer an internal error, must write
//! nothing but whole messages, and must serve the next client as if nothing
//! had been. Inputs are drawn by a seed, so a failure names the seed of its
//! batch and what led to it, and comes again. `DOUBLEBUY_FUZZ=1000000` sets how
//! many inputs each of the two tests draws, `DOUBLEBUY_FUZZ_SEED=7` where the
//! seeds begin.

mod client;
mod nested;
mod statements;
mod values;
mod wire;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use doublebuy::draw::Draw;
use doublebuy::postgres::{Bug, Options};
use parking_lot::Mutex;

/// Inputs of a test where nothing else is asked for.
const INPUTS: u64 = 2_000;
/// Inputs that share a server.
const BATCH: u64 = 200;
/// Simulated time after which a client gives up on an answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// Real time that no input takes, however slow the machine.
const HANG: Duration = Duration::from_secs(300);

fn asked(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().expect("a number"))
}

/// What the batches have been answered: SQLSTATEs and `ok`, with their counts.
type Answers = BTreeMap<String, u64>;

/// What a batch has sent so far.
#[derive(Clone, Default)]
struct Noted(Arc<Mutex<Vec<String>>>);

impl Noted {
    fn note(&self, input: impl Into<String>) {
        self.0.lock().push(input.into());
    }

    /// The newest inputs: the last one, and what it may stand on.
    fn last(&self) -> String {
        let inputs = self.0.lock();
        let shown = inputs[inputs.len().saturating_sub(BATCH as usize)..].iter();
        let shown = shown.map(|input| {
            let end = input.floor_char_boundary(2_000);
            &input[..end]
        });
        shown.collect::<Vec<_>>().join("\n")
    }
}

/// Calls `hung` with the inputs if none is followed by another for as long as
/// `patience`: nothing inside of a simulation can interrupt what computes.
fn watch(noted: &Noted, done: &Receiver<()>, patience: Duration, hung: impl FnOnce(String)) {
    let mut before = None;
    while done.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
        let now = Some(noted.0.lock().len());
        if now == before {
            return hung(noted.last());
        }
        before = now;
    }
}

/// Runs a batch; the process ends if it does not.
fn watched<T>(seed: u64, noted: &Noted, batch: impl FnOnce() -> T) -> T {
    let (_running, done) = channel();
    let noted = noted.clone();
    std::thread::spawn(move || {
        watch(&noted, &done, HANG, |inputs| {
            eprintln!("{inputs}\nDOUBLEBUY_FUZZ_SEED={seed} computes on after that input");
            std::process::abort();
        });
    });
    batch()
}

/// Runs batches until there were enough inputs. A batch notes each input
/// before it sends it.
fn batches(batch: impl Fn(u64, Noted) -> Answers) -> Answers {
    let (inputs, first) = (
        asked("DOUBLEBUY_FUZZ", INPUTS),
        asked("DOUBLEBUY_FUZZ_SEED", 1),
    );
    let mut all = Answers::new();
    for seed in first..first + inputs.div_ceil(BATCH) {
        let noted = Noted::default();
        let run = || watched(seed, &noted, || batch(seed, noted.clone()));
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(answers) => {
                for (answer, count) in answers {
                    *all.entry(answer).or_default() += count;
                }
            }
            Err(panic) => {
                eprintln!(
                    "{}\nDOUBLEBUY_FUZZ_SEED={seed}, at that input",
                    noted.last()
                );
                resume_unwind(panic);
            }
        }
    }
    println!("{inputs} inputs: {all:?}");
    all
}

fn assert_reached(answers: &Answers, expected: &[&str]) {
    for reached in expected {
        assert!(
            answers.contains_key(*reached),
            "nothing was answered {reached}"
        );
    }
}

fn options(planted: Option<Bug>) -> Options {
    Options {
        planted,
        ..Options::default()
    }
}

fn pick<'a, T>(draw: &mut Draw, from: &'a [T]) -> &'a T {
    &from[index(draw, from.len())]
}

/// An index below `length`, 0 if there is none.
fn index(draw: &mut Draw, length: usize) -> usize {
    usize::try_from(draw.within(0..length as u64)).unwrap()
}

/// True if a batch ends with a panic.
fn panics(batch: impl FnOnce() -> Answers) -> bool {
    catch_unwind(AssertUnwindSafe(batch)).is_err()
}

#[test]
fn a_decoder_that_trusts_its_client_is_noticed() {
    let planted = Some(Bug::TrustLengths);
    assert!(panics(|| wire::batch(1, &Noted::default(), planted)));
}

#[test]
fn a_panic_is_noticed() {
    let planted = Some(Bug::PanicHoldingLock);
    // Not every batch has an UPDATE that changes something.
    let panicked = |seed| panics(|| statements::batch(seed, &Noted::default(), planted));
    assert!((1..20).any(panicked));
}

#[test]
fn what_computes_on_is_named() {
    let noted = Noted::default();
    noted.note("SELECT hang()");
    let (_running, done) = channel();
    let mut named = None;
    watch(&noted, &done, Duration::from_millis(1), |inputs| {
        named = Some(inputs)
    });
    assert_eq!(named.as_deref(), Some("SELECT hang()"));
}
