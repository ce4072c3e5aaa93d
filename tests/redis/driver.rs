//! redis-rs, unmodified, against the simulated server.

use std::sync::Arc;

use doublebuy::net::{Action, Label, Segment};
use doublebuy::redis::Options;
use parking_lot::Mutex;
use redis::{AsyncCommands, ProtocolVersion, Script, Value, cmd};

use crate::support::{connect, outside, serve, simulate, try_connect};

/// Releases a lock if it is still the caller's.
const UNLOCK: &str = "if redis.call('get', KEYS[1]) == ARGV[1] then \
                      return redis.call('del', KEYS[1]) else return 0 end";

async fn lock(connection: &mut redis::aio::MultiplexedConnection, token: &str) -> bool {
    let mut set = cmd("SET");
    set.arg("lock").arg(token).arg("NX").arg("PX").arg(60_000);
    let answer: Option<String> = set.query_async(connection).await.unwrap();
    answer.is_some()
}

async fn exercise(address: String) {
    let mut connection = connect(&address).await;
    assert!(lock(&mut connection, "a").await);
    assert!(!lock(&mut connection, "b").await);
    let value: Option<String> = connection.get("lock").await.unwrap();
    assert_eq!(value.as_deref(), Some("a"));
    let unlock = Script::new(UNLOCK);
    for (token, deleted) in [("b", 0), ("a", 1), ("a", 0)] {
        let mut call = unlock.prepare_invoke();
        call.key("lock").arg(token);
        let answer: i64 = call.invoke_async(&mut connection).await.unwrap();
        assert_eq!(answer, deleted, "release as {token}");
    }
    assert!(lock(&mut connection, "b").await);
    assert_eq!(connection.del::<_, i64>("lock").await.unwrap(), 1);
}

#[test]
fn locks_over_real_sockets() {
    outside(async { exercise(serve(Options::default()).await).await });
}

#[test]
fn locks_in_a_simulation() {
    simulate(Options::default(), Arc::new(()), |_| {
        exercise("redis:6379".into())
    });
}

#[test]
fn resp3_and_pipelines() {
    outside(async {
        let address = serve(Options::default()).await;
        let mut connection = try_connect(&address, ProtocolVersion::RESP3).await.unwrap();
        let (old, count, missing): (String, i64, Option<String>) = redis::pipe()
            .cmd("SET")
            .arg("n")
            .arg(1)
            .cmd("INCR")
            .arg("n")
            .get("none")
            .query_async(&mut connection)
            .await
            .unwrap();
        assert_eq!((old.as_str(), count, missing), ("OK", 2, None));
    });
}

#[test]
fn requests_and_replies_are_labelled_for_the_network() {
    let labels = simulate(Options::default(), Arc::new(()), |world| async move {
        let mut connection = connect("redis:6379").await;
        let seen = Arc::new(Mutex::new(Vec::<Label>::new()));
        let sink = seen.clone();
        let _rule = world.network.add_rule(move |segment: &Segment<'_>| {
            sink.lock().extend(segment.labels);
            Action::Pass
        });
        assert!(lock(&mut connection, "a").await);
        let _: Value = cmd("EVALSHA")
            .arg("0".repeat(40))
            .arg(0)
            .query_async(&mut connection)
            .await
            .unwrap_or(Value::Nil);
        let _: Value = redis::pipe()
            .get("lock")
            .del("lock")
            .query_async(&mut connection)
            .await
            .unwrap();
        seen.lock().clone()
    });
    let expected = [
        "SET",
        "reply to SET",
        "EVAL",
        "reply to EVAL",
        "GET",
        "DEL",
        "reply to GET",
        "reply to DEL",
    ];
    assert_eq!(labels, expected);
}
