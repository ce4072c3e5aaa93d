//! How much of the log a crash leaves, and what its clients see of it.

use std::sync::Arc;
use std::time::Duration;

use doublebuy::postgres::{Commit, Disk, Observer, Options, Pid, Server, SynchronousCommit, Xid};
use doublebuy::rt;
use parking_lot::Mutex;
use tokio_postgres::Client;

use crate::support::{ADDRESS, World, connect, shown, simulate, try_connect};

const LAMP: &str = "CREATE TABLE stock (sku text PRIMARY KEY, left_over int NOT NULL);
    INSERT INTO stock VALUES ('lamp', 3);";
const NUMBERS: &str = "CREATE TABLE numbers (n int PRIMARY KEY)";

fn slow_disk() -> Options {
    Options {
        sync_ns: 50_000_000,
        ..Options::default()
    }
}

fn numbers(server: &Server) -> Vec<i64> {
    let rows = server.committed_rows("numbers");
    rows.iter().filter_map(|row| row.int("n")).collect()
}

#[test]
fn a_commit_that_is_not_flushed_is_lost_with_the_power_only() {
    for (power_fails, left) in [(true, 3), (false, 0)] {
        simulate(4, move |mut world| async move {
            let disk = Disk::new();
            let server = world.start(&disk, slow_disk(), Arc::new(())).await;
            server.run_script(LAMP).unwrap();
            let client = connect(ADDRESS).await;
            let update = "UPDATE stock SET left_over = 0 WHERE sku = 'lamp'";
            let early = rt::timeout(Duration::from_millis(20), client.batch_execute(update)).await;
            assert!(early.is_err(), "the answer waits for the disk");
            let seen = connect(ADDRESS).await;
            let select = "SELECT left_over FROM stock WHERE sku = 'lamp'";
            assert_eq!(shown(seen.simple_query(select).await), "(3) 1");
            world.kill().await;
            if power_fails {
                disk.lose_power();
            }
            let notes = Arc::new(Notes::default());
            let server = world.start(&disk, slow_disk(), notes.clone()).await;
            let stock = server.committed_rows("stock");
            assert_eq!(stock[0].int("left_over"), Some(left));
            // Nobody had seen it: there is nothing to be lost, and what the
            // log has kept appears now.
            let appeared = if power_fails {
                vec![]
            } else {
                vec!["committed 1"]
            };
            assert_eq!(notes.take(), appeared);

            let client = connect(ADDRESS).await;
            client.batch_execute(update).await.unwrap();
            world.kill().await;
            disk.lose_power();
            let server = world.start(&disk, slow_disk(), Arc::new(())).await;
            let stock = server.committed_rows("stock");
            assert_eq!(
                stock[0].int("left_over"),
                Some(0),
                "what was answered is safe"
            );
        });
    }
}

#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Notes {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock())
    }
}

impl Observer for Notes {
    fn committed(&self, commit: &Commit<'_>) {
        let changes = commit.changes.len();
        self.0.lock().push(format!("committed {changes}"));
    }

    fn lost(&self, _xid: Xid, _pid: Pid) {
        self.0.lock().push("lost".to_owned());
    }
}

/// Commits numbers one by one, without waiting for the disk, until the server
/// is killed at `kill_after`; how many were answered, and what is left.
fn asynchronous(
    seed: u64,
    kill_after: Duration,
    commit: &'static str,
) -> (Vec<i64>, Vec<i64>, usize) {
    simulate(seed, move |mut world| async move {
        let disk = Disk::new();
        let server = world.start(&disk, Options::default(), Arc::new(())).await;
        server.run_script(NUMBERS).unwrap();
        let client = connect(ADDRESS).await;
        client
            .batch_execute("SET synchronous_commit = off")
            .await
            .unwrap();
        let answered = Arc::new(Mutex::new(Vec::new()));
        let counting = answered.clone();
        let working = rt::spawn(async move {
            for n in 0.. {
                let insert = format!("INSERT INTO numbers VALUES ({n})");
                if client
                    .batch_execute(&commit.replace("INSERT", &insert))
                    .await
                    .is_err()
                {
                    return;
                }
                counting.lock().push(n);
                rt::sleep(Duration::from_millis(7)).await;
            }
        });
        rt::sleep(kill_after).await;
        world.kill().await;
        let notes = Arc::new(Notes::default());
        let server = world.start(&disk, Options::default(), notes.clone()).await;
        working.await.unwrap();
        let answered = answered.lock().clone();
        let lost = notes.take();
        assert!(lost.iter().all(|note| note == "lost"), "{lost:?}");
        (answered, numbers(&server), lost.len())
    })
}

