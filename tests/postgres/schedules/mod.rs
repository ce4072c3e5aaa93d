//! Schedules, with what PostgreSQL 15 makes of them; where this machine has a
//! real one, it is asked too.

mod classic;
mod cursors;
mod derived;
mod found;
mod ordered;
mod watched;

use doublebuy::postgres::Options;

use crate::support::real::Real;
use crate::support::schedule::{plain, simulated};

const STOCK: &str = "
    CREATE TABLE stock (sku text PRIMARY KEY, left_over int NOT NULL, price int DEFAULT 7);
    INSERT INTO stock VALUES ('a', 1), ('b', 2), ('c', 3);
    CREATE TABLE orders (id serial PRIMARY KEY, key text UNIQUE, buyer text, n int DEFAULT 0);
";

/// Two transactions of which each should have seen the other. One must fail,
/// if the row that ON CONFLICT meets counts as read: in 15.18 it does not.
const ON_CONFLICT: &str = "
    a: INSERT INTO orders (key) VALUES ('k')
    a: BEGIN ISOLATION LEVEL SERIALIZABLE
    b: BEGIN ISOLATION LEVEL SERIALIZABLE
    a: INSERT INTO orders (key) VALUES ('k') ON CONFLICT (key) DO NOTHING
    b: SELECT left_over FROM stock WHERE sku = 'a'
    b: DELETE FROM orders WHERE key = 'k'
    a: UPDATE stock SET left_over = 0 WHERE sku = 'a'
    a: COMMIT
    b: COMMIT
    ";

/// ON CONFLICT reads the row that it meets, not what is beside it: a key that
/// comes later is none of its business.
const ON_CONFLICT_BESIDE: &str = "
    a: BEGIN ISOLATION LEVEL SERIALIZABLE
    a: INSERT INTO stock VALUES ('b', 9) ON CONFLICT (sku) DO UPDATE SET left_over = 9
    b: BEGIN ISOLATION LEVEL SERIALIZABLE
    b: SELECT count(*) FROM stock
    a: COMMIT
    b: INSERT INTO stock VALUES ('d', 1)
    b: COMMIT
    ";

#[test]
fn on_conflict_reads_nothing_unless_it_is_told_to() {
    let told = |on_conflict_reads| Options {
        on_conflict_reads,
        ..Options::default()
    };
    for (options, schedule, last) in [
        (told(false), ON_CONFLICT, "b: COMMIT -> 0\n"),
        (told(true), ON_CONFLICT, "-> 40001\n"),
        (told(false), ON_CONFLICT_BESIDE, "b: COMMIT -> 0\n"),
        (told(true), ON_CONFLICT_BESIDE, "b: COMMIT -> 0\n"),
    ] {
        let transcript = simulated(options, STOCK, schedule);
        assert!(transcript.ends_with(last), "{transcript}");
    }
    if let Some(real) = Real::start() {
        for schedule in [ON_CONFLICT, ON_CONFLICT_BESIDE] {
            let same = simulated(real.options(), STOCK, schedule);
            assert_eq!(real.transcript(STOCK, schedule), same);
        }
    }
}

/// Every schedule: its name, its steps, and its transcript.
fn schedules() -> impl Iterator<Item = (&'static str, String, String)> {
    let classic = classic::SCHEDULES.iter();
    let classic = classic.map(|(name, steps, transcript)| (*name, plain(steps), plain(transcript)));
    let found = found::SCHEDULES.iter().chain(ordered::SCHEDULES);
    let found = found.chain(watched::SCHEDULES).chain(derived::SCHEDULES);
    let found = found.chain(cursors::SCHEDULES);
    let found = found.map(|(name, transcript)| (*name, steps(transcript), plain(transcript)));
    classic.chain(found)
}

/// As [`schedules`], with the other transcript that a real server may give.
fn races() -> impl Iterator<Item = (&'static str, String, [String; 2])> {
    let races = found::RACES.iter();
    races.map(|(name, ours, other)| (*name, steps(ours), [plain(ours), plain(other)]))
}

/// The steps that a transcript tells of.
fn steps(transcript: &str) -> String {
    let told = transcript
        .lines()
        .filter_map(|line| line.split_once(" -> "));
    let steps = told.map(|(step, _)| step).filter(|s| !s.contains(": ... "));
    steps.map(|step| format!("{step}\n")).collect()
}

#[test]
fn the_simulated_server_gives_the_known_transcripts() {
    for (name, steps, transcript) in schedules() {
        let found = simulated(Options::default(), STOCK, &steps);
        assert_eq!(found, transcript, "{name}");
    }
    for (name, steps, [ours, _]) in races() {
        let found = simulated(Options::default(), STOCK, &steps);
        assert_eq!(found, ours, "{name}");
    }
}

#[test]
fn a_real_server_gives_the_same_transcripts() {
    let Some(real) = Real::start() else {
        return;
    };
    for (name, steps, transcript) in schedules() {
        let found = real.transcript(STOCK, &steps);
        assert_eq!(found, transcript, "{name}");
    }
    for (name, steps, either) in races() {
        let found = real.transcript(STOCK, &steps);
        assert!(either.contains(&found), "{name}: {found}");
    }
}
