//! Scripts: what they may not do, and what nobody may learn from them.

use std::sync::Arc;

use doublebuy::redis::{Bug, Options};
use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands, RedisError, Value, cmd};

use crate::deadlines::Log;
use crate::support::{connect, outside, serve, simulate};

async fn eval(connection: &mut MultiplexedConnection, text: &str) -> Result<Value, RedisError> {
    cmd("EVAL").arg(text).arg(0).query_async(connection).await
}

async fn eval_text(connection: &mut MultiplexedConnection, text: &str) -> String {
    redis::from_redis_value(eval(connection, text).await.unwrap()).unwrap()
}

#[test]
fn endless_scripts_end_with_an_error_and_the_server_lives_on() {
    outside(async {
        let options = Options {
            script_instructions_max: 1_000_000,
            ..Options::default()
        };
        let mut connection = connect(&serve(options).await).await;
        for endless in [
            "while true do end",
            "while true do pcall(function() while true do end end) end",
            "while true do\n pcall(function()\n while true do\n end\n end)\n end",
            "local co = coroutine.wrap(function() while true do end end) co()",
            "repeat local ok = xpcall(function() while true do end end, tostring) until false",
        ] {
            let error = eval(&mut connection, endless).await.unwrap_err();
            assert!(error.to_string().contains("instructions"), "{error}");
            let next = eval(&mut connection, "return 'fine'").await.unwrap();
            assert_eq!(next, Value::BulkString(b"fine".to_vec()));
        }
    });
}

#[test]
fn a_hungry_script_ends_with_an_error() {
    outside(async {
        let mut connection = connect(&serve(Options::default()).await).await;
        let hungry = "local t = {} for i = 1, 1e6 do t[i] = string.rep(i, 1e5) end";
        assert!(eval(&mut connection, hungry).await.is_err());
        let next = eval(&mut connection, "return 7").await.unwrap();
        assert_eq!(next, Value::Int(7));
    });
}

#[test]
fn a_reply_without_end_is_cut_off() {
    outside(async {
        let address = serve(Options::default()).await;
        let mut connection = connect(&address).await;
        let _cut = eval(&mut connection, "local t = {} t[1] = t return t").await;
        let mut connection = connect(&address).await;
        let next = eval(&mut connection, "return 7").await.unwrap();
        assert_eq!(next, Value::Int(7));
    });
}

#[test]
fn addresses_do_not_show() {
    outside(async {
        let mut connection = connect(&serve(Options::default()).await).await;
        let connection = &mut connection;
        let first = eval_text(connection, "return tostring({}) .. tostring(type)").await;
        assert_eq!(first, "table: 0x000000000001function: 0x000000000002");
        for text in [
            "local t = {[{}] = 1, [function() end] = 2} for k in pairs(t) do end",
            "next({[{}] = 1})",
            "table.foreach({[{}] = 1}, function() end)",
        ] {
            let error = eval(connection, text).await.unwrap_err();
            assert!(error.to_string().contains("cannot be walked"), "{error}");
        }
        let error = eval(
            connection,
            "return loadstring(string.dump(function() end))()",
        )
        .await;
        assert!(error.is_err(), "bytecode is not run");
    });
}

#[test]
fn scripts_do_not_see_each_other() {
    outside(async {
        let mut connection = connect(&serve(Options::default()).await).await;
        let connection = &mut connection;
        for text in [
            "KEYS = 1",
            "redis = nil",
            "_G.x = 1",
            "string.len = nil",
            "rawset(_G, 'x', 1)",
            "setmetatable(_G, {})",
            "getmetatable('').__index = nil",
            "math.random = nil",
            "rawset(string, 'len', 1)",
            "getmetatable(_G).__index = nil",
        ] {
            let error = eval(connection, text).await.unwrap_err();
            assert!(!error.to_string().contains("crash"), "{error}");
        }
        assert_eq!(
            eval_text(connection, "return ('x'):rep(2) .. type(redis)").await,
            "xxtable"
        );
    });
}

#[test]
fn the_cache_knows_scripts_by_digest_until_it_is_flushed() {
    outside(async {
        let mut connection = connect(&serve(Options::default()).await).await;
        let connection = &mut connection;
        let sha: String = cmd("SCRIPT")
            .arg("LOAD")
            .arg("return ARGV[1]")
            .query_async(connection)
            .await
            .unwrap();
        let mut call = cmd("EVALSHA");
        call.arg(sha.to_uppercase()).arg(0).arg("hello");
        assert_eq!(
            call.query_async::<String>(connection).await.unwrap(),
            "hello"
        );
        let _: () = cmd("SCRIPT")
            .arg("FLUSH")
            .query_async(connection)
            .await
            .unwrap();
        let error = call.query_async::<String>(connection).await.unwrap_err();
        assert_eq!(error.code(), Some("NOSCRIPT"));
    });
}

#[test]
fn the_observer_hears_what_a_script_did_and_that_it_ran() {
    let log = Arc::new(Log::default());
    let seen = log.clone();
    simulate(Options::default(), log, |_| async {
        let mut connection = connect("redis:6379").await;
        let mut call = cmd("EVAL");
        call.arg("redis.call('SET', KEYS[1], ARGV[1]) return redis.call('DEL', KEYS[1])")
            .arg(1)
            .arg("lock")
            .arg("token");
        let _: i64 = call.query_async(&mut connection).await.unwrap();
    });
    let expected = [
        "set lock token never",
        "deleted lock token",
        "script lock Integer(1)",
    ];
    assert_eq!(seen.lines(), expected);
}

/// The random numbers and names that a script sees in a fresh server.
fn what_a_script_sees(seed_of_noise: usize) -> String {
    let noise = vec![0_u8; seed_of_noise];
    simulate(Options::default(), Arc::new(()), move |_| async move {
        let _noise = noise;
        let mut connection = connect("redis:6379").await;
        let text = "local t = {} for i = 1, 50 do t['k' .. math.random(1000)] = i end
            local seen = tostring(t) .. redis.call('TIME')[1] .. collectgarbage('count')
            for k, v in pairs(t) do seen = seen .. k .. v end
            return seen";
        eval_text(&mut connection, text).await
    })
}

#[test]
fn two_runs_show_a_script_the_same() {
    assert_eq!(what_a_script_sees(1), what_a_script_sees(12_345_678));
}

#[test]
fn a_panic_under_the_lock_unwinds_the_world_and_nothing_else() {
    let options = Options {
        planted: Some(Bug::PanicHoldingLock),
        ..Options::default()
    };
    let world = std::thread::spawn(move || {
        simulate(options, Arc::new(()), |_| async {
            let mut connection = connect("redis:6379").await;
            let _: () = connection.set("a", 1).await.unwrap();
            eval(&mut connection, "return 1").await.is_ok()
        })
    });
    let panic = world.join().unwrap_err();
    let message = panic.downcast_ref::<&str>().copied().unwrap_or_default();
    assert!(message.starts_with("planted:"), "{message:?}");
}

#[test]
fn bugs_have_names() {
    for &bug in Bug::ALL {
        assert_eq!(bug.name().parse(), Ok(bug));
    }
    assert!("expire-at".parse::<Bug>().is_err());
}
