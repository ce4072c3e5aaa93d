//! Broken input, thousands of times: bytes that are nearly the protocol and
//! statements that are nearly SQL.
//!
//! The server must not panic, must not answer an internal error, must write
//! nothing but whole messages, and must serve the next client as if nothing
//! had been. Inputs are drawn by a seed, so a failure names the seed of its
//! batch and the input, and comes again. `DOUBLEBUY_FUZZ=1000000` sets how
//! many inputs each of the two tests draws, `DOUBLEBUY_FUZZ_SEED=7` where the
//! seeds begin.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::time::Duration;

use doublebuy::draw::Draw;
use doublebuy::postgres::{Disk, Options};
use doublebuy::rt;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::corpus::{FILES, statements};
use crate::support::{ADDRESS, simulate};

/// Inputs of a test where nothing else is asked for.
const INPUTS: u64 = 2_000;
/// Inputs that share a server.
const BATCH: u64 = 200;
/// Simulated time after which a client gives up on an answer.
const PATIENCE: Duration = Duration::from_secs(20);

fn asked(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().expect("a number"))
}

/// What the batches have been answered: SQLSTATEs and `ok`, with their counts.
type Answers = BTreeMap<String, u64>;

/// Runs batches until there were enough inputs. A batch notes each input
/// before it sends it.
fn batches(batch: impl Fn(u64, Arc<Mutex<String>>) -> Answers) -> Answers {
    let (inputs, first) = (
        asked("DOUBLEBUY_FUZZ", INPUTS),
        asked("DOUBLEBUY_FUZZ_SEED", 1),
    );
    let mut all = Answers::new();
    for seed in first..first + inputs.div_ceil(BATCH) {
        let input = Arc::new(Mutex::new(String::new()));
        match catch_unwind(AssertUnwindSafe(|| batch(seed, input.clone()))) {
            Ok(answers) => {
                for (answer, count) in answers {
                    *all.entry(answer).or_default() += count;
                }
            }
            Err(panic) => {
                eprintln!(
                    "DOUBLEBUY_FUZZ_SEED={seed}, at this input:\n{}",
                    input.lock()
                );
                resume_unwind(panic);
            }
        }
    }
    println!("{inputs} inputs: {all:?}");
    all
}

fn pick<'a, T>(draw: &mut Draw, from: &'a [T]) -> &'a T {
    &from[index(draw, from.len())]
}

/// An index below `length`, 0 if there is none.
fn index(draw: &mut Draw, length: usize) -> usize {
    usize::try_from(draw.within(0..length as u64)).unwrap()
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[kind][..], &length.to_be_bytes(), body].concat()
}

fn startup() -> Vec<u8> {
    let body = b"\0\x03\0\0user\0postgres\0\0";
    let length = u32::try_from(body.len() + 4).unwrap();
    [&length.to_be_bytes()[..], body].concat()
}

/// A message of the server.
struct Answer {
    kind: u8,
    body: Vec<u8>,
}

impl Answer {
    /// The SQLSTATE of an error; its fields must be there and end.
    fn sqlstate(&self) -> Option<String> {
        if self.kind != b'E' {
            return None;
        }
        let mut fields = BTreeMap::new();
        let mut rest = self.body.as_slice();
        while let [name, text @ ..] = rest {
            if *name == 0 {
                break;
            }
            let end = text
                .iter()
                .position(|byte| *byte == 0)
                .expect("a field ends");
            let value = std::str::from_utf8(&text[..end]).expect("a field is UTF-8");
            fields.insert(*name, value.to_owned());
            rest = &text[end + 1..];
        }
        assert_eq!(rest, [0], "an error ends with its fields");
        assert!(!fields[&b'M'].is_empty(), "an error says something");
        let code = fields.remove(&b'C').expect("an error has a code");
        assert!(!code.starts_with("XX"), "{code} {}", fields[&b'M']);
        Some(code)
    }
}

/// The next message; none at the end of the stream.
async fn next(stream: &mut rt::Stream) -> Option<Answer> {
    let kind = stream.read_u8().await.ok()?;
    let length = stream.read_u32().await.expect("a length");
    let mut body = vec![0; length as usize - 4];
    stream.read_exact(&mut body).await.expect("a whole message");
    Some(Answer { kind, body })
}

/// A client that speaks the simple protocol and nothing else.
struct Client(rt::Stream);

impl Client {
    async fn new() -> Client {
        let mut stream = rt::connect(ADDRESS).await.expect("the server listens");
        stream.write_all(&startup()).await.unwrap();
        let mut client = Client(stream);
        let answer = client.until_ready().await.expect("a new client is served");
        assert_eq!(answer, "ok");
        client
    }

