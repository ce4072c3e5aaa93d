//! A statement that would go on for hours takes no hours of the machine, and
//! none of its memory: it goes on in simulated time until it is ended.

use std::sync::Arc;
use std::time::Duration;

use doublebuy::postgres::{Disk, Options};
use doublebuy::rt;

use crate::support::{ADDRESS, connect, shown, simulate};

const ENDLESS: &[&str] = &[
    "SELECT count(*) FROM generate_series(1, 1000000000000)",
    "SELECT * FROM generate_series('-infinity'::timestamp, now()::timestamp, '1 day')",
    "WITH RECURSIVE r AS (SELECT 1 n UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r",
    "WITH RECURSIVE r AS (SELECT repeat('x', 1000000) t UNION ALL SELECT t || 'y' FROM r)
     SELECT count(*) FROM r",
];

#[test]
fn what_would_take_hours_is_ended_by_its_timeout() {
    simulate(1, |mut world| async move {
        world
            .start(&Disk::new(), Options::default(), Arc::new(()))
            .await;
        let client = connect(ADDRESS).await;
        client
            .batch_execute("SET statement_timeout = '300ms'")
            .await
            .unwrap();
        for sql in ENDLESS {
            let (asked, began) = (client.simple_query(sql), rt::now());
            assert_eq!(shown(asked.await), "57014", "{sql}");
            let took = rt::now().since(began);
            assert!(took >= Duration::from_millis(300), "{sql}");
        }
        assert_eq!(shown(client.simple_query("SELECT 1").await), "(1) 1");
    });
}

#[test]
fn what_goes_on_keeps_its_locks_until_it_is_cancelled() {
    simulate(1, |mut world| async move {
        let server = world
            .start(&Disk::new(), Options::default(), Arc::new(()))
            .await;
        server
            .run_script("CREATE TABLE thing (n int); INSERT INTO thing VALUES (1)")
            .unwrap();
        let (client, other) = (connect(ADDRESS).await, connect(ADDRESS).await);
        let begin = "BEGIN; UPDATE thing SET n = 2";
        client.batch_execute(begin).await.unwrap();
        let cancel = client.cancel_token();
        let counting = rt::spawn(async move { shown(client.simple_query(ENDLESS[0]).await) });
        let limit = "SET lock_timeout = '10s'";
        other.batch_execute(limit).await.unwrap();
        let update = "UPDATE thing SET n = 3";
        assert_eq!(shown(other.simple_query(update).await), "55P03");
        let stream = rt::connect(ADDRESS).await.unwrap();
        let cancelled = cancel.cancel_query_raw(stream, tokio_postgres::NoTls);
        cancelled.await.unwrap();
        assert_eq!(counting.await.unwrap(), "57014");
        assert_eq!(shown(other.simple_query(update).await), "1");
    });
}

#[test]
fn what_nobody_ends_is_refused_in_the_end() {
    simulate(1, |mut world| async move {
        world
            .start(&Disk::new(), Options::default(), Arc::new(()))
            .await;
        let (client, began) = (connect(ADDRESS).await, rt::now());
        assert_eq!(shown(client.simple_query(ENDLESS[0]).await), "0A000");
        assert!(rt::now().since(began) >= Duration::from_secs(1_800));
    });
}
