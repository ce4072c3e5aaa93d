//! The simulated server against the real one: the same commands, the same
//! bytes.
//!
//! Sequences are drawn from seeds over few keys, so that commands meet.
//! Deadlines are minutes away or in the past, and what depends on the
//! instant is not compared: TTLs in milliseconds and the order of KEYS.

use std::sync::Arc;

use doublebuy::draw::Draw;
use doublebuy::redis::{Options, Server};
use doublebuy::rt;

use crate::oracle::{Raw, RealRedis};

/// Commands of a test run; `REDIS_DIFFERENTIAL_COMMANDS` asks for more.
const COMMANDS: u64 = 6_000;
/// Commands that start from the same empty databases.
const SEQUENCE: u64 = 60;

/// The simulated server on a thread of its own.
fn serve_simulated() -> String {
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        crate::support::outside(async move {
            let listener = rt::Listener::bind("127.0.0.1:0").await.unwrap();
            send.send(listener.local_addr().unwrap()).unwrap();
            let server = Server::start(Options::default(), Arc::new(()));
            server.serve(listener).await
        })
    });
    receive.recv().unwrap()
}

fn words(line: &str) -> Vec<Vec<u8>> {
    line.split(' ')
        .map(|word| word.as_bytes().to_vec())
        .collect()
}

fn pick<'a>(draw: &mut Draw, from: &[&'a str]) -> &'a str {
    let last = u64::try_from(from.len()).unwrap();
    from[usize::try_from(draw.within(0..last)).unwrap()]
}

const NUMBERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "2",
    "10",
    "100",
    "007",
    "+5",
    "-0",
    "1.5",
    "abc",
    "",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "9223372036854775",
    "2147483648",
    " 1",
    "1 ",
];
/// Amounts of EXPIRE and its kin that are wrong or far away, never near.
const AMOUNTS: &[&str] = &[
    "99999999999",
    "1000000",
    "5000000",
    "-5",
    "0",
    "007",
    "+5",
    "-0",
    "1.5",
    "abc",
    "",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "9223372036854775",
];
const VALUES: &[&str] = &[
    "0",
    "1",
    "-7",
    "41",
    "abc",
    "",
    "9223372036854775807",
    "1.5",
];
const EXPIRES: &[&str] = &[
    "EX 100",
    "PX 100000",
    "EXAT 99999999999",
    "PXAT 99999999999999",
    "EX 0",
    "PX -1",
    "EX x",
    "EX",
    "EXAT 1",
    "PXAT 1",
    "EX 9223372036854775807",
    "PX 9223372036854775807",
    "KEEPTTL",
    "PERSIST",
    "px 500000",
];
const FLAGS: &[&str] = &["NX", "XX", "GET", "nx", "KEEPTTL", "PERSIST", "FOO", "GT"];

const NAMES: &[&str] = &[
    "SET",
    "SET",
    "SET",
    "GET",
    "GETEX",
    "GETDEL",
    "GETSET",
    "MGET",
    "MSET",
    "MSETNX",
    "APPEND",
    "STRLEN",
    "INCR",
    "DECR",
    "INCRBY",
    "DECRBY",
    "DEL",
    "UNLINK",
    "EXISTS",
    "EXPIRE",
    "PEXPIRE",
    "EXPIREAT",
    "PEXPIREAT",
    "TTL",
    "EXPIRETIME",
    "PERSIST",
    "TYPE",
    "DBSIZE",
    "SETNX",
    "SETEX",
    "PSETEX",
    "HSET",
    "HGET",
    "HDEL",
    "HGETALL",
    "HLEN",
    "HINCRBY",
    "HMGET",
    "HEXISTS",
    "SELECT",
    "PING",
    "ECHO",
    "TOUCH",
    "FLUSHDB",
    "NOPE",
    "CONFIG",
    "CLIENT",
    "EVAL",
    "EVAL",
    "EVAL",
    "EVALSHA",
    "PEXPIRETIME",
    "KEYS",
    "SCRIPT",
];

/// One command, as words parted by spaces.
fn command(draw: &mut Draw) -> String {
    let name = pick(draw, NAMES);
    let mut words = vec![name.to_owned()];
    words.extend(arguments(draw, name));
    if draw.percent(3) {
        words.pop();
    }
    words.join(" ")
}

fn key(draw: &mut Draw) -> String {
    pick(draw, &["a", "b", "c", "h", "lock"]).to_owned()
}

fn value(draw: &mut Draw) -> String {
    pick(draw, VALUES).to_owned()
}

/// Up to two of `from`.
fn some(draw: &mut Draw, from: &[&str]) -> Vec<String> {
    (0..draw.within(0..3))
        .map(|_| pick(draw, from).to_owned())
        .collect()
}

