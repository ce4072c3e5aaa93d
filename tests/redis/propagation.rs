//! What a primary sends to its replicas, beside what the real one sends for
//! the same commands.
//!
//! `propagation.txt` holds conversations as `conversations.txt` does. Here it
//! is the stream that is compared, command for command, with the times in it
//! told from the start, to ten seconds, and members `random1`, `random2`, ...
//! taken for one another, as the servers need not draw the same.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::conversations::Side;
use crate::oracle::{Raw, RealRedis, words};
use crate::support::serve_on_a_thread;

const CONVERSATIONS: &str = include_str!("propagation.txt");

/// A server, those who talk to it, and one who listens to its stream.
struct Primary {
    side: Side,
    writer: Raw,
    replica: Raw,
    began: Duration,
}

impl Primary {
    fn new(address: String) -> Primary {
        let mut writer = Raw::open(&address);
        writer.call(&words("CONFIG SET repl-ping-replica-period 3600"));
        let replica = Raw::follow(&address);
        Primary {
            writer,
            replica,
            began: now(),
            side: Side::new(move || Raw::open(&address)),
        }
    }

    /// What the stream says of these lines.
    fn says(&mut self, lines: &str) -> Vec<String> {
        self.side.start_over();
        self.streamed();
        for line in lines.lines().filter(|line| !line.starts_with('#')) {
            self.side.play(line);
        }
        self.streamed()
    }

    /// The commands of the stream up to now.
    fn streamed(&mut self) -> Vec<String> {
        self.writer.call(&words("SET here-it-ends 1"));
        let mut said = Vec::new();
        loop {
            let command = String::from_utf8(self.replica.reply()).unwrap();
            if command.contains("here-it-ends") {
                return said;
            }
            let lengths_and_words = command.lines().skip(1);
            let words = lengths_and_words.skip(1).step_by(2);
            said.push(
                words
                    .map(|word| self.comparable(word))
                    .collect::<Vec<_>>()
                    .join(" "),
            );
        }
    }

    fn comparable(&self, word: &str) -> String {
        if word.starts_with("random") {
            return "random".to_owned();
        }
        let (time, sequence) = word.split_once('-').unwrap_or((word, ""));
        match time.parse::<u128>() {
            Ok(at) if at > self.began.as_millis() - 100_000_000 && time.len() == 13 => {
                let from_start = at as f64 - self.began.as_millis() as f64;
                format!(
                    "now{:+}s {sequence}",
                    (from_start / 10_000.0).round() * 10.0 + 0.0
                )
            }
            _ => word.to_owned(),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "another process lives in real time"
)]
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
}

#[test]
fn replicas_are_sent_what_the_real_server_sends() {
    let Some(real) = RealRedis::start() else {
        return;
    };
    let addresses = [real.address(), serve_on_a_thread()];
    let [mut real, mut simulated] = addresses.map(Primary::new);
    let mut wrong = Vec::new();
    let mut commands = 0;
    for conversation in CONVERSATIONS.split("\n\n") {
        let (real, simulated) = (real.says(conversation), simulated.says(conversation));
        commands += real.len();
        if real != simulated {
            wrong.push(format!(
                "{conversation}\nreal:      {real:#?}\nsimulated: {simulated:#?}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    assert!(commands > 100, "{commands} commands were sent");
}
