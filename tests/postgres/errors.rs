//! Answers and complaints, word by word, against a real server.

use doublebuy::postgres::Options;
use tokio_postgres::Client;

use crate::support::real::Real;
use crate::support::{connect, loopback, outside, shown};

const SETUP: &str = "
    CREATE TABLE item (
        id int PRIMARY KEY,
        name varchar(5) NOT NULL DEFAULT 'x',
        n int CHECK (n >= 0),
        price numeric(6,2),
        at timestamptz,
        CONSTRAINT cheap CHECK (price < 1000 OR name = 'big'),
        UNIQUE (name, n)
    );
    CREATE TABLE line (order_id int, pos smallint, item int, qty bigint, PRIMARY KEY (order_id, pos));
    INSERT INTO item VALUES (1, 'one', 1, 9.99, '2026-01-02 03:04:05+00'), (2, 'two', NULL, NULL, NULL), (3, 'three', 30, 12.5, '2026-11-23 00:00:00.25+02');
    INSERT INTO line VALUES (1, 1, 1, 5), (1, 2, 2, 7), (2, 1, 3, NULL), (2, 2, 9, 1);
";

/// Statements whose every answer must be that of PostgreSQL.
const ASKED: &[&str] = &[
    // Values and arithmetic.
    "SELECT 1 + 1, 7 / 2, -7 / 2, 7 % 3, -7 % 3, 2 * 3.5, 1.0 / 3, 10 / 4.0, 2 - 5",
    "SELECT 0.1 + 0.2, 1.50 * 2.0, 100000000000000000000 + 1, 5.0 % 3, -1.5, 1e3, 12.0 / 7, 1 / 3.0, 10000.0 / 7, 0.00001 / 3",
    "SELECT 1::float8 / 3, 1e20::float8, 1e-7::float8, 'NaN'::float8, '-Infinity'::float8, 2.5::float8 * 2, 1e15::float8, 123456.0::float8",
    "SELECT round_trip.id FROM item AS round_trip WHERE id = 2",
    "SELECT 2147483647 + 1",
    "SELECT 2147483647 + 1::bigint, 9223372036854775807",
    "SELECT 9223372036854775807 + 1",
    "SELECT 32767::smallint + 1::smallint",
    "SELECT 1 / 0",
    "SELECT 1.0 / 0",
    "SELECT 5 % 0",
    "SELECT 40000::smallint",
    "SELECT 2.5::int, 3.5::int, -2.5::int, 2.5::float8::int, 3.5::float8::int, '12'::int, ' 7 '::int",
    "SELECT 'abc'::int",
    "SELECT '99999999999'::int",
    "SELECT 'x'::boolean",
    "SELECT 't'::boolean, 'off'::boolean, true::text, 1::boolean, false::int, NOT true",
    "SELECT 'abc' || 'def', 'n=' || 5, 5 || 'n', NULL || 'x', 'a' || NULL",
    "SELECT 'abcdef'::varchar(3), 'a'::varchar(3), 12.345::numeric(5,1), 12.345::numeric(5)",
    "SELECT 123456.7::numeric(5,1)",
    "SELECT NULL IS NULL, 1 IS NULL, NULL = NULL, NULL AND false, NULL OR true, NOT NULL::boolean",
    "SELECT 1 IN (1, 2), 3 IN (1, 2), 3 IN (1, NULL), 1 NOT IN (2, NULL), NULL IN (1)",
    "SELECT 5 BETWEEN 1 AND 10, 5 NOT BETWEEN 1 AND 10, 'b' BETWEEN 'a' AND 'c'",
    "SELECT CASE WHEN 1 > 2 THEN 'a' WHEN 2 > 1 THEN 'b' END, CASE 5 WHEN 5 THEN 'five' ELSE 'other' END, CASE WHEN false THEN 1 END",
    "SELECT COALESCE(NULL, 2, 3), COALESCE(NULL, 'x'), NULLIF(1, 1), NULLIF(1, 2), GREATEST(1, NULL, 3), LEAST(2, 1)",
    "SELECT 'abc' LIKE 'a%', 'abc' LIKE '_b_', 'abc' LIKE 'b%', 'ABC' ILIKE 'a%', 'a%c' LIKE 'a\\%c', 'abc' NOT LIKE 'x%'",
    "SELECT lower('AbC'), upper('abc'), length('äöü'), abs(-5), abs(-2.5)",
    "SELECT 1 IS DISTINCT FROM NULL, NULL IS NOT DISTINCT FROM NULL, true IS TRUE, NULL::boolean IS NOT TRUE",
    "SELECT '2026-03-01 12:00:00+00'::timestamptz, timestamptz '2026-02-28 23:59:59.5-05:30', '2024-02-29'::timestamptz + interval '1 year', '2026-01-31'::timestamptz + interval '1 month'",
    "SELECT interval '1 day 2 hours', interval '90 minutes', interval '1.5 hours', '1 year 2 mons'::interval, interval '5' MINUTE, interval '-3 days'",
    "SELECT '2026-01-02'::timestamptz - '2026-01-01 12:00'::timestamptz, 3 * interval '20 min'",
    "SELECT '2026-13-01'::timestamptz",
    "SELECT 'soon'::timestamptz",
    "SELECT '123e4567-e89b-12d3-a456-426614174000'::uuid, '{123E4567e89b12d3a456426614174000}'::uuid",
    "SELECT 'nope'::uuid",
    "SELECT now() = now(), now() <= clock_timestamp(), gen_random_uuid() <> gen_random_uuid()",
    "SELECT (1, 2) = (1, 2), (1, 2) = (1, 3)",
    "SELECT -5, - 5, +5, 5 - -5, 1 AS one, 'x' AS \"Quoted\"",
    "VALUES (1, 'a'), (2, 'b')",
    // Queries.
    "SELECT * FROM item ORDER BY id",
    "SELECT name, price FROM item ORDER BY price DESC, id",
    "SELECT id FROM item ORDER BY n NULLS FIRST, 1",
    "SELECT id FROM item ORDER BY n DESC NULLS LAST",
    "SELECT id AS k FROM item ORDER BY k DESC LIMIT 2 OFFSET 1",
    "SELECT count(*), count(n), sum(n), min(name), max(price), avg(n), sum(price), avg(price) FROM item",
    "SELECT count(*), sum(n) FROM item WHERE id > 100",
    "SELECT order_id, count(*), sum(qty), max(pos) FROM line GROUP BY order_id ORDER BY order_id",
    "SELECT order_id + 1 AS o, sum(qty) FILTER (WHERE pos = 1) FROM line GROUP BY o ORDER BY 1 DESC",
    "SELECT order_id FROM line GROUP BY order_id HAVING count(qty) > 1",
    "SELECT DISTINCT order_id FROM line ORDER BY order_id",
    "SELECT count(DISTINCT order_id) FROM line",
    "SELECT l.pos, i.name FROM line l JOIN item i ON i.id = l.item ORDER BY l.order_id, l.pos",
    "SELECT l.item, i.name FROM line l LEFT JOIN item i ON i.id = l.item WHERE l.order_id = 2 ORDER BY 1",
    "SELECT l.item FROM line l LEFT JOIN item i ON i.id = l.item WHERE i.id IS NULL",
    "SELECT a.id, b.id FROM item a, item b WHERE a.id < b.id ORDER BY 1, 2",
    "SELECT i.* FROM item i CROSS JOIN line l WHERE l.pos = 1 AND i.id = 1",
    "SELECT pos FROM line WHERE order_id = 1 AND pos IN (2, 1, 2) ORDER BY pos",
    "SELECT pos FROM line WHERE (order_id, pos) = (2, 2)",
    "SELECT id FROM item WHERE id = 1 OR id = 3 ORDER BY id",
    "SELECT id FROM item WHERE id = '2'",
    "SELECT id FROM item WHERE price > 10 AND at > '2026-01-01'",
    "SELECT bool_and(n > 0), bool_or(n > 20) FROM item",
    // Complaints of the analysis.
    "SELEC 1",
    "SELECT 1 +",
    "SELECT * FROM item WHERE",
    "SELECT * FROM nowhere",
    "SELECT nothing FROM item",
    "SELECT i.nothing FROM item i",
    "SELECT x.id FROM item i",
    "SELECT id FROM item a, item b",
    "SELECT * FROM item, item",
    "SELECT name, count(*) FROM item",
    "SELECT name FROM item WHERE count(*) > 1",
    "SELECT 1 WHERE 'a' = 1",
    "SELECT name + 1 FROM item",
    "SELECT id = name FROM item",
    "SELECT nonsense(1)",
    "SELECT lower(1)",
    "SELECT id FROM item WHERE n",
    "SELECT 1 AND 2",
    "SELECT *",
    "SELECT id FROM item ORDER BY 5",
    "SELECT id FROM item LIMIT -1",
    "SELECT CASE WHEN true THEN 1 ELSE 'a' END",
    "SELECT 'x'::nonsense",
    "SELECT count(*) FROM item FOR UPDATE",
    "SELECT id FROM item FOR UPDATE OF nobody",
    "INSERT INTO nowhere VALUES (1)",
    "INSERT INTO item (nothing) VALUES (1)",
    "INSERT INTO item (id, id) VALUES (1, 2)",
    "INSERT INTO item (id) VALUES (1, 2)",
    "INSERT INTO item (id, name) VALUES (1)",
    "INSERT INTO item (id, name) VALUES (5, 7)",
    "INSERT INTO item (id, n) VALUES (5, 'x')",
    "INSERT INTO item (id, at) VALUES (5, 3)",
    "UPDATE item SET nothing = 1",
    "UPDATE item SET n = 1, n = 2",
    "UPDATE item SET n = true",
    "CREATE TABLE item (id int)",
    "CREATE TABLE twice (id int, id int)",
    "CREATE TABLE keys (id int PRIMARY KEY, PRIMARY KEY (id))",
    "CREATE TABLE bad (id nonsense)",
    "DROP TABLE nowhere",
    "INSERT INTO item (id) VALUES (1) ON CONFLICT (price) DO NOTHING",
    // Complaints of the data.
    "INSERT INTO item (id) VALUES (NULL)",
    "INSERT INTO item (id, name) VALUES (10, NULL)",
    "INSERT INTO item VALUES (1)",
    "INSERT INTO item VALUES (10, 'one', 1)",
    "INSERT INTO item VALUES (10, 'seven7')",
    "INSERT INTO item VALUES (10, 'sp     ')",
    "INSERT INTO item VALUES (11, 'a', -1)",
    "INSERT INTO item VALUES (12, 'a', 1, 5000)",
    "INSERT INTO item VALUES (12, 'a', 1, 12345)",
    "INSERT INTO item VALUES (13, 'big', 1, 5000) RETURNING *",
    "INSERT INTO line VALUES (1, 1)",
    "INSERT INTO line VALUES (70000, 70000)",
    "UPDATE item SET id = 2 WHERE id = 1",
    "UPDATE item SET n = -1 WHERE id = 1",
    "UPDATE item SET name = NULL WHERE id = 1",
    "UPDATE item SET n = n + 1, price = price * 2 WHERE id = 1 RETURNING id, n, price",
    "UPDATE line SET qty = 0 FROM item WHERE item.id = line.item AND item.name = 'one' RETURNING line.pos, item.name",
    "DELETE FROM line USING item WHERE item.id = line.item AND item.id = 2 RETURNING line.*",
    "INSERT INTO item (id, name) SELECT id + 100, name FROM item WHERE id < 3 RETURNING id, name, n",
    "INSERT INTO item (id, n) VALUES (50, DEFAULT), (51, 5) RETURNING *",
    "INSERT INTO item DEFAULT VALUES",
    "DELETE FROM item WHERE id > 40",
    "CREATE UNIQUE INDEX on_name ON line (item)",
    "CREATE UNIQUE INDEX on_order ON line (order_id)",
    "UPDATE line SET item = 1 WHERE item = 9",
    // Sessions.
    "SHOW transaction_isolation",
    "SHOW lock_timeout",
    "SET lock_timeout = '1500ms'",
    "SHOW lock_timeout",
    "SET lock_timeout = '2 parsecs'",
    "SET nothing_known = 1",
    "SHOW nothing_known",
    "RESET lock_timeout",
    "SHOW lock_timeout",
    "BEGIN; SET LOCAL statement_timeout = 5000; COMMIT",
    "SHOW statement_timeout",
    "BEGIN READ ONLY; INSERT INTO line VALUES (9, 9)",
    "COMMIT",
    "START TRANSACTION ISOLATION LEVEL REPEATABLE READ; SHOW transaction_isolation; ROLLBACK",
    "COMMIT",
    "SELECT -name FROM item",
    "",
    ";",
    "SELECT pg_sleep(0)",
];

