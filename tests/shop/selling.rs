//! Every strategy with every idempotency variant: alone, again, and in a
//! crowd.

use std::collections::BTreeSet;
use std::time::Duration;

use doublebuy::rt;
use doublebuy::shop::{Bug, Fence, Idempotency, Options, StockStrategy};
use futures_util::future::join_all;

use crate::client::order_id;
use crate::servers::Redis;
use crate::{Instance, World, with_servers};

/// Work in whose time all the others begin.
const SLOW: Duration = Duration::from_secs(2);

const SOLD_OUT: &str = r#"{"error":"sold-out"}"#;

#[test]
fn one_buyer_is_served_by_every_strategy_and_variant() {
    with_servers(|world| async move {
        for &stock in StockStrategy::ALL {
            for &idempotency in Idempotency::ALL {
                println!("{stock}, {idempotency}");
                let options = Options {
                    stock,
                    idempotency,
                    ..world.options()
                };
                one_buyer(&world, options).await;
            }
        }
    });
}

async fn one_buyer(world: &World, options: Options) {
    let repeats = options.idempotency == Idempotency::None;
    world.stock(&options, "mug", 5).await;
    let shop = Instance::start(options).await;
    let mut client = shop.client().await;

    let first = client.order("first", "mug", 2).await;
    assert_eq!(first.0, 201, "{}", first.1);
    let again = client.order("first", "mug", 2).await;
    assert_eq!(again.0, 201, "{}", again.1);
    assert_eq!(again == first, !repeats);
    let sold = if repeats { 4 } else { 2 };
    let left = format!(r#"{{"sku":"mug","quantity":{}}}"#, 5 - sold);
    assert_eq!(client.get("/products/mug").await.1, left);

    let too_many = client.order("second", "mug", 6 - sold).await;
    assert_eq!(too_many, (409, SOLD_OUT.to_owned()));
    let rest = client.order("second", "mug", 5 - sold).await;
    assert_eq!(rest.0, 201, "a refusal is not remembered: {}", rest.1);
    let gone = client.order("third", "mug", 1).await;
    assert_eq!(gone, (409, SOLD_OUT.to_owned()));

    if !repeats {
        // Sold out by now, and yet a key answers with what it placed.
        assert_eq!(client.order("first", "mug", 2).await, first);
        let reused = client.order("first", "mug", 1).await;
        assert_eq!(reused, (422, r#"{"error":"key-reused"}"#.to_owned()));
    }
    let sum = "SELECT sum(quantity)::bigint FROM orders WHERE sku = 'mug'";
    assert_eq!(world.count(sum).await, 5);
}

/// A crowd wants one item each, on two instances; gives every answer.
async fn crowd(world: &World, options: Options, buyers: usize, on_sale: i64) -> Vec<(u16, String)> {
    world.stock(&options, "mug", on_sale).await;
    let shops = [
        Instance::start(options.clone()).await,
        Instance::start(options).await,
    ];
    let buyer = async |number: usize| {
        let mut client = shops[number % 2].client().await;
        client.order(&format!("buyer-{number}"), "mug", 1).await
    };
    join_all((0..buyers).map(buyer)).await
}

const SAFE: [StockStrategy; 4] = [
    StockStrategy::AtomicSql,
    StockStrategy::Optimistic,
    StockStrategy::Pessimistic,
    StockStrategy::TripleLayered,
];

#[test]
fn a_crowd_gets_the_last_item_once() {
    with_servers(|world| async move {
        for stock in SAFE {
            for on_sale in [1, 7] {
                let options = Options {
                    stock,
                    retries: 100,
                    ..world.options()
                };
                let answers = crowd(&world, options, 50, on_sale).await;
                let placed = answers.iter().filter(|(status, _)| *status == 201).count();
                let sold_out = answers.iter().filter(|(_, body)| body == SOLD_OUT).count();
                assert_eq!(placed as i64, on_sale, "{stock}: {answers:?}");
                assert_eq!(placed + sold_out, 50, "{stock}: {answers:?}");
                let orders = world.count("SELECT count(*) FROM orders").await;
                assert_eq!(orders, on_sale, "{stock}");
                let left = world.count("SELECT quantity FROM products").await;
                assert_eq!(left, 0, "{stock}");
            }
        }
    });
}

#[test]
fn naive_sells_the_last_item_twice() {
    with_servers(|world| async move {
        let options = Options {
            stock: StockStrategy::Naive,
            work: SLOW..SLOW,
            ..world.options()
        };
        let answers = crowd(&world, options, 10, 1).await;
        let placed = answers.iter().filter(|(status, _)| *status == 201).count();
        assert!(placed > 1, "{answers:?}");
        assert_eq!(world.count("SELECT quantity FROM products").await, 0);
    });
}

#[test]
fn a_lock_that_expires_under_its_holder_sells_twice() {
    with_servers(|world| async move {
        let slow = |stock| Options {
            stock,
            lock_ttl: Duration::from_millis(50),
            work: SLOW..SLOW,
            ..world.options()
        };
        let placed = |answers: &[(u16, String)]| {
            let placed = answers.iter().filter(|(status, _)| *status == 201);
            placed.count()
        };
        let answers = crowd(&world, slow(StockStrategy::RedisLock), 4, 1).await;
        assert!(placed(&answers) > 1, "{answers:?}");
        let answers = crowd(&world, slow(StockStrategy::TripleLayered), 4, 1).await;
        assert_eq!(placed(&answers), 1, "{answers:?}");
    });
}

/// Twenty requests with one key at once; gives the order ids answered.
async fn one_key(world: &World, options: Options) -> BTreeSet<String> {
    world.stock(&options, "mug", 100).await;
    let shop = Instance::start(options).await;
    let attempt = async |_| {
        let mut client = shop.client().await;
        let (status, body) = client.order("one key", "mug", 1).await;
        assert_eq!(status, 201, "{body}");
        order_id(&body)
    };
    join_all((0..20).map(attempt)).await.into_iter().collect()
}

#[test]
fn one_key_is_one_order_however_often_it_comes() {
    with_servers(|world| async move {
        for stock in SAFE {
            let options = Options {
                stock,
                work: Duration::from_millis(5)..Duration::from_millis(50),
                retries: 100,
                ..world.options()
            };
            assert_eq!(one_key(&world, options).await.len(), 1, "{stock}");
            assert_eq!(world.count("SELECT count(*) FROM orders").await, 1);
            assert_eq!(world.count("SELECT quantity FROM products").await, 99);
        }
    });
}

#[test]
fn variants_that_check_first_order_twice() {
    with_servers(|world| async move {
        let slow = Options {
            stock: StockStrategy::AtomicSql,
            work: SLOW..SLOW,
            ..world.options()
        };
        let check_first = Options {
            idempotency: Idempotency::CheckThenInsert,
            ..slow.clone()
        };
        assert!(one_key(&world, check_first).await.len() > 1);
        let planted = Options {
            planted: Some(Bug::KeyAfterOrder),
            ..slow
        };
        assert!(one_key(&world, planted).await.len() > 1);
    });
}

#[test]
fn planted_replays_are_wrong() {
    with_servers(|world| async move {
        for bug in [Bug::ReplaysWithoutCheck, Bug::FreshIdOnReplay] {
            let options = Options {
                planted: Some(bug),
                ..world.options()
            };
            world.stock(&options, "mug", 5).await;
            let shop = Instance::start(options).await;
            let mut client = shop.client().await;
            let first = client.order("k", "mug", 1).await;
            let second = client.order("k", "mug", 2).await;
            assert_eq!((first.0, second.0), (201, 201), "{bug}");
            let same_id = order_id(&first.1) == order_id(&second.1);
            assert_eq!(same_id, bug == Bug::ReplaysWithoutCheck);
        }
    });
}

#[test]
fn a_lock_is_gone_after_the_sale_and_only_its_holder_releases_it() {
    with_servers(|world| async move {
        let get = redis::cmd("GET").arg("lock:mug").clone();
        for (planted, survives) in [(None, true), (Some(Bug::ReleasesAnyLock), false)] {
            let options = Options {
                planted,
                ..world.options()
            };
            world.stock(&options, "mug", 5).await;
            let shop = Instance::start(options).await;
            let mut client = shop.client().await;
            let holder = world.hold_the_row().await;
            let sale = rt::spawn(async move { client.order("k", "mug", 1).await });
            while world.redis.ask(&get).await == redis::Value::Nil {
                rt::sleep(Duration::from_millis(5)).await;
            }
            let steal = redis::cmd("SET").arg("lock:mug").arg("thief").clone();
            world.redis.ask(&steal).await;
            drop(holder);
            assert_eq!(sale.await.expect("an answer").0, 201);
            let held = world.redis.ask(&get).await != redis::Value::Nil;
            assert_eq!(held, survives, "{planted:?}");
            world.redis.ask(redis::cmd("DEL").arg("lock:mug")).await;
        }
    });
}

#[test]
fn every_fence_lets_the_holder_of_a_lock_write() {
    with_servers(|world| async move {
        for &fence in Fence::ALL {
            println!("{fence}");
            let options = Options {
                stock: StockStrategy::RedisLock,
                fence,
                ..world.options()
            };
            world.stock(&options, "mug", 5).await;
            let shop = Instance::start(options).await;
            let mut client = shop.client().await;
            // A random token is as likely as not lower than the one before.
            let orders = if fence == Fence::Random { 1 } else { 5 };
            for number in 0..orders {
                let answer = client.order(&format!("order-{number}"), "mug", 1).await;
                assert_eq!(answer.0, 201, "{}", answer.1);
            }
        }
    });
}

/// A holder's write that comes after a later one's.
#[test]
fn a_fence_stops_who_comes_too_late() {
    with_servers(|world| async move {
        for fence in [Fence::Counter, Fence::Database] {
            let options = Options {
                stock: StockStrategy::RedisLock,
                fence,
                lock_ttl: Duration::from_millis(1),
                work: Duration::from_millis(300)..Duration::from_millis(301),
                ..world.options()
            };
            world.stock(&options, "mug", 10).await;
            let shop = Instance::start(options).await;
            let buy = async |key: &'static str| shop.client().await.order(key, "mug", 1).await;
            let answers = join_all(["a", "b", "c"].map(buy)).await;
            let placed = answers.iter().filter(|(status, _)| *status == 201).count();
            let left = world.count("SELECT quantity FROM products").await;
            let orders = world.count("SELECT count(*) FROM orders").await;
            assert_eq!(orders, placed as i64, "{fence}: {answers:?}");
            if fence == Fence::Database {
                assert_eq!(left, 10 - orders, "{answers:?}");
            }
        }
    });
}

#[test]
fn a_redlock_does_without_a_minority_of_its_servers() {
    with_servers(|world| async move {
        let (Some(second), Some(third)) = (Redis::start(), Redis::start()) else {
            return;
        };
        let all = [&world.redis, &second, &third]
            .map(Redis::address)
            .join(",");
        let options = Options {
            stock: StockStrategy::Redlock,
            redis: all,
            ..world.options()
        };
        world.stock(&options, "mug", 3).await;
        let shop = Instance::start(options.clone()).await;
        let mut client = shop.client().await;
        assert_eq!(client.order("all three", "mug", 1).await.0, 201);
        for server in [&world.redis, &second, &third] {
            let held = server.ask(redis::cmd("EXISTS").arg("lock:mug")).await;
            assert_eq!(held, redis::Value::Int(0), "released everywhere");
        }
        drop(third);
        assert_eq!(client.order("two of three", "mug", 1).await.0, 201);
        drop(second);
        let busy = (503, r#"{"error":"busy"}"#.to_owned());
        let hasty = Options {
            lock_wait: Duration::from_millis(200),
            ..options
        };
        let shop = Instance::start(hasty).await;
        let mut client = shop.client().await;
        assert_eq!(client.order("one of three", "mug", 1).await, busy);
        let held = world.redis.ask(redis::cmd("EXISTS").arg("lock:mug")).await;
        assert_eq!(held, redis::Value::Int(0), "what it got is given back");
    });
}
