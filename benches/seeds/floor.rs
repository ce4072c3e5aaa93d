//! The floors: worlds of the same size that do nothing.

use std::time::Duration;

use axum::http::{Request, StatusCode, header};
use bytes::Bytes;
use doublebuy::net::{self, Options};
use doublebuy::rt::{self, Stream};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{RoundTrips, constant_postgres, constant_redis, handlers};

/// PostgreSQL and Redis connections of two instances, and the statements that
/// an order of the reference scenario prepares.
const INSTANCES: u64 = 2;
const POOL: u64 = 4;
const STATEMENTS: u64 = 5;

/// Runs a client against servers in a fresh world on a fresh thread.
fn world<C>(seed: u64, servers: &'static [(&'static str, fn())], client: C)
where
    C: Future<Output = ()> + Send + 'static,
{
    let options = Options {
        seed,
        ..Options::default()
    };
    let body = move || {
        net::simulate(options, |network| async move {
            for (name, start) in servers {
                let host = network.add_node(name);
                network.spawn(host, async { start() });
            }
            let host = network.add_node("client");
            let limit = Duration::from_secs(3600);
            let ended = rt::timeout(limit, network.spawn(host, client));
            ended.await.expect("in time").expect("not cancelled");
        });
    };
    std::thread::Builder::new()
        .stack_size(doublebuy::world::STACK_BYTES)
        .spawn(body)
        .expect("a thread")
        .join()
        .expect("the floor does not panic");
}

/// The round trips of a seed through the real drivers, answered at once.
pub fn constants(seed: u64, trips: RoundTrips) {
    let servers: &[(&str, fn())] = &[
        ("shop", || drop(rt::spawn(handlers::http("shop:80")))),
        ("postgres", || {
            drop(rt::spawn(constant_postgres::serve("postgres:5432")))
        }),
        ("redis", || {
            drop(rt::spawn(constant_redis::serve("redis:6379", b"+OK\r\n")))
        }),
    ];
    world(seed, servers, async move {
        let mut tasks = Vec::new();
        for _ in 0..trips.http {
            tasks.push(rt::spawn(http_request()));
        }
        for _ in 0..INSTANCES * POOL {
            tasks.push(rt::spawn(queries(trips.postgres / (INSTANCES * POOL))));
        }
        for _ in 0..INSTANCES {
            tasks.push(rt::spawn(commands(trips.redis / INSTANCES)));
        }
        for task in tasks {
            task.await.expect("not cancelled");
        }
    });
}

async fn http_request() {
    let stream = rt::connect("shop:80").await.expect("a listener");
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.expect("a connection");
    let driver = rt::spawn(connection);
    let request = Request::post("/orders")
        .header(header::HOST, "shop")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from_static(
            b"{\"sku\":\"x\",\"quantity\":1}",
        )))
        .expect("a request");
    let response = sender.send_request(request).await.expect("an answer");
    assert_eq!(response.status(), StatusCode::OK);
    response.into_body().collect().await.expect("a body");
    driver.abort();
}

async fn queries(count: u64) {
    let stream = rt::connect("postgres:5432").await.expect("a listener");
    let mut config = tokio_postgres::Config::new();
    config.user("floor");
    let connected = config.connect_raw(stream, tokio_postgres::NoTls).await;
    let (client, connection) = connected.expect("a connection");
    let driver = rt::spawn(connection);
    // As the service does: each statement once a connection, when first used.
    let mut statements = Vec::new();
    for trip in 0..count {
        let index = usize::try_from(trip % STATEMENTS).expect("a small number");
        if index == statements.len() {
            statements.push(client.prepare("SELECT 1").await.expect("prepared"));
        }
        let answer = client.query(&statements[index], &[]).await;
        assert_eq!(answer.expect("an answer")[0].get::<_, i64>(0), 1);
    }
    driver.abort();
}

async fn commands(count: u64) {
    let stream = rt::connect("redis:6379").await.expect("a listener");
    let info = redis::RedisConnectionInfo::default();
    let config = redis::AsyncConnectionConfig::new().set_response_timeout(None);
    let connected = redis::aio::MultiplexedConnection::new_with_config(&info, stream, config).await;
    let (mut connection, driver) = connected.expect("a connection");
    let driver = rt::spawn(driver);
    for _ in 0..count {
        let mut command = redis::cmd("SET");
        command
            .arg("lock:x")
            .arg("token")
            .arg("NX")
            .arg("PX")
            .arg(300);
        let reply: String = command.query_async(&mut connection).await.expect("OK");
        assert_eq!(reply, "OK");
    }
    driver.abort();
}

/// As many round trips of eight bytes.
pub fn echoes(seed: u64, count: u64) {
    let servers: &[(&str, fn())] = &[("shop", || drop(rt::spawn(handlers::echo("shop:7"))))];
    world(seed, servers, async move {
        const CONNECTIONS: u64 = 10;
        let tasks: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                rt::spawn(async move {
                    let mut stream: Stream = rt::connect("shop:7").await.expect("a listener");
                    let mut answer = [0; 8];
                    for _ in 0..count / CONNECTIONS {
                        stream.write_all(b"8 bytes!").await.expect("written");
                        stream.read_exact(&mut answer).await.expect("an answer");
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("not cancelled");
        }
    });
}