    /// `ok` or the last error's SQLSTATE; none if the server has hung up.
    async fn ask(&mut self, sql: &str) -> Option<String> {
        let query = message(b'Q', &[sql.as_bytes(), b"\0"].concat());
        self.0.write_all(&query).await.ok()?;
        self.until_ready().await
    }

    async fn until_ready(&mut self) -> Option<String> {
        let mut outcome = "ok".to_owned();
        loop {
            let answer = next(&mut self.0).await?;
            if let Some(code) = answer.sqlstate() {
                outcome = code;
            }
            match answer.kind {
                b'Z' => return Some(outcome),
                b'G' => self.0.write_all(&message(b'f', b"no\0")).await.ok()?,
                _ => {}
            }
        }
    }
}

const QUERIES: &[&str] = &[
    "SELECT 1",
    "SELECT n, t FROM thing ORDER BY n",
    "INSERT INTO thing VALUES (7, 'x') RETURNING *",
    "BEGIN; UPDATE thing SET t = 'y' WHERE n = 1; ROLLBACK",
    "SELECT $1::int4, $2::text, $3::numeric, $4::timestamptz, $5::int4[], $6::jsonb",
    "COPY thing FROM STDIN",
    "COPY thing TO STDOUT",
    "SELECT 1/0; SELECT 2",
    "LISTEN news; NOTIFY news, 'x'",
    "",
];

/// The bodies of parameters, in text and in binary.
const VALUES: &[&[u8]] = &[
    b"1",
    b"x",
    b"",
    b"\0\0\0\x01",
    b"\0\0\0\0\0\0\0\x01",
    b"\0\x01\0\0\0\0\0\0\0\x05",
    b"\0\0\0\x01\0\0\0\0\0\0\0\x17\0\0\0\x01\0\0\0\x01\0\0\0\x04\0\0\0\x2a",
    b"\x01{\"a\":1}",
    b"\x7f\xff\xff\xff\xff\xff\xff\xff",
    b"\xff\xff\xff\xff",
];

fn bind(draw: &mut Draw) -> Vec<u8> {
    let mut body = b"\0\0\0\x01".to_vec();
    body.extend(draw.pick(&[0_u16, 1]).to_be_bytes());
    let count = draw.pick(&[0_u16, 1, 6]);
    body.extend(count.to_be_bytes());
    for _ in 0..count {
        if draw.percent(10) {
            body.extend((-1_i32).to_be_bytes());
            continue;
        }
        let value = pick(draw, VALUES);
        body.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
        body.extend(*value);
    }
    body.extend(draw.pick(&[[0, 0, 0, 0], [0, 1, 0, 1]]));
    // Its format codes end the message: one for all or none.
    let end = if body.ends_with(&[0, 1]) { 0 } else { 2 };
    body.truncate(body.len() - end);
    message(b'B', &body)
}

/// One message that a client may send.
fn sent(draw: &mut Draw) -> Vec<u8> {
    let sql = pick(draw, QUERIES).as_bytes();
    match draw.number(0..12) {
        0 | 1 => message(b'Q', &[sql, b"\0"].concat()),
        2 => message(b'P', &[b"\0", sql, b"\0\0\0"].concat()),
        3 => message(b'P', &[b"s\0", sql, b"\0\0\x01\0\0\0\x17"].concat()),
        4 | 5 => bind(draw),
        6 => message(b'D', draw.pick(&[&b"P\0"[..], b"S\0", b"Ss\0"])),
        7 => message(b'E', draw.pick(&[&b"\0\0\0\0\0"[..], b"\0\0\0\0\x01"])),
        8 => message(b'C', draw.pick(&[&b"P\0"[..], b"Ss\0"])),
        9 => message(draw.pick(b"dp"), b"8\tcopied\n"),
        10 => message(draw.pick(b"cH"), b""),
        _ => message(b'S', b""),
    }
}

/// A whole conversation of one client, each of its messages apart.
fn conversation(draw: &mut Draw) -> Vec<Vec<u8>> {
    let mut parts = vec![startup()];
    for _ in 0..draw.number(1..4) {
        match draw.number(0..3) {
            0 => parts.extend([
                message(
                    b'P',
                    &[b"\0", pick(draw, QUERIES).as_bytes(), b"\0\0\0"].concat(),
                ),
                bind(draw),
                message(b'D', b"P\0"),
                message(b'E', b"\0\0\0\0\0"),
                message(b'S', b""),
            ]),
            1 => parts.extend([
                message(b'Q', b"COPY thing FROM STDIN\0"),
                message(b'd', b"8\tcopied\n9\t\\N\n"),
                message(draw.pick(b"cf"), b""),
            ]),
            _ => parts.extend((0..4).map(|_| sent(draw))),
        }
    }
    parts
}

