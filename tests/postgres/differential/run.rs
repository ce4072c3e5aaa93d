//! Runs a schedule on a server, step by step, and tells what came of it.
//!
//! After each step everybody who is busy either answers or waits for a lock.
//! In virtual time whoever has not answered for long waits; a real server is
//! asked. Deadlock checks are over before the next step comes.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use doublebuy::postgres::{Disk, Options};
use doublebuy::rt;
use parking_lot::Mutex;
use tokio_postgres::error::SqlState;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls, SimpleQueryMessage};

use super::extended;
use super::generate::{Schedule, TIMEOUT};
use crate::support::{ADDRESS, simulate};

/// Who is asked what a session does.
enum Watch<'a> {
    /// Nobody: time is virtual.
    Virtual,
    /// The server, by another session.
    Server(&'a Client, Duration),
}

impl Watch<'_> {
    /// A time after which a statement is given up, but before anybody looks
    /// for a deadlock.
    fn short(&self) -> Duration {
        match self {
            Watch::Virtual => Duration::from_millis(600),
            Watch::Server(_, deadlock) => *deadlock * 6 / 10,
        }
    }
}

/// Notifications that a session got, in their order.
type Heard = Arc<Mutex<Vec<String>>>;

struct Lane {
    client: Arc<Client>,
    heard: Heard,
    answer: Arc<Mutex<Option<String>>>,
    busy: bool,
    /// Single statements go by the extended protocol.
    extended: bool,
}

/// A real server's sessions and database for schedules.
pub struct Bench {
    lanes: Vec<Lane>,
    observer: Client,
}

async fn open(address: &str, database: &str) -> (Client, Heard) {
    let stream = rt::connect(address).await.expect("the server listens");
    let mut config = Config::new();
    config.user("postgres").dbname(database);
    let (client, mut connection) = config.connect_raw(stream, NoTls).await.expect("a session");
    let heard = Heard::default();
    let hears = heard.clone();
    drop(rt::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
            if let AsyncMessage::Notification(one) = message {
                hears
                    .lock()
                    .push(format!("{} {}", one.channel(), one.payload()));
            }
        }
    }));
    (client, heard)
}

async fn lanes(address: &str, database: &str, count: usize) -> Vec<Lane> {
    let mut lanes = Vec::new();
    for _ in 0..count {
        let (client, heard) = open(address, database).await;
        lanes.push(Lane {
            client: Arc::new(client),
            heard,
            answer: Arc::default(),
            busy: false,
            extended: false,
        });
    }
    lanes
}

impl Bench {
    /// Sessions with a database of their own on a real server.
    pub async fn new(address: &str, database: &str) -> Bench {
        let (observer, _) = open(address, "postgres").await;
        let create = format!("CREATE DATABASE {database}");
        observer.batch_execute(&create).await.expect("a database");
        Bench {
            lanes: lanes(address, database, 4).await,
            observer: open(address, database).await.0,
        }
    }

    /// What the real server makes of a schedule. The longer its
    /// `deadlock_timeout`, the less a busy machine can disturb.
    pub async fn transcript(&mut self, schedule: &Schedule, deadlock: Duration) -> Vec<String> {
        self.release().await;
        let timeout = format!("SET deadlock_timeout = {}", deadlock.as_millis());
        for lane in &self.lanes {
            for statement in ["ROLLBACK", "DISCARD ALL", &timeout] {
                reset(&lane.client, statement).await;
            }
            lane.heard.lock().clear();
        }
        let drop = "DROP SCHEMA public CASCADE; CREATE SCHEMA public";
        let setup = format!("{drop};{}", schedule.setup);
        self.observer.batch_execute(&setup).await.expect("a set-up");
        let watch = Watch::Server(&self.observer, deadlock);
        run(&mut self.lanes, &watch, schedule).await
    }

    /// Cancels what waits for ever since the last schedule: PostgreSQL does
    /// not see that who waits for a safe snapshot can be in a deadlock.
    async fn release(&mut self) {
        let cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity
                      WHERE datname = current_database() AND state = 'active'
                      AND pid <> pg_backend_pid()";
        let is_stuck = |lane: &Lane| lane.busy && lane.answer.lock().is_none();
        while self.lanes.iter().any(is_stuck) {
            self.observer.batch_execute(cancel).await.expect("a cancel");
            rt::sleep(Duration::from_millis(1)).await;
        }
        for lane in &mut self.lanes {
            lane.answer.lock().take();
            lane.busy = false;
        }
    }
}

/// Asks again for what the timeouts that a schedule has set cancel on a busy
/// machine, until DISCARD ALL has taken them back.
async fn reset(client: &Client, statement: &str) {
    while let Err(error) = client.batch_execute(statement).await {
        assert_eq!(error.code(), Some(&SqlState::QUERY_CANCELED), "{error}");
    }
}

