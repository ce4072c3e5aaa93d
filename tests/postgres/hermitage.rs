//! Hermitage: which anomaly each isolation level of PostgreSQL prevents, by
//! Kleppmann's schedules, on the simulated server and on a real one.

use doublebuy::postgres::Options;

use crate::support::real::Real;
use crate::support::schedule::simulated;

const SETUP: &str = "
    CREATE TABLE test (id int PRIMARY KEY, value int);
    INSERT INTO test VALUES (1, 10), (2, 20);
";

const LEVELS: [&str; 3] = ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"];

/// An anomaly: its schedule after everybody has begun, how to see in the
/// transcript that it was prevented, and at which levels it is.
struct Anomaly {
    name: &'static str,
    sessions: &'static [&'static str],
    schedule: &'static str,
    prevented: fn(&Transcript) -> bool,
    expected: [bool; 3],
}

/// What each step answered in the end.
struct Transcript(String);

impl Transcript {
    /// The answers to steps of a session that contain this text, in order.
    fn answers(&self, session: &str, text: &str) -> Vec<&str> {
        self.0
            .lines()
            .filter_map(|line| line.split_once(" -> "))
            .filter(|(step, answer)| {
                step.starts_with(session) && step.contains(text) && *answer != "waits"
            })
            .map(|(_, answer)| answer)
            .collect()
    }

    fn failed(&self) -> bool {
        self.0.contains("-> 40001")
    }

    fn sees(&self, session: &str, text: &str) -> bool {
        let answers = self.answers(session, "SELECT");
        answers.iter().any(|answer| answer.contains(text))
    }
}

const ALL: [bool; 3] = [true, true, true];
const FROM_REPEATABLE_READ: [bool; 3] = [false, true, true];
const SERIALIZABLE: [bool; 3] = [false, false, true];

