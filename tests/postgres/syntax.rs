//! What is no SQL of this server's: PostgreSQL's own statements are refused
//! with 0A000, by name, and wrong ones are syntax errors where PostgreSQL 15
//! reports them.
//!
//! Each statement stands after one that fails, so that neither server runs
//! it: a text is parsed whole before its first statement runs.

use doublebuy::postgres::Options;
use tokio_postgres::Client;
use tokio_postgres::error::ErrorPosition;

use crate::support::real::Real;
use crate::support::{connect, loopback, outside};

/// PostgreSQL takes each of these, this server none: what it says of it.
const REFUSED: &[(&str, &str)] = &[
    (
        "CREATE FUNCTION stock(i int) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; SELECT i; END",
        "CREATE FUNCTION",
    ),
    (
        "CREATE OR REPLACE PROCEDURE ship(i int) LANGUAGE sql AS 'SELECT 1'",
        "CREATE PROCEDURE",
    ),
    (
        "CREATE TRIGGER audit AFTER UPDATE OF n ON item FOR EACH ROW EXECUTE FUNCTION log_it('a', 1)",
        "CREATE TRIGGER",
    ),
    (
        "CREATE RULE quiet AS ON DELETE TO item DO INSTEAD (SELECT 1; SELECT 2)",
        "CREATE RULE",
    ),
    ("CREATE TYPE state AS ENUM ('new', 'paid')", "CREATE TYPE"),
    (
        "CREATE DOMAIN money_ AS numeric(10, 2) CHECK (VALUE >= 0)",
        "CREATE DOMAIN",
    ),
    (
        "CREATE POLICY own ON item FOR SELECT TO PUBLIC USING (owner = current_user)",
        "CREATE POLICY",
    ),
    (
        "CREATE MATERIALIZED VIEW sold AS SELECT 1 WITH NO DATA",
        "CREATE MATERIALIZED VIEW",
    ),
    (
        "MERGE INTO item t USING item s ON t.id = s.id WHEN MATCHED AND s.n > 0 THEN UPDATE SET n = 1 WHEN NOT MATCHED THEN DO NOTHING",
        "MERGE",
    ),
    ("DO $$ BEGIN NULL; END $$", "DO"),
    ("CALL ship(1)", "CALL"),
    (
        "ALTER TABLE item CLUSTER ON item_pkey",
        "CLUSTER in ALTER TABLE",
    ),
    ("ALTER TABLE item SET SCHEMA shop", "SCHEMA in ALTER TABLE"),
    (
        "ALTER TABLE item ALTER n SET STORAGE PLAIN",
        "SET in ALTER TABLE",
    ),
    (
        "CREATE TABLE part PARTITION OF item FOR VALUES WITH (MODULUS 4, REMAINDER 1)",
        "",
    ),
    (
        "CREATE TABLE typed OF state (PRIMARY KEY (a))",
        "OF in CREATE TABLE",
    ),
    ("CREATE INDEX ON ONLY item (n)", "ONLY in CREATE INDEX"),
    (
        "SELECT * FROM ROWS FROM (generate_series(1, 2), generate_series(1, 3)) AS r",
        "",
    ),
    ("SELECT xmlelement(name foo, xmlattributes(1 AS a))", ""),
    (
        "DECLARE c INSENSITIVE NO SCROLL CURSOR WITHOUT HOLD FOR SELECT 1; SELECT 2",
        "",
    ),
    (
        "COMMENT ON DATABASE postgres IS 'what is sold'; SELECT 2",
        "COMMENT",
    ),
    (
        "SELECT 1; ALTER TABLE item CLUSTER ON item_pkey; SELECT 3",
        "CLUSTER in ALTER TABLE",
    ),
];

