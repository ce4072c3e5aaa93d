//! Finding the primary among several servers of Redis, as Redis has its
//! clients do it: sentinels say who it is, and the server itself must agree.

use std::time::Duration;

use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ProtocolVersion, PushInfo, PushKind, RedisConnectionInfo};
use redis::{Value, cmd};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Options;
use super::error::RedisCall;
use crate::rt::{self, Keepalive};

/// The name under which sentinels know the primary.
pub const PRIMARY_NAME: &str = "shop";

/// What sentinels publish when another server leads.
const SWITCHED: &str = "+switch-master";

/// The pause after nobody could say who leads.
const PAUSE: Duration = Duration::from_millis(100);

/// A connection, and what closes its socket with the last user.
pub(super) struct Link {
    pub(super) connection: MultiplexedConnection,
    _open: DropGuard,
}

impl Link {
    /// A connection to this server, whatever its role.
    async fn open(address: &str) -> Result<Link, RedisCall> {
        let info = RedisConnectionInfo::default().set_skip_set_lib_name();
        // The driver's own time-out would be tokio's: the deadline is ours.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        Link::over(rt::connect(address).await?, info, config).await
    }

    async fn over(
        stream: rt::Stream,
        info: RedisConnectionInfo,
        config: AsyncConnectionConfig,
    ) -> Result<Link, RedisCall> {
        let (connection, driver) =
            MultiplexedConnection::new_with_config(&info, stream, config).await?;
        let open = CancellationToken::new();
        rt::spawn(open.clone().run_until_cancelled_owned(driver));
        Ok(Link {
            connection,
            _open: open.drop_guard(),
        })
    }

    /// A connection to this server, if it says that it is the primary.
    async fn open_if_primary(address: &str) -> Result<Option<Link>, RedisCall> {
        let mut link = Link::open(address).await?;
        let role: Value = cmd("ROLE").query_async(&mut link.connection).await?;
        let leads = match &role {
            Value::Array(parts) => parts.first() == Some(&Value::BulkString(b"master".to_vec())),
            _ => false,
        };
        Ok(leads.then_some(link))
    }
}

/// Whom to ask for the primary.
pub(super) struct Primary {
    servers: Vec<String>,
    /// The one that answered last comes first.
    sentinels: Mutex<Vec<String>>,
    /// How long one of them may take to answer.
    patience: Duration,
}

impl Primary {
    pub(super) fn new(options: &Options) -> Primary {
        Primary {
            servers: options.redis.split(',').map(str::to_owned).collect(),
            sentinels: Mutex::new(options.sentinels.clone()),
            patience: options.deadline / 4,
        }
    }

    /// This server and no other.
    pub(super) fn only(server: &str) -> Primary {
        Primary {
            servers: vec![server.to_owned()],
            sentinels: Mutex::default(),
            patience: Duration::MAX,
        }
    }

    /// A connection to the primary. It tries until it has one.
    pub(super) async fn connect(&self) -> Result<Link, RedisCall> {
        if let ([server], []) = (&self.servers[..], &self.sentinels()[..]) {
            return Link::open(server).await;
        }
        loop {
            if let Some(link) = self.find().await {
                return Ok(link);
            }
            rt::sleep(PAUSE).await;
        }
    }

    /// Several addresses are an answer too: whichever of them leads.
    pub(super) fn may_change(&self) -> bool {
        self.servers.len() > 1 || !self.sentinels().is_empty()
    }

    fn sentinels(&self) -> Vec<String> {
        self.sentinels.lock().clone()
    }

    async fn find(&self) -> Option<Link> {
        let sentinels = self.sentinels();
        let mut servers = self.servers.iter();
        if sentinels.is_empty() {
            loop {
                let server = servers.next()?;
                let opened = rt::timeout(self.patience, Link::open_if_primary(server));
                if let Ok(Ok(Some(link))) = opened.await {
                    return Some(link);
                }
            }
        }
        for sentinel in &sentinels {
            let asked = rt::timeout(self.patience, ask(sentinel));
            if let Ok(Ok(Some(server))) = asked.await {
                self.prefer(sentinel);
                let opened = rt::timeout(self.patience, Link::open_if_primary(&server));
                if let Ok(Ok(Some(link))) = opened.await {
                    return Some(link);
                }
            }
        }
        None
    }

    /// Asks this one first from now on.
    fn prefer(&self, sentinel: &str) {
        let mut sentinels = self.sentinels.lock();
        let Some(at) = sentinels.iter().position(|one| one == sentinel) else {
            return;
        };
        sentinels[..=at].rotate_right(1);
    }

    /// Calls back whenever sentinels say that another server leads, for as
    /// long as it is polled. It listens to one sentinel at a time.
    pub(super) async fn watch(&self, switched: impl Fn()) {
        while let Some(sentinel) = self.sentinels().first() {
            // To a sentinel that is gone, the next is preferred.
            let _gone: Result<(), RedisCall> = listen(sentinel, &switched).await;
            self.sentinels.lock().rotate_left(1);
            rt::sleep(PAUSE).await;
        }
        std::future::pending().await
    }
}

/// The address of the primary as a sentinel has it.
async fn ask(sentinel: &str) -> Result<Option<String>, RedisCall> {
    let mut sentinel = Link::open(sentinel).await?;
    let mut question = cmd("SENTINEL");
    question.arg("get-master-addr-by-name").arg(PRIMARY_NAME);
    let address: Option<(String, String)> = question.query_async(&mut sentinel.connection).await?;
    Ok(address.map(|(host, port)| format!("{host}:{port}")))
}

/// Listens until the connection fails.
async fn listen(sentinel: &str, switched: impl Fn()) -> Result<(), RedisCall> {
    let stream = rt::connect(sentinel).await?;
    stream.set_keepalive(Some(Keepalive {
        idle: Duration::from_secs(5),
        interval: Duration::from_secs(1),
        probes: 3,
    }))?;
    let (sender, mut messages) = mpsc::unbounded_channel();
    let info = RedisConnectionInfo::default()
        .set_protocol(ProtocolVersion::RESP3)
        .set_skip_set_lib_name();
    let config = AsyncConnectionConfig::new()
        .set_response_timeout(None)
        .set_push_sender(sender);
    let mut link = Link::over(stream, info, config).await?;
    link.connection.subscribe(SWITCHED).await?;
    while let Some(PushInfo { kind, .. }) = messages.recv().await {
        match kind {
            PushKind::Message => switched(),
            PushKind::Disconnection => break,
            _ => {}
        }
    }
    Ok(())
}
