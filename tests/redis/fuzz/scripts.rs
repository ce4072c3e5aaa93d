//! Scripts that are nearly Lua, and some that would never end.

use std::sync::Arc;

use doublebuy::draw::Draw;
use doublebuy::redis::Bug;

use super::{Client, FUZZ, options, others_are_served};
use crate::differential::SCRIPTS;
use crate::fuzzed::{Answers, BATCH, Noted, assert_reached, batches, index, pick};
use crate::oracle::words;
use crate::support::simulate;

/// What takes all there is of something, and what is refused.
const GREEDY: &[&str] = &[
    "while true do end",
    "repeat until false",
    "for i=1,1e9 do end",
    "for i=1,1e9 do redis.call('set','k',i) end",
    "for i=1,1e9 do pcall(redis.call,'nope') end",
    "while true do pcall(error,'x') end",
    "pcall(function() while true do end end)",
    "while true do pcall(function() while true do end end) end",
    "coroutine.wrap(function() while true do end end)()",
    "local function f() return f() end f()",
    "local function f() return 1+f() end f()",
    "local function f() f() end pcall(f)",
    "local function f() coroutine.wrap(f)() end f()",
    "local t={} while true do t[#t+1]={} end",
    "local t={} for i=1,1e9 do t[i]=('x'):rep(1e6)..i end",
    "local s='x' while true do s=s..s end",
    "return string.rep('x',2147483647)",
    "return #string.rep('x',1e8)",
    "return string.rep('x',-1)",
    "return {unpack({},1,1e8)}",
    "return select('#',unpack({},1,7000))",
    "return string.format('%99999d',1)",
    "return string.format('%s')",
    "return string.format('%q',('\\0'):rep(1000))",
    "return table.concat({},'x',1,1e9)",
    "local t={} t[1]=t return t",
    "local t={} t.t=t return cjson.encode(t)",
    "local t={} t[1]=t return cmsgpack.pack(t)",
    "local t={} for i=1,5000 do t={t} end return t",
    "local t={} for i=1,5000 do t={t} end return cjson.encode(t)",
    "return cjson.decode(('['):rep(5000))",
    "return cjson.decode(('{\"a\":'):rep(900)..'1'..('}'):rep(900))",
    "return cmsgpack.unpack(('\\145'):rep(60000))",
    "return cmsgpack.unpack('\\221\\255\\255\\255\\255')",
    "return cmsgpack.unpack('\\219\\255\\255\\255\\255x')",
    "return struct.unpack('>I4s4294967295','xxxxxxxx')",
    "return struct.pack('c2147483647','x')",
    "return struct.unpack('c0','x')",
    "return struct.size('i99')",
    "return loadstring(('('):rep(10000))",
    "return loadstring(('local a='):rep(10)..'1')",
    "return loadstring('\\27Lua')",
    "error(setmetatable({},{__tostring=function() error('x') end}))",
    "return tostring(setmetatable({},{__tostring=error}))",
    "return setmetatable({},{__index=function(t,k) return t[k] end}).x",
    "local t=setmetatable({},{}) getmetatable(t).__index=t return t.x",
    "return xpcall(error,error)",
    "return pcall(pcall,pcall,error)",
    "return #tostring(12):rep(1e7)",
    "return string.gsub(('a'):rep(1000),'.','%0%0')",
    "return string.gsub('x','x',('%1'):rep(99))",
    "return string.find('x','[')",
    "return string.find('x','%')",
    "return string.find('x',('('):rep(99))",
    "return string.find(('x'):rep(300000),('.?'):rep(300))",
    "return table.sort({3,1,2},function() return true end)",
    "local t={} for i=1,300 do t[i]=i end table.sort(t,function() return true end)",
    "return math.random(0)",
    "return math.random(1,-1)",
    "return redis.call('eval','return 1',0)",
    "return redis.call('blpop','nothing',0)",
    "return redis.call('setrange','k',536870911,'x')",
    "return redis.call(unpack({},1,100))",
    "return redis.call('get',('x'):rep(1e6))",
    "return redis.error_reply(('x'):rep(1e6))",
    "return {err='a\\r\\nb'}",
    "return {ok='a\\r\\nb'}",
    "return redis.status_reply({})",
    "redis.setresp(3) return redis.call('hgetall','nothing')",
    "collectgarbage('stop') collectgarbage('collect') return collectgarbage('count')>0",
    "return redis.log(2,('x'):rep(1e6))",
    "return next({},1)",
    "return #redis",
    "return _G._G._G",
    "KEYS=nil ARGV=nil return #KEYS",
    "return ('x'):rep(3,4,5)",
    "return select(-1)",
    "return setmetatable(redis,{})",
    "return rawset(string,'rep',nil)",
    "return newproxy",
    "return -nil",
    "return 1 ..nil",
    "goto x",
];

