//! Sentinels: one of ours beside a real one, both watching the same real
//! servers. They must answer alike, find each other, vote for each other, and
//! fail over together.

use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::Duration;

use doublebuy::redis::sentinel::{self, Address, Monitor};
use doublebuy::redis::{Options, Server};
use doublebuy::rt;

use crate::oracle::{Raw, RealRedis, pause, words};
use crate::support::outside;

/// Nobody is down, however slow the machine.
const NEVER_MS: i64 = 600_000;
const SOON_MS: i64 = 2_000;
const TIMEOUT_MS: i64 = 5_000;

fn say(client: &mut Raw, line: &str) -> String {
    String::from_utf8_lossy(&client.call(&words(line))).into_owned()
}

/// A sentinel of ours, on a thread of its own; its address.
fn ours(primary: u16, quorum: usize, down_after_ms: i64) -> String {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        outside(async move {
            let listener = rt::Listener::bind("127.0.0.1:0").await.unwrap();
            send.send(listener.local_addr().unwrap()).unwrap();
            let address = Address {
                host: "127.0.0.1".to_owned(),
                port: primary,
            };
            let monitor = Monitor {
                down_after_ms,
                failover_timeout_ms: TIMEOUT_MS,
                ..Monitor::new("shop", address, quorum)
            };
            let options = Options {
                sentinel: Some(sentinel::Options {
                    id: "0123456789abcdef0123456789abcdef01234567".to_owned(),
                    epoch: 0,
                    primaries: vec![monitor],
                }),
                ..Options::default()
            };
            let server = Server::start(options, std::sync::Arc::new(()));
            server.serve(listener).await
        })
    });
    receive.recv().unwrap()
}

fn real(primary: u16, quorum: usize, down_after_ms: i64) -> Option<RealRedis> {
    let lines = format!(
        "sentinel monitor shop 127.0.0.1 {primary} {quorum}\n\
         sentinel down-after-milliseconds shop {down_after_ms}\n\
         sentinel failover-timeout shop {TIMEOUT_MS}\n"
    );
    RealRedis::launch("+monitor", |command, folder, port| {
        let file = folder.join("sentinel.conf");
        std::fs::write(&file, format!("port {port}\n{lines}")).unwrap();
        command.arg(file).arg("--sentinel");
    })
}

/// A primary and its replica, both real.
fn servers() -> Option<(RealRedis, RealRedis)> {
    let (primary, replica) = (RealRedis::start()?, RealRedis::start()?);
    say(
        &mut primary.connect(),
        "CONFIG SET repl-diskless-sync-delay 0",
    );
    let port = primary.port;
    let mut client = replica.connect();
    say(&mut client, &format!("REPLICAOF 127.0.0.1 {port}"));
    until("the replica is in step", || {
        say(&mut client, "INFO replication").contains("master_link_status:up")
    });
    Some((primary, replica))
}

/// Elections that nobody wins are held again after ten seconds.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..6_000 {
        if is_so() {
            return;
        }
        pause(Duration::from_millis(50));
    }
    panic!("never: {what}");
}

/// The fields of one instance, from its reply in RESP2.
fn fields(reply: &str) -> BTreeMap<String, String> {
    let mut bulks = reply.split("\r\n").filter(|line| !line.starts_with('$'));
    let mut fields = BTreeMap::new();
    bulks.next();
    while let (Some(name), Some(value)) = (bulks.next(), bulks.next()) {
        fields.insert(name.to_owned(), value.to_owned());
    }
    fields
}

fn knows_all(client: &mut Raw) -> bool {
    let fields = fields(&say(client, "SENTINEL MASTER shop"));
    fields["num-slaves"] == "1" && fields["num-other-sentinels"] == "1"
}

/// The reply without what moves, or is another's: times, ports and IDs.
fn still(reply: &str) -> String {
    const MOVES: [&str; 9] = [
        "last-ping-sent",
        "last-ok-ping-reply",
        "last-ping-reply",
        "info-refresh",
        "role-reported-time",
        "last-hello-message",
        "link-pending-commands",
        "slave-repl-offset",
        "runid",
    ];
    let mut out = Vec::new();
    let mut moves = false;
    for line in reply.split("\r\n").filter(|line| !line.starts_with('$')) {
        out.push(if std::mem::take(&mut moves) {
            "?"
        } else {
            line
        });
        moves = MOVES.contains(&line);
    }
    out.join("\n")
}

