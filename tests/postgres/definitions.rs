//! Definitions and crashes: wherever a server dies while tables are made,
//! changed and dropped, what it finds again is what was committed, no more
//! and no less; and a standby has the same.

use std::sync::Arc;
use std::time::Duration;

use doublebuy::postgres::{Disk, Options, Replication, Server};
use doublebuy::rt;
use tokio_postgres::Client;

use crate::support::{ADDRESS, connect, shown, simulate};

/// A schedule of one session, one statement a line, and what its tables are
/// asked afterwards.
struct Case {
    steps: &'static str,
    probes: &'static [&'static str],
}

/// Asked of every server: what there is. Sequences may have left numbers out.
const SCHEMA: [&str; 4] = [
    "SELECT relname, relkind, relnatts FROM pg_class WHERE relnamespace = 2200 ORDER BY relname",
    "SELECT table_name, column_name, udt_name, is_nullable FROM information_schema.columns
     ORDER BY table_name, ordinal_position",
    "SELECT tablename, indexname FROM pg_indexes ORDER BY tablename, indexname",
    "SELECT description FROM pg_description ORDER BY description",
];

const ALONE: Case = Case {
    steps: "
        CREATE TABLE t (id serial PRIMARY KEY, name text NOT NULL DEFAULT 'x', n int CHECK (n >= 0))
        INSERT INTO t (n) VALUES (1), (2), (3)
        CREATE INDEX t_n ON t (n)
        CREATE UNIQUE INDEX t_name_n ON t (name, n)
        ALTER TABLE t ADD COLUMN more int DEFAULT 7
        ALTER TABLE t ADD COLUMN twice int GENERATED ALWAYS AS (n * 2) STORED
        UPDATE t SET more = 8, n = 20 WHERE n = 2
        ALTER TABLE t ALTER more TYPE text
        DELETE FROM t WHERE n = 3
        ALTER TABLE t ALTER n SET DEFAULT 5
        ALTER TABLE t ADD CONSTRAINT small CHECK (n < 100)
        ALTER TABLE t ALTER n SET NOT NULL
        ALTER TABLE t DROP CONSTRAINT small
        ALTER TABLE t DROP COLUMN more
        ALTER TABLE t RENAME COLUMN name TO title
        CREATE VIEW v AS SELECT n, title FROM t WHERE n > 1
        COMMENT ON VIEW v IS 'some'
        CREATE TABLE c (t int REFERENCES t ON DELETE CASCADE)
        INSERT INTO c VALUES (1), (2)
        DELETE FROM t WHERE n = 20
        ALTER TABLE t RENAME TO u
        DROP VIEW v
        CREATE SEQUENCE s
        ALTER SEQUENCE s MINVALUE -90 INCREMENT -1 RESTART -1
        COMMENT ON SEQUENCE s IS 'falls'
        COMMENT ON COLUMN u.title IS 'once a name'
        ALTER TABLE u RENAME CONSTRAINT t_pkey TO u_pkey
        DROP INDEX t_n
        TRUNCATE c
        INSERT INTO c VALUES (1)
        CREATE TABLE copy AS SELECT * FROM u
        DROP TABLE c
        DROP SEQUENCE s
        DROP TABLE u
        CREATE TABLE t (other int)
    ",
    probes: &[
        "SELECT n FROM t WHERE n = 20",
        "SELECT twice FROM t ORDER BY n",
        "SELECT twice FROM u ORDER BY n",
        "SELECT n, title FROM v ORDER BY n",
        "SELECT * FROM c ORDER BY t",
        "BEGIN; INSERT INTO t (n) VALUES (-1)",
        "ROLLBACK; BEGIN; INSERT INTO t (n) VALUES (1)",
        "ROLLBACK; BEGIN; INSERT INTO t (n) VALUES (1000)",
        "ROLLBACK; BEGIN; INSERT INTO c VALUES (77)",
        "ROLLBACK; BEGIN; INSERT INTO t DEFAULT VALUES RETURNING n",
        "ROLLBACK; BEGIN; SELECT nextval('s') > 0",
        "ROLLBACK",
    ],
};

