//! Runs a schedule on a server, step by step, and tells what came of it.
//!
//! After each step everybody who is busy either answers or waits for a lock.
//! In virtual time whoever has not answered for long waits; a real server is
//! asked. Deadlock checks are over before the next step comes.

use std::sync::Arc;
use std::time::Duration;

use doublebuy::postgres::{Bug, Disk, Options};
use doublebuy::rt;
use parking_lot::Mutex;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use super::generate::Schedule;
use crate::support::{ADDRESS, simulate};

/// Who is asked what a session does.
enum Watch<'a> {
    /// Nobody: time is virtual.
    Virtual,
    /// The server, by another session.
    Server(&'a Client, Duration),
}

struct Lane {
    client: Arc<Client>,
    answer: Arc<Mutex<Option<String>>>,
    busy: bool,
}

/// A real server's sessions and database for schedules.
pub struct Bench {
    lanes: Vec<Lane>,
    observer: Client,
}

pub async fn open(address: &str, database: &str) -> Client {
    let stream = rt::connect(address).await.expect("the server listens");
    let mut config = Config::new();
    config.user("postgres").dbname(database);
    let (client, connection) = config.connect_raw(stream, NoTls).await.expect("a session");
    drop(rt::spawn(async move {
        let _ended = connection.await;
    }));
    client
}

async fn lanes(address: &str, database: &str, count: usize) -> Vec<Lane> {
    let mut lanes = Vec::new();
    for _ in 0..count {
        lanes.push(Lane {
            client: Arc::new(open(address, database).await),
            answer: Arc::default(),
            busy: false,
        });
    }
    lanes
}

impl Bench {
    /// Sessions with a database of their own on a real server.
    pub async fn new(address: &str, database: &str) -> Bench {
        let observer = open(address, "postgres").await;
        let create = format!("CREATE DATABASE {database}");
        observer.batch_execute(&create).await.expect("a database");
        Bench {
            lanes: lanes(address, database, 4).await,
            observer: open(address, database).await,
        }
    }

    /// What the real server makes of a schedule. The longer its
    /// `deadlock_timeout`, the less a busy machine can disturb.
    pub async fn transcript(&mut self, schedule: &Schedule, deadlock: Duration) -> Vec<String> {
        let reset = format!(
            "ROLLBACK; SELECT pg_advisory_unlock_all(); SET deadlock_timeout = {}",
            deadlock.as_millis()
        );
        for lane in &self.lanes {
            lane.client.batch_execute(&reset).await.expect("a reset");
        }
        let drop = "DROP TABLE IF EXISTS a, b CASCADE";
        let setup = format!("{drop};{}", schedule.setup);
        self.observer.batch_execute(&setup).await.expect("a set-up");
        let watch = Watch::Server(&self.observer, deadlock);
        run(&mut self.lanes, &watch, schedule).await
    }
}

/// What the simulated server makes of a schedule.
pub fn simulated(schedule: &Schedule, planted: Option<Bug>, seed: u64) -> Vec<String> {
    let schedule = schedule.clone();
    simulate(seed, move |mut world| async move {
        let options = Options {
            planted,
            ..Options::default()
        };
        let server = world.start(&Disk::new(), options, Arc::new(())).await;
        server.run_script(&schedule.setup).expect("a set-up");
        let mut lanes = lanes(ADDRESS, "postgres", schedule.sessions).await;
        run(&mut lanes, &Watch::Virtual, &schedule).await
    })
}

