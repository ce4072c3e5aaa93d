//! Over our network.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use doublebuy::net::{self, Delivery, Network, Observer, Options};
use doublebuy::rt::{self, Listener};
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
    let options = Options {
        seed,
        ..Options::default()
    };
    alone(move || net::simulate(options, |network| world(network, load)))
}

async fn world(network: Network, load: Load) -> u64 {
    let count = Arc::new(AtomicU64::new(0));
    network.observe(Count(count.clone()));
    let (server, client) = (network.add_node("server"), network.add_node("client"));
    network.spawn(server, serve());
    let all = network.spawn(client, async move {
        // The listener is there before the first client is.
        rt::sleep(Duration::from_millis(1)).await;
        let clients: Vec<_> = (0..load.connections)
            .map(|_| rt::spawn(ask(load.exchanges)))
            .collect();
        for client in clients {
            client.await.expect("not cancelled");
        }
    });
    let ended = rt::timeout(Duration::from_secs(3600), all).await;
    ended.expect("in time").expect("not cancelled");
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
    let options = Options {
        seed,
        ..Options::default()
    };
    alone(move || {
        net::simulate(options, |network| async move {
            for name in ["a", "b", "c"] {
                let node = network.add_node(name);
                network.spawn(node, rt::sleep(Duration::from_millis(1)));
            }
            rt::sleep(Duration::from_millis(2)).await;
        });
    });
}
