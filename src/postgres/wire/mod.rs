//! One connection: start-up, then messages until its end.
//!
//! Answers are gathered and written at once when a batch ends. While a
//! statement runs the connection is not read, as in PostgreSQL: a client that
//! goes away is only noticed afterwards. What a client breaks in the protocol
//! ends its own connection and nothing else.

mod backend;
mod copy;
mod extended;
mod frontend;
mod tap;
mod walsender;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::ops::RangeInclusive;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use futures_util::future::{Either, select};
use smallvec::SmallVec;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use self::backend::Out;
use self::frontend::{Message, Startup};
use super::backends::Notification;
use super::engine::Shared;
use super::error::{Error, SqlState};
use super::interrupted::ended_by;
use super::options::Bug;
use super::session::{Answer, Block, Prepared, Session};
use super::settings::Settings;
use super::sql::{Source, parse};
use super::types::valid_text;
use crate::rt;

pub(super) use tap::new_tap;
pub(super) use walsender::LABEL as WAL_LABEL;

/// The connection is over: there is nobody to tell.
struct Gone;

impl From<std::io::Error> for Gone {
    fn from(_: std::io::Error) -> Gone {
        Gone
    }
}

/// Why a statement ended without an answer.
enum Stop {
    Sql(Error),
    Gone,
}

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        Stop::Sql(error)
    }
}

impl From<Gone> for Stop {
    fn from(_: Gone) -> Stop {
        Stop::Gone
    }
}

/// The body of a message: a copy of most costs less than to share a buffer.
type Body = SmallVec<[u8; 64]>;

struct Connection {
    stream: rt::Stream,
    labeller: rt::Labeller,
    input: BytesMut,
    out: Out,
    /// What the gathered answers are about.
    labels: Vec<rt::Label>,
}

/// The setting that others see.
const APPLICATION_NAME: &str = "application_name";
/// Room for one read.
const READ_BYTES: usize = 8 * 1024;
/// PostgreSQL's limit for a startup packet.
const STARTUP_BYTES_MAX: usize = 10_000;
/// What a message may say that it is long: PostgreSQL has a limit.
const MESSAGE_BYTES: RangeInclusive<usize> = 4..=0x3fff_ffff;

/// Serves one connection to its end.
pub(super) async fn serve(shared: Arc<Shared>, stream: rt::Stream) {
    let mut connection = Connection {
        labeller: stream.labeller(),
        stream,
        input: BytesMut::new(),
        out: Out::default(),
        labels: Vec::new(),
    };
    let started = connection.start(&shared).await;
    if let Ok(Some(session)) = started {
        // Whatever ends it: the session rolls back when it is dropped.
        let _ended: std::result::Result<(), Gone> =
            Conversation::new(session, &mut connection).run().await;
    }
}

impl Connection {
    /// Sends what has been gathered.
    async fn flush(&mut self) -> std::result::Result<(), Gone> {
        for label in self.labels.drain(..) {
            self.labeller.label(label);
        }
        if !self.out.bytes.is_empty() {
            self.stream.write_all(&self.out.bytes).await?;
            self.out.bytes.clear();
        }
        Ok(())
    }

    /// Reads until `length` bytes are at hand.
    async fn fill(&mut self, length: usize) -> std::result::Result<(), Gone> {
        while self.input.len() < length {
            self.input.reserve(READ_BYTES);
            if self.stream.read_buf(&mut self.input).await? == 0 {
                return Err(Gone);
            }
        }
        Ok(())
    }

    /// Says why and ends the connection.
    async fn fatal<T>(&mut self, error: Error) -> std::result::Result<T, Gone> {
        match error.code() {
            SqlState::CRASH_SHUTDOWN => self.out.notice(&error),
            _ => self.out.error(&error.fatal()),
        }
        self.flush().await?;
        Err(Gone)
    }

