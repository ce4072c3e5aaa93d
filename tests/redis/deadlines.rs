//! Deadlines to the millisecond, on a wall clock that jumps.

use std::sync::Arc;
use std::time::Duration;

use doublebuy::net::{Latency, Link, Network, NodeId};
use doublebuy::redis::{Bug, Change, Observer, Options};
use doublebuy::rt;
use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands, cmd};

use crate::support::{World, connect, outside, serve, simulate};

/// What an observer was told, in order.
#[derive(Default)]
pub struct Log(Mutex<Vec<String>>);

impl Log {
    fn note(&self, line: String) {
        self.0.lock().push(line);
    }

    pub fn lines(&self) -> Vec<String> {
        self.0.lock().clone()
    }
}

fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

fn pair(change: &Change<'_>) -> String {
    format!("{} {}", text(change.key), text(change.value))
}

impl Observer for Log {
    fn set(&self, change: &Change<'_>, expires_at_ms: Option<i64>) {
        let deadline = expires_at_ms.map_or("never", |_| "later");
        self.note(format!("set {} {deadline}", pair(change)));
    }

    fn deadline_changed(&self, _: usize, key: &[u8], expires_at_ms: Option<i64>) {
        let deadline = expires_at_ms.map_or("never", |_| "later");
        self.note(format!("deadline {} {deadline}", text(key)));
    }

    fn deleted(&self, change: &Change<'_>) {
        self.note(format!("deleted {}", pair(change)));
    }

    fn expired(&self, change: &Change<'_>) {
        let second = rt::unix_time().as_millis();
        self.note(format!("expired {} at {second}", pair(change)));
    }

    fn script_ran(&self, run: &doublebuy::redis::ScriptRun<'_>) {
        let keys: Vec<_> = run.keys.iter().map(|key| text(key)).collect();
        self.note(format!("script {} {:?}", keys.join(" "), run.outcome));
    }
}

async fn set_nx(connection: &mut MultiplexedConnection, token: &str, ms: u64) -> bool {
    let mut set = cmd("SET");
    set.arg("lock").arg(token).arg("NX").arg("PX").arg(ms);
    let answer: Option<String> = set.query_async(connection).await.unwrap();
    answer.is_some()
}

/// Milliseconds from a SET to each of two GETs on the server's clock, and
/// whether they found the key. Each command reaches the server within the
/// same millisecond in which it was sent.
fn alive_after(options: Options, delays: [u64; 2]) -> [bool; 2] {
    simulate(options, Arc::new(()), move |world| async move {
        instant_network(&world);
        let mut connection = connect("redis:6379").await;
        let mut alive = [false; 2];
        for (alive, delay) in alive.iter_mut().zip(delays) {
            align_to_a_millisecond().await;
            let _: () = connection.del("k").await.unwrap();
            let at = rt::unix_time().as_millis();
            let _: () = connection.pset_ex("k", "v", 100).await.unwrap();
            let until = u64::try_from(at).unwrap() + delay;
            let until = Duration::from_millis(until) + Duration::from_micros(100);
            rt::sleep(until.saturating_sub(rt::unix_time())).await;
            *alive = connection.exists("k").await.unwrap();
        }
        alive
    })
}

/// Latencies far below a millisecond.
pub fn instant_network(world: &World) {
    let World {
        network,
        server_node,
        client_node,
        ..
    } = world;
    let link = Link::of(Latency::fixed(1_000));
    network.set_link(*server_node, *client_node, link);
    network.set_link(*client_node, *server_node, link);
}

async fn align_to_a_millisecond() {
    let into = rt::unix_time().subsec_nanos() % 1_000_000;
    rt::sleep(Duration::from_nanos(u64::from(1_100_000 - into))).await;
}

#[test]
fn a_key_is_there_at_its_deadline_and_gone_a_millisecond_later() {
    assert_eq!(alive_after(Options::default(), [100, 101]), [true, false]);
    assert_eq!(alive_after(Options::default(), [99, 102]), [true, false]);
}

/// When a key of 100 ms expires that nobody asks for, in milliseconds after it
/// was set, with these commands after it.
fn expires_after(commands: &'static [(u64, &'static str)]) -> i64 {
    let log = Arc::new(Log::default());
    let seen = log.clone();
    let set_at = simulate(Options::default(), log, move |world| async move {
        instant_network(&world);
        let mut connection = connect("redis:6379").await;
        align_to_a_millisecond().await;
        let set_at = rt::unix_time().as_millis();
        assert!(set_nx(&mut connection, "a", 100).await);
        for (delay, command) in commands {
            rt::sleep(Duration::from_millis(*delay)).await;
            let mut words = command.split(' ');
            let mut command = cmd(words.next().unwrap());
            command.arg(words.collect::<Vec<_>>());
            let _: redis::Value = command.query_async(&mut connection).await.unwrap();
        }
        rt::sleep(Duration::from_secs(2)).await;
        i64::try_from(set_at).unwrap()
    });
    let lines = seen.lines();
    let at = lines[1].strip_prefix("expired lock a at ").unwrap();
    at.parse::<i64>().unwrap() - set_at
}

#[test]
fn what_expires_in_a_pause_goes_when_it_is_over() {
    assert_eq!(expires_after(&[]), 101);
    let paused = expires_after(&[(0, "CLIENT PAUSE 1000 WRITE")]);
    assert!((1000..=1002).contains(&paused), "{paused}");
    let let_go = expires_after(&[(0, "CLIENT PAUSE 9000 WRITE"), (500, "CLIENT UNPAUSE")]);
    assert!((500..=502).contains(&let_go), "{let_go}");
    assert_eq!(expires_after(&[(0, "CLIENT PAUSE 50")]), 101);
}

