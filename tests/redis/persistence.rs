//! What a restart keeps, by how the server died.

use std::sync::Arc;
use std::time::Duration;

use doublebuy::redis::{Disk, Options, Persistence, Server};
use doublebuy::rt;
use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;

use crate::support::{connect, outside, serve_on};

/// A server on `disk`, and a client of it.
async fn start(disk: &Disk, persistence: Persistence) -> MultiplexedConnection {
    let options = Options {
        persistence,
        ..Options::default()
    };
    connect(&serve_on(disk, options).await).await
}

/// Whether a key that was acknowledged is there after a restart.
async fn survives(persistence: Persistence, power_fails: bool) -> bool {
    let disk = Disk::new();
    let mut before = start(&disk, persistence).await;
    let _: () = before.set("a", 1).await.unwrap();
    if power_fails {
        disk.lose_power();
    }
    let mut after = start(&disk, persistence).await;
    after.exists("a").await.unwrap()
}

#[test]
fn a_restart_keeps_what_the_policy_promises() {
    outside(async {
        assert!(!survives(Persistence::None, false).await);
        assert!(survives(Persistence::EverySecond, false).await);
        assert!(!survives(Persistence::EverySecond, true).await);
        assert!(survives(Persistence::Always, false).await);
        assert!(survives(Persistence::Always, true).await);
    });
}

#[test]
fn a_dead_server_writes_nothing_and_a_dump_is_loaded() {
    outside(async {
        let disk = Disk::new();
        let mut first = start(&disk, Persistence::Always).await;
        let mut second = start(&disk, Persistence::Always).await;
        let _: () = first.set("late", 1).await.unwrap();
        let _: () = second.set("a", "b").await.unwrap();
        let _: () = second.rpush("list", &[1, 2, 3]).await.unwrap();
        let _: () = second.hset("hash", "field", "value").await.unwrap();
        let _: () = second.pexpire("a", 60_000).await.unwrap();
        let _: () = redis::cmd("SAVE").query_async(&mut second).await.unwrap();
        let mut third = start(&disk, Persistence::None).await;
        assert!(!third.exists::<_, bool>("late").await.unwrap());
        assert_eq!(third.get::<_, String>("a").await.unwrap(), "b");
        assert!(third.pttl::<_, i64>("a").await.unwrap() > 50_000);
        let list: Vec<i64> = third.lrange("list", 0, -1).await.unwrap();
        assert_eq!(list, [1, 2, 3]);
        let field: String = third.hget("hash", "field").await.unwrap();
        assert_eq!(field, "value");
    });
}

#[test]
fn a_server_that_loads_says_so() {
    outside(async {
        let disk = Disk::new();
        let mut first = start(&disk, Persistence::Always).await;
        let _: () = first.set("a", 1).await.unwrap();
        let options = Options {
            persistence: Persistence::Always,
            load_time: Duration::from_secs(600),
            ..Options::default()
        };
        let server = Server::start_on(&disk, options, Arc::new(()));
        let listener = rt::Listener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        rt::spawn(async move { server.serve(listener).await });
        let mut loading = connect(&address).await;
        let refused = loading.get::<_, i64>("a").await.unwrap_err();
        let text = "Redis is loading the dataset in memory";
        assert_eq!(
            (refused.code(), refused.detail()),
            (Some("LOADING"), Some(text))
        );
    });
}