async fn ask(client: &Client, sql: &str) -> String {
    match client.simple_query(sql).await {
        Ok(messages) => {
            let names = messages.iter().find_map(|message| match message {
                tokio_postgres::SimpleQueryMessage::RowDescription(columns) => {
                    let names: Vec<&str> = columns.iter().map(|column| column.name()).collect();
                    Some(names.join(","))
                }
                _ => None,
            });
            format!("[{}] {}", names.unwrap_or_default(), shown(Ok(messages)))
        }
        Err(error) => match error.as_db_error() {
            Some(error) => format!(
                "{} {} | {} | {} | {}.{} {} at {:?}",
                error.code().code(),
                error.message(),
                error.detail().unwrap_or(""),
                error.hint().unwrap_or(""),
                error.table().unwrap_or(""),
                error.column().unwrap_or(""),
                error.constraint().unwrap_or(""),
                error.position().map(|position| format!("{position:?}")),
            ),
            None => format!("closed: {error}"),
        },
    }
}

/// Positions are only told for names and syntax so far.
fn comparable(answer: &str, other: &str) -> String {
    if other.ends_with("at None") {
        let (answer, _) = answer.rsplit_once(" at ").unwrap_or((answer, ""));
        return format!("{answer} at None");
    }
    answer.to_owned()
}