const ANOMALIES: &[Anomaly] = &[
    Anomaly {
        name: "G0",
        sessions: &["a", "b"],
        schedule: "
            a: UPDATE test SET value = 11 WHERE id = 1
            b: UPDATE test SET value = 12 WHERE id = 1
            a: UPDATE test SET value = 21 WHERE id = 2
            a: COMMIT
            b: UPDATE test SET value = 22 WHERE id = 2
            b: COMMIT
            z: SELECT id, value FROM test ORDER BY id
        ",
        prevented: |t| t.sees("z", "(1,12) (2,22)") || t.sees("z", "(1,11) (2,21)"),
        expected: ALL,
    },
    Anomaly {
        name: "G1a",
        sessions: &["a", "b"],
        schedule: "
            a: UPDATE test SET value = 101 WHERE id = 1
            b: SELECT value FROM test
            a: ROLLBACK
            b: SELECT value FROM test
            b: COMMIT
        ",
        prevented: |t| !t.sees("b", "101") && t.sees("b", "(10) (20)"),
        expected: ALL,
    },
    Anomaly {
        name: "G1b",
        sessions: &["a", "b"],
        schedule: "
            a: UPDATE test SET value = 101 WHERE id = 1
            b: SELECT value FROM test
            a: UPDATE test SET value = 11 WHERE id = 1
            a: COMMIT
            b: SELECT value FROM test
            b: COMMIT
        ",
        prevented: |t| !t.sees("b", "101") && t.sees("b", "(10) (20)"),
        expected: ALL,
    },
    Anomaly {
        name: "G1c",
        sessions: &["a", "b"],
        schedule: "
            a: UPDATE test SET value = 11 WHERE id = 1
            b: UPDATE test SET value = 22 WHERE id = 2
            a: SELECT value FROM test WHERE id = 2
            b: SELECT value FROM test WHERE id = 1
            a: COMMIT
            b: COMMIT
        ",
        prevented: |t| t.sees("a", "(20)") && t.sees("b", "(10)"),
        expected: ALL,
    },
    Anomaly {
        name: "OTV",
        sessions: &["a", "b", "c"],
        schedule: "
            a: UPDATE test SET value = 11 WHERE id = 1
            a: UPDATE test SET value = 19 WHERE id = 2
            b: UPDATE test SET value = 12 WHERE id = 1
            a: COMMIT
            c: SELECT value FROM test WHERE id = 1
            b: UPDATE test SET value = 18 WHERE id = 2
            c: SELECT value FROM test WHERE id = 2
            b: COMMIT
            c: SELECT value FROM test WHERE id = 2
            c: SELECT value FROM test WHERE id = 1
            c: COMMIT
        ",
        prevented: |t| {
            let read = t.answers("c", "SELECT");
            matches!(read[2..], ["(18) 1", "(12) 1"] | ["(19) 1", "(11) 1"])
                && read[..2] == ["(11) 1", "(19) 1"]
        },
        expected: ALL,
    },
    Anomaly {
        name: "PMP",
        sessions: &["a", "b"],
        schedule: "
            a: SELECT id FROM test WHERE value = 30
            b: INSERT INTO test VALUES (3, 30)
            b: COMMIT
            a: SELECT id FROM test WHERE value % 3 = 0
            a: COMMIT
        ",
        prevented: |t| t.answers("a", "SELECT") == ["0", "0"],
        expected: FROM_REPEATABLE_READ,
    },
    Anomaly {
        name: "P4",
        sessions: &["a", "b"],
        schedule: "
            a: SELECT value FROM test WHERE id = 1
            b: SELECT value FROM test WHERE id = 1
            a: UPDATE test SET value = 11 WHERE id = 1
            b: UPDATE test SET value = 11 WHERE id = 1
            a: COMMIT
            b: COMMIT
        ",
        prevented: |t| t.answers("b", "UPDATE") == ["40001"],
        expected: FROM_REPEATABLE_READ,
    },
    Anomaly {
        name: "G-single",
        sessions: &["a", "b"],
        schedule: "
            a: SELECT value FROM test WHERE id = 1
            b: UPDATE test SET value = 12 WHERE id = 1
            b: UPDATE test SET value = 18 WHERE id = 2
            b: COMMIT
            a: SELECT value FROM test WHERE id = 2
            a: COMMIT
        ",
        prevented: |t| t.answers("a", "SELECT") == ["(10) 1", "(20) 1"],
        expected: FROM_REPEATABLE_READ,
    },
    Anomaly {
        name: "G2-item",
        sessions: &["a", "b"],
        schedule: "
            a: SELECT value FROM test WHERE id IN (1, 2)
            b: SELECT value FROM test WHERE id IN (1, 2)
            a: UPDATE test SET value = 11 WHERE id = 1
            b: UPDATE test SET value = 21 WHERE id = 2
            a: COMMIT
            b: COMMIT
        ",
        prevented: Transcript::failed,
        expected: SERIALIZABLE,
    },
    Anomaly {
        name: "G2",
        sessions: &["a", "b"],
        schedule: "
            a: SELECT id FROM test WHERE value % 3 = 0
            b: SELECT id FROM test WHERE value % 3 = 0
            a: INSERT INTO test VALUES (3, 30)
            b: INSERT INTO test VALUES (4, 42)
            a: COMMIT
            b: COMMIT
        ",
        prevented: Transcript::failed,
        expected: SERIALIZABLE,
    },
];

/// Checks the whole table against a server.
fn check(mut run: impl FnMut(&str) -> String) {
    let mut wrong = Vec::new();
    for anomaly in ANOMALIES {
        for (level, expected) in LEVELS.into_iter().zip(anomaly.expected) {
            let begin = anomaly.sessions.iter();
            let begin = begin.map(|name| format!("{name}: BEGIN ISOLATION LEVEL {level}\n"));
            let schedule = begin.collect::<String>() + anomaly.schedule;
            let transcript = Transcript(run(&schedule));
            if (anomaly.prevented)(&transcript) != expected {
                wrong.push(format!("{} at {level}:\n{}", anomaly.name, transcript.0));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_level_prevents_what_it_is_known_to() {
    check(|schedule| simulated(Options::default(), SETUP, schedule));
}

#[test]
fn a_real_server_prevents_the_same() {
    if let Some(real) = Real::start() {
        check(|schedule| real.transcript(SETUP, schedule));
    }
}
