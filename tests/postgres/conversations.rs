//! Conversations in the protocol, message by message, with the simulated
//! server and with a real PostgreSQL 15: every message that comes back must
//! be the same.

use std::collections::BTreeMap;

use doublebuy::postgres::Options;
use doublebuy::rt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::copying;
use crate::support::real::Real;
use crate::support::{loopback, outside};

/// Conversations, each a name and one message a line: its type, then its
/// fields with `|` between them.
const CONVERSATIONS: &[(&str, &str)] = &[
    (
        "several statements are one transaction",
        "Q CREATE TABLE t (id int PRIMARY KEY, name text, n int DEFAULT 7)
         Q INSERT INTO t VALUES (1, 'a', 10); INSERT INTO t VALUES (1, 'b'); SELECT 1
         Q SELECT * FROM t
         Q INSERT INTO t VALUES (2, 'b', 20); SELECT * FROM t; DELETE FROM t WHERE id = 2
         Q ; ;
         Q
         Q BEGIN; INSERT INTO t VALUES (3, 'c'); SELECT nothing; SELECT 2
         Q SELECT 1
         Q ROLLBACK
         Q INSERT INTO t VALUES (4, 'd'); BEGIN; INSERT INTO t VALUES (5, 'e'); ROLLBACK
         Q SELECT id FROM t ORDER BY id",
    ),
    (
        "extended query",
        "Q CREATE TABLE t (id int PRIMARY KEY, name text); INSERT INTO t VALUES (1, 'one'), (2, 'two'), (3, NULL)
         P s|SELECT id, name FROM t WHERE id >= $1 ORDER BY id|
         D Ss
         B p|s|0|1|0
         D Pp
         E p|2
         E p|2
         E p|0
         S
         B |s|1|x00000002|1
         E |0
         E |0
         C Ss
         C Pnothing
         S
         B |s||1|
         S
         P s|INSERT INTO t VALUES ($1, $2) RETURNING id|
         D Ss
         B |s||9,nine|
         E |0
         S
         B |s||9,again|
         E |0
         P |SELECT 1|
         S
         P ||
         D S
         B ||||
         D P
         E |0
         S
         P |INSERT INTO t VALUES (20, 'x')|
         B ||||
         E |0
         E |0
         S
         Q SELECT count(*) FROM t",
    ),
    (
        "arrays and dates that are none",
        "P a|SELECT $1::int[]|
         P d|SELECT $1::date|
         S
         B |a|1|x0000000100000000000000170000000100000001000000040000002a|0
         E |0
         S
         B |a|1|x0000000100000002000000170000000100000001000000040000002a|0
         E |0
         S
         B |a|1|xffffffff0000000000000017|0
         E |0
         S
         B |a|1|x000000010000000000000017ffffffff00000001|0
         E |0
         S
         B |a|1|x0000000100000000000000177fffffff00000001|0
         E |0
         S
         B |a|1|x0000000100000000000000170000000100000001fffffffe|0
         E |0
         S
         B |a|1|x00000001000000000000001700000001000000010000000400|0
         E |0
         S
         B |a|1|x0000000100000000000000170000000100000001000000040000002a00|0
         E |0
         S
         B |a|1|x0000000100000000000000190000000100000001000000040000002a|0
         E |0
         S
         B |a|1|x0000000100000001000000170000000100000001ffffffff|0
         E |0
         S
         B |d|1|xffda97a7|0
         E |0
         S
         B |d|1|xffda97a6|0
         E |0
         S
         B |d|1|x7fda970c|0
         E |0
         S
         B |d|1|x7fda970d|0
         E |0
         S
         B |d|1|x7fffffff|0
         E |0
         S
         B |d|1|x80000000|0
         E |0
         S",
    ),
    (
        "what is wrong with a message",
        "P s|SELECT $1::int + $2::int|
         P s|SELECT 1|
         S
         P s|SELECT $1::int + $2::int|
         B |s||1|
         S
         B |s|0,0,0|1,2|
         S
         B |s||1,2|0,0
         S
         B |s||1,x|
         S
         E nowhere|0
         S
         D Pnowhere
         S
         D Snowhere
         S
         P t|SELECT 1; SELECT 2|
         S
         P t|SELEC 1|
         S
         B p|s||1,2|
         B p|s||1,2|
         S",
    ),
    (
        "a portal and its transaction",
        "Q CREATE TABLE t (id int); INSERT INTO t VALUES (1), (2), (3)
         Q BEGIN
         P s|SELECT id FROM t ORDER BY id|
         B p|s|||
         E p|1
         S
         E p|1
         S
         Q FETCH 1 FROM p
         Q COMMIT
         E p|1
         S",
    ),
    (
        "prepared in SQL and used by the protocol",
        "Q CREATE TABLE t (id int PRIMARY KEY, name text); INSERT INTO t VALUES (1, 'one'), (2, 'two')
         Q PREPARE find (int) AS SELECT name FROM t WHERE id = $1
         Q EXECUTE find(1)
         Q EXECUTE find(1 + 1)
         Q EXECUTE find('2')
         Q EXECUTE find
         Q PREPARE find AS SELECT 1
         Q PREPARE put AS INSERT INTO t VALUES ($1, $2)
         Q EXECUTE put(3, 'three')
         Q EXECUTE put(3, 'again')
         B |find||2|
         D P
         E |0
         S
         P proto|SELECT id FROM t WHERE name = $1|
         S
         Q EXECUTE proto('three')
         Q DEALLOCATE proto
         Q DEALLOCATE proto
         Q EXECUTE nothing(1)
         Q BEGIN; PREPARE inside AS SELECT 1; ROLLBACK
         Q EXECUTE inside
         Q DEALLOCATE ALL
         Q EXECUTE find(1)
         Q PREPARE again AS SELECT 1
         Q DISCARD ALL
         Q EXECUTE again
         P |EXECUTE nothing|
         D S
         B ||||
         E |0
         S",
    ),
    (
        "cursors",
        "Q CREATE TABLE t (id int); INSERT INTO t VALUES (1), (2), (3), (4), (5)
         Q DECLARE c CURSOR FOR SELECT id FROM t
         Q BEGIN
         Q DECLARE c SCROLL CURSOR FOR SELECT id FROM t ORDER BY id
         Q FETCH c
         Q FETCH 2 FROM c
         Q FETCH BACKWARD 2 IN c
         Q FETCH PRIOR FROM c
         Q FETCH ALL c
         Q FETCH NEXT c
         Q FETCH LAST c
         Q FETCH ABSOLUTE 2 c
         Q FETCH ABSOLUTE -2 c
         Q FETCH RELATIVE -1 FROM c
         Q FETCH 0 c
         Q FETCH -2 FROM c
         Q FETCH FIRST c
         Q MOVE 2 FROM c
         Q FETCH FORWARD c
         Q MOVE BACKWARD ALL IN c
         Q FETCH FORWARD ALL FROM c
         Q FETCH BACKWARD ALL FROM c
         Q UPDATE t SET id = id + 100; FETCH 1 c
         Q CLOSE c
         Q FETCH c
         Q ROLLBACK
         Q BEGIN
         Q DECLARE n NO SCROLL CURSOR FOR SELECT id FROM t ORDER BY id
         Q FETCH 2 n
         Q FETCH PRIOR n
         Q ROLLBACK
         Q BEGIN; DECLARE h CURSOR WITH HOLD FOR SELECT id FROM t ORDER BY id; COMMIT
         Q FETCH 2 h
         Q DECLARE h CURSOR WITH HOLD FOR SELECT 1
         Q CLOSE ALL
         Q FETCH h
         Q BEGIN; SAVEPOINT a; DECLARE x CURSOR FOR SELECT 1; ROLLBACK TO a; FETCH x
         Q ROLLBACK
         Q BEGIN; SAVEPOINT a; DECLARE x CURSOR FOR SELECT 1; RELEASE a; FETCH x; COMMIT",
    ),
    (
        "a portal runs as it is asked for rows",
        "Q CREATE TABLE t (id int, n int); INSERT INTO t VALUES (1, 1), (2, 2), (3, 0), (4, 4)
         P s|SELECT id, 12 / n FROM t|
         B p|s|||
         E p|1
         E p|1
         E p|1
         S
         Q CREATE SEQUENCE q
         Q BEGIN
         P v|SELECT nextval('q') FROM t|
         B p|v|||
         E p|2
         P |SELECT currval('q')|
         B ||||
         E |0
         Q INSERT INTO t VALUES (5, 5)
         Q FETCH p
         E p|0
         E p|0
         S
         Q ROLLBACK
         Q BEGIN
         P l|SELECT id FROM t ORDER BY id FOR UPDATE|
         B p|l|||
         E p|1
         Q UPDATE t SET n = 9 WHERE CURRENT OF p
         Q UPDATE t SET n = 9 WHERE id = 2
         E p|2
         E p|2
         S
         Q SELECT * FROM t ORDER BY id
         Q MOVE BACKWARD 1 FROM p
         Q ROLLBACK
         Q BEGIN READ ONLY
         B p|l|||
         E p|1
         S
         Q ROLLBACK
         Q BEGIN
         P r|UPDATE t SET n = n + 1 RETURNING id|
         B p|r|||
         E p|1
         Q DELETE FROM t WHERE CURRENT OF p
         Q ROLLBACK",
    ),
    (
        "COPY gives identity columns what the client sends",
        "Q CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY, name text)
         Q COPY t FROM STDIN
         d 7\\tseven\\n
         c
         Q COPY t (name) FROM STDIN
         d next\\n
         c
         Q SELECT * FROM t ORDER BY id",
    ),
    (
        "COPY from the client",
        "Q CREATE TABLE t (id int PRIMARY KEY, name text, n numeric(6,2))
         Q COPY t FROM STDIN
         d 1\\tone\\t1.5\\n2\\t\\\\N\\t\\\\N\\n3\\ttab\\\\tnew\\\\nback\\\\\\\\x\\\\x41\\\\101\\t-3\\n
         c
         Q SELECT * FROM t ORDER BY id
         Q COPY t (n, id) FROM STDIN WITH (FREEZE off, DELIMITER ',', NULL 'nil')
         d 1,4\\nnil,5\\n
         d 2.5,
         d 6\\n\\\\.\\n
         c
         Q SELECT id, n FROM t WHERE id > 3 ORDER BY id
         Q COPY t FROM STDIN; SELECT 1
         d 7\\tseven\\t7\\n
         c
         Q COPY t FROM STDIN
         d 8\\teight\\t8\\n1\\tagain\\t1\\n
         c
         Q COPY t FROM STDIN
         d 8\\teight\\n
         c
         Q COPY t FROM STDIN
         d 8\\teight\\t8\\t8\\n
         c
         Q COPY t FROM STDIN
         d x\\teight\\t8\\n
         c
         Q COPY t FROM STDIN
         d 8\\teight\\t8\\n
         f I do not want to
         Q COPY nowhere FROM STDIN
         Q BEGIN
         Q COPY t FROM STDIN
         d 9\\tnine\\t9
         c
         Q SELECT count(*) FROM t
         Q ROLLBACK
         Q SELECT count(*) FROM t
         P |COPY t (id) FROM STDIN|
         B ||||
         D P
         E |0
         S
         d 30\\n
         c
         S
         Q SELECT id FROM t WHERE id = 30",
    ),
    (
        "COPY and a generated column",
        "Q CREATE TABLE t (b int GENERATED ALWAYS AS (a * 2) STORED CHECK (b < 10), a int, c int DEFAULT 7)
         Q COPY t FROM STDIN
         d 1\\t1\\n2\\t\\\\N\\n
         c
         Q COPY t (a) FROM STDIN
         d 4\\n
         c
         Q COPY t (a) FROM STDIN
         d 5\\n
         c
         Q COPY t (b, a) FROM STDIN
         Q COPY t TO STDOUT
         Q SELECT * FROM t ORDER BY a",
    ),
    (
        "COPY to the client",
        "Q CREATE TABLE t (id int, name text); INSERT INTO t VALUES (1, E'a\\tb\\nc\\\\d'), (2, NULL), (3, '')
         Q COPY t TO STDOUT
         Q COPY t (name) TO STDOUT WITH (DELIMITER '|', NULL '')
         Q COPY (SELECT id + 1, 'x' FROM t ORDER BY id DESC) TO STDOUT
         P |COPY t TO STDOUT|
         B ||||
         E |0
         S",
    ),
    (
        "the types of parameters",
        "Q CREATE TABLE t (id int, name varchar(9), c char(3), n numeric(5,2), at timestamptz, d date, tags text[])
         P a|SELECT 1 FROM t WHERE name = $1 AND c = $2 AND n > $3 AND at < $4 AND d = $5 AND tags = $6|
         D Sa
         P b|SELECT 1 FROM t WHERE name IN ($1, $2) OR name LIKE $3 OR id = ANY($4) OR $5 = ANY(tags)|
         D Sb
         P c|INSERT INTO t (name, c, tags) VALUES ($1, $2, $3)|
         D Sc
         P d|UPDATE t SET name = $1, n = n + $2 WHERE coalesce(name, $3) = $4|
         D Sd
         P e|SELECT CASE WHEN name = 'x' THEN name ELSE $1 END, at + $2, d - $3, d + $4::int, id + $5, n * $6 FROM t|
         D Se
         P f|SELECT name BETWEEN $1 AND $2, name || $3, lower($4), $5 IS DISTINCT FROM name FROM t|
         D Sf
         P g|SELECT id, $1 AS x FROM t UNION ALL SELECT 1, name FROM t LIMIT $2 OFFSET $3|
         D Sg
         P h|SELECT lower($1, $2)|2278,25
         D Sh
         B |h||x,ABC|
         E |0
         P l|SELECT * FROM lower($1, $2) AS result|2278,25
         D Sl
         B |l||x,ABC|
         E |0
         P i|SELECT count($1)|2278
         P j|SELECT $1 = name FROM t|1043
         D Sj
         P k|SELECT $1 = c, name = c FROM t|1042
         D Sk
         S
         P i|SELECT abs($1, $2, $3)|2278,2278,23
         D Si
         S",
    ),
    (
        "settings are told",
        "Q SET application_name = 'x'
         Q BEGIN; SET application_name = 'y'; ROLLBACK
         Q SET LOCAL application_name = 'z'
         Q SET client_encoding = 'nonsense'
         Q SET nothing = 1
         Q RESET application_name
         Q SHOW application_name
         Q SHOW transaction_isolation",
    ),
    (
        "errors say where",
        "Q CREATE TABLE t (id int PRIMARY KEY, name text NOT NULL, n int CONSTRAINT positive CHECK (n > 0))
         Q INSERT INTO t VALUES (1, 'a', 1)
         Q INSERT INTO t VALUES (1, 'a', 1)
         Q INSERT INTO t VALUES (2, NULL, 1)
         Q INSERT INTO t VALUES (2, 'b', 0)
         Q SELECT missing FROM t
         Q SELECT * FROM missing
         Q SELECT * FROM t WHERE (id = 1
         Q SELECT 'open
         Q SELECT 1 / 0
         Q SELECT 99999999999::int
         Q SELECT lower(1)
         Q SELECT 1, upper((lower(length('x'))))
         Q SELECT coalesce(1, 'x')
         Q SELECT * FROM t WHERE id = 'x'
         Q SELECT * FROM t WHERE id IN (1, 'x')
         Q SELECT * FROM t WHERE name
         Q SELECT * FROM t WHERE id > 0 AND (t.name)
         Q SELECT 'x'::uuid
         Q SELECT int 'x'
         Q INSERT INTO t VALUES (3, 'c', 'many')
         Q UPDATE t SET n = true
         Q UPDATE t SET n = upper(name)",
    ),
];

/// Reads `\n`, `\r`, `\t` and `\\` as in Rust.
fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.push(match c {
            '\\' => match chars.next().unwrap() {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                other => other,
            },
            other => other,
        });
    }
    out
}