#[test]
fn every_answer_is_that_of_a_real_server() {
    let Some(real) = Real::start() else {
        return;
    };
    outside(async {
        let (_server, address) = loopback(Options::default()).await;
        let simulated = connect(&address).await;
        let real = connect(&real.address()).await;
        simulated.batch_execute(SETUP).await.unwrap();
        real.batch_execute(SETUP).await.unwrap();
        let mut differences = Vec::new();
        for sql in ASKED {
            let (ours, theirs) = (ask(&simulated, sql).await, ask(&real, sql).await);
            if ours != comparable(&theirs, &ours) {
                differences.push(format!("{sql}\n  ours:   {ours}\n  theirs: {theirs}"));
            }
        }
        assert!(differences.is_empty(), "\n{}", differences.join("\n"));
    });
}

#[test]
fn what_is_not_supported_is_named() {
    outside(async {
        let (_server, address) = loopback(Options::default()).await;
        let client = connect(&address).await;
        for (sql, named) in [
            (
                "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
                "CREATE FUNCTION",
            ),
            ("CREATE TABLE t (a inet)", "inet"),
            ("CREATE TEMP TABLE t (a int)", "TEMPORARY"),
            ("SELECT to_tsvector('x')", "to_tsvector"),
            ("SELECT '{{1},{2}}'::int[]", "dimensions"),
        ] {
            let error = client.simple_query(sql).await.unwrap_err();
            let error = error.as_db_error().expect("an answer");
            assert_eq!(error.code().code(), "0A000", "{sql}");
            assert!(error.message().contains(named), "{}", error.message());
        }
        assert_eq!(shown(client.simple_query("SELECT 1").await), "(1) 1");
    });
}
