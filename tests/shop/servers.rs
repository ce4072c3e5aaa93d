//! A PostgreSQL and a Redis of the test's own.

use std::io;

use doublebuy::rt;
use tokio_postgres::NoTls;

use crate::cluster::Cluster;
use crate::redis_server::RealRedis;

pub struct Postgres(Cluster);

impl Postgres {
    /// `None` where it is not installed.
    pub fn start() -> Option<Postgres> {
        Cluster::start(&["max_connections=200"]).map(Postgres)
    }

    pub fn address(&self) -> String {
        self.0.address()
    }

    /// Makes the shop's database.
    pub async fn prepare(&self) {
        let client = self.try_connect("postgres", "postgres").await;
        let client = client.expect("PostgreSQL is up");
        for sql in ["CREATE ROLE shop SUPERUSER LOGIN", "CREATE DATABASE shop"] {
            let made = client.batch_execute(sql).await;
            made.expect("a fresh cluster has no shop");
        }
    }

    pub async fn connect(&self) -> tokio_postgres::Client {
        let client = self.try_connect("shop", "shop").await;
        client.expect("PostgreSQL is up")
    }

    async fn try_connect(&self, user: &str, database: &str) -> io::Result<tokio_postgres::Client> {
        let stream = rt::connect(&self.address()).await?;
        let (client, driver) = tokio_postgres::Config::new()
            .user(user)
            .dbname(database)
            .connect_raw(stream, NoTls)
            .await
            .map_err(io::Error::other)?;
        rt::spawn(driver);
        Ok(client)
    }
}

pub struct Redis(RealRedis);

impl Redis {
    /// `None` where it is not installed.
    pub fn start() -> Option<Redis> {
        RealRedis::start().map(Redis)
    }

    pub fn address(&self) -> String {
        self.0.address()
    }

    pub async fn ask(&self, command: &redis::Cmd) -> redis::Value {
        self.try_ask(command).await.expect("Redis is up")
    }

    async fn try_ask(&self, command: &redis::Cmd) -> redis::RedisResult<redis::Value> {
        let stream = rt::connect(&self.address()).await?;
        let info = redis::RedisConnectionInfo::default();
        let config = redis::AsyncConnectionConfig::new().set_response_timeout(None);
        let (mut connection, driver) =
            redis::aio::MultiplexedConnection::new_with_config(&info, stream, config).await?;
        rt::spawn(driver);
        command.query_async(&mut connection).await
    }
}
