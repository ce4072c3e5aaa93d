//! Over madsim's own TCP, set to the same latencies.

use std::time::Duration;

use madsim::net::{TcpListener, TcpStream};
use madsim::runtime::{Handle, Runtime};
use madsim::time::timeout;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{Load, alone};

/// Runs the load.
pub fn echo(seed: u64, load: Load) {
    alone(move || {
        let mut config = madsim::Config::default();
        config.net.send_latency = Duration::from_micros(100)..Duration::from_micros(500);
        Runtime::with_seed_and_config(seed, config).block_on(world(load));
    });
}

async fn world(load: Load) {
    let handle = Handle::current();
    let server = handle.create_node().name("server");
    let server = server.ip([10, 0, 0, 1].into()).build();
    let client = handle.create_node().name("client");
    let client = client.ip([10, 0, 0, 2].into()).build();
    server.spawn(serve());
    let all = client.spawn(async move {
        // The listener is there before the first client is.
        madsim::time::TimeHandle::current()
            .sleep(Duration::from_millis(1))
            .await;
        let clients: Vec<_> = (0..load.connections)
            .map(|_| madsim::task::spawn(ask(load.exchanges)))
            .collect();
        for client in clients {
            client.await.expect("not cancelled");
        }
    });
    let ended = timeout(Duration::from_secs(3600), all).await;
    ended.expect("in time").expect("not cancelled");
}

async fn serve() {
    let listener = TcpListener::bind("10.0.0.1:7").await.expect("a free port");
    loop {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        madsim::task::spawn(async move {
            let mut buffer = [0; 64];
            while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                // Its TCP sends nothing that is not flushed.
                if stream.write_all(&buffer[..length]).await.is_err()
                    || stream.flush().await.is_err()
                {
                    break;
                }
            }
        });
    }
}

async fn ask(exchanges: u64) {
    let mut stream = TcpStream::connect("10.0.0.1:7").await.expect("a listener");
    let mut answer = [0; 8];
    for _ in 0..exchanges {
        stream.write_all(b"8 bytes!").await.expect("written");
        stream.flush().await.expect("flushed");
        stream.read_exact(&mut answer).await.expect("an answer");
    }
}

/// A runtime with three nodes and nothing to do.
pub fn nothing(seed: u64) {
    alone(move || {
        let runtime = Runtime::with_seed_and_config(seed, Default::default());
        runtime.block_on(async {
            for name in ["a", "b", "c"] {
                let node = Handle::current().create_node().name(name).build();
                node.spawn(async {
                    let time = madsim::time::TimeHandle::current();
                    time.sleep(Duration::from_millis(1)).await;
                });
            }
            let time = madsim::time::TimeHandle::current();
            time.sleep(Duration::from_millis(2)).await;
        });
    });
}