fn list(text: &str) -> Vec<&str> {
    if text.is_empty() {
        return Vec::new();
    }
    text.split(',').collect()
}

/// A count and what it counts, each as `write` has it.
fn counted(items: &[&str], write: impl Fn(&str) -> Vec<u8>) -> Vec<u8> {
    let count = i16::try_from(items.len()).unwrap().to_be_bytes();
    let items = items.iter().flat_map(|item| write(item));
    count.into_iter().chain(items).collect()
}

fn format(code: &str) -> Vec<u8> {
    code.parse::<i16>().unwrap().to_be_bytes().to_vec()
}

fn from_hex(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2)
        .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
        .collect()
}

/// A parameter: text, or `x` and hexadecimal digits.
fn parameter(value: &str) -> Vec<u8> {
    let hex = value.strip_prefix('x').filter(|hex| !hex.is_empty());
    let bytes = hex.map_or_else(|| value.as_bytes().to_vec(), from_hex);
    let length = i32::try_from(bytes.len()).unwrap().to_be_bytes();
    length.into_iter().chain(bytes).collect()
}

fn encode(line: &str) -> Vec<u8> {
    let (kind, rest) = line.split_at(1);
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    let cstring = |text: &str| [text.as_bytes(), b"\0"].concat();
    let fields: Vec<&str> = rest.split('|').collect();
    let body = match kind {
        "Q" => cstring(&unescape(rest)),
        "P" => {
            let types = counted(&list(fields[2]), |oid| {
                oid.parse::<u32>().unwrap().to_be_bytes().to_vec()
            });
            [cstring(fields[0]), cstring(fields[1]), types].concat()
        }
        "B" => [
            cstring(fields[0]),
            cstring(fields[1]),
            counted(&list(fields[2]), format),
            counted(&list(fields[3]), parameter),
            counted(&list(fields.get(4).unwrap_or(&"")), format),
        ]
        .concat(),
        "E" => {
            let most: i32 = fields[1].parse().unwrap();
            [cstring(fields[0]), most.to_be_bytes().to_vec()].concat()
        }
        "d" => unescape(rest).into_bytes(),
        // The same, in hexadecimal digits.
        "b" => from_hex(rest),
        "D" | "C" | "f" => cstring(rest),
        "S" | "H" | "c" | "X" => Vec::new(),
        other => panic!("no message {other}"),
    };
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    let kind = if kind == "b" { "d" } else { kind };
    [kind.as_bytes(), &length[..], &body].concat()
}