    async fn start(&mut self, shared: &Arc<Shared>) -> std::result::Result<Option<Session>, Gone> {
        loop {
            self.fill(4).await?;
            let length = (&self.input[..4]).get_u32() as usize;
            if !(8..=STARTUP_BYTES_MAX).contains(&length) {
                let error = Error::new(
                    SqlState::PROTOCOL_VIOLATION,
                    "invalid length of startup packet",
                );
                return self.fatal(error).await;
            }
            self.fill(length).await?;
            let packet = self.input.split_to(length);
            match Startup::decode(&packet[4..]) {
                Err(error) => return self.fatal(error).await,
                Ok(Startup::Encryption) => {
                    self.out.bytes.extend_from_slice(b"N");
                    self.flush().await?;
                }
                Ok(Startup::Cancel { pid, secret }) => {
                    shared.lock().backends.cancel(pid, secret);
                    return Ok(None);
                }
                Ok(Startup::Session { parameters, .. })
                    if parameters.iter().any(|(name, _)| name == "replication") =>
                {
                    if let Err(error) = shared.postmaster.admit() {
                        return self.fatal(error).await;
                    }
                    let named = parameters
                        .into_iter()
                        .find(|(name, _)| name == "application_name");
                    let name = named.map_or_else(String::new, |(_, name)| name);
                    walsender::serve(self, shared, name).await?;
                    return Ok(None);
                }
                Ok(Startup::Session { minor, parameters }) => {
                    return self.open(shared, minor, parameters).await.map(Some);
                }
            }
        }
    }

    async fn open(
        &mut self,
        shared: &Arc<Shared>,
        minor: u16,
        parameters: Vec<(String, String)>,
    ) -> std::result::Result<Session, Gone> {
        let get = |name: &str| {
            let found = parameters.iter().find(|(key, _)| key == name);
            found.map(|(_, value)| value.clone())
        };
        let Some(user) = get("user").filter(|user| !user.is_empty()) else {
            let error = Error::new(
                SqlState("28000"),
                "no PostgreSQL user name specified in startup packet",
            );
            return self.fatal(error).await;
        };
        if let Err(error) = shared.postmaster.admit() {
            return self.fatal(error).await;
        }
        let database = get("database").unwrap_or_else(|| user.clone());
        let mut settings = Settings::new(&user, &database);
        settings.start_up(&parameters);
        let secret = i32::from_be_bytes(
            rt::random_u64().to_be_bytes()[..4]
                .try_into()
                .unwrap_or_default(),
        );
        let mut session = match Session::new(shared, secret, settings) {
            Ok(session) => session,
            Err(error) => return self.fatal(error).await,
        };
        session.name_application(&get(APPLICATION_NAME).unwrap_or_default());
        if minor > 0 {
            self.out.negotiate();
        }
        self.out.authentication_ok();
        for (name, value) in session.settings.reported() {
            self.out.parameter_status(name, value);
        }
        session.settings.take_reports();
        self.out.backend_key(session.pid, secret);
        self.out.ready(Block::None);
        self.flush().await?;
        Ok(session)
    }

    /// The next message: its kind and its body.
    async fn message(&mut self) -> std::result::Result<(u8, Body), Gone> {
        loop {
            if let Some(message) = self.whole_message() {
                return Ok(message);
            }
            let length = self.message_length().unwrap_or(4);
            if !MESSAGE_BYTES.contains(&length) {
                let error = Error::new(SqlState::PROTOCOL_VIOLATION, "invalid message length");
                return self.fatal(error).await;
            }
            self.fill(length + 1).await?;
        }
    }

    /// The next message, if it is at hand as a whole.
    fn whole_message(&mut self) -> Option<(u8, Body)> {
        let length = self.message_length()?;
        if !MESSAGE_BYTES.contains(&length) || self.input.len() <= length {
            return None;
        }
        let (kind, body) = (self.input[0], Body::from_slice(&self.input[5..=length]));
        match length + 1 == self.input.len() {
            true => self.input.clear(),
            false => self.input.advance(length + 1),
        }
        Some((kind, body))
    }

    /// How long the next message says that it is, but for its first byte.
    fn message_length(&self) -> Option<usize> {
        let mut length = self.input.get(1..5)?;
        Some(length.get_u32() as usize)
    }
}

