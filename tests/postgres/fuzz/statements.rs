//! Statements that are nearly SQL, asked in every way that there is, while
//! another session holds locks.

use std::fmt::Write;
use std::sync::Arc;

use doublebuy::draw::Draw;
use doublebuy::postgres::{Bug, Disk};
use doublebuy::rt;
use futures_util::future::join;

use super::client::{Client, message};
use super::nested::nested;
use super::{FUZZ, PATIENCE, options, values};
use crate::corpus::{FILES, statements};
use crate::fuzzed::{Answers, BATCH, Noted, assert_reached, batches, index, pick};
use crate::support::simulate;

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

/// How a statement is asked.
enum Asked {
    Simple(String),
    /// Messages of the extended protocol.
    Extended(Vec<u8>),
}

impl Asked {
    fn shown(&self) -> String {
        match self {
            Asked::Simple(sql) => sql.clone(),
            Asked::Extended(messages) => messages.escape_ascii().to_string(),
        }
    }
}

/// Puts parameters in the place of some literals; returns what they were.
fn parametrise(draw: &mut Draw, tokens: &mut [String]) -> Vec<Vec<u8>> {
    let mut taken = Vec::new();
    for token in tokens {
        if class(token) == Class::Literal && draw.percent(50) {
            taken.push(token.trim_matches('\'').as_bytes().to_vec());
            *token = format!("${}", taken.len());
        }
    }
    taken
}

fn counted<T>(out: &mut Vec<u8>, items: &[T], mut put: impl FnMut(&mut Vec<u8>, &T)) {
    out.extend(u16::try_from(items.len()).unwrap().to_be_bytes());
    for item in items {
        put(out, item);
    }
}

/// A statement as the extended protocol asks it: named or not, looked at or
/// not, with parameters in either format, some rows at a time.
fn extended(draw: &mut Draw, sql: &str, taken: &[Vec<u8>]) -> Vec<u8> {
    let (statement, portal) = (draw.pick(&["", "", "s"]), draw.pick(&["", "p"]));
    let mut parse = format!("{statement}\0{sql}\0").into_bytes();
    let types: Vec<u32> = (0..draw.pick(&[0, 0, 0, 1, 2]))
        .map(|_| pick(draw, values::TYPES).1)
        .collect();
    counted(&mut parse, &types, |out, ty| out.extend(ty.to_be_bytes()));

    let mut bind = format!("{portal}\0{statement}\0").into_bytes();
    let mut formats = vec![0_u16; taken.len()];
    let mut params = Vec::new();
    for (format, value) in formats.iter_mut().zip(taken) {
        params.push(if draw.percent(80) {
            value.clone()
        } else {
            *format = 1;
            let ty = *pick(draw, values::TYPES);
            values::binary(draw, ty)
        });
    }
    counted(&mut bind, &formats, |out, format| {
        out.extend(format.to_be_bytes())
    });
    counted(&mut bind, &params, |out, value: &Vec<u8>| {
        out.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
        out.extend(value);
    });
    bind.extend(draw.pick(&[&[0, 0][..], &[0, 1, 0, 1]]));

    let named = |kind: u8, name: &str| [&[kind], name.as_bytes(), b"\0"].concat();
    let execute = |rows: u8| [portal.as_bytes(), &[0, 0, 0, 0, rows]].concat();
    let mut out = message(b'P', &parse);
    let mut also = |draw: &mut Draw, percent, kind, body: &[u8]| {
        if draw.percent(percent) {
            out.extend(message(kind, body));
        }
    };
    also(draw, 50, b'D', &named(b'S', statement));
    also(draw, 95, b'B', &bind);
    also(draw, 50, b'D', &named(b'P', portal));
    let rows = draw.pick(&[0, 0, 1, 2]);
    also(draw, 95, b'E', &execute(rows));
    for _ in 0..rows {
        let more = draw.pick(&[0, 1, 3]);
        also(draw, 80, b'E', &execute(more));
    }
    also(draw, 20, b'C', &named(b'P', portal));
    also(draw, 20, b'E', &execute(1));
    also(draw, 90, b'C', &named(b'S', statement));
    also(draw, 100, b'S', b"");
    out
}

