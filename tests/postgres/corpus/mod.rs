//! A corpus of statements by theme, each asked of the simulated server and of
//! a real PostgreSQL 15: columns, rows, counts, and of errors the SQLSTATE and
//! the message must be the same.
//!
//! A file is run from its top on an empty database, so statements build on
//! those before them. Rows count in their order where the statement says ORDER
//! BY. After `-- refused`, the simulated server may answer 0A000. What comes
//! after `-- 15.18` is compared with that release only: later ones answer
//! otherwise.
//!
//! What is told beside an answer counts too. An error's hint counts as well,
//! and its position where the simulated server gives one. With CORPUS=name one
//! file is asked, and with CORPUS_FIELDS=1 its detail counts too, and every
//! position.

use doublebuy::postgres::Options;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_postgres::error::DbError;
use tokio_postgres::{Client, SimpleQueryMessage};

use crate::support::real::Real;
use crate::support::{connect_for_notices, loopback, outside};

pub const FILES: &[(&str, &str)] = &[
    ("literals", include_str!("literals.sql")),
    ("functions", include_str!("functions.sql")),
    ("times", include_str!("times.sql")),
    ("intervals", include_str!("intervals.sql")),
    ("numerics", include_str!("numerics.sql")),
    ("formats", include_str!("formats.sql")),
    ("identities", include_str!("identities.sql")),
    ("json", include_str!("json.sql")),
    ("json_text", include_str!("json_text.sql")),
    ("arrays", include_str!("arrays.sql")),
    ("queries", include_str!("queries.sql")),
    ("opened", include_str!("opened.sql")),
    ("ordered", include_str!("ordered.sql")),
    ("aggregates", include_str!("aggregates.sql")),
    ("catalog", include_str!("catalog.sql")),
    ("changes", include_str!("changes.sql")),
    ("conflicts", include_str!("conflicts.sql")),
    ("constraints", include_str!("constraints.sql")),
    ("deferred", include_str!("deferred.sql")),
    ("cursors", include_str!("cursors.sql")),
    ("dependencies", include_str!("dependencies.sql")),
    ("definitions", include_str!("definitions.sql")),
    ("comments", include_str!("comments.sql")),
    ("complaints", include_str!("complaints.sql")),
    ("deparsed", include_str!("deparsed.sql")),
    ("drivers", include_str!("drivers.sql")),
    ("generated", include_str!("generated.sql")),
    ("locks", include_str!("locks.sql")),
    ("maintenance", include_str!("maintenance.sql")),
    ("parameters", include_str!("parameters.sql")),
    ("relations", include_str!("relations.sql")),
    ("renamed", include_str!("renamed.sql")),
    ("sequences", include_str!("sequences.sql")),
    ("settings", include_str!("settings.sql")),
    ("tables", include_str!("tables.sql")),
    ("transactions", include_str!("transactions.sql")),
    ("views", include_str!("views.sql")),
];

/// One statement of a file.
#[derive(Default)]
pub struct Asked {
    pub sql: String,
    may_be_refused: bool,
    /// Later releases have another answer.
    of_this_release: bool,
}

/// The release that the simulated server is of.
const RELEASE: u32 = 150_018;

/// A statement ends with a semicolon at the end of a line.
pub fn statements(file: &str) -> Vec<Asked> {
    let mut statements = Vec::new();
    let mut next = Asked::default();
    for line in file.lines() {
        next.may_be_refused |= line.starts_with("-- refused");
        next.of_this_release |= line.starts_with("-- 15.18");
        if line.starts_with("--") || line.trim().is_empty() {
            continue;
        }
        next.sql.push_str(line);
        match line.strip_suffix(';') {
            Some(_) => {
                next.sql.pop();
                statements.push(std::mem::take(&mut next));
            }
            None => next.sql.push('\n'),
        }
    }
    statements
}

/// dependent_objects_still_exist: the detail is what counts.
const DEPENDENT: &str = "2BP01";

