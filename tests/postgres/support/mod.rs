//! What the tests share: servers, clients, simulations, schedules.

pub mod real;
pub mod schedule;

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::time::Duration;

use doublebuy::net::{self, Death, Network, NodeId};
use doublebuy::postgres::{Disk, Observer, Options, Server};
use doublebuy::rt;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_postgres::error::DbError;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls, SimpleQueryMessage};

/// Where the simulated server listens.
pub const ADDRESS: &str = "postgres:5432";

/// Runs a future on a real runtime, as outside of any simulation.
pub fn outside<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(work)
}

/// A server on a loopback port of this machine.
pub async fn loopback(options: Options) -> (Server, String) {
    let server = Server::start(&Disk::new(), options, Arc::new(()));
    let listener = rt::Listener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = server.clone();
    drop(rt::spawn(async move { serving.serve(listener).await }));
    (server, address)
}

/// A driver's connection, its task running beside.
pub async fn connect(address: &str) -> Client {
    try_connect(address).await.unwrap()
}

pub async fn try_connect(address: &str) -> Result<Client, tokio_postgres::Error> {
    let stream = rt::connect(address).await.expect("the server listens");
    let mut config = Config::new();
    config.user("postgres").dbname("postgres");
    let (client, connection) = config.connect_raw(stream, NoTls).await?;
    drop(rt::spawn(async move {
        // Its end is seen by the client.
        let _ended = connection.await;
    }));
    Ok(client)
}

/// As [`connect`], with what the server says beside its answers.
pub async fn connect_for_notices(address: &str) -> (Client, UnboundedReceiver<DbError>) {
    let stream = rt::connect(address).await.expect("the server listens");
    let mut config = Config::new();
    config.user("postgres").dbname("postgres");
    let (client, mut connection) = config.connect_raw(stream, NoTls).await.unwrap();
    let (sender, receiver) = unbounded_channel();
    drop(rt::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
            if let AsyncMessage::Notice(notice) = message {
                // Whoever does not listen does not care.
                let _heard = sender.send(notice);
            }
        }
    }));
    (client, receiver)
}

/// A simulated world with a node `postgres` and the node `client` on which
/// the test runs.
pub fn simulate<F, Fut, T>(seed: u64, test: F) -> T
where
    F: FnOnce(World) -> Fut + Send + 'static,
    Fut: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let thread = std::thread::Builder::new().stack_size(16 << 20);
    let handle = thread.spawn(move || {
        let options = net::Options {
            seed,
            ..net::Options::default()
        };
        net::simulate(options, |network| async move {
            let client = network.add_node("client");
            let postgres = network.add_node("postgres");
            let world = World {
                network: network.clone(),
                postgres: Host {
                    network: network.clone(),
                    id: postgres,
                },
            };
            let task = network.spawn(client, async move {
                let limit = Duration::from_secs(3_600);
                rt::timeout(limit, test(world)).await.expect("it ends")
            });
            task.await.expect("the test runs to its end")
        })
    });
    match handle.unwrap().join() {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// A simulation, seen from the test.
pub struct World {
    pub network: Network,
    postgres: Host,
}

impl World {
    /// The host of the node `postgres`.
    pub fn host_id(&self) -> NodeId {
        self.postgres.id
    }

    /// Adds a host for another server.
    pub fn add_host(&self, name: &str) -> Host {
        Host {
            network: self.network.clone(),
            id: self.network.add_node(name),
        }
    }

    /// Starts a server on the node `postgres`.
    pub async fn start(
        &mut self,
        disk: &Disk,
        options: Options,
        observer: Arc<dyn Observer>,
    ) -> Server {
        self.postgres.start(disk, options, observer).await
    }

    /// Kills the server's process.
    pub async fn kill(&mut self) {
        self.postgres.kill().await;
    }
}

/// A host with a server on it.
pub struct Host {
    network: Network,
    pub id: NodeId,
}

impl Host {
    pub async fn start(
        &mut self,
        disk: &Disk,
        options: Options,
        observer: Arc<dyn Observer>,
    ) -> Server {
        let server = Server::start(disk, options, observer);
        let serving = server.clone();
        drop(self.network.spawn(self.id, async move {
            let listener = rt::Listener::bind(ADDRESS).await.unwrap();
            serving.serve(listener).await
        }));
        rt::sleep(Duration::from_millis(1)).await;
        server
    }

    /// Kills the server's process.
    pub async fn kill(&mut self) {
        self.network.kill(self.id, Death::Process);
        rt::sleep(Duration::from_millis(10)).await;
        self.network.boot(self.id);
    }
}

/// Asks a server until somebody sleeps there.
pub async fn until_it_sleeps(address: &str) {
    let watcher = connect(address).await;
    let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    while shown(watcher.simple_query(sleeping).await) != "(1) 1" {
        rt::sleep(Duration::from_millis(10)).await;
    }
}

/// How many rows a statement touched, or the error's code.
pub fn counted(result: Result<u64, tokio_postgres::Error>) -> String {
    result.map_or_else(|error| code(&error), |count| count.to_string())
}

fn code(error: &tokio_postgres::Error) -> String {
    let code = error.code();
    code.map_or_else(|| "closed".to_owned(), |code| code.code().to_owned())
}

/// What a simple query answered, in one line: rows, then the tag's count, or
/// the SQLSTATE.
pub fn shown(result: Result<Vec<SimpleQueryMessage>, tokio_postgres::Error>) -> String {
    match result {
        Err(error) => code(&error),
        Ok(messages) => {
            let mut parts = Vec::new();
            for message in messages {
                match message {
                    SimpleQueryMessage::Row(row) => {
                        let values: Vec<&str> = (0..row.len())
                            .map(|i| row.get(i).unwrap_or("NULL"))
                            .collect();
                        parts.push(format!("({})", values.join(",")));
                    }
                    SimpleQueryMessage::CommandComplete(count) => parts.push(count.to_string()),
                    _ => {}
                }
            }
            parts.join(" ")
        }
    }
}
