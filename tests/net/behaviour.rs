use std::io::ErrorKind;
use std::time::Duration;

use doublebuy::net::{Action, Death, Segment};
use doublebuy::rt::{self, Listener, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::world::{Host, simulate};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Echoes on port 7 until the connection ends.
fn echo_server(host: &Host) -> doublebuy::net::JoinHandle<()> {
    host.spawn(async {
        let listener = Listener::bind("0.0.0.0:7").await.expect("a free port");
        loop {
            let mut stream = listener.accept().await.expect("a connection");
            rt::spawn(async move {
                let mut buffer = [0; 1024];
                while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                    if stream.write_all(&buffer[..length]).await.is_err() {
                        break;
                    }
                }
            });
        }
    })
}

async fn echo(stream: &mut Stream, text: &[u8]) -> std::io::Result<()> {
    stream.write_all(text).await?;
    let mut answer = vec![0; text.len()];
    stream.read_exact(&mut answer).await?;
    assert_eq!(answer, text);
    Ok(())
}

fn cut(from: &'static str, to: &'static str) -> impl FnMut(&Segment<'_>) -> Action + Send {
    move |segment| match segment.from == from && segment.to == to {
        true => Action::Drop,
        false => Action::Pass,
    }
}

#[test]
fn an_echo_takes_two_latencies() {
    let took = simulate(1, |_, a, b| async move {
        echo_server(&b);
        a.spawn(async {
            let mut stream = rt::connect("b:7").await.expect("a listener");
            let start = rt::now();
            echo(&mut stream, b"hello").await.expect("an answer");
            start.elapsed()
        })
        .await
        .expect("not cancelled")
    });
    assert!(took >= Duration::from_micros(200), "{took:?}");
    assert!(took < Duration::from_micros(1_010), "{took:?}");
}

#[test]
fn connecting_to_a_port_without_listener_is_refused() {
    let error = simulate(1, |_, a, _| async move {
        a.spawn(async { rt::connect("b:7").await.expect_err("nobody listens").kind() })
            .await
            .expect("not cancelled")
    });
    assert_eq!(error, ErrorKind::ConnectionRefused);
}

#[test]
fn connecting_into_a_partition_times_out_after_the_syn_retries() {
    let (error, took) = simulate(1, |network, a, b| async move {
        echo_server(&b);
        let _cut = network.add_rule(cut("a", "b"));
        a.spawn(async {
            let start = rt::now();
            let error = rt::connect("b:7").await.expect_err("cut off").kind();
            (error, start.elapsed())
        })
        .await
        .expect("not cancelled")
    });
    assert_eq!(error, ErrorKind::TimedOut);
    assert_eq!(took.as_secs(), 127, "1 + 2 + 4 + 8 + 16 + 32 + 64 s");
}

#[test]
fn a_short_partition_is_a_delay() {
    let took = simulate(1, |network, a, b| async move {
        echo_server(&b);
        a.spawn(async move {
            let mut stream = rt::connect("b:7").await.expect("a listener");
            let guard = network.add_rule(cut("a", "b"));
            let start = rt::now();
            let heal = rt::spawn(async move {
                rt::sleep(ms(250)).await;
                drop(guard);
            });
            echo(&mut stream, b"late").await.expect("an answer");
            echo(&mut stream, b"and in order").await.expect("an answer");
            heal.await.expect("healed");
            start.elapsed()
        })
        .await
        .expect("not cancelled")
    });
    assert!(took >= ms(600) && took < ms(610), "200 + 400 ms: {took:?}");
}