fn arguments(draw: &mut Draw, name: &str) -> Vec<String> {
    let one = |draw: &mut Draw, from: &[&str]| vec![pick(draw, from).to_owned()];
    match name {
        "SELECT" => one(draw, &["0", "1", "0", "16", "-1", "x", "99999999999"]),
        "KEYS" => one(draw, &["a", "[b]", "?", "[^ac]", "loc*"]),
        "CONFIG" => one(draw, &["GET", "NOPE"]),
        "CLIENT" => one(draw, &["GETNAME", "SETNAME me", "NOPE", "SETINFO"]),
        "SCRIPT" => one(draw, &["EXISTS", "NOPE", "LOAD", "FLUSH NOPE"]),
        "EVALSHA" => one(
            draw,
            &[
                "0123 0",
                "0123",
                "0123 1",
                "0123 -1 a",
                "e0e1f9fabfc9d4800c877a703b823ac0578ff8db 0",
                "e0e1f9fabfc9d4800c877a703b823ac0578ff8db 1",
            ],
        ),
        "EVAL" => vec![script(draw)],
        "PING" | "ECHO" | "DBSIZE" | "FLUSHDB" | "NOPE" => some(draw, &["x", "y'z", "SYNC", ""]),
        _ => key_arguments(draw, name),
    }
}

/// The arguments of commands whose first one is a key.
fn key_arguments(draw: &mut Draw, name: &str) -> Vec<String> {
    let mut words = vec![key(draw)];
    match name {
        "SET" => {
            words.push(value(draw));
            if draw.percent(60) {
                words.push(pick(draw, EXPIRES).into());
            }
            words.extend(some(draw, FLAGS));
        }
        "GETEX" => words.extend(some(draw, EXPIRES)),
        "EXPIRE" | "PEXPIRE" | "EXPIREAT" | "PEXPIREAT" => {
            let far = draw.percent(50);
            words.push(pick(draw, if far { &AMOUNTS[..3] } else { AMOUNTS }).into());
            words.extend(some(draw, &["NX", "XX", "GT", "LT", "lt", "FOO"]));
        }
        "INCRBY" | "DECRBY" => words.push(pick(draw, NUMBERS).into()),
        "SETEX" | "PSETEX" => {
            let amount = pick(draw, &["100000", "0", "-1", "x", "9223372036854775807"]);
            words.extend([amount.into(), value(draw)]);
        }
        "APPEND" | "GETSET" | "SETNX" => words.push(value(draw)),
        "MSET" | "MSETNX" => {
            words.push(value(draw));
            for _ in 0..draw.within(0..5) {
                words.push(if words.len() % 2 == 0 {
                    key(draw)
                } else {
                    value(draw)
                });
            }
        }
        "HSET" => {
            for _ in 0..draw.within(1..7) {
                let field = pick(draw, &["f", "g"]).to_owned();
                words.push(if words.len() % 2 == 1 {
                    field
                } else {
                    value(draw)
                });
            }
        }
        "HGET" | "HDEL" | "HEXISTS" | "HMGET" => words.push(pick(draw, &["f", "g", "h"]).into()),
        "HINCRBY" => words.extend(["f".into(), pick(draw, NUMBERS).into()]),
        "DEL" | "UNLINK" | "EXISTS" | "TOUCH" | "MGET" => {
            words.extend((0..draw.within(0..3)).map(|_| key(draw)));
        }
        _ => {}
    }
    words
}

/// A script call; `_` stands for a space in its text.
fn script(draw: &mut Draw) -> String {
    let text = pick(
        draw,
        &[
            "return_redis.call('GET',KEYS[1])",
            "return_redis.call('SET',KEYS[1],ARGV[1],'PX',100000)",
            "return_redis.pcall('INCR',KEYS[1])",
            "return_redis.call('INCRBY',KEYS[1],ARGV[1])",
            "return_{KEYS[1],ARGV[1],1.9,true,false,nil,7}",
            "if_redis.call('get',KEYS[1])==ARGV[1]_then_return_redis.call('del',KEYS[1])_else_return_0_end",
            "return_redis.call('HGETALL',KEYS[1])",
            "return_redis.call('EXISTS',KEYS[1],KEYS[1])",
            "redis.call('SELECT',1)_redis.call('EXISTS','a','b','c','h','lock')_return_redis.call('DBSIZE')",
            "return_redis.call('TTL',KEYS[1])",
        ],
    );
    let tail = pick(
        draw,
        &["1 a 1", "1 h x", "1 lock 41", "0", "2 a", "x", "1 b -3"],
    );
    format!("{text} {tail}")
}

fn to_args(line: &str) -> Vec<Vec<u8>> {
    let mut args = words(line);
    if args[0].eq_ignore_ascii_case(b"EVAL") && args.len() > 1 {
        let text = String::from_utf8(args[1].clone()).unwrap();
        args[1] = text.replace('_', " ").into_bytes();
    }
    args
}

/// The same call to both servers.
struct Pair {
    real: Raw,
    simulated: Raw,
    log: Vec<String>,
}

impl Pair {
    fn open(real: &RealRedis, simulated: &str) -> Pair {
        Pair {
            real: real.connect(),
            simulated: Raw::open(simulated),
            log: Vec::new(),
        }
    }

