//! A primary and a hot standby: what is read there, what comes late, and what
//! a failover leaves.

use std::sync::Arc;
use std::time::Duration;

use doublebuy::net::{Action, Latency, Link, Network, RuleGuard, Segment};
use doublebuy::postgres::{Bug, Disk, Options, Replication, Server, SynchronousCommit};
use doublebuy::rt;
use tokio_postgres::Client;

use crate::support::{ADDRESS, Host, World, connect, shown, simulate};

const STANDBY: &str = "standby:5432";
const SCHEMA: &str = "
    CREATE TABLE stock (sku text PRIMARY KEY, left_over int NOT NULL);
    CREATE TABLE orders (id serial PRIMARY KEY, sku text);
    CREATE INDEX orders_sku ON orders (sku);
    INSERT INTO stock VALUES ('lamp', 3), ('chair', 5);
";

/// Options for either server of a pair.
fn options(upstream: &str) -> Options {
    Options {
        replication: Replication {
            primary_conninfo: vec![upstream.to_owned()],
            wal_receiver_status_interval_ns: 100_000_000,
            wal_retrieve_retry_interval_ns: 20_000_000,
            max_standby_streaming_delay_ns: 200_000_000,
            ..Replication::default()
        },
        ..Options::default()
    }
}

/// A primary, and a standby on another host.
struct Pair {
    world: World,
    host: Host,
    disk: Disk,
    standby_disk: Disk,
    primary: Server,
    standby: Server,
}

impl Pair {
    async fn start(mut world: World, change: impl Fn(&mut Options)) -> Pair {
        let disk = Disk::new();
        let mut of_primary = options(STANDBY);
        change(&mut of_primary);
        let primary = world.start(&disk, of_primary, Arc::new(())).await;
        primary.run_script(SCHEMA).unwrap();
        let standby_disk = disk.base_backup();
        let mut host = world.add_host("standby");
        let mut of_standby = options(ADDRESS);
        change(&mut of_standby);
        let standby = host.start(&standby_disk, of_standby, Arc::new(())).await;
        rt::sleep(Duration::from_millis(50)).await;
        Pair {
            world,
            host,
            disk,
            standby_disk,
            primary,
            standby,
        }
    }
}

/// Cuts the primary and its standby off from each other.
fn cut(network: &Network) -> RuleGuard {
    network.add_rule(|segment: &Segment<'_>| {
        let ends = [segment.from, segment.to];
        match ends.contains(&"postgres") && ends.contains(&"standby") {
            true => Action::Drop,
            false => Action::Pass,
        }
    })
}

async fn wait() {
    rt::sleep(Duration::from_millis(100)).await;
}

/// The rows of a table, in no order that a server could choose.
fn rows(server: &Server, table: &str) -> Vec<String> {
    let rows = server.committed_rows(table);
    let mut shown: Vec<String> = rows
        .iter()
        .map(|row| format!("{:?}", row.iter().collect::<Vec<_>>()))
        .collect();
    shown.sort();
    shown
}

async fn ask(client: &Client, sql: &str) -> String {
    shown(client.simple_query(sql).await)
}