#[test]
fn an_asynchronous_commit_may_be_lost_but_only_the_newest_and_in_order() {
    let mut losses = 0;
    for seed in 0..30 {
        let kill_after = Duration::from_millis(100 + seed * 37);
        let (answered, left, lost) = asynchronous(seed, kill_after, "INSERT");
        assert!(
            answered.starts_with(&left),
            "seed {seed}: {left:?} of {answered:?}"
        );
        assert_eq!(
            left.len() + lost,
            answered.len(),
            "seed {seed}: each loss is told"
        );
        // Three rounds of the WAL writer, 7 ms a commit.
        assert!(lost <= 600 / 7 + 1, "seed {seed}: {lost} lost");
        losses += lost;
    }
    assert!(losses > 30, "{losses} lost in all: the window is open");
}

#[test]
fn a_transaction_can_ask_to_be_safe_and_takes_with_it_what_came_before() {
    let commit = "BEGIN; SET LOCAL synchronous_commit = on; INSERT; COMMIT";
    let (answered, left, lost) = asynchronous(1, Duration::from_millis(300), commit);
    assert_eq!((answered, lost), (left, 0));
    simulate(2, |mut world| async move {
        let disk = Disk::new();
        let server = world.start(&disk, Options::default(), Arc::new(())).await;
        server.run_script(NUMBERS).unwrap();
        let hasty = connect(ADDRESS).await;
        hasty
            .batch_execute("SET synchronous_commit TO off; INSERT INTO numbers VALUES (1)")
            .await
            .unwrap();
        let careful = connect(ADDRESS).await;
        careful
            .batch_execute("INSERT INTO numbers VALUES (2)")
            .await
            .unwrap();
        hasty
            .batch_execute("INSERT INTO numbers VALUES (3)")
            .await
            .unwrap();
        world.kill().await;
        let server = world.start(&disk, Options::default(), Arc::new(())).await;
        assert_eq!(numbers(&server), [1, 2]);
    });
}

#[test]
fn the_wal_writer_makes_safe_what_it_has_had_time_for() {
    let options = || Options {
        synchronous_commit: SynchronousCommit::Off,
        ..Options::default()
    };
    simulate(3, move |mut world| async move {
        let disk = Disk::new();
        let server = world.start(&disk, options(), Arc::new(())).await;
        server.run_script(NUMBERS).unwrap();
        let client = connect(ADDRESS).await;
        assert_eq!(
            shown(client.simple_query("SHOW synchronous_commit").await),
            "(off) 0"
        );
        client
            .batch_execute("INSERT INTO numbers VALUES (1)")
            .await
            .unwrap();
        rt::sleep(Duration::from_millis(600)).await;
        client
            .batch_execute("INSERT INTO numbers VALUES (2)")
            .await
            .unwrap();
        world.kill().await;
        let server = world.start(&disk, options(), Arc::new(())).await;
        assert_eq!(numbers(&server), [1]);
    });
}

#[test]
fn a_table_that_is_dropped_does_not_come_back() {
    simulate(5, |mut world| async move {
        let disk = Disk::new();
        let server = world.start(&disk, Options::default(), Arc::new(())).await;
        server.run_script(NUMBERS).unwrap();
        let client = connect(ADDRESS).await;
        let hasty = "SET synchronous_commit = off; DROP TABLE numbers";
        client.batch_execute(hasty).await.unwrap();
        let created = "CREATE TABLE other (n int)";
        client.batch_execute(created).await.unwrap();
        world.kill().await;
        world.start(&disk, Options::default(), Arc::new(())).await;
        let client = connect(ADDRESS).await;
        for gone in ["numbers", "other"] {
            let select = format!("SELECT * FROM {gone}");
            assert_eq!(shown(client.simple_query(&select).await), "42P01");
        }
    });
}

/// What a new connection is told, in a word.
async fn told() -> String {
    match try_connect(ADDRESS).await {
        Ok(_) => "welcome".to_owned(),
        Err(error) => match error.as_db_error() {
            Some(db) => format!("{} {} {}", db.severity(), db.code().code(), db.message()),
            None => "closed".to_owned(),
        },
    }
}

