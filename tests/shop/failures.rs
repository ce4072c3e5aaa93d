//! Servers that are slow, gone or cut off, and buyers that leave: an answer
//! must say what is known, and nothing half-done may stay behind.

use std::sync::Arc;
use std::time::Duration;

use doublebuy::rt;
use doublebuy::shop::{Bug, Idempotency, Options, StockStrategy};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::{Instance, World, with_servers};

/// A deadline that a test waits for, though nothing that is under way may take
/// as long, on any machine.
const DEADLINE: Duration = Duration::from_secs(3);

const BUSY: &str = r#"{"error":"busy"}"#;

const WAITING: &str = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
const IN_TRANSACTION: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'";

#[test]
fn a_statement_that_takes_too_long_is_busy_and_leaves_nothing() {
    with_servers(|world| async move {
        let options = Options {
            stock: StockStrategy::Pessimistic,
            pool_size: 1,
            deadline: DEADLINE,
            ..world.options()
        };
        world.stock(&options, "mug", 1).await;
        let shop = Instance::start(options).await;
        let mut client = shop.client().await;
        let holder = world.hold_the_row().await;
        assert_eq!(client.order("k", "mug", 1).await, (503, BUSY.to_owned()));
        drop(holder);
        world.until(WAITING, 0).await;
        world.until(IN_TRANSACTION, 0).await;
        assert_eq!(world.count("SELECT count(*) FROM orders").await, 0);
        assert_eq!(client.order("k", "mug", 1).await.0, 201);
    });
}

#[test]
fn a_buyer_that_leaves_takes_its_transaction_along() {
    with_servers(|world| async move {
        let options = Options {
            stock: StockStrategy::TripleLayered,
            pool_size: 1,
            lock_ttl: Duration::from_secs(600),
            work: Duration::from_millis(1)..Duration::from_millis(2),
            ..world.options()
        };
        world.stock(&options, "mug", 1).await;
        let shop = Instance::start(options).await;
        let holder = world.hold_the_row().await;
        let mut leaving = shop.client().await;
        let request = rt::spawn(async move { leaving.order("k", "mug", 1).await });
        world.until(WAITING, 1).await;
        request.abort();
        assert!(request.await.is_err(), "the buyer is gone");
        drop(holder);
        // Neither the lock in Redis, nor the key, nor the one connection is
        // still taken; and if the first request did place it, it is replayed.
        let mut client = shop.client().await;
        let answer = client.order("k", "mug", 1).await;
        assert_eq!(answer.0, 201, "{}", answer.1);
        assert_eq!(world.count("SELECT count(*) FROM orders").await, 1);
        world.until(IN_TRANSACTION, 0).await;
    });
}

#[test]
fn a_full_pool_is_busy_and_a_patient_one_is_not() {
    with_servers(|world| async move {
        let options = |deadline, work| Options {
            stock: StockStrategy::AtomicSql,
            pool_size: 1,
            deadline,
            work: work..work,
            ..world.options()
        };
        let buy = async |options: Options| {
            world.stock(&options, "mug", 2).await;
            let shop = Instance::start(options).await;
            let (mut one, mut other) = (shop.client().await, shop.client().await);
            let one = rt::spawn(async move { one.order("one", "mug", 1).await });
            world.until(IN_TRANSACTION, 1).await;
            let other = other.order("other", "mug", 1).await;
            (one.await.expect("an answer").0, other.0)
        };
        assert_eq!(buy(options(DEADLINE, 2 * DEADLINE)).await, (201, 503));
        let patient = options(world.options().deadline, DEADLINE);
        assert_eq!(buy(patient).await, (201, 201));
    });
}

#[test]
fn a_lock_that_is_held_is_busy() {
    with_servers(|world| async move {
        let options = Options {
            lock_wait: DEADLINE,
            ..world.options()
        };
        world.stock(&options, "mug", 1).await;
        let shop = Instance::start(options).await;
        let mut client = shop.client().await;
        let lock = redis::cmd("SET").arg("lock:mug").arg("somebody").clone();
        world.redis.ask(&lock).await;
        assert_eq!(client.order("k", "mug", 1).await, (503, BUSY.to_owned()));
        world.redis.ask(redis::cmd("DEL").arg("lock:mug")).await;
        assert_eq!(client.order("k", "mug", 1).await.0, 201);
        // Sold out needs no lock.
        world.redis.ask(&lock).await;
        assert_eq!(client.order("l", "mug", 1).await.0, 409);
    });
}

#[test]
fn broken_connections_are_replaced() {
    with_servers(|world| async move {
        let options = Options {
            pool_size: 1,
            ..world.options()
        };
        world.stock(&options, "mug", 10).await;
        let shop = Instance::start(options).await;
        let mut client = shop.client().await;
        assert_eq!(client.order("before", "mug", 1).await.0, 201);
        let kill = redis::cmd("CLIENT")
            .arg("KILL")
            .arg("TYPE")
            .arg("normal")
            .clone();
        world.redis.ask(&kill).await;
        let terminate = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                         WHERE pid <> pg_backend_pid() AND datname = 'shop'";
        world.count(terminate).await;
        // Whoever meets a broken connection first may be told that the shop
        // is busy; soon nobody is.
        let mut statuses = Vec::new();
        while statuses.len() < 5 && statuses.last() != Some(&201) {
            statuses.push(client.order("after", "mug", 1).await.0);
        }
        assert_eq!(statuses.last(), Some(&201), "{statuses:?}");
        assert!(statuses.iter().all(|status| [201, 503].contains(status)));
    });
}