/// Names, numbers, strings and signs of a script.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let word = |c: char| c.is_alphanumeric() || "_.".contains(c);
        let length = match first {
            '\'' | '"' => rest[1..].find(first).map_or(rest.len(), |end| end + 2),
            _ if word(first) => rest.find(|c| !word(c)).unwrap_or(rest.len()),
            _ => first.len_utf8(),
        };
        tokens.push(rest[..length].to_owned());
        rest = rest[length..].trim_start();
    }
    tokens
}

fn mutate(draw: &mut Draw, tokens: &mut Vec<String>, other: &[String]) {
    const PIECES: &[&str] = &[
        "nil",
        "true",
        "{}",
        "1e308",
        "0/0",
        "-1",
        "''",
        "end",
        "do",
        "function()",
        "return",
        "=",
        "..",
        "#",
        "(",
        ")",
        "pcall",
        "error",
        "KEYS",
        "ARGV[1]",
        "redis.call",
        "tostring",
        "unpack",
    ];
    if tokens.is_empty() {
        tokens.push("return".to_owned());
    }
    let (at, to) = (index(draw, tokens.len()), index(draw, tokens.len()));
    match draw.number(0..8) {
        0 => drop(tokens.remove(at)),
        1 => tokens.insert(to, tokens[at].clone()),
        2 => tokens.swap(at, to),
        3 => tokens.truncate(at),
        4 => {
            tokens.truncate(at);
            tokens.extend_from_slice(&other[index(draw, other.len())..]);
        }
        5 if !other.is_empty() => tokens[at] = pick(draw, other).clone(),
        _ => tokens[at] = (*pick(draw, PIECES)).to_owned(),
    }
}

/// What runs for long in a single call of the library, where nothing counts
/// instructions; in Redis too, and there nothing can kill it either.
fn is_long(text: &str) -> bool {
    let library = [
        "find", "match", "gsub", "gmatch", "rep", "concat", "sort", "unpack", "format",
    ];
    let numbers = text.split(|c: char| !c.is_alphanumeric());
    let much = |number: &str| {
        number.contains('e') && number.starts_with(|c: char| c.is_ascii_digit()) || number.len() > 6
    };
    library.iter().any(|name| text.contains(name))
        && numbers
            .clone()
            .filter(|n| n.starts_with(|c: char| c.is_ascii_digit()))
            .any(much)
}

fn input(draw: &mut Draw, known: &[Vec<String>]) -> Vec<u8> {
    if draw.percent(5) {
        return pick(draw, GREEDY).as_bytes().to_vec();
    }
    loop {
        let mut tokens = pick(draw, known).clone();
        for _ in 0..draw.pick(&[0, 1, 1, 2, 3]) {
            let other = pick(draw, known);
            mutate(draw, &mut tokens, other);
        }
        let text = tokens.join(" ");
        if !is_long(&text) {
            return text.into_bytes();
        }
    }
}

pub fn batch(seed: u64, noted: Noted, planted: Option<Bug>) -> Answers {
    simulate(options(planted), Arc::new(()), move |_| async move {
        let mut bystander = Client::new().await;
        let mut client = Client::new().await;
        let mut draw = Draw::new(seed, "scripts");
        let lines = SCRIPTS.lines().chain(GREEDY.iter().copied());
        let known: Vec<Vec<String>> = lines
            .map(|line| tokens(line.rsplit_once('|').map_or(line, |(text, _)| text)))
            .collect();
        let mut answers = Answers::new();
        for _ in 0..BATCH {
            let script = input(&mut draw, &known);
            noted.note(script.escape_ascii().to_string());
            let mut args = vec![b"EVAL".to_vec(), script];
            args.extend(words("1 k [1,{\"a\":2}]"));
            if !client.survives(&[args], &mut answers).await {
                client = Client::new().await;
            }
            others_are_served(&mut bystander).await;
        }
        answers
    })
}

#[test]
fn broken_scripts_are_ended() {
    let answers = batches(FUZZ, |seed, noted| batch(seed, noted, None));
    assert_reached(FUZZ, &answers, &["ok", "ERR", "WRONGTYPE"]);
}
