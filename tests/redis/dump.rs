//! What DUMP gives one server, RESTORE takes on the other.

use crate::oracle::{Raw, RealRedis, words};
use crate::support::serve_on_a_thread;

/// Commands that make a value of each encoding, below the key.
const VALUES: &[(&str, &[&str])] = &[
    ("text", &["SET text hello"]),
    ("number", &["SET number -70000"]),
    ("small hash", &["HSET small_hash f v g 1 h 2.5"]),
    ("list", &["RPUSH list a b 1 300 70000 -5000"]),
    ("integers", &["SADD integers 1 2 -70000"]),
    ("set", &["SADD set a b c 1"]),
    ("sorted set", &["ZADD sorted_set 1 a 2.5 b -inf c"]),
    (
        "stream",
        &[
            "XADD stream 1-1 a b",
            "XADD stream 1-2 a c",
            "XADD stream 5-0 q 1 r 2",
            "XDEL stream 1-2",
            "XGROUP CREATE stream g 0",
            "XREADGROUP GROUP g c COUNT 1 STREAMS stream >",
        ],
    ),
];

fn payload(server: &mut Raw, key: &str) -> Vec<u8> {
    let reply = server.call(&words(&format!("DUMP {key}")));
    let start = reply.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    reply[start..reply.len() - 2].to_vec()
}

fn make(server: &mut Raw) {
    for (_, commands) in VALUES {
        for command in *commands {
            server.call(&words(command));
        }
    }
    let mut many = |command: &str, key: &str, each: fn(u32) -> String| {
        let mut args = words(&format!("{command} {key}"));
        for number in 0..700 {
            args.extend(words(&each(number)));
        }
        server.call(&args);
    };
    many("HSET", "large_hash", |n| format!("field{n} {n}"));
    many("RPUSH", "large_list", |n| format!("{n}{}", "x".repeat(40)));
    many("SADD", "large_set", |n| format!("member{n}"));
    many("ZADD", "large_sorted_set", |n| format!("{n}.5 member{n}"));
    for number in 1..250 {
        server.call(&words(&format!("XADD large_stream {number}-1 f{number} v")));
    }
}

/// Everything of both servers under another name on the other one.
fn restore(from: &mut Raw, to: &mut Raw, key: &str) {
    let copy = format!("copy_of_{key}").into_bytes();
    let args = [
        b"RESTORE".to_vec(),
        copy,
        b"0".to_vec(),
        payload(from, key),
        b"REPLACE".to_vec(),
    ];
    let reply = to.call(&args);
    assert_eq!(String::from_utf8_lossy(&reply), "+OK\r\n", "{key}");
}

#[test]
fn payloads_go_from_one_server_to_the_other() {
    let Some(real) = RealRedis::start() else {
        return;
    };
    let (mut real, mut simulated) = (real.connect(), Raw::open(&serve_on_a_thread()));
    make(&mut real);
    make(&mut simulated);
    let small = VALUES.iter().map(|(name, _)| name.replace(' ', "_"));
    let large = ["hash", "list", "set", "sorted_set", "stream"];
    let keys: Vec<String> = small
        .chain(large.map(|name| format!("large_{name}")))
        .collect();
    // The order of a table is each server's own, and the time of a delivery.
    let own = ["set", "large_set", "large_hash", "stream"];
    for key in &keys {
        let (ours, theirs) = (payload(&mut simulated, key), payload(&mut real, key));
        if !own.contains(&&key[..]) {
            assert_eq!(ours, theirs, "{key}");
        }
        restore(&mut simulated, &mut real, key);
        restore(&mut real, &mut simulated, key);
        for look in ["TYPE", "OBJECT ENCODING"] {
            let question = words(&format!("{look} copy_of_{key}"));
            assert_eq!(simulated.call(&question), real.call(&question), "{key}");
        }
    }
    for question in [
        "XINFO STREAM copy_of_stream",
        "XINFO GROUPS copy_of_stream",
        "XRANGE copy_of_large_stream - +",
        "LRANGE copy_of_large_list 0 -1",
        "ZRANGE copy_of_large_sorted_set 0 -1 WITHSCORES",
        "SCARD copy_of_large_set",
        "HLEN copy_of_large_hash",
    ] {
        let question = words(question);
        let (ours, theirs) = (simulated.call(&question), real.call(&question));
        assert_eq!(
            String::from_utf8_lossy(&ours),
            String::from_utf8_lossy(&theirs)
        );
    }
}

#[test]
fn broken_payloads_are_refused() {
    let mut server = Raw::open(&serve_on_a_thread());
    make(&mut server);
    for key in [
        "text",
        "small_hash",
        "large_stream",
        "integers",
        "large_list",
    ] {
        let whole = payload(&mut server, key);
        for place in (0..whole.len()).step_by(7) {
            let mut broken = whole.clone();
            broken[place] ^= 0x55;
            let mut args = words("RESTORE broken 0");
            args.push(broken);
            let reply = server.call(&args);
            assert_eq!(
                String::from_utf8_lossy(&reply),
                "-ERR DUMP payload version or checksum are wrong\r\n"
            );
        }
    }
}

/// What RESTORE says of a value's use, and what is known of it then under a
/// policy that counts uses or time.
#[test]
fn a_restored_value_was_used_as_it_is_said() {
    let Some(real) = RealRedis::start() else {
        return;
    };
    let mut sides = [real.connect(), Raw::open(&serve_on_a_thread())];
    for policy in ["allkeys-lru", "allkeys-lfu"] {
        for option in ["", "IDLETIME 1000", "FREQ 100", "FREQ 256", "IDLETIME -1"] {
            let [real, simulated] = sides.each_mut().map(|side| {
                side.call(&words("FLUSHALL"));
                side.call(&words(&format!("CONFIG SET maxmemory-policy {policy}")));
                side.call(&words("SET text hello"));
                let mut restore = words("RESTORE copy 0");
                restore.push(payload(side, "text"));
                restore.extend(words(option));
                let mut replies = side.call(&restore);
                for question in ["OBJECT FREQ copy", "OBJECT IDLETIME copy"] {
                    replies.extend(side.call(&words(question)));
                }
                // A second may have begun meanwhile.
                String::from_utf8_lossy(&replies).replace(":1001", ":1000")
            });
            assert_eq!(simulated, real, "{policy} {option}");
        }
    }
}
