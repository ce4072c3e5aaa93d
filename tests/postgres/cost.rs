//! Service time: a missing index, queries in a loop and a hot row show in
//! virtual latency, as a client of the server sees it.

use std::sync::Arc;
use std::time::Duration;

use doublebuy::postgres::{Bug, Cost, Disk, Options};
use doublebuy::rt;
use tokio_postgres::Client;

use crate::support::{ADDRESS, World, connect, shown, simulate};

const MS: u64 = 1_000_000;

/// Each part of the work takes a time of its own that the network's
/// microseconds do not blur.
fn costly() -> Options {
    Options {
        cost: Cost {
            statement_ns: MS,
            seq_tuple_ns: MS,
            index_scan_ns: 10 * MS,
            index_tuple_ns: 5 * MS,
            write_ns: 100 * MS,
            index_write_ns: 20 * MS,
        },
        ..Options::default()
    }
}

fn planted() -> Options {
    Options {
        planted: Some(Bug::FreeWork),
        ..costly()
    }
}

/// Runs a test against a server whose tables a script has made.
fn with_server<F, Fut, T>(options: Options, script: &str, test: F) -> T
where
    F: FnOnce(World) -> Fut + Send + 'static,
    Fut: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let script = script.to_owned();
    simulate(1, |mut world| async move {
        let server = world.start(&Disk::new(), options, Arc::new(())).await;
        server.run_script(&script).unwrap();
        test(world).await
    })
}

/// What a statement takes, in milliseconds; that of an error as well.
async fn took(client: &Client, sql: &str) -> u64 {
    let start = rt::now();
    drop(client.simple_query(sql).await);
    u64::try_from(rt::now().since(start).as_millis()).unwrap()
}

/// What each statement takes of a client that runs them one after the other.
fn each(options: Options, script: &str, statements: &'static [&'static str]) -> Vec<u64> {
    with_server(options, script, move |_| async move {
        let client = connect(ADDRESS).await;
        let mut times = Vec::new();
        for statement in statements {
            times.push(took(&client, statement).await);
        }
        times
    })
}

fn orders(rows: u32) -> String {
    format!(
        "CREATE TABLE orders (id int PRIMARY KEY, buyer int, note text);
         INSERT INTO orders SELECT n, n, 'x' FROM generate_series(1, {rows}) AS n;"
    )
}

const LOOK_UP: &[&str] = &[
    "SELECT note FROM orders WHERE buyer = 7",
    "CREATE INDEX ON orders (buyer)",
    "SELECT note FROM orders WHERE buyer = 7",
    "SELECT note FROM orders WHERE buyer IN (7, 8, 9)",
    "SELECT note FROM orders WHERE buyer = 0",
];

#[test]
fn a_look_up_without_an_index_takes_as_long_as_the_table_is_large() {
    // So few rows are read whole: making the index has counted them.
    assert_eq!(each(costly(), &orders(10), LOOK_UP), [11, 211, 11, 11, 11]);
    let large = each(costly(), &orders(1_000), LOOK_UP);
    assert_eq!(large, [1_001, 21_001, 16, 46, 11]);
    assert_eq!(each(planted(), &orders(1_000), LOOK_UP), [1; 5]);
}

#[test]
fn the_first_rows_of_an_order_are_read_through_its_index() {
    let statements = &[
        "SELECT id FROM orders ORDER BY id LIMIT 1",
        "SELECT id FROM orders ORDER BY id DESC LIMIT 2",
        "SELECT id FROM orders WHERE id > 50 AND note = 'x' ORDER BY id LIMIT 1",
        // The index of another order, and no index at all.
        "SELECT id FROM orders ORDER BY id, note LIMIT 1",
        "SELECT id FROM orders ORDER BY buyer LIMIT 1",
    ];
    let times = each(costly(), &orders(100), statements);
    assert_eq!(times, [16, 21, 16, 101, 101]);
}

