//! Redis: one connection, shared, opened when first needed and again after it
//! broke.
//!
//! A call that fails without an answer gives the connection up for everybody
//! that comes after; those already on it keep it until they are through.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, ErrorKind, RedisConnectionInfo, RedisError, Value};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::error::RedisCall;
use crate::rt;

/// The way to Redis.
pub(super) struct RedisLink {
    address: String,
    deadline: Duration,
    current: Mutex<Option<Arc<Link>>>,
    /// Held by whoever connects, so that a crowd opens one connection.
    connecting: tokio::sync::Mutex<()>,
}

/// A connection, and what closes its socket with the last user.
struct Link {
    connection: MultiplexedConnection,
    _open: DropGuard,
}

impl RedisLink {
    pub(super) fn new(address: &str, deadline: Duration) -> RedisLink {
        RedisLink {
            address: address.to_owned(),
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

    /// Runs a script, and loads it first if need be, within the deadline.
    pub(super) async fn script(
        &self,
        script: &redis::Script,
        key: &str,
        argument: &str,
    ) -> Result<Value, RedisCall> {
        self.call(async |mut connection| {
            let mut invocation = script.key(key);
            invocation.arg(argument).invoke_async(&mut connection).await
        })
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
            && !is_answer(error)
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
        let link = Arc::new(self.connect().await?);
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

    async fn connect(&self) -> Result<Link, RedisCall> {
        let stream = rt::connect(&self.address).await?;
        let info = RedisConnectionInfo::default().set_skip_set_lib_name();
        // The driver's own time-out would be tokio's: the deadline is ours.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let (connection, driver) =
            MultiplexedConnection::new_with_config(&info, stream, config).await?;
        let open = CancellationToken::new();
        rt::spawn(open.clone().run_until_cancelled_owned(driver));
        Ok(Link {
            connection,
            _open: open.drop_guard(),
        })
    }
}

/// Whether Redis itself said no, and listens on.
fn is_answer(error: &RedisCall) -> bool {
    matches!(error, RedisCall::Redis(error) if matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension))
}
