//! Every draw has a key: what the network does to one client does not depend
//! on who else is there.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use doublebuy::net::{Action, Delivery, Latency, Observer, Options, PerMillion, Segment};
use doublebuy::rt::{self, Listener};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::world::{simulate, simulate_with};

/// How long each segment of each connection travelled is not visible from
/// outside; how long each exchange of each client took is.
type Times = BTreeMap<u32, Vec<Duration>>;

fn times(clients: &'static [u32]) -> Times {
    simulate(9, move |_, a, b| async move {
        b.spawn(async {
            let listener = Listener::bind("b:7").await.expect("a free port");
            loop {
                let mut stream = listener.accept().await.expect("a connection");
                rt::spawn(async move {
                    while let Ok(byte) = stream.read_u8().await {
                        if stream.write_u8(byte).await.is_err() {
                            break;
                        }
                    }
                });
            }
        });
        let times = Arc::new(Mutex::new(Times::new()));
        let noted = times.clone();
        a.spawn(async move {
            let mut tasks = Vec::new();
            for &client in clients {
                let noted = noted.clone();
                tasks.push(rt::spawn(async move {
                    let identity = format!("client-{client}");
                    let stream = rt::connect_as(&identity, "b:7").await;
                    let mut stream = stream.expect("a listener");
                    let mut took = Vec::new();
                    for byte in 0..20 {
                        let start = rt::now();
                        stream.write_u8(byte).await.expect("written");
                        stream.read_u8().await.expect("an answer");
                        took.push(start.elapsed());
                    }
                    noted.lock().insert(client, took);
                }));
            }
            for task in tasks {
                task.await.expect("not cancelled");
            }
        })
        .await
        .expect("not cancelled");
        Arc::into_inner(times)
            .expect("every client is done")
            .into_inner()
    })
}

#[test]
fn leaving_a_client_out_leaves_the_latencies_of_the_others() {
    let all = times(&[1, 2, 3, 4, 5]);
    let some = times(&[5, 3, 1]);
    for (client, took) in &some {
        for (alone, together) in took.iter().zip(&all[client]) {
            // The order of ready tasks costs some hundred nanoseconds; a
            // latency drawn anew would cost hundreds of microseconds.
            let difference = alone.abs_diff(*together);
            assert!(
                difference < Duration::from_micros(5),
                "{client}: {difference:?}"
            );
        }
    }
    assert_ne!(all[&1], all[&2], "each client has latencies of its own");
}

/// Counts what arrives.
struct Count(Arc<Mutex<u64>>);

impl Observer for Count {
    fn delivered(&mut self, delivery: &Delivery<'_>) {
        assert!(delivery.at_ns > 0);
        *self.0.lock() += 1;
    }
}

#[test]
fn what_is_written_before_a_yield_crosses_as_one_segment() {
    let count = Arc::new(Mutex::new(0));
    let seen = count.clone();
    simulate(4, |network, a, b| async move {
        b.spawn(async {
            let listener = Listener::bind("b:7").await.expect("a free port");
            let mut stream = listener.accept().await.expect("a connection");
            let mut all = Vec::new();
            stream.read_to_end(&mut all).await.expect("bytes");
            assert_eq!(all.len(), 300);
        });
        network.observe(Count(seen));
        a.spawn(async {
            let mut stream = rt::connect("b:7").await.expect("a listener");
            for _ in 0..100 {
                stream.write_all(b"abc").await.expect("written");
                stream.flush().await.expect("flushed");
            }
            stream.shutdown().await.expect("closed");
        })
        .await
        .expect("not cancelled");
        rt::sleep(Duration::from_secs(1)).await;
    });
    // SYN, SYN-ACK, data, FIN, and the FIN of the reader who is done.
    assert_eq!(*count.lock(), 5);
}

/// When each exchange of each client ended, on links that lose, copy and have
/// a heavy tail; `cut_off` loses what the host "a" sends at first, where one
/// more client is.
fn unkind_times(seed: u64, clients: Vec<u32>, cut_off: bool) -> Times {
    let mut options = Options {
        seed,
        ..Options::default()
    };
    options.link.latency = Latency::SAME_ZONE;
    options.link.loss = PerMillion(30_000);
    options.link.duplicates = PerMillion(30_000);
    simulate_with(options, move |network, a, b| async move {
        network.spawn(b.id, async {
            let listener = Listener::bind("b:7").await.expect("a free port");
            while let Ok(mut stream) = listener.accept().await {
                rt::spawn(async move {
                    while let Ok(byte) = stream.read_u8().await {
                        if stream.write_u8(byte).await.is_err() {
                            break;
                        }
                    }
                });
            }
        });
        let _guard = cut_off.then(|| {
            let mut left = 5;
            network.add_rule(move |segment: &Segment<'_>| {
                let hit = segment.from == "a" && left > 0;
                left -= u32::from(hit);
                match hit {
                    true => Action::Drop,
                    false => Action::Pass,
                }
            })
        });
        // Whoever is on "a" is in nobody's way.
        a.spawn(exchange(0));
        let other = network.add_node("others");
        let times = Arc::new(Mutex::new(Times::new()));
        let noted = times.clone();
        let all = network.spawn(other, async move {
            let exchanges = clients.into_iter().map(|client| {
                let noted = noted.clone();
                rt::spawn(async move {
                    let took = exchange(client).await;
                    noted.lock().insert(client, took);
                })
            });
            for exchange in exchanges.collect::<Vec<_>>() {
                exchange.await.expect("not cancelled");
            }
        });
        all.await.expect("not cancelled");
        Arc::into_inner(times).expect("all are done").into_inner()
    })
}

async fn exchange(client: u32) -> Vec<Duration> {
    let identity = format!("client-{client}");
    let stream = rt::connect_as(&identity, "b:7").await;
    let mut stream = stream.expect("a listener");
    let mut took = Vec::new();
    for byte in 0..30 {
        let start = rt::now();
        stream.write_u8(byte).await.expect("written");
        stream.read_u8().await.expect("an answer");
        took.push(start.elapsed());
    }
    took
}

#[test]
fn a_client_or_a_fault_less_leaves_every_loss_copy_and_latency_of_the_others() {
    for seed in 0..30 {
        let all = unkind_times(seed, (1..=6).collect(), true);
        let left_out = u32::try_from(seed % 6).expect("small") + 1;
        let some = (1..=6).filter(|client| *client != left_out).collect();
        for fewer in [
            unkind_times(seed, some, true),
            unkind_times(seed, (1..=6).collect(), false),
        ] {
            for (client, took) in &fewer {
                for (alone, together) in took.iter().zip(&all[client]) {
                    let difference = alone.abs_diff(*together);
                    let what = format!("seed {seed}, client {client}: {difference:?}");
                    assert!(difference < Duration::from_micros(10), "{what}");
                }
            }
        }
        let late = Duration::from_millis(200);
        let lost = all.values().flatten().any(|took| *took > late);
        assert!(lost, "seed {seed}: nothing was lost, and nothing shown");
    }
}