#[test]
fn writes_pay_for_their_rows_and_entries() {
    let statements = &[
        "INSERT INTO orders VALUES (11, 11, 'x')",
        // No key changes: the index has nothing to add.
        "UPDATE orders SET note = 'y' WHERE id = 11",
        "UPDATE orders SET id = 12 WHERE id = 11",
        "SELECT * FROM orders WHERE id = 12 FOR UPDATE",
        "DELETE FROM orders WHERE id = 12",
        "INSERT INTO orders VALUES (1, 1, 'there already')",
        "BEGIN; SELECT 1; ROLLBACK",
    ];
    let times = each(costly(), &orders(10), statements);
    assert_eq!(times, [121, 116, 136, 116, 116, 101, 1]);
    assert_eq!(each(planted(), &orders(10), statements), [1; 7]);
}

#[test]
fn old_versions_are_read_as_long_as_somebody_may_see_them() {
    with_server(costly(), &orders(1), |_| async {
        let (client, other) = (connect(ADDRESS).await, connect(ADDRESS).await);
        let old = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT * FROM orders";
        other.batch_execute(old).await.unwrap();
        for _ in 0..20 {
            let bloat = "UPDATE orders SET note = note || 'x'";
            client.batch_execute(bloat).await.unwrap();
        }
        let scan = "SELECT * FROM orders";
        assert_eq!(took(&client, scan).await, 22);
        other.batch_execute("COMMIT").await.unwrap();
        client.batch_execute("DELETE FROM orders").await.unwrap();
        assert_eq!(took(&client, scan).await, 1);
    });
}

const CUSTOMERS: &str = "
    CREATE TABLE customers (id int PRIMARY KEY, name text);
    INSERT INTO customers SELECT n, 'c' FROM generate_series(1, 40) AS n;
    CREATE TABLE orders (id int PRIMARY KEY, customer int);
    INSERT INTO orders SELECT n, n FROM generate_series(1, 40) AS n;
";

/// What 40 names take: asked for in a loop, and in one query.
fn loop_and_join(options: Options) -> (u64, u64) {
    with_server(options, CUSTOMERS, |_| async {
        let client = connect(ADDRESS).await;
        let start = rt::now();
        let rows = client.query("SELECT customer FROM orders", &[]).await;
        for row in rows.unwrap() {
            let customer: i32 = row.get(0);
            let name = "SELECT name FROM customers WHERE id = $1";
            client.query_one(name, &[&customer]).await.unwrap();
        }
        let looped = rt::now().since(start).as_millis();
        let join = "SELECT o.id, c.name FROM orders o JOIN customers c ON c.id = o.customer";
        let joined = took(&client, join).await;
        (u64::try_from(looped).unwrap(), joined)
    })
}

#[test]
fn queries_in_a_loop_take_longer_than_a_join() {
    let dear_statements = |planted| Options {
        cost: Cost {
            statement_ns: 10 * MS,
            seq_tuple_ns: MS,
            ..Cost::default()
        },
        planted,
        ..Options::default()
    };
    let (looped, joined) = loop_and_join(dear_statements(None));
    assert!(looped >= 10 + 40 + 40 * 10, "{looped} ms");
    assert!((50..=10 + 40 + 40).contains(&joined), "{joined} ms");
}

/// When the last of ten is done who update one row each, in milliseconds.
fn crowd(options: Options, sku: fn(usize) -> usize) -> u64 {
    let script = "CREATE TABLE stock (sku int PRIMARY KEY, quantity int);
                  INSERT INTO stock SELECT n, 100 FROM generate_series(0, 9) AS n;";
    with_server(options, script, move |_| async move {
        let mut clients = Vec::new();
        for _ in 0..10 {
            clients.push(connect(ADDRESS).await);
        }
        let start = rt::now();
        let buyers = clients.into_iter().enumerate().map(|(buyer, client)| {
            rt::spawn(async move {
                let sku = sku(buyer);
                let take = format!("UPDATE stock SET quantity = quantity - 1 WHERE sku = {sku}");
                client.batch_execute(&take).await.unwrap();
            })
        });
        for buyer in buyers.collect::<Vec<_>>() {
            buyer.await.unwrap();
        }
        u64::try_from(rt::now().since(start).as_millis()).unwrap()
    })
}