/// True if nothing of an error is left out.
fn all_fields() -> bool {
    std::env::var_os("CORPUS_FIELDS").is_some()
}

/// True if the real server's answer is ours, with a position where we have
/// none.
fn is_answer(theirs: &str, ours: &str) -> bool {
    let unplaced = ours.strip_suffix(" at None").filter(|_| !all_fields());
    theirs == ours
        || unplaced.is_some_and(|ours| {
            let rest = theirs.strip_prefix(ours);
            rest.is_some_and(|rest| rest.starts_with(" at Some("))
        })
}

/// A connection, with what a server says beside its answers.
type Asking = (Client, UnboundedReceiver<DbError>);

async fn ask((client, notices): &mut Asking, sql: &str) -> String {
    let answer = client.simple_query(sql).await;
    let told: Vec<DbError> = std::iter::from_fn(|| notices.try_recv().ok()).collect();
    let messages = match answer {
        Ok(messages) => messages,
        Err(error) => {
            return match error.as_db_error() {
                Some(error) => {
                    let (code, message) = (error.code().code(), error.message());
                    let (hint, position) = (error.hint(), error.position());
                    let detail = error.detail();
                    let detail = detail.filter(|_| all_fields() || code == DEPENDENT);
                    format!("{code} {message} {detail:?} {hint:?} at {position:?}")
                }
                None => format!("closed: {error}"),
            };
        }
    };
    let mut rows = Vec::new();
    let said = |notice: &DbError| {
        let (severity, message) = (notice.severity(), notice.message());
        let detail = notice.detail().unwrap_or_default();
        format!("{severity}: {message} {detail}")
    };
    let told = told.iter().filter(|notice| notice.severity() != "INFO");
    let mut rest: Vec<String> = told.map(said).collect();
    for message in &messages {
        match message {
            SimpleQueryMessage::Row(row) => {
                let values = (0..row.len()).map(|i| row.get(i).unwrap_or("NULL"));
                rows.push(format!("({})", values.collect::<Vec<_>>().join(",")));
            }
            SimpleQueryMessage::RowDescription(columns) => {
                let names: Vec<&str> = columns.iter().map(|column| column.name()).collect();
                rest.push(format!("[{}]", names.join(",")));
            }
            SimpleQueryMessage::CommandComplete(count) => rest.push(count.to_string()),
            _ => {}
        }
    }
    if !sql.to_lowercase().contains("order by") {
        rows.sort();
    }
    format!("{} {}", rest.join(" "), rows.join(" "))
}

#[test]
fn the_corpus_is_answered_as_by_a_real_server() {
    let Some(real) = Real::start() else {
        return;
    };
    let release = real.release();
    let only = std::env::var("CORPUS").ok();
    let mut differences = Vec::new();
    let mut count = 0;
    for (name, file) in FILES {
        if only.as_ref().is_some_and(|only| only != name) {
            continue;
        }
        outside(async {
            let (_server, address) = loopback(Options::default()).await;
            let mut simulated = connect_for_notices(&address).await;
            let mut real = connect_for_notices(&real.address()).await;
            let clean = "DROP SCHEMA public CASCADE; CREATE SCHEMA public";
            real.0.batch_execute(clean).await.unwrap();
            while real.1.try_recv().is_ok() {}
            for asked in statements(file) {
                count += 1;
                let sql = &asked.sql;
                let (ours, theirs) = (ask(&mut simulated, sql).await, ask(&mut real, sql).await);
                let refused = asked.may_be_refused && ours.starts_with("0A000");
                let another = asked.of_this_release && release != RELEASE;
                if !is_answer(&theirs, &ours) && !refused && !another {
                    differences.push(format!(
                        "{name}: {sql}\n  ours:   {ours}\n  theirs: {theirs}"
                    ));
                }
            }
        });
    }
    println!("{count} statements");
    let total = differences.len();
    assert!(
        differences.is_empty(),
        "\n{}\n{total} of {count} differ",
        differences.join("\n")
    );
}
