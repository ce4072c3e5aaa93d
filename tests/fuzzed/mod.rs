//! Batches of drawn input, for servers that no input may harm.
//!
//! Inputs are drawn by a seed, so a failure names the seed of its batch and
//! what led to it, and comes again. `NAME=1000000` in the environment sets how
//! many inputs a test draws, `NAME_SEED=7` where the seeds begin.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use doublebuy::draw::Draw;
use parking_lot::Mutex;

/// Inputs of a test where nothing else is asked for.
const INPUTS: u64 = 2_000;
/// Inputs that share a server.
pub const BATCH: u64 = 200;
/// Real time that no input takes, however slow the machine.
const HANG: Duration = Duration::from_secs(300);

fn asked(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().expect("a number"))
}

/// What the batches have been answered: words for errors, and `ok`, with their
/// counts.
pub type Answers = BTreeMap<String, u64>;

/// What a batch has sent so far.
#[derive(Clone, Default)]
pub struct Noted(Arc<Mutex<Vec<String>>>);

impl Noted {
    pub fn note(&self, input: impl Into<String>) {
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
pub fn watch(noted: &Noted, done: &Receiver<()>, patience: Duration, hung: impl FnOnce(String)) {
    let mut before = None;
    while done.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
        let now = Some(noted.0.lock().len());
        if now == before {
            return hung(noted.last());
        }
        before = now;
    }
}

/// Runs a batch; the process ends if it does not, and says how it comes again.
fn watched<T>(again: &str, noted: &Noted, batch: impl FnOnce() -> T) -> T {
    let (_running, done) = channel();
    let (again, noted) = (again.to_owned(), noted.clone());
    std::thread::spawn(move || {
        watch(&noted, &done, HANG, |inputs| {
            eprintln!("{inputs}\n{again} computes on after that input");
            std::process::abort();
        });
    });
    batch()
}

/// Runs batches until there were enough inputs. A batch notes each input
/// before it sends it.
pub fn batches(name: &str, batch: impl Fn(u64, Noted) -> Answers) -> Answers {
    let (inputs, first) = (asked(name, INPUTS), asked(&format!("{name}_SEED"), 1));
    let mut all = Answers::new();
    for seed in first..first + inputs.div_ceil(BATCH) {
        let noted = Noted::default();
        let again = format!("{name}_SEED={seed}");
        let run = || watched(&again, &noted, || batch(seed, noted.clone()));
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(answers) => {
                for (answer, count) in answers {
                    *all.entry(answer).or_default() += count;
                }
            }
            Err(panic) => {
                eprintln!("{}\n{again}, at that input", noted.last());
                resume_unwind(panic);
            }
        }
    }
    println!("{inputs} inputs: {all:?}");
    all
}

/// What has to be answered at some time, if as many inputs were asked for as
/// where nothing else is: fewer may happen to miss it.
pub fn assert_reached(name: &str, answers: &Answers, expected: &[&str]) {
    if asked(name, INPUTS) < INPUTS {
        return;
    }
    for reached in expected {
        assert!(
            answers.contains_key(*reached),
            "nothing was answered {reached}"
        );
    }
}

pub fn pick<'a, T>(draw: &mut Draw, from: &'a [T]) -> &'a T {
    &from[index(draw, from.len())]
}

/// An index below `length`, 0 if there is none.
pub fn index(draw: &mut Draw, length: usize) -> usize {
    usize::try_from(draw.within(0..length as u64)).unwrap()
}