/// The work on the row is done with its lock held; to wait for it is no work.
#[test]
fn who_waits_for_a_hot_row_waits_for_the_work_on_it() {
    let apart = crowd(costly(), |buyer| buyer);
    assert_eq!(apart, 116);
    let together = crowd(costly(), |_| 0);
    assert_eq!(together, 1 + 10 * 115);
    assert_eq!(crowd(planted(), |_| 0), 1);
}

#[test]
fn a_child_without_an_index_on_its_foreign_key_is_read_as_a_whole() {
    let script = "
        CREATE TABLE parents (id int PRIMARY KEY);
        INSERT INTO parents VALUES (1), (2);
        CREATE TABLE children (id int PRIMARY KEY, parent int REFERENCES parents);
        INSERT INTO children SELECT n, 1 FROM generate_series(1, 500) AS n;
    ";
    let delete = "DELETE FROM parents WHERE id = 2";
    let index = "CREATE INDEX ON children (parent)";
    let insert = "INSERT INTO parents VALUES (2)";
    let statements: &[&str] = Box::leak(Box::new([delete, insert, index, delete]));
    let times = each(costly(), script, statements);
    assert!(times[0] > 500, "{times:?}");
    assert!(times[3] < 200, "{times:?}");
}

#[test]
fn a_definition_that_reads_the_table_keeps_others_away_meanwhile() {
    let define = |definition: &'static str| {
        with_server(costly(), &orders(100), move |_| async move {
            let (client, other) = (connect(ADDRESS).await, connect(ADDRESS).await);
            let defining = rt::spawn(async move { took(&client, definition).await });
            rt::sleep(Duration::from_millis(50)).await;
            let waited = took(&other, "UPDATE orders SET note = 'y' WHERE id = 1").await;
            (defining.await.unwrap(), waited)
        })
    };
    assert_eq!(define("CREATE INDEX ON orders (buyer)").0, 2_101);
    assert!(define("CREATE INDEX ON orders (buyer)").1 > 2_050);
    assert!(define("ALTER TABLE orders ALTER note SET NOT NULL").0 >= 101);
    assert!(define("ALTER TABLE orders ADD CHECK (buyer > 0)").0 >= 101);
    assert!(define("ALTER TABLE orders ALTER id TYPE bigint").0 > 12_000);
    // These change what is said of the table, and read nothing.
    assert_eq!(define("ALTER TABLE orders ADD COLUMN more int").0, 1);
    assert_eq!(define("DROP TABLE orders").0, 1);
}

#[test]
fn work_that_takes_too_long_is_given_up_and_undone() {
    with_server(costly(), &orders(10), |_| async {
        let (client, other) = (connect(ADDRESS).await, connect(ADDRESS).await);
        let limit = "SET statement_timeout = '50ms'";
        client.batch_execute(limit).await.unwrap();
        let update = "UPDATE orders SET note = 'y' WHERE id = 1";
        let start = rt::now();
        assert_eq!(shown(client.simple_query(update).await), "57014");
        assert_eq!(rt::now().since(start).as_millis(), 50);
        // Nothing of it is left, neither the change nor the lock.
        assert_eq!(took(&other, update).await, 116);
        let seen = "SELECT count(*) FROM orders WHERE note = 'y'";
        assert_eq!(shown(other.simple_query(seen).await), "(1) 1");
    });
}

#[test]
fn lines_of_a_copy_are_one_statement() {
    with_server(costly(), &orders(1), |_| async {
        let client = connect(ADDRESS).await;
        let start = rt::now();
        let sink = client.copy_in("COPY orders FROM STDIN").await.unwrap();
        let mut sink = std::pin::pin!(sink);
        let lines = bytes::Bytes::from_static(b"2\t2\tx\n3\t3\tx\n");
        futures_util::SinkExt::send(&mut sink, lines).await.unwrap();
        assert_eq!(sink.finish().await.unwrap(), 2);
        let took = rt::now().since(start).as_millis();
        assert!((241..=243).contains(&took), "{took} ms");
    });
}

#[test]
fn a_slow_machine_is_slow_at_all_of_it() {
    with_server(costly(), &orders(10), |world| async move {
        let client = connect(ADDRESS).await;
        world.network.set_slowness(world.host_id(), 3);
        let scan = "SELECT note FROM orders WHERE buyer = 7";
        assert_eq!(took(&client, scan).await, 33);
    });
}
