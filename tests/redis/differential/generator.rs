//! Commands from templates.
//!
//! A template is a line of words. `{name}` stands for a word drawn from the
//! pool of that name, `?` behind it makes it optional, `*` has it up to four
//! times, and `|` parts words to choose from. Keys come from small pools, one
//! a type, so that commands meet; now and then a key is of another type, an
//! argument is left out, or one comes twice.

use std::sync::LazyLock;

use doublebuy::draw::Draw;

use super::agree::name;
use super::play::{CLIENTS, Step, may_wait};

pub fn pick<'a>(draw: &mut Draw, from: &[&'a str]) -> &'a str {
    let last = u64::try_from(from.len()).unwrap();
    from[usize::try_from(draw.within(0..last)).unwrap()]
}

/// Every key that a sequence can use.
pub const KEYS: &[&str] = &[
    "a", "b", "c", "n", "l1", "l2", "h1", "h2", "s1", "s2", "s3", "z1", "z2", "z3", "x1", "x2",
    "lex",
];

const NUMBERS: &[&str] = &[
    "0",
    "1",
    "-1",
    "2",
    "-2",
    "3",
    "10",
    "100",
    "007",
    "+5",
    "-0",
    "1.5",
    "abc",
    "",
    " 1",
    "1 ",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775808",
    "9223372036854775",
    "2147483648",
];

/// The words that a placeholder stands for.
#[rustfmt::skip]
fn pool(name: &str) -> &'static [&'static str] {
    match name {
        "k" => &["a", "b", "c", "n"],
        "l" => &["l1", "l2"],
        "h" => &["h1", "h2"],
        "s" => &["s1", "s2", "s3"],
        "z" => &["z1", "z2", "z3"],
        "x" => &["x1", "x2"],
        "any" => KEYS,
        "v" => &[
            "0",
            "1",
            "-7",
            "41",
            "abc",
            "",
            "9223372036854775807",
            "1.5",
            "foo",
            "bar",
            "a_value_longer_than_the_sixty-four_bytes_that_a_small_encoding_takes",
        ],
        "e" => &["a", "b", "c", "d", "e", "1", "2", "3", "1.5", ""],
        "f" => &["f", "g", "h", "i", "1", ""],
        "n" => NUMBERS,
        "i" => &[
            "0", "1", "-1", "2", "-2", "3", "-3", "5", "-100", "100", "0", "1", "-1", "x",
        ],
        "c" => &["0", "1", "2", "3", "10", "-1", "x", "1", "2"],
        "d" => &[
            "0",
            "1",
            "-1",
            "1.5",
            "2",
            "3",
            "0.1",
            "-0.3",
            "1e3",
            "1e300",
            "inf",
            "-inf",
            "+inf",
            "-0",
            "3.0e-5",
            "nan",
            "abc",
            "",
            "12345678901234567",
            "0.1",
            "17.25",
        ],
        "sc" => &[
            "0", "1", "2", "3", "-inf", "+inf", "(1", "(2", "1.5", "inf", "(x", "", "-1",
        ],
        "lx" => &["-", "+", "[a", "(a", "[b", "(c", "[", "a", "[zz"],
        "ex" => &[
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
        ],
        "amount" => &[
            "99999999999",
            "1000000",
            "5000000",
            "1000000",
            "5000000",
            "-5",
            "0",
            "007",
            "+5",
            "1.5",
            "abc",
            "",
            "9223372036854775807",
            "-9223372036854775808",
            "9223372036854775808",
            "9223372036854775",
        ],
        "pat" => &["*", "a", "[b]", "?", "[^ac]", "l*", "h?", "z[12]", "\\a"],
        "side" => &["LEFT", "RIGHT", "left", "Right", "UP"],
        "end" => &["MIN", "MAX", "min", "UP"],
        "bit" => &["0", "1", "7", "8", "15", "100", "-1", "x", "4294967296"],
        "id" => &[
            "1-1", "2-1", "2-2", "3", "5-*", "4-0", "6-1", "0", "0-0", "7", "8-3", "9", "x",
            "10-5", "11", "12-1", "13-7",
        ],
        "from" => &[
            "-", "+", "0", "2", "(2-1", "3-0", "5", "(5", "x", "9-9", "$",
        ],
        "g" => &["g1", "g2"],
        "cn" => &["c1", "c2"],
        _ => panic!("no pool {name}"),
    }
}