#[test]
fn a_standby_shows_what_the_primary_commits() {
    simulate(1, |world| async move {
        let pair = Pair::start(world, |_| {}).await;
        let client = connect(ADDRESS).await;
        client
            .batch_execute(
                "INSERT INTO orders (sku) VALUES ('lamp'), ('lamp'), ('chair');
                 UPDATE stock SET left_over = left_over - 1 WHERE sku = 'lamp';
                 UPDATE stock SET left_over = left_over - 1 WHERE sku = 'lamp';
                 DELETE FROM orders WHERE id = 3;
                 BEGIN; INSERT INTO orders (sku) VALUES ('gone'); ROLLBACK;
                 CREATE TABLE later (n int PRIMARY KEY, t text DEFAULT 'x');
                 INSERT INTO later VALUES (1), (2);
                 ALTER TABLE later ADD COLUMN more int DEFAULT 7;
                 CREATE VIEW lamps AS SELECT * FROM orders WHERE sku = 'lamp';
                 CREATE TABLE brief (n int); DROP TABLE brief;",
            )
            .await
            .unwrap();
        wait().await;
        for table in ["stock", "orders", "later"] {
            assert_eq!(rows(&pair.standby, table), rows(&pair.primary, table));
        }
        let reader = connect(STANDBY).await;
        for query in [
            "SELECT * FROM lamps ORDER BY id",
            "SELECT * FROM later ORDER BY n",
            "SELECT left_over FROM stock WHERE sku = 'lamp'",
            "SELECT id FROM orders WHERE sku = 'lamp' ORDER BY id",
            "SELECT * FROM brief",
        ] {
            assert_eq!(ask(&reader, query).await, ask(&client, query).await);
        }
        assert!(pair.standby.is_in_recovery() && !pair.primary.is_in_recovery());
        let listed = "SELECT application_name, state, sync_state FROM pg_stat_replication";
        assert_eq!(
            ask(&client, listed).await,
            "(walreceiver,streaming,async) 1"
        );
        let lsn = ask(&client, "SELECT pg_current_wal_lsn()").await;
        assert_eq!(ask(&reader, "SELECT pg_last_wal_replay_lsn()").await, lsn);
        assert_eq!(ask(&reader, "SELECT pg_last_wal_receive_lsn()").await, lsn);
        assert_eq!(ask(&reader, "SELECT pg_is_in_recovery()").await, "(t) 1");
        assert_eq!(ask(&client, "SELECT pg_is_in_recovery()").await, "(f) 1");
    });
}

#[test]
fn a_standby_only_reads() {
    simulate(2, |world| async move {
        let _pair = Pair::start(world, |_| {}).await;
        let reader = connect(STANDBY).await;
        let refused = [
            ("INSERT INTO stock VALUES ('bed', 1)", "25006"),
            ("UPDATE stock SET left_over = 0", "25006"),
            ("SELECT * FROM stock FOR UPDATE", "25006"),
            ("SELECT nextval('orders_id_seq')", "25006"),
            ("CREATE TABLE t (n int)", "25006"),
            ("TRUNCATE stock", "25006"),
            ("LISTEN news", "25006"),
            ("NOTIFY news", "25006"),
            ("BEGIN; LOCK TABLE stock", "25006"),
            ("ROLLBACK; BEGIN READ WRITE", "0A000"),
            ("BEGIN ISOLATION LEVEL SERIALIZABLE", "0A000"),
            ("SELECT pg_current_wal_lsn()", "55000"),
        ];
        for (sql, code) in refused {
            assert_eq!(ask(&reader, sql).await, code, "{sql}");
            reader.batch_execute("ROLLBACK").await.unwrap();
        }
        let error = reader
            .simple_query("INSERT INTO stock VALUES ('bed', 1)")
            .await;
        let error = error
            .unwrap_err()
            .as_db_error()
            .unwrap()
            .message()
            .to_owned();
        assert_eq!(error, "cannot execute INSERT in a read-only transaction");
        for (name, value) in [
            ("transaction_read_only", "on"),
            ("default_transaction_read_only", "off"),
            ("in_hot_standby", "on"),
        ] {
            let show = format!("SHOW {name}");
            assert_eq!(ask(&reader, &show).await, format!("({value}) 0"), "{name}");
        }
        let level = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM stock; COMMIT";
        assert_eq!(ask(&reader, level).await, "0 (2) 1 0");
    });
}

#[test]
fn a_repeatable_read_on_a_standby_keeps_its_snapshot() {
    simulate(3, |world| async move {
        let _pair = Pair::start(world, |_| {}).await;
        let (client, reader) = (connect(ADDRESS).await, connect(STANDBY).await);
        let read = "SELECT left_over FROM stock WHERE sku = 'lamp'";
        reader
            .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            .await
            .unwrap();
        assert_eq!(ask(&reader, read).await, "(3) 1");
        for _ in 0..3 {
            let update = "UPDATE stock SET left_over = left_over - 1 WHERE sku = 'lamp'";
            client.batch_execute(update).await.unwrap();
        }
        wait().await;
        assert_eq!(ask(&reader, read).await, "(3) 1");
        assert_eq!(ask(&reader, "COMMIT").await, "0");
        assert_eq!(ask(&reader, read).await, "(0) 1");
    });
}