fn planted(bug: Bug) -> Options {
    Options {
        planted: Some(bug),
        ..Options::default()
    }
}

#[test]
fn an_inclusive_deadline_is_caught() {
    let alive = alive_after(planted(Bug::ExpireAtInclusive), [100, 99]);
    assert_eq!(alive, [false, true]);
}

#[test]
fn the_observer_is_told_of_an_expiry_when_it_happens() {
    let log = Arc::new(Log::default());
    let seen = log.clone();
    let set_at = simulate(Options::default(), log, |world| async move {
        instant_network(&world);
        let mut connection = connect("redis:6379").await;
        assert!(set_nx(&mut connection, "a", 60_000).await);
        let _: () = connection.del("lock").await.unwrap();
        align_to_a_millisecond().await;
        let set_at = rt::unix_time().as_millis();
        assert!(set_nx(&mut connection, "b", 250).await);
        rt::sleep(Duration::from_secs(1)).await;
        set_at
    });
    let expired = format!("expired lock b at {}", set_at + 251);
    let expected = [
        "set lock a later",
        "deleted lock a",
        "set lock b later",
        &expired,
    ];
    assert_eq!(seen.lines(), expected);
}

/// A lock of a minute; the wall clock jumps; before the server looks for
/// expired keys by itself, somebody else asks for it.
fn taken_after_jump(options: Options, by: i64) -> bool {
    simulate(options, Arc::new(()), move |world| async move {
        let mut connection = connect("redis:6379").await;
        assert!(set_nx(&mut connection, "a", 60_000).await);
        world.network.jump_wall_clock(world.server_node, by);
        rt::sleep(Duration::from_millis(50)).await;
        set_nx(&mut connection, "b", 60_000).await
    })
}

const MINUTES: i64 = 60_000_000_000;

#[test]
fn a_jump_forward_expires_and_a_jump_back_extends() {
    assert!(taken_after_jump(Options::default(), 2 * MINUTES));
    assert!(!taken_after_jump(Options::default(), MINUTES / 2));
    assert!(!taken_after_jump(
        planted(Bug::NxIgnoresExpiry),
        2 * MINUTES
    ));
    let held = simulate(Options::default(), Arc::new(()), |world| async move {
        let mut connection = connect("redis:6379").await;
        assert!(set_nx(&mut connection, "a", 60_000).await);
        world.network.jump_wall_clock(world.server_node, -MINUTES);
        rt::sleep(Duration::from_secs(90)).await;
        !set_nx(&mut connection, "b", 60_000).await
    });
    assert!(held, "90 s later the clock reads 30 s later");
}

#[test]
fn a_server_whose_clock_jumps_expires_within_a_cycle() {
    let log = Arc::new(Log::default());
    let seen = log.clone();
    simulate(Options::default(), log, |world| async move {
        let mut connection = connect("redis:6379").await;
        assert!(set_nx(&mut connection, "a", 60_000).await);
        world
            .network
            .jump_wall_clock(world.server_node, 2 * MINUTES);
        rt::sleep(Duration::from_millis(101)).await;
    });
    assert!(seen.lines()[1].starts_with("expired lock a at"));
}

async fn ttl_after_plain_set(options: Options) -> i64 {
    let mut connection = connect(&serve(options).await).await;
    let _: () = connection.pset_ex("k", "v", 100_000).await.unwrap();
    let _: () = connection.set("k", "w").await.unwrap();
    connection.ttl("k").await.unwrap()
}

#[test]
fn a_plain_set_clears_the_deadline() {
    outside(async {
        assert_eq!(ttl_after_plain_set(Options::default()).await, -1);
        assert_eq!(ttl_after_plain_set(planted(Bug::SetKeepsTtl)).await, 100);
    });
}

/// Sets a key of 2 ms, spins on TIME until 5 ms have passed, and looks.
const SPIN: &str = "
    local function now() local t = redis.call('TIME') return t[1] * 1000000 + t[2] end
    redis.call('SET', 'k', 'v', 'PX', 2)
    local start = now()
    while now() < start + 5000 do end
    return {redis.call('EXISTS', 'k'), redis.call('PTTL', 'k')}";

async fn spin(options: Options) -> (Vec<i64>, bool) {
    let mut connection = connect(&serve(options).await).await;
    let script = redis::Script::new(SPIN);
    let seen = script.invoke_async(&mut connection).await.unwrap();
    (seen, connection.exists("k").await.unwrap())
}

#[test]
fn in_a_script_keys_do_not_expire_though_time_goes_on() {
    outside(async {
        assert_eq!(spin(Options::default()).await, (vec![1, 0], false));
        let moving = spin(planted(Bug::ExpiryNotFrozenInScript)).await;
        assert_eq!(moving, (vec![0, -2], false));
    });
}

#[test]
fn a_restarted_server_is_empty() {
    let found = simulate(Options::default(), Arc::new(()), |world| async move {
        let mut connection = connect("redis:6379").await;
        assert!(set_nx(&mut connection, "a", 60_000).await);
        restart(&world.network, world.server_node).await;
        let mut connection = connect("redis:6379").await;
        connection.exists::<_, bool>("lock").await.unwrap()
    });
    assert!(!found);
}

async fn restart(network: &Network, node: NodeId) {
    network.kill(node, doublebuy::net::Death::Process);
    network.boot(node);
    network.spawn(node, async {
        let listener = rt::Listener::bind("redis:6379").await.unwrap();
        let server = doublebuy::redis::Server::start(Options::default(), Arc::new(()));
        server.serve(listener).await
    });
    rt::sleep(Duration::from_millis(5)).await;
}
