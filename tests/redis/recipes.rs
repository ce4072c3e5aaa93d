//! Scripts as services run them: locks, fences, limiters, a reentrant lock.
//!
//! Each is played by redis-rs against the simulated server, in a simulation
//! and on a socket, and against the real one: the same calls must get the same
//! replies. What depends on the time is given the time as an argument, is
//! waited for until it has come, or is held to what the server's own clock
//! says in the same transaction.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use doublebuy::redis::{Bug, Options};
use doublebuy::rt;
use redis::aio::MultiplexedConnection;
use redis::{Script, Value, cmd};

use crate::deadlines::instant_network;
use crate::oracle::RealRedis;
use crate::support::{connect, outside, serve, simulate};

/// A lock is released by its holder alone.
const UNLOCK: &str = r#"
if redis.call("get", KEYS[1]) == ARGV[1] then
    return redis.call("del", KEYS[1])
else
    return 0
end"#;

/// A lock lives on as long as its holder says so.
const EXTEND: &str = r#"
if redis.call("get", KEYS[1]) == ARGV[1] then
    return redis.call("pexpire", KEYS[1], ARGV[2])
else
    return 0
end"#;

/// A lock, and a number that grows with each holder.
const ACQUIRE_WITH_FENCE: &str = r#"
local taken = redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', tonumber(ARGV[2]))
if not taken then
    return {0, redis.call('PTTL', KEYS[1]) > 0 and 'held' or 'gone'}
end
return {1, redis.call('INCR', KEYS[2])}"#;

/// A store that refuses numbers that are lower than one it has seen.
const WRITE_WITH_FENCE: &str = r#"
local seen = tonumber(redis.call('HGET', KEYS[1], 'fence') or '0')
if tonumber(ARGV[1]) < seen then
    return redis.error_reply('STALE fence ' .. ARGV[1] .. ' is older than ' .. seen)
end
redis.call('HSET', KEYS[1], 'fence', ARGV[1], 'value', ARGV[2])
return redis.status_reply('WRITTEN')"#;

/// At most so many calls in any window: a sorted set of the calls by time.
/// ARGV: now, window and limit, both times in ms, and a name for the call.
const SLIDING_WINDOW: &str = r#"
local now, window, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
local count = redis.call('ZCARD', KEYS[1])
if count >= limit then
    local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
    return {0, 0, oldest[2] + window - now}
end
redis.call('ZADD', KEYS[1], now, ARGV[4])
redis.call('PEXPIRE', KEYS[1], window)
return {1, limit - count - 1, 0}"#;

/// The same by the server's clock.
const SLIDING_WINDOW_BY_SERVER: &str = r#"
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], 0, now - ARGV[1])
if redis.call('ZCARD', KEYS[1]) < tonumber(ARGV[2]) then
    redis.call('ZADD', KEYS[1], now, t[1] .. '-' .. t[2] .. '-' .. ARGV[3])
    redis.call('PEXPIRE', KEYS[1], ARGV[1])
    return 1
end
return 0"#;

/// A bucket that fills at a rate and pays for calls. ARGV: tokens a second,
/// capacity, now in seconds with a fraction, tokens wanted.
const TOKEN_BUCKET: &str = r#"
local rate, capacity = tonumber(ARGV[1]), tonumber(ARGV[2])
local now, wanted = tonumber(ARGV[3]), tonumber(ARGV[4])
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = tonumber(bucket[1]) or capacity
local at = tonumber(bucket[2]) or now
tokens = math.min(capacity, tokens + math.max(0, now - at) * rate)
local allowed = tokens >= wanted
if allowed then
    tokens = tokens - wanted
end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', ARGV[3])
redis.call('EXPIRE', KEYS[1], math.ceil(capacity / rate) * 2)
return {allowed and 1 or 0, tostring(tokens), cjson.encode({left = math.floor(tokens)})}"#;

/// A lock that its holder can take again: a hash of the holder and how often.
/// Nil if it is taken, or else how long it still lasts.
const REENTER: &str = r#"
if redis.call('exists', KEYS[1]) == 0 or redis.call('hexists', KEYS[1], ARGV[2]) == 1 then
    redis.call('hincrby', KEYS[1], ARGV[2], 1)
    redis.call('pexpire', KEYS[1], ARGV[1])
    return nil
end
return redis.call('pttl', KEYS[1])"#;

/// Nil if it is not the caller's, 0 if they have it still, 1 if it is free.
const LEAVE: &str = r#"
if redis.call('hexists', KEYS[1], ARGV[3]) == 0 then
    return nil
