//! What sessions do to each other, and what ends them: signals, time limits,
//! deadlocks, locks that outlive transactions, notifications.

use std::sync::Arc;
use std::time::Duration;

use doublebuy::postgres::{Disk, Options};
use doublebuy::rt;
use futures_util::future::join;
use tokio_postgres::{AsyncMessage, Client, NoTls};

use crate::support::{ADDRESS, connect, shown, simulate};

async fn ask(client: &Client, sql: &str) -> String {
    shown(client.simple_query(sql).await)
}

async fn pid(client: &Client) -> i32 {
    let row = client.query_one("SELECT pg_backend_pid()", &[]).await;
    row.unwrap().get(0)
}

/// Two clients of one simulated server.
fn with_two<F, Fut>(test: F)
where
    F: FnOnce(Client, Client) -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    simulate(7, |mut world| async move {
        let options = Options::default();
        let server = world.start(&Disk::new(), options, Arc::new(())).await;
        let script = "CREATE TABLE stock (sku int PRIMARY KEY, n int); INSERT INTO stock VALUES (1, 1), (2, 2)";
        server.run_script(script).unwrap();
        test(connect(ADDRESS).await, connect(ADDRESS).await).await;
    });
}

#[test]
fn a_statement_is_canceled_and_the_session_lives() {
    with_two(|a, b| async move {
        let pid = pid(&a).await;
        let cancel = async {
            rt::sleep(Duration::from_secs(1)).await;
            ask(&b, &format!("SELECT pg_cancel_backend({pid})")).await
        };
        let (slept, canceled) = join(ask(&a, "SELECT pg_sleep(60)"), cancel).await;
        assert_eq!((slept.as_str(), canceled.as_str()), ("57014", "(t) 1"));
        assert_eq!(ask(&a, "SELECT 1").await, "(1) 1");
        // Nothing runs: nothing is canceled, then or later.
        ask(&b, &format!("SELECT pg_cancel_backend({pid})")).await;
        assert_eq!(ask(&a, "SELECT 2").await, "(2) 1");
        assert_eq!(ask(&b, "SELECT pg_cancel_backend(1)").await, "(f) 1");
    });
}

#[test]
fn a_session_is_terminated_while_it_waits_and_while_it_idles() {
    with_two(|a, b| async move {
        ask(&b, "BEGIN; UPDATE stock SET n = 0 WHERE sku = 1").await;
        let waiter = connect(ADDRESS).await;
        let (idle, waiting) = (pid(&a).await, pid(&waiter).await);
        ask(&a, "SELECT pg_advisory_lock(5)").await;
        let terminate = async {
            rt::sleep(Duration::from_millis(100)).await;
            ask(
                &b,
                &format!("SELECT pg_terminate_backend({waiting}), pg_terminate_backend({idle})"),
            )
            .await
        };
        let (waited, terminated) = join(ask(&waiter, "UPDATE stock SET n = 9"), terminate).await;
        assert_eq!((waited.as_str(), terminated.as_str()), ("57P01", "(t,t) 1"));
        rt::sleep(Duration::from_millis(100)).await;
        assert_eq!(ask(&a, "SELECT 1").await, "closed");
        // What they held is free again.
        assert_eq!(ask(&b, "SELECT pg_try_advisory_lock(5)").await, "(t) 1");
        assert_eq!(ask(&b, "UPDATE stock SET n = 3 WHERE sku = 2").await, "1");
    });
}

#[test]
fn idle_sessions_are_ended_in_time() {
    with_two(|a, b| async move {
        ask(
            &a,
            "SET idle_in_transaction_session_timeout = '2s'; SET idle_session_timeout = '1h'",
        )
        .await;
        ask(&a, "BEGIN; UPDATE stock SET n = 0 WHERE sku = 1").await;
        assert_eq!(
            ask(
                &b,
                "SET lock_timeout = '1s'; UPDATE stock SET n = 5 WHERE sku = 1"
            )
            .await,
            "55P03"
        );
        rt::sleep(Duration::from_secs(2)).await;
        assert_eq!(ask(&b, "UPDATE stock SET n = 5 WHERE sku = 1").await, "1");
        assert_eq!(ask(&a, "SELECT 1").await, "closed");
        ask(&b, "SET idle_session_timeout = '10s'").await;
        rt::sleep(Duration::from_secs(9)).await;
        assert_eq!(ask(&b, "SELECT 1").await, "(1) 1");
        rt::sleep(Duration::from_secs(11)).await;
        assert_eq!(ask(&b, "SELECT 1").await, "closed");
    });
}

