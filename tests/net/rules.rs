//! Rules: what stands between sender and receiver, and for how long.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use doublebuy::net::{Action, Kind, Segment};
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
    assert_eq!(seen[2].0, Err(ErrorKind::ConnectionReset));
}

#[test]
fn every_rule_sees_every_segment_and_the_worst_answer_counts() {
    let (slow, counted) = simulate(2, |network, a, b| async move {
        labelled_server(&b);
        let delay = |ms| {
            move |segment: &Segment<'_>| match segment.kind {
                Kind::Data => Action::Delay(Duration::from_millis(ms)),
                _ => Action::Pass,
            }
        };
        let first = network.add_rule(delay(10));
        let _second = network.add_rule(delay(100));
        let mut lost = false;
        let _drop = network.add_rule(move |segment: &Segment<'_>| {
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
        let slow = a.spawn(async move {
            let mut stream = rt::connect("b:7").await.expect("a listener");
            let mut took = Vec::new();
            let mut first = Some(first);
            for byte in 1..=2 {
                let start = rt::now();
                stream.write_u8(byte).await.expect("written");
                stream.read_u8().await.expect("an answer");
                took.push(start.elapsed().as_millis());
                // The guard takes its rule out, and no other.
                first.take();
            }
            took
        });
        let slow = slow.await.expect("not cancelled");
        (slow, count.load(Ordering::Relaxed))
    });
    // There, lost, 200 ms, back: delays add up, and a drop beats them.
    assert!((420..425).contains(&slow[0]), "{slow:?}");
    assert!((200..205).contains(&slow[1]), "{slow:?}");
    assert_eq!(counted, 3, "two answers, one of them twice");
}
