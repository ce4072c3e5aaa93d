//! Rules: what stands between sender and receiver, and for how long.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use doublebuy::net::{Action, Kind, RuleGuard, Segment};
use doublebuy::rt::{self, Listener};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::world::{Host, simulate};

/// Answers each byte with the same, labelled "answer".
fn labelled_server(host: &Host) {
    host.spawn(async {
        let listener = Listener::bind("b:7").await.expect("a free port");
        loop {
            let mut stream = listener.accept().await.expect("a connection");
            rt::spawn(async move {
                let labeller = stream.labeller();
                while let Ok(byte) = stream.read_u8().await {
                    labeller.label("answer");
                    if stream.write_u8(byte).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
}

/// Does `action` to the second labelled answer; what the client sees of three
/// requests, and how long each took.
fn second_answer(action: Action) -> Vec<(Result<u8, ErrorKind>, Duration)> {
    simulate(2, move |network, a, b| async move {
        labelled_server(&b);
        let mut answers = 0;
        let _guard = network.add_rule(move |segment: &Segment<'_>| {
            let is_answer = segment.labels.contains(&"answer") && segment.attempt == 0;
            answers += u32::from(is_answer);
            match is_answer && answers == 2 {
                true => action,
                false => Action::Pass,
            }
        });
        a.spawn(async {
            let mut stream = rt::connect("b:7").await.expect("a listener");
            let mut seen = Vec::new();
            for byte in 1..=3 {
                let start = rt::now();
                let answer = match stream.write_u8(byte).await {
                    Ok(()) => stream.read_u8().await,
                    Err(error) => Err(error),
                };
                seen.push((answer.map_err(|error| error.kind()), start.elapsed()));
            }
            seen
        })
        .await
        .expect("not cancelled")
    })
}

#[test]
fn pass_leaves_a_segment_alone() {
    let seen = second_answer(Action::Pass);
    assert!(seen.iter().all(|(answer, _)| answer.is_ok()), "{seen:?}");
    assert!(
        seen.iter()
            .all(|(_, took)| *took < Duration::from_millis(2))
    );
}

#[test]
fn delay_makes_one_segment_late() {
    let seen = second_answer(Action::Delay(Duration::from_millis(70)));
    assert!(seen.iter().all(|(answer, _)| answer.is_ok()), "{seen:?}");
    assert!(seen[1].1 >= Duration::from_millis(70), "{seen:?}");
    assert!(seen[2].1 < Duration::from_millis(2), "{seen:?}");
}

#[test]
fn drop_is_repaired_by_a_retransmission() {
    let seen = second_answer(Action::Drop);
    assert!(seen.iter().all(|(answer, _)| answer.is_ok()), "{seen:?}");
    assert!(seen[1].1 >= Duration::from_millis(200), "{seen:?}");
    assert!(seen[2].1 < Duration::from_millis(2), "{seen:?}");
}

#[test]
fn reset_loses_the_segment_and_the_connection() {
    let seen = second_answer(Action::Reset);
    assert_eq!(seen[0].0, Ok(1));
    assert_eq!(seen[1].0, Err(ErrorKind::ConnectionReset));
    assert_eq!(seen[2].0, Err(ErrorKind::BrokenPipe), "told once");
}

/// Delays what carries bytes.
fn delay(ms: u64) -> impl FnMut(&Segment<'_>) -> Action + Send {
    move |segment| match segment.kind {
        Kind::Data => Action::Delay(Duration::from_millis(ms)),
        _ => Action::Pass,
    }
}

/// How long an exchange takes, and again without the first guard.
async fn two_exchanges(guard: RuleGuard) -> Vec<u128> {
    let mut stream = rt::connect("b:7").await.expect("a listener");
    let mut took = Vec::new();
    let mut guard = Some(guard);
    for byte in 1..=2 {
        let start = rt::now();
        stream.write_u8(byte).await.expect("written");
        stream.read_u8().await.expect("an answer");
        took.push(start.elapsed().as_millis());
        guard.take();
    }
    took
}

#[test]
fn the_first_answer_that_is_not_pass_counts_and_every_rule_sees_every_segment() {
    let (took, counted) = simulate(2, |network, a, b| async move {
        labelled_server(&b);
        let first = network.add_rule(delay(10));
        let _second = network.add_rule(delay(100));
        let mut lost = false;
        let _third = network.add_rule(move |segment: &Segment<'_>| {
            match segment.labels.contains(&"answer") && !std::mem::replace(&mut lost, true) {
                true => Action::Drop,
                false => Action::Pass,
            }
        });
        let count = Arc::new(AtomicU32::new(0));
        let counter = count.clone();
        let _count = network.add_rule(move |segment: &Segment<'_>| {
            let answers = u32::from(segment.labels.contains(&"answer"));
            counter.fetch_add(answers, Ordering::Relaxed);
            Action::Pass
        });
        let took = a.spawn(two_exchanges(first)).await.expect("not cancelled");
        (took, count.load(Ordering::Relaxed))
    });
    // The first delays, there and back, and neither the second nor the drop
    // is asked; without the first it is the second.
    assert!((20..22).contains(&took[0]), "{took:?}");
    assert!((200..202).contains(&took[1]), "{took:?}");
    assert_eq!(counted, 2, "both answers, whoever answered before");
}

#[test]
fn a_slow_link_does_not_pierce_a_partition_and_delays_add_up() {
    let (cut, slow) = simulate(2, |network, a, b| async move {
        labelled_server(&b);
        let there = vec![(a.id, b.id)];
        let _slow = network.add_delay(there.clone(), Duration::from_millis(30));
        let slower = network.add_delay(there, Duration::from_millis(50));
        a.spawn(async move {
            let mut stream = rt::connect("b:7").await.expect("a listener");
            let start = rt::now();
            stream.write_u8(1).await.expect("written");
            stream.read_u8().await.expect("an answer");
            let slow = start.elapsed().as_millis();
            drop(slower);
            let _cut = network.add_rule(|_: &Segment<'_>| Action::Drop);
            stream.write_u8(1).await.expect("written");
            let answer = rt::timeout(Duration::from_secs(5), stream.read_u8()).await;
            (answer.is_err(), slow)
        })
        .await
        .expect("not cancelled")
    });
    assert!(cut);
    assert!((80..82).contains(&slow), "{slow}");
}