#[test]
fn a_deadlock_is_described() {
    with_two(|a, b| async move {
        ask(
            &a,
            "BEGIN; SET LOCAL deadlock_timeout = '1min'; UPDATE stock SET n = 0 WHERE sku = 1",
        )
        .await;
        ask(&b, "BEGIN; UPDATE stock SET n = 0 WHERE sku = 2").await;
        let second = async {
            rt::sleep(Duration::from_millis(50)).await;
            b.simple_query("UPDATE stock SET n = 1 WHERE sku = 1").await
        };
        let (first, second) = join(ask(&a, "UPDATE stock SET n = 1 WHERE sku = 2"), second).await;
        assert_eq!(first, "1");
        let error = second.unwrap_err();
        let error = error.as_db_error().unwrap();
        assert_eq!(error.code().code(), "40P01");
        assert_eq!(error.hint(), Some("See server log for query details."));
        let (a, b) = (
            pid(&a).await,
            b.simple_query("ROLLBACK").await.map(|_| pid(&b)),
        );
        let b = b.unwrap().await;
        let lines: Vec<&str> = error.detail().unwrap().lines().collect();
        for (line, waiter, blocker) in [(lines[0], b, a), (lines[1], a, b)] {
            assert!(
                line.starts_with(&format!(
                    "Process {waiter} waits for ShareLock on transaction "
                )),
                "{line}"
            );
            assert!(
                line.ends_with(&format!("; blocked by process {blocker}.")),
                "{line}"
            );
        }
    });
}

#[test]
fn notifications_reach_an_idle_session() {
    simulate(7, |mut world| async move {
        world
            .start(&Disk::new(), Options::default(), Arc::new(()))
            .await;
        let stream = rt::connect(ADDRESS).await.unwrap();
        let mut config = tokio_postgres::Config::new();
        config.user("postgres");
        let (listener, mut connection) = config.connect_raw(stream, NoTls).await.unwrap();
        let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
        drop(rt::spawn(async move {
            while let Some(Ok(message)) =
                std::future::poll_fn(|cx| connection.poll_message(cx)).await
            {
                if let AsyncMessage::Notification(notification) = message {
                    let _gone = told.send((
                        notification.channel().to_owned(),
                        notification.payload().to_owned(),
                    ));
                }
            }
        }));
        listener.batch_execute("LISTEN stock").await.unwrap();
        let teller = connect(ADDRESS).await;
        teller
            .batch_execute("BEGIN; NOTIFY stock, 'low'; NOTIFY stock, 'low'")
            .await
            .unwrap();
        rt::sleep(Duration::from_secs(1)).await;
        assert!(heard.try_recv().is_err(), "not before the commit");
        teller
            .batch_execute("COMMIT; NOTIFY other; NOTIFY stock")
            .await
            .unwrap();
        let both = [heard.recv().await.unwrap(), heard.recv().await.unwrap()];
        let expected = [("stock", "low"), ("stock", "")];
        assert_eq!(
            both,
            expected.map(|(channel, payload)| (channel.to_owned(), payload.to_owned()))
        );
    });
}

#[test]
fn what_a_session_leaves_behind_leaks_through_a_pool() {
    with_two(|a, b| async move {
        ask(
            &a,
            "SET lock_timeout = '5s'; SELECT pg_advisory_lock(1); LISTEN stock",
        )
        .await;
        // The next user of the same connection has all of it.
        assert_eq!(ask(&a, "SHOW lock_timeout").await, "(5s) 0");
        assert_eq!(ask(&b, "SELECT pg_try_advisory_lock(1)").await, "(f) 1");
        ask(&a, "DISCARD ALL").await;
        assert_eq!(ask(&a, "SHOW lock_timeout").await, "(0) 0");
        assert_eq!(ask(&b, "SELECT pg_try_advisory_lock(1)").await, "(t) 1");
    });
}

#[test]
fn siread_locks_go_when_nobody_overlaps_them() {
    simulate(7, |mut world| async move {
        let options = Options::default();
        let server = world.start(&Disk::new(), options, Arc::new(())).await;
        server
            .run_script("CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t SELECT 1, 1")
            .unwrap();
        let (long, short) = (connect(ADDRESS).await, connect(ADDRESS).await);
        let begin = "BEGIN ISOLATION LEVEL SERIALIZABLE";
        let order = |id: i32| {
            format!(
                "{begin}; SELECT * FROM t WHERE id = {id}; INSERT INTO t VALUES ({id}, 0); COMMIT"
            )
        };
        for id in 2..50 {
            ask(&short, &order(id)).await;
            assert_eq!(server.siread_locks(), (0, 0), "after order {id}");
        }
        ask(&long, &format!("{begin}; SELECT n FROM t WHERE id = 1")).await;
        for id in 50..100 {
            ask(&short, &order(id)).await;
        }
        let (locks, transactions) = server.siread_locks();
        assert!(locks > 50 && transactions == 51, "{locks} {transactions}");
        ask(&long, "COMMIT").await;
        assert_eq!(server.siread_locks(), (0, 0));
        // A reader alone keeps nothing of what ended before it began.
        ask(
            &long,
            &format!("{begin} READ ONLY; SELECT n FROM t WHERE id = 1"),
        )
        .await;
        for id in 100..120 {
            ask(&short, &order(id)).await;
        }
        assert_eq!(server.siread_locks(), (0, 0));
    });
}
