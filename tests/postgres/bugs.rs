//! Every planted bug is caught by what the right server passes.

use std::sync::Arc;

use doublebuy::postgres::{Bug, Disk, Options, Server};

use crate::support::schedule::simulated;
use crate::support::{ADDRESS, connect, shown, simulate};

const STOCK: &str = "
    CREATE TABLE stock (sku text PRIMARY KEY, left_over int NOT NULL);
    INSERT INTO stock VALUES ('lamp', 1);
    CREATE TABLE orders (key text UNIQUE, buyer text);
";

fn planted(bug: Bug) -> Options {
    Options {
        planted: Some(bug),
        ..Options::default()
    }
}

/// The last line of a schedule, on the right server and on a planted one.
fn last_lines(bug: Bug, schedule: &str) -> (String, String) {
    let last = |options| {
        let transcript = simulated(options, STOCK, schedule);
        transcript.lines().last().unwrap_or_default().to_owned()
    };
    (last(Options::default()), last(planted(bug)))
}

#[test]
fn names_are_read_back() {
    for bug in Bug::ALL {
        assert_eq!(bug.name().parse(), Ok(*bug));
    }
    assert!("no-such-bug".parse::<Bug>().is_err());
}

#[test]
fn skip_recheck_sells_what_is_gone() {
    let schedule = "
        a: BEGIN
        a: UPDATE stock SET left_over = left_over - 1 WHERE sku = 'lamp' AND left_over > 0
        b: UPDATE stock SET left_over = left_over - 1 WHERE sku = 'lamp' AND left_over > 0
        a: COMMIT
        a: SELECT left_over FROM stock
    ";
    let (right, wrong) = last_lines(Bug::SkipRecheck, schedule);
    assert!(right.ends_with("(0) 1"), "{right}");
    assert!(wrong.ends_with("(-1) 1"), "{wrong}");
}

#[test]
fn forget_unique_wait_lets_two_have_one_key() {
    let schedule = "
        a: BEGIN
        a: INSERT INTO orders VALUES ('k', 'a')
        b: INSERT INTO orders VALUES ('k', 'b')
        a: COMMIT
        a: SELECT count(*) FROM orders WHERE key = 'k'
    ";
    let (right, wrong) = last_lines(Bug::ForgetUniqueWait, schedule);
    assert!(right.ends_with("(1) 1"), "{right}");
    assert!(wrong.ends_with("(2) 1"), "{wrong}");
}

#[test]
fn drop_siread_locks_lets_two_take_what_each_saw_left() {
    let schedule = "
        a: INSERT INTO stock VALUES ('bulb', 1)
        a: BEGIN ISOLATION LEVEL SERIALIZABLE
        b: BEGIN ISOLATION LEVEL SERIALIZABLE
        a: SELECT sum(left_over) FROM stock
        b: SELECT sum(left_over) FROM stock
        a: UPDATE stock SET left_over = 0 WHERE sku = 'lamp'
        b: UPDATE stock SET left_over = 0 WHERE sku = 'bulb'
        a: COMMIT
        b: COMMIT
    ";
    let (right, wrong) = last_lines(Bug::DropSireadLocks, schedule);
    assert!(right.ends_with("-> 40001"), "{right}");
    assert!(wrong.ends_with("COMMIT -> 0"), "{wrong}");
}

#[test]
fn release_locks_early_lets_two_hold_one_row() {
    let schedule = "
        a: BEGIN
        a: SELECT left_over FROM stock FOR UPDATE
        b: SELECT left_over FROM stock FOR UPDATE SKIP LOCKED
    ";
    let (right, wrong) = last_lines(Bug::ReleaseLocksEarly, schedule);
    assert!(right.ends_with("-> 0"), "{right}");
    assert!(wrong.ends_with("(1) 1"), "{wrong}");
}

#[test]
fn lose_synced_commit_forgets_the_last_order() {
    for (options, expected) in [(Options::default(), 2), (planted(Bug::LoseSyncedCommit), 1)] {
        let disk = Disk::new();
        let server = Server::start(&disk, options.clone(), Arc::new(()));
        server.run_script(STOCK).unwrap();
        server
            .run_script("INSERT INTO orders VALUES ('1', 'a')")
            .unwrap();
        server
            .run_script("INSERT INTO orders VALUES ('2', 'b')")
            .unwrap();
        let server = Server::start(&disk, options, Arc::new(()));
        assert_eq!(server.committed_rows("orders").len(), expected);
    }
}

#[test]
fn panic_holding_lock_unwinds_and_leaves_nothing_locked() {
    let update = |options: Options| {
        simulate(1, |mut world| async move {
            let server = world.start(&Disk::new(), options, Arc::new(())).await;
            server.run_script(STOCK).unwrap();
            let client = connect(ADDRESS).await;
            shown(client.simple_query("UPDATE stock SET left_over = 0").await)
        })
    };
    assert_eq!(update(Options::default()), "1");
    let caught = std::panic::catch_unwind(|| update(planted(Bug::PanicHoldingLock)));
    let panic = caught.expect_err("the planted server panics");
    let text = panic.downcast_ref::<&str>().copied().unwrap_or_default();
    assert!(text.starts_with("planted:"), "{text}");
}