/// PostgreSQL takes none of these.
const WRONG: &[&str] = &[
    "SELEC 1",
    "SELECT",
    "SELECT 1 FROM",
    "SELECT FROM WHERE",
    "SELECT a b c",
    "SELECT (1",
    "SELECT 1)",
    "SELECT 1,, 2",
    "SELECT 1 +",
    "SELECT * FROM item WHERE",
    "SELECT * FROM item WHERE AND n = 1",
    "SELECT * FROM item WHERE n = = 1",
    "SELECT * FROM item ORDER n",
    "SELECT * FROM item GROUP n",
    "SELECT * FROM item LIMIT",
    "SELECT * FROM order",
    "SELECT * FROM user WHERE id = 1 FOR",
    "SELECT * FROM item AS left",
    "SELECT * FROM item JOIN line",
    "SELECT * FROM item JOIN line ON",
    "SELECT * FROM item FOR UPDATE SKIP",
    "SELECT * FROM item FOR NO UPDATE",
    "SELECT CASE WHEN 1 THEN 2",
    "SELECT CAST(1 int)",
    "SELECT 123abc",
    "SELECT 1_000",
    "SELECT 0x1F",
    "SELECT 1.5e",
    "SELECT 0.0e+a",
    "SELECT $1a",
    "SELECT 'open",
    "SELECT \"open",
    "SELECT , 'open",
    "SELECT /* open",
    "SELECT a..b FROM item",
    "SELECT {1}",
    "SELECT \\1",
    "SELECT $",
    "SELECT 'é', x x x",
    "SELECT 'a'\n, 'b'\n'c' 'd'",
    "INSERT item VALUES (1)",
    "INSERT INTO item i VALUES (1)",
    "INSERT INTO order VALUES (1)",
    "INSERT INTO item (id, ) VALUES (1)",
    "INSERT INTO item VALUES 1",
    "INSERT INTO item VALUES (1) ON CONFLICT UPDATE",
    "INSERT INTO item VALUES (1) ON DUPLICATE KEY UPDATE n = 1",
    "INSERT OR IGNORE INTO item VALUES (1)",
    "REPLACE INTO item VALUES (1)",
    "UPDATE item n = 1",
    "UPDATE item SET n = 1 LIMIT 1",
    "UPDATE item SET n",
    "UPDATE item SET WHERE id = 1",
    "DELETE item WHERE id = 1",
    "DELETE item FROM item",
    "DELETE FROM item WHERE id = 1 LIMIT 1",
    "CREATE TABLE order (id int)",
    "CREATE TABLE t (order int)",
    "CREATE TABLE t (id int NOT NUL)",
    "CREATE TABLE t (id int AUTO_INCREMENT)",
    "CREATE TABLE t (id int,)",
    "CREATE TABLE t id int",
    "CREATE TABLE (id int)",
    "CREATE INDEX ON item",
    "CREATE INDEX ON item ()",
    "CREATE UNIQUE TABLE t (id int)",
    "DROP TABLE",
    "DROP TABLE IF item",
    "ALTER TABLE item ADD COLUMN",
    "ALTER TABLE item MODIFY n int",
    "ALTER TABLE item DROP",
    "TRUNCATE",
    "BEGIN ISOLATION LEVEL SNAPSHOT",
    "BEGIN READ",
    "SET x",
    "SET TRANSACTION ISOLATION LEVEL",
    "SHOW",
    "SHOW a b",
    "SHOW TABLES FROM x",
    "SAVEPOINT",
    "ROLLBACK TO",
    "LOCK item",
    "LOCK TABLE item IN SHARED MODE",
    "GRANT foo bar",
    "GRANT SELECT ON item",
    "CREATE FUNCTION f RETURNS int",
    "CREATE TYPE",
    "DROP FUNCTION ()",
    "MERGE INTO item USING item ON true WHEN MATCHED THEN INSERT DEFAULT VALUES",
    "SELECT 1; SELECT 2 FROM; SELECT 3",
    "GRANT SELECT ON item TO bob; SELEC 1",
];

/// The SQLSTATE, the message and the position of the error.
async fn verdict(client: &Client, sql: &str) -> (String, String, Option<u32>) {
    let error = client
        .simple_query(&format!("SELECT 1 / 0; {sql}"))
        .await
        .unwrap_err();
    let error = error.as_db_error().unwrap();
    let position = match error.position() {
        Some(ErrorPosition::Original(at)) => Some(*at),
        _ => None,
    };
    let code = error.code().code().to_owned();
    (code, error.message().to_owned(), position)
}

#[test]
fn statements_of_postgresql_are_refused_by_name() {
    outside(async {
        let (_server, address) = loopback(Options::default()).await;
        let client = connect(&address).await;
        for (sql, what) in REFUSED {
            let (code, message, _) = verdict(&client, sql).await;
            assert_eq!(code, "22012", "{sql}: {message}");
            if what.is_empty() {
                continue;
            }
            let error = client.simple_query(sql).await.unwrap_err();
            let error = error.as_db_error().unwrap();
            assert_eq!(error.code().code(), "0A000", "{sql}");
            let message = format!("{what} is not supported by this server");
            assert_eq!(error.message(), message, "{sql}");
            assert!(error.position().is_some(), "{sql}");
        }
    });
}

#[test]
fn a_failed_block_still_parses() {
    outside(async {
        let (_server, address) = loopback(Options::default()).await;
        let client = connect(&address).await;
        client
            .simple_query("BEGIN; SELECT 1 / 0")
            .await
            .unwrap_err();
        for (sql, code) in [
            ("SELEC 1", "42601"),
            ("MERGE x", "42601"),
            ("DO ''", "25P02"),
        ] {
            let error = client.simple_query(sql).await.unwrap_err();
            assert_eq!(error.code().unwrap().code(), code, "{sql}");
        }
    });
}

#[test]
fn syntax_errors_are_where_a_real_server_has_them() {
    let Some(real) = Real::start() else {
        return;
    };
    let mut differences = Vec::new();
    outside(async {
        let (_server, address) = loopback(Options::default()).await;
        let simulated = connect(&address).await;
        let real = connect(&real.address()).await;
        for sql in WRONG.iter().chain(REFUSED.iter().map(|(sql, _)| sql)) {
            let (ours, theirs) = (verdict(&simulated, sql).await, verdict(&real, sql).await);
            if ours != theirs {
                differences.push(format!("{sql}\n  ours:   {ours:?}\n  theirs: {theirs:?}"));
            }
        }
    });
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
}
