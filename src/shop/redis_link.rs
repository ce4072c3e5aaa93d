//! Redis: one connection, shared, opened when first needed and again after it
//! broke.
//!
//! A call that fails without an answer gives the connection up for everybody
//! that comes after; those already on it keep it until they are through.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, RedisError, ScriptInvocation, Value};

use super::error::RedisCall;
use super::redis_primary::{Link, Primary};
use crate::rt;

/// The way to Redis.
pub(super) struct RedisLink {
    primary: Primary,
    deadline: Duration,
    current: Mutex<Option<Arc<Link>>>,
    /// Held by whoever connects, so that a crowd opens one connection.
    connecting: tokio::sync::Mutex<()>,
}

impl RedisLink {
    pub(super) fn new(primary: Primary, deadline: Duration) -> RedisLink {
        RedisLink {
            primary,
            deadline,
            current: Mutex::new(None),
            connecting: tokio::sync::Mutex::new(()),
        }
    }

    /// Sends a command, and connects first if need be, within the deadline.
    pub(super) async fn command(&self, command: &Cmd) -> Result<Value, RedisCall> {
        self.call(async |mut connection| command.query_async(&mut connection).await)
            .await
    }

    /// Sends a command and waits, no longer than half the deadline, until so
    /// many replicas have what it wrote.
    pub(super) async fn replicated(&self, command: &Cmd, least: usize) -> Result<Value, RedisCall> {
        let most_ms = u64::try_from((self.deadline / 2).as_millis()).unwrap_or(u64::MAX);
        // On one connection: WAIT counts who has what that one wrote.
        let mut both = redis::pipe();
        both.add_command(command.clone());
        both.cmd("WAIT").arg(least).arg(most_ms.max(1));
        let answers = self
            .call(async |mut connection| both.query_async(&mut connection).await)
            .await?;
        match answers {
            Value::Array(answers) => match answers.as_slice() {
                [Value::Okay, Value::Int(count)]
                    if usize::try_from(*count).is_ok_and(|count| count < least) =>
                {
                    Err(RedisCall::Replicas)
                }
                answers => Ok(answers.first().cloned().unwrap_or(Value::Nil)),
            },
            other => Ok(other),
        }
    }

    /// Runs a script, and loads it first if need be, within the deadline.
    pub(super) async fn script(&self, run: &ScriptInvocation<'_>) -> Result<Value, RedisCall> {
        self.call(async |mut connection| run.invoke_async(&mut connection).await)
            .await
    }

    /// Panics while the connection is locked, for the bug that does.
    pub(super) fn panic_while_locked(&self) {
        let _current = self.current.lock();
        panic!("planted: panic-in-handler");
    }

    async fn call<F>(&self, ask: F) -> Result<Value, RedisCall>
    where
        F: AsyncFnOnce(MultiplexedConnection) -> Result<Value, RedisError>,
    {
        let mut used = None;
        let answer = rt::timeout(self.deadline, async {
            let link = used.insert(self.link().await?);
            Ok(ask(link.connection.clone()).await?)
        })
        .await
        .unwrap_or(Err(RedisCall::Deadline));
        if let (Err(error), Some(link)) = (&answer, used)
            && (!is_answer(error) || self.primary.may_change() && is_from_replica(error))
        {
            self.give_up(&link);
        }
        answer
    }

    async fn link(&self) -> Result<Arc<Link>, RedisCall> {
        if let Some(link) = self.current() {
            return Ok(link);
        }
        let _connecting = self.connecting.lock().await;
        if let Some(link) = self.current() {
            return Ok(link);
        }
        let link = Arc::new(self.primary.connect().await?);
        *self.current.lock() = Some(link.clone());
        Ok(link)
    }

    fn current(&self) -> Option<Arc<Link>> {
        self.current.lock().clone()
    }

    /// Unless somebody already did.
    fn give_up(&self, broken: &Arc<Link>) {
        let mut current = self.current.lock();
        if current
            .as_ref()
            .is_some_and(|link| Arc::ptr_eq(link, broken))
        {
            *current = None;
        }
    }

    /// Gives the connection up whenever sentinels say that another server
    /// leads, for as long as it is polled.
    pub(super) async fn watch_primary(&self) {
        self.primary.watch(|| *self.current.lock() = None).await;
    }
}

/// Whether Redis itself said no, and listens on.
fn is_answer(error: &RedisCall) -> bool {
    matches!(error, RedisCall::Redis(error) if matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension))
}

/// Whether it is the answer of a server that no longer leads.
fn is_from_replica(error: &RedisCall) -> bool {
    matches!(error, RedisCall::Redis(error) if error.code() == Some("READONLY"))
}
