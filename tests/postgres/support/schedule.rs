//! Schedules: who runs what, in which order, and what comes of it.
//!
//! A schedule is lines of `session: SQL`. The transcript says for every step
//! what it answered, or that it waits; a step that had to wait is told again
//! when it is done, after the step that let it go on. `session: -- answers`
//! waits for a step that time alone lets go on, and `session: extended: SQL`
//! goes by the extended protocol: only how many rows it touched is told.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use doublebuy::postgres::{Disk, Options};
use doublebuy::rt;
use futures_util::future::{Either, select};
use tokio_postgres::Client;

use super::{ADDRESS, connect, counted, shown, simulate};

type Pending = Pin<Box<dyn Future<Output = String> + Send>>;

/// How to find out that a session waits.
pub trait Waiting: Send {
    /// Returns once the session is known to wait for a lock.
    fn until_waiting(&mut self, pid: &str) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;

    /// Returns once a session that has answered is ready for the next query:
    /// an error is told before the transaction is undone.
    fn until_ready(&mut self, pid: &str) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// In virtual time a session that has not answered for this long waits.
struct Virtual;

impl Waiting for Virtual {
    fn until_waiting(&mut self, _: &str) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(rt::sleep(Duration::from_millis(100)))
    }

    fn until_ready(&mut self, _: &str) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }
}

struct Session {
    client: Arc<Client>,
    pid: String,
    pending: Option<(String, Pending)>,
}

/// Runs a schedule against a server; `setup` comes first, on a session of
/// its own.
pub async fn run(address: &str, setup: &str, schedule: &str, waiting: &mut dyn Waiting) -> String {
    let first = connect(address).await;
    first.batch_execute(setup).await.expect("the set-up runs");
    let mut sessions: BTreeMap<String, Session> = BTreeMap::new();
    let mut transcript = String::new();
    for line in schedule.lines().map(str::trim).filter(|l| !l.is_empty()) {
        let (name, sql) = line.split_once(": ").expect("session: SQL");
        if sql == "-- answers" {
            let session = sessions.get_mut(name).expect("a session");
            let (sql, future) = session.pending.take().expect("it waits");
            let answer = future.await;
            waiting.until_ready(&session.pid).await;
            writeln!(transcript, "{name}: ... {sql} -> {answer}").unwrap();
        } else {
            if !sessions.contains_key(name) {
                sessions.insert(name.to_owned(), open(address).await);
            }
            let session = sessions.get_mut(name).unwrap();
            assert!(session.pending.is_none(), "{name} still waits");
            let client = session.client.clone();
            let text = sql.to_owned();
            let future: Pending = Box::pin(async move {
                match text.strip_prefix("extended: ") {
                    None => shown(client.simple_query(&text).await),
                    Some(text) => counted(client.execute(text, &[]).await),
                }
            });
            match settle(future, &session.pid, waiting).await {
                Ok(answer) => writeln!(transcript, "{name}: {sql} -> {answer}").unwrap(),
                Err(future) => {
                    writeln!(transcript, "{name}: {sql} -> waits").unwrap();
                    session.pending = Some((sql.to_owned(), future));
                }
            }
        }
        finish(&mut sessions, &mut transcript, waiting).await;
    }
    transcript
}

async fn open(address: &str) -> Session {
    let client = connect(address).await;
    let pid = shown(client.simple_query("SELECT pg_backend_pid()").await);
    let pid = pid.trim_start_matches('(').split(')').next().unwrap_or("");
    Session {
        pid: pid.to_owned(),
        client: Arc::new(client),
        pending: None,
    }
}

/// Gives a step its time: its answer, or the step if it waits.
async fn settle(future: Pending, pid: &str, waiting: &mut dyn Waiting) -> Result<String, Pending> {
    let answer = match select(future, waiting.until_waiting(pid)).await {
        Either::Left((answer, _)) => answer,
        Either::Right(((), future)) => return Err(future),
    };
    waiting.until_ready(pid).await;
    Ok(answer)
}

/// Tells what has been let go on, until everybody answered or waits. What
/// goes on together is told in the order of the sessions' names.
async fn finish(
    sessions: &mut BTreeMap<String, Session>,
    transcript: &mut String,
    waiting: &mut dyn Waiting,
) {
    let mut lines = Vec::new();
    loop {
        let before = lines.len();
        for (name, session) in sessions.iter_mut() {
            let Some((sql, future)) = session.pending.take() else {
                continue;
            };
            match settle(future, &session.pid, waiting).await {
                Ok(answer) => lines.push(format!("{name}: ... {sql} -> {answer}\n")),
                Err(future) => session.pending = Some((sql, future)),
            }
        }
        if lines.len() == before {
            break;
        }
    }
    lines.sort();
    transcript.extend(lines);
}

/// The transcript of a schedule on the simulated server, in a simulation.
pub fn simulated(options: Options, setup: &str, schedule: &str) -> String {
    let (setup, schedule) = (setup.to_owned(), schedule.to_owned());
    simulate(1, |mut world| async move {
        world.start(&Disk::new(), options, Arc::new(())).await;
        run(ADDRESS, &setup, &schedule, &mut Virtual).await
    })
}

/// A schedule without the indentation of the source that it stands in.
pub fn plain(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.fold(String::new(), |mut out, line| {
        out.push_str(line);
        out.push('\n');
        out
    })
}