    fn compare(&mut self, args: &[Vec<u8>]) {
        let shown: Vec<_> = args
            .iter()
            .map(|arg| String::from_utf8_lossy(arg))
            .collect();
        self.log.push(shown.join(" "));
        let mut real = self.real.call(args);
        let mut simulated = self.simulated.call(args);
        if args[0].eq_ignore_ascii_case(b"KEYS") {
            real.sort_unstable();
            simulated.sort_unstable();
        }
        if is_instant(args) && is_number(&real) && is_number(&simulated) {
            return;
        }
        assert_eq!(
            String::from_utf8_lossy(&simulated),
            String::from_utf8_lossy(&real),
            "simulated (left) and real (right) after {:#?}",
            self.log
        );
    }
}

/// Replies that tell the instant at which the command ran.
fn is_instant(args: &[Vec<u8>]) -> bool {
    [&b"PTTL"[..], b"PEXPIRETIME", b"EXPIRETIME"]
        .iter()
        .any(|name| args[0].eq_ignore_ascii_case(name))
}

fn is_number(reply: &[u8]) -> bool {
    reply.first() == Some(&b':') && reply.len() > 6
}

#[test]
fn random_commands_get_the_same_replies() {
    let Some(real) = RealRedis::start() else {
        return;
    };
    let commands = std::env::var("REDIS_DIFFERENTIAL_COMMANDS")
        .map_or(COMMANDS, |count| count.parse().unwrap());
    let simulated = serve_simulated();
    for seed in 0..commands.div_ceil(SEQUENCE) {
        let mut draw = Draw::new(seed, "redis/differential");
        let mut pair = Pair::open(&real, &simulated);
        pair.compare(&words("FLUSHALL"));
        for _ in 0..SEQUENCE {
            let line = command(&mut draw);
            if line.starts_with("DBSIZE") {
                // The real server still counts what is past its deadline and
                // was not met since.
                pair.compare(&words("EXISTS a b c h lock"));
            }
            pair.compare(&to_args(&line));
        }
    }
}

/// Scripts whose every reply is fixed, one a line, `|` before KEYS and ARGV.
const SCRIPTS: &str = include_str!("scripts.txt");

#[test]
fn scripts_get_the_same_replies() {
    let Some(real) = RealRedis::start() else {
        return;
    };
    let mut pair = Pair::open(&real, &serve_simulated());
    let mut wrong = Vec::new();
    for line in SCRIPTS.lines().filter(|line| !line.is_empty()) {
        let (text, tail) = line.rsplit_once('|').unwrap_or((line, "0"));
        let text = text.replace("\\n", "\n").into_bytes();
        let mut args = vec![b"EVAL".to_vec(), text];
        args.extend(words(tail));
        let (real, simulated) = (pair.real.call(&args), pair.simulated.call(&args));
        if real != simulated {
            let [real, simulated] =
                [real, simulated].map(|r| String::from_utf8_lossy(&r).into_owned());
            wrong.push(format!(
                "{line}\n  real:      {real:?}\n  simulated: {simulated:?}"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} scripts:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn broken_requests_get_the_same_errors_and_end_their_connection() {
    let Some(real) = RealRedis::start() else {
        return;
    };
    let simulated = serve_simulated();
    let long = [b"*1\r\n$".to_vec(), b"1".repeat(70_000)].concat();
    let requests: &[&[u8]] = &[
        b"*1\r\n+PING\r\n",
        b"*1\r\n$-1\r\n",
        b"*1\r\n$x\r\n",
        b"*1\r\n$\r\n",
        b"*x\r\n",
        b"*\r\n",
        b"*3000000000\r\n",
        b"*1\r\n$600000000\r\n",
        b"*1\r\n$4\r\nPING\r\n*1\r\n:1\r\n",
        b"GET \"a\r\n",
        b"GET \"a\"b\r\n",
        &b"x".repeat(70_000),
        &[b"*".to_vec(), b"1".repeat(70_000)].concat(),
        &long,
    ];
    for request in requests {
        let mut pair = Pair::open(&real, &simulated);
        pair.real.send(request);
        pair.simulated.send(request);
        assert_eq!(
            String::from_utf8_lossy(&pair.simulated.rest()),
            String::from_utf8_lossy(&pair.real.rest()),
            "{:?}",
            String::from_utf8_lossy(&request[..request.len().min(40)])
        );
    }
    let mut pair = Pair::open(&real, &simulated);
    for inline in [
        "PING\r\n",
        "  set a 'b c'\nGET a\r\n",
        "ECHO \"\\x41\\n\\\"\"\r\n",
        "\r\n*0\r\nPING\n",
        "*-1\r\nping\r\n",
        "echo 'it\\'s'\n",
    ] {
        pair.real.send(inline.as_bytes());
        pair.simulated.send(inline.as_bytes());
        let (simulated, real) = (pair.simulated.reply(), pair.real.reply());
        assert_eq!(
            String::from_utf8_lossy(&simulated),
            String::from_utf8_lossy(&real),
            "{inline:?}"
        );
    }
}