#[test]
fn a_partition_makes_a_standby_lag_and_it_catches_up() {
    simulate(4, |world| async move {
        let pair = Pair::start(world, |_| {}).await;
        let network = &pair.world.network;
        let apart = cut(network);
        let client = connect(ADDRESS).await;
        for n in 0..50 {
            let insert = format!("INSERT INTO orders (sku) VALUES ('{n}')");
            client.batch_execute(&insert).await.unwrap();
        }
        wait().await;
        assert_eq!(rows(&pair.standby, "orders").len(), 0);
        drop(apart);
        rt::sleep(Duration::from_secs(5)).await;
        assert_eq!(rows(&pair.standby, "orders"), rows(&pair.primary, "orders"));
    });
}

#[test]
fn both_servers_may_crash_and_the_standby_goes_on_where_it_was() {
    simulate(5, |world| async move {
        let mut pair = Pair::start(world, |_| {}).await;
        for round in 0..6 {
            let client = connect(ADDRESS).await;
            for n in 0..20 {
                let insert = format!("INSERT INTO orders (sku) VALUES ('{round} {n}')");
                client.batch_execute(&insert).await.unwrap();
            }
            if round % 2 == 0 {
                pair.host.kill().await;
                pair.standby_disk.lose_power();
                let (disk, options) = (&pair.standby_disk, options(ADDRESS));
                pair.standby = pair.host.start(disk, options, Arc::new(())).await;
            } else {
                pair.world.kill().await;
                let options = options(STANDBY);
                pair.primary = pair.world.start(&pair.disk, options, Arc::new(())).await;
            }
            rt::sleep(Duration::from_secs(1)).await;
            assert_eq!(rows(&pair.standby, "orders").len(), 20 * (round + 1));
            assert_eq!(rows(&pair.standby, "orders"), rows(&pair.primary, "orders"));
        }
    });
}

#[test]
fn a_promoted_standby_takes_writes_and_the_old_tail_is_gone() {
    simulate(6, |world| async move {
        let mut pair = Pair::start(world, |_| {}).await;
        let client = connect(ADDRESS).await;
        client
            .batch_execute("INSERT INTO orders (sku) VALUES ('safe')")
            .await
            .unwrap();
        wait().await;
        let network = pair.world.network.clone();
        let apart = cut(&network);
        client
            .batch_execute("INSERT INTO orders (sku) VALUES ('tail')")
            .await
            .unwrap();
        pair.world.kill().await;
        drop(apart);

        let reader = connect(STANDBY).await;
        assert_eq!(ask(&reader, "SELECT pg_promote()").await, "(t) 1");
        assert_eq!(ask(&reader, "SELECT pg_promote()").await, "55000");
        assert_eq!(ask(&reader, "SHOW in_hot_standby").await, "(off) 0");
        let insert = "INSERT INTO orders (sku) VALUES ('new') RETURNING id > 1";
        assert_eq!(ask(&reader, insert).await, "(t) 1");
        let all = "SELECT sku FROM orders ORDER BY id";
        assert_eq!(ask(&reader, all).await, "(safe) (new) 2");

        // A primary that comes back as it was cannot follow, and is a second
        // primary; rewound it loses its tail and follows.
        pair.primary = pair
            .world
            .start(&pair.disk, options(STANDBY), Arc::new(()))
            .await;
        assert!(!pair.primary.is_in_recovery(), "two primaries");
        assert_eq!(rows(&pair.primary, "orders").len(), 2);
        pair.world.kill().await;
        pair.disk.rewind(&pair.standby_disk, None);
        pair.primary = pair
            .world
            .start(&pair.disk, options(STANDBY), Arc::new(()))
            .await;
        reader
            .batch_execute("INSERT INTO orders (sku) VALUES ('newer')")
            .await
            .unwrap();
        rt::sleep(Duration::from_secs(1)).await;
        assert!(pair.primary.is_in_recovery());
        let back = connect(ADDRESS).await;
        assert_eq!(ask(&back, all).await, "(safe) (new) (newer) 3");

        // And back again.
        pair.primary.promote().await.unwrap();
        back.batch_execute("INSERT INTO orders (sku) VALUES ('newest')")
            .await
            .unwrap();
        assert_eq!(ask(&back, all).await, "(safe) (new) (newer) (newest) 4");
    });
}