end
if redis.call('hincrby', KEYS[1], ARGV[3], -1) > 0 then
    redis.call('pexpire', KEYS[1], ARGV[2])
    return 0
end
redis.call('del', KEYS[1])
redis.call('publish', KEYS[2], ARGV[1])
return 1"#;

/// What keeps the lock alive while its holder lives.
const RENEW: &str = r#"
if redis.call('hexists', KEYS[1], ARGV[2]) == 1 then
    return redis.call('pexpire', KEYS[1], ARGV[1])
end
return 0"#;

/// A client that notes what it is told.
struct Player {
    connection: MultiplexedConnection,
    told: Vec<String>,
}

impl Player {
    async fn open(address: &str) -> Player {
        Player {
            connection: connect(address).await,
            told: Vec::new(),
        }
    }

    /// By EVALSHA, and by SCRIPT LOAD before it where need be.
    async fn run(&mut self, script: &str, keys: &[&str], args: &[&str]) -> Value {
        let script = Script::new(script);
        let mut run = script.prepare_invoke();
        for key in keys {
            run.key(*key);
        }
        for arg in args {
            run.arg(*arg);
        }
        let ran = run.invoke_async(&mut self.connection).await;
        let reply = match &ran {
            Ok(reply) => format!("{reply:?}"),
            Err(error) => format!("{:?} {:?}", error.code(), error.detail()),
        };
        self.told.push(format!("{} -> {reply}", args.join(" ")));
        ran.unwrap_or(Value::Nil)
    }

    async fn call(&mut self, words: &str) -> Value {
        let mut words_of = words.split(' ');
        let mut call = cmd(words_of.next().expect("a name"));
        words_of.for_each(|word| {
            call.arg(word);
        });
        let reply: Value = call.query_async(&mut self.connection).await.unwrap();
        self.told.push(format!("{words} -> {reply:?}"));
        reply
    }

    /// Until the key has expired, however long that takes.
    async fn until_gone(&mut self, key: &str) {
        loop {
            let exists = cmd("EXISTS").arg(key).clone();
            let exists: i64 = exists.query_async(&mut self.connection).await.unwrap();
            if exists == 0 {
                return;
            }
            rt::sleep(Duration::from_millis(1)).await;
        }
    }
}

async fn locks(address: &str) -> Vec<String> {
    let mut player = Player::open(address).await;
    let p = &mut player;
    p.call("SET lock a NX PX 60000").await;
    p.call("SET lock b NX PX 60000").await;
    p.run(UNLOCK, &["lock"], &["b"]).await;
    p.call("GET lock").await;
    p.run(EXTEND, &["lock"], &["b", "90000"]).await;
    p.run(EXTEND, &["lock"], &["a", "30"]).await;
    p.until_gone("lock").await;
    p.run(EXTEND, &["lock"], &["a", "60000"]).await;
    p.call("SET lock b NX PX 60000").await;
    p.run(UNLOCK, &["lock"], &["a"]).await;
    p.run(UNLOCK, &["lock"], &["b"]).await;
    p.run(UNLOCK, &["lock"], &["b"]).await;
    // What is no string is nobody's lock.
    p.call("RPUSH lock x").await;
    p.run(UNLOCK, &["lock"], &["x"]).await;
    player.told
}

async fn fences(address: &str) -> Vec<String> {
    let mut player = Player::open(address).await;
    let p = &mut player;
    let (keys, item) = (["lock", "fence"], ["item"]);
    p.run(ACQUIRE_WITH_FENCE, &keys, &["a", "30"]).await;
    p.until_gone("lock").await;
    p.run(ACQUIRE_WITH_FENCE, &keys, &["b", "60000"]).await;
    p.run(ACQUIRE_WITH_FENCE, &keys, &["c", "60000"]).await;
    p.run(WRITE_WITH_FENCE, &item, &["2", "by b"]).await;
    p.run(WRITE_WITH_FENCE, &item, &["1", "by a"]).await;
    p.run(WRITE_WITH_FENCE, &item, &["2", "by b again"]).await;
    p.call("HGETALL item").await;
    p.run(ACQUIRE_WITH_FENCE, &keys, &["d", "0"]).await;
    p.call("SET fence one").await;
    p.call("DEL lock").await;
    p.run(ACQUIRE_WITH_FENCE, &keys, &["e", "60000"]).await;
    p.call("GET lock").await;
    player.told
}