#[rustfmt::skip]
/// Choices that only one or two templates have.
fn choices(name: &str) -> Option<&'static [&'static str]> {
    Some(match name {
        "set" => &["NX", "XX", "GET", "nx", "KEEPTTL", "PERSIST", "FOO", "GT"],
        "sec" => &["100000", "0", "-1", "x", "9223372036854775807"],
        "cond" => &["NX", "XX", "GT", "LT", "lt", "FOO"],
        "lcs" => &["LEN", "IDX", "WITHMATCHLEN", "MINMATCHLEN 2", "FOO"],
        "01" => &["0", "1", "2"],
        "unit" => &["BYTE", "BIT", "bit", "FOO"],
        "op" => &["AND", "OR", "XOR", "NOT", "FOO"],
        "bf" => &[
            "GET u8 0",
            "SET u4 #1 9",
            "INCRBY i5 3 11",
            "OVERFLOW SAT",
            "OVERFLOW FAIL",
            "GET i64 1",
            "INCRBY u2 100 3",
            "GET u64 0",
            "SET i8 -1 1",
            "INCRBY i64 0 9223372036854775807",
            "FOO",
        ],
        "copy" => &["REPLACE", "DB 1", "DB 99", "FOO"],
        "db" => &["0", "1", "0", "1", "16", "-1", "x", "99999999999"],
        "scan" => &[
            "COUNT 2",
            "COUNT 100",
            "MATCH *",
            "MATCH [a-l]*",
            "COUNT 0",
            "COUNT x",
            "FOO",
        ],
        "scantype" => &["TYPE string", "TYPE zset", "TYPE nope", "TYPE"],
        "cur" => &["0", "0", "0", "0", "x", "", "-1", "+0"],
        "sync" => &["SYNC", "ASYNC", "FOO"],
        "sort" => &[
            "ASC",
            "DESC",
            "ALPHA",
            "LIMIT 0 2",
            "LIMIT 1 -1",
            "BY w_*",
            "BY nosort",
            "GET #",
            "GET w_*",
            "GET h1->f",
            "FOO",
        ],
        "l|z" => &["l1", "l2", "z1"],
        "wv" => &["WITHVALUES", "FOO"],
        "ws" => &["WITHSCORES", "FOO"],
        "where" => &["BEFORE", "AFTER", "after", "UPON"],
        "lpos" => &[
            "RANK 1", "RANK -1", "RANK 2", "RANK 0", "COUNT 0", "COUNT 2", "COUNT -1", "MAXLEN 2",
            "FOO",
        ],
        "short" => &["0.01", "0.001", "-1", "x", "1e-3"],
        "ch" => &["news", "chat", "__keyspace@0__:a"],
        "chp" => &["n*", "*", "__key*", "chat"],
        "limit" => &["LIMIT 0", "LIMIT 1", "LIMIT -1", "LIMIT x", "FOO"],
        "zf" => &["NX", "XX", "GT", "LT", "CH", "INCR", "ch"],
        "zr" => &[
            "REV",
            "WITHSCORES",
            "LIMIT 0 2",
            "LIMIT 1 -1",
            "LIMIT -1 2",
            "BYSCORE",
            "BYLEX",
            "FOO",
        ],
        "zs" => &["z1", "z2", "z3", "s1", "s2"],
        "agg" => &[
            "WEIGHTS 2 3",
            "WEIGHTS 2",
            "WEIGHTS x 1",
            "WEIGHTS inf 0",
            "AGGREGATE MIN",
            "AGGREGATE max",
            "AGGREGATE SUM",
            "AGGREGATE FOO",
            "WITHSCORES",
            "FOO",
        ],
        "xtrim" => &[
            "MAXLEN 2", "MAXLEN = 1", "MAXLEN ~ 0", "MAXLEN ~ 1 LIMIT 2", "MINID 3", "MINID ~ 2-2",
            "MAXLEN -1", "MAXLEN x", "MAXLEN 1 LIMIT 1", "MINID x", "LIMIT 1", "MAXLEN",
        ],
        "xclaim" => &["JUSTID", "FORCE", "RETRYCOUNT 3", "IDLE 0", "LASTID 4-0", "FOO"],
        "xauto" => &["COUNT 1", "COUNT 0", "COUNT x", "JUSTID", "FOO"],
        "dumped" => &["a", "b", "c", "n", "z1", "lex", "nothing"],
        _ => return None,
    })
}

/// The templates, one a line, under `# family weight`.
const TEMPLATES: &str = include_str!("templates.txt");