/// Breaks a message where its shape is: length, counts, ends.
fn break_message(draw: &mut Draw, part: &mut Vec<u8>) {
    let at = index(draw, part.len());
    match draw.number(0..7) {
        0 => part[at] ^= 1 << draw.number(0..8),
        1 => part[at] = draw.pick(&[0, 1, 0x7f, 0x80, 0xff]),
        2 => part.truncate(at),
        3 => part.insert(at, draw.pick(&[0, b'S', 0xff, b'\''])),
        4 => part.extend_from_within(at..),
        5 if part.len() >= 5 => {
            let length = draw.pick(&[0_u32, 3, 4, 5, 0x3fff_ffff, 0x4000_0000, u32::MAX]);
            part[1..5].copy_from_slice(&length.to_be_bytes());
        }
        _ => {
            // The length is true to the body, so the body itself is decoded.
            part.truncate(at.max(5));
            if draw.percent(50) {
                part.push(draw.pick(&[0, 1, 0xff]));
            }
            if let Ok(length) = u32::try_from(part.len().saturating_sub(1))
                && part.len() >= 5
            {
                part[1..5].copy_from_slice(&length.to_be_bytes());
            }
        }
    }
}

fn wire_input(draw: &mut Draw) -> Vec<u8> {
    let mut parts = conversation(draw);
    for _ in 0..draw.number(0..4) {
        // Mostly the session is opened first.
        let from = usize::from(parts.len() > 1 && !draw.percent(10));
        let at = from + index(draw, parts.len() - from);
        match draw.number(0..10) {
            0 => drop(parts.remove(at)),
            1 => parts.push(parts[at].clone()),
            2 => {
                let other = from + index(draw, parts.len() - from);
                parts.swap(at, other);
            }
            3 => {
                let spliced = sent(draw);
                let cut = index(draw, spliced.len());
                parts[at].extend_from_slice(&spliced[cut..]);
            }
            _ if parts[at].is_empty() => {}
            _ => break_message(draw, &mut parts[at]),
        }
        if parts.is_empty() {
            break;
        }
    }
    parts.concat()
}

/// Sends the input, hangs up and counts what comes back.
async fn throw(input: &[u8], answers: &mut Answers) {
    let mut stream = rt::connect(ADDRESS).await.expect("the server listens");
    // A server that has seen enough may hang up before the end.
    let written = stream.write_all(input).await;
    if written.is_ok() {
        let _gone = stream.shutdown().await;
    }
    // Encryption requests are answered by a byte without a length.
    if input
        .get(4..8)
        .is_some_and(|code| code[..2] == [0x04, 0xd2])
    {
        return;
    }
    let answered = rt::timeout(PATIENCE, async {
        while let Some(answer) = next(&mut stream).await {
            let outcome = answer.sqlstate();
            if outcome.is_some() || answer.kind == b'C' {
                *answers
                    .entry(outcome.unwrap_or("ok".to_owned()))
                    .or_default() += 1;
            }
        }
    });
    answered
        .await
        .expect("the server ends a connection that is closed");
}

fn wire_batch(seed: u64, noted: Arc<Mutex<String>>) -> Answers {
    simulate(seed, move |mut world| async move {
        let disk = Disk::new();
        let server = world.start(&disk, Options::default(), Arc::new(())).await;
        server
            .run_script(
                "CREATE TABLE thing (n int PRIMARY KEY, t text); INSERT INTO thing VALUES (1, 'a')",
            )
            .unwrap();
        let mut bystander = Client::new().await;
        let mut draw = Draw::new(seed, "wire");
        let mut answers = Answers::new();
        for _ in 0..BATCH {
            let input = wire_input(&mut draw);
            *noted.lock() = input.escape_ascii().to_string();
            throw(&input, &mut answers).await;
            assert_eq!(bystander.ask("SELECT 1").await.as_deref(), Some("ok"));
            let mut fresh = Client::new().await;
            assert_eq!(
                fresh.ask("SELECT n FROM thing").await.as_deref(),
                Some("ok")
            );
        }
        answers
    })
}

#[test]
fn broken_bytes_harm_their_own_connection_at_most() {
    let answers = batches(wire_batch);
    for reached in ["ok", "08P01", "22012", "22P03", "42601"] {
        assert!(
            answers.contains_key(reached),
            "nothing was answered {reached}"
        );
    }
}

