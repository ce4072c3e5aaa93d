//! What a client may send, and what it is answered.

use doublebuy::shop::{Bug, Options};

use crate::{Instance, with_servers};

#[test]
fn requests_that_are_wrong_are_told_so() {
    with_servers(|world| async move {
        let options = world.options();
        world.stock(&options, "mug", 5).await;
        let shop = Instance::start(options).await;
        let mut client = shop.client().await;
        let good = r#"{"sku":"mug","quantity":1}"#;
        let long = "k".repeat(256);
        let cases: &[(Option<&str>, &str, u16)] = &[
            (None, good, 400),
            (Some(""), good, 400),
            (Some(&long), good, 400),
            (Some("k"), "", 400),
            (Some("k"), "{", 400),
            (Some("k"), "[]", 422),
            (Some("k"), r#"{"sku":"mug"}"#, 422),
            (Some("k"), r#"{"sku":"mug","quantity":1,"price":0}"#, 422),
            (Some("k"), r#"{"sku":"mug","quantity":"1"}"#, 422),
            (Some("k"), r#"{"sku":"mug","quantity":1.5}"#, 422),
            (Some("k"), r#"{"sku":"mug","quantity":0}"#, 422),
            (Some("k"), r#"{"sku":"mug","quantity":-1}"#, 422),
            (Some("k"), r#"{"sku":"mug","quantity":1000000}"#, 422),
            (
                Some("k"),
                r#"{"sku":"mug","quantity":99999999999999999999}"#,
                422,
            ),
            (Some("k"), r#"{"sku":"","quantity":1}"#, 422),
            (Some("k"), r#"{"sku":"nul\u0000","quantity":1}"#, 422),
            (Some("k"), r#"{"sku":"cup","quantity":1}"#, 404),
        ];
        for (key, body, status) in cases {
            let answer = client.send("POST", "/orders", *key, body).await;
            assert_eq!(answer.0, *status, "{key:?} {body}: {}", answer.1);
            let error: serde_json::Value = serde_json::from_str(&answer.1).expect("JSON");
            assert!(error["error"].is_string(), "{}", answer.1);
        }
        assert_eq!(client.order(&"k".repeat(255), "mug", 1).await.0, 201);
        assert_eq!(world.count("SELECT count(*) FROM orders").await, 1);
    });
}

#[test]
fn what_is_there_can_be_read() {
    with_servers(|world| async move {
        let options = world.options();
        world.stock(&options, "blue mug", 5).await;
        let shop = Instance::start(options).await;
        let mut client = shop.client().await;
        assert_eq!(client.get("/healthz").await, (200, "ok".to_owned()));
        assert_eq!(
            client.get("/products/blue%20mug").await,
            (200, r#"{"sku":"blue mug","quantity":5}"#.to_owned())
        );
        let (status, placed) = client.order("k", "blue mug", 2).await;
        assert_eq!(status, 201);
        let id = crate::client::order_id(&placed);
        assert_eq!(client.get(&format!("/orders/{id}")).await, (200, placed));
        assert!(client.get("/products/blue%20mug").await.1.contains(":3}"));
        for path in ["/products/red", "/products/%00", "/orders/1", "/orders/%00"] {
            let answer = client.get(path).await;
            assert_eq!(
                answer,
                (404, r#"{"error":"not-found"}"#.to_owned()),
                "{path}"
            );
        }
    });
}

#[test]
fn an_instance_starts_without_its_servers() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let nowhere = "127.0.0.1:1".to_owned();
        let shop = Instance::start(Options {
            listen: "127.0.0.1:0".to_owned(),
            postgres: nowhere.clone(),
            redis: nowhere,
            ..Options::default()
        })
        .await;
        let mut client = shop.client().await;
        assert_eq!(client.get("/healthz").await.0, 200);
        let busy = (503, r#"{"error":"busy"}"#.to_owned());
        assert_eq!(client.order("k", "mug", 1).await, busy);
        assert_eq!(client.get("/products/mug").await, busy);
    });
}

#[test]
fn an_instance_ends_with_its_connections() {
    with_servers(|world| async move {
        let options = world.options();
        world.stock(&options, "mug", 5).await;
        let shop = Instance::start(options).await;
        let address = shop.address.clone();
        let mut client = shop.client().await;
        assert_eq!(client.order("k", "mug", 1).await.0, 201);
        drop(shop);
        client.closed().await;
        assert!(doublebuy::rt::connect(&address).await.is_err());
        // Its connections to the servers end too.
        let sessions = "SELECT count(*) FROM pg_stat_activity \
                        WHERE datname = 'shop' AND pid <> pg_backend_pid()";
        world.until(sessions, 0).await;
    });
}

#[test]
fn a_panic_ends_one_connection_and_locks_nobody_out() {
    with_servers(|world| async move {
        let options = Options {
            planted: Some(Bug::PanicInHandler),
            ..world.options()
        };
        world.stock(&options, "mug", 100).await;
        let shop = Instance::start(options).await;
        let (mut panicked, mut placed) = (0, 0);
        for number in 0..1_000 {
            let mut client = shop.client().await;
            match client.try_order(&number.to_string(), "mug", 1).await {
                Some((status, body)) => {
                    assert_eq!(status, 201, "{body}");
                    placed += 1;
                }
                None => panicked += 1,
            }
            if panicked > 0 && placed > 1 {
                return;
            }
        }
        panic!("one in four should panic: {panicked} did, {placed} did not");
    });
}
