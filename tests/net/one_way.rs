//! What is cut off one way only: acknowledgements do not come back, so TCP
//! sends again what was delivered, sends nothing new, and gives up.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use doublebuy::net::{Action, Delivery, Kind, Network, Observer, RuleGuard, Segment};
use doublebuy::rt::{self, Listener};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::world::{Host, simulate};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Nothing that "b" sends arrives.
fn mute_b(network: &Network) -> RuleGuard {
    network.add_rule(|segment: &Segment<'_>| match segment.from == "b" {
        true => Action::Drop,
        false => Action::Pass,
    })
}

/// Reads whatever one connection brings, with the time at which it came.
fn reader(host: &Host) -> Arc<Mutex<Vec<(String, u64)>>> {
    let read = Arc::new(Mutex::new(Vec::new()));
    let noted = read.clone();
    host.spawn(async move {
        let listener = Listener::bind("b:7").await.expect("a free port");
        let mut stream = listener.accept().await.expect("a connection");
        let start = rt::now();
        let mut buffer = [0; 64];
        while let Ok(length @ 1..) = stream.read(&mut buffer).await {
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            let at = u64::try_from(start.elapsed().as_millis()).expect("a short time");
            noted.lock().push((text, at));
        }
    });
    read
}

#[test]
fn what_was_delivered_comes_once_and_what_follows_waits_for_an_acknowledgement() {
    let read = simulate(1, |network, a, b| async move {
        let read = reader(&b);
        a.spawn(async move {
            let mut stream = rt::connect("b:7").await.expect("a listener");
            rt::sleep(ms(10)).await;
            let cut = mute_b(&network);
            stream.write_all(b"one").await.expect("written");
            rt::sleep(ms(90)).await;
            // No time-out has passed: TCP still sends.
            stream.write_all(b"two").await.expect("written");
            rt::sleep(ms(900)).await;
            // It sends "one" again, at 210 and 610 ms, and nothing else.
            stream.write_all(b"three").await.expect("written");
            rt::sleep(ms(1_000)).await;
            drop(cut);
            rt::sleep(ms(10_000)).await;
        })
        .await
        .expect("not cancelled");
        read.lock().clone()
    });
    let texts: Vec<_> = read.iter().map(|(text, _)| text.as_str()).collect();
    assert_eq!(texts, ["one", "two", "three"]);
    assert!((100..102).contains(&read[1].1), "{read:?}");
    // 200, 400, 800 and 1,600 ms after "one" was sent.
    assert!((3_010..3_015).contains(&read[2].1), "{read:?}");
}

#[test]
fn without_acknowledgements_a_sender_times_out_though_all_was_delivered() {
    let (error, took, read) = simulate(1, |network, a, b| async move {
        let read = reader(&b);
        let ended = a.spawn(async move {
            let mut stream = rt::connect("b:7").await.expect("a listener");
            rt::sleep(ms(10)).await;
            let _cut = mute_b(&network);
            stream.write_all(b"one").await.expect("written");
            let start = rt::now();
            let error = stream.read_u8().await.expect_err("nothing comes back");
            (error.kind(), start.elapsed().as_secs())
        });
        let (error, took) = ended.await.expect("not cancelled");
        let read = read.lock().clone();
        (error, took, read)
    });
    assert_eq!(error, ErrorKind::TimedOut);
    // 0.2 s doubled up to 102.4 s, then 2 minutes, sixteen waits in all.
    assert_eq!(took, 924);
    assert_eq!(read.len(), 1, "copies are hidden: {read:?}");
}

/// Counts deliveries that carry bytes.
struct Counted(Arc<AtomicU64>);

impl Observer for Counted {
    fn delivered(&mut self, delivery: &Delivery<'_>) {
        let bytes = u64::from(delivery.kind == Kind::Data);
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }
}

#[test]
fn an_answer_acknowledges_and_a_copy_is_no_delivery() {
    let (sent, delivered) = simulate(1, |network, a, b| async move {
        let count = Arc::new(AtomicU64::new(0));
        network.observe(Counted(count.clone()));
        b.spawn(async {
            let listener = Listener::bind("b:7").await.expect("a free port");
            let mut stream = listener.accept().await.expect("a connection");
            let byte = stream.read_u8().await.expect("a byte");
            rt::sleep(ms(1_000)).await;
            stream.write_u8(byte).await.expect("written");
            rt::sleep(ms(10_000)).await;
        });
        let sent = Arc::new(AtomicU64::new(0));
        let counter = sent.clone();
        let _acks_are_lost = network.add_rule(move |segment: &Segment<'_>| {
            let is_data = segment.from == "a" && segment.kind == Kind::Data;
            counter.fetch_add(u64::from(is_data), Ordering::Relaxed);
            match segment.kind == Kind::Ack && segment.from == "b" {
                true => Action::Drop,
                false => Action::Pass,
            }
        });
        a.spawn(async {
            let mut stream = rt::connect("b:7").await.expect("a listener");
            stream.write_u8(7).await.expect("written");
            stream.read_u8().await.expect("an answer");
            rt::sleep(ms(10_000)).await;
        })
        .await
        .expect("not cancelled");
        (sent.load(Ordering::Relaxed), count.load(Ordering::Relaxed))
    });
    assert_eq!(sent, 3, "at once, after 200 ms and after 600");
    assert_eq!(delivered, 2, "the byte and its answer");
}

#[test]
fn nobody_accepts_whose_handshake_is_not_complete() {
    let (accepted, later) = simulate(1, |network, a, b| async move {
        let server = b.spawn(async {
            let listener = Listener::bind("b:7").await.expect("a free port");
            let first = rt::timeout(ms(5_000), listener.accept()).await.is_ok();
            let later = rt::timeout(ms(60_000), listener.accept()).await.is_ok();
            (first, later)
        });
        // The last part of the handshake is lost, until it is repeated.
        let cut = network.add_rule(|segment: &Segment<'_>| match segment.kind {
            Kind::Ack if segment.from == "a" => Action::Drop,
            _ => Action::Pass,
        });
        a.spawn(async move {
            let _silent = rt::connect("b:7").await.expect("the client thinks so");
            rt::sleep(ms(6_000)).await;
            drop(cut);
            rt::sleep(ms(30_000)).await;
        })
        .await
        .expect("not cancelled");
        server.await.expect("not cancelled")
    });
    assert!(!accepted);
    assert!(later, "SYN-ACK was sent again, and acknowledged");
}
