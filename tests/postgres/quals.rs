//! The order in which conditions are asked, as errors tell it: each condition
//! of a pair fails in its own way, and the one that is asked first is heard.
//! The simulated server and a real PostgreSQL 15 must agree on every pair.

use doublebuy::postgres::Options;
use tokio_postgres::Client;

use crate::support::real::Real;
use crate::support::{connect, loopback, outside};

const SETUP: &str = "
    CREATE TABLE t (id int PRIMARY KEY, a int, b bigint, c smallint, s text, v varchar(9), f bool);
    INSERT INTO t VALUES (1, 1, 0, 1, 'x', 'x', true);
    CREATE TABLE u (n int);
    INSERT INTO u VALUES (1);
    CREATE SEQUENCE q;
";

/// Conditions with a `$` in which a number stands that fails to be one.
const CONDITIONS: [&str; 34] = [
    "$ = 1",
    "$ <> 1",
    "$ IS NULL",
    "($ = 1) IS NOT TRUE",
    "($ = 1) = false",
    "NOT $ = 1",
    "$ IN (1, 2)",
    "$ IN (1, 2, 3, 4, 5)",
    "$ IN (1, 2, 3, 4, 5, 6, 7, 8, 9)",
    "$ NOT IN (1, 2, 3)",
    "$ = ANY ('{1,2,3,4}')",
    "$ BETWEEN 1 AND 5",
    "($ = 1 OR f)",
    "$ + 1 > 0",
    "$::bigint > 0",
    "$::text = 'x'",
    "s || $ = 'x'",
    "v || 'x' LIKE '%' || $",
    "pg_try_advisory_lock($)",
    "pg_try_advisory_lock(b + $)",
    "pg_try_advisory_lock(c, $)",
    "CASE WHEN f THEN $ = 1 ELSE a = 2 END",
    "COALESCE($, 1) = 1",
    "greatest($, 1) = 1",
    "nullif($, 1) = 1",
    "$ IS DISTINCT FROM 1",
    "abs($) > 1",
    "$ > (SELECT max(n) FROM u)",
    "$ NOT IN (SELECT n FROM u)",
    "(SELECT $) = 1",
    "(SELECT n FROM u WHERE n = $) = 1",
    "nextval('q') + $ > 0",
    "-$ > now()::date - '2000-01-01'::date",
    "$ > 1 AND f",
];

/// What the first of them says that fails.
async fn first(client: &Client, one: &str, other: &str) -> String {
    let failing = |condition: &str, name: &str| {
        let number = format!("(s || '{name}')::int");
        condition.replace('$', &number)
    };
    let (one, other) = (failing(one, "one"), failing(other, "other"));
    let error = client
        .batch_execute(&format!("SELECT 1 FROM t WHERE {one} AND {other}"))
        .await
        .unwrap_err();
    error.as_db_error().unwrap().message().to_owned()
}

/// Conditions that do something: what they have done in the end.
const DOING: [&str; 8] = [
    "SELECT count(*) FROM t, u WHERE nextval('q') > 0",
    "SELECT count(*) FROM generate_series(1, 3) WHERE nextval('q') > 0",
    "SELECT count(*) FROM t WHERE nextval('q') > 0 AND a = 5",
    "SELECT count(*) FROM t WHERE b = 5 AND nextval('q') > b",
    "SELECT count(*) FROM t WHERE a = 5 AND nextval('q') > b",
    "SELECT count(*) FROM t WHERE nextval('q') > a AND id = 2",
    "SELECT count(*) FROM t WHERE nextval('q') > a AND id = 2 OR f IS NULL",
    "UPDATE t SET a = 1 WHERE nextval('q') > a AND b < 0 AND f IS NULL",
];

async fn all(address: &str) -> Vec<String> {
    let client = connect(address).await;
    client.batch_execute(SETUP).await.unwrap();
    let mut seen = Vec::new();
    for one in CONDITIONS {
        for other in CONDITIONS {
            let first = first(&client, one, other).await;
            seen.push(format!("{one} AND {other}: {first}"));
        }
    }
    for sql in DOING {
        client.batch_execute(sql).await.unwrap();
        let row = client.query_one("SELECT nextval('q')", &[]).await.unwrap();
        seen.push(format!("{sql}: {}", row.get::<_, i64>(0)));
    }
    seen
}

#[test]
fn conditions_are_asked_in_postgresql_s_order() {
    let Some(real) = Real::start() else { return };
    let expected = outside(all(&real.address()));
    let found = outside(async {
        let (_server, address) = loopback(Options::default()).await;
        all(&address).await
    });
    let differ: Vec<_> = found
        .iter()
        .zip(&expected)
        .filter(|(found, expected)| found != expected)
        .collect();
    assert!(differ.is_empty(), "{} differ: {differ:#?}", differ.len());
}