async fn windows(address: &str) -> Vec<String> {
    let mut player = Player::open(address).await;
    let p = &mut player;
    // The first call leaves the window at 61000 and not a millisecond before.
    for (at, name) in [
        ("1000", "a"),
        ("1000", "b"),
        ("31000", "c"),
        ("60999", "d"),
        ("61000", "e"),
        ("61000", "f"),
        ("61001", "g"),
        ("91000", "h"),
        ("1e6", "i"),
    ] {
        p.run(SLIDING_WINDOW, &["calls"], &[at, "60000", "3", name])
            .await;
    }
    p.call("ZRANGE calls 0 -1 WITHSCORES").await;
    for name in ["a", "b", "c", "d"] {
        let args = ["60000", "3", name];
        p.run(SLIDING_WINDOW_BY_SERVER, &["by-server"], &args).await;
    }
    for name in ["a", "b"] {
        p.run(SLIDING_WINDOW_BY_SERVER, &["short"], &["20", "1", name])
            .await;
        p.until_gone("short").await;
    }
    player.told
}

async fn buckets(address: &str) -> Vec<String> {
    let mut player = Player::open(address).await;
    let p = &mut player;
    // A third of a token a second: thirds are written as Lua writes them.
    for (now, wanted) in [
        ("1000.0", "3"),
        ("1000.0", "1"),
        ("1001.5", "1"),
        ("1002.999", "1"),
        ("1003.001", "1"),
        ("1002.0", "1"),
        ("1010.25", "2"),
        ("5000", "4"),
        ("5000", "3"),
    ] {
        p.run(TOKEN_BUCKET, &["bucket"], &["0.33333", "3", now, wanted])
            .await;
    }
    p.call("HGETALL bucket").await;
    p.call("TTL bucket").await;
    player.told
}

async fn reentrant(address: &str) -> Vec<String> {
    let mut player = Player::open(address).await;
    let p = &mut player;
    let (lock, both) = (["lock"], ["lock", "lock:freed"]);
    p.run(REENTER, &lock, &["60000", "one:1"]).await;
    p.run(REENTER, &lock, &["60000", "one:1"]).await;
    let refused = p.run(REENTER, &lock, &["60000", "two:1"]).await;
    let Value::Int(left_ms @ 1..=60_000) = refused else {
        panic!("{refused:?}: the time that the lock has left");
    };
    *p.told.last_mut().expect("a reply") = format!("two:1 waits -> {}", left_ms > 0);
    p.call("HGETALL lock").await;
    p.run(LEAVE, &both, &["free", "60000", "two:1"]).await;
    p.run(RENEW, &lock, &["60000", "two:1"]).await;
    p.run(RENEW, &lock, &["60000", "one:1"]).await;
    p.run(LEAVE, &both, &["free", "60000", "one:1"]).await;
    p.run(LEAVE, &both, &["free", "60000", "one:1"]).await;
    p.run(LEAVE, &both, &["free", "60000", "one:1"]).await;
    p.run(REENTER, &lock, &["20", "two:1"]).await;
    p.until_gone("lock").await;
    p.run(RENEW, &lock, &["60000", "two:1"]).await;
    p.run(REENTER, &lock, &["60000", "one:1"]).await;
    p.call("HGETALL lock").await;
    player.told
}

/// What every recipe was told.
async fn play(address: String) -> Told {
    let address = &address;
    let mut told = BTreeMap::new();
    told.insert("locks", clean(address, locks(address)).await);
    told.insert("fences", clean(address, fences(address)).await);
    told.insert("windows", clean(address, windows(address)).await);
    told.insert("buckets", clean(address, buckets(address)).await);
    told.insert("reentrant", clean(address, reentrant(address)).await);
    told
}

/// A recipe on an empty server.
async fn clean(address: &str, recipe: impl Future<Output = Vec<String>>) -> Vec<String> {
    let mut connection = connect(address).await;
    let flush = cmd("FLUSHALL");
    let _: () = flush.query_async(&mut connection).await.unwrap();
    recipe.await
}

fn simulated(options: Options) -> Told {
    simulate(options, Arc::new(()), |_| play("redis:6379".to_owned()))
}

#[test]
fn recipes_run_as_on_the_real_server() {
    let simulated = simulated(Options::default());
    let served = outside(async { play(serve(Options::default()).await).await });
    same(&simulated, &served, "on a socket");
    if let Some(real) = RealRedis::start() {
        same(&simulated, &outside(play(real.address())), "the real one");
    }
}

