//! PostgreSQL: a pool of connections, and sessions borrowed from it.
//!
//! What holds here: a connection goes back into the pool only when it is known
//! to be idle, outside any transaction. Whatever ends early - a deadline, a
//! lost connection, a request that was dropped half-way - throws its
//! connection away, and with it whatever its transaction had done.

use std::mem;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use deadpool::managed::{self, Metrics, Object, PoolError, RecycleError, RecycleResult};
use futures_util::TryStreamExt as _;
use futures_util::future::join;
use tokio_postgres::error::{Severity, SqlState};
use tokio_postgres::types::{FromSql, ToSql};
use tokio_postgres::{Client, Config, NoTls, Row, SimpleQueryMessage, Statement};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Options;
use super::error::{Busy, Call, Error};
use crate::rt;

/// The pool, and one for reads if they go elsewhere.
pub(super) struct Database {
    pool: managed::Pool<Manager>,
    reads: Option<managed::Pool<Manager>>,
    deadline: Duration,
}

impl Database {
    /// A pool that connects when it is first asked to.
    pub(super) fn new(options: &Options) -> Database {
        let mut config = Config::new();
        config
            .user(&options.postgres_user)
            .dbname(&options.postgres_database);
        if !options.idle_timeout.is_zero() {
            let timeout_ms = options.idle_timeout.as_millis();
            config.options(format!(
                "-c idle_in_transaction_session_timeout={timeout_ms}"
            ));
        }
        let pool = |hosts: &str, writes| {
            let manager = Manager::new(hosts, writes, config.clone(), options.deadline);
            managed::Pool::builder(manager)
                .max_size(options.pool_size)
                .build()
                .expect("a pool without timeouts needs no runtime")
        };
        Database {
            pool: pool(&options.postgres, true),
            reads: options.replica.as_ref().map(|hosts| pool(hosts, false)),
            deadline: options.deadline,
        }
    }

    /// Borrows a connection, outside any transaction.
    pub(super) async fn session(&self) -> Result<Session, Busy> {
        self.borrow(&self.pool).await
    }

    /// Borrows a connection for reads outside any transaction, which may see
    /// what was true a while ago.
    pub(super) async fn reader(&self) -> Result<Session, Busy> {
        self.borrow(self.reads.as_ref().unwrap_or(&self.pool)).await
    }

    async fn borrow(&self, pool: &managed::Pool<Manager>) -> Result<Session, Busy> {
        match rt::timeout(self.deadline, pool.get()).await {
            Ok(Ok(lease)) => Ok(Session {
                lease: Some(lease),
                deadline: self.deadline,
                state: State::Idle,
            }),
            Ok(Err(PoolError::Backend(error))) => Err(Busy::Connect(error)),
            Ok(Err(_)) | Err(rt::Elapsed) => Err(Busy::Pool),
        }
    }

    /// Borrows a connection and opens a transaction, READ COMMITTED.
    pub(super) async fn begin(&self) -> Result<Session, Busy> {
        let mut session = self.session().await?;
        session.state = State::Begin;
        Ok(session)
    }
}

/// Opens connections for the pool: to the first host that serves, as libpq's
/// `target_session_attrs` has it.
struct Manager {
    hosts: Vec<String>,
    /// Only a server that takes writes will do.
    writes: bool,
    config: Config,
    /// How long one of several hosts is tried.
    patience: Duration,
    /// The host that served last is tried first.
    last: AtomicUsize,
}

impl Manager {
    fn new(hosts: &str, writes: bool, config: Config, deadline: Duration) -> Manager {
        let hosts: Vec<String> = hosts.split(',').map(str::to_owned).collect();
        let share = u32::try_from(hosts.len() + 1).unwrap_or(u32::MAX);
        Manager {
            hosts,
            writes,
            config,
            patience: deadline / share,
            last: AtomicUsize::new(0),
        }
    }