#[test]
fn ours_answers_as_a_real_one_does() {
    let Some((primary, _replica)) = servers() else {
        return;
    };
    let port = primary.port;
    let real = real(port, 2, NEVER_MS).unwrap();
    let ours = ours(port, 2, NEVER_MS);
    let mut clients = [real.connect(), Raw::open(&ours)];
    for client in &mut clients {
        until("both know each other", || knows_all(client));
    }
    let questions = [
        "PING",
        "ROLE",
        "SENTINEL MASTERS",
        "SENTINEL MASTER shop",
        "SENTINEL MASTER nobody",
        "SENTINEL MASTER",
        "SENTINEL REPLICAS shop",
        "SENTINEL SLAVES nobody",
        "SENTINEL GET-MASTER-ADDR-BY-NAME shop",
        "SENTINEL get-master-addr-by-name nobody",
        "SENTINEL CKQUORUM shop",
        "SENTINEL CKQUORUM nobody",
        "SENTINEL PENDING-SCRIPTS",
        "SENTINEL FLUSHCONFIG",
        "SENTINEL NOTHING",
        "SENTINEL",
        "SENTINEL SET shop quorum 3",
        "SENTINEL CKQUORUM shop",
        "SENTINEL SET shop quorum 2",
        "SENTINEL SET shop quorum 0",
        "SENTINEL SET shop nothing 1",
        "SENTINEL SET nobody quorum 1",
        "SENTINEL MONITOR shop 127.0.0.1 1 1",
        "SENTINEL MONITOR other 127.0.0.1 1 0",
        "SENTINEL MONITOR other 127.0.0.1 x 1",
        "SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 $port 0 *",
        "SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 1 0 *",
        "SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 x 0 *",
        "SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 $port 7 someone",
        "SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 $port 7 another",
        "SENTINEL IS-MASTER-DOWN-BY-ADDR 127.0.0.1 $port 6 another",
        "SENTINEL REMOVE nobody",
        "SENTINEL RESET nobody*",
        "SENTINEL FAILOVER nobody",
        "GET key",
        "CONFIG GET port",
        "PUBLISH channel message",
        "PUBLISH __sentinel__:hello nonsense",
        "SUBSCRIBE +sdown",
    ];
    for question in questions {
        let question = question.replace("$port", &port.to_string());
        let [real, ours] = clients
            .each_mut()
            .map(|client| still(&say(client, &question)));
        assert_eq!(ours, real, "{question}");
    }
    // Each shows the other; only the addresses are not the same.
    let mut clients = [real.connect(), Raw::open(&ours)];
    let [of_real, of_ours] = clients.each_mut().map(|client| {
        let reply = say(client, "SENTINEL SENTINELS shop");
        let one = fields(reply.split_once("\r\n").unwrap().1);
        one.into_keys().collect::<Vec<_>>()
    });
    assert_eq!(of_ours, of_real);
}

/// With a quorum of both, neither can fail over without the other's vote.
#[test]
fn ours_and_a_real_one_fail_over_together() {
    let Some((primary, replica)) = servers() else {
        return;
    };
    let port = primary.port;
    let real = real(port, 2, SOON_MS).unwrap();
    let mut clients = [real.connect(), Raw::open(&ours(port, 2, SOON_MS))];
    for client in &mut clients {
        until("both know each other", || knows_all(client));
    }
    drop(primary);
    let new = replica.port.to_string();
    for client in &mut clients {
        until("it says that the replica leads", || {
            say(client, "SENTINEL GET-MASTER-ADDR-BY-NAME shop").contains(&new)
        });
    }
    assert!(say(&mut replica.connect(), "ROLE").contains("master"));
    let epochs = clients
        .each_mut()
        .map(|client| fields(&say(client, "SENTINEL MASTER shop"))["config-epoch"].clone());
    assert_eq!(epochs[0], epochs[1], "one election made both believe it");
}