/// What a rewrite, a truncation and a new table of an old name leave, when the
/// same transaction changes rows before and after them.
const TOGETHER: Case = Case {
    steps: "
        CREATE TABLE kept (id int PRIMARY KEY, n int)
        INSERT INTO kept VALUES (1, 10), (2, 20), (3, 30)
        CREATE TABLE old (id int PRIMARY KEY)
        INSERT INTO old VALUES (1)
        BEGIN
        INSERT INTO kept VALUES (4, 40)
        UPDATE kept SET n = 11 WHERE id = 1
        ALTER TABLE kept ADD COLUMN more text DEFAULT 'm'
        INSERT INTO kept VALUES (5, 50, 'five')
        UPDATE kept SET n = 22 WHERE id = 2
        DELETE FROM kept WHERE id = 3
        UPDATE kept SET n = 111 WHERE id = 1
        CREATE INDEX kept_n ON kept (n)
        UPDATE kept SET n = 51 WHERE id = 5
        DROP TABLE old
        CREATE TABLE old (id text, also int)
        INSERT INTO old VALUES ('a', 1)
        TRUNCATE old
        INSERT INTO old VALUES ('b', 2)
        CREATE TABLE brief (n int)
        INSERT INTO brief VALUES (1)
        DROP TABLE brief
        COMMIT
        BEGIN
        TRUNCATE kept
        INSERT INTO kept VALUES (9, 90, 'nine')
        ALTER TABLE kept ALTER n TYPE bigint
        INSERT INTO kept VALUES (10, 100, 'ten')
        ALTER TABLE kept DROP COLUMN more
        UPDATE kept SET n = n + 1
        COMMIT
    ",
    probes: &[
        "SELECT id FROM kept WHERE n = 22",
        "SELECT id FROM kept WHERE n = 51",
        "SELECT n FROM kept WHERE id = 1",
        "BEGIN; INSERT INTO kept (id) VALUES (5)",
        "ROLLBACK; BEGIN; DELETE FROM kept WHERE id = 5",
        "ROLLBACK",
    ],
};

const TAKEN_BACK: Case = Case {
    steps: "
        CREATE TABLE kept (id int PRIMARY KEY, n int)
        INSERT INTO kept VALUES (1, 10), (2, 20)
        BEGIN
        ALTER TABLE kept ADD COLUMN more int
        TRUNCATE kept
        INSERT INTO kept VALUES (3, 30, 300)
        ROLLBACK
        BEGIN
        SAVEPOINT a
        DROP TABLE kept
        ROLLBACK TO a
        UPDATE kept SET n = 21 WHERE id = 2
        SAVEPOINT b
        TRUNCATE kept
        CREATE TABLE gone (n int)
        ROLLBACK TO b
        CREATE TABLE there (n int)
        SAVEPOINT c
        ALTER TABLE kept RENAME TO named
        RELEASE c
        INSERT INTO named VALUES (4, 40)
        COMMIT
        DROP TABLE there
    ",
    probes: &[
        "SELECT n FROM kept WHERE id = 2",
        "SELECT n FROM named WHERE id = 2",
    ],
};

impl Case {
    fn steps(&self) -> Vec<&'static str> {
        let lines = self.steps.lines().map(str::trim);
        lines.filter(|line| !line.is_empty()).collect()
    }
}

/// What there is on a server, as a reader of it is told.
async fn state(server: &Server, client: &Client, probes: &[&str]) -> String {
    let mut lines = Vec::new();
    for query in SCHEMA {
        lines.push(shown(client.simple_query(query).await));
    }
    for table in [
        "t", "u", "c", "copy", "kept", "old", "brief", "gone", "there", "named",
    ] {
        let rows = server.committed_rows(table);
        let mut rows: Vec<String> = rows
            .iter()
            .map(|row| format!("{:?}", row.iter().collect::<Vec<_>>()))
            .collect();
        rows.sort();
        lines.push(format!("{table}: {}", rows.join(" ")));
    }
    for probe in probes {
        lines.push(format!(
            "{probe}: {}",
            shown(client.simple_query(probe).await)
        ));
    }
    lines.join("\n")
}

/// When a server dies.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Dies {
    Never,
    /// Its process, while it makes the step's commit safe.
    Process,
    /// Its host, while it does.
    Power,
    /// Its host, once the step is answered.
    PowerAfter,
}

