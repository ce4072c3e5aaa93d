//! Libraries of functions: what keeps them, and who else gets them.

use std::time::Duration;

use doublebuy::redis::{Disk, Options, Persistence};
use doublebuy::rt;
use redis::aio::MultiplexedConnection;
use redis::{RedisError, cmd};

use crate::support::{connect, outside, serve_on};

const LIBRARY: &str = "#!lua name=shop
local function take(keys, args)
  local left = tonumber(redis.call('get', keys[1]) or args[1])
  if left == 0 then return 'none left' end
  redis.call('set', keys[1], left - 1)
  return 'taken'
end
redis.register_function('take', take)
redis.register_function{function_name = 'peek', flags = {'no-writes'},
  callback = function(keys) return redis.call('get', keys[1]) end}";

async fn start(disk: &Disk, persistence: Persistence) -> (String, MultiplexedConnection) {
    let options = Options {
        persistence,
        ..Options::default()
    };
    start_with(disk, options).await
}

async fn start_with(disk: &Disk, options: Options) -> (String, MultiplexedConnection) {
    let address = serve_on(disk, options).await;
    (address.clone(), connect(&address).await)
}

async fn load(connection: &mut MultiplexedConnection) -> String {
    let mut load = cmd("FUNCTION");
    load.arg("LOAD").arg(LIBRARY);
    load.query_async(connection).await.unwrap()
}

async fn take(connection: &mut MultiplexedConnection) -> Result<String, RedisError> {
    let mut call = cmd("FCALL");
    call.arg("take").arg(1).arg("item").arg(1);
    call.query_async(connection).await
}

#[test]
fn a_restart_keeps_what_was_loaded_and_not_what_was_deleted() {
    outside(async {
        let disk = Disk::new();
        let (_, mut before) = start(&disk, Persistence::Always).await;
        assert_eq!(load(&mut before).await, "shop");
        assert_eq!(take(&mut before).await.unwrap(), "taken");
        let (_, mut after) = start(&disk, Persistence::Always).await;
        assert_eq!(take(&mut after).await.unwrap(), "none left");
        let rewrite = cmd("BGREWRITEAOF");
        rewrite.query_async::<String>(&mut after).await.unwrap();
        let (_, mut rewritten) = start(&disk, Persistence::Always).await;
        assert_eq!(take(&mut rewritten).await.unwrap(), "none left");
        let mut delete = cmd("FUNCTION");
        delete.arg("DELETE").arg("shop");
        delete.query_async::<String>(&mut rewritten).await.unwrap();
        let (_, mut last) = start(&disk, Persistence::Always).await;
        let error = take(&mut last).await.unwrap_err();
        assert!(error.to_string().contains("Function not found"), "{error}");
    });
}

#[test]
fn a_replica_gets_libraries_with_the_snapshot_and_with_the_stream() {
    outside(async {
        let (address, mut primary) = start(&Disk::new(), Persistence::None).await;
        load(&mut primary).await;
        take(&mut primary).await.unwrap();
        let (host, port) = address.rsplit_once(':').unwrap();
        let options = Options {
            replica_of: Some((host.to_owned(), port.parse().unwrap())),
            ..Options::default()
        };
        let (_, mut replica) = start_with(&Disk::new(), options).await;
        let mut peek = cmd("FCALL_RO");
        peek.arg("peek").arg(1).arg("item");
        let left = loop {
            match peek.query_async::<String>(&mut replica).await {
                Ok(left) => break left,
                Err(_) => rt::sleep(Duration::from_millis(10)).await,
            }
        };
        assert_eq!(left, "0");
        let refused = take(&mut replica).await.unwrap_err();
        assert_eq!(refused.code(), Some("READONLY"), "{refused}");
        let mut flush = cmd("FUNCTION");
        flush.arg("FLUSH");
        flush.query_async::<String>(&mut primary).await.unwrap();
        while peek.query_async::<String>(&mut replica).await.is_ok() {
            rt::sleep(Duration::from_millis(10)).await;
        }
    });
}

#[test]
fn a_dump_can_be_restored_elsewhere() {
    outside(async {
        let (_, mut first) = start(&Disk::new(), Persistence::None).await;
        load(&mut first).await;
        let mut dump = cmd("FUNCTION");
        dump.arg("DUMP");
        let dump: Vec<u8> = dump.query_async(&mut first).await.unwrap();
        let (_, mut second) = start(&Disk::new(), Persistence::None).await;
        let mut restore = cmd("FUNCTION");
        restore.arg("RESTORE").arg(&dump);
        restore.query_async::<String>(&mut second).await.unwrap();
        assert_eq!(take(&mut second).await.unwrap(), "taken");
        let again = restore.query_async::<String>(&mut second).await;
        let again = again.unwrap_err().to_string();
        assert!(again.contains("Library shop already exists"), "{again}");
    });
}
