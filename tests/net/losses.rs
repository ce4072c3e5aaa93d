//! What a loss must not do: reorder, hang, leave ghosts, or swallow what a
//! process had closed before it died.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use doublebuy::net::{Action, Death, Kind, Latency, Link, Network, RuleGuard, Segment};
use doublebuy::rt::{self, Listener, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::world::{Host, simulate};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Loses everything until the guard is dropped.
fn cut_all(network: &Network) -> RuleGuard {
    network.add_rule(|_: &Segment<'_>| Action::Drop)
}

/// Reads one connection to its end.
fn reader(host: &Host) -> doublebuy::net::JoinHandle<(String, Option<ErrorKind>)> {
    host.spawn(async {
        let listener = Listener::bind("b:7").await.expect("a free port");
        let mut stream = listener.accept().await.expect("a connection");
        let mut text = String::new();
        let read = rt::timeout(ms(3_000_000), stream.read_to_string(&mut text));
        let error = match read.await {
            Ok(read) => read.err().map(|error| error.kind()),
            Err(rt::Elapsed) => panic!("neither data nor FIN nor RST in 3,000 s"),
        };
        (text, error)
    })
}

async fn connected() -> Stream {
    let stream = rt::connect("b:7").await.expect("a listener");
    rt::sleep(ms(100)).await;
    stream
}

/// "one" is in flight when the cut begins; `second` runs in the cut.
fn read_around_a_cut<F>(second: impl FnOnce(Stream) -> F + Send + 'static) -> String
where
    F: Future<Output = Stream> + Send,
{
    simulate(1, |network, a, b| async move {
        network.set_link(a.id, b.id, Link::of(Latency::fixed(10_000_000)));
        let reader = reader(&b);
        a.spawn(async move {
            let mut stream = connected().await;
            stream.write_all(b"one").await.expect("written");
            rt::sleep(ms(2)).await;
            let cut = cut_all(&network);
            let mut stream = second(stream).await;
            rt::sleep(ms(50)).await;
            drop(cut);
            rt::sleep(ms(1_000)).await;
            stream.shutdown().await.expect("closed");
        })
        .await
        .expect("not cancelled");
        let (text, error) = reader.await.expect("not cancelled");
        assert_eq!(error, None);
        text
    })
}

#[test]
fn data_in_flight_stays_before_data_that_was_lost() {
    let text = read_around_a_cut(|mut stream| async move {
        stream.write_all(b"two").await.expect("written");
        stream
    });
    assert_eq!(text, "onetwo");
}

#[test]
fn fin_stays_behind_data() {
    let text = read_around_a_cut(|mut stream| async move {
        stream.shutdown().await.expect("closed");
        stream
    });
    assert_eq!(text, "one");
}

/// How long connecting takes, and how it ends, when nothing comes back and
/// `meanwhile` happens to the other host.
fn connecting_without_an_answer(
    meanwhile: impl FnOnce(&Network, &Host) + Send + 'static,
) -> (ErrorKind, u64) {
    simulate(1, |network, a, b| async move {
        b.spawn(async {
            let listener = Listener::bind("b:7").await.expect("a free port");
            let _stream = listener.accept().await;
            rt::sleep(ms(1_000_000)).await;
        });
        let cut = network.add_rule(|segment: &Segment<'_>| match segment.from == "b" {
            true => Action::Drop,
            false => Action::Pass,
        });
        let client = a.spawn(async {
            let start = rt::now();
            let connecting = rt::timeout(ms(1_000_000), rt::connect("b:7")).await;
            let error = connecting.expect("it ends").expect_err("no answer");
            (error.kind(), start.elapsed().as_secs())
        });
        rt::sleep(ms(100)).await;
        meanwhile(&network, &b);
        rt::sleep(ms(200_000)).await;
        drop(cut);
        client.await.expect("not cancelled")
    })
}

#[test]
fn a_lost_syn_ack_ends_connecting_too() {
    let ended = connecting_without_an_answer(|_, _| {});
    assert_eq!(ended, (ErrorKind::TimedOut, 127));
}

#[test]
fn so_does_the_death_of_the_host_that_sent_it() {
    let ended = connecting_without_an_answer(|network, host| {
        network.kill(host.id, Death::Host);
        network.boot(host.id);
    });
    assert_eq!(ended, (ErrorKind::TimedOut, 127));
}

#[test]
fn a_message_that_waits_behind_a_loss_is_counted_once_it_leaves() {
    let seen = simulate(1, |network, a, b| async move {
        let reader = reader(&b);
        let hit = Arc::new(AtomicBool::new(false));
        let noted = hit.clone();
        let _watch = network.add_rule(move |segment: &Segment<'_>| {
            if segment.labels.contains(&"COMMIT") && segment.attempt == 0 {
                noted.store(true, Ordering::Relaxed);
            }
            Action::Pass
        });
        a.spawn(async move {
            let mut stream = connected().await;
            let cut = cut_all(&network);
            stream.write_all(b"lost").await.expect("written");
            rt::sleep(ms(2)).await;
            drop(cut);
            stream.labeller().label("COMMIT");
            stream.write_all(b"commit").await.expect("written");
            rt::sleep(ms(5_000)).await;
        })
        .await
        .expect("not cancelled");
        reader.await.expect("not cancelled");
        hit.load(Ordering::Relaxed)
    });
    assert!(seen);
}

#[test]
fn a_connection_that_was_given_up_does_not_come_later() {
    let accepted = simulate(1, |network, a, b| async move {
        let server = b.spawn(async {
            let listener = Listener::bind("b:7").await.expect("a free port");
            rt::timeout(ms(60_000), listener.accept()).await.is_ok()
        });
        let cut = network.add_rule(|segment: &Segment<'_>| match segment.kind {
            Kind::Syn => Action::Drop,
            _ => Action::Pass,
        });
        a.spawn(async {
            let connecting = rt::timeout(ms(500), rt::connect("b:7")).await;
            assert!(connecting.is_err(), "it was cut off");
        })
        .await
        .expect("not cancelled");
        rt::sleep(ms(5_000)).await;
        drop(cut);
        server.await.expect("not cancelled")
    });
    assert!(!accepted);
}

#[test]
fn what_a_process_closed_outlives_it() {
    let (text, error) = simulate(1, |network, a, b| async move {
        let reader = reader(&b);
        let cutter = network.clone();
        a.spawn(async move {
            let mut stream = connected().await;
            let cut = cut_all(&cutter);
            stream.write_all(b"bye").await.expect("written");
            drop(stream);
            rt::sleep(ms(50)).await;
            drop(cut);
        })
        .await
        .expect("not cancelled");
        network.kill(a.id, Death::Process);
        reader.await.expect("not cancelled")
    });
    assert_eq!((text.as_str(), error), ("bye", None));
}
