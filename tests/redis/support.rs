//! Servers to test, outside and inside a simulation.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use doublebuy::net;
use doublebuy::redis::{Bug, Disk, Observer, Options, Server};
use doublebuy::rt;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ProtocolVersion, RedisConnectionInfo, RedisError};

/// Runs a test outside a simulation, on one thread, as `serve redis` does.
pub fn outside<F: Future>(test: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(test)
}

/// A server on a port of this machine, and its address.
pub async fn serve(options: Options) -> String {
    serve_on(&Disk::new(), options).await
}

/// The same with what an earlier one left on `disk`.
pub async fn serve_on(disk: &Disk, options: Options) -> String {
    let listener = rt::Listener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::start_on(disk, options, Arc::new(()));
    rt::spawn(async move { server.serve(listener).await });
    address
}

/// A server on a thread of its own, and its address.
pub fn serve_on_a_thread() -> String {
    serve_planted_on_a_thread(None)
}

/// The same with a bug.
pub fn serve_planted_on_a_thread(planted: Option<Bug>) -> String {
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        outside(async move {
            let listener = rt::Listener::bind("127.0.0.1:0").await.unwrap();
            send.send(listener.local_addr().unwrap()).unwrap();
            let options = Options {
                planted,
                script_instructions_max: u64::MAX,
                ..Options::default()
            };
            let server = Server::start(options, Arc::new(()));
            server.serve(listener).await
        })
    });
    receive.recv().unwrap()
}

/// redis-rs over `address`.
pub async fn connect(address: &str) -> MultiplexedConnection {
    try_connect(address, ProtocolVersion::RESP2).await.unwrap()
}

/// redis-rs over `address`, with the protocol to ask for.
pub async fn try_connect(
    address: &str,
    protocol: ProtocolVersion,
) -> Result<MultiplexedConnection, RedisError> {
    let stream = rt::connect(address).await.unwrap();
    let info = RedisConnectionInfo::default().set_protocol(protocol);
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    let (connection, driver) =
        MultiplexedConnection::new_with_config(&info, stream, config).await?;
    rt::spawn(driver);
    Ok(connection)
}

/// What a world of one client and one server has.
pub struct World {
    pub network: net::Network,
    pub server_node: net::NodeId,
    pub client_node: net::NodeId,
}

/// Runs `test` on the node "client" of a simulation in which "redis:6379" is
/// served.
pub fn simulate<T, F>(
    options: Options,
    observer: Arc<dyn Observer>,
    test: impl FnOnce(World) -> F + Send + 'static,
) -> T
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let network_options = net::Options {
        seed: 7,
        ..net::Options::default()
    };
    let world = move || {
        net::simulate(network_options, |network| async move {
            let server_node = network.add_node("redis");
            let client_node = network.add_node("client");
            let world = World {
                network: network.clone(),
                server_node,
                client_node,
            };
            network.spawn(server_node, async move {
                let server = Server::start(options, observer);
                let listener = rt::Listener::bind("redis:6379").await.unwrap();
                server.serve(listener).await
            });
            let test = test(world);
            let task = network.spawn(client_node, async {
                rt::sleep(Duration::from_millis(5)).await;
                rt::timeout(Duration::from_secs(600), test).await
            });
            task.await.unwrap().expect("the test ends in virtual time")
        })
    };
    std::thread::Builder::new()
        .stack_size(16 << 20)
        .spawn(world)
        .unwrap()
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