/// A proxy in front of PostgreSQL that forwards no more once a client sends
/// `COMMIT`: that goes through or is held back, and no answer comes.
struct Cut {
    address: String,
    commit_goes_through: Arc<Mutex<bool>>,
}

impl Cut {
    async fn in_front_of(address: String) -> Cut {
        let listener = rt::Listener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let cut = Cut {
            address: listener.local_addr().expect("bound"),
            commit_goes_through: Arc::new(Mutex::new(true)),
        };
        let goes_through = cut.commit_goes_through.clone();
        rt::spawn(async move {
            while let Ok(client) = listener.accept().await {
                rt::spawn(Cut::forward(client, address.clone(), goes_through.clone()));
            }
        });
        cut
    }

    async fn forward(client: rt::Stream, address: String, goes_through: Arc<Mutex<bool>>) {
        let server = rt::connect(&address).await.expect("PostgreSQL is up");
        let (mut from_client, mut to_client) = tokio::io::split(client);
        let (mut from_server, mut to_server) = tokio::io::split(server);
        let answers = rt::spawn(async move {
            let _ = tokio::io::copy(&mut from_server, &mut to_client).await;
        });
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from_client.read(&mut buffer).await {
            let bytes = &buffer[..length];
            let is_commit = bytes.windows(6).any(|window| window == b"COMMIT");
            if is_commit {
                answers.abort();
                // Aborted only once it has been dropped: nothing comes back.
                let _ = answers.await;
                if *goes_through.lock() {
                    let _ = to_server.write_all(bytes).await;
                }
                // Open, and silent, until the client gives up.
                let _ = from_client.read(&mut buffer).await;
                return;
            }
            if to_server.write_all(bytes).await.is_err() {
                return;
            }
        }
    }
}

#[test]
fn an_unanswered_commit_is_an_unknown_outcome() {
    with_servers(|world| async move {
        for goes_through in [true, false] {
            let cut = Cut::in_front_of(world.postgres.address()).await;
            *cut.commit_goes_through.lock() = goes_through;
            let options = Options {
                stock: StockStrategy::AtomicSql,
                deadline: DEADLINE,
                ..world.options()
            };
            world.stock(&options, "mug", 1).await;
            let behind = Instance::start(Options {
                postgres: cut.address.clone(),
                ..options.clone()
            })
            .await;
            let answer = behind.client().await.order("k", "mug", 1).await;
            let unknown = r#"{"error":"unknown-outcome"}"#.to_owned();
            assert_eq!(answer, (504, unknown));
            // Only a retry with the same key, by a way that works, can tell:
            // placed either way, and once.
            let placed = "SELECT count(*) FROM orders";
            world.until(placed, i64::from(goes_through)).await;
            let direct = Instance::start(options).await;
            assert_eq!(direct.client().await.order("k", "mug", 1).await.0, 201);
            assert_eq!(world.count(placed).await, 1);
        }
    });
}

#[test]
fn an_answer_before_commit_promises_too_much() {
    with_servers(|world| async move {
        let cut = Cut::in_front_of(world.postgres.address()).await;
        *cut.commit_goes_through.lock() = false;
        let options = Options {
            stock: StockStrategy::AtomicSql,
            idempotency: Idempotency::None,
            postgres: cut.address.clone(),
            planted: Some(Bug::AnswersBeforeCommit),
            ..world.options()
        };
        world.stock(&options, "mug", 1).await;
        let shop = Instance::start(options).await;
        assert_eq!(shop.client().await.order("k", "mug", 1).await.0, 201);
        assert_eq!(world.count("SELECT count(*) FROM orders").await, 0);
    });
}

/// Has every commit of an order do something first.
async fn on_commit(world: &World, what: &str) {
    let trigger = format!(
        "CREATE OR REPLACE FUNCTION on_commit() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN {what}; RETURN NULL; END $$; \
         CREATE CONSTRAINT TRIGGER on_commit AFTER INSERT ON orders \
             DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION on_commit()"
    );
    let client = world.postgres.connect().await;
    client.batch_execute(&trigger).await.expect("a trigger");
}

#[test]
fn a_refused_commit_is_definite_and_a_fatal_one_is_not() {
    with_servers(|world| async move {
        let options = world.options();
        world.stock(&options, "mug", 1).await;
        let shop = Instance::start(options.clone()).await;
        let mut client = shop.client().await;
        on_commit(&world, "RAISE EXCEPTION 'no'").await;
        assert_eq!(client.order("k", "mug", 1).await, (503, BUSY.to_owned()));
        assert_eq!(world.count("SELECT quantity FROM products").await, 1);

        world.stock(&options, "mug", 1).await;
        on_commit(&world, "PERFORM pg_terminate_backend(pg_backend_pid())").await;
        let answer = client.order("k", "mug", 1).await;
        assert_eq!(answer.0, 504, "{}", answer.1);
    });
}