/// A family's weight and its templates.
type Family = (u64, Vec<&'static str>);

static FAMILIES: LazyLock<Vec<Family>> = LazyLock::new(|| {
    let mut families: Vec<Family> = Vec::new();
    for line in TEMPLATES.lines() {
        match line.strip_prefix("# ") {
            Some(heading) => {
                let weight = heading.rsplit(' ').next().unwrap();
                families.push((weight.parse().unwrap(), Vec::new()));
            }
            None => families.last_mut().unwrap().1.push(line),
        }
    }
    families
});

/// The commands of a seed, of clients that speak RESP2 or RESP3.
pub fn sequence(seed: u64, length: u64) -> Vec<Step> {
    let mut draw = Draw::new(seed, "redis/differential");
    let hello = |client| Step {
        client,
        args: vec![b"HELLO".to_vec(), b"3".to_vec()],
    };
    let mut sequence = Vec::new();
    for client in 0..CLIENTS {
        if draw.percent(40) {
            sequence.push(hello(client));
        }
    }
    while sequence.len() < usize::try_from(length).unwrap() {
        let args = command(&mut draw);
        // Who listens or waits can do little else; the first client does not.
        let idles = name(&args).ends_with("SUBSCRIBE") || may_wait(&args);
        let client = if idles || draw.percent(30) { 1 } else { 0 };
        sequence.push(Step { client, args });
    }
    sequence
}

/// One command, as its arguments.
fn command(draw: &mut Draw) -> Vec<Vec<u8>> {
    let total = FAMILIES.iter().map(|(weight, _)| weight).sum();
    let mut left = draw.within(0..total);
    let mut family = &FAMILIES[0].1;
    for (weight, templates) in FAMILIES.iter() {
        family = templates;
        if left < *weight {
            break;
        }
        left -= weight;
    }
    if draw.percent(4) {
        return script(draw).into_iter().map(String::into_bytes).collect();
    }
    let mut words = Vec::new();
    for word in pick(draw, family).split(' ') {
        expand(draw, word, &mut words);
    }
    if draw.percent(2) && words.len() > 1 {
        words.pop();
    }
    if draw.percent(1) {
        let last = words[words.len() - 1].clone();
        words.push(last);
    }
    words.into_iter().map(String::into_bytes).collect()
}

fn expand(draw: &mut Draw, word: &str, words: &mut Vec<String>) {
    let Some(inner) = word.strip_prefix('{').and_then(|w| w.strip_suffix('}')) else {
        words.push(word.to_owned());
        return;
    };
    let (name, times) = match inner.as_bytes()[inner.len() - 1] {
        b'?' => (&inner[..inner.len() - 1], draw.within(0..2)),
        b'*' => (
            &inner[..inner.len() - 1],
            draw.within(0..5).saturating_sub(1),
        ),
        _ => (inner, 1),
    };
    for _ in 0..times {
        let stray = draw.percent(3) && matches!(name, "k" | "l" | "h" | "s" | "z" | "x");
        let from = match choices(name) {
            _ if stray => KEYS,
            Some(from) => from,
            None => pool(name),
        };
        words.extend(pick(draw, from).split(' ').map(str::to_owned));
    }
}

/// A script call; `_` stands for a space in its text.
fn script(draw: &mut Draw) -> Vec<String> {
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
            "redis.call('SELECT',1)_redis.call('EXISTS','a','b','c','n')_return_redis.call('GET','a')",
            "return_redis.call('TTL',KEYS[1])",
            "redis.call('RPUSH','l1',ARGV[1])_return_redis.call('LRANGE','l1',0,-1)",
            "redis.call('ZADD','z1',ARGV[1],KEYS[1])_return_redis.call('ZSCORE','z1',KEYS[1])",
            "redis.call('SADD','s1',ARGV[1],KEYS[1])_return_redis.call('SMEMBERS','s1')",
            "redis.setresp(3)_return_redis.call('HGETALL','h1')",
            "redis.call('INCR',KEYS[1])_redis.call('EXPIRE',KEYS[1],1000)_return_redis.call('NOPE')",
            "local_n=0_for_i=1,10_do_n=n+redis.call('INCR','n')_end_return_n",
            "redis.call('DEL',KEYS[1])_redis.call('PUBLISH','news',KEYS[1])_return_redis.status_reply('DONE')",
            "return_redis.pcall('LPUSH',KEYS[1],ARGV[1])",
            "if_redis.call('SET',KEYS[1],ARGV[1],'NX')_then_return_1_end_return_redis.call('TYPE',KEYS[1])",
            "return_{redis.call('BLPOP','l1',0),redis.call('EXISTS','l1')}",
        ],
    );
    let tail = pick(
        draw,
        &["1 a 1", "1 h1 x", "1 n 41", "0", "2 a", "x", "1 b -3"],
    );
    let mut args = vec!["EVAL".to_owned(), text.replace('_', " ")];
    args.extend(tail.split(' ').map(str::to_owned));
    args
}