fn idle_in_transaction() -> Error {
    Error::new(
        SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        "terminating connection due to idle-in-transaction timeout",
    )
}

fn idle_for_long() -> Error {
    Error::new(
        SqlState::IDLE_SESSION_TIMEOUT,
        "terminating connection due to idle-session timeout",
    )
}

/// Ends after `limit`; never if that is zero.
async fn timer(limit: Duration) {
    if limit.is_zero() {
        std::future::pending::<()>().await;
    }
    rt::sleep(limit).await;
}

/// A session in conversation with its client.
struct Conversation<'a> {
    session: Session,
    connection: &'a mut Connection,
    /// After an error in the extended protocol: until Sync.
    skipping: bool,
}

impl<'a> Conversation<'a> {
    fn new(session: Session, connection: &'a mut Connection) -> Conversation<'a> {
        Conversation {
            session,
            connection,
            skipping: false,
        }
    }

    async fn run(&mut self) -> std::result::Result<(), Gone> {
        loop {
            let (kind, body) = self.next().await?;
            let trusted = self.session.shared.planted(Bug::TrustLengths);
            let message = match Message::decode_trusted(kind, &body, trusted) {
                Ok(message) => message,
                Err(error) if error.fields().fatal => {
                    return self.connection.fatal(error).await;
                }
                Err(_) if self.skipping => continue,
                Err(error) => {
                    // A broken message body leaves the stream readable.
                    self.session.fail(Some(error.code()));
                    self.connection.out.error(&error);
                    if kind == b'Q' {
                        self.ready().await?;
                    } else {
                        self.skipping = true;
                    }
                    continue;
                }
            };
            if self.skipping && !matches!(message, Message::Sync | Message::Terminate) {
                continue;
            }
            match message {
                Message::Terminate => return Ok(()),
                Message::Query(sql) => self.query(sql).await?,
                Message::Sync => self.sync().await?,
                Message::Flush => self.connection.flush().await?,
                // Left over from a COPY that has failed.
                Message::CopyData(_) | Message::CopyDone | Message::CopyFail(_) => {}
                other => {
                    if let Err(stop) = self.extended_message(other).await {
                        self.failed(stop).await?;
                        self.skipping = true;
                    }
                }
            }
        }
    }

    /// The next message. Until it comes notifications are delivered, and
    /// whatever ends an idle session is seen.
    async fn next(&mut self) -> std::result::Result<(u8, Body), Gone> {
        // Most of a batch comes with its first message.
        if let Some(message) = self.connection.whole_message() {
            return Ok(message);
        }
        if self.skipping {
            // An error is told at once.
            self.connection.flush().await?;
        }
        let (settings, idle) = (&self.session.settings, self.session.block == Block::None);
        let (limit, error) = if idle {
            (
                settings.idle_session_timeout,
                idle_for_long as fn() -> Error,
            )
        } else {
            let limit = settings.idle_in_transaction_timeout;
            (limit, idle_in_transaction as fn() -> Error)
        };
        let (shared, pid) = (self.session.shared.clone(), self.session.pid);
        let mut timer = pin!(timer(limit));
        loop {
            let called = poll_fn(|cx| {
                let called = shared.lock().backends.poll_idle(pid, idle, cx.waker());
                if called {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            });
            let called = select(called, timer.as_mut());
            let timed_out = match select(pin!(self.connection.message()), called).await {
                Either::Left((message, _)) => return message,
                Either::Right((Either::Left(_), _)) => false,
                Either::Right((Either::Right(_), _)) => true,
            };
            let ending = shared.lock().backends.ending(pid);
            if timed_out || ending.is_some() {
                let error = ending.map_or_else(error, ended_by);
                self.session.roll_back();
                return self.connection.fatal(error).await;
            }
            let notifications = self.session.take_notifications();
            self.deliver(notifications);
            self.connection.flush().await?;
        }
    }

    fn deliver(&mut self, notifications: VecDeque<Notification>) {
        for notification in notifications {
            self.connection.out.notification(notification);
        }
    }

    async fn ready(&mut self) -> std::result::Result<(), Gone> {
        if self.session.block == Block::None {
            self.session.portals.end_transaction(true);
        }
        let notifications = self.session.rest();
        self.deliver(notifications);
        if let Some(warning) = self.session.warning.take() {
            self.tell(&warning);
        }
        for (name, value) in self.session.settings.take_reports() {
            if name == APPLICATION_NAME {
                self.session.name_application(&value);
            }
            self.connection.out.parameter_status(name, &value);
        }
        self.connection.out.ready(self.session.block);
        self.connection.flush().await
    }

    async fn sync(&mut self) -> std::result::Result<(), Gone> {
        self.skipping = false;
        self.session.statement_ended();
        if let Err(error) = self.session.end_implicit().await {
            self.connection.out.error(&error);
        }
        self.ready().await
    }

    /// A simple query: any number of statements, one implicit transaction.
    async fn query(&mut self, sql: &[u8]) -> std::result::Result<(), Gone> {
        // A simple query takes the place of the unnamed statement.
        self.session.statements.remove("");
        self.session.close_portal("");
        let run = self.simple(sql).await;
        self.session.several = false;
        if let Err(stop) = run {
            self.failed(stop).await?;
        }
        self.ready().await
    }

    /// A statement has failed: its transaction too, or all is over.
    async fn failed(&mut self, stop: Stop) -> std::result::Result<(), Gone> {
        let Stop::Sql(error) = stop else {
            return Err(Gone);
        };
        self.session.fail(Some(error.code()));
        if error.fields().fatal {
            return self.connection.fatal(error).await;
        }
        for notice in std::mem::take(&mut self.session.untold) {
            self.tell(&notice);
        }
        self.connection.out.error(&error);
        Ok(())
    }

    async fn simple(&mut self, sql: &[u8]) -> std::result::Result<(), Stop> {
        let sql = valid_text(sql)?;
        self.session.begin_activity(&sql.into());
        let parsed = parse(sql)?;
        let mut sources: Vec<Source> = Source::all(&parsed).collect();
        let Some(last) = sources.pop() else {
            self.connection.out.empty_query();
            return Ok(());
        };
        let only = sources.is_empty();
        self.session.several = !only;
        for source in sources {
            self.connection.labels.push(source.keyword().answer());
            let prepared = self
                .session
                .prepare_in_turn(Some(source), None, &[])
                .await?;
            let answer = self.run_statement(&prepared, None, &[]).await?;
            self.session.release_snapshot();
            self.answer(&prepared, &answer);
        }
        self.connection.labels.push(last.keyword().answer());
        let prepared = {
            let sql = only.then_some(sql);
            self.session.prepare_in_turn(Some(last), sql, &[]).await?
        };
        let answer = self.run_statement(&prepared, None, &[]).await?;
        self.session.release_snapshot();
        // The last statement is only complete once its transaction is.
        self.session.end_implicit().await?;
        self.answer(&prepared, &answer);
        Ok(())
    }

    fn answer(&mut self, prepared: &Prepared, answer: &Answer) {
        let out = &mut self.connection.out;
        out.style = self.session.settings.style;
        if prepared.gives_rows() {
            let replanned = answer.replanned.as_ref();
            let output = replanned.map_or(prepared.output(), |plan| plan.output.as_slice());
            out.row_description(output, &[]);
            for row in &answer.rows {
                out.data_row(output, row, &[]);
            }
        }
        self.finish(answer);
    }

    /// Notices and the command tag.
    fn finish(&mut self, answer: &Answer) {
        if let Some(warning) = self.session.warning.take() {
            self.tell(&warning);
        }
        for notice in &answer.notices {
            self.tell(notice);
        }
        self.connection.out.command_complete(answer.tag);
    }

    /// Sends a notice or a warning, if the client wants to hear of it.
    fn tell(&mut self, notice: &Error) {
        if self.session.settings.tells(notice.severity()) {
            self.connection.out.notice(notice);
        }
    }
}
