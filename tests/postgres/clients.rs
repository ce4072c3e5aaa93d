//! PostgreSQL's own clients, psql and pgbench, at `doublebuy serve postgres`.
//!
//! What psql prints is held against what it prints at a real server.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::served::Served;
use crate::support::real::Real;

/// A client of PostgreSQL 15, where this machine has it.
fn client(name: &str) -> Option<PathBuf> {
    let path = Path::new("/usr/lib/postgresql/15/bin").join(name);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: no {name} binary at {}", path.display());
    None
}

/// A client's command at a server, deaf to this machine's settings.
fn at(client: &Path, address: &str) -> Command {
    let (host, port) = address.split_once(':').unwrap();
    let mut command = Command::new(client);
    command
        .env_clear()
        .env("PGHOST", host)
        .env("PGPORT", port)
        .env("PGUSER", "postgres")
        .env("PGDATABASE", "postgres")
        .env("PGAPPNAME", "clients")
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
    command
}

/// A file of this test's, removed when dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, text: &str) -> Scratch {
        let file = format!("doublebuy-clients-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(file);
        std::fs::write(&path, text).unwrap();
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

/// What psql says to its arguments and its input: both outputs, and how it
/// ends.
fn psql(address: &str, arguments: &[&str], input: &str) -> Option<String> {
    let mut child = at(&client("psql")?, address)
        .arg("-X")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some(format!(
        "{}{}exit {:?}\n",
        text(&output.stdout),
        text(&output.stderr),
        output.status.code()
    ))
}

/// Each a list of arguments, run in this order on one database.
const CALLS: &[&[&str]] = &[
    &[
        "-c",
        "CREATE TABLE item (id int PRIMARY KEY, name text NOT NULL, price numeric(8,2) CHECK (price > 0))",
    ],
    &[
        "-c",
        "INSERT INTO item VALUES (1, 'lamp', 9.5), (2, 'chair', 40)",
    ],
    &["-c", "SELECT * FROM item ORDER BY id"],
    &["-At", "-c", "SELECT count(*), sum(price) FROM item"],
    &["-x", "-c", "SELECT * FROM item ORDER BY id LIMIT 1"],
    &["-c", "SELECT 1 AS one", "-c", "SELECT 2 AS two"],
    &["-c", "SELECT 1; SELECT nothing; SELECT 2"],
    &["-c", "SELECT id, nothing FROM item"],
    &["-c", "SELECT id\nFROM item\nWHERE nothing = 1"],
    &["-c", "SELEC 1"],
    &["-c", "SELECT * FROM"],
    &["-c", "SELECT (1"],
    &["-c", "SELECT 'open"],
    &["-c", "SELECT * FROM nowhere"],
    &["-c", "INSERT INTO item VALUES (1, 'again', 1)"],
    &["-c", "INSERT INTO item VALUES (3, NULL, 1)"],
    &["-c", "INSERT INTO item VALUES (3, 'free', 0)"],
    &["-c", "DROP TABLE IF EXISTS nowhere"],
    &["-c", "COMMIT"],
    &[
        "-q",
        "-1",
        "-c",
        "INSERT INTO item VALUES (4, 'desk', 80)",
        "-c",
        "INSERT INTO item VALUES (4, 'desk', 80)",
    ],
    &["-c", "COPY item TO STDOUT"],
    &[
        "-c",
        "\\copy (SELECT name, id FROM item ORDER BY id) TO STDOUT CSV HEADER",
    ],
    &["-c", "COPY nowhere TO STDOUT"],
    &["-c", "COPY item (nothing) TO STDOUT"],
    &[
        "-c",
        "COPY (SELECT name, id FROM item ORDER BY id DESC) TO STDOUT",
    ],
    &["-c", "\\copy item (id, name) to stdout"],
    &["-c", "VACUUM item", "-c", "ANALYZE VERBOSE nowhere"],
    &[
        "-c",
        "BEGIN; UPDATE item SET price = 10 WHERE id = 1 RETURNING *; ROLLBACK",
    ],
    &[
        "-At",
        "-c",
        "SELECT current_setting('server_version_num')::int / 10000",
    ],
    &[
        "-At",
        "-c",
        "SELECT current_database(), current_user, current_schema()",
    ],
];

/// What psql is asked to describe.
const DESCRIBED: &str = "\
CREATE TABLE item (id int PRIMARY KEY, name text NOT NULL, price numeric(8,2) CHECK (price > 0));
CREATE SEQUENCE numbers AS smallint CYCLE;
CREATE TABLE place (item int REFERENCES item ON DELETE CASCADE, at text UNIQUE, n serial,
    v varchar(5)[], g int GENERATED ALWAYS AS IDENTITY, t timestamp(3) DEFAULT now(),
    twice int GENERATED ALWAYS AS (n * 2) STORED);
CREATE VIEW cheap AS SELECT id, name FROM item WHERE price < 20;
CREATE INDEX place_low ON place (lower(at) DESC) WHERE item > 3;
COMMENT ON TABLE item IS 'things';
COMMENT ON COLUMN item.id IS 'number';
INSERT INTO item VALUES (1, 'lamp', 9.5);
";

/// Its describing commands, each on its own.
const DESCRIBING: &str = r"\d \d+ \dt \dt+ \di \di+ \ds \ds+ \dv \dv+ \dm \dE \dn \dn+ \dT \dT+ \dT-int4
\df \df+ \df-nothing \du \du+ \dg \dp \z \db \dd \dD \dA \dA+ \dC-nothing \dc-nothing \do-nothing
\da-nothing \dL-nothing \dO-nothing \dF-nothing \des \det \deu \dew \dP \drds \dRp \dRs \dy \dX \ddp
\conninfo \encoding \l-postgres \dconfig-nothing \sf-nothing \sv-nothing \d-nothing
\d-item \d+-item \d-place \d+-place \d-numbers \d+-numbers \d-cheap \d+-cheap \sv-cheap \sv+-cheap \d-item_pkey \d+-item_pkey
\d-place_low \d+-place_low \d-place_n_seq \dt-pg_catalog.pg_cl* \dt-public.* \dt-*.item \dt-nothing";

/// A script as people write them.
const SCRIPT: &str = r"\set ON_ERROR_STOP off
\set limit 2
\pset null '(none)'
CREATE TABLE orders (
    id serial PRIMARY KEY,
    item int NOT NULL, -- no reference
    note text
);
INSERT INTO orders (item, note)
    VALUES (1, 'a;b'), (2, $$it's$$), (3, NULL);
SELECT *
FROM orders
ORDER BY id LIMIT :limit;
SELECT count(*) AS n FROM orders \gset
\echo there are :n orders
SELECT note FROM orders WHERE id = 3;
SELECT wrong
  FROM orders
 WHERE id = 1;
\echo :SQLSTATE :LAST_ERROR_MESSAGE
BEGIN;
INSERT INTO orders (item) VALUES (9);
SAVEPOINT s;
INSERT INTO orders (id, item) VALUES (1, 1);
SELECT 1;
ROLLBACK TO s;
COMMIT;
COPY orders (item, note) FROM stdin;
7	tab\tbed
8	\N
\.
COPY orders (item) FROM stdin;
seven
\.
\copy (SELECT item, note FROM orders ORDER BY id) to stdout
PREPARE find (int) AS SELECT note FROM orders WHERE item = $1;
EXECUTE find(7);
DEALLOCATE find;
\if :{?n}
SELECT 'conditional' AS branch;
\endif
SELECT 1 AS a, 'x' AS b \gx
SELECT 'SELECT ' || i FROM generate_series(1, 2) AS i \gexec
DROP TABLE orders;
";

#[test]
fn psql_prints_what_it_prints_at_a_real_server() {
    let Some(real) = Real::start() else {
        return;
    };
    let served = Served::start("postgres");
    let script = Scratch::new("script.sql", SCRIPT);
    let script = script.0.to_str().unwrap();
    let mut calls: Vec<(Vec<&str>, &str)> = CALLS.iter().map(|call| (call.to_vec(), "")).collect();
    calls.push((vec!["-f", script], ""));
    calls.push((vec!["-a", "-1", "-f", script], ""));
    calls.push((vec![], SCRIPT));
    calls.push((vec!["-v", "ON_ERROR_STOP=1"], SCRIPT));
    calls.push((
        vec!["-c", "\\copy item from pstdin"],
        "5\tlamp\t1\n6\tbed\t2\n",
    ));
    calls.push((
        vec!["-c", "COPY item FROM STDIN"],
        "7\tlamp\t1\n7\tbed\t2\n",
    ));
    calls.push((vec!["-At", "-c", "SELECT * FROM item ORDER BY id"], ""));
    alike(&served, &real, &calls);
}

#[test]
fn psql_describes_what_it_describes_at_a_real_server() {
    let Some(real) = Real::start() else {
        return;
    };
    let served = Served::start("postgres");
    let commands = DESCRIBING.split_whitespace();
    let commands: Vec<String> = commands.map(|word| word.replace('-', " ")).collect();
    let mut calls = vec![(vec!["-q"], DESCRIBED)];
    calls.extend(commands.iter().map(|command| (vec!["-c", command], "")));
    alike(&served, &real, &calls);
}

/// Has psql do these at both servers, where it must say the same.
fn alike(served: &Served, real: &Real, calls: &[(Vec<&str>, &str)]) {
    let port = |address: &str| address.rsplit(':').next().unwrap().to_owned();
    let (our_port, their_port) = (port(&served.address), port(&real.address()));
    let mut differences = Vec::new();
    for (arguments, input) in calls {
        let Some(ours) = psql(&served.address, arguments, input) else {
            return;
        };
        let theirs = psql(&real.address(), arguments, input).unwrap();
        let theirs = theirs.replace(&their_port, &our_port);
        if ours != theirs {
            let mut pairs = ours.lines().zip(theirs.lines());
            let first = pairs.find(|(ours, theirs)| ours != theirs);
            let (ours, theirs) = first.unwrap_or(("more, or less", ""));
            differences.push(format!(
                "psql {arguments:?}\n  ours:   {ours}\n  theirs: {theirs}"
            ));
        }
    }
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
}

/// pgbench: what it reports, once it has ended well.
fn pgbench(address: &str, arguments: &[&str]) -> Option<String> {
    let output = at(&client("pgbench")?, address)
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.success(), "pgbench {arguments:?}: {said}");
    Some(said)
}

fn one_value(address: &str, sql: &str) -> String {
    let said = psql(address, &["-At", "-c", sql], "").unwrap();
    said.lines().next().unwrap_or_default().to_owned()
}

/// The three ways in which pgbench sends statements.
const MODES: [&str; 3] = ["simple", "extended", "prepared"];

#[test]
fn pgbench_runs_its_own_script_and_the_books_balance() {
    let served = Served::start("postgres");
    let address = &served.address;
    // Every step, and both ways of making rows: drop, create, generate, vacuum,
    // primary and foreign keys.
    for (mode, steps) in MODES.into_iter().zip(["dtgvpf", "dtGvpf", "dtgvp"]) {
        let Some(_) = pgbench(address, &["-i", "-q", "-I", steps]) else {
            return;
        };
        assert_eq!(
            one_value(address, "SELECT count(*) FROM pgbench_accounts"),
            "100000"
        );
        let clients = ["-M", mode, "-c", "4", "-j", "2", "-t", "25"];
        let said = pgbench(address, &clients).unwrap();
        assert!(said.contains("actually processed: 100/100"), "{said}");
        let sums = "SELECT count(*), sum(delta) = (SELECT sum(abalance) FROM pgbench_accounts), \
             sum(delta) = (SELECT sum(tbalance) FROM pgbench_tellers), \
             sum(delta) = (SELECT sum(bbalance) FROM pgbench_branches) FROM pgbench_history";
        assert_eq!(one_value(address, sums), "100|t|t|t", "after -M {mode}");
    }
}

/// Buys from a stock that is too small for all.
const BUY: &str = r"\set buyer random(1, 1000)
BEGIN;
UPDATE stock SET units = units - 1 WHERE id = 1 AND units > 0 RETURNING units \gset
INSERT INTO sold (buyer, units_left) VALUES (:buyer, :units);
COMMIT;
";

#[test]
fn pgbench_runs_a_script_in_every_mode() {
    let served = Served::start("postgres");
    let address = &served.address;
    let script = Scratch::new("buy.sql", BUY);
    let script = script.0.to_str().unwrap();
    for mode in MODES {
        let setup = "DROP TABLE IF EXISTS stock, sold; \
             CREATE TABLE stock (id int PRIMARY KEY, units int); \
             CREATE TABLE sold (buyer int, units_left int UNIQUE); \
             INSERT INTO stock VALUES (1, 120)";
        let Some(said) = psql(address, &["-q", "-c", setup], "") else {
            return;
        };
        assert!(said.ends_with("exit Some(0)\n"), "{said}");
        let arguments = ["-n", "-f", script, "-M", mode, "-c", "5", "-t", "20"];
        let Some(said) = pgbench(address, &arguments) else {
            return;
        };
        assert!(said.contains("actually processed: 100/100"), "{said}");
        let left = "SELECT units, (SELECT count(*) FROM sold), \
             (SELECT min(units_left) FROM sold) FROM stock";
        assert_eq!(one_value(address, left), "20|100|20", "after -M {mode}");
    }
}
