//! What madsim's own network does not do and TCP does: silence, resets, full
//! backlogs, keepalive, line rate after a pause, nothing for an empty flush.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use doublebuy::net::{Action, Death, Delivery, Network, Observer, RuleGuard, Segment};
use doublebuy::rt::{self, Keepalive, Listener, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::world::{Host, simulate};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn cut_all(network: &Network) -> RuleGuard {
    network.add_rule(|_: &Segment<'_>| Action::Drop)
}

/// Accepts everything on port 7 and keeps it, without a word.
fn silent_server(host: &Host) {
    host.spawn(async {
        let listener = Listener::bind("b:7").await.expect("a free port");
        let mut kept = Vec::new();
        while let Ok(stream) = listener.accept().await {
            kept.push(stream);
        }
    });
}

async fn connect() -> Stream {
    rt::connect("b:7").await.expect("a listener")
}

/// What one read of a client brings, and after how many seconds, when its
/// keepalive is as asked and `then` happens to the other host.
fn with_keepalive(
    keepalive: Option<Keepalive>,
    then: impl FnOnce(Network, Host) -> Option<RuleGuard> + Send + 'static,
) -> Result<(ErrorKind, u64), rt::Elapsed> {
    simulate(1, move |network, a, b| async move {
        silent_server(&b);
        let client = a.spawn(async move {
            let mut stream = connect().await;
            stream.set_keepalive(keepalive).expect("a socket");
            let start = rt::now();
            let read = rt::timeout(ms(1_000_000), stream.read_u8()).await?;
            let error = read.expect_err("nobody writes").kind();
            Ok((error, start.elapsed().as_secs()))
        });
        rt::sleep(ms(1_000)).await;
        let _cut = then(network, b);
        client.await.expect("not cancelled")
    })
}

const ASKS: Keepalive = Keepalive {
    idle: Duration::from_secs(60),
    interval: Duration::from_secs(10),
    probes: 3,
};

#[test]
fn without_keepalive_an_idle_connection_never_learns() {
    let ended = with_keepalive(None, |network, b| {
        network.kill(b.id, Death::Host);
        None
    });
    assert_eq!(ended, Err(rt::Elapsed));
}

#[test]
fn keepalive_times_out_when_nobody_answers() {
    let ended = with_keepalive(Some(ASKS), |network, b| {
        network.kill(b.id, Death::Host);
        None
    });
    assert_eq!(ended, Ok((ErrorKind::TimedOut, 60 + 3 * 10)));
    let ended = with_keepalive(Some(ASKS), |network, _| Some(cut_all(&network)));
    assert_eq!(ended, Ok((ErrorKind::TimedOut, 60 + 3 * 10)));
}

#[test]
fn keepalive_finds_a_host_that_has_forgotten() {
    let ended = with_keepalive(Some(ASKS), |network, b| {
        network.kill(b.id, Death::Host);
        network.boot(b.id);
        None
    });
    assert_eq!(ended, Ok((ErrorKind::ConnectionReset, 60)));
}

#[test]
fn keepalive_leaves_a_connection_alone_that_is_answered() {
    assert_eq!(with_keepalive(Some(ASKS), |_, _| None), Err(rt::Elapsed));
}

#[test]
fn the_host_of_a_peer_that_dies_while_cut_off_is_silent_until_it_is_back() {
    let (silent, error) = simulate(1, |network, a, b| async move {
        silent_server(&b);
        let client = a.spawn(async {
            let mut stream = connect().await;
            rt::sleep(ms(2_000)).await;
            let silent = rt::timeout(ms(60_000), stream.read_u8()).await.is_err();
            stream.write_u8(1).await.expect("the kernel takes it");
            let read = stream.read_u8().await;
            (silent, read.expect_err("it forgot").kind())
        });
        rt::sleep(ms(1_000)).await;
        let cut = cut_all(&network);
        network.kill(b.id, Death::Host);
        rt::sleep(ms(70_000)).await;
        drop(cut);
        network.boot(b.id);
        client.await.expect("not cancelled")
    });
    assert!(silent);
    assert_eq!(error, ErrorKind::ConnectionReset);
}

#[test]
fn a_socket_closed_while_cut_off_ends_for_its_peer_when_the_link_is_back() {
    let (silent, ended, healed) = simulate(1, |network, a, b| async move {
        let reader = b.spawn(async {
            let listener = Listener::bind("b:7").await.expect("a free port");
            let mut stream = listener.accept().await.expect("a connection");
            let silent = rt::timeout(ms(20_000), stream.read_u8()).await.is_err();
            let read = stream.read(&mut [0]).await;
            (silent, read.ok(), rt::now())
        });
        a.spawn(async {
            let stream = connect().await;
            rt::sleep(ms(2_000)).await;
            drop(stream);
        });
        rt::sleep(ms(1_000)).await;
        let cut = cut_all(&network);
        rt::sleep(ms(30_000)).await;
        drop(cut);
        let back = rt::now();
        let (silent, ended, at) = reader.await.expect("not cancelled");
        (silent, ended, at.since(back))
    });
    assert!(silent, "FIN is lost with everything else");
    assert_eq!(ended, Some(0), "and comes with a retransmission");
    // It doubles from 200 ms: the one after 25 s is lost, the next is due
    // within as long again.
    assert!(healed < ms(26_000), "{healed:?}");
}

#[test]
fn a_host_that_stays_dead_is_a_time_out_for_who_writes() {
    let (error, took) = simulate(1, |network, a, b| async move {
        silent_server(&b);
        let client = a.spawn(async {
            let mut stream = connect().await;
            rt::sleep(ms(1_000)).await;
            stream.write_u8(1).await.expect("the kernel takes it");
            let start = rt::now();
            let read = stream.read_u8().await;
            let error = read.expect_err("nobody is there").kind();
            (error, start.elapsed().as_secs())
        });
        rt::sleep(ms(500)).await;
        network.kill(b.id, Death::Host);
        client.await.expect("not cancelled")
    });
    assert_eq!((error, took), (ErrorKind::TimedOut, 924));
}

#[test]
fn connections_are_reset_on_demand() {
    let (errors, other) = simulate(1, |network, a, b| async move {
        silent_server(&b);
        let c = network.add_node("c");
        let client = |host| {
            network.spawn(host, async {
                let mut stream = connect().await;
                let read = rt::timeout(ms(5_000), stream.read_u8()).await;
                read.map(|read| read.expect_err("nobody writes").kind())
            })
        };
        let clients = [client(a.id), client(a.id)];
        let other = client(c);
        rt::sleep(ms(1_000)).await;
        network.reset(a.id, b.id);
        let mut errors = Vec::new();
        for client in clients {
            errors.push(client.await.expect("not cancelled"));
        }
        (errors, other.await.expect("not cancelled"))
    });
    assert_eq!(errors, [Ok(ErrorKind::ConnectionReset); 2]);
    assert_eq!(other, Err(rt::Elapsed), "it is between other nodes");
}

#[test]
fn a_full_backlog_drops_syns_until_somebody_accepts() {
    let (full, later) = simulate(1, |_, a, b| async move {
        b.spawn(async {
            let listener = Listener::bind("b:7").await.expect("a free port");
            rt::sleep(ms(10_000)).await;
            let mut kept = Vec::new();
            while let Ok(stream) = listener.accept().await {
                kept.push(stream);
            }
        });
        a.spawn(async {
            let mut kept = Vec::new();
            while let Ok(stream) = rt::timeout(ms(500), connect()).await {
                kept.push(stream);
                assert!(kept.len() < 5_000, "the backlog has no end");
            }
            let start = rt::now();
            let _late = connect().await;
            (kept.len(), start.elapsed().as_secs())
        })
        .await
        .expect("not cancelled")
    });
    // One handshake may be under way while the last place is taken.
    assert!((1024..=1025).contains(&full), "{full}");
    // SYNs after 1, 3 and 7 s are dropped too, and one gets through.
    assert!((7..=15).contains(&later), "{later}");
}

/// Counts what arrives.
struct Count(Arc<AtomicU64>);

impl Observer for Count {
    fn delivered(&mut self, _: &Delivery<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_flush_without_data_sends_nothing_and_data_needs_no_flush() {
    let counts = simulate(1, |network, a, b| async move {
        let count = Arc::new(AtomicU64::new(0));
        network.observe(Count(count.clone()));
        silent_server(&b);
        a.spawn(async move {
            let mut stream = connect().await;
            rt::sleep(ms(10)).await;
            let connected = count.load(Ordering::Relaxed);
            for _ in 0..10 {
                stream.flush().await.expect("nothing to do");
            }
            rt::sleep(ms(10)).await;
            let flushed = count.load(Ordering::Relaxed);
            stream.write_all(b"unflushed").await.expect("written");
            rt::sleep(ms(10)).await;
            [connected, flushed, count.load(Ordering::Relaxed)]
        })
        .await
        .expect("not cancelled")
    });
    assert_eq!(counts, [2, 2, 3], "SYN, SYN-ACK, and one with data");
}

#[test]
fn what_waited_during_a_pause_comes_at_line_rate() {
    const MESSAGES: u32 = 200;
    let took = simulate(1, |_, a, b| async move {
        let reader = b.spawn(async {
            let listener = Listener::bind("b:7").await.expect("a free port");
            let mut stream = listener.accept().await.expect("a connection");
            stream.read_u32().await.expect("the first");
            for number in 1..MESSAGES {
                assert_eq!(stream.read_u32().await.expect("the next"), number);
            }
            rt::now()
        });
        a.spawn(async {
            let mut stream = connect().await;
            for number in 0..MESSAGES {
                stream.write_u32(number).await.expect("written");
                rt::sleep(ms(10)).await;
            }
            rt::sleep(ms(60_000)).await;
        });
        rt::sleep(ms(100)).await;
        b.network.pause(b.id);
        rt::sleep(ms(30_000)).await;
        b.network.resume(b.id);
        let resumed = rt::now();
        reader.await.expect("not cancelled").since(resumed)
    });
    // madsim's TCP takes a millisecond for each of them.
    assert!(took < ms(1), "{took:?}");
}