type Told = BTreeMap<&'static str, Vec<String>>;

/// Line by line, so that a difference can be read.
fn same(simulated: &Told, other: &Told, which: &str) {
    for (recipe, lines) in simulated {
        for (line, others) in lines.iter().zip(&other[recipe]) {
            assert_eq!(line, others, "{recipe}: simulated and {which}");
        }
        assert_eq!(lines.len(), other[recipe].len(), "{recipe}: {which}");
    }
}

/// What a recipe is for, whatever the servers agree on.
#[test]
fn recipes_do_what_they_are_for() {
    let told = simulated(Options::default());
    let replies = |recipe: &str| -> Vec<&str> {
        let replies = told[recipe].iter();
        replies
            .map(|line| line.split_once(" -> ").expect("a reply").1)
            .collect()
    };
    let locks = replies("locks");
    assert_eq!(&locks[..3], ["ok", "nil", "int(0)"]);
    assert_eq!(
        &locks[6..11],
        ["int(0)", "ok", "int(0)", "int(1)", "int(0)"]
    );
    let windows = replies("windows").into_iter();
    let allowed: String = windows
        .map(
            |reply| match reply.contains("[int(1), ") || reply == "int(1)" {
                true => 'y',
                false => 'n',
            },
        )
        .collect();
    assert_eq!(allowed, "yyynyynyynyyynyy");
    let fences = replies("fences");
    assert!(fences[4].contains("STALE"), "{fences:?}");
    let buckets = replies("buckets").into_iter();
    let paid = buckets.filter(|reply| reply.contains("[int(1), "));
    assert_eq!(paid.count(), 4);
    let reentrant = replies("reentrant");
    assert_eq!(&reentrant[7..10], ["int(0)", "int(1)", "nil"]);
}

/// The instants at which a lock was looked for, by the server's clock in
/// milliseconds, and whether it was there; and its deadline.
async fn look_for_a_lock(address: &str) -> (Vec<(i64, bool)>, i64) {
    let mut connection = connect(address).await;
    let set = cmd("SET")
        .arg("lock")
        .arg("a")
        .arg("NX")
        .arg("PX")
        .arg(20)
        .clone();
    let _: () = set.query_async(&mut connection).await.unwrap();
    let deadline = cmd("PEXPIRETIME").arg("lock").clone();
    let deadline: i64 = deadline.query_async(&mut connection).await.unwrap();
    let mut looks = Vec::new();
    loop {
        let mut look = redis::pipe();
        look.atomic().cmd("TIME").cmd("EXISTS").arg("lock");
        let ((seconds, micros), there): ((i64, i64), bool) =
            look.query_async(&mut connection).await.unwrap();
        looks.push((seconds * 1_000 + micros / 1_000, there));
        if !there {
            return (looks, deadline);
        }
        rt::sleep(Duration::from_micros(100)).await;
    }
}

/// A key is there up to its deadline, the deadline's own millisecond included,
/// and not after it. TIME is read a little later than the clock by which keys
/// expire, and that not before the last look.
fn check_looks((looks, deadline): &(Vec<(i64, bool)>, i64)) -> Result<(), String> {
    for (index, (at, there)) in looks.iter().enumerate() {
        let before = index.checked_sub(1).map_or(0, |before| looks[before].0);
        if !there && at <= deadline {
            return Err(format!("gone at {at}, before {deadline} was over"));
        }
        if *there && before > *deadline {
            return Err(format!("there after {before}, when {deadline} was over"));
        }
    }
    Ok(())
}

#[test]
fn a_lock_is_there_until_its_deadline_is_over() {
    let simulated = |options| {
        let looks = simulate(options, Arc::new(()), |world| async move {
            instant_network(&world);
            look_for_a_lock("redis:6379").await
        });
        check_looks(&looks)
    };
    assert_eq!(simulated(Options::default()), Ok(()));
    let early = Options {
        planted: Some(Bug::ExpireAtInclusive),
        ..Options::default()
    };
    assert!(simulated(early).is_err(), "a deadline a millisecond early");
    let served = outside(async { look_for_a_lock(&serve(Options::default()).await).await });
    assert_eq!(check_looks(&served), Ok(()));
    if let Some(real) = RealRedis::start() {
        let looks = outside(async { look_for_a_lock(&real.address()).await });
        assert_eq!(check_looks(&looks), Ok(()), "the real server");
    }
}