/// What is found after the first `count` steps and a death in the last.
fn found(case: &'static Case, count: usize, dies: Dies) -> String {
    let steps: Vec<&str> = case.steps().into_iter().take(count).collect();
    simulate(1, move |mut world| async move {
        let disk = Disk::new();
        let options = Options {
            sync_ns: 10_000_000,
            ..Options::default()
        };
        let server = world.start(&disk, options.clone(), Arc::new(())).await;
        let client = connect(ADDRESS).await;
        let (last, before) = steps
            .split_last()
            .map_or(("", &[][..]), |(last, all)| (*last, all));
        for step in before {
            client.batch_execute(step).await.unwrap();
        }
        let running = rt::spawn(async move {
            // A server that dies answers nobody.
            drop(client.batch_execute(last).await);
            client
        });
        if matches!(dies, Dies::Never | Dies::PowerAfter) {
            drop(running.await.unwrap());
        }
        rt::sleep(Duration::from_millis(5)).await;
        let server = match dies {
            Dies::Never => server,
            _ => {
                world.kill().await;
                if dies != Dies::Process {
                    disk.lose_power();
                }
                world.start(&disk, options, Arc::new(())).await
            }
        };
        state(&server, &connect(ADDRESS).await, case.probes).await
    })
}

fn every_crash(case: &'static Case) {
    let steps = case.steps();
    let without = (0..=steps.len()).map(|count| found(case, count, Dies::Never));
    let without: Vec<String> = without.collect();
    for (at, step) in steps.iter().enumerate() {
        let (before, after) = (&without[at], &without[at + 1]);
        let count = at + 1;
        // What was written, a process that dies leaves to the system.
        assert_eq!(found(case, count, Dies::Process), *after, "in {step}");
        assert_eq!(found(case, count, Dies::Power), *before, "in {step}");
        assert_eq!(found(case, count, Dies::PowerAfter), *after, "after {step}");
    }
}

#[test]
fn a_crash_at_any_definition_leaves_what_was_committed() {
    every_crash(&ALONE);
}

#[test]
fn a_crash_in_a_transaction_of_definitions_leaves_all_of_it_or_nothing() {
    every_crash(&TOGETHER);
}

#[test]
fn definitions_that_were_taken_back_are_not_found_after_a_crash() {
    every_crash(&TAKEN_BACK);
}

#[test]
fn a_standby_has_the_definitions_of_its_primary() {
    for case in [&ALONE, &TOGETHER, &TAKEN_BACK] {
        simulate(2, move |mut world| async move {
            let follow = |upstream: &str| Options {
                replication: Replication {
                    primary_conninfo: vec![upstream.to_owned()],
                    wal_retrieve_retry_interval_ns: 20_000_000,
                    ..Replication::default()
                },
                ..Options::default()
            };
            let disk = Disk::new();
            let primary = world
                .start(&disk, follow("standby:5432"), Arc::new(()))
                .await;
            let mut host = world.add_host("standby");
            let copy = disk.base_backup();
            let standby = host.start(&copy, follow(ADDRESS), Arc::new(())).await;
            rt::sleep(Duration::from_millis(50)).await;
            let client = connect(ADDRESS).await;
            let readers = (connect(ADDRESS).await, connect("standby:5432").await);
            let mut reads = case.probes.to_vec();
            reads.retain(|probe| probe.starts_with("SELECT"));
            let mut open = false;
            for step in case.steps() {
                client.batch_execute(step).await.unwrap();
                open = (open || step == "BEGIN") && !["COMMIT", "ROLLBACK"].contains(&step);
                if open {
                    continue;
                }
                rt::sleep(Duration::from_millis(50)).await;
                let here = state(&primary, &readers.0, &reads).await;
                assert_eq!(
                    state(&standby, &readers.1, &reads).await,
                    here,
                    "after {step}"
                );
            }
            // It can do all of that itself.
            standby.promote().await.unwrap();
            let promoted = connect("standby:5432").await;
            let here = state(&primary, &readers.0, case.probes).await;
            assert_eq!(state(&standby, &promoted, case.probes).await, here);
        });
    }
}