async fn run(lanes: &mut [Lane], watch: &Watch<'_>, schedule: &Schedule) -> Vec<String> {
    let mut transcript = Vec::new();
    for step in &schedule.steps {
        if lanes[step.session].busy {
            transcript.push(format!("s{} still waits", step.session));
        } else {
            say(lanes, step.session, &step.sql, &mut transcript, watch).await;
        }
    }
    // Whoever can end does, until all have.
    let mut ended = vec![false; schedule.sessions];
    while let Some(session) = (0..schedule.sessions).find(|s| !ended[*s] && !lanes[*s].busy) {
        let end = "ROLLBACK; SELECT pg_advisory_unlock_all()";
        say(lanes, session, end, &mut transcript, watch).await;
        ended[session] = !lanes[session].busy;
    }
    for table in ["a", "b"] {
        let left = format!("SELECT * FROM {table} ORDER BY id, v");
        say(lanes, 0, &left, &mut transcript, watch).await;
    }
    transcript
}

/// One step, and everything that comes of it.
async fn say(
    lanes: &mut [Lane],
    session: usize,
    sql: &str,
    transcript: &mut Vec<String>,
    watch: &Watch<'_>,
) {
    let lane = &mut lanes[session];
    let (client, answer, text) = (lane.client.clone(), lane.answer.clone(), sql.to_owned());
    lane.busy = true;
    drop(rt::spawn(async move {
        let said = shown(client.simple_query(&text).await, text.contains("ORDER BY"));
        *answer.lock() = Some(said);
    }));
    settle(lanes, watch).await;
    for (number, lane) in lanes.iter_mut().enumerate() {
        let answer = lane.answer.lock().take();
        let line = match answer {
            Some(answer) if number == session => format!("s{number}: {sql} -> {answer}"),
            Some(answer) => format!("s{number}: ... -> {answer}"),
            None if number == session => format!("s{number}: {sql} -> waits"),
            None => continue,
        };
        lane.busy = line.ends_with("-> waits");
        transcript.push(line);
    }
}

/// Returns once everybody who is busy has answered or waits.
async fn settle(lanes: &[Lane], watch: &Watch<'_>) {
    let is_done = |lane: &Lane| !lane.busy || lane.answer.lock().is_some();
    match watch {
        Watch::Virtual => rt::sleep(Duration::from_secs(20)).await,
        Watch::Server(observer, deadlock) => {
            // A wait is one once its deadlock check is over.
            let age = deadlock.as_millis() + 12;
            let question = format!(
                "SELECT count(*) FROM pg_stat_activity s LEFT JOIN pg_locks l
                 ON l.pid = s.pid AND NOT l.granted
                 WHERE s.datname = current_database() AND s.state = 'active' AND
                 (clock_timestamp() - l.waitstart > interval '{age} ms'
                 OR s.wait_event = 'SafeSnapshot')"
            );
            for _ in 0..100_000 {
                let undone = lanes.iter().filter(|lane| !is_done(lane)).count();
                if undone == 0 {
                    return;
                }
                rt::sleep(Duration::from_millis(1)).await;
                let undone = lanes.iter().filter(|lane| !is_done(lane)).count();
                if undone == 0 {
                    return;
                }
                let asked = observer.simple_query(&question).await;
                if shown(asked, true) == format!("({undone}) 1") {
                    return;
                }
            }
            panic!("somebody neither answers nor waits");
        }
    }
}

/// Rows, then the tag's count; or the SQLSTATE and the message. Rows without
/// an order are sorted.
fn shown(result: Result<Vec<SimpleQueryMessage>, tokio_postgres::Error>, ordered: bool) -> String {
    let messages = match result {
        Ok(messages) => messages,
        Err(error) => {
            return error.as_db_error().map_or_else(
                || "closed".to_owned(),
                |error| format!("{} {}", error.code().code(), error.message()),
            );
        }
    };
    let mut rows = Vec::new();
    let mut counts = String::new();
    for message in &messages {
        match message {
            SimpleQueryMessage::Row(row) => {
                let values = (0..row.len()).map(|at| row.get(at).unwrap_or("NULL"));
                rows.push(format!("({})", values.collect::<Vec<_>>().join(",")));
            }
            SimpleQueryMessage::CommandComplete(count) => counts += &count.to_string(),
            _ => {}
        }
    }
    if !ordered {
        rows.sort();
    }
    rows.push(counts);
    rows.join(" ")
}