/// Names the schedule that a simulation panics at.
struct Named<'a>(&'a Schedule);

impl Drop for Named<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let steps = self.0.steps.iter();
            let steps: Vec<String> = steps
                .map(|s| format!("s{}: {}", s.session, s.sql))
                .collect();
            eprintln!("{}\n{}", self.0.setup, steps.join("\n"));
        }
    }
}

/// What the simulated server makes of a schedule.
pub fn simulated(schedule: &Schedule, options: &Options, seed: u64) -> Vec<String> {
    let _named = Named(schedule);
    let (schedule, options) = (schedule.clone(), options.clone());
    simulate(seed, move |mut world| async move {
        let server = world.start(&Disk::new(), options, Arc::new(())).await;
        server.run_script(&schedule.setup).expect("a set-up");
        let mut lanes = lanes(ADDRESS, "postgres", schedule.sessions).await;
        run(&mut lanes, &Watch::Virtual, &schedule).await
    })
}

async fn run(lanes: &mut [Lane], watch: &Watch<'_>, schedule: &Schedule) -> Vec<String> {
    let mut transcript = Vec::new();
    for lane in lanes.iter_mut() {
        lane.extended = schedule.extended;
    }
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
    let tables = ["a", "b"].into_iter().filter(|_| !lanes[0].busy);
    for table in tables.collect::<Vec<_>>() {
        let left = format!("SELECT * FROM {table} ORDER BY id, v");
        say(lanes, 0, &left, &mut transcript, watch).await;
    }
    for (number, lane) in lanes.iter().enumerate() {
        if lane.busy {
            transcript.push(format!("s{number} waits for ever"));
            continue;
        }
        // Whoever is idle may be told later; whoever asks is told first.
        let _told = lane.client.simple_query("").await;
        let heard = std::mem::take(&mut *lane.heard.lock());
        if !heard.is_empty() {
            transcript.push(format!("s{number} heard {}", heard.join(", ")));
        }
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
    let text = text.replace(TIMEOUT, &format!("{}ms", watch.short().as_millis()));
    let extended = lane.extended && !text.contains(';');
    lane.busy = true;
    drop(rt::spawn(async move {
        let said = match extended {
            true => extended::shown(extended::ask(&client, &text).await, &text),
            false => shown(client.simple_query(&text).await, &text),
        };
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
            // A wait is one once its deadlock check is over, however late.
            let late = (*deadlock / 2).max(Duration::from_millis(12));
            let age = (*deadlock + late).as_millis();
            let question = format!(
                "SELECT count(*) FROM pg_stat_activity s LEFT JOIN pg_locks l
                 ON l.pid = s.pid AND NOT l.granted
                 WHERE s.datname = current_database() AND s.state = 'active' AND
                 (clock_timestamp() - l.waitstart > interval '{age} ms'
                 OR s.wait_event = 'SafeSnapshot' AND
                 clock_timestamp() - s.query_start > interval '{age} ms')"
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
                if shown(asked, &question) == format!("({undone}) 1") {
                    return;
                }
            }
            panic!("somebody neither answers nor waits");
        }
    }
}

/// The SQLSTATE and the message; which OIDs a server gives is its own affair.
pub fn failed(error: &tokio_postgres::Error) -> String {
    let Some(error) = error.as_db_error() else {
        return "closed".to_owned();
    };
    let (code, message) = (error.code().code(), error.message());
    match message.split_once(" with OID ") {
        Some((what, _)) => format!("{code} {what}"),
        None => format!("{code} {message}"),
    }
}

/// A statement's rows, in their order if it has one, and its tag's count.
pub fn told(mut rows: Vec<String>, count: u64, statement: &str) -> String {
    if !statement.contains("ORDER BY") {
        rows.sort();
    }
    rows.push(count.to_string());
    rows.join(" ")
}

/// Each statement's rows, then its tag's count; or the SQLSTATE and the
/// message. Rows that no ORDER BY of their statement orders are sorted.
fn shown(result: Result<Vec<SimpleQueryMessage>, tokio_postgres::Error>, sql: &str) -> String {
    let messages = match result {
        Ok(messages) => messages,
        Err(error) => return failed(&error),
    };
    let mut statements = sql.split(';');
    let mut rows = Vec::new();
    let mut said = Vec::new();
    for message in &messages {
        match message {
            SimpleQueryMessage::Row(row) => {
                let values = (0..row.len()).map(|at| row.get(at).unwrap_or("NULL"));
                rows.push(format!("({})", values.collect::<Vec<_>>().join(",")));
            }
            SimpleQueryMessage::CommandComplete(count) => {
                let statement = statements.next().unwrap_or_default();
                said.push(told(std::mem::take(&mut rows), *count, statement));
            }
            _ => {}
        }
    }
    said.join(" ")
}