#[test]
fn what_is_sent_behind_a_lost_segment_arrives_behind_it() {
    let received = simulate(3, |network, a, b| async move {
        let reader = b.spawn(async {
            let listener = Listener::bind("b:7").await.expect("a free port");
            let mut stream = listener.accept().await.expect("a connection");
            let mut text = String::new();
            stream.read_to_string(&mut text).await.expect("text");
            text
        });
        a.spawn(async move {
            let mut stream = rt::connect("b:7").await.expect("a listener");
            for word in ["one ", "two ", "three "] {
                let guard = (word == "two ").then(|| network.add_rule(cut("a", "b")));
                stream.write_all(word.as_bytes()).await.expect("written");
                rt::sleep(ms(1)).await;
                drop(guard);
            }
            stream.shutdown().await.expect("closed");
        })
        .await
        .expect("not cancelled");
        reader.await.expect("not cancelled")
    });
    assert_eq!(received, "one two three ");
}

/// What a client sees that waits for an answer while its server dies.
fn answer_of_the_dying(death: Death) -> Result<ErrorKind, rt::Elapsed> {
    simulate(1, move |network, a, b| async move {
        echo_server(&b);
        let client = a.spawn(async {
            let mut stream = rt::connect("b:7").await.expect("a listener");
            echo(&mut stream, b"hello").await.expect("an answer");
            rt::sleep(ms(10)).await;
            let mut buffer = [0; 8];
            let read = rt::timeout(ms(5_000), stream.read(&mut buffer)).await?;
            Ok(read.expect_err("the server died").kind())
        });
        rt::sleep(ms(100)).await;
        network.kill(b.id, death);
        client.await.expect("not cancelled")
    })
}

#[test]
fn a_killed_process_resets_its_connections() {
    assert_eq!(
        answer_of_the_dying(Death::Process),
        Ok(ErrorKind::ConnectionReset)
    );
}

#[test]
fn a_killed_host_says_nothing() {
    assert_eq!(answer_of_the_dying(Death::Host), Err(rt::Elapsed));
}

#[test]
fn a_host_that_is_back_resets_what_it_does_not_know() {
    let error = simulate(1, |network, a, b| async move {
        echo_server(&b);
        let client = a.spawn(async {
            let mut stream = rt::connect("b:7").await.expect("a listener");
            rt::sleep(ms(200)).await;
            echo(&mut stream, b"who are you")
                .await
                .expect_err("it forgot")
                .kind()
        });
        rt::sleep(ms(100)).await;
        network.kill(b.id, Death::Host);
        network.boot(b.id);
        client.await.expect("not cancelled")
    });
    assert_eq!(error, ErrorKind::ConnectionReset);
}

#[test]
fn who_does_not_read_stops_who_writes() {
    let (written, received) = simulate(1, |_, a, b| async move {
        let reader = b.spawn(async {
            let listener = Listener::bind("b:7").await.expect("a free port");
            let mut stream = listener.accept().await.expect("a connection");
            rt::sleep(ms(1_000)).await;
            let mut all = Vec::new();
            stream.read_to_end(&mut all).await.expect("bytes");
            all.len()
        });
        let writer = a.spawn(async {
            let mut stream = rt::connect("b:7").await.expect("a listener");
            let chunk = [7; 4096];
            let mut written = 0;
            while rt::timeout(ms(100), stream.write_all(&chunk)).await.is_ok() {
                written += chunk.len();
                assert!(written < 10 << 20, "backpressure never came");
            }
            written
        });
        let written = writer.await.expect("not cancelled");
        (written, reader.await.expect("not cancelled"))
    });
    assert!(written >= 256 * 1024, "{written}");
    assert!(written <= 1024 * 1024, "{written}");
    assert_eq!(received, written, "what was accepted arrives");
}

#[test]
fn the_same_seed_gives_the_same_times() {
    let times = |seed| {
        simulate(seed, |_, a, b| async move {
            echo_server(&b);
            a.spawn(async {
                let mut stream = rt::connect("b:7").await.expect("a listener");
                let mut times = Vec::new();
                for _ in 0..50 {
                    let start = rt::now();
                    echo(&mut stream, b"again").await.expect("an answer");
                    times.push(start.elapsed());
                }
                times
            })
            .await
            .expect("not cancelled")
        })
    };
    assert_eq!(times(5), times(5));
    assert_ne!(times(5), times(6));
}
