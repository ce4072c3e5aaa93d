//! What a crash leaves, and what a lost connection gives back.

use std::sync::Arc;
use std::time::Duration;

use doublebuy::postgres::{Abort, Commit, Disk, Observer, Options, Wait};
use doublebuy::rt;
use parking_lot::Mutex;

use crate::support::{ADDRESS, connect, loopback, outside, shown, simulate};

const SCHEMA: &str = "
    CREATE TABLE stock (sku text PRIMARY KEY, left_over int NOT NULL);
    CREATE TABLE orders (id serial PRIMARY KEY, sku text);
    INSERT INTO stock VALUES ('lamp', 3), ('chair', 5);
";

#[test]
fn what_was_committed_survives_and_nothing_else() {
    simulate(3, |mut world| async move {
        let disk = Disk::new();
        let options = Options::default();
        let server = world.start(&disk, options.clone(), Arc::new(())).await;
        server.run_script(SCHEMA).unwrap();
        let client = connect(ADDRESS).await;
        for _ in 0..3 {
            client
                .batch_execute("INSERT INTO orders (sku) VALUES ('lamp')")
                .await
                .unwrap();
        }
        client
            .batch_execute("UPDATE stock SET left_over = 0 WHERE sku = 'lamp'; DELETE FROM orders WHERE id = 2")
            .await
            .unwrap();
        let open = connect(ADDRESS).await;
        open.batch_execute("BEGIN; UPDATE stock SET left_over = 99; CREATE TABLE lost (n int)")
            .await
            .unwrap();
        world.kill().await;
        assert!(open.batch_execute("COMMIT").await.is_err());

        let server = world.start(&disk, options, Arc::new(())).await;
        let stock: Vec<_> = server.committed_rows("stock");
        let left: Vec<_> = stock.iter().map(|row| row.int("left_over")).collect();
        assert_eq!(left, [Some(5), Some(0)]);
        let client = connect(ADDRESS).await;
        let ids = client
            .simple_query("SELECT id FROM orders ORDER BY id")
            .await;
        assert_eq!(shown(ids), "(1) (3) 2");
        assert_eq!(
            shown(client.simple_query("SELECT * FROM lost").await),
            "42P01"
        );
        // The sequence had reserved 32 numbers ahead, and skips them.
        let next = "INSERT INTO orders (sku) VALUES ('lamp') RETURNING id";
        assert_eq!(shown(client.simple_query(next).await), "(34) 1");
        // Indexes are there again, and unique.
        let again = "INSERT INTO stock VALUES ('lamp', 1)";
        assert_eq!(shown(client.simple_query(again).await), "23505");
    });
}

#[test]
fn a_long_log_is_folded_and_still_recovers() {
    let disk = Disk::new();
    let start = || doublebuy::postgres::Server::start(&disk, Options::default(), Arc::new(()));
    let server = start();
    server.run_script(SCHEMA).unwrap();
    for _ in 0..3_000 {
        server
            .run_script("UPDATE stock SET left_over = left_over + 1 WHERE sku = 'lamp'")
            .unwrap();
    }
    let server = start();
    assert_eq!(
        server.committed_rows("stock")[1].int("left_over"),
        Some(3_003)
    );
}

#[test]
fn a_lost_connection_gives_back_its_locks() {
    simulate(5, |mut world| async move {
        let server = world
            .start(&Disk::new(), Options::default(), Arc::new(()))
            .await;
        server.run_script(SCHEMA).unwrap();
        let first = connect(ADDRESS).await;
        first
            .batch_execute("BEGIN; UPDATE stock SET left_over = 0 WHERE sku = 'lamp'")
            .await
            .unwrap();
        let second = connect(ADDRESS).await;
        let waiting = rt::spawn(async move {
            let update =
                "UPDATE stock SET left_over = left_over - 1 WHERE sku = 'lamp' RETURNING left_over";
            shown(second.simple_query(update).await)
        });
        rt::sleep(Duration::from_millis(50)).await;
        drop(first);
        assert_eq!(waiting.await.unwrap(), "(2) 1");
    });
}

#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Observer for Notes {
    fn committed(&self, commit: &Commit<'_>) {
        let mut notes = self.0.lock();
        for change in commit.changes {
            let side = |row: &Option<doublebuy::postgres::NamedRow>| {
                row.as_ref().and_then(|row| row.int("left_over"))
            };
            notes.push(format!(
                "commit {} {:?} -> {:?}",
                change.table(),
                side(&change.old),
                side(&change.new)
            ));
        }
    }

    fn waited(&self, wait: &Wait<'_>) {
        let count = wait.holders.len();
        self.0
            .lock()
            .push(format!("wait for {count} on {}", wait.relation));
    }

    fn aborted(&self, abort: &Abort) {
        self.0.lock().push(format!("abort {:?}", abort.reason));
    }
}

#[test]
fn the_observer_is_told_the_truth_in_order() {
    simulate(6, |mut world| async move {
        let notes = Arc::new(Notes::default());
        let server = world
            .start(&Disk::new(), Options::default(), notes.clone())
            .await;
        server
            .run_script("CREATE TABLE stock (sku text PRIMARY KEY, left_over int); INSERT INTO stock VALUES ('lamp', 3)")
            .unwrap();
        let first = connect(ADDRESS).await;
        first
            .batch_execute("BEGIN; UPDATE stock SET left_over = 2")
            .await
            .unwrap();
        let second = connect(ADDRESS).await;
        let waiting = rt::spawn(async move {
            second
                .batch_execute("UPDATE stock SET left_over = left_over - 1")
                .await
        });
        rt::sleep(Duration::from_millis(50)).await;
        first.batch_execute("COMMIT").await.unwrap();
        waiting.await.unwrap().unwrap();
        first
            .batch_execute("BEGIN; DELETE FROM stock; ROLLBACK")
            .await
            .unwrap();
        assert!(
            first
                .batch_execute("INSERT INTO stock VALUES ('lamp', 1)")
                .await
                .is_err()
        );
        let told = notes.0.lock().clone();
        assert_eq!(
            told,
            [
                "commit stock None -> Some(3)",
                "wait for 1 on stock",
                "commit stock Some(3) -> Some(2)",
                "commit stock Some(2) -> Some(1)",
                "abort None",
                "abort Some(23505)",
            ]
        );
    });
}

#[test]
fn a_hot_row_costs_the_same_after_ten_thousand_updates() {
    outside(async {
        let (server, address) = loopback(Options::default()).await;
        server.run_script(SCHEMA).unwrap();
        let client = connect(&address).await;
        let update = client
            .prepare("UPDATE stock SET left_over = left_over + 1 WHERE sku = $1")
            .await
            .unwrap();
        for _ in 0..10_000 {
            client.execute(&update, &[&"lamp"]).await.unwrap();
        }
        assert_eq!(server.versions("stock"), 2, "one version a row is left");
    });
}
