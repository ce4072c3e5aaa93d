//! `maxmemory`: who is refused, and who has to go.

use std::sync::Arc;

use doublebuy::redis::{Change, EvictionPolicy, Observer, Options};
use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands, Value, cmd};

use crate::oracle::{Raw, RealRedis};
use crate::support::{connect, serve_on_a_thread, simulate};

fn words(line: &str) -> Vec<Vec<u8>> {
    let words = line.split(' ').map(|word| word.replace('_', " "));
    words.map(String::into_bytes).collect()
}

/// What a server without room says, line by line; `_` is a space.
const WITHOUT_ROOM: &str = "\
CONFIG SET maxmemory 1
SET a 1
GET a
DEL a
INCR n
EXPIRE a 10
HSET h f v
MULTI
GET a
EXEC
MULTI
DISCARD
EVAL return_redis.call('SET','a','1') 0
EVAL return_redis.pcall('SET','a','1') 0
EVAL return_redis.call('GET','a') 0
LPUSH l a
RPOP l
EXISTS a
CONFIG SET maxmemory-policy volatile-lru
SET a 1
CONFIG SET maxmemory 0
SET a 1
OBJECT FREQ a
CONFIG SET maxmemory-policy allkeys-lfu
OBJECT IDLETIME a
SET b text
OBJECT FREQ b
OBJECT REFCOUNT b
CONFIG SET maxmemory-policy noeviction
FLUSHALL
CONFIG SET maxmemory-policy sometimes";

#[test]
fn without_room_the_real_server_says_the_same() {
    let Some(real) = RealRedis::start() else {
        return;
    };
    let mut sides = [real.connect(), Raw::open(&serve_on_a_thread())];
    for line in WITHOUT_ROOM.lines() {
        let [real, simulated] = sides.each_mut().map(|side| side.call(&words(line)));
        assert_eq!(
            String::from_utf8_lossy(&simulated),
            String::from_utf8_lossy(&real),
            "{line}"
        );
    }
}

fn used_memory(server: &mut Raw) -> f64 {
    let info = server.call(&words("INFO memory"));
    let info = String::from_utf8(info).unwrap();
    let used = info
        .lines()
        .find_map(|line| line.strip_prefix("used_memory:"));
    used.unwrap().parse().unwrap()
}

/// Each makes many keys or elements, and what they take is compared.
const GROWTH: [(&str, u32); 7] = [
    ("SET key:{i} {i}", 5_000),
    (
        "SET key:{i} some-text-of-thirty-bytes-{i} PX 1000000",
        5_000,
    ),
    ("HSET hash field:{i} value:{i}", 5_000),
    ("HSET hash:{i} name value price 12", 3_000),
    ("SADD set member:{i}", 5_000),
    ("ZADD zset {i} member:{i}", 5_000),
    ("RPUSH list element-of-some-length:{i}", 5_000),
];

#[test]
fn data_takes_about_what_it_takes_in_the_real_server() {
    let Some(real) = RealRedis::start() else {
        return;
    };
    let mut sides = [real.connect(), Raw::open(&serve_on_a_thread())];
    for (template, count) in GROWTH {
        let [real, simulated] = sides.each_mut().map(|side| {
            side.call(&words("FLUSHALL"));
            let before = used_memory(side);
            for number in 0..count {
                side.ask(&words(&template.replace("{i}", &number.to_string())));
            }
            for _ in 0..count {
                side.reply();
            }
            used_memory(side) - before
        });
        let ratio = simulated / real;
        assert!((0.7..1.4).contains(&ratio), "{template}: {ratio:.2} times");
    }
}

/// Notes which keys are evicted.
#[derive(Default)]
struct Evicted(Mutex<Vec<String>>);

impl Observer for Evicted {
    fn evicted(&self, change: &Change<'_>) {
        let key = String::from_utf8_lossy(change.key).into_owned();
        self.0.lock().push(key);
    }
}

/// Sets 40 keys, old ones first, uses `key:0` all the time, and writes until
/// twenty had to go. Even keys have deadlines, later ones the sooner.
fn evicted_under(policy: EvictionPolicy) -> Vec<String> {
    let observer = Arc::new(Evicted::default());
    let options = Options {
        maxmemory: 876_224 + 40 * 1150,
        maxmemory_policy: policy,
        ..Options::default()
    };
    simulate(options, observer.clone(), |_| async {
        let mut connection = connect("redis:6379").await;
        set(&mut connection, "CONFIG SET maxmemory-samples 1000").await;
        for number in 0..60 {
            let deadline = if number % 2 == 0 {
                format!(" PX {}", 10_000_000 - number * 5000)
            } else {
                String::new()
            };
            let text = "x".repeat(1000);
            set(
                &mut connection,
                &format!("SET key:{number} {text}{deadline}"),
            )
            .await;
            for _ in 0..20 {
                let _: Option<String> = connection.get("key:0").await.unwrap();
            }
            doublebuy::rt::sleep(std::time::Duration::from_secs(2)).await;
        }
    });
    let evicted = observer.0.lock().clone();
    assert!(evicted.len() >= 10, "{policy}: {evicted:?}");
    evicted
}

async fn set(connection: &mut MultiplexedConnection, line: &str) {
    let mut words = line.split(' ');
    let mut command = cmd(words.next().unwrap());
    words.for_each(|word| {
        command.arg(word);
    });
    command.query_async::<Value>(connection).await.unwrap();
}

#[test]
fn each_policy_drops_what_it_says() {
    let number = |key: &String| key[4..].parse::<u32>().unwrap();
    for policy in EvictionPolicy::ALL {
        if *policy == EvictionPolicy::NoEviction {
            continue;
        }
        let evicted = evicted_under(*policy);
        assert_eq!(evicted, evicted_under(*policy), "{policy}: the same again");
        if policy.name().starts_with("volatile") {
            assert!(
                evicted.iter().all(|key| number(key) % 2 == 0),
                "{evicted:?}"
            );
        }
        if policy.name().ends_with("lru") || policy.name().ends_with("lfu") {
            assert!(!evicted.contains(&"key:0".to_owned()), "{policy}: in use");
        }
        if policy.name().ends_with("lru") {
            assert!(evicted.is_sorted_by_key(number), "{policy}: {evicted:?}");
        }
        if *policy == EvictionPolicy::VolatileTtl {
            assert!(!evicted.contains(&"key:0".to_owned()), "the last to expire");
        }
    }
}

/// Random keys are taken from one database after the other.
#[test]
fn every_database_gives_random_keys() {
    let mut server = Raw::open(&serve_on_a_thread());
    for database in [0, 5] {
        server.call(&words(&format!("SELECT {database}")));
        for number in 0..50 {
            server.call(&words(&format!("SET {number} {}", "x".repeat(1000))));
        }
    }
    server.call(&words("CONFIG SET maxmemory-policy allkeys-random"));
    server.call(&words(&format!(
        "CONFIG SET maxmemory {}",
        876_224 + 60 * 1200
    )));
    let left: Vec<i64> = [0, 5]
        .map(|database| {
            server.call(&words(&format!("SELECT {database}")));
            let size = String::from_utf8(server.call(&words("DBSIZE"))).unwrap();
            size.trim()[1..].parse().unwrap()
        })
        .into();
    assert!((left[0] - left[1]).abs() <= 1 && left[0] < 40, "{left:?}");
}