/// An error's fields but for those that tell of PostgreSQL's source.
fn error_fields(body: &[u8]) -> String {
    let fields: BTreeMap<char, String> = body
        .split(|byte| *byte == 0)
        .filter(|field| !field.is_empty())
        .map(|field| {
            let text = String::from_utf8_lossy(&field[1..]).into_owned();
            (char::from(field[0]), text)
        })
        .filter(|(code, _)| !"FLRWVd".contains(*code))
        .collect();
    format!("{fields:?}")
}

/// Every message of an answer, one a line. Table OIDs are left out.
fn decode(mut bytes: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    while let [kind, a, b, c, d, rest @ ..] = bytes {
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize - 4;
        let (body, rest) = rest.split_at(length);
        bytes = rest;
        let shown = match kind {
            b'E' | b'N' => error_fields(body),
            b'T' => columns(body),
            _ => body.escape_ascii().to_string(),
        };
        lines.push(format!("{} {shown}", char::from(*kind)));
    }
    lines
}

fn columns(body: &[u8]) -> String {
    let mut rest = &body[2..];
    let mut columns = Vec::new();
    while let Some(end) = rest.iter().position(|byte| *byte == 0) {
        let name = String::from_utf8_lossy(&rest[..end]);
        let about = &rest[end + 1..];
        let number = &about[4..6];
        columns.push(format!("{name} {number:?} {:?}", &about[6..18]));
        rest = &about[18..];
    }
    columns.join(", ")
}

