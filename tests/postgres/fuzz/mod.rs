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

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::channel;
use std::time::Duration;

use doublebuy::postgres::{Bug, Options};

use crate::fuzzed::{Answers, Noted, watch};

/// Simulated time after which a client gives up on an answer.
const PATIENCE: Duration = Duration::from_secs(20);
/// What sets the number of inputs.
const FUZZ: &str = "DOUBLEBUY_FUZZ";

fn options(planted: Option<Bug>) -> Options {
    Options {
        planted,
        ..Options::default()
    }
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