    async fn open(&self, host: &str) -> Result<Connection, Call> {
        let stream = rt::connect(host).await?;
        let (client, driver) = self.config.connect_raw(stream, NoTls).await?;
        let open = CancellationToken::new();
        rt::spawn(open.clone().run_until_cancelled_owned(driver));
        Ok(Connection {
            client,
            statements: Vec::new(),
            _open: open.drop_guard(),
        })
    }

    /// Opens a connection to one of several hosts, if it serves.
    async fn try_host(&self, host: &str) -> Result<Connection, Call> {
        let connection = self.open(host).await?;
        if self.writes {
            let answer = connection.client.simple_query(READ_ONLY).await?;
            let shows = |row: &SimpleQueryMessage| match row {
                SimpleQueryMessage::Row(row) => row.get(0) == Some("on"),
                _ => false,
            };
            if answer.iter().any(shows) {
                return Err(Call::NoPrimary);
            }
        }
        Ok(connection)
    }
}

/// Says `on` on a standby.
const READ_ONLY: &str = "SHOW transaction_read_only";

impl managed::Manager for Manager {
    type Type = Connection;
    type Error = Call;

    async fn create(&self) -> Result<Connection, Call> {
        if let [host] = self.hosts.as_slice() {
            return self.open(host).await;
        }
        let first = self.last.load(Ordering::Relaxed);
        let mut failed = Call::NoPrimary;
        for at in 0..self.hosts.len() {
            let at = (first + at) % self.hosts.len();
            match rt::timeout(self.patience, self.try_host(&self.hosts[at])).await {
                Ok(Ok(connection)) => {
                    self.last.store(at, Ordering::Relaxed);
                    return Ok(connection);
                }
                Ok(Err(error)) => failed = error,
                Err(rt::Elapsed) => failed = Call::Deadline,
            }
        }
        Err(failed)
    }

    async fn recycle(&self, connection: &mut Connection, _: &Metrics) -> RecycleResult<Call> {
        if connection.client.is_closed() {
            return Err(RecycleError::message("connection lost"));
        }
        Ok(())
    }
}

/// A connection, the statements prepared on it, and what closes its socket
/// when it is dropped: the driver alone would first wait for answers.
struct Connection {
    client: Client,
    statements: Vec<(&'static str, Statement)>,
    _open: DropGuard,
}

/// What a statement gave: its rows, and how many it touched.
type Answer = (Vec<Row>, u64);

impl Connection {
    async fn run(
        &mut self,
        begin: bool,
        sql: &'static str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Answer, tokio_postgres::Error> {
        let statement = self.prepare(sql).await?;
        let answer = ask(&self.client, &statement, params);
        if !begin {
            return answer.await;
        }
        // Polled in order, so sent in order, and in one round trip. BEGIN
        // fails only together with its connection.
        let (begun, answer) = join(self.client.batch_execute("BEGIN"), answer).await;
        begun?;
        answer
    }

    /// Each statement is prepared once on a connection. There are too few of
    /// them for a map to be any faster.
    async fn prepare(&mut self, sql: &'static str) -> Result<Statement, tokio_postgres::Error> {
        if let Some((_, statement)) = self.statements.iter().find(|(text, _)| *text == sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql).await?;
        self.statements.push((sql, statement.clone()));
        Ok(statement)
    }
}

async fn ask(
    client: &Client,
    statement: &Statement,
    params: &[&(dyn ToSql + Sync)],
) -> Result<Answer, tokio_postgres::Error> {
    let params = params.iter().copied();
    let mut stream = pin!(client.query_raw(statement, params).await?);
    let mut rows = Vec::new();
    while let Some(row) = stream.try_next().await? {
        rows.push(row);
    }
    let touched = stream.rows_affected().unwrap_or(0);
    Ok((rows, touched))
}

/// A borrowed connection. Dropped in any state but idle, the connection is
/// closed instead of going back.
pub(super) struct Session {
    /// Taken only by `drop`.
    lease: Option<Object<Manager>>,
    deadline: Duration,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Outside any transaction.
    Idle,
    /// `BEGIN` goes out with the next statement.
    Begin,
    /// Inside a transaction.
    Open,
    /// A statement is on its way, or its answer never came: whether the
    /// server is inside a transaction is not known.
    InFlight,
}

impl Session {
    /// Runs a statement that gives at most one row.
    pub(super) async fn query_opt(
        &mut self,
        sql: &'static str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, Busy> {
        let (mut rows, _) = self.run(sql, params).await?;
        Ok(rows.pop())
    }

