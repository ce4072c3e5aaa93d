//! The same commands to the engine alone, through redis-rs to the engine, and
//! through redis-rs to a constant.

use std::sync::Arc;
use std::time::Duration;

use doublebuy::net::{self, Options};
use doublebuy::redis::Server;
use doublebuy::rt;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisConnectionInfo, Script, cmd};

use crate::constant;
use crate::timed::timed;

const ADDRESS: &str = "redis:6379";

/// Releases a lock if it is still the caller's.
const UNLOCK: &str = "if redis.call('get', KEYS[1]) == ARGV[1] then \
                      return redis.call('del', KEYS[1]) else return 0 end";

/// What is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    Get,
    Lock,
    Unlock,
}

impl Work {
    pub const ALL: [Work; 3] = [Work::Get, Work::Lock, Work::Unlock];

    pub fn name(self) -> &'static str {
        match self {
            Work::Get => "GET",
            Work::Lock => "SET NX PX",
            Work::Unlock => "EVALSHA of an unlock",
        }
    }

    /// What a constant answers.
    fn answer(self) -> &'static [u8] {
        match self {
            Work::Get => b"$5\r\ntoken\r\n",
            Work::Lock => b"+OK\r\n",
            Work::Unlock => b":0\r\n",
        }
    }

    /// The command of the repetition with that number. Every lock is a new
    /// one, and every unlock is of a lock that somebody else holds: what
    /// there is to do is the same each time.
    fn command(self, script: &Script, number: u32) -> redis::Cmd {
        match self {
            Work::Get => {
                let mut get = cmd("GET");
                get.arg("lock").clone()
            }
            Work::Lock => {
                let mut set = cmd("SET");
                set.arg(format!("lock:{}", number % 10_000)).arg("token");
                set.arg("NX").arg("PX").arg(10_000).clone()
            }
            Work::Unlock => {
                let mut evalsha = cmd("EVALSHA");
                evalsha
                    .arg(script.get_hash())
                    .arg(1)
                    .arg("lock")
                    .arg("mine")
                    .clone()
            }
        }
    }
}

/// How long so many commands take, sixteen at a time.
pub fn alone(work: Work, times: u32) -> Duration {
    const TOGETHER: u32 = 16;
    world(async {}, async move {
        let server = Server::start(Default::default(), Arc::new(()));
        let script = Script::new(UNLOCK);
        let mut client = server.client();
        let mut load = cmd("SCRIPT");
        client.call(&load.arg("LOAD").arg(UNLOCK).get_packed_command());
        let mut set = cmd("SET");
        client.call(&set.arg("lock").arg("token").get_packed_command());
        let batches: Vec<Vec<u8>> = (0..10_000 / TOGETHER)
            .map(|batch| {
                let numbers = batch * TOGETHER..(batch + 1) * TOGETHER;
                numbers
                    .flat_map(|number| work.command(&script, number).get_packed_command())
                    .collect()
            })
            .collect();
        timed(|| {
            for batch in batches.iter().cycle().take((times / TOGETHER) as usize) {
                assert!(!client.call(batch).is_empty());
            }
        })
    })
}

/// Runs it against the engine.
pub fn engine(work: Work, times: u32) {
    let serve = async {
        let server = Server::start(Default::default(), Arc::new(()));
        let listener = rt::Listener::bind(ADDRESS).await.expect("a free port");
        server.serve(listener).await.expect("it serves for ever");
    };
    world(serve, repeat(work, times));
}

/// Runs it against a constant.
pub fn constant(work: Work, times: u32) {
    world(constant::serve(ADDRESS, work.answer()), repeat(work, times));
}

fn world<T: Send + 'static>(
    serve: impl Future<Output = ()> + Send + 'static,
    client: impl Future<Output = T> + Send + 'static,
) -> T {
    let run = move || {
        net::simulate(Options::default(), |network| async move {
            let (server, host) = (network.add_node("redis"), network.add_node("client"));
            network.spawn(server, serve);
            let all = network.spawn(host, client);
            let ended = rt::timeout(Duration::from_secs(36_000), all).await;
            ended.expect("in time").expect("not cancelled")
        })
    };
    std::thread::Builder::new()
        .stack_size(doublebuy::world::STACK_BYTES)
        .spawn(run)
        .expect("a thread")
        .join()
        .expect("a benchmark does not panic")
}

async fn connect() -> MultiplexedConnection {
    rt::sleep(Duration::from_millis(1)).await;
    let stream = rt::connect(ADDRESS).await.expect("a listener");
    let info = RedisConnectionInfo::default();
    let config = AsyncConnectionConfig::new().set_response_timeout(None);
    let opened = MultiplexedConnection::new_with_config(&info, stream, config).await;
    let (connection, driver) = opened.expect("a connection");
    rt::spawn(driver);
    connection
}

async fn repeat(work: Work, times: u32) {
    let mut connection = connect().await;
    let script = Script::new(UNLOCK);
    let load = script.prepare_invoke().load_async(&mut connection).await;
    // A constant answers something else than a digest.
    let _loaded: redis::RedisResult<String> = load;
    let mut set = cmd("SET");
    let _set: redis::Value = set
        .arg("lock")
        .arg("token")
        .query_async(&mut connection)
        .await
        .expect("an answer");
    for number in 0..times {
        let command = work.command(&script, number);
        let answer: redis::Value = command
            .query_async(&mut connection)
            .await
            .expect("an answer");
        assert_ne!(answer, redis::Value::Nil);
    }
}
