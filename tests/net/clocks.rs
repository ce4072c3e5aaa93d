//! Clocks of a node's own: drift, jumps, and a pace.

use std::time::Duration;

use doublebuy::net::Network;
use doublebuy::rt;

use crate::world::{Host, simulate};

const SECOND: Duration = Duration::from_secs(1);
const SECOND_NS: i64 = 1_000_000_000;

/// What a task on `host` sees: how long a second of its sleep takes of
/// virtual time.
async fn virtual_time_of_a_second(network: &Network, host: &Host) -> Duration {
    let before = network.now_ns();
    host.spawn(rt::sleep(SECOND)).await.expect("not cancelled");
    Duration::from_nanos(network.now_ns() - before)
}

/// As good as equal: polls move the one clock a little.
fn about(took: Duration, expected: Duration) -> bool {
    took.abs_diff(expected) < Duration::from_micros(5)
}

#[test]
fn drift_scales_the_sleeps_of_its_node_and_of_no_other() {
    simulate(1, |network, a, b| async move {
        network.set_drift(a.id, 250_000);
        network.set_drift(b.id, -200_000);
        let (fast, slow) = (
            virtual_time_of_a_second(&network, &a).await,
            virtual_time_of_a_second(&network, &b).await,
        );
        assert!(about(fast, SECOND * 4 / 5), "{fast:?}");
        assert!(about(slow, SECOND * 5 / 4), "{slow:?}");
    });
}

#[test]
fn a_sleep_that_has_begun_follows_a_change_of_drift() {
    simulate(2, |network, a, b| async move {
        let before = network.now_ns();
        let sleeps = a.spawn(rt::sleep(SECOND));
        let other = b.spawn(rt::sleep(SECOND));
        rt::sleep(SECOND / 2).await;
        network.set_drift(a.id, 1_000_000);
        sleeps.await.expect("not cancelled");
        let took = Duration::from_nanos(network.now_ns() - before);
        assert!(about(took, SECOND * 3 / 4), "{took:?}");
        other.await.expect("not cancelled");
        let took = Duration::from_nanos(network.now_ns() - before);
        assert!(about(took, SECOND), "{took:?}");
    });
}

#[test]
fn timeouts_run_on_the_clock_of_their_node() {
    simulate(3, |network, a, _| async move {
        network.set_drift(a.id, -500_000);
        let before = network.now_ns();
        let limited = a.spawn(rt::timeout(SECOND, std::future::pending::<()>()));
        let ended = limited.await.expect("not cancelled");
        assert_eq!(ended, Err(rt::Elapsed));
        let took = Duration::from_nanos(network.now_ns() - before);
        assert!(about(took, 2 * SECOND), "{took:?}");
    });
}

#[test]
fn a_jump_moves_the_wall_clock_of_its_node_and_no_sleep() {
    simulate(4, |network, a, b| async move {
        let start = network.now_ns();
        let here = rt::unix_time();
        let sleeps = a.spawn(rt::sleep(SECOND));
        network.jump_wall_clock(a.id, 30 * SECOND_NS);
        let read = || async { (rt::unix_time(), rt::now()) };
        let (wall, before) = a.spawn(read()).await.expect("not cancelled");
        assert!(about(wall - here, 30 * SECOND), "{wall:?}");
        let (other, _) = b.spawn(read()).await.expect("not cancelled");
        assert!(about(other, here), "{other:?}");
        sleeps.await.expect("not cancelled");
        let took = Duration::from_nanos(network.now_ns() - start);
        assert!(about(took, SECOND), "{took:?}");
        network.jump_wall_clock(a.id, -60 * SECOND_NS);
        let (wall, after) = a.spawn(read()).await.expect("not cancelled");
        assert!(wall < here, "the wall clock went back");
        assert!(after.since(before) >= SECOND - Duration::from_millis(1));
    });
}

#[test]
fn who_watches_is_told_of_every_jump_once() {
    simulate(5, |network, a, b| async move {
        let watch = |host: &Host| {
            host.spawn(async {
                let mut jumps = rt::WallClockJumps::watch();
                jumps.next().await;
                let first = rt::now();
                // A jump while nobody waits is not missed.
                rt::sleep(SECOND).await;
                jumps.next().await;
                (first, rt::now())
            })
        };
        let (told, untold) = (watch(&a), watch(&b));
        rt::sleep(SECOND).await;
        network.jump_wall_clock(a.id, 1);
        rt::sleep(SECOND / 2).await;
        network.jump_wall_clock(a.id, -1);
        let (first, second) = told.await.expect("not cancelled");
        assert!(about(second.since(first), SECOND));
        assert!(rt::timeout(SECOND, untold).await.is_err());
    });
}

#[test]
fn work_takes_longer_on_a_slow_node() {
    simulate(6, |network, a, _| async move {
        let took = |network: Network| async move {
            let before = network.now_ns();
            rt::work(SECOND).await;
            rt::work(Duration::ZERO).await;
            Duration::from_nanos(network.now_ns() - before)
        };
        let usual = a.spawn(took(network.clone())).await.expect("not cancelled");
        network.set_slowness(a.id, 7);
        let slow = a.spawn(took(network.clone())).await.expect("not cancelled");
        assert!(about(usual, SECOND) && about(slow, 7 * SECOND), "{slow:?}");
    });
}
