//! What a hot standby answers, beside a real one: the test makes a primary of
//! its own and a standby of it with `pg_basebackup`.

use std::sync::Arc;
use std::time::Duration;

use doublebuy::postgres::{Disk, Options, Replication};
use doublebuy::rt;
use tokio_postgres::Client;

use crate::support::real::Real;
use crate::support::{ADDRESS, connect, outside, simulate, until_it_sleeps};

const STANDBY: &str = "standby:5432";

const SCHEMA: &str = "
    CREATE TABLE stock (sku text PRIMARY KEY, quantity int NOT NULL);
    INSERT INTO stock VALUES ('lamp', 3), ('chair', 5);
    CREATE TABLE orders (id serial PRIMARY KEY, sku text);
    CREATE VIEW lamps AS SELECT * FROM stock WHERE sku = 'lamp';
    CREATE SEQUENCE numbers;
";

/// Statements of one session on the standby, one a line; `--` begins anew.
const ASKED: &str = "
    SELECT * FROM stock ORDER BY sku
    SELECT pg_is_in_recovery()
    SHOW transaction_read_only
    SHOW default_transaction_read_only
    SHOW in_hot_standby
    INSERT INTO stock VALUES ('bed', 1)
    UPDATE stock SET quantity = 0
    DELETE FROM stock
    INSERT INTO stock VALUES ('lamp', 1) ON CONFLICT DO NOTHING
    WITH gone AS (DELETE FROM stock RETURNING *) SELECT * FROM gone
    SELECT * FROM stock FOR UPDATE
    SELECT * FROM stock FOR NO KEY UPDATE
    SELECT * FROM stock FOR SHARE
    SELECT * FROM stock FOR KEY SHARE
    SELECT nextval('numbers')
    SELECT setval('numbers', 5)
    SELECT currval('numbers')
    CREATE TABLE t (n int)
    CREATE TABLE t AS SELECT 1
    SELECT 1 AS n INTO t
    CREATE INDEX ON stock (quantity)
    CREATE VIEW v AS SELECT 1
    CREATE SEQUENCE s
    ALTER TABLE stock ADD COLUMN more int
    DROP TABLE stock
    DROP VIEW lamps
    DROP SEQUENCE numbers
    TRUNCATE stock
    VACUUM
    VACUUM stock
    ANALYZE
    REINDEX TABLE stock
    LISTEN news
    UNLISTEN news
    UNLISTEN *
    NOTIFY news
    SELECT pg_notify('news', '')
    LOCK TABLE stock
    BEGIN
    LOCK TABLE stock
    --
    BEGIN
    LOCK TABLE stock IN SHARE UPDATE EXCLUSIVE MODE
    --
    BEGIN
    LOCK TABLE stock IN ROW EXCLUSIVE MODE
    SELECT count(*) FROM stock
    --
    BEGIN
    LOCK TABLE stock IN ACCESS SHARE MODE
    COMMIT
    BEGIN READ WRITE
    --
    BEGIN
    SET TRANSACTION READ WRITE
    --
    BEGIN ISOLATION LEVEL SERIALIZABLE
    SELECT count(*) FROM stock
    --
    BEGIN
    SET TRANSACTION ISOLATION LEVEL SERIALIZABLE
    --
    SET default_transaction_isolation = 'serializable'
    SELECT count(*) FROM stock
    RESET default_transaction_isolation
    SET transaction_read_only = off
    SET default_transaction_read_only = off
    INSERT INTO stock VALUES ('bed', 1)
    BEGIN ISOLATION LEVEL REPEATABLE READ
    SELECT count(*) FROM stock
    COMMIT
    BEGIN READ ONLY
    SELECT count(*) FROM stock
    SAVEPOINT a
    INSERT INTO stock VALUES ('bed', 1)
    ROLLBACK TO a
    SELECT count(*) FROM stock
    RELEASE a
    COMMIT
    SELECT pg_current_wal_lsn()
    SELECT pg_current_wal_insert_lsn()
    SELECT pg_last_wal_replay_lsn() IS NULL
    SELECT pg_last_wal_receive_lsn() IS NULL
    SELECT count(*) FROM pg_stat_replication
    SELECT pg_try_advisory_lock(7)
    SELECT pg_advisory_unlock(7)
    PREPARE p AS INSERT INTO stock VALUES ('bed', 1)
    EXECUTE p
    DEALLOCATE p
    BEGIN
    DECLARE c CURSOR FOR SELECT sku FROM stock ORDER BY sku
    FETCH 1 FROM c
    COMMIT
    SET synchronous_commit = off
    SELECT * FROM nothing
    SELECT 1 / 0
    DISCARD ALL
    SELECT pg_promote()
    SELECT pg_promote()
    SHOW in_hot_standby
    INSERT INTO stock VALUES ('bed', 1)
    SELECT nextval('numbers') > 0
    BEGIN ISOLATION LEVEL SERIALIZABLE
    SELECT count(*) FROM stock
    COMMIT
