//! Over our network.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use doublebuy::net::{Delivery, Network, Observer, Options};
use doublebuy::rt::{self, Listener};
use madsim::runtime::{Handle, NodeHandle, Runtime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{Load, alone};

/// Counts what arrives.
struct Count(Arc<AtomicU64>);

impl Observer for Count {
    fn delivered(&mut self, _: &Delivery<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Runs the load; how many segments were delivered.
pub fn echo(seed: u64, load: Load) -> u64 {
    alone(move || {
        Runtime::with_seed_and_config(seed, Default::default()).block_on(world(seed, load))
    })
}

async fn world(seed: u64, load: Load) -> u64 {
    let running = Network::start(Options {
        seed,
        ..Options::default()
    });
    let network = running.network().clone();
    let count = Arc::new(AtomicU64::new(0));
    network.observe(Count(count.clone()));
    let host = |name: &str| {
        let node: NodeHandle = Handle::current().create_node().name(name).build();
        (network.add_node(name), node)
    };
    let ((server, server_node), (client, client_node)) = (host("server"), host("client"));
    server_node.spawn(network.run_on(server, serve()));
    let clients = network.run_on(client, async move {
        // The listener is there before the first client is.
        rt::sleep(Duration::from_millis(1)).await;
        let clients: Vec<_> = (0..load.connections)
            .map(|_| rt::spawn(ask(load.exchanges)))
            .collect();
        for client in clients {
            client.await.expect("not cancelled");
        }
    });
    let supervisor = network.add_node("supervisor");
    let limit = Duration::from_secs(3600);
    let all = rt::timeout(limit, client_node.spawn(clients));
    let ended = network.run_on(supervisor, all).await;
    ended.expect("in time").expect("not cancelled");
    running.stop();
    count.load(Ordering::Relaxed)
}

async fn serve() {
    let listener = Listener::bind("server:7").await.expect("a free port");
    loop {
        let mut stream = listener.accept().await.expect("a connection");
        rt::spawn(async move {
            let mut buffer = [0; 64];
            while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                if stream.write_all(&buffer[..length]).await.is_err() {
                    break;
                }
            }
        });
    }
}

async fn ask(exchanges: u64) {
    let mut stream = rt::connect("server:7").await.expect("a listener");
    let mut answer = [0; 8];
    for _ in 0..exchanges {
        stream.write_all(b"8 bytes!").await.expect("written");
        stream.read_exact(&mut answer).await.expect("an answer");
    }
}

/// A world with a network, three nodes, and nothing to do.
pub fn nothing(seed: u64) {
    alone(move || {
        let runtime = Runtime::with_seed_and_config(seed, Default::default());
        runtime.block_on(async move {
            let running = Network::start(Options {
                seed,
                ..Options::default()
            });
            let network = running.network().clone();
            for name in ["a", "b", "c"] {
                let node = Handle::current().create_node().name(name).build();
                let host = network.add_node(name);
                node.spawn(network.run_on(host, rt::sleep(Duration::from_millis(1))));
            }
            let supervisor = network.add_node("supervisor");
            let idle = rt::sleep(Duration::from_millis(2));
            network.run_on(supervisor, idle).await;
            running.stop();
        });
    });
}