/// What a server says in a conversation, after its greeting.
async fn hold(address: &str, conversation: &str) -> Vec<String> {
    let mut stream = rt::connect(address).await.unwrap();
    let body = b"\0\x03\0\0user\0postgres\0\0";
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    let mut sent = [&length[..], body].concat();
    let reset = "Q SET client_min_messages = warning; DROP TABLE IF EXISTS t; RESET ALL";
    let lines = conversation.lines().map(str::trim);
    for line in [reset].into_iter().chain(lines).chain(["X"]) {
        sent.extend(encode(line));
    }
    stream.write_all(&sent).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let decoded = decode(&answer);
    let ready = |line: &&String| line.starts_with('Z');
    let greeting = decoded.iter().position(|line| ready(&line)).unwrap();
    let start = decoded[greeting + 1..].iter().position(|line| ready(&line));
    decoded[greeting + start.unwrap() + 2..].to_vec()
}

#[test]
fn the_real_server_says_the_same() {
    let Some(real) = Real::start() else { return };
    let mut differ = Vec::new();
    outside(async {
        let (_server, simulated) = loopback(Options::default()).await;
        for (name, conversation) in CONVERSATIONS.iter().chain(copying::CONVERSATIONS) {
            let expected = hold(&real.address(), conversation).await;
            let found = hold(&simulated, conversation).await;
            if expected != found {
                let at = (0..)
                    .find(|at| expected.get(*at) != found.get(*at))
                    .unwrap();
                let from = at.saturating_sub(3);
                differ.push(format!(
                    "{name}, message {at}\n  real {:#?}\n  simulated {:#?}",
                    expected.get(from..(at + 2).min(expected.len())),
                    found.get(from..(at + 2).min(found.len()))
                ));
            }
        }
    });
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}