#[test]
fn a_synchronous_standby_has_what_was_answered() {
    for level in [
        SynchronousCommit::RemoteWrite,
        SynchronousCommit::On,
        SynchronousCommit::RemoteApply,
    ] {
        simulate(7, move |world| async move {
            let synchronous = |options: &mut Options| {
                options.replication.synchronous_standby_names = vec!["*".to_owned()];
                options.synchronous_commit = level;
                options.replay_ns = 5_000_000;
            };
            let pair = Pair::start(world, synchronous).await;
            let client = connect(ADDRESS).await;
            let reader = connect(STANDBY).await;
            for n in 1..=20 {
                client
                    .batch_execute("INSERT INTO orders (sku) VALUES ('lamp')")
                    .await
                    .unwrap();
                if level == SynchronousCommit::RemoteApply {
                    let count = "SELECT count(*) FROM orders";
                    assert_eq!(ask(&reader, count).await, format!("({n}) 1"));
                }
            }
            let network = &pair.world.network;
            let apart = cut(network);
            let insert = "INSERT INTO orders (sku) VALUES ('late')";
            let waits = rt::timeout(Duration::from_secs(2), client.batch_execute(insert));
            assert!(waits.await.is_err(), "nobody confirms it");
            let local = connect(ADDRESS).await;
            local
                .batch_execute(
                    "SET synchronous_commit = local; INSERT INTO orders (sku) VALUES ('x')",
                )
                .await
                .unwrap();
            assert_eq!(
                rows(&pair.primary, "orders").len(),
                21,
                "the other is not visible"
            );
            pair.standby.promote().await.unwrap();
            assert_eq!(rows(&pair.standby, "orders").len(), 20);
            drop(apart);
        });
    }
}

#[test]
fn giving_up_the_wait_for_a_standby_is_a_warning() {
    simulate(8, |world| async move {
        let pair = Pair::start(world, |options| {
            options.replication.synchronous_standby_names = vec!["nobody".to_owned()];
        })
        .await;
        let (client, mut notices) = crate::support::connect_for_notices(ADDRESS).await;
        let token = client.cancel_token();
        let committing = rt::spawn(async move {
            let insert = "INSERT INTO orders (sku) VALUES ('lamp')";
            client.batch_execute(insert).await
        });
        wait().await;
        assert_eq!(rows(&pair.primary, "orders").len(), 0);
        let stream = rt::connect(ADDRESS).await.unwrap();
        token
            .cancel_query_raw(stream, tokio_postgres::NoTls)
            .await
            .unwrap();
        committing.await.unwrap().unwrap();
        let warning = notices.recv().await.unwrap();
        assert_eq!(
            warning.message(),
            "canceling wait for synchronous replication due to user request"
        );
        assert_eq!(rows(&pair.primary, "orders").len(), 1);
    });
}

#[test]
fn a_query_in_the_way_of_replay_is_cancelled() {
    simulate(9, |world| async move {
        let pair = Pair::start(world, |_| {}).await;
        let client = connect(ADDRESS).await;
        let reader = connect(STANDBY).await;
        let idle = connect(STANDBY).await;
        idle.batch_execute("BEGIN; SELECT * FROM orders")
            .await
            .unwrap();
        let reading =
            rt::spawn(
                async move { shown(reader.simple_query("SELECT pg_sleep(60) FROM stock").await) },
            );
        wait().await;
        client
            .batch_execute("TRUNCATE stock; DROP TABLE orders")
            .await
            .unwrap();
        assert_eq!(reading.await.unwrap(), "40001");
        rt::sleep(Duration::from_secs(1)).await;
        assert!(["40001", "closed"].contains(&ask(&idle, "SELECT 1").await.as_str()));
        assert_eq!(rows(&pair.standby, "stock").len(), 0);
        let late = connect(STANDBY).await;
        assert_eq!(ask(&late, "SELECT * FROM orders").await, "42P01");
    });
}

