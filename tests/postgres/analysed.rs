//! What Parse and Bind leave behind: the locks of a statement's tables until
//! the transaction ends, and what the statement will see. The simulated server
//! and a real PostgreSQL 15 must agree.

use doublebuy::postgres::Options;
use tokio_postgres::Client;

use crate::support::real::Real;
use crate::support::{connect, loopback, outside};

/// Statements that are parsed and not run.
const PARSED: [&str; 9] = [
    "SELECT n FROM parsed",
    "SELECT n FROM parsed FOR UPDATE",
    "INSERT INTO other SELECT n FROM parsed",
    "DELETE FROM parsed",
    "DECLARE c CURSOR FOR SELECT n FROM parsed",
    "CREATE TABLE copied AS SELECT n FROM parsed",
    "PREPARE p AS SELECT n FROM parsed",
    "LOCK TABLE parsed",
    "SELECT nothing FROM parsed",
];

/// What somebody else can lock the table in.
async fn asked(other: &Client) -> String {
    let mut granted = Vec::new();
    for mode in ["SHARE", "EXCLUSIVE", "ACCESS EXCLUSIVE"] {
        let text = format!("BEGIN; LOCK TABLE parsed IN {mode} MODE NOWAIT; COMMIT");
        match other.batch_execute(&text).await {
            Ok(()) => granted.push(mode),
            Err(error) => assert_eq!(error.code().unwrap().code(), "55P03"),
        }
        other.batch_execute("ROLLBACK").await.unwrap();
    }
    granted.join(", ")
}

async fn parsing(address: &str) -> Vec<String> {
    let (holder, other) = (connect(address).await, connect(address).await);
    let schema = "CREATE TABLE parsed (n int); CREATE TABLE other (n int);
                  INSERT INTO parsed VALUES (1)";
    holder.batch_execute(schema).await.unwrap();
    let mut seen = Vec::new();
    for sql in PARSED {
        for begin in ["", "BEGIN ISOLATION LEVEL REPEATABLE READ"] {
            holder.batch_execute(begin).await.unwrap();
            // One of them is refused, and fails its transaction: PostgreSQL
            // says so before it lets go of the locks.
            let parsed = holder.prepare(sql).await;
            if parsed.is_err() {
                holder.batch_execute("").await.unwrap();
            }
            let free = asked(&other).await;
            let add = "INSERT INTO parsed VALUES (2)";
            other.batch_execute(add).await.unwrap();
            let count = holder.query_one("SELECT count(*) FROM parsed", &[]).await;
            let count = count.map_or(-1, |row| row.get::<_, i64>(0));
            seen.push(format!("{begin} {sql}: {free}; {count}"));
            let end = "ROLLBACK; DELETE FROM parsed WHERE n = 2";
            holder.batch_execute(end).await.unwrap();
        }
    }
    holder.batch_execute("BEGIN; SAVEPOINT s").await.unwrap();
    holder.prepare(PARSED[0]).await.unwrap();
    holder.batch_execute("ROLLBACK TO s").await.unwrap();
    seen.push(format!("rolled back: {}", asked(&other).await));
    seen
}

async fn binding(address: &str) -> Vec<String> {
    let (mut holder, other) = (connect(address).await, connect(address).await);
    let mut seen = Vec::new();
    for sql in [
        "SELECT n FROM parsed",
        "SELECT n FROM parsed FOR UPDATE",
        "UPDATE parsed SET n = n RETURNING n",
        "WITH w AS (UPDATE parsed SET n = n RETURNING n) SELECT n FROM w",
    ] {
        let statement = holder.prepare(sql).await.unwrap();
        for level in ["READ COMMITTED", "REPEATABLE READ"] {
            let transaction = holder.transaction().await.unwrap();
            let begin = format!("SET TRANSACTION ISOLATION LEVEL {level}");
            transaction.batch_execute(&begin).await.unwrap();
            let portal = transaction.bind(&statement, &[]).await.unwrap();
            let free = asked(&other).await;
            let add = "INSERT INTO parsed VALUES (2)";
            other.batch_execute(add).await.unwrap();
            let add = "INSERT INTO parsed VALUES (3)";
            transaction.batch_execute(add).await.unwrap();
            let rows = transaction.query_portal(&portal, 0).await.unwrap();
            let rows: Vec<i32> = rows.iter().map(|row| row.get(0)).collect();
            seen.push(format!("{sql}, {level}: {free}; {rows:?}"));
            transaction.rollback().await.unwrap();
            let end = "DELETE FROM parsed WHERE n > 1";
            other.batch_execute(end).await.unwrap();
        }
    }
    seen
}

/// How long a statement has may run out before it is executed.
async fn timed_out(address: &str) -> Vec<String> {
    let other = connect(address).await;
    let mut seen = Vec::new();
    for setting in ["lock_timeout", "statement_timeout"] {
        other.batch_execute("BEGIN; LOCK parsed").await.unwrap();
        // Of its own: to take the limit back would have to keep to it.
        let holder = connect(address).await;
        let set = format!("SET {setting} = 20");
        holder.batch_execute(&set).await.unwrap();
        let refused = holder.prepare("SELECT n FROM parsed").await.unwrap_err();
        seen.push(refused.as_db_error().unwrap().message().to_owned());
        other.batch_execute("ROLLBACK").await.unwrap();
    }
    seen
}

async fn all(address: &str) -> Vec<String> {
    let mut seen = parsing(address).await;
    seen.extend(binding(address).await);
    seen.extend(timed_out(address).await);
    seen
}

#[test]
fn a_statement_holds_its_tables_from_its_parse_and_sees_them_as_of_its_bind() {
    let Some(real) = Real::start() else { return };
    let expected = outside(all(&real.address()));
    let found = outside(async {
        let (_server, address) = loopback(Options::default()).await;
        all(&address).await
    });
    assert_eq!(found, expected);
}
