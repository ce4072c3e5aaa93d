//! The same service in a simulation: no part of it asks for a runtime, a clock
//! or a socket behind its back.

use std::sync::Arc;
use std::time::Duration;

use doublebuy::net::{self, Action, Network, NodeId, Segment};
use doublebuy::rt;
use doublebuy::shop::{Options, serve};
use parking_lot::Mutex;

use crate::client::Client;

/// The answers of one run, and the labels that its answers carried.
#[derive(Debug, PartialEq)]
struct Seen {
    answers: Vec<(u16, String)>,
    waited: Duration,
    labels: Vec<&'static str>,
}

/// A shop whose PostgreSQL is silent: it accepts, and says nothing.
fn run(seed: u64) -> Seen {
    let simulation = move || {
        let options = net::Options {
            seed,
            ..Default::default()
        };
        net::simulate(options, |network| async move {
            let labels = Arc::new(Mutex::new(Vec::new()));
            let _rule = network.add_rule(collect_labels(labels.clone()));
            let (postgres, shop) = (network.add_node("postgres"), network.add_node("shop"));
            let buyer = network.add_node("buyer");
            network.spawn(postgres, silence());
            network.spawn(shop, async {
                serve(Options {
                    listen: "shop:80".to_owned(),
                    postgres: "postgres:5432".to_owned(),
                    redis: "postgres:6379".to_owned(),
                    deadline: Duration::from_secs(3),
                    ..Options::default()
                })
                .await
                .expect("the port is free");
            });
            let (answers, waited) = visit(&network, buyer).await;
            let labels = labels.lock().clone();
            Seen {
                answers,
                waited,
                labels,
            }
        })
    };
    std::thread::Builder::new()
        .stack_size(16 << 20)
        .spawn(simulation)
        .expect("a thread")
        .join()
        .expect("the simulation does not panic")
}

async fn silence() {
    let listener = rt::Listener::bind("postgres:5432").await.expect("free");
    let mut open = Vec::new();
    while let Ok(stream) = listener.accept().await {
        open.push(stream);
    }
}

fn collect_labels(labels: Arc<Mutex<Vec<&'static str>>>) -> impl FnMut(&Segment<'_>) -> Action {
    move |segment| {
        if segment.from == "shop" && segment.to == "buyer" {
            labels.lock().extend(segment.labels);
        }
        Action::Pass
    }
}

async fn visit(network: &Network, buyer: NodeId) -> (Vec<(u16, String)>, Duration) {
    let visit = async {
        rt::sleep(Duration::from_millis(1)).await;
        let mut client = Client::connect("shop:80").await;
        let healthy = client.get("/healthz").await;
        let asked = rt::now();
        let busy = client.order("k", "mug", 1).await;
        (vec![healthy, busy], asked.elapsed())
    };
    network.spawn(buyer, visit).await.expect("not cancelled")
}

#[test]
fn a_silent_database_makes_it_busy_after_its_deadline() {
    let seen = run(7);
    let statuses: Vec<u16> = seen.answers.iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses, [200, 503]);
    let deadline = Duration::from_secs(3);
    assert!(seen.waited >= deadline, "{seen:?}");
    assert!(
        seen.waited < deadline + Duration::from_millis(100),
        "{seen:?}"
    );
    let labels = ["answer to GET /healthz", "answer to POST /orders"];
    assert_eq!(seen.labels, labels);
    assert_eq!(run(7), seen);
}
