//! The order service on real sockets, against a real PostgreSQL and a real
//! Redis: what is believed of it in a simulation must hold there too.

mod api;
mod client;
#[path = "../real/cluster.rs"]
mod cluster;
mod failures;
#[path = "../real/place.rs"]
mod place;
#[path = "../real/redis_server.rs"]
mod redis_server;
mod selling;
mod servers;
mod simulated;

use std::future::Future;
use std::time::Duration;

use doublebuy::rt;
use doublebuy::shop::{Options, Server, schema, stock_sql};

use client::Client;
use servers::{Postgres, Redis};

/// The two servers behind the shop.
struct World {
    postgres: Postgres,
    redis: Redis,
}

/// Runs a test on a runtime and two servers of its own; not at all where
/// there are no servers.
fn with_servers<F: Future<Output = ()>>(test: impl FnOnce(World) -> F) {
    let (Some(postgres), Some(redis)) = (Postgres::start(), Redis::start()) else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        postgres.prepare().await;
        test(World { postgres, redis }).await;
    });
}

impl World {
    /// Options for an instance on a free port, with limits that only what
    /// hangs gets to.
    fn options(&self) -> Options {
        Options {
            listen: "127.0.0.1:0".to_owned(),
            postgres: self.postgres.address(),
            redis: self.redis.address(),
            deadline: Duration::from_secs(60),
            lock_wait: Duration::from_secs(120),
            redlock_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(60),
            ..Options::default()
        }
    }

    /// Makes the tables anew, with one product on the shelf.
    async fn stock(&self, options: &Options, sku: &str, quantity: i64) {
        let script = format!(
            "DROP TABLE IF EXISTS products, orders, idempotency_keys;\n{}{}",
            schema(options),
            stock_sql(sku, quantity)
        );
        let client = self.postgres.connect().await;
        client
            .batch_execute(&script)
            .await
            .expect("the schema is valid");
    }

    /// Holds the product's row until it is dropped.
    async fn hold_the_row(&self) -> tokio_postgres::Client {
        let client = self.postgres.connect().await;
        let hold = "BEGIN; SELECT 1 FROM products FOR UPDATE";
        let held = client.batch_execute(hold).await;
        held.expect("nobody else has it");
        client
    }

    /// The result of a query that gives one number.
    async fn count(&self, sql: &str) -> i64 {
        let client = self.postgres.connect().await;
        client.query_one(sql, &[]).await.expect("a count").get(0)
    }

    /// Waits until such a query gives what is expected.
    async fn until(&self, sql: &str, expected: i64) {
        for _ in 0..1_500 {
            if self.count(sql).await == expected {
                return;
            }
            rt::sleep(Duration::from_millis(20)).await;
        }
        panic!("never {expected}: {sql}");
    }
}

/// An instance that serves until it is dropped.
struct Instance {
    address: String,
    task: rt::JoinHandle<()>,
}

impl Instance {
    async fn start(options: Options) -> Instance {
        let server = Server::bind(options).await.expect("the port is free");
        let address = server.local_addr().expect("it listens");
        let task = rt::spawn(async { match server.run().await {} });
        Instance { address, task }
    }

    async fn client(&self) -> Client {
        Client::connect(&self.address).await
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.task.abort();
    }
}
