//! The same statements through the same driver, to the engine or to a
//! constant.

use std::sync::Arc;
use std::time::Duration;

use doublebuy::net::{self, Options};
use doublebuy::postgres::{Disk, Server};
use doublebuy::rt;
use tokio_postgres::NoTls;

use crate::constant;

/// A table of a thousand rows.
pub const SCHEMA: &str = "CREATE TABLE items (id integer PRIMARY KEY, n bigint NOT NULL);
    INSERT INTO items SELECT id, 0 FROM generate_series(1, 1000) AS id;";

const ROWS: i32 = 1_000;
const ADDRESS: &str = "postgres:5432";

/// What is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    Select,
    Update,
    Transaction,
}

impl Work {
    pub fn name(self) -> &'static str {
        match self {
            Work::Select => "primary-key SELECT",
            Work::Update => "primary-key UPDATE",
            Work::Transaction => "BEGIN, UPDATE, COMMIT",
        }
    }

    pub fn statements(self) -> u32 {
        match self {
            Work::Select | Work::Update => 1,
            Work::Transaction => 3,
        }
    }
}

/// Runs it against the engine.
pub fn engine(work: Work, times: u32) {
    world(work, times, async {
        let server = Server::start(&Disk::new(), Default::default(), Arc::new(()));
        server.run_script(SCHEMA).expect("a schema");
        let listener = rt::Listener::bind(ADDRESS).await.expect("a free port");
        server.serve(listener).await.expect("it serves for ever");
    });
}

/// Runs it against a constant.
pub fn constant(work: Work, times: u32) {
    world(work, times, constant::serve(ADDRESS));
}

fn world(work: Work, times: u32, serve: impl Future<Output = ()> + Send + 'static) {
    let run = move || {
        net::simulate(Options::default(), |network| async move {
            let (server, client) = (network.add_node("postgres"), network.add_node("client"));
            network.spawn(server, serve);
            let all = network.spawn(client, repeat(work, times));
            let ended = rt::timeout(Duration::from_secs(36_000), all).await;
            ended.expect("in time").expect("not cancelled");
        });
    };
    std::thread::Builder::new()
        .stack_size(doublebuy::world::STACK_BYTES)
        .spawn(run)
        .expect("a thread")
        .join()
        .expect("a benchmark does not panic");
}

async fn repeat(work: Work, times: u32) {
    rt::sleep(Duration::from_millis(1)).await;
    let stream = rt::connect(ADDRESS).await.expect("a listener");
    let mut config = tokio_postgres::Config::new();
    config.user("postgres").dbname("postgres");
    let connected = config.connect_raw(stream, NoTls).await;
    let (client, connection) = connected.expect("a connection");
    let driver = rt::spawn(connection);
    let prepare = async |sql| client.prepare(sql).await.expect("prepared");
    let select = prepare("SELECT n FROM items WHERE id = $1").await;
    let update = prepare("UPDATE items SET n = n + 1 WHERE id = $1").await;
    let [begin, commit] = [prepare("BEGIN").await, prepare("COMMIT").await];
    for id in (1..=ROWS).cycle().take(times as usize) {
        match work {
            Work::Select => {
                let rows = client.query(&select, &[&id]).await.expect("an answer");
                assert_eq!(rows.len(), 1);
            }
            Work::Update => {
                client.execute(&update, &[&id]).await.expect("an answer");
            }
            Work::Transaction => {
                client.execute(&begin, &[]).await.expect("an answer");
                client.execute(&update, &[&id]).await.expect("an answer");
                client.execute(&commit, &[]).await.expect("an answer");
            }
        }
    }
    driver.abort();
}