/// What the session is told between statements, to be in a transaction.
fn transaction(draw: &mut Draw) -> String {
    let isolation = draw.pick(&["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]);
    let reads = draw.pick(&["", " READ ONLY", " READ WRITE", " READ ONLY DEFERRABLE"]);
    match draw.number(0..8) {
        0..4 => format!("BEGIN ISOLATION LEVEL {isolation}{reads}"),
        4 => "SAVEPOINT s".to_owned(),
        5 => "ROLLBACK TO s".to_owned(),
        6 => "COMMIT".to_owned(),
        _ => "ROLLBACK".to_owned(),
    }
}

/// The statements of a batch: a file, and all that they are mixed from.
struct Source {
    file: Vec<Vec<String>>,
    all: Vec<Vec<String>>,
}

impl Source {
    fn new(draw: &mut Draw) -> (Source, Vec<String>) {
        let taken_apart = |file: &str| -> Vec<Vec<String>> {
            let statements = statements(file).into_iter();
            let tokens = statements.map(|statement| tokens(&statement.sql));
            tokens.collect()
        };
        let all = FILES.iter().flat_map(|(_, file)| taken_apart(file));
        let all = all.filter(|tokens| !tokens.is_empty()).collect();
        let (_, file) = pick(draw, FILES);
        let whole = statements(file).into_iter().map(|statement| statement.sql);
        let file_tokens = taken_apart(file);
        (
            Source {
                file: file_tokens,
                all,
            },
            whole.collect(),
        )
    }

    /// A broken statement; mostly it is nearly one of those that have run.
    fn input(&self, draw: &mut Draw, ran: usize) -> Asked {
        let near = index(draw, ran + 1).min(self.file.len() - 1);
        match draw.number(0..100) {
            0 => return Asked::Simple(nested(draw)),
            1 => {
                let sql = nested(draw);
                return Asked::Extended(extended(draw, &sql, &[]));
            }
            2..5 => return Asked::Simple(transaction(draw)),
            5..10 => {
                let (sql, ty) = values::statement(draw);
                let params = [0, 1].map(|index| values::parameter(draw, ty, &sql, index));
                let count = usize::from(sql.contains("$2")) + 1;
                return Asked::Extended(extended(draw, &sql, &params[..count]));
            }
            10..15 => {
                let mut sql = String::new();
                for _ in 0..draw.number(2..5) {
                    let one = self.broken(draw, near).join(" ");
                    write!(sql, "{one}; ").unwrap();
                }
                return Asked::Simple(sql);
            }
            _ => {}
        }
        let mut tokens = self.broken(draw, near);
        if draw.percent(60) {
            return Asked::Simple(tokens.join(" "));
        }
        let taken = parametrise(draw, &mut tokens);
        Asked::Extended(extended(draw, &tokens.join(" "), &taken))
    }

    fn broken(&self, draw: &mut Draw, near: usize) -> Vec<String> {
        let mut tokens = self.file[near].clone();
        for _ in 0..draw.pick(&[0, 1, 1, 1, 2, 3]) {
            mutate(draw, &mut tokens, &self.all);
        }
        tokens
    }
}

/// A session that tries to go on as if nothing had been.
struct Survivor(Client);

impl Survivor {
    async fn new() -> Survivor {
        let mut client = Client::new().await;
        for setting in ["statement_timeout = '5s'", "lock_timeout = '500ms'"] {
            client.ask(&format!("SET {setting}")).await;
        }
        Survivor(client)
    }

    /// Asks, then sees that the session is as good as before. A session that
    /// was told to end, or that waits for what no one will give it, is left for
    /// a new one.
    async fn survives(&mut self, asked: &Asked) -> String {
        let outcome = rt::timeout(PATIENCE, async {
            match asked {
                Asked::Simple(sql) => self.0.ask(sql).await,
                Asked::Extended(messages) => self.0.ask_extended(messages).await,
            }
        });
        let Ok(Some(outcome)) = outcome.await else {
            *self = Survivor::new().await;
            return "gone".to_owned();
        };
        // Somebody may have been told to end a session, this one.
        // It may wait for a safe snapshot, with a timeout that was taken away.
        let asked = rt::timeout(PATIENCE, self.0.ask("SELECT 1")).await;
        let Ok(Some(mut usable)) = asked else {
            *self = Survivor::new().await;
            return "gone".to_owned();
        };
        // A transaction may have failed, or wait for a safe snapshot.
        if ["25P02", "57014"].contains(&usable.as_str()) {
            assert_eq!(self.0.ask("ROLLBACK").await.as_deref(), Some("ok"));
            usable = self.0.ask("SELECT 1").await.unwrap_or_default();
        }
        assert_eq!(usable, "ok", "the session is spoilt");
        outcome
    }
}

/// Another session, which holds the locks of some statement for a while.
struct Other {
    session: Survivor,
    holds: bool,
}

impl Other {
    async fn turn(&mut self, draw: &mut Draw, sql: &str) {
        if self.holds && draw.percent(40) {
            self.holds = false;
            let end = draw.pick(&["COMMIT", "ROLLBACK"]);
            self.session.survives(&Asked::Simple(end.to_owned())).await;
        } else if !self.holds && draw.percent(15) {
            self.holds = true;
            let begin = "BEGIN ISOLATION LEVEL ".to_owned()
                + draw.pick(&["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]);
            self.session.survives(&Asked::Simple(begin)).await;
            self.session.survives(&Asked::Simple(sql.to_owned())).await;
        }
    }
}

pub fn batch(seed: u64, noted: &Noted, planted: Option<Bug>) -> Answers {
    let noted = noted.clone();
    simulate(seed, move |mut world| async move {
        let disk = Disk::new();
        let server = world.start(&disk, options(planted), Arc::new(())).await;
        let things = "CREATE TABLE thing (n int, t text); CREATE TABLE typed (v text)";
        let mut draw = Draw::new(seed, "sql");
        if draw.percent(50) {
            server.run_script(things).unwrap();
        }
        let mut survivor = Survivor::new().await;
        let mut other = Other {
            session: Survivor::new().await,
            holds: false,
        };
        let (source, whole) = Source::new(&mut draw);
        let crowded = draw.percent(50);
        let mut answers = Answers::new();
        // The file is run as it is, and broken statements come in between.
        let after = |count: u64| usize::try_from(count * whole.len() as u64 / BATCH).unwrap();
        for count in 0..BATCH {
            for sql in &whole[after(count)..after(count + 1)] {
                noted.note(sql);
                survivor.survives(&Asked::Simple(sql.clone())).await;
            }
            let input = source.input(&mut draw, after(count + 1));
            noted.note(input.shown());
            let outcome = if crowded {
                let mut choice = draw.clone();
                let sql = &whole[index(&mut draw, after(count + 1) + 1).min(whole.len() - 1)];
                let turn = other.turn(&mut choice, sql);
                join(survivor.survives(&input), turn).await.0
            } else {
                survivor.survives(&input).await
            };
            *answers.entry(outcome).or_default() += 1;
        }
        answers
    })
}

#[test]
fn broken_statements_leave_the_session_usable() {
    let answers = batches(FUZZ, |seed, noted| batch(seed, &noted, None));
    let expected = ["ok", "0A000", "22003", "22P02", "42601", "42703", "42883"];
    assert_reached(FUZZ, &answers, &expected);
}