";

/// An answer in one line: rows and counts, or all that is said of an error.
async fn told(client: &Client, sql: &str) -> String {
    match client.simple_query(sql).await {
        Ok(messages) => crate::support::shown(Ok(messages)),
        Err(error) => error.as_db_error().map_or("closed".to_owned(), |error| {
            let parts = [
                Some(error.severity()),
                Some(error.code().code()),
                Some(error.message()),
                error.detail(),
                error.hint(),
            ];
            parts.into_iter().flatten().collect::<Vec<_>>().join(" | ")
        }),
    }
}

async fn ask_all(address: &str) -> Vec<String> {
    let client = connect(address).await;
    let mut answers = Vec::new();
    for sql in ASKED.lines().map(str::trim).filter(|line| !line.is_empty()) {
        match sql {
            "--" => client.batch_execute("ROLLBACK").await.unwrap(),
            sql => answers.push(format!("{sql} -> {}", told(&client, sql).await)),
        }
    }
    answers
}

/// Who reads a table of which the primary gets rid, in a statement, between
/// two, and as a holder of an old snapshot of another table.
async fn conflicts(primary: &str, standby: &str) -> Vec<String> {
    let (writer, reader) = (connect(primary).await, connect(standby).await);
    let (idle, other) = (connect(standby).await, connect(standby).await);
    let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM ";
    idle.batch_execute(&format!("{begin} orders"))
        .await
        .unwrap();
    other
        .batch_execute(&format!("{begin} stock"))
        .await
        .unwrap();
    let reading =
        rt::spawn(async move { told(&reader, "SELECT count(*), pg_sleep(60) FROM orders").await });
    until_it_sleeps(standby).await;
    writer.batch_execute("TRUNCATE orders").await.unwrap();
    let read = reading.await.unwrap();
    while !idle.is_closed() {
        rt::sleep(Duration::from_millis(10)).await;
    }
    let idle = told(&idle, "SELECT 1").await;
    vec![
        format!("reading: {read}"),
        format!("idle: {idle}"),
        format!(
            "other: {}",
            told(&other, "SELECT count(*) FROM stock").await
        ),
    ]
}

const DELAY: &str = "max_standby_streaming_delay=200ms";

async fn until_there(standby: &str) {
    let client = connect(standby).await;
    while told(&client, "SELECT count(*) FROM lamps").await != "(1) 1" {
        rt::sleep(Duration::from_millis(50)).await;
    }
}

fn of_simulated() -> Vec<String> {
    simulate(1, |mut world| async move {
        let follow = |upstream: &str| Options {
            replication: Replication {
                primary_conninfo: vec![upstream.to_owned()],
                max_standby_streaming_delay_ns: 200_000_000,
                ..Replication::default()
            },
            ..Options::default()
        };
        let disk = Disk::new();
        let primary = world.start(&disk, follow(STANDBY), Arc::new(())).await;
        primary.run_script(SCHEMA).unwrap();
        let mut host = world.add_host("standby");
        host.start(&disk.base_backup(), follow(ADDRESS), Arc::new(()))
            .await;
        until_there(STANDBY).await;
        let conflicts = conflicts(ADDRESS, STANDBY).await;
        [conflicts, ask_all(STANDBY).await].concat()
    })
}

#[test]
fn a_standby_answers_as_a_real_one_does() {
    let simulated = of_simulated();
    assert!(simulated.len() > 80, "{}", simulated.len());
    let Some(primary) = Real::start() else {
        return;
    };
    let standby = primary.standby(&[DELAY]);
    let real = outside(async {
        let client = connect(&primary.address()).await;
        client.batch_execute(SCHEMA).await.unwrap();
        until_there(&standby.address()).await;
        let conflicts = conflicts(&primary.address(), &standby.address()).await;
        [conflicts, ask_all(&standby.address()).await].concat()
    });
    let differ: Vec<String> = simulated
        .iter()
        .zip(&real)
        .filter(|(ours, theirs)| ours != theirs)
        .map(|(ours, theirs)| format!("ours   {ours}\ntheirs {theirs}"))
        .collect();
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}