/// Values at the ends of their types, and what is no value.
const EXTREMES: &[&str] = &[
    "0",
    "-1",
    "32768",
    "2147483647",
    "-2147483648",
    "9223372036854775807",
    "-9223372036854775808",
    "99999999999999999999",
    "1e308",
    "1e-400",
    "0.00000000000000000001",
    "'NaN'",
    "'Infinity'",
    "'-infinity'",
    "''",
    "' '",
    "'\u{e9}\u{65e5}\u{1f600}'",
    "'\\x'",
    "'%\\'",
    "'{}'",
    "'{1,{2'",
    "'[1,{\"a\":'",
    "'null'",
    "'294276-12-31 23:59:59.999999'",
    "'4714-11-24 BC'",
    "'178000000 years'",
    "'-2147483648 days'",
    "'9223372036854775807'",
    "'-9223372036854775808'::bigint",
    "'2147483647'::int",
    "1e308::float8",
    "(1, 2)",
    "ARRAY[]",
    "ARRAY[1, NULL]",
    "NULL",
    "DEFAULT",
    "*",
    "$1",
    "current_date",
    "interval '1 month'",
    "(SELECT 1 WHERE false)",
    "(SELECT 1 UNION SELECT 2)",
    "count(*)",
];

/// Ends of expressions and of statements, right in some places.
const PIECES: &[&str] = &[
    "::int",
    "::text",
    "::numeric(1000, 999)",
    "::timestamp",
    "::jsonb",
    "::int[]",
    "ORDER BY 1",
    "LIMIT 0",
    "OFFSET 9223372036854775807",
    "GROUP BY 1",
    "OVER ()",
    "FOR UPDATE",
    "RETURNING *",
    "NOT",
];

/// The words, literals and operators of a statement.
fn tokens(sql: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = sql.trim_start();
    while let Some(first) = rest.chars().next() {
        let word = |c: char| c.is_alphanumeric() || "_.$".contains(c);
        let operator = |c: char| "<>=!@#%^&|~*+-/?:".contains(c);
        let span = |of: &dyn Fn(char) -> bool| rest.find(|c| !of(c)).unwrap_or(rest.len());
        let quoted = |from: usize, quote: char| {
            let end = rest[from + 1..].find(quote);
            end.map_or(rest.len(), |end| from + end + 2)
        };
        let length = match first {
            '\'' | '"' => quoted(0, first),
            _ if word(first) => {
                let end = span(&word);
                // E'..' and the like are one literal.
                let prefix = end == 1 && rest[end..].starts_with('\'');
                if prefix { quoted(end, '\'') } else { end }
            }
            _ if operator(first) => span(&operator),
            _ => first.len_utf8(),
        };
        tokens.push(rest[..length].to_owned());
        rest = rest[length..].trim_start();
    }
    tokens
}

/// What a token stands for: tokens of one class may take each other's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Literal,
    Name,
    Keyword,
    Symbol,
}

fn class(token: &str) -> Class {
    match token.chars().next() {
        Some(c) if c == '\'' || c.is_ascii_digit() || token.ends_with('\'') => Class::Literal,
        Some('A'..='Z') => Class::Keyword,
        Some(c) if c.is_alphabetic() || c == '"' => Class::Name,
        _ => Class::Symbol,
    }
}

/// Puts another token of the same class in the place of one.
fn replace(draw: &mut Draw, tokens: &mut [String], all: &[Vec<String>]) {
    let at = index(draw, tokens.len());
    let wanted = class(&tokens[at]);
    for _ in 0..20 {
        let other = pick(draw, all);
        let other = pick(draw, other);
        if class(other) == wanted {
            tokens[at] = other.clone();
            return;
        }
    }
}

/// Puts an extreme in the place of a literal, or of a name if there is none.
fn extreme(draw: &mut Draw, tokens: &mut [String]) {
    let found = |wanted| {
        let classes = tokens.iter().map(|token| class(token)).enumerate();
        let found = classes.filter(|(_, class)| *class == wanted);
        found.map(|(at, _)| at).collect::<Vec<_>>()
    };
    let mut places = found(Class::Literal);
    if places.is_empty() {
        places = found(Class::Name);
    }
    if !places.is_empty() {
        tokens[*pick(draw, &places)] = (*pick(draw, EXTREMES)).to_owned();
    }
}