    /// Runs a statement, and says how many rows it touched.
    pub(super) async fn execute(
        &mut self,
        sql: &'static str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, Busy> {
        let (_, touched) = self.run(sql, params).await?;
        Ok(touched)
    }

    /// Commits. An error says whether the server refused, which is certain,
    /// or was not heard, which is not.
    pub(super) async fn commit(mut self) -> Result<(), Error> {
        if self.client().is_closed() {
            return Err(lost_before_commit());
        }
        if mem::replace(&mut self.state, State::InFlight) == State::Begin {
            self.state = State::Idle;
            return Ok(());
        }
        let commit = self.client().batch_execute("COMMIT");
        match rt::timeout(self.deadline, commit).await {
            Ok(Ok(())) => {
                self.state = State::Idle;
                Ok(())
            }
            Ok(Err(error)) if is_answer(&error) => {
                self.state = State::Idle;
                Err(Busy::CommitRefused(error).into())
            }
            Ok(Err(error)) => Err(Error::UnknownOutcome(error.into())),
            Err(rt::Elapsed) => Err(Error::UnknownOutcome(Call::Deadline)),
        }
    }

    /// Rolls back. If that fails the connection is thrown away, which does
    /// the same.
    pub(super) async fn rollback(mut self) {
        match mem::replace(&mut self.state, State::InFlight) {
            State::Idle | State::Begin => self.state = State::Idle,
            State::InFlight => {}
            State::Open => {
                let rollback = self.client().batch_execute("ROLLBACK");
                if let Ok(Ok(())) = rt::timeout(self.deadline, rollback).await {
                    self.state = State::Idle;
                }
            }
        }
    }

    async fn run(
        &mut self,
        sql: &'static str,
        params: &[&(dyn ToSql + Sync)],
    ) -> Result<Answer, Busy> {
        let before = mem::replace(&mut self.state, State::InFlight);
        let deadline = self.deadline;
        let run = self.lease().run(before == State::Begin, sql, params);
        let answer = rt::timeout(deadline, run)
            .await
            .map_err(|rt::Elapsed| Busy::Statement(Call::Deadline))?;
        if answer.as_ref().err().is_none_or(is_answer) {
            self.state = match before {
                State::Begin => State::Open,
                other => other,
            };
        }
        answer.map_err(|error| Busy::Statement(error.into()))
    }

    fn client(&self) -> &Client {
        let lease = self.lease.as_ref();
        &lease.expect("only drop takes the lease").client
    }

    fn lease(&mut self) -> &mut Connection {
        let lease = self.lease.as_mut();
        lease.expect("only drop takes the lease")
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.state != State::Idle
            && self.state != State::Begin
            && let Some(lease) = self.lease.take()
        {
            drop(Object::take(lease));
        }
    }
}

/// Reads a column.
pub(super) fn column<'a, T: FromSql<'a>>(row: &'a Row, index: usize) -> Result<T, Busy> {
    row.try_get(index).map_err(|_| Busy::Unexpected)
}

/// Whether the server itself said no and listens on. A FATAL may follow a
/// COMMIT that worked, and two codes mean that it may have worked.
fn is_answer(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|db| {
        let severity = db.parsed_severity();
        let is_error = severity.map_or(db.severity() == "ERROR", |it| it == Severity::Error);
        is_error
            && *db.code() != SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN
            && *db.code() != SqlState::TRANSACTION_RESOLUTION_UNKNOWN
    })
}

fn lost_before_commit() -> Error {
    let lost = std::io::Error::from(std::io::ErrorKind::NotConnected);
    Busy::Statement(Call::Io(lost)).into()
}
