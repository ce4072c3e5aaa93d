//! Links: latency, loss, copies, bandwidth and queues, and how they change.

use std::time::Duration;

use doublebuy::net::{Bandwidth, Latency, Link, Network, Options, PerMillion};
use doublebuy::rt::{self, Listener, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::world::{Host, simulate, simulate_with};

/// Answers each byte with the same.
fn echo_bytes(host: &Host) {
    host.spawn(async {
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
}

async fn ping(stream: &mut Stream) -> Duration {
    let start = rt::now();
    stream.write_u8(7).await.expect("written");
    stream.read_u8().await.expect("an answer");
    start.elapsed()
}

/// How long each of `count` exchanges takes when "a" sends over `link`.
fn exchanges(link: Link, count: usize) -> Vec<Duration> {
    simulate(3, move |network, a, b| async move {
        echo_bytes(&b);
        network.set_link(a.id, b.id, link);
        network.set_link(b.id, a.id, Link::of(Latency::fixed(1_000)));
        a.spawn(async move {
            let mut stream = rt::connect("b:7").await.expect("a listener");
            let mut took = Vec::new();
            for _ in 0..count {
                took.push(ping(&mut stream).await);
            }
            took
        })
        .await
        .expect("not cancelled")
    })
}

fn us(us: u64) -> Duration {
    Duration::from_micros(us)
}

#[test]
fn a_fixed_latency_is_the_same_for_every_segment() {
    let took = exchanges(Link::of(Latency::fixed(5_000_000)), 20);
    assert!(
        took.iter()
            .all(|took| (us(5_001)..us(5_010)).contains(took))
    );
}

#[test]
fn a_uniform_latency_stays_between_its_ends_and_reaches_near_both() {
    let latency = Latency::Uniform {
        min_ns: 1_000_000,
        max_ns: 2_000_000,
    };
    let took = exchanges(Link::of(latency), 500);
    assert!(
        took.iter()
            .all(|took| (us(1_000)..us(2_010)).contains(took))
    );
    assert!(took.iter().any(|took| *took < us(1_050)));
    assert!(took.iter().any(|took| *took > us(1_950)));
}

#[test]
fn an_exponential_latency_has_its_shortest_its_mean_and_a_heavy_tail() {
    let latency = Latency::Exponential {
        min_ns: 1_000_000,
        mean_ns: 3_000_000,
    };
    let took = exchanges(Link::of(latency), 20_000);
    assert!(took.iter().all(|took| *took >= us(1_001)));
    let mean = took.iter().sum::<Duration>() / 20_000;
    assert!((us(2_900)..us(3_100)).contains(&mean), "{mean:?}");
    // Ten times the mean excess: one in 22,000 of an exponential without a
    // tail, one in 300 with it.
    let late = took.iter().filter(|took| **took > us(21_000)).count();
    assert!((40..100).contains(&late), "{late}");
}

#[test]
fn the_presets_are_what_they_are_called() {
    let median = |latency| {
        let mut took = exchanges(Link::of(latency), 101);
        took.sort();
        took[50]
    };
    assert!((us(20)..us(60)).contains(&median(Latency::LAN)));
    assert!((us(100)..us(300)).contains(&median(Latency::SAME_ZONE)));
    assert!((us(30_000)..us(33_000)).contains(&median(Latency::CROSS_REGION)));
}

#[test]
fn lost_segments_are_sent_again_and_none_is_lost_for_good() {
    let link = Link {
        loss: PerMillion(100_000),
        ..Link::of(Latency::fixed(1_000_000))
    };
    let took = exchanges(link, 1_000);
    let late = took.iter().filter(|took| **took > us(200_000)).count();
    assert!((70..130).contains(&late), "one in ten: {late}");
    assert!(took.iter().all(|took| *took < us(5_000_000)));
}

/// How long `bytes` take to be read on the other side of `link`.
fn transfer(options: Options, link: Link, bytes: usize) -> Duration {
    simulate_with(options, move |network, a, b| async move {
        network.set_link(a.id, b.id, link);
        let reader = b.spawn(async move {
            let listener = Listener::bind("b:7").await.expect("a free port");
            let mut stream = listener.accept().await.expect("a connection");
            let start = rt::now();
            let mut all = Vec::new();
            stream.read_to_end(&mut all).await.expect("bytes");
            assert_eq!(all, numbered(bytes), "every byte, once, in order");
            start.elapsed()
        });
        a.spawn(async move {
            let mut stream = rt::connect("b:7").await.expect("a listener");
            stream.write_all(&numbered(bytes)).await.expect("written");
            stream.shutdown().await.expect("closed");
            rt::sleep(Duration::from_secs(600)).await;
        });
        reader.await.expect("not cancelled")
    })
}

/// Bytes whose order shows.
fn numbered(count: usize) -> Vec<u8> {
    (0..count).map(|index| (index % 251) as u8).collect()
}

const MBIT: Bandwidth = Bandwidth {
    bits_per_s: 1_000_000,
    queue_bytes: 1 << 30,
};

#[test]
fn bandwidth_sets_how_long_a_transfer_takes() {
    let unlimited = Link::of(Latency::fixed(1_000_000));
    let limited = Link {
        bandwidth: Some(MBIT),
        ..unlimited
    };
    assert!(transfer(Options::default(), unlimited, 125_000) < us(50_000));
    // A megabit, and 86 headers of 40 bytes.
    let took = transfer(Options::default(), limited, 125_000);
    assert!((us(1_020_000)..us(1_050_000)).contains(&took), "{took:?}");
}

#[test]
fn copies_cost_bandwidth_and_nobody_sees_them() {
    let link = Link {
        bandwidth: Some(MBIT),
        ..Link::of(Latency::fixed(1_000_000))
    };
    let copied = Link {
        duplicates: PerMillion(1_000_000),
        ..link
    };
    let once = transfer(Options::default(), link, 125_000);
    let twice = transfer(Options::default(), copied, 125_000);
    assert!(twice > once * 19 / 10, "{once:?} {twice:?}");
}

#[test]
fn a_full_queue_drops_and_tcp_repairs() {
    let wide = Link {
        bandwidth: Some(MBIT),
        ..Link::of(Latency::fixed(1_000_000))
    };
    let narrow = Link {
        bandwidth: Some(Bandwidth {
            queue_bytes: 8 * 1024,
            ..MBIT
        }),
        ..wide
    };
    let wide = transfer(Options::default(), wide, 64 * 1024);
    let narrow = transfer(Options::default(), narrow, 64 * 1024);
    assert!(narrow > wide + us(200_000), "{wide:?} {narrow:?}");
}

#[test]
fn connections_share_the_bandwidth_of_a_link() {
    let took = |others: u64| {
        simulate(3, move |network, a, b| async move {
            network.set_link(
                a.id,
                b.id,
                Link {
                    bandwidth: Some(MBIT),
                    ..Link::of(Latency::fixed(1_000))
                },
            );
            echo_bytes(&b);
            a.spawn(async move {
                let mut stream = rt::connect("b:7").await.expect("a listener");
                let mut busy = Vec::new();
                for _ in 0..others {
                    busy.push(rt::connect("b:7").await.expect("a listener"));
                }
                for other in &mut busy {
                    other.write_all(&[0; 1000]).await.expect("written");
                }
                ping(&mut stream).await
            })
            .await
            .expect("not cancelled")
        })
    };
    assert!(took(0) < us(1_500), "{:?}", took(0));
    // The segments before it, a thousand bytes and a header each.
    assert!(took(5) > us(5 * 8_000), "{:?}", took(5));
}

#[test]
fn a_link_changes_at_once_or_at_a_time() {
    let took = simulate(3, |network, a, b| async move {
        echo_bytes(&b);
        let slow = Link::of(Latency::fixed(50_000_000));
        network.set_link_at(2_000_000_000, b.id, a.id, slow);
        let changed: Network = network.clone();
        let (from, to) = (a.id, b.id);
        a.spawn(async move {
            let mut stream = rt::connect("b:7").await.expect("a listener");
            let before = ping(&mut stream).await;
            changed.set_link(from, to, slow);
            let one_way = ping(&mut stream).await;
            rt::sleep(Duration::from_secs(2)).await;
            [before, one_way, ping(&mut stream).await]
        })
        .await
        .expect("not cancelled")
    });
    assert!(took[0] < us(1_100), "{took:?}");
    assert!((us(50_000)..us(51_000)).contains(&took[1]), "{took:?}");
    assert!((us(100_000)..us(101_000)).contains(&took[2]), "{took:?}");
}

#[test]
fn short_reads_and_writes_lose_nothing() {
    let calls = |partial| {
        let options = Options {
            partial: PerMillion(partial),
            ..Options::default()
        };
        simulate_with(options, |_, a, b| async move {
            let reader = b.spawn(async {
                let listener = Listener::bind("b:7").await.expect("a free port");
                let mut stream = listener.accept().await.expect("a connection");
                let (mut all, mut reads) = (Vec::new(), 0);
                while stream.read_buf(&mut all).await.expect("bytes") > 0 {
                    reads += 1;
                    all.reserve(4096);
                }
                assert_eq!(all, numbered(50_000));
                reads
            });
            let writes = a.spawn(async {
                let mut stream = rt::connect("b:7").await.expect("a listener");
                let (all, mut at, mut writes) = (numbered(50_000), 0, 0);
                while at < all.len() {
                    at += stream.write(&all[at..]).await.expect("written");
                    writes += 1;
                }
                stream.shutdown().await.expect("closed");
                writes
            });
            let writes: u32 = writes.await.expect("not cancelled");
            let reads: u32 = reader.await.expect("not cancelled");
            (reads, writes)
        })
    };
    let (reads, writes) = calls(0);
    assert_eq!(writes, 1);
    let (short_reads, short_writes) = calls(1_000_000);
    assert!(short_writes > 3, "{short_writes}");
    assert!(short_reads > reads + 10, "{short_reads} {reads}");
}

#[test]
fn buffers_have_the_sizes_that_were_asked_for() {
    let options = Options {
        send_buffer: 5_000,
        receive_buffer: 10_000,
        ..Options::default()
    };
    let written = simulate_with(options, |_, a, b| async move {
        b.spawn(async {
            let listener = Listener::bind("b:7").await.expect("a free port");
            let _unread = listener.accept().await.expect("a connection");
            rt::sleep(Duration::from_secs(60)).await;
        });
        a.spawn(async {
            let mut stream = rt::connect("b:7").await.expect("a listener");
            let mut written = 0;
            while let Ok(length) =
                rt::timeout(Duration::from_secs(1), stream.write(&[7; 3_000])).await
            {
                written += length.expect("connected");
            }
            written
        })
        .await
        .expect("not cancelled")
    });
    // A last segment goes out while the window is not closed.
    assert!((15_000..15_000 + 1_460).contains(&written), "{written}");
}
