//! Broken input, thousands of times: bytes that are nearly RESP, commands that
//! are nearly right, scripts that are nearly Lua.
//!
//! The server must not panic, must write nothing but whole replies, must end
//! what a script does not end, and must serve the next client as if nothing
//! had been. Inputs are drawn by a seed, so a failure names the seed of its
//! batch and the input, and comes again. `REDIS_FUZZ=1000000` sets how many
//! inputs each of the tests draws, `REDIS_FUZZ_SEED=7` where the seeds begin.

mod commands;
mod scripts;
mod wire;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use bytes::BytesMut;
use doublebuy::redis::{Bug, Options};
use doublebuy::rt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::fuzzed::{Answers, Noted};
use crate::oracle::{request, whole_reply, words};

/// Simulated time after which a client gives up on an answer.
/// Where every input waits for it, a batch still ends in time.
const PATIENCE: Duration = Duration::from_secs(2);
/// Instructions of a script: enough for every one that ends.
const INSTRUCTIONS_MAX: u64 = 300_000;

/// What sets the number of inputs.
const FUZZ: &str = "REDIS_FUZZ";

fn options(planted: Option<Bug>) -> Options {
    Options {
        planted,
        script_instructions_max: INSTRUCTIONS_MAX,
        ..Options::default()
    }
}

/// A client that takes replies apart as the oracle's does.
struct Client {
    stream: rt::Stream,
    input: BytesMut,
}

impl Client {
    async fn new() -> Client {
        Client {
            stream: rt::connect("redis:6379").await.expect("the server listens"),
            input: BytesMut::new(),
        }
    }

    /// The next reply; none at the end of the stream, which is not in the
    /// middle of one.
    async fn reply(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(reply) = whole_reply(&mut self.input) {
                return Some(reply);
            }
            let read = self.stream.read_buf(&mut self.input).await;
            if read.ok()? == 0 {
                assert_eq!(self.input, "", "a reply is whole");
                return None;
            }
        }
    }

    /// Sends a command that has one reply.
    async fn ask(&mut self, command: &str) -> Option<Vec<u8>> {
        self.stream
            .write_all(&request(&words(command)))
            .await
            .ok()?;
        self.reply().await
    }

    /// Sends commands and counts their replies, up to the last one, which has
    /// the client start over. False if it waits for what no one will give it,
    /// or was told to go.
    async fn survives(&mut self, commands: &[Vec<Vec<u8>>], answers: &mut Answers) -> bool {
        let mut bytes: Vec<u8> = commands.iter().flat_map(|args| request(args)).collect();
        bytes.extend(request(&words("RESET")));
        if self.stream.write_all(&bytes).await.is_err() {
            return false;
        }
        let all = rt::timeout(PATIENCE, async {
            while let Some(reply) = self.reply().await {
                if reply == b"+RESET\r\n" {
                    return true;
                }
                count(answers, &reply);
            }
            false
        });
        all.await.unwrap_or(false)
    }
}

/// Counts a reply by its first word if it is an error.
fn count(answers: &mut Answers, reply: &[u8]) {
    let text = String::from_utf8_lossy(reply);
    let error = text
        .strip_prefix('-')
        .and_then(|text| text.split(' ').next());
    *answers
        .entry(error.unwrap_or("ok").trim().to_owned())
        .or_default() += 1;
}

/// Somebody else is served, and so is somebody new.
async fn others_are_served(bystander: &mut Client) {
    assert_eq!(
        bystander.ask("PING").await.as_deref(),
        Some(&b"+PONG\r\n"[..])
    );
    let mut fresh = Client::new().await;
    assert_eq!(
        fresh.ask("ECHO x").await.as_deref(),
        Some(&b"$1\r\nx\r\n"[..])
    );
}

#[test]
fn a_panic_is_noticed() {
    let batch = || scripts::batch(1, Noted::default(), Some(Bug::PanicHoldingLock));
    let noticed = catch_unwind(AssertUnwindSafe(batch));
    assert!(noticed.is_err(), "the first script panics");
}