#[test]
fn recovery_takes_time_by_the_length_of_the_log() {
    let options = || Options {
        recovery_ns: 100_000_000,
        replay_ns: 10_000_000,
        ..Options::default()
    };
    simulate(6, move |mut world| async move {
        let disk = Disk::new();
        let server = world.start(&disk, options(), Arc::new(())).await;
        assert_eq!(told().await, "welcome", "a new disk needs no recovery");
        server.run_script(NUMBERS).unwrap();
        for n in 0..19 {
            server
                .run_script(&format!("INSERT INTO numbers VALUES ({n})"))
                .unwrap();
        }
        world.kill().await;
        let began = rt::now();
        world.start(&disk, options(), Arc::new(())).await;
        let starting = "FATAL 57P03 the database system is starting up";
        while began.elapsed() < Duration::from_millis(299) {
            assert_eq!(told().await, starting, "after {:?}", began.elapsed());
            rt::sleep(Duration::from_millis(10)).await;
        }
        rt::sleep(Duration::from_millis(20)).await;
        assert_eq!(told().await, "welcome");

        world.kill().await;
        world.start(&disk, options(), Arc::new(())).await;
        rt::sleep(Duration::from_millis(90)).await;
        assert_eq!(told().await, starting);
        rt::sleep(Duration::from_millis(20)).await;
        assert_eq!(told().await, "welcome", "recovery has made a checkpoint");
    });
}

/// What ended a session: an error, or a notice before the end.
async fn ending(client: &Client) -> String {
    let error = client.simple_query("SELECT 1").await.unwrap_err();
    error.as_db_error().map_or_else(
        || "closed".to_owned(),
        |db| format!("{} {}", db.severity(), db.code().code()),
    )
}

#[test]
fn a_shutdown_says_so_and_loses_nothing() {
    let options = || Options {
        recovery_ns: 1_000_000_000,
        ..Options::default()
    };
    simulate(7, move |mut world| async move {
        let disk = Disk::new();
        let server = world.start(&disk, options(), Arc::new(())).await;
        server.run_script(NUMBERS).unwrap();
        let client = connect(ADDRESS).await;
        client
            .batch_execute("SET synchronous_commit = off; INSERT INTO numbers VALUES (1)")
            .await
            .unwrap();
        let open = connect(ADDRESS).await;
        open.batch_execute("BEGIN; INSERT INTO numbers VALUES (2)")
            .await
            .unwrap();
        let busy = connect(ADDRESS).await;
        let sleeping = rt::spawn(async move { busy.batch_execute("SELECT pg_sleep(60)").await });
        rt::sleep(Duration::from_millis(10)).await;
        let late = rt::spawn(async { told().await });
        server.shut_down().await;
        let slept = sleeping.await.unwrap().unwrap_err();
        assert_eq!(slept.code().unwrap().code(), "57P01");
        assert!(["FATAL 57P01", "closed"].contains(&ending(&open).await.as_str()));
        let late = late.await.unwrap();
        assert_eq!(late, "FATAL 57P03 the database system is shutting down");
        world.kill().await;
        let server = world.start(&disk, options(), Arc::new(())).await;
        assert_eq!(told().await, "welcome", "no recovery after a shutdown");
        assert_eq!(numbers(&server), [1]);
    });
}

#[test]
fn a_crash_of_one_process_ends_all_sessions_and_recovers() {
    let options = || Options {
        recovery_ns: 50_000_000,
        sync_ns: 20_000_000,
        ..Options::default()
    };
    simulate(8, move |mut world: World| async move {
        let disk = Disk::new();
        let server = world.start(&disk, options(), Arc::new(())).await;
        server.run_script(NUMBERS).unwrap();
        let committing = connect(ADDRESS).await;
        let insert = "INSERT INTO numbers VALUES (1)";
        let committing = rt::spawn(async move { committing.batch_execute(insert).await });
        let (idle, mut notices) = crate::support::connect_for_notices(ADDRESS).await;
        rt::sleep(Duration::from_millis(10)).await;
        let crashing = server.clone();
        let recovered = rt::spawn(async move { crashing.crash().await });
        assert!(committing.await.unwrap().is_err(), "no answer was promised");
        let warning = notices.recv().await.unwrap();
        let said = format!("{} {}", warning.severity(), warning.code().code());
        assert_eq!(said, "WARNING 57P02");
        assert!(idle.is_closed());
        assert_eq!(
            told().await,
            "FATAL 57P03 the database system is in recovery mode"
        );
        recovered.await.unwrap();
        assert_eq!(told().await, "welcome");
        assert_eq!(numbers(&server), [1], "it was written, and the host lives");
    });
}