#[test]
fn a_delayed_standby_shows_the_past_and_catches_up_when_promoted() {
    simulate(10, |world| async move {
        let pair = Pair::start(world, |options| {
            options.replication.recovery_min_apply_delay_ns = 5_000_000_000;
        })
        .await;
        let client = connect(ADDRESS).await;
        client
            .batch_execute("INSERT INTO orders (sku) VALUES ('lamp')")
            .await
            .unwrap();
        rt::sleep(Duration::from_secs(4)).await;
        assert_eq!(rows(&pair.standby, "orders").len(), 0);
        rt::sleep(Duration::from_secs(2)).await;
        assert_eq!(rows(&pair.standby, "orders").len(), 1);
        client
            .batch_execute("INSERT INTO orders (sku) VALUES ('lamp')")
            .await
            .unwrap();
        wait().await;
        pair.standby.promote().await.unwrap();
        assert_eq!(rows(&pair.standby, "orders").len(), 2);
    });
}

#[test]
fn a_shutdown_of_the_primary_leaves_nothing_behind() {
    simulate(11, |world| async move {
        let pair = Pair::start(world, |_| {}).await;
        let slow = Link::of(Latency::fixed(300_000_000));
        let network = &pair.world.network;
        network.set_link(pair.world.host_id(), pair.host.id, slow);
        let client = connect(ADDRESS).await;
        for _ in 0..10 {
            client
                .batch_execute("INSERT INTO orders (sku) VALUES ('lamp')")
                .await
                .unwrap();
        }
        assert!(rows(&pair.standby, "orders").len() < 10, "it lags");
        pair.primary.shut_down().await;
        pair.standby.promote().await.unwrap();
        assert_eq!(rows(&pair.standby, "orders").len(), 10);
    });
}

/// What a primary and its standby hold of two tables after some work.
fn after_work(planted: Option<Bug>) -> (Vec<String>, Vec<String>) {
    simulate(12, move |world| async move {
        let pair = Pair::start(world, |options| options.planted = planted).await;
        let client = connect(ADDRESS).await;
        // Several at once, so that several are there to be replayed.
        let apart = cut(&pair.world.network);
        for _ in 0..20 {
            let work = "INSERT INTO orders (sku) VALUES ('lamp');
                        UPDATE stock SET left_over = left_over - 1 WHERE sku = 'lamp'";
            client.batch_execute(work).await.unwrap();
        }
        drop(apart);
        rt::sleep(Duration::from_secs(5)).await;
        let both = |server| [rows(server, "orders"), rows(server, "stock")].concat();
        (both(&pair.primary), both(&pair.standby))
    })
}

#[test]
fn a_standby_that_leaves_records_out_or_mixes_them_up_is_found() {
    let (primary, standby) = after_work(None);
    assert_eq!(primary, standby);
    for bug in [Bug::SkipReplay, Bug::ReorderReplay] {
        let (primary, standby) = after_work(Some(bug));
        assert_ne!(primary, standby, "{bug}");
    }
}

/// What a rewound primary holds, and the server that took its place.
fn after_rewinding(planted: Option<Bug>) -> (Vec<String>, Vec<String>) {
    simulate(13, move |world| async move {
        let mut pair = Pair::start(world, |_| {}).await;
        let client = connect(ADDRESS).await;
        let apart = cut(&pair.world.network.clone());
        let tail = "INSERT INTO orders (sku) VALUES ('tail')";
        client.batch_execute(tail).await.unwrap();
        pair.world.kill().await;
        drop(apart);
        pair.standby.promote().await.unwrap();
        let there = connect(STANDBY).await;
        for _ in 0..5 {
            let new = "INSERT INTO orders (sku) VALUES ('new')";
            there.batch_execute(new).await.unwrap();
        }
        pair.disk.rewind(&pair.standby_disk, planted);
        let again = pair.world.start(&pair.disk, options(STANDBY), Arc::new(()));
        pair.primary = again.await;
        rt::sleep(Duration::from_secs(2)).await;
        (rows(&pair.primary, "orders"), rows(&pair.standby, "orders"))
    })
}

#[test]
fn a_rewound_primary_that_keeps_its_tail_is_found() {
    let (rewound, there) = after_rewinding(None);
    assert_eq!(rewound, there);
    let (rewound, there) = after_rewinding(Some(Bug::KeepTail));
    assert_ne!(rewound, there);
}