fn mutate(draw: &mut Draw, tokens: &mut Vec<String>, all: &[Vec<String>]) {
    if tokens.is_empty() {
        tokens.push("SELECT".to_owned());
    }
    let (at, to) = (index(draw, tokens.len()), index(draw, tokens.len()));
    match draw.number(0..20) {
        0 => drop(tokens.remove(at)),
        1 => tokens.insert(to, tokens[at].clone()),
        2 => tokens.swap(at, to),
        3 => tokens.insert(at, (*pick(draw, PIECES)).to_owned()),
        4 => drop(tokens.drain(at.min(to)..at.max(to))),
        5 => {
            let other = pick(draw, all);
            let cut = index(draw, other.len());
            tokens.truncate(at);
            tokens.extend_from_slice(&other[cut..]);
        }
        6 => {
            let mut bytes = tokens[at].clone().into_bytes();
            let byte = index(draw, bytes.len());
            bytes[byte] ^= 1 << draw.number(0..7);
            tokens[at] = String::from_utf8_lossy(&bytes).replace('\0', " ");
        }
        7..=9 => tokens.push((*pick(draw, PIECES)).to_owned()),
        10..=13 => replace(draw, tokens, all),
        _ => extreme(draw, tokens),
    }
}

/// Whether a server would do as it is told, for hours: no bug, but no test.
fn is_long(tokens: &[String]) -> bool {
    let makes_much = |token: &String| {
        let token = token.to_lowercase();
        ["generate_series", "repeat", "lpad", "rpad"].contains(&token.as_str())
    };
    let is_much = |token: &String| {
        let value = token.trim_start_matches(['\'', '-']);
        value.starts_with(|c: char| c.is_ascii_digit()) && (value.len() > 5 || value.contains('e'))
    };
    tokens.iter().any(makes_much) && tokens.iter().any(is_much)
}

fn sql_input(draw: &mut Draw, base: &[String], all: &[Vec<String>]) -> String {
    loop {
        let mut tokens = base.to_vec();
        for _ in 0..draw.pick(&[1, 1, 2, 3]) {
            mutate(draw, &mut tokens, all);
        }
        if !is_long(&tokens) {
            return tokens.join(" ");
        }
    }
}

/// Asks, then sees that the session is as good as before. A session that was
/// told to end, or that waits for what no one will give it, is left for a new
/// one.
async fn survives(client: &mut Client, sql: &str) -> String {
    let Ok(Some(outcome)) = rt::timeout(PATIENCE, client.ask(sql)).await else {
        *client = Client::new().await;
        return "gone".to_owned();
    };
    let mut usable = client.ask("SELECT 1").await;
    if usable.as_deref() == Some("25P02") {
        assert_eq!(client.ask("ROLLBACK").await.as_deref(), Some("ok"));
        usable = client.ask("SELECT 1").await;
    }
    assert_eq!(usable.as_deref(), Some("ok"), "the session is spoilt");
    outcome
}

fn sql_batch(seed: u64, noted: Arc<Mutex<String>>) -> Answers {
    simulate(seed, move |mut world| async move {
        let disk = Disk::new();
        let _server = world.start(&disk, Options::default(), Arc::new(())).await;
        let mut client = Client::new().await;
        let mut draw = Draw::new(seed, "sql");
        let all: Vec<Vec<String>> = FILES
            .iter()
            .flat_map(|(_, file)| statements(file))
            .map(|statement| tokens(&statement.sql))
            .filter(|tokens| !tokens.is_empty())
            .collect();
        let (_, file) = pick(&mut draw, FILES);
        let file = statements(file);
        let mut answers = Answers::new();
        // The file is run as it is, and broken statements come in between.
        for count in 0..BATCH {
            let after = |count: u64| usize::try_from(count).unwrap() * file.len() / 200;
            for statement in &file[after(count)..after(count + 1)] {
                *noted.lock() = statement.sql.clone();
                survives(&mut client, &statement.sql).await;
            }
            let near = &file[index(&mut draw, after(count + 1) + 1).min(file.len() - 1)].sql;
            let base = tokens(near);
            let input = sql_input(&mut draw, &base, &all);
            *noted.lock() = input.clone();
            let outcome = survives(&mut client, &input).await;
            *answers.entry(outcome).or_default() += 1;
        }
        answers
    })
}

#[test]
fn broken_statements_leave_the_session_usable() {
    let answers = batches(sql_batch);
    let seen: BTreeSet<&str> = answers.keys().map(String::as_str).collect();
    for reached in ["ok", "0A000", "22003", "22P02", "42601", "42703", "42883"] {
        assert!(seen.contains(reached), "nothing was answered {reached}");
    }
}
